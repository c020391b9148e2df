"""A real libvirtd of its own in session mode, and real VMs (TCG) that it runs. None needs root; started by root it runs
as a user without rights, because libvirt's session mode is for those."""

import atexit
import ctypes
import functools
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid

import pytest

from . import wait
from .process import Process

NOBODY = 65534
EMULATOR = "/usr/bin/qemu-system-x86_64"
DAEMON = "/usr/sbin/libvirtd"
CLONE_NEWUTS, CLONE_NEWUSER = 0x04000000, 0x10000000

DOMAIN = """
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  {metadata}
  <os><type arch='x86_64' machine='isapc'>hvm</type></os>
  <on_crash>destroy</on_crash>
  <devices><emulator>{emulator}</emulator><controller type='usb' model='none'/><memballoon model='none'/>{devices}
    <video><model type='none'/></video></devices>
  <qemu:commandline>
    <qemu:arg value='-trace'/><qemu:arg value='handle_qmp_command,file={trace}'/>
    {arguments}
  </qemu:commandline>
</domain>
"""


@functools.cache
def cache():
    """What libvirtd finds out about QEMU, which takes it seconds: once a run."""
    path = tempfile.mkdtemp(prefix="qmpgate-lv-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    return path


def available():
    return os.path.exists(DAEMON) and shutil.which("virsh") and os.path.exists(EMULATOR)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def name_host(name):
    """This process on a host of that name: libvirt migrates between hosts only, and tells them by it."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid, root = os.getuid(), os.getgid(), os.geteuid() == 0
    if libc.unshare(CLONE_NEWUTS | (0 if root else CLONE_NEWUSER)) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if not root:
        for path, text in (("setgroups", "deny"), ("gid_map", f"{gid} {gid} 1"), ("uid_map", f"{uid} {uid} 1")):
            with open(f"/proc/self/{path}", "w") as f:
                f.write(text)
    socket.sethostname(name)


def requests_in(trace):
    with open(trace, "rb") as f:
        lines = f.read().decode("utf-8", "backslashreplace").splitlines()
    found = (re.match(r".*handle_qmp_command mon \S+ req: (.*)$", line) for line in lines)
    return [json.loads(m.group(1)) for m in found if m]


class Domain:
    """One VM of a Libvirtd, started or not."""

    def __init__(self, libvirtd, name, domain_uuid):
        self.libvirtd, self.name, self.uuid, self.emulator = libvirtd, name, domain_uuid, EMULATOR
        self.trace = libvirtd.path(f"{domain_uuid}.trace")

    def define(self, metadata="", devices="", arguments=(), emulator=EMULATOR):
        self.emulator = emulator
        more = "".join(f"<qemu:arg value='{a}'/>" for a in arguments)
        self.libvirtd.define(DOMAIN.format(name=self.name, uuid=self.uuid, trace=self.trace, emulator=emulator,
                                           metadata=metadata, devices=devices, arguments=more))
        return self

    def start(self, *options):
        """`--paused` where there are many: their firmware takes processors."""
        self.libvirtd.virsh("start", self.uuid, *options)
        return self

    def virsh(self, command, *arguments, check=True):
        return self.libvirtd.virsh(command, self.uuid, *arguments, check=check)

    def destroy(self):
        self.virsh("destroy")

    def pids(self):
        """Of its QEMUs (while it moves there are two), by the UUID on their command lines."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if self.uuid.encode() in words and words[0] == self.emulator.encode():
                yield int(pid)

    @property
    def pid(self):
        for pid in self.pids():
            return pid
        raise AssertionError(f"no QEMU of {self.name}")

    def freeze(self):
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        """Returns when it is gone: a libvirtd that starts before would take it for one that runs."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        wait.until(lambda: not wait.is_alive(pid), f"the end of {self.name}")

    def is_tainted(self):
        """By commands to its monitor, says libvirt."""
        return "custom monitor" in self.virsh("dominfo")

    def received(self):
        """Every request that reached its monitor, libvirt's own too."""
        return requests_in(self.trace)

    def commands(self):
        return [r["execute"] for r in self.received()]


class Traveller(Domain):
    """A VM that moves between Libvirtds. Each QEMU that it is has a trace of its own: QEMU puts its pid for %d."""

    def __init__(self, libvirtd, name, domain_uuid):
        super().__init__(libvirtd, name, domain_uuid)
        self.trace = os.path.join(libvirtd.common(), f"{domain_uuid}.%d.trace")

    def move(self, to, *options, check=True):
        """To another Libvirtd, live; where it is then."""
        port = free_port()
        said = self.virsh("migrate", to.uri, "--live", "--migrateuri", f"tcp://127.0.0.1:{port}", *options, check=check)
        if check:
            self.libvirtd.domains.remove(self)
            to.domains.append(self)
            self.libvirtd = to
        return said

    def received(self):
        """What each of its QEMUs got, one list after another, in no order."""
        return [r for trace in self.traces().values() for r in trace]

    def pid_at(self, libvirtd):
        """Of the one that this Libvirtd runs: its files are in the Libvirtd's directory."""
        for pid in self.pids():
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if libvirtd.directory.encode() + b"/" in f.read():
                    return pid
        raise AssertionError(f"no QEMU of {self.name} at {libvirtd.name}")

    def traces(self):
        """By the QEMU's pid."""
        paths = glob.glob(self.trace.replace("%d", "*"))
        return {int(path.split(".")[-2]): requests_in(path) for path in paths}


class Libvirtd:
    def __init__(self, directory, name="host1", hostname=None):
        if not available():
            pytest.skip("libvirtd, virsh or QEMU is not installed (scripts/install-deps test)")
        self.name, self.hostname = name, hostname
        self.directory = os.path.join(directory, "lv-" + name)
        self.host_uuid = str(uuid.uuid4())
        os.mkdir(self.directory)
        os.chmod(directory, 0o755)
        for sub in ("home", "run"):
            os.mkdir(self.path(sub))
        if os.geteuid() == 0:
            for path in (self.directory, self.path("home"), self.path("run")):
                os.chown(path, NOBODY, NOBODY)
        with open(self.path("libvirtd.conf"), "w") as f:
            f.write(f'unix_sock_dir = "{self.path("run")}"\nhost_uuid = "{self.host_uuid}"\nlog_outputs = "3:stderr"\n')
        self.socket = self.path("run/libvirt-sock")
        self.uri = f"qemu+unix:///session?socket={self.socket}"
        self.domains, self.options = [], []
        self.process = None

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self):
        def become_nobody():
            if self.hostname:
                name_host(self.hostname)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.setsid()
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.path("home"), "XDG_RUNTIME_DIR": self.path("run"),
               "XDG_CONFIG_HOME": self.path("c"), "XDG_CACHE_HOME": cache()}
        self.process = Process([DAEMON, *self.options, "-f", self.path("libvirtd.conf")], env=env, preexec=become_nobody)
        wait.until(lambda: wait.is_listening(self.socket) or not self.process.running(), "libvirtd")
        assert self.process.running(), self.process.text
        return self

    def virsh(self, *arguments, check=True, text=None):
        done = subprocess.run(["virsh", "-q", "-c", self.uri, *arguments], input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=wait.TIMEOUT * 3)
        assert not check or done.returncode == 0, f"virsh {' '.join(arguments)}: {done.stdout}"
        return done.stdout

    def define(self, xml):
        path = self.path("domain.xml")
        with open(path, "w") as f:
            f.write(xml)
        return self.virsh("define", path)

    def common(self):
        """A directory that the Libvirtds of a test share."""
        path = os.path.join(os.path.dirname(self.directory), "traces")
        if not os.path.isdir(path):
            os.mkdir(path)
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        return path

    def domain(self, name="web1", domain_uuid=None, kind=Domain, **how):
        """Defined, not started."""
        domain = kind(self, name, domain_uuid or str(uuid.uuid4()))
        self.domains.append(domain)
        return domain.define(**how)

    def freeze(self):
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def kill(self):
        """Its VMs go on."""
        self.process.kill()
        if os.path.lexists(self.socket):
            os.unlink(self.socket)

    def stop(self):
        for domain in self.domains:
            for pid in domain.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it does not run
        if self.process and self.process.running():
            self.thaw()
            self.process.terminate()


