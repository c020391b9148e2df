"""qmpgate bridge: stock clients on a local socket."""

import json
import os
import stat

import pytest

from harness import wait
from harness.cli import LOCAL, OK, USAGE, client_of
from harness.cli_fixtures import bridge, cli, direct, local, remote, script  # noqa: F401
from harness.scripted import VM_GREETING


def test_bridge_gives_what_a_socket_gives(direct, qemu, bridge):
    c = client_of(bridge())
    assert c.read()["QMP"]["capabilities"] == ["oob"]
    c.send({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}, "id": "a"}, {"exec-oob": "query-yank", "id": 2})
    assert c.reply() == {"return": {}, "id": "a"}
    assert c.reply()["id"] == 2


def test_bridge_attaches_and_leaves_negotiation_to_the_client(cli, remote, bridge):
    c = client_of(bridge())
    assert c.read() == {"QMP": VM_GREETING}
    assert remote.asked() == ["gateway-info", "gateway-attach"]
    c.raw(b'{"execute": "qmp_capabilities", "id": 1}\n{"execute": "query-status", "id": 2}\n')
    assert c.reply()["id"] == 1
    assert c.reply()["return"] == {"status": "running"}
    remote.event("STOP")
    assert c.read()["event"] == "STOP"


def test_bridge_serves_clients_apart(cli, remote, bridge):
    path = bridge()
    clients = [client_of(path) for _ in range(5)]
    for c in clients:
        assert "QMP" in c.read()
    clients[0].raw(b'{"execute": "hang", "id": 1}\n')
    for c in clients[1:]:
        c.raw(b'{"execute": "query-status", "id": 1}\n')
        assert c.reply()["return"] == {"status": "running"}
    assert len(remote.connections) == 5


def test_bridge_socket_is_the_users_own_and_goes_with_the_bridge(direct, bridge):
    path = bridge()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert bridge.process.terminate() == OK
    assert not os.path.exists(path)


def test_bridge_tells_its_client_why_there_is_no_vm(cli, local, script, bridge):
    script.errors["gateway-attach"] = "permission denied: no grant for this VM"
    c = client_of(bridge())
    message = c.read()
    assert message["error"]["class"] == "GenericError" and "permission denied" in message["error"]["desc"]


def test_bridge_ends_the_connection_when_either_side_does(cli, remote, bridge):
    path = bridge()
    c = client_of(path)
    c.read()
    remote.connections[-1].end()
    with pytest.raises(Exception, match="end of stream"):
        c.read()
    c = client_of(path)
    c.read()
    c.sock.close()
    remote.connections[-1].thread.join(wait.TIMEOUT)
    assert not remote.connections[-1].thread.is_alive()


def test_bridge_passes_large_messages_to_slow_readers(cli, remote, script, bridge):
    script.returns["big"] = "x" * (8 << 20)
    c = client_of(bridge())
    c.read()
    c.raw(json.dumps({"execute": "big", "id": 1, "arguments": {"x": "y" * (1 << 20)}}).encode() + b"\n")
    assert len(c.reply()["return"]) == 8 << 20
    assert len(remote.requests[-1]["arguments"]["x"]) == 1 << 20


def test_bridge_does_not_take_anothers_place(direct, bridge, place):
    path = bridge()
    done = direct("bridge", "--listen", path)
    assert done.code == LOCAL and path in done.stderr
    client_of(path).read()


@pytest.mark.parametrize("uri", ["http://x/", "qmps://", "unix:", "web1"])
def test_bridge_reads_its_uri_before_it_listens(cli, place, uri):
    done = cli("bridge", "--listen", os.path.join(place, "b"), uri=uri)
    assert done.code == USAGE and done.stderr.startswith("qmpgate: ")
    assert not os.path.exists(os.path.join(place, "b"))


def test_bridge_reads_certificates_before_it_listens(cli, place):
    cli.options = ["--ca", "/nonexistent.pem"]
    done = cli("bridge", "--listen", os.path.join(place, "b"), uri="qmps://localhost/web1")
    assert done.code not in (OK, None) and "/nonexistent.pem" in done.stderr
    assert not os.path.exists(os.path.join(place, "b"))
