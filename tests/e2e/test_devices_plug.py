"""Every device of the catalogue that can be plugged into a q35 VM: described by libqdev, taken by QEMU by device_add and by
-device, and removed; those whose bus (which the catalogue tells) takes none while the VM runs by -device alone.
QMPGATE_EVERY_DEVICE=1 starts a QEMU for each of them, and for each model of a processor."""

import json
import os
import re
import subprocess

import pytest

from harness import guest, wait
from harness.client import Closed, Silent
from harness.cli import Cli
from harness.qdev import Converter

BUSES = {"PCI": "hot", "usb-bus": "xhci.0", "SCSI": "scsi.0", "virtio-serial-bus": "vser.0", "ccid-bus": "ccid.0"}
# where the others go, and what that takes
COLD = {
    "ISA": ("isa.0", ()), "IDE": ("ide.{}", ()), "i2c-bus": ("i2c", ()), "System": (None, ()), None: (None, ()),
    "HDA": ("hda.0", ("-device", "ich9-intel-hda,id=hda")), "floppy-bus": ("fdc.0", ("-device", "isa-fdc,id=fdc")),
    "nvme-bus": ("nvme", ("-device", "nvme,id=nvme,serial=s")), "sd-bus": ("sd-bus", ("-device", "sdhci-pci,id=sdhci")),
    "IndustryPack": ("ip.0", ("-device", "tpci200,id=ip")),
}
MACHINE = ("-machine", "q35,nvdimm=on", "-smp", "1,sockets=3,maxcpus=3", "-m", "64M,slots=4,maxmem=1G", "-S", "-audiodev", "none,id=audio", "-object", "rng-builtin,id=rng0",
           "-object", "cryptodev-backend-builtin,id=crypto0", "-object", "can-bus,id=can", "-device", "ipmi-bmc-sim,id=ipmi",
           "-device", "qemu-xhci,id=xhci,p2=15,p3=15", "-device", "virtio-scsi-pci,id=scsi", "-device", "virtio-serial-pci,id=vser,max_ports=30",
           "-device", "usb-ccid,id=ccid,bus=xhci.0")
# what a device wants of the host, by the property that names it: by QMP, and on the command line
BACKENDS = {
    "drive": ("blockdev-add", {"driver": "null-co", "node-name": "drive{}", "read-zeroes": True}, "-blockdev", "null-co,node-name=drive{},read-zeroes=on"),
    "netdev": ("netdev_add", {"type": "user", "id": "netdev{}"}, "-netdev", "user,id=netdev{}"),
    "chardev": ("chardev-add", {"id": "chardev{}", "backend": {"type": "null", "data": {}}}, "-chardev", "null,id=chardev{}"),
    "memdev": ("object-add", {"qom-type": "memory-backend-ram", "id": "memdev{}", "size": 16 << 20}, "-object", "memory-backend-ram,id=memdev{},size=16M"),
}
ONE_FOR_ALL = {"bmc": "ipmi", "audiodev": "audio", "rng": "rng0", "cryptodev": "crypto0", "canbus": "can", "canbus0": "can", "canbus1": "can"}
MORE = {"nvme": {"serial": "s"}, "pci-bridge": {"chassis_nr": 5}, "pci-bridge-seat": {"chassis_nr": 5}, "usb-mtp": {"rootdir": "/"},
        "loader": {"addr": 4096, "data": 1, "data-len": 4}, "vmgenid": {"guid": "auto"}}
