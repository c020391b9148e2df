"""readonly_native: what libvirt has told is answered without the monitor, and as the monitor would."""

import json
import os
import shutil

import pytest

from harness import expect, wait
from harness.libvirt import EMULATOR

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


def test_the_first_of_an_emulator_is_asked(gateway, libvirtd):
    vm = libvirtd.domain("web1").start()
    gateway.start()
    attach(gateway, vm)
    assert {"query-version", "query-uuid", "query-qmp-schema"} <= set(vm.commands())
    assert vm.is_tainted()


def test_nothing_is_answered_natively_unless_it_is_configured(gateway, libvirtd):
    vm = libvirtd.domain("web1").start()
    gateway.libvirts["host1"]["readonly_native"] = False
    gateway.start()
    attach(gateway, vm).result("query-name")
    assert vm.commands().count("query-name") == 1


# --- what taints nothing

@pytest.fixture
def known(gateway, libvirtd):
    """The gateway has asked one of the emulator."""
    gateway.start()
    attach(gateway, libvirtd.domain("known").start("--paused")).close()


def test_attaching_to_another_of_an_emulator_asks_and_taints_nothing(gateway, libvirtd, known):
    vm = libvirtd.domain("web1").start("--paused")
    before = vm.commands()
    client = attach(gateway, vm)
    assert client.result("query-name") == {"name": "web1"} and client.result("query-uuid") == {"UUID": vm.uuid}
    assert "query-name" in [c["name"] for c in client.result("query-commands")]
    assert vm.commands() == before and not vm.is_tainted()


def test_before_its_first_command_it_proves_what_it_is(gateway, libvirtd, known):
    vm = libvirtd.domain("web1").start("--paused")
    client = attach(gateway, vm)
    before = len(vm.commands())
    for _ in range(2):
        client.result("query-kvm")
    assert vm.commands()[before:] == ["query-version", "query-qmp-schema", "query-kvm", "query-kvm"]
    assert vm.is_tainted()


def other_version(program, package):
    return package, package[:-1] + b"!"


def other_commands(program, package):
    """A build that calls itself the same."""
    return b"query-rocker-ports\0", b"query-rocker-parts\0"


@pytest.mark.parametrize("change", [other_version, other_commands])
def test_one_that_is_not_what_it_was_taken_for_gets_no_command(house, gateway, libvirtd, change):
    """The emulator is replaced between two starts, as by an update of its package."""
    place = libvirtd.path("usr/bin/qemu-system-x86_64")  # which finds its files beside it
    os.makedirs(libvirtd.path("usr/bin"))
    for beside in ("lib", "share"):
        os.symlink("/usr/" + beside, libvirtd.path("usr/" + beside))
    shutil.copy(EMULATOR, place)
    first = libvirtd.domain("web1", emulator=place).start("--paused")
    gateway.start()
    attach(gateway, first).close()
    with open(place, "rb") as f:
        program = f.read()
    package = json.loads(first.virsh("qemu-monitor-command", '{"execute":"query-version"}'))["return"]["package"].encode()
    before, after = change(program, package)
    assert program.count(before) and len(before) == len(after)
    os.unlink(place)
    with open(place, "wb") as f:
        f.write(program.replace(before, after))
    os.chmod(place, 0o755)
    other = libvirtd.domain("web2", emulator=place).start("--paused")
    client = attach(gateway, other)
    expect.error(client.call("query-kvm"), "GenericError", "not the one that it was taken for", "not run")
    assert "GATEWAY_VM_DOWN" in [m.get("event") for m in client.drain() + client.events]
    assert "query-kvm" not in other.commands()
    again = attach(gateway, other)  # it is asked itself now
    again.result("query-kvm")
    assert other.commands().count("query-qmp-schema") > 0


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
