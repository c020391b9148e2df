"""The catalogue of devices: from a real QEMU, by each way to it, and what `qmpgate devices` says by it."""

import json
import os
import subprocess
import time

import pytest

from harness import wait
from harness.cli import Cli

NONE = ("-machine", "none")


@pytest.fixture(scope="module")
def catalogue(module_house, module_place, build):
    """A file of the QEMU that is here."""
    vm = module_house.qemu("ask", machine=NONE)
    cli = Cli(build, module_place, f"unix:{vm.socket}")
    done = cli("devices", "dump")
    assert done.code == 0, done.stderr
    path = os.path.join(module_place, "catalogue")
    with open(path, "w", encoding="utf-8") as f:
        f.write(done.stdout)
    return path


@pytest.fixture
def devices(build, place, catalogue):
    cli = Cli(build, place)
    return lambda tool, *words: cli("devices", tool, "--file", catalogue, *words)


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


# --- what is refused -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("string,says", [
    ("virtio-net-pci,mca=52:54:00:12:34:56", "virtio-net-pci has no property 'mca'; did you mean 'mac'?"),
    ("virtoi-net-pci", "did you mean 'virtio-net-pci'?"),
    ("virtio-blk-pci,drive=d,rerror=pause", "it is one of report/ignore/enospc/stop/auto"),
    ("e1000,romsize=much", "the value of 'romsize' is no uint32"),
    ("ICH9-LPC", "made by machines only"),
    ("e1000,mac=1,mac=2", "mac"),
    ('{"driver":"e1000","multifunction":"perhaps"}', "no boolean")])
def test_what_qemu_would_refuse_is_named(devices, string, says):
    done = devices("check", "e1000", string)
    assert done.code == 1 and says in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"qdev-catalogue":2}', "\0"])
def test_a_file_that_is_no_catalogue_is_refused(build, place, text):
    path = os.path.join(place, "file")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    done = Cli(build, place)("devices", "list", "--file", path)
    assert done.code == 5 and path in done.stderr


def test_a_file_that_is_not_there_is_told(build, place):
    assert Cli(build, place)("devices", "list", "--file", place + "/none").code == 5


@pytest.mark.parametrize("words", [(), ("what",), ("dump", "x"), ("list", "a", "b"), ("show",), ("check",)])
def test_a_tool_and_what_it_is_about_must_be_named(build, place, words):
    assert Cli(build, place)("devices", *words).code == 2


def test_a_device_that_there_is_not_cannot_be_shown(devices):
    done = devices("show", "e100")
    assert done.code == 1 and "did you mean 'e1000'?" in done.stderr


def test_who_may_not_ask_is_told(gateway, build, pki, place):
    cli = Cli(build, place, f"qmps://localhost:{gateway.port}/web1")
    gateway.policy = gateway.policy.replace('allow  = {"@query"}', 'allow  = {"query-status"}')
    gateway.reload()
    cli.options = ["--ca", pki.path("ca.crt"), "--cert", pki.path("viewer.crt"), "--key", pki.path("viewer.key")]
    done = cli("devices", "list")
    assert done.code == 3 and "permission denied" in done.stderr, done.stderr


# --- what is there ---------------------------------------------------------------------------------------------

def test_what_qemu_takes_is_good(devices):
    done = devices("check", "virtio-net-pci,id=n,mac=52:54:00:12:34:56,bus=pci.0,addr=0x6.1", "e1000-82540em", "virtio-blk-pci,drive=d,logical_block_size=4K",
                   '{"driver":"virtio-net-pci","rss":true}')
    assert (done.code, done.stderr) == (0, "")
    done = devices("check", "--objects", "rng-random,id=r,filename=/dev/urandom", "memory-backend-ram,id=m,size=64M,policy=bind")
    assert (done.code, done.stderr) == (0, "")


