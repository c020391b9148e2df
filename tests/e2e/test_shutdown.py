"""SIGTERM: no new connections, a word to clients, what is in flight finishes, exit 0 (which every test checks)."""

import signal
import socket
import threading
import time

import pytest

from harness import audit, expect, wait
from harness.client import Closed, Silent


def terminate(gateway):
    gateway.process.signal(signal.SIGTERM)


def test_clients_are_told(gateway):
    clients = [gateway.client("web1"), gateway.client("web1", "viewer"), gateway.connect().ready()]
    terminate(gateway)
    for client in clients:
        client.event("GATEWAY_SHUTDOWN")
        client.drain()
    assert gateway.process.wait() == 0


def test_what_is_in_flight_finishes(house):
    fake = house.fake("--only", "query-block", "--slow-reply", 500)
    gateway = house.gateway(fake).start()
    client = gateway.client("web1")
    i = client.request("query-block")
    fake.wait_received(b"query-block")
    terminate(gateway)
    assert client.reply(i)["return"] == {}
    client.drain()
    assert gateway.process.wait() == 0
    assert audit.read(gateway.audit_file)[-1]["type"] == "stop"
    assert gateway.records(type="outcome", command="query-block", result="ok")


def test_the_deadline_holds(house):
    fake = house.fake("--only", "query-block", "--silent-after", 0)
    gateway = house.gateway(fake, limits={"drain_seconds": 1}).start()
    client = gateway.client("web1")
    client.request("query-block")
    fake.wait_received(b"query-block")
    started = time.monotonic()
    terminate(gateway)
    messages = [m for m in client.drain() if "event" not in m]
    assert gateway.process.wait() == 0
    assert time.monotonic() - started < wait.scaled(8)
    for m in messages:
        expect.unknown_outcome(m)
    assert gateway.records(type="outcome", command="query-block", result="unknown")


def test_without_work_it_does_not_wait(gateway):
    client = gateway.client("web1")
    started = time.monotonic()
    terminate(gateway)
    assert gateway.process.wait() == 0
    assert time.monotonic() - started < wait.scaled(4)
    client.drain()


def test_no_new_connections(house):
    fake = house.fake("--only", "query-block", "--slow-reply", 1500)
    gateway = house.gateway(fake).start()
    client = gateway.client("web1")
    client.request("query-block")
    fake.wait_received(b"query-block")
    terminate(gateway)
    client.event("GATEWAY_SHUTDOWN")
    with pytest.raises((OSError, Closed)):
        gateway.connect("web1").read()
    client.drain()


def test_no_new_commands(house):
    fake = house.fake("--only", "query-block", "--slow-reply", 1000)
    gateway = house.gateway(fake).start()
    client = gateway.client("web1")
    client.request("query-block")
    fake.wait_received(b"query-block")
    terminate(gateway)
    client.event("GATEWAY_SHUTDOWN")
    try:
        client.request("stop")
    except OSError:
        pass
    client.drain()
    assert gateway.process.wait() == 0
    assert not any(b'"stop"' in line for line in fake.received())


def test_a_client_that_does_not_read_does_not_hold_it_up(house):
    fake = house.fake("--event-storm", 20000)
    gateway = house.gateway(fake, limits={"drain_seconds": 2}).start()
    mute = gateway.client("web1")
    mute.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    other = gateway.client("web1")
    for _ in range(3):
        other.event("BALLOON_CHANGE")
    terminate(gateway)
    assert gateway.process.wait() == 0
    mute.close()


def test_half_open_handshakes_do_not_hold_it_up(gateway):
    half = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(5)]
    gateway.client("web1").result("query-name")
    terminate(gateway)
    assert gateway.process.wait() == 0
    for s in half:
        s.close()


def test_interrupt_is_the_same(gateway):
    client = gateway.client("web1")
    gateway.process.signal(signal.SIGINT)
    client.event("GATEWAY_SHUTDOWN")
    assert gateway.process.wait() == 0


def test_while_a_vm_is_being_connected(house):
    gateway = house.gateway(house.fake("--no-greeting")).start()
    client = gateway.connect("web1")
    client.sock.settimeout(0.2)
    with pytest.raises(Silent):
        client.read_line()
    terminate(gateway)
    assert gateway.process.wait() == 0


def test_during_a_reload(gateway):
    gateway.process.signal(signal.SIGHUP)
    terminate(gateway)
    assert gateway.process.wait() == 0


def ask_until_the_end(client):
    try:
        while True:
            client.send(*[{"execute": "gateway-info", "id": i} for i in range(20)])
            for _ in range(20):
                client.reply()
    except (OSError, Closed):
        pass


def test_told_twice_it_leaves_no_intent_without_an_outcome(house):
    """What waits for the disk just then is cancelled, and said to be."""
    audit_options = {"path": house.place + "/audit.jsonl", "sync": "data"}
    gateway = house.gateway(house.fake(), audit=audit_options).start()
    clients = [gateway.client("web1") for _ in range(6)]
    threads = [threading.Thread(target=ask_until_the_end, args=(c,)) for c in clients]
    for t in threads:
        t.start()
    gateway.wait_record(100, type="outcome", command="gateway-info")
    terminate(gateway)
    gateway.process.signal(signal.SIGINT)
    assert gateway.process.wait() == 0
    for t in threads:
        t.join()
    intents = {r["request"] for r in gateway.records(type="intent")}
    assert intents == {r["request"] for r in gateway.records(type="outcome")}
