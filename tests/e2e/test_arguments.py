"""Arguments are checked against the VM's own schema before policy: what does not fit never reaches the VM."""

import json

import pytest

from harness import expect
from harness.gateway import POLICY

NAMES = ("blockdev-add", "blockdev-del", "transaction", "block_resize", "device_add", "migrate-recover")
OPENED = POLICY.replace('"object-add", ', '"object-add", ' + "".join(f'"{n}", ' for n in NAMES))

WRONG = [
    ("blockdev-add", {"driver": "qcow2", "file": {"driver": "file"}}, "Parameter 'file.filename' is missing"),
    ("blockdev-add", {"driver": "raw", "file": "f", "filename": "/d"}, "Parameter 'filename' is unexpected"),
    ("blockdev-add", {"driver": "qcow3"}, "Parameter 'driver' does not accept value 'qcow3'"),
    ("blockdev-add", {"driver": "raw", "file": None}, "Invalid parameter type for 'file', expected: object or string"),
    ("transaction", {"actions": [{"type": "abort", "data": {}}, {"type": "abort", "data": {"x": 1}}]},
     "Parameter 'actions[1].data.x' is unexpected"),
    ("block_resize", {"device": "d", "size": 1.0}, "Invalid parameter type for 'size', expected: integer"),
    ("device_add", {"id": "a"}, "Parameter 'driver' is missing"),
    ("device_del", None, "Parameter 'id' is missing"),
    ("stop", {"x": 1}, "Parameter 'x' is unexpected"),
]


@pytest.fixture(scope="module")
def web1(module_house):
    return module_house.qemu()


@pytest.fixture(scope="module")
def gate(module_house, web1):
    return module_house.gateway(web1, policy=OPENED).start()


@pytest.fixture
def gateway(house, qemu):
    return house.gateway(qemu, policy=OPENED).start()


@pytest.mark.parametrize("command, arguments, words", WRONG, ids=[f"{c[0]}-{i}" for i, c in enumerate(WRONG)])
def test_what_does_not_fit_is_refused_in_qemus_words(gate, command, arguments, words):
    with gate.client("web1") as client:
        assert client.error(command, arguments) == {"class": "GenericError", "desc": words}


def test_what_does_not_fit_never_reaches_the_vm(gateway, qemu):
    client = gateway.client("web1")
    client.result("query-name")
    for command, arguments, _ in WRONG:
        client.error(command, arguments)
    client.result("query-name")
    commands = qemu.commands()
    assert commands[commands.index("query-name"):] == ["query-name", "query-name"]


def test_what_fits_goes_on_to_the_vm(gate):
    with gate.client("web1") as client:
        assert client.error("device_add", driver="virtio-net-pci", mac="x")["desc"].startswith("No 'PCI' bus")
        assert client.error("device_del", id="none")["class"] == "DeviceNotFound"
        assert client.result("blockdev-add", {"driver": "null-co", "node-name": "n1"}) == {}
        assert client.result("blockdev-del", {"node-name": "n1"}) == {}
        assert client.result("stop", {}) == {}


def test_it_is_recorded_without_values(gateway):
    gateway.client("web1").error("object-add", {"qom-type": "secret", "id": "s", "data": {"hunter2": "hunter3"}})
    gateway.client("web1").error("blockdev-add", {"driver": "hunter4"})
    first = gateway.wait_record(type="refused", command="object-add")
    second = gateway.wait_record(type="refused", command="blockdev-add")
    assert first["result"] == "denied" and "rule" not in first and "arguments" not in first
    assert first["text"].endswith(" has a wrong type")  # of a command with secrets nothing is quoted
    assert set(first["shape"]) == {"qom-type", "id", "data"}
    assert second["text"] == "the argument 'driver' has a wrong value"
    assert "hunter" not in json.dumps([first, second])
    assert not gateway.records(type="intent", command="object-add")


def test_who_may_not_run_a_command_learns_nothing_of_what_it_takes(gate):
    with gate.client("web1", "viewer") as client:
        denied = client.error("device_add", driver="a")
        expect.denied({"error": denied}, "device_add")
        for arguments in (None, {"id": "a"}, {"driver": {}}):
            assert client.error("device_add", arguments) == denied


def test_it_is_answered_in_its_turn(gate):
    with gate.client("web1") as client:
        ids = [client.request(c, a) for c, a in (("query-name", None), ("stop", {"x": 1}), ("query-status", None),
                                                  ("stop", {"y": 1}), ("query-kvm", None))]
        replies = [client.reply(i) for i in ids]
        assert ["error" in r for r in replies] == [False, True, False, True, False]


def test_out_of_band_is_no_way_around(gateway, qemu):
    client = gateway.client("web1", enable=["oob"])
    assert client.error("migrate-recover", {"uri": 1}, oob=True)["desc"] == \
        "Invalid parameter type for 'uri', expected: string"
    assert "return" in client.call("query-yank", oob=True)
    assert "migrate-recover" not in qemu.commands()


def test_explain_says_that_arguments_do_not_fit(gate):
    with gate.client("web1") as client:
        assert client.result("gateway-explain", execute="device_del")["allowed"] is True
        assert client.result("gateway-explain", {"execute": "device_del", "arguments": {"id": "a"}})["allowed"] is True
        told = client.result("gateway-explain", {"execute": "device_del", "arguments": {}})
        assert told["allowed"] is False and told["reason"] == "Parameter 'id' is missing"
    with gate.client("web1", "viewer") as client:
        told = client.result("gateway-explain", {"execute": "device_del", "arguments": {}})
        assert told["allowed"] is False and "Parameter" not in told["reason"]


def test_a_vm_whose_schema_contradicts_itself_is_not_served(house):
    vm = house.scripted(start_up={"query-qmp-schema": [
        {"name": "query-status", "meta-type": "command", "arg-type": "0", "ret-type": "0"},
        {"name": "0", "meta-type": "object", "members": [], "tag": "t", "variants": []}]})
    gateway = house.gateway(vm).start()
    with gateway.connect("web1") as client:
        assert client.read()["error"]["class"] == "GenericError"
    gateway.wait_log("a tag that is no member")
