"""Monitors that are lost, hung, or talk nonsense: they harm themselves, and nobody else."""

import os
import time

import pytest

from harness import expect, wait
from harness.client import Silent
from harness.process import resident_bytes
from harness.qemu import UUID
from harness.scripted_vm import GREETING


def start(house, *options, **limits):
    """A fake that misbehaves on query-block only, named web1, behind a gateway."""
    fake = house.fake("--only", "query-block", *options)
    return house.gateway(fake, limits=limits).start(), fake


def ends(client):
    """The session ends, as QEMU's would, after an event that says why."""
    messages = client.events + client.drain()
    assert any(m.get("event") == "GATEWAY_VM_DOWN" for m in messages), messages


def serves_again(gateway, vm="web1"):
    assert gateway.client(vm).result("query-status")["status"]


def test_a_vm_killed_with_commands_in_flight(house):
    qemu = house.qemu()
    gateway = house.gateway(qemu).start()
    client = gateway.client("web1")
    client.result("query-name")
    qemu.freeze()
    ids = [client.request("stop") for _ in range(3)]
    gateway.wait_record(3, type="intent", command="stop")
    qemu.kill()
    for i in ids:
        expect.unknown_outcome(client.reply(i))
    ends(client)
    assert len(gateway.records(type="outcome", command="stop", result="unknown")) == 3


def test_nothing_is_retried_after_that(house):
    qemu = house.qemu()
    gateway = house.gateway(qemu).start()
    client = gateway.client("web1")
    qemu.freeze()
    client.request("stop")
    gateway.wait_record(type="intent", command="stop")
    qemu.kill()
    client.drain()
    again = house.qemu(pid_suffix="-2")
    wait.until(lambda: "QMP" in gateway.connect("web1").read(), "the VM to be back")
    serves_again(gateway)
    assert "stop" not in again.commands()


def test_what_was_queued_is_refused_not_run(house):
    gateway, fake = start(house, "--silent-after", 0)
    client = gateway.client("web1")
    client.send(*[{"execute": "query-block", "id": i} for i in range(20)])
    fake.wait_received(b"query-block", 7)
    fake.process.kill()
    answers = [m for m in client.drain() if "event" not in m]
    assert [a["id"] for a in answers] == list(range(20))
    unknown = [a for a in answers if "outcome is unknown" in a["error"]["desc"]]
    assert len(unknown) == 7
    assert len(gateway.records(type="outcome", result="unknown")) == 7
    assert len(gateway.records(type="intent", command="query-block")) == 7


@pytest.mark.parametrize("fault", [
    ("--garbage-after", 0), ("--wrong-id",), ("--duplicate-reply",), ("--bad-utf8",), ("--close-after", 0),
    ("--deep", 5000), ("--huge-line-unterminated",)], ids=lambda f: f[0])
def test_a_vm_that_talks_nonsense_loses_its_connection(house, fault):
    gateway, fake = start(house, *fault, reply_bytes=1 << 20)
    client, bystander = gateway.client("web1"), gateway.client("web1", "viewer")
    client.request("query-block")
    messages = client.drain()
    assert any(m.get("event") == "GATEWAY_VM_DOWN" for m in messages), messages
    ends(bystander)
    if fault[0] != "--duplicate-reply":
        expect.unknown_outcome(messages[0])
    gateway.wait_record(type="outcome", command="query-block")
    wait.until(lambda: "QMP" in gateway.connect("web1").read(), "the VM to be reached again")
    serves_again(gateway)


def test_other_vms_do_not_notice(house):
    gateway, _ = start(house, "--garbage-after", 0)
    other = house.qemu("web2")
    gateway.add_vm(other)
    gateway.reload()
    bystander = gateway.client("web2")
    client = gateway.client("web1")
    client.request("query-block")
    client.drain()
    assert bystander.result("query-name") == {"name": "web2"}