# these want a program, or a device, of the host
OF_THE_HOST = ("vhost-", "vfio-", "x-pci-proxy-dev", "ivshmem-doorbell", "pvrdma")
# QEMU 7.2 itself ends, now or later, when such a one is taken out: it gets a QEMU of its own
ENDS = re.compile(r"i825\d.*|i82801.*|rocker|ctucan_pci|kvaser_pci|mioe3680_pci|pcm3680_pci")
STAYS = {"virtio-mem-pci", "virtio-pmem-pci"}  # it cannot be removed: only on the command line
NOT_HOT = "expects a pluggable device type"
# which says that a device wants what this host, or this VM, does not have
ELSEWHERE = re.compile("vhost|vfio|SG_IO|U2F|must be |required|not found|couldn.t find|no host|No provided|missing wwpn|guest-cid|"
                       "can't find value|connect_to_bus|not specified|not set|[Bb]us |not supported|[Ff]ailed|could not|only|conflict|duplicate|"
                       "already|exactly one|at most|in use|needs|need to|requires|multiple|cannot reside|pxb", re.IGNORECASE)
CHUNK = 20  # devices of one QEMU


@pytest.fixture(scope="module")
def catalogue(module_house, module_place, build):
    vm = module_house.qemu("ask", machine=("-machine", "none"))
    done = Cli(build, module_place, f"unix:{vm.socket}")("devices", "dump")
    assert done.code == 0, done.stderr
    with open(os.path.join(module_place, "catalogue"), "w") as f:
        f.write(done.stdout)
    return json.loads(done.stdout)


@pytest.fixture
def convert(build):
    converter = Converter(build)
    yield converter
    converter.close()


def describe(catalogue, driver, number, bus):
    """A device of this driver, and what it wants of the host."""
    d = {"driver": driver["name"], "id": f"x{number}", **MORE.get(driver["name"], {}), **({"bus": bus} if bus else {})}
    wants = []
    for name in (catalogue["properties"][i][0] for i in driver["properties"]):
        if name in BACKENDS and name not in d:
            d[name] = f"{name}{number}"
            wants.append(name)
        elif name in ONE_FOR_ALL:
            d[name] = ONE_FOR_ALL[name]
        elif name == "chassis":  # its own slot beside that of the port that it is in
            d.update(chassis=number + 10, slot=1)
    return d, wants


def with_number(value, number):
    return json.loads(json.dumps(value).replace("{}\"", f"{number}\""))


def pluggable(catalogue):
    return [d for d in catalogue["devices"]
            if d.get("bus") in BUSES and not d.get("internal") and not d.get("opaque") and not d["name"].startswith(OF_THE_HOST)]


def is_processor(catalogue, driver):
    return "core-id" in {catalogue["properties"][i][0] for i in driver["properties"]}


def cold(catalogue):
    return [d for d in catalogue["devices"]
            if d.get("bus") in COLD and not d.get("internal") and not d.get("opaque") and not is_processor(catalogue, d)]


def is_there(client, name):
    return name in {d["name"] for d in client.result("qom-list", path="/machine/peripheral")}


def unplug(client, name, bus):
    """With no guest that takes part, a reset is what completes it. (Not each device that is gone then has its event.)"""
    client.result("device_del", id=name)
    if bus == "PCI":
        client.result("system_reset")
    wait.until(lambda: not is_there(client, name), f"the end of {name}")
    client.events.clear()


class Vm:
    """One after another, since some devices end it."""

    def __init__(self, house):
        self.house, self.count, self.client = house, 0, None
        self.begin()

    def begin(self):
        if self.client:
            self.client.close()
            self.qemu.stop()
        self.count += 1
        self.qemu = self.house.qemu(name=f"hot{self.count}", machine=(*MACHINE, "-device", "pcie-root-port,id=hot,chassis=1"))
        self.client = self.qemu.direct().ready()


def plug_and_unplug(client, convert, description, wants, number, bus):
    """None, or why it was refused."""
    for name in wants:
        client.result(BACKENDS[name][0], **with_number(BACKENDS[name][1], number))
    said = client.call("device_add", json.loads(convert("-device", "json", "qmp", description)))
    if "error" in said:
        return said["error"]["desc"]
    unplug(client, description["id"], bus)
    return None


