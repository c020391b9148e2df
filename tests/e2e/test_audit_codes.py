"""Each reason has a code that a machine may rely on. Those of logins are seen where logins are tested."""

import socket
import struct

import pytest

from harness import expect, wait
from harness.client import Closed

UUID = "5f2b2f50-5d3b-4f2a-9d7e-0d9f7a3b1c11"


# --- judged ---------------------------------------------------------------------------------------


def refused(gateway, client, command, **arguments):
    client.error(command, **arguments)
    return gateway.wait_record(type="refused", command=command)


def test_no_rule_and_a_rule_that_denies_are_different(gateway):
    client = gateway.client("web1", "operator")
    assert refused(gateway, client, "object-del", id="x")["code"] == "no-rule"
    assert refused(gateway, client, "quit")["code"] == "denied"


def test_arguments_that_no_rule_covers(house, qemu):
    gateway = house.gateway(qemu)
    gateway.policy = gateway.policy.replace('"system_powerdown"', '"system_powerdown", "screendump"')
    client = gateway.start().client("web1", "operator")
    record = refused(gateway, client, "screendump", filename="/tmp/x")
    assert record["code"] == "condition" and record["arguments"] == {"filename": "/tmp/x"}


def test_an_action_of_a_transaction(gateway):
    client = gateway.client("web1")
    action = {"type": "block-dirty-bitmap-add", "data": {"node": "none", "name": "b"}}
    gateway.policy = gateway.policy.replace('"object-add", "quit"}', '"object-add", "quit", "transaction"}\n'
                                            '    deny = {"block-dirty-bitmap-add"}')
    gateway.reload()
    assert refused(gateway, client, "transaction", actions=[action])["code"] == "condition"


def test_administration_that_no_grant_gives(gateway):
    assert refused(gateway, gateway.client("web1", "operator"), "gateway-stats")["code"] == "no-administration"


def test_what_the_vm_does_not_know(house, qemu):
    gateway = house.gateway(qemu)
    gateway.policy = gateway.policy.replace('"object-add", "quit"}', '"object-add", "quit", "no-such-command"}')
    gateway.start()
    assert refused(gateway, gateway.client("web1"), "no-such-command")["code"] == "unknown-command"


def test_arguments_that_do_not_fit_leave_their_shape(gateway):
    record = refused(gateway, gateway.client("web1", "operator"), "qom-list", path=["x"], more=1)
    assert record["code"] == "bad-arguments" and record["shape"] == {"path": 5, "more": 1}
    assert "arguments" not in record


def test_arguments_that_do_not_fit_a_command_of_the_gateway(gateway):
    record = refused(gateway, gateway.client("web1"), "gateway-audit-tail", count="secret")
    assert record["code"] == "bad-arguments" and record["shape"] == {"count": 8}


def test_descriptors(house, qemu):
    gateway = house.gateway(qemu)
    gateway.policy = gateway.policy.replace('"object-add", "quit"}', '"object-add", "quit"}\n'
                                            '    rule "fd" { commands = {"getfd"} when = {"fdname any"} }')
    assert refused(gateway, gateway.start().client("web1"), "getfd", fdname="x")["code"] == "descriptors"


# --- the machine ----------------------------------------------------------------------------------


def attach_code(gateway, vm="web1"):
    gateway.connect().ready().error("gateway-attach", vm=vm)
    return gateway.wait_record(type="attach", result="denied")["code"]


def test_no_such_vm_and_one_that_may_not_be_seen(gateway):
    assert attach_code(gateway, "none") == "no-vm"
    gateway.connect(cert="viewer").ready().error("gateway-attach", vm="db1")
    assert gateway.wait_record(2, type="attach")["code"] == "no-vm"


def test_nobody_at_the_socket(house, place):
    gateway = house.gateway()
    gateway.vms["web1"] = {"socket": place + "/none"}
    assert attach_code(gateway.start()) == "vm-unreachable"


def test_a_monitor_that_is_held(house, place):
    gateway = house.gateway()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place + "/held")
        listener.listen()
        gateway.vms["web1"] = {"socket": place + "/held"}
        assert attach_code(gateway.start()) == "vm-busy"