def test_a_reply_over_the_limit_ends_the_monitor_not_the_memory(house):
    gateway, _ = start(house, "--huge-line-unterminated", reply_bytes=4 << 20)
    client = gateway.client("web1")
    before = resident_bytes(gateway.pid)
    client.request("query-block")
    expect.unknown_outcome(client.reply())
    assert resident_bytes(gateway.pid) - before < 64 << 20


def test_a_huge_reply_within_the_limit_arrives(house):
    gateway, _ = start(house, "--huge-reply", 8 << 20)
    assert gateway.client("web1").result("query-block") == "x" * (8 << 20)


@pytest.mark.parametrize("fault", [("--reply-bytewise",), ("--deep", 500), ("--slow-reply", 30)], ids=lambda f: f[0])
def test_a_vm_that_is_only_odd_is_served(house, fault):
    gateway, _ = start(house, *fault)
    assert "return" in gateway.client("web1").call("query-block")


def test_answers_out_of_order_go_to_nobody_else(house):
    """QEMU answers in-band commands in order; a VM that does not is not believed."""
    gateway, _ = start(house, "--out-of-order")
    client = gateway.client("web1")
    client.send(*[{"execute": "query-block", "id": i} for i in range(2)])
    messages = client.drain()
    for i in range(2):
        expect.unknown_outcome(messages[i])
        assert messages[i]["id"] == i


def test_a_vm_that_never_answers_is_unresponsive(house):
    gateway, fake = start(house, "--silent-after", 0, vm_timeout_seconds=1, drain_seconds=1)
    client, bystander = gateway.client("web1", enable=["oob"]), gateway.client("web1", "viewer")
    client.send(*[{"execute": "query-block", "id": i} for i in range(7)])
    fake.wait_received(b"query-block", 7)
    bystander.request("query-status")
    expect.error(bystander.reply(), "GenericError", "not answer")
    assert client.result("query-yank", oob=True) == {}  # out-of-band still goes


def test_a_frozen_vm_that_wakes_up_goes_on(house, qemu):
    gateway = house.gateway(qemu, limits={"vm_timeout_seconds": 1}).start()
    client = gateway.client("web1")
    qemu.freeze()
    client.send(*[{"execute": "query-name", "id": i} for i in range(10)])
    gateway.wait_record(7, type="intent", command="query-name")
    other = gateway.client("web1", "viewer")
    expect.error(other.call("query-name"), "GenericError", "not answer")
    qemu.thaw()
    answers = [client.reply() for _ in range(10)]
    assert [a["id"] for a in answers] == list(range(10))
    assert ["return" in a for a in answers] == [True] * 7 + [False] * 3
    assert other.result("query-name") == {"name": "web1"}


def test_a_monitor_that_another_client_holds(house, qemu):
    holder = qemu.holder().ready()
    gateway = house.gateway(qemu).start()
    client = gateway.connect("web1")
    line = client.read()
    expect.error(line, "GenericError", "held by another client")
    assert "id" not in line and client.drain() == []
    holder.close()
    wait.until(lambda: "QMP" in gateway.connect("web1").read(), "the monitor to be free")


def test_attach_to_a_held_monitor_says_so_and_the_session_lives(house, qemu):
    holder = qemu.holder().ready()
    gateway = house.gateway(qemu).start()
    client = gateway.connect().ready()
    expect.error(client.call("gateway-attach", vm="web1"), "GenericError", "held by another client")
    assert client.result("gateway-info")["phase"] == "attach"
    holder.close()


@pytest.mark.parametrize("fault", ["--no-greeting", "--garbage-greeting"])
def test_a_vm_without_a_proper_greeting(house, fault):
    gateway = house.gateway(house.fake(fault)).start()
    client = gateway.connect("web1")
    expect.error(client.read())
    assert client.drain() == []


