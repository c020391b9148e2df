"""The phases of a connection: auth, attach, negotiate, ready; and the gateway's own commands in them."""

import pytest

from harness import expect
from harness.client import Closed
from harness.qemu import UUID


@pytest.fixture
def two(house):
    """web1 and web2 are real, db1 is fake; the viewer sees the web ones only."""
    vms = [house.qemu("web1"), house.qemu("web2", uuid=UUID[:-1] + "6"), house.fake(names=("db1",))]
    return house.gateway(*vms).add_control().start()


def test_without_a_vm_the_greeting_is_the_gateways_own(gateway):
    client = gateway.connect().greet()
    body = client.greeting["QMP"]
    assert body["version"]["package"].startswith("qmpgate ")
    assert body["capabilities"] == ["gateway"]
    assert set(body["version"]["qemu"]) == {"major", "minor", "micro"}


def test_attach_gives_the_vms_greeting(gateway, qemu):
    greeting = qemu.direct().greet().greeting
    client = gateway.connect().greet()
    result = client.result("gateway-attach", vm="web1")
    assert greeting["QMP"] in result.values()


def test_attach_leads_to_negotiation(gateway):
    client = gateway.connect().greet()
    client.result("gateway-attach", vm="web1")
    assert client.result("gateway-info")["phase"] == "negotiate"
    expect.not_negotiated(client.call("query-status"))
    client.negotiate()
    assert client.result("gateway-info")["phase"] == "ready"
    assert client.result("query-name") == {"name": "web1"}


def test_negotiation_is_remembered(gateway):
    client = gateway.connect().ready()
    assert client.result("gateway-info")["phase"] == "attach"
    client.result("gateway-attach", vm="web1")
    assert client.result("gateway-info")["phase"] == "ready"
    assert client.result("query-name") == {"name": "web1"}


def test_remembered_negotiation_is_not_done_twice(gateway):
    client = gateway.connect().ready()
    expect.error(client.call("qmp_capabilities"), "CommandNotFound")
    client.result("gateway-attach", vm="web1")
    expect.error(client.call("qmp_capabilities"), "CommandNotFound")


def test_attach_can_enable_out_of_band_late(gateway):
    client = gateway.connect().ready()
    client.result("gateway-attach", vm="web1", enable=["oob"])
    assert client.result("query-yank", oob=True)


def test_attach_by_uuid(gateway, qemu):
    gateway.add_vm(qemu, uuid=qemu.uuid)
    gateway.reload()
    client = gateway.connect().ready()
    client.result("gateway-attach", vm=qemu.uuid)
    assert client.result("query-name") == {"name": "web1"}


def test_before_attach_commands_of_a_vm_have_nowhere_to_go(gateway, qemu):
    client = gateway.connect().ready()
    expect.error(client.call("query-status"))
    client.result("gateway-attach", vm="web1")
    assert qemu.commands().count("query-status") == 0


def test_attach_twice_needs_a_detach_between(two):
    client = two.connect().ready()
    client.result("gateway-attach", vm="web1")
    assert "error" in client.call("gateway-attach", vm="web2")
    client.result("gateway-detach")
    client.result("gateway-attach", vm="web2")
    assert client.result("query-name") == {"name": "web2"}


def test_after_detach_nothing_comes_from_the_vm(two):
    client, other = two.connect().ready(), two.client("web1", "operator")
    client.result("gateway-attach", vm="web1")
    client.result("gateway-detach")
    other.result("stop")
    other.event("STOP")
    assert client.result("gateway-info")["phase"] == "attach"
    expect.error(client.call("query-status"))
    assert client.events == []


@pytest.mark.parametrize("name", ["no-such-vm", "db1", "web1 ", "WEB1", "", "web1\u0000", "..", "/etc/passwd",
                                  "00000000-0000-0000-0000-000000000000", "x" * 1000])
def test_an_unknown_and_an_invisible_vm_look_the_same(two, name):
    client = two.connect(cert="viewer").ready()
    unknown = client.error("gateway-attach", vm="no-such-vm")
    assert client.error("gateway-attach", vm=name) == unknown
    client.result("gateway-attach", vm="web1")


def test_the_same_by_server_name(two):
    lines = []
    for name in ("no-such-vm", "db1"):
        client = two.connect(name, "viewer")
        lines.append(client.read_line())
        with pytest.raises(Closed):
            client.read_line()
    assert lines[0] == lines[1]
    assert b'"error"' in lines[0] and b'"id"' not in lines[0]


def test_the_server_name_is_taken_without_regard_to_case(gateway):
    client = gateway.connect(server_name="WeB1.VM.Example.Com").ready()
    assert client.result("query-name") == {"name": "web1"}


def test_the_server_name_may_be_a_uuid(gateway, qemu):
    gateway.add_vm(qemu, uuid=qemu.uuid)
    gateway.reload()
    assert gateway.client(qemu.uuid).result("query-name") == {"name": "web1"}


def test_a_name_that_is_no_dns_label_needs_attach(house, pki):
    fake = house.fake("--name", "a_b.c", names=("a_b.c",))
    gateway = house.gateway(fake).start()
    client = gateway.connect("x").drain()
    assert len(client) == 1
    client = gateway.connect().ready()
    client.result("gateway-attach", vm="a_b.c")
    assert client.result("query-name") == {"name": "a_b.c"}


