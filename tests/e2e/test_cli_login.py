"""How qmpgate logs in: through the real gateway, with passwords of a real sasldb and saslauthd and tickets of a real
KDC; and against a gateway that lies."""

import base64
import json
import os
import re
import select
import shlex
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from harness import wait
from harness.cli import DENIED, LOCAL, OK, UNREACHABLE, USAGE, Cli, Terminal, client_of
from harness.cli_fixtures import bridge, cli, local, remote, script  # noqa: F401
from harness.sasl import REALM, Kdc, Saslauthd, Sasldb

PASSWORD = "canary-5Qe7Zx"
ALICE = "sasl:alice@example.com"
PLUS, SCRAM, PLAIN, GSSAPI, EXTERNAL = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "GSSAPI", "EXTERNAL"

POLICY = """
grant "alice-on-web" { to = {"sasl:alice@example.com"} role = {"operator"} vms = {"web*"} }
grant "bob-on-web" { to = {"sasl:bob@example.com"} role = {"viewer"} vms = {"web*"} }
delegate "alice-for-bob" { from = {"sasl:alice@example.com", "x509:CN=operator,O=Example"}
                           to = {"sasl:bob@example.com"} }
"""


@pytest.fixture
def db(place):
    return Sasldb(place, alice=PASSWORD, carol="no grant")


@pytest.fixture
def served(house, qemu, db):
    """Starts a gateway whose public listener offers these mechanisms."""
    def start(*mechanisms, section="", env=None, limits=None, **listener):
        gateway = house.gateway(qemu)
        gateway.policy += POLICY
        gateway.listeners["public"].update({"client_cert": "optional", "sasl": mechanisms, **listener})
        gateway.limits.update({"login_delay_milliseconds": 100, **(limits or {})})
        gateway.extra += f'sasl {{ realm = "{REALM}" db = "{db.path}" {section} }}\n'
        gateway.env.update(env or {})
        return gateway.start()
    return start


@pytest.fixture
def kdc(place):
    it = Kdc(place)
    it.start()
    it.add_service("qmpgate/localhost")
    it.add_user("alice", "ticket")
    it.add_user("bob", "ticket")
    yield it
    it.stop()


@pytest.fixture
def saslauthd(place):
    daemon = Saslauthd(place, alice=PASSWORD)
    yield daemon.start()
    daemon.stop()


@pytest.fixture
def password_file(place):
    return write_password(place)


