"""What blocks holds up nobody but those who wait for it: a token that signs handshakes, a directory of users."""

import json
import os
import signal
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import wait
from harness.client import Closed, tls_context
from harness.gateway import user_name
from harness.process import open_descriptors
from harness.stall import Stall
from harness.token import Token

GRANT = '''
grant "local" {
    to = {"unix:%s"} role = {"operator"} vms = {"*"} admin = {"sessions", "session-close", "reload", "stats"}
}
'''


@pytest.fixture
def stall(build, place):
    directory = place + "/stall"
    os.mkdir(directory)
    return Stall(build, directory)


@pytest.fixture
def made(house, stall, pki, tmp_path):
    """A gateway whose key is in a token, and a UNIX listener; not started."""
    token = Token(str(tmp_path))
    gateway = house.gateway(house.fake(), pki=pki.copy(str(tmp_path / "pki"))).add_control()
    gateway.tls["key"] = token.add("server", gateway.pki.path("server.key"))
    gateway.policy += GRANT % user_name()
    gateway.env = {**stall.env, **token.env}
    return gateway


@pytest.fixture
def gateway(made):
    return made.start()


@pytest.fixture
def comers(gateway):
    """Clients that come in while the test does something else: futures."""
    pool = ThreadPoolExecutor(16)
    yield lambda cert="admin", **how: pool.submit(lambda: gateway.client("web1", cert, **how))
    pool.shutdown()


def workers(client, pool):
    return client.result("gateway-stats")["workers"][pool]


def local(gateway):
    return gateway.local().ready()


# --- a token

def test_a_bad_certificate_is_turned_away(gateway):
    with pytest.raises((Closed, OSError)):
        gateway.client("web1", "revoked")
    assert "revoked" in gateway.wait_record(type="auth", result="denied")["text"]


def test_what_is_no_tls_is_turned_away(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port)) as s:
        s.settimeout(wait.TIMEOUT)
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        try:
            while s.recv(4096):
                pass
        except ConnectionResetError:
            pass
    assert "TLS" in gateway.wait_record(type="auth", result="denied")["text"]
    gateway.client("web1").result("query-name")


def test_it_serves_clients(gateway, comers):
    versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    clients = [comers(versions=(v, v)) for v in versions * 15]
    for c in clients:
        c.result().result("query-name")
    stats = local(gateway).result("gateway-stats")
    assert stats["counters"]["handshakes"] == 30
    assert stats["workers"]["tokens"] == {"threads": 4, "running": 0, "queued": 0, "refused": 0}


def test_a_client_that_sends_its_hello_in_pieces_is_served(gateway):
    context = tls_context(gateway.pki)
    plain = socket.create_connection(("127.0.0.1", gateway.port))
    plain.settimeout(wait.TIMEOUT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="web1.vm.example.com")
    while True:
        try:
            tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        for byte in outgoing.read():
            plain.sendall(bytes([byte]))
        if done:
            break
        incoming.write(plain.recv(65536))
    greeting = b""
    while b"\n" not in greeting:
        try:
            greeting += tls.read()
        except ssl.SSLWantReadError:
            incoming.write(plain.recv(65536))
    assert "QMP" in json.loads(greeting)
    plain.close()


def test_while_it_hangs_all_others_go_on(gateway, stall, comers):
    attached = gateway.client("web1")
    stall.begin("C_Sign")
    stuck = [comers() for _ in range(8)]  # more than there are threads
    stall.wait("C_Sign")
    admin = local(gateway)
    admin.result("gateway-attach", vm="web1")
    admin.result("stop")
    attached.event("STOP")
    attached.result("query-name")
    wait.until(lambda: workers(admin, "tokens")["queued"] == 4, "handshakes that wait")
    assert workers(admin, "tokens")["running"] == 4
    assert not any(f.done() for f in stuck)
    stall.end("C_Sign")
    for f in stuck:
        f.result().result("query-name")


