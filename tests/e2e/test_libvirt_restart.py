"""follow_restart: sessions stay when libvirt starts their VM anew. Nothing that was sent is sent again, and no other VM is taken for it."""

import os
import signal
import threading
import time
import uuid

import pytest

from harness import expect, wait
from harness.libvirt import Traveller, vms

POLICY = """
role "owner"  { allow = {"@query", "qom-get", "stop"} events = {"*"}
    rule "qom" { commands = {"qom-get"} when = {"path any", "property any"} } }
grant "owners" { to = {"x509:CN=admin,O=Example"} role = {"owner"} vms = {"*"} }
grant "viewers" { to = {"x509:CN=viewer,O=Example"} role = {"owner"} vms = {"label:tenant=acme"} }
"""


@pytest.fixture
def libvirtd(house):
    return house.libvirtd()


@pytest.fixture
def web1(libvirtd):
    """With a trace for each QEMU that it is."""
    return libvirtd.domain("web1", kind=Traveller).start("--paused")


@pytest.fixture
def gateway(house, libvirtd):
    gateway = house.gateway(libvirtd, policy=POLICY)
    gateway.libvirts["host1"]["follow_restart"] = True
    return gateway


def start(gateway, **limits):
    gateway.limits.update(limits)
    gateway.start()
    wait.until(lambda: vms(gateway).get("web1", {}).get("power") == "paused", "web1")
    return gateway


def mark(client, name):
    return client.call("qom-get", path="/mark", property=name)["error"]["desc"]


def send_mark(client, name, number):
    client.send({"execute": "qom-get", "arguments": {"path": "/mark", "property": name}, "id": number})


def marks(vm):
    """What each QEMU got of ours, in no order."""
    found = ([r["arguments"]["property"] for r in requests if r.get("arguments", {}).get("path") == "/mark"]
             for requests in vm.traces().values())
    return sorted(m for m in found if m)


def events(client):
    return [m.get("event") for m in client.drain() + client.events]


# --- what is refused, and what is not followed

def test_what_waits_for_too_long_is_refused(gateway, web1):
    client = start(gateway, barrier_wait_seconds=1).client("web1")
    web1.destroy()
    gateway.wait_log("its sessions wait")
    expect.error(client.call("query-status"), "GenericError", "not connected", "not run")
    assert gateway.wait_record(type="refused", command="query-status")["code"] == "vm-lost"


def test_one_that_does_not_come_back_ends_its_sessions(gateway, web1):
    gateway.libvirts["host1"]["grace_seconds"] = 1
    client = start(gateway).client("web1")
    web1.destroy()
    assert "GATEWAY_VM_DOWN" in events(client)


def test_nobody_is_let_in_to_wait(gateway, web1):
    client = start(gateway).client("web1")
    web1.destroy()
    gateway.wait_log("its sessions wait")
    expect.error(gateway.connect().ready().call("gateway-attach", vm="web1"), "GenericError", "not running")
    web1.start("--paused")
    client.event("GATEWAY_VM_RESTARTED")


def test_without_a_session_nothing_is_waited_for(gateway, web1):
    start(gateway).client("web1").close()
    gateway.wait_record(type="session-close", vm="web1")
    web1.destroy()
    gateway.wait_log("it does not run any more")
    assert "its sessions wait" not in gateway.said()


def test_what_was_in_flight_is_not_sent_again(gateway, web1):
    client = start(gateway).client("web1")
    web1.freeze()
    send_mark(client, "flight", 1)
    wait.until(lambda: gateway.records(type="intent", command="qom-get"), "the command to be sent")
    web1.destroy()
    web1.start("--paused")
    expect.unknown_outcome(client.reply(1))
    client.event("GATEWAY_VM_RESTARTED")
    mark(client, "after")
    assert ["after"] in marks(web1)


