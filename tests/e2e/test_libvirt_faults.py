"""What goes wrong with libvirt, its host and its VMs: nobody hangs, nothing runs twice, no session slips onto another VM."""

import os
import select
import signal
import uuid

import pytest

from harness import expect, wait
from harness.client import Closed
from harness.faults import Faults
from harness.libvirt import vms
from harness.process import open_descriptors

POLICY = """
role "owner"  { allow = {"*", "quit"} events = {"*"}
    rule "qom" { commands = {"qom-get"} when = {"path any", "property any"} } }
grant "owners" { to = {"x509:CN=admin,O=Example"} role = {"owner"} vms = {"*"} }
"""


@pytest.fixture
def libvirtd(house):
    return house.libvirtd()


@pytest.fixture
def web1(libvirtd):
    return libvirtd.domain("web1").start()


@pytest.fixture
def gateway(house, libvirtd):
    return house.gateway(libvirtd, policy=POLICY)


@pytest.fixture
def started(gateway, web1):
    gateway.start()
    wait_power(gateway, "web1", "running")
    return gateway


def wait_power(gateway, name, power):
    wait.until(lambda: vms(gateway).get(name, {}).get("power") == power, f"{name} to be {power}")


def wait_state(gateway, name, state):
    wait.until(lambda: vms(gateway).get(name, {}).get("state") == state, f"{name} to be {state}")


def is_running(gateway, machine):
    vm = vms(gateway).get(machine.name, {})
    return (vm.get("uuid"), vm.get("power")) == (machine.uuid, "running")


def late_ones(vm):
    """Those of a client, among libvirt's own."""
    return [r for r in vm.received() if r["execute"] == "qom-get" and r["arguments"]["property"].startswith("late")]


# --- a VM that hangs

def test_what_waits_for_a_hung_vm_is_refused_after_five_seconds(started, web1):
    client, other = started.client("web1"), started.client("web1")
    web1.freeze()
    client.send({"execute": "query-status", "id": 1})
    started.wait_log("VM web1: no answer for 5 s")
    expect.error(other.call("query-name"), "GenericError", "does not answer", "not run")
    web1.thaw()
    assert client.reply(1)["return"]["status"] == "running"
    assert other.result("query-name") == {"name": "web1"}


def test_past_the_deadline_the_outcome_is_unknown_and_audited_when_it_comes(gateway, web1):
    gateway.limits["vm_timeout_seconds"] = 6
    gateway.start()
    wait_power(gateway, "web1", "running")
    client = gateway.client("web1")
    web1.freeze()
    client.send({"execute": "query-status", "id": 1})
    expect.unknown_outcome(client.reply(1))
    assert not gateway.records(type="outcome", command="query-status")
    web1.thaw()
    assert gateway.wait_record(type="outcome", command="query-status")["result"] == "ok"
    assert client.result("query-name") == {"name": "web1"}
    assert web1.commands().count("query-status") == 1


def test_hung_vms_do_not_hold_up_healthy_ones(gateway, libvirtd):
    machines = [libvirtd.domain(f"vm{i}").start("--paused") for i in range(10)]
    gateway.start()
    wait.until(lambda: len(vms(gateway)) == 10, "the VMs")
    clients = [gateway.client(f"vm{i}") for i in range(10)]
    for c in clients:
        c.result("query-status")
    for vm in machines[:6]:
        vm.freeze()
    for c in clients[:6]:
        c.send({"execute": "query-status", "id": "hung"})
    for _ in range(20):
        for c in clients[6:]:
            c.sock.settimeout(wait.scaled(3))  # less than what libvirt's keep-alive would hide
            assert c.result("query-status")["status"] == "prelaunch"
    fresh = gateway.client("vm9")
    assert fresh.result("query-name") == {"name": "vm9"}
    for vm in machines[:6]:
        vm.thaw()
    for c in clients[:6]:
        assert c.reply("hung")["return"]["status"] == "prelaunch"


def test_hung_vms_never_take_all_calls(gateway, libvirtd):
    """Four calls at most, one of them kept for VMs that have answered lately: three that hang leave it to the rest."""
    gateway.libvirts["host1"]["max_calls"] = 4
    machines = [libvirtd.domain(f"vm{i}").start("--paused") for i in range(6)]
    gateway.start()
    wait.until(lambda: len(vms(gateway)) == 6, "the VMs")
    healthy = gateway.client("vm5")
    for vm in machines[:5]:
        vm.freeze()
    waiting = [gateway.connect(f"vm{i}") for i in range(5)]
    for _ in range(20):
        assert healthy.result("query-status")["status"] == "prelaunch"
    for vm in machines[:5]:
        vm.thaw()
    for c in waiting:
        c.close()


