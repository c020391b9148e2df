"""Fixtures: a PKI a run, and for each test a place of its own, VMs, and a gateway whose end is inspected."""

import os
import shutil
import tempfile

import pytest

from harness.disk import disks  # noqa: F401 (a fixture)
from harness.fake import Fake
from harness.gateway import Gateway
from harness.libvirt import Libvirtd
from harness.pki import Pki
from harness.qemu import Qemu
from harness.scripted_vm import ScriptedVm


def pytest_report_header(config):
    return f"qmpgate build: {os.environ.get('QMPGATE_BUILD', '(QMPGATE_BUILD is not set)')}"


@pytest.fixture(scope="session")
def build():
    """The build tree under test."""
    path = os.environ.get("QMPGATE_BUILD")
    if not path:
        pytest.exit("QMPGATE_BUILD must name the build tree (make check-e2e sets it)", 2)
    return os.path.abspath(path)


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki.make(str(tmp_path_factory.mktemp("pki")))


def make_place():
    """A short path: a UNIX socket's has at most 107 bytes, of which libvirt takes 77 for a guest agent's."""
    return tempfile.mkdtemp(prefix="qg-")


@pytest.fixture
def place():
    path = make_place()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def module_place():
    path = make_place()
    yield path
    shutil.rmtree(path)


class House:
    """Starts things, and ends them in the right order: the gateway first, then its VMs."""

    def __init__(self, build, place, pki):
        self.build, self.place, self.pki = build, place, pki
        self.vms, self.gateways, self.clients = [], [], []

    def qemu(self, name="web1", **how):
        vm = Qemu(self.place, name, **how)
        self.vms.append(vm)
        return vm.start()

    def fake(self, *options, names=("web1",), **how):
        vm = Fake(self.build, self.place, names, *options, **how)
        self.vms.append(vm)
        return vm.start()

    def libvirtd(self, name="host1", hostname=None):
        """With a hostname it is on a host of that name, as far as libvirt can tell."""
        libvirtd = Libvirtd(self.place, name, hostname)
        self.vms.append(libvirtd)
        return libvirtd.start()

    def scripted(self, name="web1", **how):
        vm = ScriptedVm(self.place, name)
        for attribute, value in how.items():
            getattr(vm, attribute).update(value)
        self.vms.append(vm)
        return vm.start()

    def gateway(self, *vms, **attributes):
        """Not started yet. VMs, and libvirtds, are configured."""
        gateway = Gateway(self.build, self.place, attributes.pop("pki", self.pki))
        for vm in vms:
            if isinstance(vm, Libvirtd):
                gateway.libvirts[vm.name] = {"uri": vm.uri}
            else:
                gateway.add_vm(vm)
        for name, value in attributes.items():
            if name in ("limits", "options", "tls"):
                getattr(gateway, name).update(value)
            else:
                setattr(gateway, name, value)
        self.gateways.append(gateway)
        return gateway

    def clean_up(self):
        failures = []
        for thing in self.gateways + self.vms:
            try:
                thing.stop()
            except BaseException as e:  # the rest must be ended all the same
                failures.append(e)
        if failures:
            raise failures[0]


@pytest.fixture
def house(build, place, pki):
    h = House(build, place, pki)
    yield h
    h.clean_up()


@pytest.fixture(scope="module")
def module_house(build, module_place, pki):
    """For tables of many small cases that leave nothing behind."""
    h = House(build, module_place, pki)
    yield h
    h.clean_up()


@pytest.fixture
def qemu(house):
    return house.qemu()


@pytest.fixture
def gateway(house, qemu):
    """One real QEMU named web1 behind a gateway."""
    return house.gateway(qemu).start()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its daemons said."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for house in (item.funcargs.get("house"), item.funcargs.get("module_house")):
            for gateway in house.gateways if house else ():
                report.sections.append(("qmpgated said", gateway.said()))
                report.sections.append(("qmpgated's threads", gateway.threads()))
            for vm in house.vms if house else ():
                if getattr(vm, "process", None):
                    report.sections.append((f"the threads of {getattr(vm, 'name', 'the fake')}", vm.process.threads()))
