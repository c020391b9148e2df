"""Fixtures of the tests of the command line; a test module imports those that it uses."""

import os
import ssl

import pytest

from .cli import Cli, Terminal
from .scripted import Script, ScriptedGateway


@pytest.fixture
def cli(build, place):
    return Cli(build, place)


@pytest.fixture
def direct(cli, qemu):
    """The command line on a real QEMU's own socket."""
    cli.uri = "unix:" + qemu.socket
    return cli


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def local(cli, place, script):
    """A scripted gateway on a UNIX socket."""
    gateway = ScriptedGateway(script, path=os.path.join(place, "control.sock"))
    cli.uri = f"unix:{place}/control.sock?vm=web1"
    yield gateway
    gateway.stop()


@pytest.fixture
def remote(cli, pki, script):
    """A scripted gateway over TLS that wants a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.pair("server"))
    context.load_verify_locations(pki.path("ca.crt"))
    context.verify_mode = ssl.CERT_REQUIRED
    gateway = ScriptedGateway(script, context=context)
    gateway.names = []
    context.sni_callback = lambda sock, name, ctx: gateway.names.append(name)
    cli.uri = f"qmps://localhost:{gateway.port}/web1"
    cli.options = ["--ca", pki.path("ca.crt"), "--cert", pki.path("admin.crt"), "--key", pki.path("admin.key")]
    yield gateway
    gateway.stop()


@pytest.fixture
def shell(cli):
    """Starts the shell when it is called: with the URI that the test has set by then."""
    started = []

    def start(**env):
        terminal = Terminal(cli.argv("shell"), cli.environment(**env))
        started.append(terminal)
        return terminal
    yield start
    for terminal in started:
        terminal.close()


@pytest.fixture
def bridge(cli, place):
    """Starts it when it is called; gives the path."""
    started = []

    def start():
        path = os.path.join(place, "bridge.sock")
        process = cli.start("bridge", "--listen", path)
        process.wait_line("bridge ready")
        started.append(process)
        start.process = process
        return path
    yield start
    for process in started:
        process.terminate()
        assert not process.sanitizer_report(), process.text
