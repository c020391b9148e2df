"""A guest that is a Linux: a kernel that scripts/install-deps has unpacked, busybox and a real guest agent, in memory only.
It is up in three seconds under TCG."""

import atexit
import functools
import os
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

from . import wait
from .libvirt import NOBODY, Domain

KERNEL = "/usr/local/lib/qmpgate-guest"
AGENT, BUSYBOX = "/usr/sbin/qemu-ga", "/bin/busybox"
MODULES = ["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_console"]

XML = """
<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>128</memory><vcpu>1</vcpu>
  {metadata}
  <os><type arch='x86_64' machine='pc'>hvm</type>{system}</os>
  <cpu mode='custom'><model>qemu64</model></cpu>
  <devices><emulator>{emulator}</emulator><controller type='usb' model='none'/><memballoon model='none'/>{devices}
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <channel type='unix'><target type='virtio' name='test.clock'/></channel>
    <video><model type='none'/></video></devices>
</domain>
"""

SYSTEM = """<kernel>{}</kernel><initrd>{}</initrd><cmdline>console=null quiet nokaslr mitigations=off acpi=off</cmdline>"""
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in MODULES; do insmod /modules/$module.ko; done
until [ -e /dev/vport*p1 ]; do sleep 0.05; done
set -- /dev/vport*p1
while true; do
    [ ! -e /run/other ] || sh /run/other <>$1 >&0
    qemu-ga -m virtio-serial -p $1 -t /run; sleep 0.1
done
"""
# As far as the agent is concerned: it halts if it is asked to power down, and cannot if it is asked to halt.
SHUTDOWN = """#!/bin/busybox sh
echo "$@" >> /run/shutdown
[ "$2" != -H ]
"""

# It waits for this when it sets the time: for whoever is at the other end of the second channel, if it is to be slow.
HWCLOCK = """#!/bin/busybox sh
[ -e /run/slow ] || exit 0
set -- /dev/vport*p2
exec <>$1 >&0
echo begun
read -r line
"""


def available():
    return all(os.path.exists(path) for path in (KERNEL + "/vmlinuz", AGENT, BUSYBOX))


def archive(entries):
    """What the kernel unpacks: (name, mode, bytes), as cpio's "newc" has them."""
    out = bytearray()
    for i, (name, mode, data) in enumerate(entries + [("TRAILER!!!", 0, b"")], 1):
        text = name.encode() + b"\0"
        fields = (i, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(text), 0)
        for part in (b"070701" + "".join(f"{f:08x}" for f in fields).encode() + text, data):
            out += part
            out += bytes(-len(out) % 4)
    return bytes(out)


def contents():
    def file(name, path):
        with open(path, "rb") as f:
            return name, 0o100755, f.read()

    libraries = re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", AGENT], stdout=subprocess.PIPE, text=True, check=True).stdout)
    directories = {"bin", "dev", "etc", "modules", "proc", "root", "run", "sbin", "sys", "tmp", "var", "var/run"}
    for path in libraries:
        parts = os.path.dirname(path).strip("/").split("/")
        directories |= {"/".join(parts[:n]) for n in range(1, len(parts) + 1)}
    return ([(name, 0o40755, b"") for name in sorted(directories)]
            + [file(path.strip("/"), path) for path in libraries]
            + [file(f"modules/{m}.ko", f"{KERNEL}/{m}.ko") for m in MODULES]
            + [file("bin/busybox", BUSYBOX), file("bin/qemu-ga", AGENT),
               ("init", 0o100755, INIT.replace("MODULES", " ".join(MODULES)).encode()),
               ("sbin/shutdown", 0o100755, SHUTDOWN.encode()), ("sbin/hwclock", 0o100755, HWCLOCK.encode()),
               ("etc/passwd", 0o100644, b"root:x:0:0::/root:/bin/sh\n")])


@functools.cache
def files():
    """(kernel, initrd), once a run, where libvirtd's VMs can read them."""
    path = tempfile.mkdtemp(prefix="qmpgate-guest-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    os.chmod(path, 0o755)
    with open(os.path.join(path, "initrd"), "wb") as f:
        f.write(archive(contents()))
    shutil.copy(KERNEL + "/vmlinuz", path)
    if os.geteuid() == 0:
        for name in os.listdir(path):
            os.chown(os.path.join(path, name), NOBODY, NOBODY)
    return os.path.join(path, "vmlinuz"), os.path.join(path, "initrd")


class Guest(Domain):
    """A VM with a channel for an agent, and one in it; without a system it stays in its firmware."""

    def define(self, metadata="", devices="", system=True):
        if not available():
            pytest.skip("no guest agent, busybox or kernel for a guest (scripts/install-deps test)")
        self.libvirtd.define(XML.format(name=self.name, uuid=self.uuid, emulator=self.emulator, metadata=metadata,
                                        devices=devices, system=SYSTEM.format(*files()) if system else ""))
        return self

    def is_up(self):
        return "{}" in self.virsh("qemu-agent-command", '{"execute":"guest-ping"}', check=False)

    def clock(self):
        """The other end of its clock's channel: a line to it lets a slow one go on."""
        end = socket.socket(socket.AF_UNIX)
        end.settimeout(wait.TIMEOUT)
        end.connect(re.search(r"path='([^']*/test\.clock)'", self.virsh("dumpxml"))[1])
        return end

    def wait_up(self):
        wait.until(self.is_up, f"the agent of {self.name}")
        return self