def test_what_device_add_takes_can_be_removed(catalogue, house, convert):
    vm = Vm(house)
    removed, refused, ended = [], {}, {}
    for number, driver in enumerate(d for d in pluggable(catalogue) if d["name"] not in STAYS):
        d, wants = describe(catalogue, driver, number, BUSES[driver["bus"]])
        for attempt in range(2):  # one that was before it may be to blame: again in a QEMU of its own
            try:
                why = plug_and_unplug(vm.client, convert, d, wants, number, driver["bus"])
            except (Closed, Silent, OSError, AssertionError) as e:
                ended[driver["name"]] = f"{e} {vm.qemu.process.text[-200:]}"
                vm.begin()
                continue
            ended.pop(driver["name"], None)
            if why:
                refused[driver["name"]] = why
            else:
                removed.append(driver["name"])
            if ENDS.fullmatch(driver["name"]):
                vm.begin()
            break
    print("removed", removed, "\nrefused", refused, "\nended", ended)
    assert all(ENDS.fullmatch(name) for name in ended), ended
    strange = {n: why for n, why in refused.items() if NOT_HOT not in why and not ELSEWHERE.search(why)}
    assert not strange
    assert len(removed) > 60


def place_of(driver, number):
    """Its bus, and what makes it."""
    if driver.get("bus") in COLD:
        bus, words = COLD[driver.get("bus")]
        return bus and bus.format(number % 6), words
    if driver["bus"] != "PCI":
        return BUSES[driver["bus"]], ()
    return f"port{number}", ("-device", f"pcie-root-port,id=port{number},chassis={number + 10}")


def command_line(catalogue, convert, chunk, form):
    words, places = [], set()
    for number, driver in chunk:
        bus, maker = place_of(driver, number)
        if maker not in places:
            places.add(maker)
            words += maker
        d, wants = describe(catalogue, driver, number, bus)
        for name in wants:
            words += [BACKENDS[name][2], BACKENDS[name][3].format(number)]
        words += ["-device", convert("-device", "json", form, d)]
    return words


def start(house, words, name):
    """What is in the VM, or what it said instead of beginning."""
    try:
        vm = house.qemu(name=name, machine=(*MACHINE, *words))
        with vm.direct().ready() as client:
            there = {d["name"] for d in client.result("qom-list", path="/machine/peripheral")}
        vm.stop()
        return there, ""
    except (AssertionError, Closed, OSError):
        vm = house.vms[-1]
        vm.process.wait()
        return None, vm.process.text


def take_all(catalogue, house, convert, drivers):
    """In few QEMUs; whom one refuses it names. How many were taken, and who was not."""
    size = 1 if os.environ.get("QMPGATE_EVERY_DEVICE") else CHUNK
    taken, refused = 0, {}
    for begin in range(0, len(drivers), size):
        chunk = drivers[begin:begin + size]
        for attempt in range(size + 1):
            if not chunk:
                break
            form = "argv" if attempt % 2 == 0 else "json"
            there, said = start(house, command_line(catalogue, convert, chunk, form), f"c{begin}a{attempt}")
            if there:
                assert {f"x{number}" for number, _ in chunk} <= there
                taken += len(chunk)
                break
            culprits = {int(n) for n in re.findall(r"\bid\b[\"=: ]+x(\d+)", said.split("-device")[-1] if "-device" in said else said)}
            refused.update((d["name"], said[-200:]) for n, d in chunk if n in culprits)
            assert culprits and ELSEWHERE.search(said), said
            chunk = [(n, d) for n, d in chunk if n not in culprits]
    for number, driver in [(n, d) for n, d in drivers if d["name"] in refused and size > 1]:  # another one may be to blame
        there, said = start(house, command_line(catalogue, convert, [(number, driver)], "json"), f"alone{number}")
        if there:
            assert f"x{number}" in there
            del refused[driver["name"]]
            taken += 1
    assert taken + len(refused) == len(drivers)
    print("taken", taken, "\nrefused", refused)
    return taken, refused