def vms(gateway, cert="admin"):
    """What a client is told of the VMs that it sees, by their names."""
    with gateway.connect(cert=cert) as client:
        return {vm["name"]: vm for vm in client.ready().result("gateway-list-vms")}


BUS = """<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
"""
ACTION = """<action id="{}"><description>x</description><message>x</message>
<defaults><allow_any>no</allow_any><allow_inactive>no</allow_inactive><allow_active>no</allow_active></defaults></action>
"""
# libvirt's own, of which Debian ships the descriptions with libvirt's services
RIGHTS = ["org.libvirt.unix.manage", "org.libvirt.unix.monitor"] + [f"org.libvirt.api.{kind}.{right}" for kind, rights in (
    ("connect", "getattr read write search-domains interface-transaction pm-control detect-storage-pools"),
    ("domain", "getattr read read-secure write save delete start stop reset init-control suspend migrate snapshot checkpoint "
               "hibernate core-dump pm-control send-input send-signal block-read block-write mem-read open-device open-graphics "
               "open-namespace fs-trim fs-freeze inject-nmi screenshot set-password set-time")) for right in rights.split()]
ASKED = """polkit.addRule(function (action, subject) { polkit.log("asked for " + action.id + " by " + subject.user); });
"""


class SystemLibvirtd(Libvirtd):
    """root's, which asks a polkit of its own about everybody else; none of the machine's files is touched."""

    @staticmethod
    def available():
        if os.geteuid() != 0 or not shutil.which("dbus-daemon") or not os.path.exists("/usr/lib/polkit-1/polkitd"):
            return False
        try_it = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]  # a container may not
        return subprocess.run(try_it, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def __init__(self, directory, rules, name="host1"):
        if not self.available():
            pytest.skip("needs root that may mount, dbus-daemon and polkitd (scripts/install-deps test)")
        super().__init__(directory, name)
        self.uri = f"qemu+unix:///system?socket={self.socket}"
        for sub in ("rules.d", "actions"):
            os.mkdir(self.path(sub))
            os.chmod(self.path(sub), 0o755)
        for path, text in (
                ("libvirtd.conf", f'unix_sock_dir = "{self.path("run")}"\nhost_uuid = "{self.host_uuid}"\nlog_outputs = "3:stderr"\n'
                                  'unix_sock_rw_perms = "0777"\nauth_unix_rw = "polkit"\naccess_drivers = ["polkit"]\n'),
                ("qemu.conf", 'security_driver = "none"\ncgroup_controllers = []\nnamespaces = []\nstdio_handler = "file"\n'
                              'user = "nobody"\ngroup = "nogroup"\n'),
                ("bus.conf", BUS.format(path=self.path("bus"))),
                ("rules.d/10-asked.rules", ASKED), ("rules.d/50-qmpgate.rules", rules),
                ("actions/libvirt.policy", f"<policyconfig>{''.join(map(ACTION.format, RIGHTS))}</policyconfig>")):
            with open(self.path(path), "w") as f:
                f.write(text)

    def start(self):
        script = os.path.join(os.path.dirname(__file__), "libvirt-system")
        self.process = Process(["unshare", "--mount", script, self.directory, system_cache()],
                               env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        self.process.wait_line("Acquired the name org.freedesktop.PolicyKit1")  # before that everybody is refused
        wait.until(lambda: wait.is_listening(self.socket) or not self.process.running(), "libvirtd")
        assert self.process.running(), self.process.text
        return self

    def virsh_as(self, user, *arguments):
        """(exit status, output), of somebody whom polkit is asked about."""
        done = subprocess.run(["setpriv", f"--reuid={user}", "--clear-groups", "virsh", "-q", "-c", self.uri, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=wait.TIMEOUT * 3)
        return done.returncode, done.stdout

    def asked(self, user):
        """For which rights polkit was asked about a user."""
        return set(re.findall(rf"asked for (\S+) by {user}$", self.process.text, re.M))


@functools.cache
def system_cache():
    path = tempfile.mkdtemp(prefix="qmpgate-lvs-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path
