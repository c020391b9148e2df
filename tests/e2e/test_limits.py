"""Every limit that a client can run into, and what it is told."""

import os
import socket
import ssl

import pytest

from harness import expect, wait
from harness.client import Closed, Silent
from harness.process import resident_bytes


def refused(connect):
    """The connection is closed or answered with one error line."""
    try:
        client = connect()
        line = client.read()
    except (Closed, OSError, ssl.SSLError):
        return True
    expect.error(line)
    return True


def test_connections_per_identity(house, qemu):
    gateway = house.gateway(qemu, limits={"connections_per_identity": 3}).start()
    mine = [gateway.client("web1", "viewer") for _ in range(3)]
    assert refused(lambda: gateway.connect("web1", "viewer"))
    gateway.client("web1", "operator").result("query-name")
    mine.pop().close()
    wait.until(lambda: connects(gateway, "viewer"), "a free place")


def test_connections_in_all(house, qemu):
    gateway = house.gateway(qemu, limits={"connections": 4}).start()
    some = [gateway.client("web1") for _ in range(4)]
    assert refused(lambda: gateway.connect("web1", "viewer"))
    some.pop().close()
    wait.until(lambda: connects(gateway), "a free place")
    assert some[0].result("query-name") == {"name": "web1"}


def test_connections_per_address(house, qemu):
    gateway = house.gateway(qemu, limits={"connections_per_address": 3}).start()
    some = [gateway.client("web1") for _ in range(3)]
    assert refused(lambda: gateway.connect("web1"))
    gateway.client("web1", source=("127.0.0.2", 0)).result("query-name")
    assert some[0].result("query-name") == {"name": "web1"}


def test_unauthenticated_connections(house, qemu):
    gateway = house.gateway(qemu, limits={"connections_unauthenticated": 5}).start()
    client = gateway.client("web1")
    half = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(5)]
    wait.until(lambda: refused_at_once(gateway), "the limit")
    assert client.result("query-name") == {"name": "web1"}
    for s in half:
        s.close()
    wait.until(lambda: connects(gateway), "a free place")


def refused_at_once(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port)) as s:
        s.settimeout(0.3)
        try:
            return s.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


def connects(gateway, *who):
    try:
        return "QMP" in gateway.connect("web1", *who).read()
    except (Closed, OSError):
        return False


def test_idle_clients_are_ended(house, qemu):
    gateway = house.gateway(qemu, limits={"idle_seconds": 1}).start()
    idle = gateway.client("web1")
    busy = gateway.client("web1", "viewer")
    import select
    while not select.select([idle.sock], [], [], 0.1)[0]:
        busy.result("query-name")
    idle.drain()
    busy.result("query-name")


def test_idle_for_ever_is_the_default(gateway):
    client = gateway.client("web1")
    client.sock.settimeout(1.5)
    with pytest.raises(Silent):
        client.read()
    client.sock.settimeout(wait.TIMEOUT)
    assert client.result("query-name") == {"name": "web1"}


@pytest.mark.parametrize("size", [1024, 65536, 1 << 20])
def test_the_size_of_a_message(house, size):
    fake = house.fake()
    gateway = house.gateway(fake, limits={"request_bytes": size}).start()
    client = gateway.client("web1")
    head, tail = b'{"execute":"query-status","id":"', b'"}'
    client.raw(head + b"x" * (size - len(head) - len(tail)) + tail)
    assert "return" in client.reply()
    client.raw(head + b"x" * (size + 1 - len(head) - len(tail)) + tail + b"\n")
    expect.error(client.reply())
    assert "return" in client.call("query-status")


def test_the_number_of_tokens(house):
    gateway = house.gateway(house.fake(), limits={"request_bytes": 1 << 20}).start()
    client = gateway.client("web1")
    client.raw(b'{"execute":"query-status","arguments":{"a":[' + b"1," * 70000 + b'1]},"id":7}')
    reply = client.reply()
    expect.error(reply, "GenericError", "too many values")
    assert reply["id"] == 7
    assert "return" in client.call("query-status")


@pytest.mark.parametrize("depth,ok", [(60, True), (66, False)])
def test_the_depth_of_a_message(house, depth, ok):
    client = house.gateway(house.fake()).start().client("web1")
    client.raw(b'{"execute":"query-status","id":{"a":' + b"[" * depth + b"]" * depth + b"}}")
    reply = client.reply()
    assert ("return" in reply) == ok
    if not ok:
        expect.error(reply, "GenericError", "nested too deeply")