def test_a_vm_whose_socket_is_not_there(house, place):
    gateway = house.gateway()
    gateway.vms["web1"] = {"socket": place + "/nothing.qmp"}
    gateway.start()
    client = gateway.connect("web1")
    desc = expect.error(client.read())
    assert place not in desc, "a client is told no paths"
    assert client.drain() == []


def test_a_vm_of_another_uuid_is_unreachable_and_said_to_be(house):
    fake = house.fake(uuid=UUID)
    gateway = house.gateway()
    gateway.add_vm(fake, uuid=UUID[:-1] + "9")
    gateway.start()
    for _ in range(2):
        answers = gateway.connect("web1").drain()
        expect.error(answers[0], "GenericError", "UUID")
        assert len(answers) == 1
    gateway.wait_log("uuid")
    assert not any(b"query-status" in line for line in fake.received())


def test_the_uuid_is_checked_at_every_reconnect(house, place):
    fake = house.fake(uuid=UUID)
    gateway = house.gateway()
    gateway.add_vm(fake, uuid=UUID)
    gateway.start()
    client = gateway.client("web1")
    fake.stop()
    ends(client)
    fake.uuid = UUID[:-1] + "9"
    fake.start()
    wait.until(lambda: "UUID" in str(gateway.connect("web1").read()), "the refusal")


def test_quit_ends_the_stream_without_an_error(house):
    qemu = house.qemu()
    gateway = house.gateway(qemu).start()
    client, bystander = gateway.client("web1"), gateway.client("web1", "viewer")
    i = client.request("quit")
    messages = client.drain()
    assert not any("error" in m for m in messages), messages
    assert [m for m in messages if m.get("id") == i] in ([], [{"return": {}, "id": i}])
    ends(bystander)
    record = gateway.wait_record(type="outcome", command="quit")
    assert record["result"] in ("ok", "unknown")
    qemu.process.wait()


def test_a_vm_that_comes_back_is_served(house):
    qemu = house.qemu()
    gateway = house.gateway(qemu).start()
    client = gateway.client("web1")
    qemu.kill()
    ends(client)
    assert "error" in gateway.connect("web1").read()
    house.qemu(pid_suffix="-2")
    wait.until(lambda: "QMP" in gateway.connect("web1").read(), "the VM to be back")
    serves_again(gateway)


def test_a_storm_of_events_does_not_stop_commands(house):
    gateway = house.gateway(house.fake("--event-storm", 20000)).start()
    client = gateway.client("web1")
    for _ in range(20):
        assert client.result("query-status")["status"] == "running"
        client.events.clear()


def test_the_monitor_is_let_go_after_a_while_without_clients(house, qemu):
    gateway = house.gateway(qemu, limits={"monitor_linger_seconds": 1}).start()
    gateway.client("web1").close()
    holder = qemu.holder()
    assert "QMP" in holder.read()  # comes when the gateway has let go
    holder.close()
    serves_again(gateway)


def test_the_monitor_is_kept_for_a_while(house, qemu):
    gateway = house.gateway(qemu).start()
    gateway.client("web1").close()
    holder = qemu.holder()
    holder.sock.settimeout(0.3)
    with pytest.raises(Silent):
        holder.read()
    holder.close()
    serves_again(gateway)


def test_a_monitor_on_hold_is_connected_without_a_client(house):
    fake = house.fake()
    gateway = house.gateway()
    gateway.add_vm(fake, hold=True)
    gateway.start()
    fake.wait_received(b"qmp_capabilities")
    serves_again(gateway)


def test_attach_waits_for_nobody_else(house, qemu):
    """A VM that keeps silent takes 2 s to be given up; another one's clients attach meanwhile."""
    silent = house.fake("--no-greeting", names=("web2",))
    gateway = house.gateway(qemu, silent, options={"threads": 1}).start()
    slow = gateway.connect("web2")
    started = time.monotonic()
    gateway.client("web1").result("query-name")
    assert time.monotonic() - started < wait.scaled(1.5)
    expect.error(slow.read())


