"""A client that leaves, or ends its input, while its attach waits for a monitor that does not start."""

import contextlib
import socket
import struct

import pytest

from harness import wait
from harness.scripted_vm import SCHEMA

SOON = 5  # seconds, of the 30 that a VM may take


@pytest.fixture
def slow(house):
    """A gateway with a VM that does not show its schema until it is told to: so attaches wait."""
    vm = house.scripted(start_up={"query-qmp-schema": None})
    gateway = house.gateway(vm).add_control()
    gateway.policy += ('group "local" { members = {"unix:*"} }\n'
                       'grant "local" { to = {"group:local"} role = {"owner"} vms = {"*"} admin = {"stats"} }\n')
    gateway.vm = vm
    return gateway.start()


def end(sock):
    """Says no goodbye."""
    sock.close()


def reset(sock):
    if hasattr(sock, "context"):
        sock = socket.socket(fileno=sock.detach())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def half_close(sock):
    """Sends a close_notify and does not wait for the answer."""
    timeout = sock.gettimeout()
    sock.settimeout(0.2)
    with contextlib.suppress(OSError):
        sock.unwrap()
    sock.settimeout(timeout)


def say_goodbye_and_end(sock):
    half_close(sock)
    end(sock)


def attach(client):
    client.ready().request("gateway-attach", vm="web1")


def attach_with_more_behind(client):
    client.greet().send({"execute": "qmp_capabilities", "id": "n"},
                        {"execute": "gateway-attach", "arguments": {"vm": "web1"}, "id": "a"},
                        *[{"execute": "query-status", "id": i} for i in range(50)])


def connections(watcher):
    return watcher.result("gateway-stats")["connections"]


def is_forgotten(gateway, watcher):
    wait.until(lambda: connections(watcher) == 1, "the connection to be ended", wait.scaled(SOON))
    record = gateway.wait_record(type="session-close")
    assert "while its attach was pending" in record["text"]


WAYS = {"unix": (end,), "tls": (end, reset, say_goodbye_and_end)}


@pytest.mark.parametrize("what", [attach, attach_with_more_behind])
@pytest.mark.parametrize("kind,how", [(kind, how) for kind in WAYS for how in WAYS[kind]])
def test_who_leaves_is_noticed(slow, kind, how, what):
    watcher = slow.connect().ready()
    client = slow.local() if kind == "unix" else slow.connect()
    what(client)
    slow.vm.wait(1)
    how(client.sock)
    is_forgotten(slow, watcher)
    assert [r["result"] for r in slow.records(type="outcome", command="gateway-attach")] == ["unknown"]
    starts_after_all(slow, watcher)
    assert slow.records(command="query-status") == []


@pytest.mark.parametrize("how", WAYS["tls"])
def test_who_leaves_that_attaches_by_server_name_is_noticed(slow, how):
    watcher = slow.connect().ready()
    client = slow.connect("web1")
    client.send({"execute": "qmp_capabilities"}, {"execute": "query-status"})
    slow.vm.wait(1)
    how(client.sock)
    is_forgotten(slow, watcher)
    starts_after_all(slow, watcher)


def starts_after_all(gateway, watcher):
    """Nobody waits for it any more; the next one gets it."""
    gateway.vm.answer(gateway.vm.requests[0], SCHEMA)
    client = gateway.client("web1")
    request = client.request("query-name")
    gateway.vm.answer(gateway.vm.wait(2)[1])
    client.reply(request)
    assert connections(watcher) == 2


def test_its_place_is_free_again(house):
    vm = house.scripted(start_up={"query-qmp-schema": None})
    gateway = house.gateway(vm, limits={"connections_per_identity": 1}).start()
    client = gateway.connect()
    attach(client)
    vm.wait(1)
    client.close()

    def another():
        with gateway.connect() as c:
            return "QMP" in c.read()
    wait.until(another, "the place", wait.scaled(SOON))


@pytest.mark.parametrize("kind", ["unix", "tls"])
def test_who_only_ends_its_input_gets_its_answers(slow, kind):
    """shutdown(2) on a UNIX socket, close_notify in TLS: it can still read."""
    watcher = slow.connect().ready()
    client = slow.local() if kind == "unix" else slow.connect()
    attach_with_more_behind(client)
    slow.vm.wait(1)
    if kind == "unix":
        client.sock.shutdown(socket.SHUT_WR)
    else:
        client.reply("n")
        half_close(client.sock)
    leaver = slow.connect()
    attach(leaver)
    slow.wait_record(2, type="intent", command="gateway-attach")
    leaver.close()
    wait.until(lambda: connections(watcher) == 2, "the gateway to look who has left")
    slow.vm.answer(slow.vm.requests[0], SCHEMA)
    for i in range(50):
        slow.vm.answer(slow.vm.wait(2 + i)[1 + i], {"n": i})
    answers = {m.get("id"): m for m in client.drain()}
    assert answers["a"]["return"]["vm"] == "web1"
    assert [answers[i]["return"] for i in range(50)] == [{"n": i} for i in range(50)]