def test_queued_commands_hold_the_client_back_not_the_memory(house):
    """Over the limit nothing more is read: the client waits, as it would at a slow socket."""
    fake = house.fake("--only", "query-block", "--silent-after", 0)
    gateway = house.gateway(fake, limits={"queued_commands": 20, "drain_seconds": 1}).start()
    client = gateway.client("web1")
    before = resident_bytes(gateway.pid)
    client.sock.settimeout(0.3)
    message = b'{"execute":"query-block","id":"' + b"x" * 1000 + b'"}'
    with pytest.raises((TimeoutError, ssl.SSLWantWriteError)):
        for _ in range(200000):
            client.raw(message)
    assert resident_bytes(gateway.pid) - before < 32 << 20


def test_output_over_the_hard_limit_ends_the_client(house):
    fake = house.fake("--only", "query-memdev", "--huge-reply", 1 << 20)
    gateway = house.gateway(fake, limits={"output_soft_bytes": 65536, "output_hard_bytes": 2 << 20,
                                          "queued_commands": 1000}).start()
    client = gateway.client("web1", "viewer")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.send(*[{"execute": "query-memdev", "id": i} for i in range(200)])
    admin = gateway.connect().ready()

    def gone():
        return not any("viewer" in str(s.get("identity")) for s in admin.result("gateway-sessions"))

    fake.wait_received(b"query-memdev")
    # either it is held back at the soft limit, or ended at the hard one; it never costs more than that
    peak = []
    for _ in range(50):
        peak.append(resident_bytes(gateway.pid))
        if gone():
            break
    assert max(peak) < 200 << 20


@pytest.mark.parametrize("total, ended", [(16 << 20, True), (256 << 20, False)])
def test_output_of_all_clients_together_ends_who_reads_slowly(house, total, ended):
    """Each of them is well within the hard limit."""
    fake = house.fake("--only", "query-memdev", "--huge-reply", 2 << 20)
    gateway = house.gateway(fake, limits={"output_soft_bytes": 65536, "output_hard_bytes": 16 << 20,
                                          "output_total_bytes": total}).start()
    admin = gateway.connect().ready()
    slow = [gateway.client("web1", "viewer") for _ in range(4)]
    for client in slow:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(*[{"execute": "query-memdev"} for _ in range(5)])
    if ended:
        assert gateway.wait_record(type="session-close", text="reads too slowly")["identity"] == gateway.pki.identity("viewer")
    else:
        wait.until(lambda: admin.result("gateway-stats")["output-bytes"] > 16 << 20, "output of them all")
        assert not gateway.records(type="session-close")
    wait.until(lambda: admin.result("gateway-stats")["output-bytes"] <= total, "room")
    gateway.client("web1", "viewer").result("query-name")  # who reads is served


def test_explain_is_limited_in_rate(house, qemu):
    gateway = house.gateway(qemu, limits={"explain_per_minute": 5}).start()
    client = gateway.client("web1")
    answers = [client.call("gateway-explain", execute="stop") for _ in range(12)]
    assert [("return" in a) for a in answers[:5]] == [True] * 5
    assert "error" in answers[-1]
    assert client.result("query-name") == {"name": "web1"}


def test_running_out_of_descriptors_is_survived(house, qemu):
    import resource
    gateway = house.gateway(qemu).start()
    client = gateway.client("web1")
    used = len(os.listdir(f"/proc/{gateway.pid}/fd"))
    limits = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (used + 3, limits[1]))
    waiting = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(10)]
    for _ in range(5):
        assert client.result("query-name") == {"name": "web1"}
    for s in waiting:
        s.close()
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, limits)
    wait.until(lambda: connects(gateway), "new connections")


def test_many_connections_come_and_go_without_leaving_anything(gateway):
    for _ in range(20):
        gateway.client("web1").close()
    admin = gateway.connect().ready()
    wait.until(lambda: len(admin.result("gateway-sessions")) == 1, "only one session")
    descriptors = len(os.listdir(f"/proc/{gateway.pid}/fd"))
    for _ in range(100):
        gateway.client("web1").close()
    wait.until(lambda: len(os.listdir(f"/proc/{gateway.pid}/fd")) <= descriptors, "descriptors given back")