def test_what_can_be_plugged_is_taken_as_argv(catalogue, house, convert):
    taken, refused = take_all(catalogue, house, convert, list(enumerate(pluggable(catalogue))))
    assert taken > 90, (taken, refused)


def test_what_cannot_be_plugged_while_the_vm_runs_is_taken_as_argv(catalogue, house, convert):
    taken, refused = take_all(catalogue, house, convert, list(enumerate(cold(catalogue))))
    assert taken > 44, (taken, refused)


# --- memory and processors, which a guest has to agree to let go ------------------------------------------------

def described(catalogue, convert, driver, **more):
    """By what the catalogue knows of it."""
    (known,) = [d for d in catalogue["devices"] if d["name"] == driver]
    assert set(more) <= {catalogue["properties"][i][0] for i in known["properties"]}
    return json.loads(convert("-device", "json", "qmp", {"driver": driver, **more}))


@pytest.mark.parametrize("driver", ["pc-dimm", "nvdimm"])
def test_memory_is_plugged_while_the_vm_runs(catalogue, house, convert, driver):
    with house.qemu(machine=MACHINE).direct().ready() as client:
        client.result("object-add", {"qom-type": "memory-backend-ram", "id": "m", "size": 16 << 20})
        client.result("device_add", {**described(catalogue, convert, driver, memdev="m", slot=2), "id": "d0"})
        (there,) = client.result("query-memory-devices")
        assert (there["data"]["id"], there["data"]["slot"], there["data"]["size"]) == ("d0", 2, 16 << 20)
        if driver == "pc-dimm":  # of an NVDIMM QEMU says that it cannot
            client.result("device_del", id="d0")


def processors(client):
    """What QEMU says that can be plugged: a type and properties."""
    return [(c["type"], c["props"]) for c in client.result("query-hotpluggable-cpus") if "qom-path" not in c]


def test_a_processor_is_plugged_while_the_vm_runs(catalogue, house, convert):
    with house.qemu(machine=MACHINE).direct().ready() as client:
        free = processors(client)
        assert len(free) == 2
        for driver, props in free:
            client.result("device_add", {**described(catalogue, convert, driver, **props), "id": f"c{props['socket-id']}"})
        assert not processors(client)


def test_a_processor_of_another_model_is_refused_by_qemu_and_not_lost(catalogue, house, convert):
    with house.qemu(machine=MACHINE).direct().ready() as client:
        driver, props = processors(client)[0]
        said = client.call("device_add", {**described(catalogue, convert, "EPYC-x86_64-cpu", **props), "id": "c1"})
        assert "Invalid CPU type" in said["error"]["desc"]
        assert (driver, props) in processors(client)


@pytest.fixture
def agreeing(house, place):
    """A client of a VM whose guest takes part: a Linux that is up."""
    if not guest.available():
        pytest.skip("no kernel for a guest (scripts/install-deps test)")
    kernel, archive = guest.files()
    console = os.path.join(place, "console")
    machine = ("-machine", "q35", "-smp", "1,sockets=2,maxcpus=2", "-m", "256M,slots=2,maxmem=1G", "-serial", f"file:{console}", "-kernel", kernel,
               "-initrd", archive, "-append", "console=ttyS0 nokaslr mitigations=off memhp_default_state=online_movable")
    with house.qemu(name="agreeing", machine=machine).direct().ready() as client:
        wait.until(lambda: "Run /init" in open(console, errors="replace").read(), "the guest")
        yield client


def let_go(client, name):
    assert client.event("ACPI_DEVICE_OST")["data"]["info"]["device"] == name  # the guest has it
    client.result("device_del", id=name)
    wait.until(lambda: not is_there(client, name), f"the guest to let go of {name}")


def test_memory_is_removed_when_the_guest_agrees(catalogue, agreeing, convert):
    agreeing.result("object-add", {"qom-type": "memory-backend-ram", "id": "m", "size": 128 << 20})
    agreeing.result("device_add", {**described(catalogue, convert, "pc-dimm", memdev="m"), "id": "d0"})
    let_go(agreeing, "d0")
    assert agreeing.result("query-memory-devices") == []