@pytest.mark.parametrize("asleep", [False, True])
def test_another_vm_of_its_name_is_not_followed(gateway, libvirtd, web1, asleep):
    """Nor if the gateway hears of all of it at once."""
    client = start(gateway).client("web1")
    if asleep:
        os.kill(gateway.pid, signal.SIGSTOP)
    web1.destroy()
    web1.virsh("undefine")
    other = libvirtd.domain("web1", str(uuid.uuid4())).start("--paused")
    send_mark(client, "late", 1)
    if asleep:
        os.kill(gateway.pid, signal.SIGCONT)
    assert "GATEWAY_VM_DOWN" in events(client)
    assert "/mark" not in str(other.received())


def test_policy_decides_anew(gateway, web1):
    """A label that it had is another one after the restart."""
    gateway.libvirts["host1"]["trust_metadata"] = True
    uri = ("metadata", "--uri", "urn:qmpgate:labels:1", "--key", "q")
    web1.virsh(*uri, "--live", "--set", "<labels>tenant=acme</labels>")
    web1.virsh(*uri, "--config", "--set", "<labels>tenant=other</labels>")
    start(gateway)
    stays, goes = gateway.client("web1"), gateway.client("web1", cert="viewer")
    goes.result("query-status")
    web1.destroy()
    web1.start("--paused")
    assert "GATEWAY_CLOSED" in events(goes)
    stays.result("query-status")


# --- what is followed

def test_a_session_survives_a_restart_of_its_vm(gateway, web1):
    client = start(gateway).client("web1")
    mark(client, "before")
    web1.destroy()
    web1.start("--paused")
    assert client.event("GATEWAY_VM_RESTARTED")["data"] == {"host": "host1"}
    mark(client, "after")
    assert marks(web1) == [["after"], ["before"]]
    assert "GATEWAY_EVENTS_LOST" in [e["event"] for e in client.events] or client.event("GATEWAY_EVENTS_LOST")
    assert "GATEWAY_VM_MOVED" not in [e["event"] for e in client.events]
    texts = [r.get("text", "") for r in gateway.records(type="attach", vm="web1")]
    assert any("restarted at libvirt host1" in t for t in texts), texts


def test_what_waited_goes_to_the_new_one(gateway, web1):
    client = start(gateway).client("web1")
    web1.destroy()
    gateway.wait_log("its sessions wait")
    for i in range(3):
        send_mark(client, str(i), i)
    web1.start()  # with a RESUME, which is not the old one's
    for i in range(3):
        assert "not found" in client.reply(i)["error"]["desc"].lower()
    assert marks(web1) == [["0", "1", "2"]]


def test_a_vm_that_is_killed_is_followed(gateway, web1):
    client = start(gateway).client("web1")
    web1.kill()
    gateway.wait_log("its sessions wait")
    web1.start("--paused")
    client.event("GATEWAY_VM_RESTARTED")
    assert client.result("query-status")["status"] in ("paused", "prelaunch")


def test_restart_after_restart_each_command_runs_at_most_once(gateway, web1):
    client = start(gateway, barrier_wait_seconds=60).client("web1")
    ended = threading.Event()
    outcomes = {}

    def run():
        n = 0
        while not ended.is_set():
            error = mark(client, str(n))
            outcomes[n] = "unknown" if "unknown" in error else "not run" if "not run" in error else "run"
            n += 1
            time.sleep(0.005)
    thread = threading.Thread(target=run)
    thread.start()
    for i in range(5):
        web1.destroy()
        web1.start("--paused")
        wait.until(lambda: gateway.said().count("it was started anew at") > i, "the restart to be followed")
        before = len(outcomes)
        wait.until(lambda: len(outcomes) > before + 5, "commands after the restart")
    ended.set()
    thread.join()
    seen = [int(m) for got in marks(web1) for m in got]
    assert len(seen) == len(set(seen)), "one ran twice"
    for n, outcome in outcomes.items():
        assert outcome != "run" or n in seen, n
        assert outcome != "not run" or n not in seen, n
