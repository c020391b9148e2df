"""readonly_native: what libvirt has told is answered without the monitor, and as the monitor would."""

import time

import pytest

from harness import expect, wait

POLICY = """
role "owner"  { allow = {"@query"} events = {"*"} }
role "half"   { allow = {"query-status"} }
grant "owners" { to = {"x509:CN=admin,O=Example"} role = {"owner"} vms = {"*"} }
grant "halves" { to = {"x509:CN=viewer,O=Example"} role = {"half"} vms = {"*"} }
"""

NAMES = ["web1", "a.b_c-d", "9", "with space", "com,ma=1", "quote\"s'", "back\\slash", "\u00e9\u20ac\U0001f600", "&amp; <x>", "%s%n"]


@pytest.fixture
def libvirtd(house):
    return house.libvirtd()


@pytest.fixture
def gateway(house, libvirtd):
    gateway = house.gateway(libvirtd, policy=POLICY)
    gateway.libvirts["host1"]["readonly_native"] = True
    return gateway


def attach(gateway, vm, cert="admin"):
    client = gateway.connect(cert=cert).ready()
    wait.until(lambda: vm.uuid in [v["uuid"] for v in client.result("gateway-list-vms") if v["power"] != "shut off"], "the VM")
    client.result("gateway-attach", vm=vm.uuid)
    return client


def escaped(name):
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- what is refused

def test_policy_judges_what_is_answered_natively(gateway, libvirtd):
    vm = libvirtd.domain("web1").start()
    gateway.start()
    client = attach(gateway, vm, cert="viewer")
    expect.denied(client.call("query-name"))
    expect.denied(client.call("query-uuid"))
    client.result("query-status")


def test_arguments_that_it_does_not_take_are_refused(gateway, libvirtd):
    vm = libvirtd.domain("web1").start()
    gateway.start()
    expect.error(attach(gateway, vm).call("query-name", x=1), "GenericError", "unexpected")


def test_who_it_is_is_asked_of_the_vm_itself(gateway, libvirtd):
    """Else any VM would be the one."""
    vm = libvirtd.domain("web1").start()
    gateway.start()
    attach(gateway, vm)
    assert "query-uuid" in vm.commands()


def test_nothing_is_answered_natively_unless_it_is_configured(gateway, libvirtd):
    vm = libvirtd.domain("web1").start()
    gateway.libvirts["host1"]["readonly_native"] = False
    gateway.start()
    attach(gateway, vm).result("query-name")
    assert vm.commands().count("query-name") == 1


# --- what is the same

@pytest.mark.parametrize("name", NAMES)
def test_the_answers_are_those_of_the_monitor(gateway, libvirtd, name):
    vm = libvirtd.domain(escaped(name)).start("--paused")
    gateway.start()
    client = attach(gateway, vm)
    before = vm.commands()
    native = {command: client.result(command) for command in ("query-name", "query-uuid")}
    assert vm.commands() == before
    gateway.libvirts["host1"]["readonly_native"] = False
    gateway.reload()
    wait.until(lambda: client.result("query-name") and vm.commands().count("query-name") > 0, "the monitor to be asked")
    assert {command: client.result(command) for command in native} == native
    assert client.result("query-name") == {"name": name}


def test_it_is_recorded_like_any_other(gateway, libvirtd):
    vm = libvirtd.domain("web1").start()
    gateway.start()
    attach(gateway, vm).result("query-name")
    assert gateway.wait_record(type="outcome", command="query-name")["result"] == "ok"
    assert gateway.records(type="intent", command="query-name")


def test_it_is_three_times_faster_at_least(gateway, libvirtd):
    vm = libvirtd.domain("web1").start("--paused")
    gateway.start()
    client = attach(gateway, vm)

    def median(command):
        times = []
        for _ in range(200):
            begin = time.perf_counter()
            client.result(command)
            times.append(time.perf_counter() - begin)
        return sorted(times)[100]
    median("query-name"), median("query-kvm")
    assert median("query-name") * 3 < median("query-kvm")
