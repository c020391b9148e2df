"""Sessions that the gateway ends say why first: to those who have negotiated, and in words that tell nothing of policy."""

import pytest

from harness import expect, wait
from harness.client import Closed
from harness.gateway import user_name

LOCAL = '''
grant "local" { to = {"unix:%s"} role = {"operator"} vms = {"*"} }
'''


def farewell(client):
    """What came to the end of the stream, without the VM's events."""
    return [(m["event"], m.get("data")) for m in client.drain() if m.get("event", "").startswith("GATEWAY_")]


def closed(reason):
    return [("GATEWAY_CLOSED", {"reason": reason})]


def close(admin, client):
    admin.result("gateway-session-close", connection=client.result("gateway-info")["connection"])


@pytest.fixture
def local(house, qemu):
    gateway = house.gateway(qemu).add_control()
    gateway.policy += LOCAL % user_name()
    return gateway.start()


def test_by_an_administrator(local):
    admin = local.connect().ready()
    everywhere = local.client("web1", "viewer"), local.connect(cert="viewer").ready(), local.local().ready()
    for client in everywhere:
        close(admin, client)
        assert farewell(client) == closed("closed by an administrator")
    assert local.wait_record(3, type="session-close", text="closed by an administrator")


def test_who_closes_himself_hears_it_behind_his_answer(gateway):
    admin = gateway.client("web1")
    number = admin.result("gateway-info")["connection"]
    request = admin.request("gateway-session-close", connection=number)
    assert admin.reply(request) == {"return": {"closed": 1}, "id": request}
    assert farewell(admin) == closed("closed by an administrator")


@pytest.mark.parametrize("vm", ["web1", None])
def test_who_has_not_negotiated_hears_nothing(gateway, vm):
    client = gateway.connect(vm, "viewer").greet()
    close(gateway.connect().ready(), client)
    assert client.drain() == []


def test_what_waits_is_not_run(house):
    vm = house.scripted()
    gateway = house.gateway(vm).start()
    admin = gateway.connect().ready()
    client = gateway.client("web1", "operator")
    number = client.result("gateway-info")["connection"]
    client.send(*[{"execute": "stop", "id": i} for i in range(9)])
    vm.wait(7)
    admin.result("gateway-session-close", connection=number)
    assert farewell(client) == closed("closed by an administrator")
    for request in list(vm.requests):
        vm.answer(request)
    gateway.wait_record(7, type="outcome", command="stop", result="ok")
    assert len(vm.requests) == 7


def test_who_does_not_read_is_gone_all_the_same(house):
    """One that is closed a second time is gone at once."""
    vm = house.scripted()
    gateway = house.gateway(vm, limits={"output_soft_bytes": 16 << 20, "output_hard_bytes": 32 << 20}).start()
    admin = gateway.connect().ready()
    client = gateway.client("web1", "operator")
    number = client.result("gateway-info")["connection"]
    client.request("query-status")
    vm.answer(vm.wait(1)[0], {"x": "y" * (12 << 20)})
    gateway.wait_record(type="outcome", command="query-status")

    def connections():
        return [s["connection"] for s in admin.result("gateway-sessions")]
    admin.result("gateway-session-close", connection=number)
    assert number in connections()
    admin.result("gateway-session-close", connection=number)
    wait.until(lambda: number not in connections(), "its end", wait.scaled(2))


def test_by_a_policy_without_its_grant(local):
    clients = local.client("web1", "viewer"), local.connect(cert="viewer").ready()
    local.policy = local.policy.replace("CN=viewer,", "CN=nobody,")
    local.reload()
    assert farewell(clients[0]) == closed("policy no longer admits it to this VM")
    assert farewell(clients[1]) == closed("policy no longer admits it")


def test_by_a_revoked_certificate(house, qemu, pki, place):
    own = pki.copy(place + "/pki")
    gateway = house.gateway(qemu, pki=own).start()
    client = gateway.client("web1", "viewer")
    own.revoke("viewer")
    gateway.reload()
    assert farewell(client) == closed("certificate no longer accepted")


def test_by_a_listener_that_is_gone(local):
    client, other = local.local().ready(), local.client("web1")
    del local.listeners["local"]
    local.reload()
    assert farewell(client) == closed("its listener was removed")
    assert other.result("query-name") == {"name": "web1"}


def test_idle_for_too_long(house, qemu):
    gateway = house.gateway(qemu, limits={"idle_seconds": 1}).start()
    assert farewell(gateway.client("web1")) == closed("idle for too long")


def test_those_who_hear_something_else_do_not_hear_it(house):
    vm = house.scripted()
    gateway = house.gateway(vm).start()
    client, other = gateway.client("web1"), gateway.connect().ready()
    vm.drop()
    assert [name for name, _ in farewell(client)] == ["GATEWAY_VM_DOWN"]
    gateway.stop()
    assert [name for name, _ in farewell(other)] == ["GATEWAY_SHUTDOWN"]


def test_introspection_shows_it(gateway):
    schema = gateway.client("web1").result("query-qmp-schema")
    event, = [e for e in schema if e["name"] == "GATEWAY_CLOSED"]
    data, = [e for e in schema if e["name"] == event["arg-type"]]
    assert [m["name"] for m in data["members"]] == ["reason"]


# --- a listener that begins to want certificates -----------------------------------------------------------------------


@pytest.fixture
def optional(house, qemu):
    gateway = house.gateway(qemu).add_control()
    gateway.listeners["public"]["client_cert"] = "optional"
    gateway.policy += LOCAL % user_name()
    return gateway.start()


def test_who_has_no_certificate_is_closed_when_his_listener_wants_one(optional):
    nobody, ready = optional.connect(cert=None).greet(), optional.connect(cert=None).ready()
    known, local = optional.client("web1", "viewer"), optional.local().ready()
    optional.listeners["public"]["client_cert"] = "required"
    optional.reload()
    assert nobody.drain() == []
    assert farewell(ready) == closed("its listener wants a certificate now")
    assert known.result("query-name") == {"name": "web1"}
    local.result("gateway-list-vms")
    with pytest.raises((Closed, OSError)):
        optional.connect(cert=None).greet()


def test_he_stays_if_nothing_changes(optional):
    nobody = optional.connect(cert=None).greet()
    optional.reload()
    assert nobody.result("gateway-info")["phase"] == "auth"
    expect.error(nobody.call("gateway-list-vms"))