def write_password(place, text=PASSWORD + "\n", mode=0o600, name="password"):
    path = os.path.join(place, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


@pytest.fixture
def to(cli, pki, password_file):
    """The command line of somebody without a certificate, with alice's password in a file."""
    def gateway_at(gateway, *options, vm="web1", host="localhost", port=None):
        cli.uri = f"qmps://{host}:{port or gateway.port}/{vm}"
        cli.options = ["--ca", pki.path("ca.crt"), *(options or ["--user", "alice", "--password-file", password_file])]
        return cli
    return gateway_at


@pytest.fixture
def terminal(cli):
    started = []

    def start(*words, **env):
        started.append(Terminal(cli.argv(*words), cli.environment(**env)))
        return started[-1]
    yield start
    for one in started:
        one.close()


def refused(done, *words, code=DENIED):
    assert done.code == code, (done.code, done.stderr)
    for word in words:
        assert word in done.stderr
    assert PASSWORD not in done.stdout + done.stderr


# --- refusals ------------------------------------------------------------------------------------

@pytest.mark.parametrize("mechanism", [PLUS, SCRAM, PLAIN])
def test_a_wrong_password_is_refused(served, to, place, qemu, mechanism):
    c = to(served(mechanism), "--user", "alice", "--password-file", write_password(place, "wrong\n"))
    refused(c("exec", "query-name"), "authentication failed", mechanism, "wrong user or password")
    assert "query-name" not in qemu.commands()


def test_who_logs_in_and_has_no_grant_is_refused(served, to, place):
    c = to(served(SCRAM), "--user", "carol", "--password-file", write_password(place, "no grant\n"))
    refused(c("exec", "query-name"), "permission denied")


def test_too_many_failures_say_how_long_to_wait(served, to, place):
    c = to(served(PLAIN), "--user", "alice", "--password-file",
           write_password(place, "wrong\n"))
    wait.until(lambda: "too many have failed, wait" in c("whoami").stderr, "being held back")
    refused(c("whoami"), "wait")


def test_without_a_word_about_who_it_is_it_says_how_to_log_in(served, to, pki):
    c = to(served(SCRAM), "--timeout", "30")
    refused(c("exec", "query-name"), "--user NAME", "--cert FILE", SCRAM)


def test_a_mechanism_that_is_not_offered_is_named_with_those_that_are(served, to, password_file):
    c = to(served(SCRAM, PLAIN), "--user", "alice", "--password-file", password_file, "--mechanism", GSSAPI)
    refused(c("whoami"), "does not offer GSSAPI", f"{SCRAM}, {PLAIN}")


def test_no_such_mechanism_is_a_fault_of_the_command_line(cli):
    cli.options = ["--mechanism", "CRAM-MD5"]
    refused(cli("whoami", uri="unix:/x"), "CRAM-MD5", SCRAM, code=USAGE)


def test_external_without_a_certificate_says_so(served, to):
    c = to(served(SCRAM, EXTERNAL), "--mechanism", EXTERNAL)
    refused(c("whoami"), "does not offer EXTERNAL")


def test_plain_is_refused_on_a_unix_socket(served, to, house, place, password_file, cli, db):
    gateway = served(SCRAM)
    gateway.stop()
    gateway.add_control(identity="sasl", sasl=[PLAIN]).start()
    cli.uri = f"unix:{gateway.control}?vm=web1"
    for options in ([], ["--mechanism", PLAIN]):
        cli.options = ["--user", "alice", "--password-file", password_file, *options]
        refused(cli("exec", "query-name"), "PLAIN is refused", "UNIX socket")
    assert not gateway.records(type="auth", mechanism=PLAIN)


def test_no_password_goes_to_a_server_of_another_name(served, to, password_file):
    gateway = served(PLAIN)
    c = to(gateway)
    c.options += ["--server-name", "other.example.org"]
    refused(c("whoami"), code=UNREACHABLE)
    assert not gateway.records(type="auth", mechanism=PLAIN)


def test_a_user_who_is_not_asked_for_is_no_silent_somebody_else(served, to, pki, password_file, qemu):
    """The certificate would do, and as another one than --user says."""
    gateway = served(SCRAM)
    c = to(gateway)
    c.options += ["--cert", pki.path("operator.crt"), "--key", pki.path("operator.key")]
    refused(c("exec", "query-name"), "CN=operator", "--user", code=USAGE)
    assert "query-name" not in qemu.commands()


def test_a_user_is_no_use_at_a_vm_s_own_socket(cli, qemu):
    cli.options = ["--user", "alice"]
    refused(cli("exec", "query-name", uri="unix:" + qemu.socket), "no login is asked for", code=USAGE)
    cli.options = ["--act-as", "sasl:bob@example.com"]
    refused(cli("exec", "query-name", uri="unix:" + qemu.socket), "--act-as", code=USAGE)
    assert "query-name" not in qemu.commands()


# --- each mechanism ------------------------------------------------------------------------------

@pytest.mark.parametrize("mechanism", [PLUS, SCRAM, PLAIN])
def test_a_password_logs_in(served, to, mechanism):
    c = to(served(mechanism))
    assert c.json("exec", "query-name") == {"name": "web1"}
    who = c.json("whoami")
    assert (who["identity"], who["mechanism"]) == (ALICE, mechanism)


def test_the_strongest_mechanism_is_taken(served, to):
    assert to(served(PLAIN, SCRAM, PLUS)).json("whoami")["mechanism"] == PLUS


def test_a_mechanism_that_is_asked_for_is_taken(served, to):
    c = to(served(PLAIN, SCRAM, PLUS))
    options = c.options
    for mechanism in (PLAIN, SCRAM, PLUS):
        c.options = [*options, "--mechanism", mechanism.lower()]
        assert c.json("whoami")["mechanism"] == mechanism


def test_a_password_of_saslauthd_logs_in(served, to, saslauthd):
    c = to(served(PLAIN, section=f'pwcheck = "saslauthd" saslauthd = "{saslauthd.socket}"'))
    assert c.json("whoami")["identity"] == ALICE
    assert saslauthd.accounts.asked == ["alice"]


def test_a_certificate_logs_in_by_external(served, to, pki):
    c = to(served(EXTERNAL, identity="sasl"), "--cert", pki.path("operator.crt"), "--key", pki.path("operator.key"))
    who = c.json("whoami")
    assert (who["identity"], who["mechanism"]) == ("x509:CN=operator,O=Example", EXTERNAL)


def test_who_names_a_user_is_not_logged_in_by_the_certificate(served, to, pki, place):
    """SCRAM is not there, EXTERNAL is, and would be somebody else."""
    gateway = served(EXTERNAL, identity="sasl")
    c = to(gateway)
    c.options += ["--cert", pki.path("operator.crt"), "--key", pki.path("operator.key")]
    refused(c("whoami"), "EXTERNAL", "leave --user out")
    assert not gateway.records(type="auth")


def test_a_certificate_and_a_password_are_two_factors(served, to, pki):
    c = to(served(SCRAM, two_factors=True, client_cert="required", identity="sasl"))
    c.options += ["--cert", pki.path("operator.crt"), "--key", pki.path("operator.key")]
    assert c.json("whoami")["identity"] == ALICE


def test_scram_logs_in_on_a_unix_socket(served, cli, password_file):
    gateway = served(SCRAM)
    gateway.stop()
    gateway.add_control(identity="sasl", sasl=[SCRAM, PLAIN]).start()
    cli.uri = f"unix:{gateway.control}?vm=web1"
    cli.options = ["--user", "alice", "--password-file", password_file]
    assert cli.json("exec", "query-name") == {"name": "web1"}


def test_user_and_password_file_come_from_the_environment(served, to, password_file):
    c = to(served(SCRAM), "--timeout", "30")
    done = c("exec", "query-name", QMPGATE_USER="alice", QMPGATE_PASSWORD_FILE=password_file, QMPGATE_MECHANISM=SCRAM)
    assert done.code == OK, done.stderr


def test_a_user_of_the_environment_is_for_where_a_login_is_needed(cli, qemu):
    done = cli("exec", "query-name", uri="unix:" + qemu.socket, QMPGATE_USER="alice", QMPGATE_MECHANISM=PLAIN)
    assert done.code == OK, done.stderr


def test_the_server_name_chooses_the_vm_of_a_login(served, to):
    c = to(served(SCRAM), host="web1.vm.example.com", vm="web1")
    c.uri = c.uri.replace("web1.vm.example.com", "localhost")
    c.options += ["--server-name", "web1.vm.example.com"]
    assert c.json("exec", "query-name") == {"name": "web1"}
    done = c("exec", "query-name", uri=c.uri.replace("/web1", "/web2"))
    refused(done, "not to \"web2\"", code=UNREACHABLE)


def test_a_login_to_a_vm_that_is_not_there_says_so(served, to):
    c = to(served(SCRAM), vm="")
    c.options += ["--server-name", "web7.vm.example.com"]
    refused(c("exec", "query-name"), "logged in, but not attached", "no such VM", code=UNREACHABLE)


# --- Kerberos ------------------------------------------------------------------------------------

@pytest.fixture
def kerberized(served, kdc):
    def start(*mechanisms):
        return served(GSSAPI, *mechanisms, section=f'hostname = "localhost" keytab = "{kdc.keytab}"', env=kdc.env)
    return start


def test_a_ticket_logs_in_without_a_word(kerberized, to, kdc):
    kdc.kinit("alice", "ticket")
    c = to(kerberized(SCRAM, PLUS), "--timeout", "30")
    who = json.loads(c("whoami", **kdc.env).stdout)
    assert (who["identity"], who["mechanism"]) == (ALICE, GSSAPI)


def test_without_a_ticket_kinit_is_named(kerberized, to, kdc):
    c = to(kerberized(SCRAM), "--timeout", "30")
    refused(c("exec", "query-name", **kdc.env), "kinit", "--user NAME")
    c.options += ["--mechanism", GSSAPI]
    refused(c("exec", "query-name", **kdc.env), "kinit", "GSSAPI: ")


def test_without_a_ticket_the_password_is_taken(kerberized, to, kdc):
    done = to(kerberized(SCRAM))("whoami", **kdc.env)
    assert json.loads(done.stdout)["mechanism"] == SCRAM


def test_a_ticket_of_another_than_the_user_is_not_taken_for_his(kerberized, to, kdc, qemu):
    kdc.kinit("bob", "ticket")
    c = to(kerberized(SCRAM))
    refused(c("exec", "query-name", **kdc.env), "sasl:bob@example.com", "not as alice", "--mechanism")
    assert "query-name" not in qemu.commands()
    c.options += ["--mechanism", SCRAM]
    assert json.loads(c("whoami", **kdc.env).stdout)["identity"] == ALICE


def test_a_ticket_of_the_user_is_taken(kerberized, to, kdc):
    kdc.kinit("alice", "ticket")
    c = to(kerberized(SCRAM), "--user", "alice@EXAMPLE.com")
    assert json.loads(c("whoami", **kdc.env).stdout)["mechanism"] == GSSAPI


# --- somebody between ----------------------------------------------------------------------------

class Between:
    """Ends TLS with a certificate of the same CA for the same name, and goes on to the gateway with a session of its
    own. `change` sees what the gateway says."""

    def __init__(self, pki, port, change=lambda data: data):
        self.pki, self.port, self.change = pki, port, change
        self.heard = b""  # from the client
        crt, key = pki.issue("between", "localhost", lines=("tls_www_server", 'dns_name = "localhost"'))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(crt, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own_port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
                self._serve(self.context.wrap_socket(sock, server_side=True))
            except OSError:
                if self.listener.fileno() < 0:
                    return

    def _serve(self, client):
        context = ssl.create_default_context(cafile=self.pki.path("ca.crt"))
        server = context.wrap_socket(socket.create_connection(("127.0.0.1", self.port)), server_hostname="localhost")

        ways = {client: server, server: client}
        with client, server:  # by one thread: OpenSSL's sessions do not take two at once
            while True:
                for source in [s for s in ways if s.pending()] or select.select(list(ways), [], [])[0]:
                    source.setblocking(False)
                    try:
                        data = source.recv(65536)
                    except ssl.SSLWantReadError:  # a record of the handshake's
                        continue
                    finally:
                        source.setblocking(True)
                    if not data:
                        return
                    if source is client:
                        self.heard += data
                    ways[source].sendall(data if source is client else self.change(data))

    def stop(self):
        self.listener.close()


@pytest.fixture
def between(pki, place):
    started = []

    def start(gateway, **how):
        started.append(Between(pki.copy(os.path.join(place, "pki")), gateway.port, **how))
        return started[-1]
    yield start
    for one in started:
        one.stop()


def test_somebody_between_with_a_good_certificate_makes_the_bound_login_fail(served, to, between):
    gateway = served(PLUS, SCRAM)
    middle = between(gateway)
    refused(to(gateway, port=middle.own_port)("whoami"), "authentication failed", PLUS, "somebody between")
    assert to(gateway).json("whoami")["mechanism"] == PLUS


def test_somebody_between_who_hides_the_bound_login_makes_the_other_one_fail(served, to, between):
    gateway = served(PLUS, SCRAM)
    middle = between(gateway, change=lambda data: data.replace(b'"SCRAM-SHA-256-PLUS", ', b""))
    refused(to(gateway, port=middle.own_port)("whoami"), "authentication failed by SCRAM-SHA-256:")
    assert PASSWORD.encode() not in middle.heard


# --- where the password comes from ---------------------------------------------------------------

@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_password_file_that_is_open_to_others_is_refused(served, to, place, mode):
    gateway = served(SCRAM)
    c = to(gateway, "--user", "alice", "--password-file", write_password(place, mode=mode))
    refused(c("whoami"), "chmod 600", code=LOCAL)
    assert not gateway.records(type="auth")


def test_an_empty_password_file_is_refused(served, to, place):
    c = to(served(SCRAM), "--user", "alice", "--password-file", write_password(place, "\n"))
    refused(c("whoami"), "empty", code=LOCAL)


def test_without_a_terminal_it_says_what_to_give(served, to):
    c = to(served(SCRAM), "--user", "alice")
    done = subprocess.run(c.argv("whoami"), env=c.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert done.returncode == LOCAL and "--password-file" in done.stderr


def test_a_password_comes_through_a_pipe(served, to):
    c = to(served(SCRAM), "--user", "alice", "--password-file", "/dev/stdin")
    assert c.json("whoami", stdin=PASSWORD + "\n")["identity"] == ALICE


def test_the_prompt_shows_nothing_of_the_password(served, to, terminal):
    to(served(SCRAM), "--user", "alice")
    t = terminal("exec", "query-name")
    t.expect("Password of alice for localhost: ")
    t.type(PASSWORD + "\n")
    t.expect('"name"')
    assert t.wait() == OK
    assert PASSWORD not in t.raw


def test_a_wrong_password_at_the_prompt_is_refused(served, to, terminal):
    to(served(SCRAM), "--user", "alice")
    t = terminal("whoami")
    t.expect("Password of")
    t.type("wrong\n")
    t.expect("authentication failed")
    assert t.wait() == DENIED


def is_echoing(t):
    import termios
    return bool(termios.tcgetattr(t.slave)[3] & termios.ECHO)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_prompt_gives_the_terminal_back(served, to, terminal, number):
    to(served(SCRAM), "--user", "alice")
    t = terminal("whoami")
    t.expect("Password of")
    wait.until(lambda: not is_echoing(t), "echo off")
    t.child.send_signal(number)
    assert t.wait() == -number
    assert is_echoing(t)


def test_who_comes_back_from_a_stop_at_the_prompt_is_asked_again(served, to, cli, place):
    """Under a shell with job control."""
    c = to(served(SCRAM), "--user", "alice")
    t = Terminal(["bash", "--norc", "-i"], c.environment(PS1="READY> "))
    try:
        t.expect("READY> ")
        t.type(shlex.join(c.argv("exec", "query-name")) + "\n")
        t.expect("Password of alice for localhost: ")
        t.type("\x1a")
        t.expect("Stopped")
        t.expect("READY> ")
        t.type("fg\n")
        t.expect("Password of alice for localhost: ")
        t.type(PASSWORD + "\n")
        t.expect('"name": "web1"')
        assert PASSWORD not in t.raw
    finally:
        t.close()


def test_no_connection_waits_while_the_password_is_typed(served, to, terminal):
    """The gateway gives a login little time; people take longer."""
    gateway = served(SCRAM)
    to(gateway, "--user", "alice")
    t = terminal("whoami")
    t.expect("Password of")
    wait.until(lambda: not socket_count(t.child.pid), "the end of the first connection")
    t.type(PASSWORD + "\n")
    t.expect(ALICE)
    assert t.wait() == OK


def socket_count(pid):
    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    return sum(link.startswith("socket:") for link in links)


def test_the_shell_asks_before_its_own_prompt(served, to, terminal, place):
    to(served(SCRAM), "--user", "alice")
    t = terminal("shell")
    t.expect("Password of")
    t.type(PASSWORD + "\n")
    t.prompt("web1> ")
    t.type("query-name\r")
    t.expect('"web1"')
    t.type('gateway-auth-start {"mechanism": "PLAIN", "data": "' + PASSWORD + '"}\r')
    t.expect("error|denied|not offered|Error")
    t.type(".exit\r")
    assert t.wait() == OK
    with open(os.path.join(place, "state", "qmpgate", "history")) as f:
        history = f.read()
    assert "query-name" in history and PASSWORD not in history


# --- the secret ----------------------------------------------------------------------------------

SPAN_MAX = 64 << 20  # bytes; larger ones are a sanitizer's own


def memory_of(pid):
    """What can be written of it: where a secret would have been left."""
    found = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            if (span := re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)) and "[v" not in line:
                first, end = (int(n, 16) for n in span.groups())
                if end - first <= SPAN_MAX:
                    memory.seek(first)
                    found += memory.read(end - first) or b""
    return found


def encodings(password):
    plain = b"\0alice\0" + password.encode()
    yield password.encode()
    yield base64.b64encode(plain)


@pytest.mark.parametrize("mechanism", [PLUS, SCRAM, PLAIN])
def test_the_password_is_nowhere(served, to, place, mechanism):
    gateway = served(mechanism)
    c = to(gateway)
    listener = c.start("events")
    listener.wait_line("listening")
    for name in ("cmdline", "environ"):
        with open(f"/proc/{listener.pid}/{name}", "rb") as f:
            assert PASSWORD.encode() not in f.read(), name
    memory = memory_of(listener.pid)
    assert b"alice" in memory
    for text in encodings(PASSWORD):
        assert text not in memory
    listener.terminate()
    assert PASSWORD not in listener.text
    gateway.stop()
    assert PASSWORD not in gateway.said()
    with open(gateway.audit_file) as f:
        audit = f.read()
    assert ALICE in audit
    for text in encodings(PASSWORD):
        assert text.decode() not in audit


def test_nothing_that_is_told_has_the_password(served, to, place):
    """Also when it fails."""
    c = to(served(SCRAM, PLAIN))
    for words in (["whoami"], ["--mechanism", GSSAPI, "whoami"], ["--timeout", "0.000001", "whoami"],
                  ["--server-name", "other", "whoami"], ["exec", "nonesuch"]):
        done = c(*words)
        assert PASSWORD not in done.stdout + done.stderr, words


def test_a_crash_after_the_password_leaves_no_core(served, to):
    listener = to(served(SCRAM)).start("events")
    listener.wait_line("listening")
    with open(f"/proc/{listener.pid}/limits") as f:
        assert re.search(r"Max core file size\s+0\s+0", f.read())
    with open(f"/proc/{listener.pid}/coredump_filter") as f:
        assert int(f.read(), 16) == 0
    listener.terminate()


# --- on behalf of somebody else ------------------------------------------------------------------

def test_without_a_delegation_nobody_is_acted_for(served, to, place, qemu):
    gateway = served(SCRAM, EXTERNAL)
    c = to(gateway)
    for somebody in ("sasl:carol@example.com", "x509:CN=admin,O=Example", "nonsense"):
        c.options = c.options[:6] + ["--act-as", somebody]
        refused(c("exec", "query-name"), "no delegation")
    assert "query-name" not in qemu.commands()


def test_a_certificate_without_a_delegation_acts_for_nobody(served, to, pki, qemu):
    c = to(served(SCRAM), "--cert", pki.path("viewer.crt"), "--key", pki.path("viewer.key"), "--act-as",
           "sasl:bob@example.com")
    refused(c("exec", "query-name"), "no delegation")
    assert "query-name" not in qemu.commands()


def test_a_vm_that_the_server_name_attached_comes_before_act_as(served, to, pki, qemu):
    c = to(served(SCRAM), "--cert", pki.path("operator.crt"), "--key", pki.path("operator.key"), "--server-name",
           "web1.vm.example.com", "--act-as", "sasl:bob@example.com")
    refused(c("exec", "query-name"), "too late", code=USAGE)
    assert "query-name" not in qemu.commands()


@pytest.mark.parametrize("mechanism", [PLUS, SCRAM, PLAIN])
def test_a_login_acts_for_somebody(served, to, qemu, mechanism):
    c = to(served(mechanism))
    c.options += ["--act-as", "sasl:bob@example.com"]
    who = c.json("whoami")
    assert (who["identity"], who["acting-for"]) == (ALICE, "sasl:bob@example.com")
    refused(c("exec", "stop"), "permission denied")  # alice may, bob not
    assert "stop" not in qemu.commands()


def test_a_certificate_acts_for_somebody(served, to, pki):
    c = to(served(SCRAM), "--cert", pki.path("operator.crt"), "--key", pki.path("operator.key"), "--act-as",
           "sasl:bob@example.com")
    assert c.json("whoami")["acting-for"] == "sasl:bob@example.com"
    assert c.json("exec", "query-name") == {"name": "web1"}
    refused(c("exec", "stop"), "permission denied")


def test_a_ticket_acts_for_somebody(kerberized, to, kdc):
    kdc.kinit("alice", "ticket")
    c = to(kerberized(), "--act-as", "sasl:bob@example.com")
    assert json.loads(c("whoami", **kdc.env).stdout)["acting-for"] == "sasl:bob@example.com"


# --- verbs that stay -----------------------------------------------------------------------------

def test_every_verb_logs_in(served, to):
    c = to(served(SCRAM))
    for words in (["exec", "query-name"], ["vms"], ["whoami"], ["explain", "stop"]):
        assert c(*words).code == OK, words
    assert json.loads(c("shell", stdin="query-name\n").stdout) == {"name": "web1"}
    refused(c("ctl", "stats"), "permission denied")


def test_whoami_of_nobody_shows_what_is_offered_and_what_to_do(served, to):
    done = to(served(SCRAM, PLAIN), "--timeout", "30")("whoami")
    info = json.loads(done.stdout)
    assert info["phase"] == "auth" and "identity" not in info and info["mechanisms"] == [SCRAM, PLAIN]
    refused(done, "--user NAME")


def test_a_bridge_logs_each_client_in(served, to, bridge, qemu):
    gateway = served(SCRAM)
    to(gateway)
    path = bridge()
    for _ in range(2):
        c = client_of(path)
        assert "oob" in c.read()["QMP"]["capabilities"]
        c.send({"execute": "qmp_capabilities", "id": 1}, {"execute": "query-name", "id": 2})
        assert [c.reply(), c.reply()] == [{"return": {}, "id": 1}, {"return": {"name": "web1"}, "id": 2}]
    assert len(gateway.records(type="auth", result="ok")) == 3  # the first one before it was ready


def test_a_bridge_with_a_wrong_password_does_not_begin(served, to, place):
    c = to(served(SCRAM), "--user", "alice", "--password-file", write_password(place, "wrong\n"))
    path = os.path.join(place, "bridge.sock")
    refused(c("bridge", "--listen", path), "authentication failed")
    assert not os.path.exists(path)


def test_a_bridge_asks_once_and_before_it_is_ready(served, to, terminal, place):
    to(served(SCRAM), "--user", "alice")
    path = os.path.join(place, "bridge.sock")
    t = terminal("bridge", "--listen", path)
    t.expect("Password of")
    assert not os.path.exists(path)
    t.type(PASSWORD + "\n")
    t.expect("bridge ready")
    for _ in range(2):
        assert "QMP" in client_of(path).read()
    t.child.send_signal(signal.SIGTERM)
    assert t.wait() == OK
    assert t.raw.count("Password of") == 1


def test_a_login_that_gets_too_old_says_so(served, to):
    listener = to(served(SCRAM, section="session_seconds = 3")).start("events")
    listener.wait_line("listening")
    assert listener.wait() == UNREACHABLE
    assert "its login is too old" in listener.text and "log in again" in listener.text


def test_a_bridge_says_that_a_login_got_too_old(served, to, bridge):
    to(served(SCRAM, section="session_seconds = 3"))
    c = client_of(bridge())
    assert "QMP" in c.read()
    c.send({"execute": "qmp_capabilities", "id": 1})
    assert c.reply(1) == {"return": {}, "id": 1}
    assert c.event("GATEWAY_CLOSED")["data"] == {"reason": "its login is too old"}
    bridge.process.wait_line("closed this session: its login is too old")


# --- administration ------------------------------------------------------------------------------

@pytest.fixture
def admin(build, place, pki):
    def of(gateway):
        c = Cli(build, place, f"qmps://localhost:{gateway.port}/")
        c.options = ["--ca", pki.path("ca.crt"), "--cert", pki.path("admin.crt"), "--key", pki.path("admin.key")]
        return c
    return of


def test_sessions_of_an_identity_are_closed_by_its_name(served, to, admin):
    gateway = served(SCRAM)
    listener = to(gateway).start("events")
    listener.wait_line("listening")
    assert admin(gateway).json("ctl", "close", "sasl:nobody@example.com") == {"closed": 0}
    assert listener.running()
    assert admin(gateway).json("ctl", "close", ALICE) == {"closed": 1}
    assert listener.wait() == UNREACHABLE
    assert "closed by an administrator" in listener.text


def test_what_is_neither_a_number_nor_an_identity_is_not_closed(cli):
    refused(cli("ctl", "close", "alice", uri="unix:/x"), "identity", code=USAGE)


def test_sessions_tell_whom_they_act_for(served, to, admin):
    gateway = served(SCRAM)
    c = to(gateway)
    c.options += ["--act-as", "sasl:bob@example.com"]
    listener = c.start("events")
    listener.wait_line("listening")
    done = admin(gateway)("--pretty", "ctl", "sessions")
    assert re.search(r"IDENTITY +FOR +PEER", done.stdout)
    assert re.search(rf"{ALICE} +sasl:bob@example.com ", done.stdout)
    listener.terminate()


def test_who_was_held_back_is_released(served, to, admin, place, password_file):
    gateway = served(PLAIN, limits={"login_delay_milliseconds": 100})
    gateway.policy += 'grant "unlock" { to = {"x509:CN=admin,O=Example"} admin = {"login-release"} }\n'
    gateway.reload()
    c = to(gateway, "--user", "alice", "--password-file", write_password(place, "wrong\n", name="wrong"))
    wait.until(lambda: "too many have failed" in c("whoami").stderr, "being held back")
    assert admin(gateway).json("ctl", "login-release", "name=nobody@example.com") == {"released": 0}
    refused(to(gateway)("whoami"), "too many have failed")
    assert admin(gateway).json("ctl", "login-release")["released"] > 0
    assert to(gateway).json("whoami")["identity"] == ALICE
    refused(to(gateway)("ctl", "login-release"), "permission denied")


# --- a gateway that lies -------------------------------------------------------------------------

def b64(data):
    return base64.b64encode(data).decode()


@pytest.fixture
def lying(cli, local, script, password_file):
    """It wants a login by these mechanisms, and answers the first message so."""
    def start(answer, mechanisms=(SCRAM,)):
        script.returns["gateway-info"] = {"version": "0.1.0", "phase": "auth", "mechanisms": list(mechanisms),
                                          "connection": 17}
        script.returns["gateway-auth-start"] = answer
        cli.options = ["--user", "alice", "--password-file", password_file]
        return cli
    return start


LIES = {
    "complete without proof": {"complete": True},
    "complete with a wrong proof": {"complete": True, "data": b64(b"v=AAAA")},
    "no complete": {"data": ""},
    "complete is no boolean": {"complete": "true"},
    "data is no string": {"complete": False, "data": 7},
    "data is no base64": {"complete": False, "data": "%%%"},
    "data with a NUL": {"complete": False, "data": "AAAA\0"},
    "nonce of its own": {"complete": False, "data": b64(b"r=other,s=QUFBQQ==,i=4096")},
    "nothing": {"complete": False},
    "no object": [1, 2],
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_server_that_lies_is_not_believed(lying, local, lie):
    refused(lying(lie)("exec", "query-status"), "login", code=UNREACHABLE)
    assert "gateway-attach" not in local.asked() and "query-status" not in local.asked()


def test_a_login_without_end_is_given_up(lying, local, script):
    cli = lying({"complete": False, "data": ""}, [EXTERNAL])
    cli.options = []
    script.returns["gateway-auth-step"] = {"complete": False, "data": ""}
    refused(cli("exec", "query-status"), "login", code=UNREACHABLE)
    assert len(local.asked()) < 30


@pytest.mark.parametrize("offer", [[], ["CRAM-MD5", "ANONYMOUS"], "SCRAM-SHA-256", [7, None], ["X\x1b[2J"]],
                         ids=["nothing", "unknown", "no list", "no strings", "escapes"])
def test_a_strange_offer_is_refused(lying, local, script, offer):
    cli = lying({"complete": True})
    script.returns["gateway-info"]["mechanisms"] = offer
    done = cli("exec", "query-status")
    refused(done)
    assert "\x1b" not in done.stderr
    assert "gateway-auth-start" not in local.asked()


def test_why_the_gateway_closes_is_told(cli, local):
    listener = cli.start("events")
    listener.wait_line("listening")
    local.event("GATEWAY_CLOSED", reason="its login is too old")
    local.connections[-1].end()
    assert listener.wait() == UNREACHABLE
    assert "its login is too old" in listener.text and "log in again" in listener.text