def test_a_server_name_that_is_not_ours_names_no_vm(gateway):
    client = gateway.connect(server_name="localhost").greet()
    assert client.greeting["QMP"]["capabilities"] == ["gateway"]


def test_a_listener_may_name_the_vm(house, qemu):
    gateway = house.gateway(qemu)
    gateway.listeners["public"].update(vm="web1")
    del gateway.listeners["public"]["sni_suffix"]
    gateway.start()
    assert gateway.connect().ready().result("query-name") == {"name": "web1"}


def test_without_a_certificate_nothing_is_reachable(house, qemu):
    gateway = house.gateway(qemu)
    gateway.listeners["public"]["client_cert"] = "optional"
    gateway.start()
    client = gateway.connect("web1", cert=None).greet()
    assert client.greeting["QMP"]["capabilities"] == ["gateway"]
    info = client.result("gateway-info")
    assert info["phase"] == "auth" and not info.get("identity")
    client.negotiate()
    for command in ("query-status", "gateway-attach", "gateway-list-vms", "gateway-sessions", "gateway-stats"):
        assert "error" in client.call(command, {"vm": "web1"} if command == "gateway-attach" else None)
    assert "query-status" not in qemu.commands()


def test_info_says_who_and_where(gateway, pki):
    client = gateway.client("web1", "viewer")
    info = client.result("gateway-info")
    assert info["phase"] == "ready"
    assert info["identity"] == pki.identity("viewer")
    assert "web1" in str(info["vm"])
    assert info["version"]
    info = gateway.connect(cert="viewer").greet().result("gateway-info")
    assert info["phase"] == "attach" and not info.get("vm")


def test_info_is_answered_before_negotiation(gateway):
    assert gateway.connect("web1").greet().result("gateway-info")["phase"] == "negotiate"


def names(vms):
    return sorted(vm["name"] for vm in vms)


def test_list_vms_shows_what_one_may_see_and_no_others(two):
    assert names(two.connect().ready().result("gateway-list-vms")) == ["db1", "web1", "web2"]
    client = two.connect(cert="viewer").ready()
    assert names(client.result("gateway-list-vms")) == ["web1", "web2"]
    client.result("gateway-attach", vm="web2")
    assert names(client.result("gateway-list-vms")) == ["web1", "web2"]


def test_explain_gives_the_verdict_and_runs_nothing(gateway, qemu):
    client = gateway.client("web1", "operator")
    allowed = client.result("gateway-explain", execute="stop")
    denied = client.result("gateway-explain", execute="quit")
    default = client.result("gateway-explain", execute="migrate")
    assert "operator" in str(allowed) and "operator" in str(denied)
    assert len({str(allowed), str(denied), str(default)}) == 3
    assert not {"stop", "quit", "migrate"} & set(qemu.commands())


def test_explain_says_what_the_refusal_says(gateway):
    client = gateway.client("web1", "operator")
    desc = client.error("quit")["desc"]
    explained = client.result("gateway-explain", execute="quit")
    assert explained["allowed"] is False
    assert explained["reason"] in desc


@pytest.mark.parametrize("arguments", [{}, {"execute": 1}, {"execute": "stop", "foo": 1},
                                       {"execute": "stop", "arguments": []}])
def test_explain_checks_its_arguments(gateway, arguments):
    expect.error(gateway.client("web1").call("gateway-explain", arguments))


@pytest.mark.parametrize("command,arguments", [
    ("gateway-attach", {}), ("gateway-attach", {"vm": 1}), ("gateway-attach", {"vm": "web1", "foo": 1}),
    ("gateway-attach", {"vm": "web1", "enable": "oob"}), ("gateway-attach", {"vm": "web1", "enable": ["nope"]}),
    ("gateway-info", {"foo": 1}), ("gateway-list-vms", {"foo": 1}),
])
def test_arguments_of_the_gateways_own_commands_are_checked(gateway, command, arguments):
    client = gateway.connect().ready()
    expect.error(client.call(command, arguments))
    client.result("gateway-attach", vm="web1")


def test_a_command_of_the_gateway_that_there_is_not(gateway):
    client = gateway.client("web1")
    reply = client.call("gateway-no-such-command")
    assert reply["error"]["class"] in ("CommandNotFound", "GenericError")


def test_messages_sent_before_the_greeting_are_served(gateway):
    """A client that does not wait: all of it may arrive with the end of the handshake."""
    client = gateway.connect("web1")
    client.send({"execute": "qmp_capabilities"}, {"execute": "query-name", "id": 1}, {"execute": "query-uuid", "id": 2})
    assert "QMP" in client.read()
    assert client.reply() == {"return": {}}
    assert [client.reply()["id"], client.reply()["id"]] == [1, 2]


def test_messages_sent_behind_an_attach_are_served(gateway):
    client = gateway.connect().greet()
    client.send({"execute": "qmp_capabilities"}, {"execute": "gateway-attach", "arguments": {"vm": "web1"}},
                {"execute": "query-name"}, {"execute": "gateway-detach"}, {"execute": "query-name"},
                {"execute": "gateway-attach", "arguments": {"vm": "web1"}}, {"execute": "query-name"})
    answers = [client.reply() for _ in range(7)]
    assert answers[2] == answers[6] == {"return": {"name": "web1"}}
    expect.error(answers[4])