def test_the_gateway_ends_though_a_call_hangs(started, web1):
    client = started.client("web1")
    web1.freeze()
    client.send({"execute": "query-status", "id": 1})
    wait.until(lambda: started.records(type="intent", command="query-status"), "the command to be sent")
    started.limits["drain_seconds"] = 1
    started.reload()
    started.stop()
    web1.thaw()
    assert [r["result"] for r in started.records(type="outcome", command="query-status")] == ["unknown"]


# --- a VM that ends

@pytest.mark.parametrize("end", ["kill", "destroy"])
def test_a_vm_that_ends_ends_its_sessions(started, web1, end):
    client = started.client("web1")
    getattr(web1, end)()
    assert "GATEWAY_VM_DOWN" in [m.get("event") for m in client.drain()]
    wait_power(started, "web1", "shut off")
    expect.error(started.connect().ready().call("gateway-attach", vm="web1"), "GenericError", "not running")


@pytest.mark.parametrize("end", ["kill", "destroy"])
def test_a_command_in_flight_when_its_vm_ends_has_no_known_outcome(started, web1, end):
    client = started.client("web1")
    web1.freeze()
    client.send({"execute": "query-status", "id": 1})
    wait.until(lambda: started.records(type="intent", command="query-status"), "the command to be sent")
    getattr(web1, end)()
    replies = [m for m in client.drain() if "id" in m]
    assert len(replies) == 1
    expect.unknown_outcome(replies[0])
    assert started.wait_record(type="outcome", command="query-status")["result"] == "unknown"


def test_a_vm_that_is_started_anew_is_another_one_for_a_session(started, web1):
    client = started.client("web1")
    web1.destroy()
    web1.start()
    assert "GATEWAY_VM_DOWN" in [m.get("event") for m in client.drain()]
    wait_power(started, "web1", "running")
    assert started.client("web1").result("query-name") == {"name": "web1"}


def test_what_follows_a_command_in_flight_does_not_reach_a_vm_that_was_started_anew(started, web1):
    client = started.client("web1")
    web1.freeze()
    client.send({"execute": "query-status", "id": 1})
    wait.until(lambda: started.records(type="intent", command="query-status"), "the command to be sent")
    os.unlink(web1.trace)
    web1.destroy()
    web1.start()
    expect.unknown_outcome(client.reply(1))
    with pytest.raises((Closed, OSError)):
        while True:
            late = client.call("qom-get", path="/x", property="late")
            assert "error" in late and "not run" in late["error"]["desc"], late
    assert late_ones(web1) == []


def test_a_restart_that_the_gateway_has_not_heard_of_yet_is_seen_before_a_command_goes(started, web1):
    """The gateway sleeps through it: when it wakes, the command is there, and libvirt's events are still on their way."""
    for i in range(5):
        client = started.client("web1")
        client.call("qom-get", path="/x", property="before")
        os.kill(started.pid, signal.SIGSTOP)
        os.unlink(web1.trace)
        web1.destroy()
        web1.start("--paused")
        client.send({"execute": "qom-get", "arguments": {"path": "/x", "property": f"late{i}"}, "id": 1})
        os.kill(started.pid, signal.SIGCONT)
        replies = [m for m in client.drain() if m.get("id") == 1]
        assert all("not run" in r["error"]["desc"] for r in replies), replies
        assert late_ones(web1) == []
        wait_power(started, "web1", "paused")


def test_a_session_never_slips_onto_another_vm_of_the_same_name(started, libvirtd, web1):
    """Stopped, undefined, and defined again with another UUID as fast as it goes, again and again."""
    machine = web1
    for i in range(5):
        client = started.client("web1")
        client.call("qom-get", path=f"/{machine.uuid}", property="before")
        machine.destroy()
        machine.virsh("undefine")
        machine = libvirtd.domain("web1", str(uuid.uuid4())).start()
        try:
            for k in range(50):
                client.send({"execute": "qom-get", "arguments": {"path": f"/{i}", "property": f"late{k}"}})
        except OSError:
            pass  # it ended already
        client.drain()
        wait.until(lambda: is_running(started, machine), "the new VM")
        assert late_ones(machine) == []


# --- a libvirtd that ends

def test_a_libvirtd_that_is_restarted_keeps_the_sessions(started, libvirtd, web1):
    client = started.client("web1")
    client.result("query-status")
    libvirtd.kill()
    wait_state(started, "web1", "unreachable")
    expect.error(client.call("query-status"), "GenericError", "cannot be reached", "not run")
    expect.error(started.connect().ready().call("gateway-attach", vm="db1"), "GenericError", "no such VM")
    libvirtd.start()
    wait_state(started, "web1", "connected")
    client.events.clear()
    assert client.result("query-status")["status"] == "running"
    assert "GATEWAY_EVENTS_LOST" in [e["event"] for e in client.events] or client.event("GATEWAY_EVENTS_LOST")
    client.result("stop")
    client.event("STOP")


