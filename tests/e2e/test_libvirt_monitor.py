"""A monitor by way of libvirt: what goes through, what comes back, what does not go that way."""

import base64
import json
import socket

import pytest

from harness import expect, wait
from harness.libvirt import vms

POLICY = """
role "owner"  { allow = {"*", "ringbuf-read", "human-monitor-command", "chardev-add", "chardev-remove", "object-add", "object-del", "qom-get", "quit"}
    events = {"*"}
    rule "hmp" { commands = {"human-monitor-command"} when = {"command-line any"} }
    rule "objects" { commands = {"object-add"} when = {"** any"} }
    rule "qom" { commands = {"qom-get"} when = {"path any", "property any"} }
    rule "chardevs" { commands = {"chardev-add"} when = {"** any"} }
    rule "ringbuf" { commands = {"ringbuf-read", "ringbuf-write"} when = {"** any"} } }
role "viewer" { allow = {"@query"} events = {"STOP"} }
grant "owners" { to = {"x509:CN=admin,O=Example"} role = {"owner"} vms = {"*"} }
grant "viewers" { to = {"x509:CN=viewer,O=Example"} role = {"viewer"} vms = {"web*"} }
grant "site" { to = {"x509:CN=admin,O=Example"} admin = {"stats"} }
"""


@pytest.fixture(scope="module")
def libvirtd(module_house):
    return module_house.libvirtd()


@pytest.fixture(scope="module")
def web1(libvirtd):
    return libvirtd.domain("web1").start()


@pytest.fixture(scope="module")
def gateway(module_house, libvirtd, web1):
    gateway = module_house.gateway(libvirtd, policy=POLICY).start()
    gateway.wait_log("libvirt host1: connected")
    return gateway


@pytest.fixture
def client(gateway):
    with gateway.client("web1") as client:
        yield client


# --- what is refused

def test_policy_stands_between(gateway, web1):
    client = gateway.client("web1", cert="viewer")
    before = web1.commands()
    expect.denied(client.call("stop"))
    expect.denied(client.call("object-add", {"qom-type": "iothread", "id": "x"}))
    assert "return" in client.call("query-status")
    assert web1.commands() == before + ["query-status"]


def test_out_of_band_is_not_offered(gateway, client):
    assert client.greeting["QMP"]["capabilities"] == []
    expect.error(gateway.connect("web1").greet().call("qmp_capabilities", enable=["oob"]), "GenericError", "oob")


@pytest.mark.parametrize("size", [(512 << 10) + 1, 1 << 31, 1 << 62])
def test_a_reply_that_could_break_the_monitor_is_refused(gateway, client, web1, size):
    client.result("chardev-add", {"id": "ring", "backend": {"type": "ringbuf", "data": {"size": 1 << 23}}})
    before = web1.commands()
    desc = expect.error(client.call("ringbuf-read", device="ring", size=size), "GenericError", "cannot go through libvirt")
    assert "not run" in desc
    assert web1.commands() == before
    assert gateway.wait_record(type="refused", command="ringbuf-read")["code"] == "not-by-libvirt"
    assert client.result("query-name") == {"name": "web1"}, "the monitor is whole"
    client.result("chardev-remove", id="ring")


def test_the_largest_read_that_goes_is_whole(client):
    """Each byte becomes six: the worst that may come back."""
    client.result("chardev-add", {"id": "ring2", "backend": {"type": "ringbuf", "data": {"size": 1 << 20}}})
    for _ in range(18):
        client.result("ringbuf-write", device="ring2", format="base64", data=base64.b64encode(b"\x01" * 30000).decode())
    data = client.result("ringbuf-read", device="ring2", size=512 << 10)
    assert data == "\x01" * (512 << 10)
    client.result("chardev-remove", id="ring2")


@pytest.mark.parametrize("line", ["x /100000bx 0", "xp/99999c 0", "i /10000x 0"])
def test_a_dump_that_could_break_the_monitor_is_refused(client, web1, line):
    before = web1.commands()
    expect.error(client.call("human-monitor-command", {"command-line": line}), "GenericError", "cannot go through libvirt")
    assert web1.commands() == before


def test_a_nul_is_refused_because_libvirt_would_cut_there(client, web1):
    """Otherwise what the VM gets is not what was judged."""
    before = web1.commands()
    expect.error(client.call("qom-get", path="/machine\0/evil", property="type"), "GenericError", "NUL")
    assert web1.commands() == before


# --- what goes through