def test_it_lists_and_shows(devices):
    names = [json.loads(line)["name"] for line in devices("list", "virtio-*-pci").stdout.splitlines()]
    assert "virtio-net-pci" in names and names == sorted(names) and "e1000" not in names
    shown = {p["name"]: p for p in map(json.loads, devices("show", "virtio-net-pci").stdout.splitlines())}
    assert shown["mac"]["type"] == "str" and shown["rss"] == {"name": "rss", "type": "bool", "default": False, "description": "on/off"}
    assert "rng-random" in devices("list", "--objects").stdout


def test_a_catalogue_is_whole(catalogue, module_house):
    """Each device of QEMU's is in it, with all its properties."""
    c = load(catalogue)
    with module_house.qemu("count", machine=NONE).direct().ready() as client:
        types = {t["name"] for t in client.result("qom-list-types", implements="device", abstract=False)}
        assert {d["name"] for d in c["devices"]} == types
        for name in ("virtio-net-pci", "usb-tablet", "scsi-hd", "ib700", "qemu-xhci"):
            mine = next(d for d in c["devices"] if d["name"] == name)
            theirs = {(p["name"], p["type"]) for p in client.result("device-list-properties", typename=name)}
            assert {tuple(c["properties"][i][:2]) for i in mine["properties"]} == theirs


def test_types_that_end_qemu_are_passed_over(catalogue):
    """QEMU 7.2 aborts when it is asked for theirs, where the module is not there."""
    devices = {d["name"]: d for d in load(catalogue)["devices"]}
    if "virtio-gpu-gl-pci" in devices and "virtio-gpu-gl-device" not in devices:
        assert devices["virtio-gpu-gl-pci"]["opaque"]


def test_a_qemu_that_was_asked_is_as_it_was(house, build):
    """QEMU 7.2 closes descriptor 0 each time that it is asked for the properties of filter-dump."""
    vm = house.qemu(machine=NONE)
    with vm.direct().ready() as client:
        client.sync()
        before = sorted(os.listdir(f"/proc/{vm.pid}/fd"))
        for _ in range(3):
            subprocess.run([os.path.join(build, "tests", "libqdev", "catalogue"), f"unix:{vm.socket}"], stdout=subprocess.DEVNULL, check=True)
        client.sync()
        assert vm.process.running()
        wait.until(lambda: sorted(os.listdir(f"/proc/{vm.pid}/fd")) == before, "the descriptors that it had")


def test_it_is_the_same_by_each_way(catalogue, house, build, pki):
    """The command line's own session, and libqmp's: over the socket, and through the gateway."""
    vm = house.qemu(machine=NONE)
    gateway = house.gateway(vm).start()
    env = {**os.environ, "QMPGATE_CA": pki.path("ca.crt"), "QMPGATE_CERT": pki.path("admin.crt"), "QMPGATE_KEY": pki.path("admin.key")}
    wanted = load(catalogue)
    for uri, human in ((f"unix:{vm.side}", True), (f"qmps://127.0.0.1:{gateway.port}/web1", False)):
        done = subprocess.run([os.path.join(build, "tests", "libqdev", "catalogue"), uri], env=env, stdout=subprocess.PIPE, check=True)
        got = json.loads(done.stdout)
        for d in () if human else got["devices"] + wanted["devices"]:  # its human monitor is nobody's by default
            for member in ("bus", "alias", "description", "internal"):
                d.pop(member, None)
        assert got == wanted


def test_a_live_catalogue_takes_no_longer_than_it_may(house, build):
    vm = house.qemu(machine=NONE)
    begin = time.monotonic()
    subprocess.run([os.path.join(build, "tests", "libqdev", "catalogue"), f"unix:{vm.socket}"], stdout=subprocess.DEVNULL, check=True)
    slow = float(os.environ.get("QMPGATE_TEST_SLOWNESS", "1"))
    assert time.monotonic() - begin < 10 * slow  # make bench says what it is: 2 s