def test_a_connection_that_is_closed_meanwhile_leaves_nothing(made, stall):
    made.limits["handshake_seconds"] = 1
    gateway = made.start()
    gateway.client("web1").close()
    admin = local(gateway)
    wait.until(lambda: admin.result("gateway-stats")["connections"] == 1, "the others' end")
    before = open_descriptors(gateway.pid)
    stall.begin("C_Sign")
    with ThreadPoolExecutor(8) as pool:
        stuck = [pool.submit(gateway.client, "web1") for _ in range(8)]
        stall.wait("C_Sign")
        for f in stuck:  # the peer learns of it at once, whether its handshake was begun or not
            with pytest.raises((Closed, OSError)):
                f.result()
    assert admin.result("gateway-stats")["connections"] == 1
    assert workers(admin, "tokens")["queued"] == 0
    stall.end("C_Sign")
    wait.until(lambda: workers(admin, "tokens")["running"] == 0, "the workers")
    wait.until(lambda: open_descriptors(gateway.pid) <= before, "the descriptors")
    gateway.client("web1").result("query-name")


def test_an_administrator_closes_one_that_hangs(gateway, stall, comers):
    stall.begin("C_Sign")
    stuck = comers()
    stall.wait("C_Sign")
    admin = local(gateway)
    number = next(s["connection"] for s in admin.result("gateway-sessions") if s["listener"] == "public")
    admin.result("gateway-session-close", connection=number)
    with pytest.raises((Closed, OSError)):
        stuck.result()
    assert [s["listener"] for s in admin.result("gateway-sessions")] == ["local"]
    stall.end("C_Sign")


def test_while_it_hangs_a_reload_may_leave_it(gateway, stall, comers):
    """A key in a file serves at once; the handshake that hangs goes on with the old key."""
    stall.begin("C_Sign")
    stuck = comers()
    stall.wait("C_Sign")
    gateway.tls["key"] = gateway.pki.path("server.key")
    gateway.reload()
    gateway.client("web1").result("query-name")
    stall.end("C_Sign")
    stuck.result().result("query-name")


def test_who_was_let_in_by_the_old_configuration_is_turned_away(gateway, stall, comers):
    stall.begin("C_Sign")
    stuck = comers("viewer")
    stall.wait("C_Sign")
    gateway.tls["key"] = gateway.pki.path("server.key")
    gateway.pki.revoke("viewer")
    gateway.reload()
    stall.end("C_Sign")
    with pytest.raises((Closed, OSError)):
        stuck.result()


def test_while_it_hangs_the_daemon_ends(gateway, stall, comers):
    attached = gateway.client("web1")
    stall.begin("C_Sign")
    stuck = [comers() for _ in range(6)]
    stall.wait("C_Sign")
    started = time.monotonic()
    gateway.process.signal(signal.SIGTERM)
    attached.event("GATEWAY_SHUTDOWN")
    assert gateway.process.wait() == 0
    assert time.monotonic() - started < wait.scaled(8)
    assert "'tokens' does not come back" in gateway.said()
    assert gateway.records()[-1]["type"] == "stop"
    for f in stuck:
        with pytest.raises((Closed, OSError)):
            f.result()


# --- users

@pytest.fixture
def named(house, stall):
    """A gateway with a key in a file, and a UNIX listener."""
    gateway = house.gateway(house.fake()).add_control()
    gateway.policy += GRANT % user_name()
    gateway.env = stall.env
    return gateway.start()


def test_while_names_cannot_be_looked_up_all_else_goes_on(named, stall):
    stall.begin("getpwuid_r")
    waiting = [named.local() for _ in range(4)]  # more than there are threads
    stall.wait("getpwuid_r")
    remote = named.client("web1")  # a VM's schema is compiled: by a worker
    remote.result("query-name")
    wait.until(lambda: workers(remote, "names")["queued"] == 2, "look-ups that wait")
    named.hang_up()
    remote.result("gateway-reload")
    assert remote.result("gateway-audit-tail", count=1)
    stall.end("getpwuid_r")
    for client in waiting:
        client.ready().result("gateway-attach", vm="web1")


def test_a_local_client_that_leaves_meanwhile_leaves_nothing(named, stall):
    remote = named.client("web1")
    before = open_descriptors(named.pid)
    stall.begin("getpwuid_r")
    waiting = [named.local() for _ in range(4)]
    stall.wait("getpwuid_r")
    for client in waiting:
        client.close()
    stall.end("getpwuid_r")
    wait.until(lambda: open_descriptors(named.pid) <= before, "the descriptors")
    assert remote.result("gateway-stats")["connections"] == 1


def test_while_names_cannot_be_looked_up_the_daemon_ends(named, stall):
    stall.begin("getpwuid_r")
    waiting = [named.local() for _ in range(4)]
    stall.wait("getpwuid_r")
    named.process.signal(signal.SIGTERM)
    assert named.process.wait() == 0
    for client in waiting:
        assert client.drain() == []