def test_a_command_in_flight_when_libvirtd_ends_has_no_known_outcome(started, libvirtd, web1):
    client = started.client("web1")
    web1.freeze()
    client.send({"execute": "qom-get", "arguments": {"path": "/machine", "property": "late"}, "id": 1})
    wait.until(lambda: started.records(type="intent", command="qom-get"), "the command to be sent")
    libvirtd.kill()
    reply = client.reply(1)
    web1.thaw()
    libvirtd.start()
    wait_state(started, "web1", "connected")
    assert client.result("query-name") == {"name": "web1"}
    if "not run" in expect.error(reply):  # on a slow build it had not left yet: then it is as good as its word
        assert not late_ones(web1)
    else:
        expect.unknown_outcome(reply)


def test_what_waited_for_its_record_when_libvirtd_ended_is_not_sent(house, gateway, libvirtd, web1, place):
    directory = os.path.join(place, "log")
    os.mkdir(directory)
    faults = Faults(house.build, place, directory)
    gateway.env.update(faults.env)
    gateway.audit_file = os.path.join(directory, "audit.jsonl")
    gateway.audit.update(path=gateway.audit_file, sync="data")
    gateway.start()
    wait_power(gateway, "web1", "running")
    client = gateway.client("web1")
    client.result("query-status")
    faults.begin("hold", "EAGAIN")
    request = client.request("query-name")
    intent = gateway.wait_record(type="intent", command="query-name")
    libvirtd.kill()
    gateway.wait_log("is unreachable")
    faults.end("hold")
    expect.error(client.reply(request), "GenericError", "cannot be reached", "not run")
    outcome = gateway.wait_record(type="outcome", request=intent["request"])
    assert (outcome["result"], outcome["code"]) == ("cancelled", "vm-unreachable")


def test_a_libvirtd_that_does_not_come_back_costs_the_sessions(gateway, libvirtd, web1):
    gateway.libvirts["host1"]["grace_seconds"] = 1
    gateway.start()
    wait_power(gateway, "web1", "running")
    client = gateway.client("web1")
    libvirtd.kill()
    assert "GATEWAY_VM_DOWN" in [m.get("event") for m in client.drain()]
    gateway.wait_record(type="session-close", code="vm-unreachable")
    fresh = gateway.connect().ready()
    expect.error(fresh.call("gateway-attach", vm="web1"), "GenericError", "no connection to libvirt")


def test_a_libvirtd_that_hangs_is_given_up(started, libvirtd, web1):
    client = started.client("web1")
    client.sock.settimeout(wait.TIMEOUT * 3)  # keep-alive takes up to 20 s to give it up
    libvirtd.freeze()
    client.send({"execute": "query-status", "id": 1})
    expect.unknown_outcome(client.reply(1))
    libvirtd.thaw()
    wait_state(started, "web1", "connected")
    assert client.result("query-name") == {"name": "web1"}


def test_a_vm_that_was_restarted_meanwhile_is_another_one(started, libvirtd, web1):
    client = started.client("web1")
    libvirtd.kill()
    wait_state(started, "web1", "unreachable")
    web1.kill()
    libvirtd.start()
    wait.until(lambda: "shut off" in web1.virsh("domstate"), "a libvirtd that has seen the end of web1")
    web1.start()
    assert "GATEWAY_VM_DOWN" in [m.get("event") for m in client.drain()]


def test_restarts_of_libvirtd_leave_no_descriptor_behind(started, libvirtd, web1):
    client = started.client("web1")
    client.result("query-status")

    def restart():
        libvirtd.kill()
        wait_state(started, "web1", "unreachable")
        libvirtd.start()
        wait_state(started, "web1", "connected")
        client.result("query-status")
        return open_descriptors(started.pid)
    first = restart()
    restart()
    assert restart() <= first + 2


def test_an_answer_that_comes_late_is_nobody_elses(house, libvirtd, web1):
    """That of a VM whose host is not the gateway's any more, when another VM of the name has been attached to since."""
    host2 = house.libvirtd("host2")
    gateway = house.gateway(libvirtd, host2, policy=POLICY).start()
    wait_power(gateway, "web1", "running")
    first = gateway.client("web1")
    web1.freeze()
    first.send({"execute": "query-status", "id": 1})
    wait.until(lambda: gateway.records(type="intent", command="query-status"), "its intent")
    del gateway.libvirts[libvirtd.name]
    gateway.reload()
    first.drain()
    other = host2.domain("web1").start()
    wait.until(lambda: is_running(gateway, other), "the other one")
    second = gateway.client("web1")
    second.result("query-name")
    other.freeze()
    second.send({"execute": "query-name", "id": 2})
    wait.until(lambda: len(gateway.records(type="intent", command="query-name")) == 2, "its intent")
    web1.thaw()
    assert not select.select([second.sock], [], [], 1)[0], second.reply()
    other.thaw()
    assert second.reply(2)["return"] == {"name": "web1"}