def test_a_processor_is_removed_when_the_guest_agrees(catalogue, agreeing, convert):
    ((driver, props),) = processors(agreeing)
    agreeing.result("device_add", {**described(catalogue, convert, driver, **props), "id": "c1"})
    let_go(agreeing, "c1")
    assert processors(agreeing) == [(driver, props)]


def test_each_model_of_a_processor_is_taken_as_argv(catalogue, house, convert):
    """Of a VM whose others are of the same model; all of them by QMPGATE_EVERY_DEVICE."""
    models = [d["name"] for d in catalogue["devices"] if d["name"].endswith("-x86_64-cpu") and is_processor(catalogue, d)
              and d["name"] not in ("host-x86_64-cpu", "base-x86_64-cpu")]
    assert len(models) > 100
    for n, driver in enumerate(models if os.environ.get("QMPGATE_EVERY_DEVICE") else ("EPYC-x86_64-cpu", "486-v1-x86_64-cpu", "max-x86_64-cpu")):
        d = {"driver": driver, "id": "c1", "socket-id": 1, "core-id": 0, "thread-id": 0}
        words = ("-cpu", driver.removesuffix("-x86_64-cpu"), "-device", convert("-device", "json", "argv" if n % 2 else "json", d))
        there, said = start(house, words, f"cpu{n}")
        assert there and "c1" in there, (driver, said)


# --- any text in any string property -----------------------------------------------------------------------------

# commas, equals signs, quotes, Unicode, and what some parser takes for more
TEXTS = ["", "a,b=c,,d\"'\\\u00e4\U0001f4a1\u2028<&>%s${X}", "{\"a\":[1]}"]


def test_every_text_in_every_string_property_comes_back_from_every_form(catalogue, build, module_place):
    with open(os.path.join(module_place, "catalogue")) as f:
        done = subprocess.run([os.path.join(build, "tests", "libqdev", "strings")], stdin=f, stdout=subprocess.PIPE, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    assert int(done.stdout) > 200000


def strings_of(catalogue, driver):
    properties = [catalogue["properties"][i] for i in driver["properties"]]
    return [p[0] for p in properties if p[1] == "str" and p[0] not in BACKENDS and p[0] not in ONE_FOR_ALL]


def give_text(client, convert, d, name, text, bus):
    """Whether QEMU took it; what it tells then must be that."""
    if "error" in client.call("device_add", json.loads(convert("-device", "json", "qmp", {**d, name: text}))):
        return False
    got = client.call("qom-get", {"path": f"/machine/peripheral/{d['id']}", "property": name})
    assert got.get("return") == text, (d["driver"], name, text, got)
    unplug(client, d["id"], bus)
    return True


def test_a_string_property_that_qemu_takes_has_the_text_that_was_given(catalogue, house, convert):
    """What it refuses is an address, or a file or object that there is not."""
    vm = Vm(house)
    kept, seen = [], set()
    for number, driver in enumerate(d for d in pluggable(catalogue) if d["name"] not in STAYS and not ENDS.fullmatch(d["name"])):
        d, wants = describe(catalogue, driver, number, BUSES[driver["bus"]])
        mine = [p for p in strings_of(catalogue, driver) if p not in seen]
        seen.update(mine)
        try:
            for name in wants if mine else ():
                vm.client.result(BACKENDS[name][0], **with_number(BACKENDS[name][1], number))
            kept += [(name, text) for name in mine for text in TEXTS if give_text(vm.client, convert, d, name, text, driver["bus"])]
        except (Closed, Silent, OSError):  # some end it when they are taken out, as above
            vm.begin()
    print("kept", sorted({name for name, _ in kept}), "of", sorted(seen))
    assert len({name for name, _ in kept}) > 5 and len(kept) > 20, kept