def test_what_was_judged_is_what_arrives(client, web1):
    """Every kind of value, through libvirt's own parser and writer."""
    texts = ['"', "\\", "/", "a\tb\n", "\u00e9\u20ac", "\U0001f600", "</x>", "%s%n", "'", "\x7f", "\u2028"]
    for text in texts:
        client.error("qom-get", path="/none", property=text)
    got = [r["arguments"]["property"] for r in web1.received() if r.get("arguments", {}).get("path") == "/none"]
    assert got == texts
    for number in (0, -1, 9223372036854775807, -9223372036854775808, 18446744073709551615):
        client.call("object-add", {"qom-type": "iothread", "id": "n", "poll-max-ns": number})
        client.call("object-del", id="n")
    sent = [r["arguments"]["poll-max-ns"] for r in web1.received() if "poll-max-ns" in r.get("arguments", {})]
    assert sent[:3] == [0, -1, 9223372036854775807]


@pytest.mark.parametrize("id_text", ["1", "\"x\"", "null", "{\"a\": [1, 2]}", "1.10", "\"libvirt-7\"", "-0"])
def test_the_clients_id_comes_back_as_it_was(client, id_text):
    client.raw(b'{"execute":"query-name","id":' + id_text.encode() + b"}")
    assert client.read_line().replace(b" ", b"").endswith(b'"id":' + id_text.replace(" ", "").encode() + b"}\r\n")


def test_no_id_is_no_id(client):
    client.send({"execute": "query-name"})
    assert client.read() == {"return": {"name": "web1"}}


def test_an_error_is_the_vms_own(client):
    assert client.call("object-del", id="nobody")["error"] == {"class": "GenericError", "desc": "object 'nobody' not found"}


def test_commands_run_in_the_order_they_came(gateway, web1):
    clients = [gateway.client("web1") for _ in range(4)]
    before = len(web1.received())
    for c in clients:
        c.send(*[{"execute": "qom-get", "arguments": {"path": f"/c{clients.index(c)}", "property": str(i)}, "id": i} for i in range(20)])
    for c in clients:
        assert [c.reply()["id"] for _ in range(20)] == list(range(20))
    seen = [r["arguments"] for r in web1.received()[before:] if r["execute"] == "qom-get"]
    for k in range(4):
        assert [int(a["property"]) for a in seen if a["path"] == f"/c{k}"] == list(range(20))
    for c in clients:
        c.close()


def test_events_are_typed_as_on_the_socket(client, web1):
    client.result("chardev-add", {"id": "c1", "backend": {"type": "null", "data": {}}})
    client.result("stop")
    stop = client.event("STOP")
    assert set(stop) == {"event", "timestamp"} and set(stop["timestamp"]) == {"seconds", "microseconds"}
    client.result("cont")
    client.event("RESUME")
    client.result("object-add", {"qom-type": "throttle-group", "id": "t"})
    client.result("chardev-remove", id="c1")
    web1.virsh("qemu-monitor-command", json.dumps({"execute": "system_reset"}))
    reset = client.event("RESET")
    assert reset["data"] == {"guest": False, "reason": "host-qmp-system-reset"}


def test_events_go_to_those_who_may_see_them(gateway, web1):
    owner, viewer = gateway.client("web1"), gateway.client("web1", cert="viewer")
    web1.virsh("suspend")
    web1.virsh("resume")
    owner.event("STOP")
    owner.event("RESUME")
    viewer.event("STOP")
    viewer.result("query-status")
    assert [e["event"] for e in viewer.events] == []


def test_a_storm_of_events_costs_nobody_a_reply(gateway, web1):
    client = gateway.client("web1")
    for _ in range(300):
        client.send({"execute": "stop"}, {"execute": "cont"})
    replies = [client.reply() for _ in range(600)]
    assert all("return" in r for r in replies)
    assert client.result("query-status")["status"] == "running"
    assert {e["event"] for e in client.events} <= {"STOP", "RESUME", "GATEWAY_EVENTS_LOST"}
    assert len(client.events) >= 590, len(client.events)


def test_the_audit_says_which_libvirt_and_host(gateway, libvirtd, client):
    record = gateway.wait_record(type="attach", vm="web1")
    assert "libvirt host1, qemu+unix:///session" in json.dumps(record) and socket.gethostname() in json.dumps(record), record


def test_introspection_is_that_of_the_vm(gateway):
    viewer = gateway.client("web1", cert="viewer")
    names = {c["name"] for c in viewer.result("query-commands")}
    assert "query-status" in names and "stop" not in names


# --- the end

def test_quit_ends_the_session_without_an_error(libvirtd, gateway):
    vm = libvirtd.domain("quitter").start()
    wait.until(lambda: vms(gateway).get("quitter", {}).get("power") == "running", "the VM")
    client = gateway.client("quitter")
    client.send({"execute": "quit", "id": 1})
    messages = client.drain()
    assert not [m for m in messages if "error" in m], messages
    assert [m["event"] for m in messages if m.get("event", "").startswith("GATEWAY")] == ["GATEWAY_VM_DOWN"]
    wait.until(lambda: vms(gateway)["quitter"]["power"] == "shut off", "its end")
    vm.virsh("undefine")