def test_one_that_does_not_start(house):
    vm = house.scripted(start_up={"query-qmp-schema": None})
    assert attach_code(house.gateway(vm, limits={"vm_timeout_seconds": 1}).start()) == "vm-silent"


def test_one_that_is_not_the_configured_one(house):
    gateway = house.gateway()
    gateway.add_vm(house.scripted(), uuid=UUID)
    assert attach_code(gateway.start()) == "vm-identity"


@pytest.fixture
def scripted(house):
    vm = house.scripted()
    gateway = house.gateway(vm, limits={"vm_timeout_seconds": 1}).start()
    client = gateway.client("web1", "viewer")
    client.send({"execute": "query-status", "id": 0})
    vm.wait(1)
    return vm, gateway, client


def unknown_code(gateway):
    """The outcome, and the end of its session, say the same."""
    code = gateway.wait_record(type="session-close")["code"]
    assert gateway.wait_record(type="outcome", result="unknown")["code"] == code
    return code


def test_a_connection_that_ends(scripted):
    vm, gateway, client = scripted
    vm.drop()
    client.drain()
    assert unknown_code(gateway) == "vm-lost"


def test_what_is_no_qmp(scripted):
    vm, gateway, client = scripted
    vm.say({"return": {}, "id": 7})
    client.drain()
    assert unknown_code(gateway) == "vm-protocol"


def test_one_that_is_not_configured_any_more(scripted):
    vm, gateway, client = scripted
    del gateway.vms["web1"]
    gateway.reload()
    client.drain()
    assert unknown_code(gateway) == "vm-removed"


def test_one_that_does_not_answer_any_more(scripted):
    vm, gateway, client = scripted
    wait.until(lambda: "no answer" in gateway.said(), "its time to be up")
    gateway.client("web1", "operator").error("query-name")
    record = gateway.wait_record(type="refused", command="query-name")
    assert record["code"] == "vm-silent" and record["result"] == "cancelled" and record["rule"]


def test_more_out_of_band_than_there_is_room_for(house):
    vm = house.scripted()
    gateway = house.gateway(vm)
    gateway.policy = gateway.policy.replace('"object-add", "quit"}', '"object-add", "quit", "migrate-pause"}')
    client = gateway.start().client("web1", enable=("oob",))
    client.send(*[{"exec-oob": "migrate-pause", "id": i} for i in range(20)])
    assert gateway.wait_record(type="refused")["code"] == "out-of-band-full"


def test_what_is_left_when_the_gateway_stops(house):
    vm = house.scripted()
    gateway = house.gateway(vm, limits={"drain_seconds": 1}).start()
    client = gateway.client("web1")
    client.send({"execute": "query-status", "id": 0})
    vm.wait(1)
    gateway.stop()
    assert gateway.wait_record(type="outcome", result="unknown")["code"] == "shutdown"
    assert gateway.wait_record(type="session-close", code="shutdown")["connection"]
    client.close()


def test_a_session_that_ends_with_an_attach_under_way(house, place):
    vm = house.scripted(start_up={"query-qmp-schema": None})
    gateway = house.gateway(vm).start()
    client = gateway.connect().ready()
    client.request("gateway-attach", vm="web1")
    gateway.wait_record(type="intent", command="gateway-attach")
    client.close()
    assert gateway.wait_record(type="outcome", result="unknown", code="session-ended")
    assert gateway.wait_record(type="session-close", code="peer-closed")


# --- who, and the connection ----------------------------------------------------------------------


def test_the_door(house, qemu):
    gateway = house.gateway(qemu, limits={"connections_per_identity": 1}).start()
    gateway.connect(cert="stranger").drain()
    assert gateway.wait_record(type="auth", result="denied")["code"] == "no-grant"
    with pytest.raises((Closed, OSError)):
        gateway.connect(cert=None).greet()
    assert gateway.wait_record(2, type="auth", result="denied")["code"] == "tls"
    first = gateway.connect(cert="viewer").ready()
    gateway.connect(cert="viewer").drain()
    assert "phase" in first.result("gateway-info")
    assert gateway.wait_record(3, type="auth", result="denied")["code"] == "limit"


def test_acting_for_whom_no_delegation_names(gateway):
    expect.denied(gateway.connect(cert="viewer").ready().call("gateway-act-as", identity="unix:root"))
    assert gateway.wait_record(type="auth", result="denied")["code"] == "no-delegation"


