"""Many clients, and clients that misbehave: nobody is delayed by more than another's turn."""

import signal
import socket
import threading
import time

from harness import wait


def drain_in_background(client, count):
    """Reads that many replies on a thread of its own, so that both directions flow."""
    got = []

    def run():
        for _ in range(count):
            got.append(client.reply())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, got


def test_a_half_open_handshake_disturbs_nobody(gateway):
    idle = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(20)]
    for s in idle:
        s.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
    assert gateway.client("web1").result("query-name") == {"name": "web1"}
    for s in idle:
        s.close()


def test_a_half_open_handshake_is_ended(house, qemu):
    gateway = house.gateway(qemu, limits={"handshake_seconds": 1}).start()
    s = socket.create_connection(("127.0.0.1", gateway.port), timeout=wait.TIMEOUT)
    s.sendall(b"\x16\x03\x01\x02\x00\x01")
    assert s.recv(100) == b""


def test_a_client_that_does_not_negotiate_is_ended(house, qemu):
    gateway = house.gateway(qemu, limits={"negotiate_seconds": 1}).start()
    assert gateway.connect("web1").greet().drain() == []


def test_ten_thousand_messages_without_waiting(gateway):
    client = gateway.client("web1")
    count = 10000
    thread, got = drain_in_background(client, count)
    text = b"".join(b'{"execute":"query-name","id":%d}' % i for i in range(count))
    client.raw(text)
    thread.join(wait.TIMEOUT * 3)
    assert [g["id"] for g in got] == list(range(count))


def test_ten_thousand_messages_from_who_does_not_read_meanwhile(house):
    """What it sends is taken only as fast as it takes its answers: buffers stay bounded, and all of it is served."""
    gateway = house.gateway(house.fake()).start()
    client = gateway.client("web1")
    count = 10000
    text = b"".join(b'{"execute":"query-version","id":%d}' % i for i in range(count))
    sender = threading.Thread(target=client.raw, args=(text,), daemon=True)
    sender.start()
    gateway.client("web1", "viewer").result("query-name")
    assert [client.reply()["id"] for _ in range(count)] == list(range(count))
    sender.join(wait.TIMEOUT)


def test_a_client_that_never_reads_is_ended_or_waits_but_harms_nobody(house):
    fake = house.fake("--only", "query-block", "--huge-reply", 1 << 20)
    gateway = house.gateway(fake, limits={"output_soft_bytes": 1 << 20, "output_hard_bytes": 4 << 20}).start()
    mute, other = gateway.client("web1"), gateway.client("web1", "viewer")
    mute.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    mute.send(*[{"execute": "query-block", "id": i} for i in range(100)])
    for _ in range(50):
        assert other.result("query-status")["status"] == "running"
    mute.close()


def storm(house):
    """A VM with many events a second, a client that does not read them, and who sees how many it lost."""
    fake = house.fake("--event-storm", 30000)
    gateway = house.gateway(fake, limits={"output_soft_bytes": 65536, "output_hard_bytes": 64 << 20}).start()
    slow, admin = gateway.client("web1"), gateway.connect().ready()

    def lost():
        return admin.result("gateway-stats")["counters"]["events-lost"]

    return gateway, slow, lost


def test_replies_are_never_lost_events_are(house):
    gateway, slow, lost = storm(house)
    wait.until(lambda: lost() > 1000, "events to be lost")
    ids = [slow.request("query-status") for _ in range(20)]
    assert [slow.reply()["id"] for _ in ids] == ids
    assert any(e["event"] == "GATEWAY_EVENTS_LOST" for e in slow.events)
    assert gateway.client("web1", "viewer").result("query-status")


def test_the_marker_counts_every_event_that_is_missing(house):
    _, slow, lost = storm(house)
    wait.until(lambda: lost() > 1000, "events to be lost")
    expected, missing = None, 0
    for _ in range(1 << 20):
        message = slow.read()
        if message["event"] == "GATEWAY_EVENTS_LOST":
            missing += message["data"]["count"]
            expected += message["data"]["count"]
        else:
            number = message["data"]["actual"]
            assert expected in (None, number)
            expected = number + 1
            if missing > 1000:
                break
    assert missing > 1000


def test_ten_clients_and_a_flood(house):
    """Nine clients that ask one thing at a time, and one with thousands of long commands: each gets its turn."""
    gateway = house.gateway(house.fake()).start()
    flooder = gateway.client("web1")
    stop = threading.Event()

    def flood():
        path = "x" * 2000
        try:
            while not stop.is_set():
                flooder.send(*[{"execute": "qom-list", "arguments": {"path": path}}] * 50)
        except OSError:
            pass

    def swallow():
        try:
            while flooder.sock.recv(65536):
                pass
        except OSError:
            pass

    threads = [threading.Thread(target=f, daemon=True) for f in (flood, swallow)]
    for t in threads:
        t.start()
    clients = [gateway.client("web1", "viewer") for _ in range(9)]
    worst = 0.0
    for _ in range(20):
        for client in clients:
            started = time.monotonic()
            assert client.result("query-status")["status"] == "running"
            worst = max(worst, time.monotonic() - started)
    stop.set()
    flooder.sock.shutdown(socket.SHUT_RDWR)
    for t in threads:
        t.join(wait.TIMEOUT)
    assert worst < wait.scaled(2)


