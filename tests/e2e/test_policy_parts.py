"""Events by their data, and replies of which a role does not show every part, on a real QEMU and a scripted one."""

import json

import pytest

from harness.scripted_vm import SCHEMA

POLICY = """
role "watcher" {
    allow = {"query-named-block-nodes", "query-name"}
    rule "own" {
        events = {"DEVICE_DELETED", "NIC_RX_FILTER_CHANGED"}
        when   = {"device glob hot-*"}
    }
    events = {"STOP"}
    redact = {"query-named-block-nodes: **.filename", "query-named-block-nodes: [].image.virtual-size"}
}
role "keeper" {
    allow  = {"*", "device_add", "blockdev-add", "object-add"}
    events = {"*"}
    rule "disks" { commands = {"blockdev-add"} when = {"**.filename any", "size? any"} }
}
grant "watching" { to = {"x509:CN=viewer,O=Example"} role = {"watcher"} vms = {"*"} }
grant "keeping"  { to = {"x509:CN=admin,O=Example"}  role = {"keeper"}  vms = {"*"} }
"""


@pytest.fixture
def vm(house):
    return house.qemu(machine=("-machine", "pc,accel=tcg", "-S", "-m", "64", "-netdev", "hubport,id=n0,hubid=0"))


@pytest.fixture
def gateway(house, vm):
    return house.gateway(vm, policy=POLICY).start()


def test_a_part_of_a_reply_is_not_shown(gateway, tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(1 << 20))
    keeper, watcher = gateway.client("web1"), gateway.client("web1", "viewer")
    keeper.result("blockdev-add", {"driver": "raw", "node-name": "n", "file": {"driver": "file", "filename": str(disk)}})
    whole = keeper.result("query-named-block-nodes")
    shown = watcher.result("query-named-block-nodes")
    assert str(disk) in json.dumps(whole) and [n["node-name"] for n in shown] == [n["node-name"] for n in whole]
    assert all(n["image"]["filename"] == "" and n["image"]["virtual-size"] == 0 for n in shown)
    assert all(n["image"]["format"] == w["image"]["format"] for n, w in zip(shown, whole))


def test_other_replies_are_shown_whole(gateway):
    assert gateway.client("web1", "viewer").result("query-name") == {"name": "web1"}


# --- hostile replies ---------------------------------------------------------------------------------

NODES = {"name": "query-named-block-nodes", "meta-type": "command", "arg-type": "0", "ret-type": "0"}
DELETED = {"name": "DEVICE_DELETED", "meta-type": "event", "arg-type": "0"}


@pytest.fixture
def scripted(house):
    vm = house.scripted(start_up={"query-qmp-schema": [*SCHEMA, NODES, DELETED]})
    return vm, house.gateway(vm, policy=POLICY).start().client("web1", "viewer")


def reply(scripted, value):
    vm, client = scripted
    asked = client.request("query-named-block-nodes")
    vm.answer(vm.wait(1)[-1], value)
    return client.reply(asked)


@pytest.mark.parametrize("value, shown", [
    (b'{"filename": "/a"}', {"filename": ""}), (b'{"file\\u006eame": "/a"}', {"filename": ""}),
    (b'[[{"a": {"filename": {"b": "/a"}}}]]', [[{"a": {"filename": {}}}]]),
    (b'{"filename": ["/a"], "x": 1}', {"filename": [], "x": 1}), (b'{"filename": 7}', {"filename": 0}),
    (b'{"filename": true}', {"filename": False}), (b'{"filename": null}', {"filename": None}),
    (b'{"a": "filename"}', {"a": "filename"}), (b'"/a"', "/a"), (b'17', 17), (b'[]', [])], ids=repr)
def test_what_is_hidden_is_hidden_however_it_is_written(scripted, value, shown):
    assert reply(scripted, value)["return"] == shown


@pytest.mark.parametrize("value", [
    b"[" * 100 + b'{"filename": "/secret"}' + b"]" * 100, b'{"filename": "/secret", "filename": "/secret2"}'],
    ids=["too deep", "a name twice"])
def test_what_cannot_be_looked_through_is_not_shown(scripted, value):
    answer = reply(scripted, value)
    assert "may not be shown" in answer["error"]["desc"] and "secret" not in json.dumps(answer)


# --- events ------------------------------------------------------------------------------------------

def heard(scripted, *data):
    """The data of those DEVICE_DELETED that the watcher hears."""
    vm, client = scripted
    for one in data:
        vm.sock.sendall(b'{"event": "DEVICE_DELETED", "timestamp": {"seconds": 1, "microseconds": 1}%s}\r\n' %
                        (b', "data": ' + one if one else b""))
    vm.say({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 1}})
    events = []
    while not events or events[-1]["event"] != "STOP":
        events.append(client.read())
    return [e.get("data") for e in events[:-1]]


def test_an_event_is_heard_if_its_data_fit(scripted):
    assert heard(scripted, b'{"device": "hot-1", "path": "/x"}') == [{"device": "hot-1", "path": "/x"}]


@pytest.mark.parametrize("data", [
    b'{"device": "disk0", "path": "/x"}', b'{"path": "hot-1"}', b"", b'{"device": ["hot-1"]}', b'{"device": 1}',
    b'{"device": "hot-1", "device": "disk0"}', b'{"device": "a/hot-1"}',
    b'{"device": "hot-1", "deep": ' + b"[" * 80 + b"]" * 80 + b"}"], ids=range(8))
def test_other_events_are_not_heard(scripted, data):
    assert heard(scripted, data) == []
