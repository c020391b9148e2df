"""The table of device_add (acl/device.def) against the QEMU that is installed: it knows every driver and every
property, has none that there are not, and takes aliases for what QEMU takes them for."""

import collections
import json
import os
import re
import shutil
import subprocess

import pytest

BINARY = "qemu-system-x86_64"
REVIEWED = (7, 2)

# QEMU ends itself when it is asked for these and a module that they need is not installed (Debian: qemu-system-gui).
NEED_MODULE = {"virtio-gpu-gl-device", "virtio-gpu-gl-pci", "virtio-vga-gl"}
# Of other architectures: reviewed with a qemu-system-s390x.
S390X = re.compile(r".*-ccw|vfio-ap|zpci|diag288|sclp(lm)?console|x-terminal3270")
# There only after len-NAME was set, or options of device_add itself.
UNLISTED = {"ports[*]", "reserved-regions[*]", "id", "bus"}


class Vm:
    """A machine that runs nothing, over its standard input and output."""

    def __init__(self, *more):
        self.process = subprocess.Popen(
            [BINARY, "-machine", "pc", "-S", "-display", "none", "-nodefaults", "-qmp", "stdio", *more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.version = json.loads(self.process.stdout.readline())["QMP"]["version"]["qemu"]
        self.result("qmp_capabilities")

    def ask(self, command, **arguments):
        """The reply; None if the machine ended instead."""
        try:
            self.process.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        for line in self.process.stdout:
            reply = json.loads(line)
            if "event" not in reply:
                return reply
        return None

    def result(self, command, **arguments):
        return self.ask(command, **arguments)["return"]

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(name="vm", scope="module")
def fixture_vm():
    if not shutil.which(BINARY):
        pytest.skip(f"{BINARY} is not installed")
    vm = Vm()
    yield vm
    vm.close()


@pytest.fixture(name="told", scope="module")
def fixture_told(vm):
    """What `info qdm` says of each driver: the rest of its line."""
    text = vm.result("human-monitor-command", **{"command-line": "info qdm"})
    return dict(re.findall(r'^name "([^"]*)"(.*?)\r?$', text, re.MULTILINE))


@pytest.fixture(name="real", scope="module")
def fixture_real(vm, told):
    """Driver -> {property: type} of each that a user can add; what kills the machine is not asked for."""
    names = [t["name"] for t in vm.result("qom-list-types", implements="device", abstract=False)]
    return {name: {p["name"]: p["type"] for p in vm.result("device-list-properties", typename=name)}
            for name in names if "no-user" not in told[name] and name not in NEED_MODULE}


class Table:
    def __init__(self, build):
        self.drivers, self.aliases = {}, {}
        self.properties = collections.defaultdict(set)  # driver -> names
        self.groups = collections.defaultdict(set)      # (group, name) -> drivers
        text = subprocess.run([os.path.join(build, "tests/acl/device_table")], check=True, encoding="ascii",
                              stdout=subprocess.PIPE).stdout
        for word, *rest in map(str.split, text.splitlines()):
            if word == "driver":
                self.drivers[rest[0]] = rest[1]
            elif word == "property":
                self.properties[rest[0]].add(rest[2])
                self.groups[rest[1], rest[2]].add(rest[0])
            else:
                self.aliases[rest[0]] = rest[1]  # as a machine with PCI has it


@pytest.fixture(name="table", scope="module")
def fixture_table(build):
    return Table(build)


def as_listed(name):
    return re.sub(r"\[\d+\]$", "[*]", name)


def judge(vm, what, names):
    """Other versions differ, and what the table does not know is refused: say so, no more."""
    if not names:
        return
    text = f"{what}: " + ", ".join(sorted(names))
    if (vm.version["major"], vm.version["minor"]) != REVIEWED:
        pytest.skip(f"the table is of QEMU {REVIEWED}, this is {vm.version}. {text}")
    pytest.fail(text)


def test_every_driver_is_reviewed(vm, real, table):
    judge(vm, "not in acl/device.def", set(real) - set(table.drivers))


def test_every_property_is_reviewed(vm, real, table):
    """Children have no setter; what begins with x- is never opened."""
    judge(vm, "not in acl/device.def",
          {f"{driver}.{name}" for driver, properties in real.items() for name, kind in properties.items()
           if driver in table.drivers and as_listed(name) not in table.properties[driver]
           and not kind.startswith("child<") and not name.startswith("x-")})


def test_every_driver_of_the_table_is_there(vm, real, table):
    judge(vm, "no such driver", {d for d in set(table.drivers) - set(real) - NEED_MODULE if not S390X.fullmatch(d)})


def test_every_property_of_the_table_is_some_drivers(vm, real, table):
    there = {(driver, as_listed(name)) for driver in real for name in real[driver]}
    judge(vm, "no such property", {
        f"{group}.{name}" for (group, name), drivers in table.groups.items()
        if name not in UNLISTED and not any((driver, name) in there for driver in drivers)
        and not all(S390X.fullmatch(d) or d in NEED_MODULE for d in drivers)})


def test_what_may_kill_the_machine_reaches_the_host(table):
    assert {table.drivers[name] for name in NEED_MODULE} == {"host"}


@pytest.mark.parametrize("driver", sorted(NEED_MODULE))
def test_what_may_kill_the_machine_is_reviewed_where_it_does_not(vm, table, driver):
    victim = Vm()
    reply = victim.ask("device-list-properties", typename=driver)
    victim.close()
    if not reply or "error" in reply:
        pytest.skip("its module is not installed")
    judge(vm, "not in acl/device.def", {p["name"] for p in reply["return"]
                                        if as_listed(p["name"]) not in table.properties[driver]
                                        and not p["type"].startswith("child<") and not p["name"].startswith("x-")})


def test_aliases_are_qemus_own(vm, told, table):
    """`info qdm` names one for each driver that has one."""
    theirs = {m[1]: driver for driver, rest in told.items() if (m := re.search(r'alias "([^"]*)"', rest))}
    judge(vm, "aliases that differ", {f"{a} is {d}" for a, d in set(theirs.items()) ^ set(table.aliases.items())
                                      if d not in NEED_MODULE})


def test_no_type_has_an_aliass_name(vm, table):
    """QEMU looks for a type first."""
    assert not set(table.aliases) & {t["name"] for t in vm.result("qom-list-types", abstract=True)}


def test_device_add_takes_an_alias_for_what_the_table_says(vm, table):
    """The complaint of a property that does not exist names the driver."""
    for alias, driver in table.aliases.items():
        if driver in NEED_MODULE:
            continue
        said = vm.ask("device_add", driver=alias, qmpgate=1)["error"]["desc"]
        if "pluggable device type" in said:  # only at the start, which reads an alias by the same function
            said = subprocess.run([BINARY, "-machine", "q35", "-display", "none", "-nodefaults",
                                   "-device", f"{alias},qmpgate=1"],
                                  check=False, stderr=subprocess.PIPE, text=True).stderr
        assert f"'{driver}.qmpgate' not found" in said


def test_a_device_that_was_added_by_an_alias_is_the_tables(vm, table):
    for alias in "virtio-rng", "virtio-net", "e1000-82540em":
        vm.result("device_add", driver=alias, id="made")
        kind = vm.result("qom-get", path="/machine/peripheral/made", property="type")
        assert kind == table.aliases[alias]
        assert vm.ask("device_add", driver=alias, id="made")["error"]  # it is there
        vm.result("system_reset")  # lets go of what is unplugged
        vm.result("device_del", id="made")
        vm.result("system_reset")
        assert vm.ask("qom-get", path="/machine/peripheral/made", property="type")["error"]


def test_qemu_makes_no_difference_of_spelling_away(vm):
    for name in "host-mtu", "Host_mtu", "host_mtu ":
        error = vm.ask("device_add", **{"driver": "virtio-net-pci", name: 1500})["error"]["desc"]
        assert f"'virtio-net-pci.{name}' not found" in error
    for driver in "virtio_net_pci", "Virtio-net-pci", "virtio-net-pci ":
        assert "is not a valid device model name" in vm.ask("device_add", driver=driver)["error"]["desc"]


def test_qemu_sets_nothing_that_the_table_leaves_out(vm):
    """Members that every device has, and a child of it."""
    for name in "hotplugged", "parent_bus", "type", "virtio-backend", "legacy-addr":
        assert vm.ask("device_add", **{"driver": "virtio-rng-pci", name: "x"})["error"]
