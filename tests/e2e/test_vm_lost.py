"""A monitor that goes away under clients that have more to say."""

import signal
import threading

from harness import expect, wait


def start(house, **how):
    """A VM that a test speaks for, behind a gateway."""
    vm = house.scripted(**how.pop("vm", {}))
    return vm, house.gateway(vm, **how).start()


def test_introspection_behind_a_command_in_flight_is_not_run(house):
    vm, gateway = start(house)
    client = gateway.client("web1")
    client.send({"execute": "query-status", "id": 1}, {"execute": "query-qmp-schema", "id": 2})
    vm.wait(1)
    vm.drop()
    answers = {m["id"]: m for m in client.drain() if "id" in m}
    expect.unknown_outcome(answers[1])
    expect.error(answers[2], "GenericError", "not run")
    assert gateway.process.running()


def test_a_session_that_lingers_does_not_disturb_the_next(house):
    """Its peer has not read to the end when the VM is there again."""
    vm, gateway = start(house)
    client = gateway.client("web1")
    client.send(*[{"execute": "query-status", "id": i} for i in range(12)])
    vm.wait(7)
    vm.drop()
    wait.until(lambda: "lost" in gateway.said(), "the loss")
    other = gateway.client("web1", "viewer")
    request = other.request("query-name")
    vm.answer(vm.wait(8)[-1])
    assert "return" in other.reply(request)
    assert [m["id"] for m in client.drain() if "id" in m] == list(range(12))


def test_an_out_of_band_command_that_waits_is_answered_too(house):
    """It was asked for without the capability, so it waits in the queue for its refusal."""
    vm, gateway = start(house)
    client = gateway.client("web1")
    client.send(*[{"execute": "query-status", "id": i} for i in range(9)])
    client.send({"exec-oob": "migrate-pause", "id": 9})
    vm.wait(7)
    vm.drop()
    assert [m["id"] for m in client.drain() if "id" in m] == list(range(10))


def test_a_client_whose_time_is_up_while_it_attaches_leaves_nothing_behind(house):
    """Its request waits for a monitor that does not start. What is left of it at the end a sanitizer tells."""
    vm, gateway = start(house, vm={"start_up": {"query-qmp-schema": None}}, limits={"negotiate_seconds": 1})
    client = gateway.connect().greet()
    client.request("gateway-attach", vm="web1")
    assert client.drain() == []
    record = gateway.wait_record(type="outcome", command="gateway-attach")
    assert record["result"] == "unknown"


def test_a_vm_that_takes_nothing_any_more_is_lost(house):
    """It keeps its own side open, and is silent."""
    vm, gateway = start(house)
    client = gateway.client("web1")
    first = client.request("query-status")
    vm.wait(1)
    vm.go_deaf()
    second = client.request("query-name")
    expect.unknown_outcome(client.reply(first))
    expect.unknown_outcome(client.reply(second))
    client.event("GATEWAY_VM_DOWN")
    assert client.drain() == []
    for command in "query-status", "query-name":
        assert [r["result"] for r in gateway.records(type="outcome", command=command)] == ["unknown"]


def test_what_it_said_before_is_still_read(house):
    vm, gateway = start(house)
    client = gateway.client("web1")
    first = client.request("query-status")
    vm.wait(1)
    gateway.process.signal(signal.SIGSTOP)  # so that all of it is there at once
    vm.answer(vm.requests[0], {"status": "paused"})
    vm.go_deaf()
    second = client.request("query-name")
    gateway.process.signal(signal.SIGCONT)
    assert client.reply(first) == {"return": {"status": "paused"}, "id": first}
    expect.unknown_outcome(client.reply(second))
    client.event("GATEWAY_VM_DOWN")


def test_one_that_takes_nothing_and_talks_for_ever_is_lost_too(house):
    vm, gateway = start(house)
    client = gateway.client("web1", "viewer")  # who may not see the events
    vm.go_deaf()
    talk = threading.Thread(target=chatter, args=(vm,))
    talk.start()
    client.send({"execute": "query-status", "id": 1})
    expect.unknown_outcome(client.reply(1))
    client.event("GATEWAY_VM_DOWN")
    talk.join()


def chatter(vm):
    """Until nobody listens."""
    events = [{"event": "OTHER", "timestamp": {"seconds": 1, "microseconds": 1}}] * 1000
    try:
        while True:
            vm.say(*events)
    except OSError:
        pass