def test_ten_clients_on_a_real_vm_each_get_their_own_answers(gateway):
    clients = [gateway.client("web1", cert) for cert in ("admin", "operator", "viewer") * 3 + ("admin",)]
    for n, client in enumerate(clients):
        client.send(*[{"execute": "query-name", "id": [n, i]} for i in range(50)])
    for n, client in enumerate(clients):
        assert [client.reply()["id"] for _ in range(50)] == [[n, i] for i in range(50)]


def test_refusals_stay_in_order_without_ids(gateway):
    client = gateway.client("web1", "viewer")
    client.send(*[{"execute": "query-name" if i % 3 else "quit"} for i in range(300)])
    for i in range(300):
        assert ("return" if i % 3 else "error") in client.reply()


def test_out_of_band_does_not_wait_for_in_band(house):
    fake = house.fake("--only", "query-block", "--silent-after", 0)
    gateway = house.gateway(fake).start()
    client = gateway.client("web1", enable=["oob"])
    client.send(*[{"execute": "query-block", "id": i} for i in range(50)])
    fake.wait_received(b"query-block", 7)
    client.send({"exec-oob": "query-yank", "id": "oob"})
    assert client.reply() == {"return": {}, "id": "oob"}


def test_out_of_band_on_a_real_vm_behind_a_full_queue(gateway, qemu):
    client, flooder = gateway.client("web1", enable=["oob"]), gateway.client("web1")
    flooder.send(*[{"execute": "query-qmp-schema", "id": i} for i in range(5)])
    flooder.send(*[{"execute": "query-name", "id": i} for i in range(30)])
    client.send({"exec-oob": "query-yank", "id": "oob"})
    assert client.reply()["id"] == "oob"


def test_at_most_seven_commands_are_in_flight(house):
    fake = house.fake("--only", "query-block", "--silent-after", 0)
    gateway = house.gateway(fake).start()
    clients = [gateway.client("web1") for _ in range(3)]
    for client in clients:
        client.send(*[{"execute": "query-block"}] * 10)
    fake.wait_received(b"query-block", 7)
    gateway.connect().greet().result("gateway-info")
    assert sum(b"query-block" in line for line in fake.received()) == 7


def test_a_long_command_goes_alone(house):
    fake = house.fake("--only", "qom-list", "--silent-after", 0)
    gateway = house.gateway(fake).start()
    client = gateway.client("web1")
    client.send(*[{"execute": "qom-list", "arguments": {"path": c * 6000}} for c in "ab"])
    fake.wait_received(b"aaaa")
    gateway.connect().greet().result("gateway-info")
    assert not any(b"bbbb" in line for line in fake.received())


def test_an_answer_does_not_wait_for_the_next_one(house):
    """Answers gather for a turn while more are on the way; a VM that takes its time holds none of them up."""
    vm = house.scripted()
    client = house.gateway(vm).start().client("web1")
    client.send(*[{"execute": "query-name", "id": i} for i in range(3)])
    for n, request in enumerate(vm.wait(3)):
        vm.answer(request, {"name": str(n)})
        assert client.reply()["id"] == n


def test_the_last_answers_before_the_end_all_arrive(house):
    vm = house.scripted()
    gateway = house.gateway(vm, limits={"drain_seconds": 1}).start()
    client = gateway.client("web1")
    client.send(*[{"execute": "query-name", "id": i} for i in range(3)])
    first = vm.wait(3)[0]
    gateway.process.signal(signal.SIGTERM)
    client.event("GATEWAY_SHUTDOWN")
    vm.answer(first, {"name": "0"})
    assert client.reply()["return"] == {"name": "0"}


def test_what_a_client_left_behind_is_cancelled(house):
    """In flight: it completes, and its outcome is audited. In the queue: it never leaves."""
    fake = house.fake("--only", "query-block", "--slow-reply", 300)
    gateway = house.gateway(fake).start()
    client = gateway.client("web1")
    client.send(*[{"execute": "query-block", "id": i} for i in range(20)])
    fake.wait_received(b"query-block", 7)
    client.close()
    gateway.wait_record(7, type="outcome", command="query-block", result="ok")
    gateway.client("web1").result("query-status")
    assert sum(b"query-block" in line for line in fake.received()) == 7


def test_a_reset_connection_is_no_trouble(gateway):
    import struct
    for _ in range(20):
        client = gateway.client("web1")
        client.send(*[{"execute": "query-name"}] * 20)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert gateway.client("web1").result("query-name") == {"name": "web1"}


def test_a_hundred_clients_at_once(house):
    fake = house.fake(names=["web%d" % i for i in range(10)])
    gateway = house.gateway(fake, limits={"connections_per_identity": 200, "connections_per_address": 200}).start()
    clients = [gateway.client("web%d" % (i % 10)) for i in range(100)]
    for client in clients:
        client.request("query-status")
    for client in clients:
        assert client.reply()["return"]["running"] is True