def test_a_connection_that_breaks(gateway):
    client = gateway.client("web1", "viewer")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    client.close()
    assert gateway.wait_record(type="session-close")["code"] == "connection-lost"


def test_the_clock(house, qemu):
    gateway = house.gateway(qemu, limits={"idle_seconds": 1, "negotiate_seconds": 1}).start()
    idle, slow = gateway.client("web1", "viewer"), gateway.connect(cert="operator").greet()
    idle.drain()
    slow.drain()
    assert gateway.wait_record(type="session-close", identity=gateway.pki.identity("viewer"))["code"] == "idle"
    assert gateway.wait_record(type="session-close", identity=gateway.pki.identity("operator"))["code"] == "too-slow"


def test_what_is_no_qmp_from_a_client(gateway):
    client = gateway.client("web1", "viewer")
    client.sock.sendall(b"\x01\n" * 10)
    client.drain()
    assert gateway.wait_record(type="session-close", code="not-qmp")


def test_an_administrator_and_a_policy(gateway):
    admin, viewer, operator = gateway.client("web1"), gateway.client("web1", "viewer"), gateway.client("web1", "operator")
    sessions = {s["identity"]: s["connection"] for s in admin.result("gateway-sessions")}
    viewer_name = gateway.pki.identity("viewer")
    admin.result("gateway-session-close", connection=sessions[viewer_name])
    viewer.drain()
    assert gateway.wait_record(type="session-close", identity=viewer_name)["code"] == "administrator"
    deed, = gateway.records(type="admin")
    assert (deed["subject"], deed["subject-connection"]) == (viewer_name, sessions[viewer_name])
    assert deed["command"] == "gateway-session-close" and deed["identity"] == gateway.pki.identity("admin")
    assert gateway.records(type="intent", request=deed["request"])
    gateway.policy = gateway.policy.replace("CN=operator,", "CN=nobody,")
    gateway.reload()
    operator.drain()
    assert gateway.wait_record(type="session-close", identity=gateway.pki.identity("operator"))["code"] == "policy"


# --- loading --------------------------------------------------------------------------------------


def test_what_cannot_be_loaded(gateway):
    admin = gateway.connect().ready()
    good = gateway.policy
    gateway.policy += 'role "x" { allow = {"no such pattern"} }\n'
    gateway.write()
    admin.error("gateway-reload")
    assert gateway.wait_record(type="policy-load", result="error")["code"] == "policy-text"
    gateway.policy = good
    gateway.extra = "nonsense = 1\n"
    gateway.write()
    admin.error("gateway-reload")
    assert gateway.wait_record(type="config-load", result="error")["code"] == "configuration"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway.extra = f'listener "second" {{ address = "127.0.0.1" port = {taken.getsockname()[1]} }}\n'
        gateway.write()
        admin.error("gateway-reload")
        assert gateway.wait_record(type="config-load", result="error", code="listener")
    assert len(gateway.records(type="admin", command="gateway-reload")) == 3


def test_what_served_at_the_start_is_on_record(gateway):
    assert gateway.records(type="config-load")[0]["text"] == gateway.config_file
    assert gateway.records(type="policy-load")[0]["result"] == "ok"


# --- events ---------------------------------------------------------------------------------------


def test_events_that_a_slow_reader_loses_are_counted(house):
    fake = house.fake("--event-storm", 20000)
    gateway = house.gateway(fake, limits={"output_soft_bytes": 65536}).start()
    client = gateway.client("web1")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stats = gateway.connect().ready()
    wait.until(lambda: stats.result("gateway-stats")["counters"]["events-lost"] > 1000, "events to be lost")
    first = gateway.wait_record(type="event-delivery-lost", code="slow-reader")
    assert first["vm"] == "web1" and first["identity"] == gateway.pki.identity("admin") and first["since"] <= first["time"]
    client.close()
    gateway.wait_record(type="session-close", connection=first["connection"])
    lost = stats.result("gateway-stats")["counters"]["events-lost"]
    records = gateway.records(type="event-delivery-lost")
    assert sum(r["count"] for r in records) == lost and len(records) < 5