def test_descriptors_are_refused(house):
    gateway, fake = start(house)
    gateway.policy = gateway.policy.replace('"object-add", "quit"', '"object-add", "quit", "getfd", "add-fd", "closefd"')
    gateway.reload()
    client = gateway.client("web1")
    for command, arguments in (("getfd", {"fdname": "x"}), ("add-fd", {}), ("closefd", {"fdname": "x"})):
        expect.error(client.call(command, arguments))
    assert not any(b"fd" in line and b"execute" in line and b"getfd" in line for line in fake.received())


def test_no_descriptor_is_lost_over_many_reconnects(house):
    fake = house.fake("--only", "query-block", "--close-after", 0)
    gateway = house.gateway(fake).start()
    counts = []
    for _ in range(12):
        client = wait.until(lambda: (c := gateway.connect("web1")) and "QMP" in c.read() and c, "the VM")
        client.negotiate()
        client.request("query-block")
        client.drain()
        client.close()
        counts.append(len(os.listdir(f"/proc/{gateway.pid}/fd")))
    assert counts[-1] <= counts[2] + 2, counts


def test_a_greeting_that_is_too_long_is_none(house):
    """It would be kept, and told to every client."""
    vm = house.scripted(greeting={"QMP": {**GREETING["QMP"], "package": "x" * (1 << 17)}})
    gateway = house.gateway(vm).start()
    expect.error(gateway.connect("web1").read(), "GenericError", "greeting")


def test_an_event_that_is_too_long_is_lost_and_said_to_be(house):
    """A copy for each client is what a hostile VM could fill the gateway's memory with."""
    vm = house.scripted()
    gateway = house.gateway(vm, limits={"output_soft_bytes": 1 << 16}).start()
    client = gateway.client("web1")
    event = {"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 0}}
    vm.say({**event, "data": {"x": "y" * (1 << 16)}}, event)
    assert client.event("GATEWAY_EVENTS_LOST")["data"]["count"] in (1, 2)
    vm.say(event)
    assert client.event("STOP").get("data", {}) == {}


def test_one_command_of_those_in_flight_carries_no_id(house):
    """QEMU takes 3 us a byte: with one command at a time it reads none for an id."""
    vm = house.scripted()
    client = house.gateway(vm).start().client("web1")
    client.send(*[{"execute": "query-name", "id": f"long-{i}"} for i in range(7)])
    requests = vm.wait(7)
    assert "id" not in requests[0] and [r["id"] for r in requests[1:]] == [1, 2, 3, 4, 5, 6]
    for n, request in enumerate(requests):
        vm.answer(request, {"name": str(n)})
    assert [client.reply() for _ in range(7)] == [{"return": {"name": str(i)}, "id": f"long-{i}"} for i in range(7)]
    client.request("query-name")
    assert "id" not in vm.wait(8)[7]


@pytest.mark.parametrize("answer", [{"return": {}, "id": 0}, {"return": {}, "id": 1}, {"return": {}, "id": "0"},
                                    {"return": {}, "id": None}, {"return": {}, "id": 0.0}])
def test_an_id_that_was_not_given_is_no_answer(house, answer):
    vm = house.scripted()
    client = house.gateway(vm).start().client("web1")
    client.request("query-name")
    vm.wait(1)
    vm.say(answer)
    expect.unknown_outcome(client.reply())


def test_a_reply_without_an_id_to_nothing_ends_the_monitor(house):
    vm = house.scripted()
    client = house.gateway(vm).start().client("web1")
    client.send(*[{"execute": "query-name"} for _ in range(2)])
    requests = vm.wait(2)
    vm.answer(requests[0], {"name": "0"})
    vm.say({"return": {"name": "again"}})  # the one that is left has an id
    assert client.reply() == {"return": {"name": "0"}}
    expect.unknown_outcome(client.reply())
