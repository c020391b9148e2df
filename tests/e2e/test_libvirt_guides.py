"""The guides of docs/libvirt.md, followed step by step (harness/guide.py says how), with a real libvirtd."""

import os
import re
import shutil

import pytest

from harness import guide as page
from harness import wait
from harness.gateway import free_port
from harness.guide import Guide
from harness.libvirt import Libvirtd, vms
from harness.pki import SOURCE
from harness.remote import give

PAGE = "docs/libvirt.md"


class Hosted(Libvirtd):
    """Its libvirtd.conf is what the guide says, and what a test needs beside it."""

    def __init__(self, guide):
        super().__init__(guide.place)
        self.guide, self.port = guide, free_port()
        with open(self.path("libvirtd.conf")) as f:
            self.own = f.read()

    def restart(self, _):
        """As the guide has it: with its files, which the test's user gets to read."""
        self.kill()
        with open(self.guide.at("/etc/libvirt/libvirtd.conf")) as f:
            said = f.read()
        for path in re.findall(r'"(/[^"]*\.pem)"', said):
            copy = self.path(os.path.basename(path))
            shutil.copy(path, copy)
            give(copy)
            said = said.replace(path, copy)
        with open(self.path("libvirtd.conf"), "w") as f:
            f.write(self.own + said + f'listen_addr = "127.0.0.1"\ntls_port = "{self.port}"\n')
        self.options = ["--listen"]
        self.start()


@pytest.fixture
def guide(house):
    it = Guide(house, "docs/logging-in.md").read("The common beginning")
    with open(os.path.join(SOURCE, PAGE)) as f:
        it.page = page.sections(f.read())
    libvirtd = Hosted(it)
    house.vms.append(libvirtd)
    libvirtd.start().domain("db1").start()
    it.script("virsh", 'exec /usr/bin/virsh "$@" 2>/dev/null')  # which looks for a polkit that is not there
    for path in ("/root/libvirt", "/etc/libvirt"):
        os.makedirs(it.at(path))
    it.replaced = [(r"qemu:///system", libvirtd.uri),
                   (r"qemu\+unix:///session\?socket=[^\"]*/user/1000/[^\"]*", libvirtd.uri),
                   (r"qemu\+tls://host1\.example\.com/system", f"qemu+tls://localhost:{libvirtd.port}/session"),
                   (r"host1\.example\.com", "localhost")]
    it.services["libvirtd"] = libvirtd.restart
    gateway = it.services["qmpgated"]

    def reload(what):
        gateway(what)
        wait.until(lambda: re.search(r"libvirt \w+: connected", it.gateway.said()), "its libvirt")
    it.services["qmpgated"] = reload
    return it


@pytest.mark.parametrize("heading", ["One host", "As a user, without root", "Several hosts"])
def test_a_guide_of_libvirt_works(guide, heading):
    guide.read(heading)
    assert "cannot connect" not in guide.gateway.said()
