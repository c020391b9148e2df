"""The daemon under test: its configuration written, its readiness awaited, its end inspected."""

import os
import pwd
import random
import signal
import socket
import subprocess
import threading
import time

from . import audit, audit_schema, wait
from .client import Client, tls_connect, tls_context, unix_connect
from .pki import VM_DOMAIN
from .process import Process

POLICY = """
role "viewer" {
    allow  = {"@query"}
    events = {"STOP", "RESUME"}
}
role "operator" {
    include = {"viewer"}
    allow   = {"stop", "cont", "system_powerdown", "qom-list"}
    events  = {"*"}
    deny    = {"quit"}
}
role "owner" {
    allow  = {"*", "object-add", "quit"}
    events = {"*"}
}
group "owners" { members = {"x509:CN=admin,O=Example"} }
grant "owners-on-all" {
    to   = {"group:owners"}
    role = {"owner"}
    vms  = {"*"}
}
grant "operator-on-web" {
    to   = {"x509:CN=operator,O=Example"}
    role = {"operator"}
    vms  = {"web*"}
}
grant "viewer-on-web" {
    to   = {"x509:CN=viewer,O=Example"}
    role = {"viewer"}
    vms  = {"web*"}
}
grant "site-admins" {
    to    = {"x509:CN=admin,O=Example"}
    admin = {"sessions", "session-close", "reload", "stats", "audit-tail", "audit-all"}
}
"""


def free_port(host="127.0.0.1"):
    """A port that nobody has now; the daemon takes it in a moment. Below those that the kernel gives to whoever
    connects, and by chance, so that neither a client nor another run of these tests gets it meanwhile."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket(family) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((host, port))
                return port
            except OSError:
                pass


def user_name():
    return pwd.getpwuid(os.geteuid()).pw_name


def value_text(value):
    """A value in libconfuse's syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(value_text(v) for v in value) + "}"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def section_text(kind, title, options):
    head = kind if title is None else f"{kind} {value_text(title)}"
    return head + " {\n" + "".join(f"    {k} = {value_text(v)}\n" for k, v in options.items()) + "}\n"


class Notify:
    """The service manager's side of sd_notify(3). Read all the time, by a thread: the daemon would wait for room."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        os.chmod(self.path, 0o666)  # the daemon may run as another user
        self.messages = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while message := self.sock.recv(4096):
            with self._changed:
                self.messages.append(message.decode())
                self._changed.notify_all()

    def _found(self, text):
        return [line for m in self.messages for line in m.splitlines() if line.startswith(text)]

    def wait(self, text, process, timeout=None, count=1):
        """Waits for the count-th line that begins with the text."""
        deadline = time.monotonic() + (timeout or wait.TIMEOUT)
        with self._changed:
            while len(self._found(text)) < count:
                self._changed.wait(0.1)  # the process may end without a word
                if not process.running() and len(self._found(text)) < count:
                    process.wait()
                    raise AssertionError(f"the daemon ended before {text}:\n{process.text}")
                assert time.monotonic() < deadline, f"no {text} in time; heard {self.messages}; log:\n{process.text}"
            return self._found(text)[count - 1]

    def forget(self):
        """What wait() means comes from now on."""
        with self._changed:
            self.messages.clear()

    def close(self):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.sendto(b"", self.path)  # an empty message ends the reader
        end.close()
        self._reader.join()
        self.sock.close()
        os.unlink(self.path)


class Gateway:
    """Change the attributes before start(); afterwards they describe what runs."""

    def __init__(self, build, directory, pki):
        self.build = build
        self.binary = os.path.join(build, "proxy", "qmpgated")
        self.directory = directory
        self.pki = pki
        self.config_file = os.path.join(directory, "qmpgate.conf")
        self.policy_file = os.path.join(directory, "policy.conf")
        self.audit_file = os.path.join(directory, "audit.jsonl")
        self.control = os.path.join(directory, "control.sock")
        self.policy = POLICY
        self.options = {"policy": "policy.conf", "state_dir": directory, "threads": 2, "front_threads": 1}
        if os.geteuid() == 0:
            self.options["user"] = "root"
        self.tls = {"cert": pki.path("server.crt"), "key": pki.path("server.key"), "ca": pki.path("ca.crt"),
                    "crl": pki.path("ca.crl")}
        self.port = free_port()
        self.listeners = {"public": {"address": "127.0.0.1", "port": self.port, "client_cert": "required",
                                     "sni_suffix": "." + VM_DOMAIN}}
        self.vms = {}
        self.directories = {}
        self.libvirts = {}
        self.audit = {"path": self.audit_file, "sync": "write"}
        # generous: on a slow build no test of something else may run into a limit
        self.limits = {"handshake_seconds": 60, "negotiate_seconds": 60}
        self.extra = ""
        self.env = {}
        self.pass_fds = ()
        self.preexec = None
        self.process = None
        self.ended = None  # the process, when it is over
        self.notify = None
        self.check_audit = True
        self.status = 0  # that it has to end with

    # --- configuration

    def add_vm(self, vm, **options):
        """A Qemu or a Fake; a Fake may be several VMs."""
        sockets = getattr(vm, "sockets", None) or {vm.name: vm.socket}
        for name, path in sockets.items():
            self.vms[name] = {"socket": path, **options}
        return self

    def add_control(self, **options):
        self.listeners["local"] = {"path": self.control, "mode": "0600", **options}
        return self

    def config_text(self):
        text = "".join(f"{k} = {value_text(v)}\n" for k, v in self.options.items())
        if self.tls:
            text += section_text("tls", None, self.tls)
        for kind, sections in (("listener", self.listeners), ("vm", self.vms), ("vm_directory", self.directories),
                               ("libvirt", self.libvirts)):
            text += "".join(section_text(kind, title, options) for title, options in sections.items())
        text += section_text("audit", None, self.audit)
        text += section_text("limits", None, self.limits)
        return text + self.extra

    def write(self):
        """Writes both files; for a reload after a change too."""
        for path, text in ((self.config_file, self.config_text()), (self.policy_file, self.policy)):
            with open(path + ".new", "w") as f:
                f.write(text)
            os.rename(path + ".new", path)

    # --- life

    def argv(self):
        return [self.binary, "--config", self.config_file, "--foreground"]

    def environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("LISTEN_", "WATCHDOG_", "NOTIFY_"))}
        env.update(self.env)
        if self.notify:
            env["NOTIFY_SOCKET"] = self.notify.path
        return env

    def start(self):
        self.write()
        self.notify = Notify(self.directory)
        self.process = Process(self.argv(), env=self.environment(), pass_fds=self.pass_fds, preexec=self.preexec)
        self.notify.wait("READY=1", self.process)
        return self

    def run_to_end(self, *more):
        """For starts that must fail, and --check: (exit status, standard error)."""
        self.write()
        done = subprocess.run(self.argv() + list(more), env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=wait.TIMEOUT,
                              errors="backslashreplace", preexec_fn=self.preexec, pass_fds=self.pass_fds)
        return done.returncode, done.stdout

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        process = self.process or self.ended
        return process.text if process else ""

    def threads(self):
        return self.process.threads() if self.process else ""

    def wait_log(self, text, timeout=None):
        return self.process.wait_line(text, timeout)

    def hang_up(self):
        """SIGHUP; returns when the reload is over, however it went."""
        self.notify.forget()
        self.process.signal(signal.SIGHUP)
        self.notify.wait("RELOADING=1", self.process)
        self.notify.wait("READY=1", self.process)

    def reload(self):
        self.write()
        self.hang_up()

    def stop(self):
        """SIGTERM, and everything that must hold at the end."""
        if not self.process:
            return
        process, self.process = self.process, None
        self.ended = process
        status = process.terminate(wait.TIMEOUT * 2)
        self.notify.close()
        report = process.sanitizer_report()
        assert not report, report
        assert status == self.status, f"exit status {status}:\n{process.text}"
        if self.check_audit:
            paths = audit.files(self.audit_file)
            audit_schema.check(audit.verify(*paths))
            if paths:
                audit.judge(self.build, paths)

    def crash(self):
        """kill -9. It can be started again."""
        process, self.process = self.process, None
        self.ended = process
        process.kill()
        self.notify.close()

    # --- clients

    def stream(self, vm=None, cert="admin", versions=None, session=None, context=None, **how):
        """A TLS stream that has read nothing yet."""
        context = context or tls_context(self.pki, cert, versions=versions)
        return tls_connect(how.pop("port", self.port), context, vm, session=session, **how)

    def connect(self, vm=None, cert="admin", **how):
        return Client(self.stream(vm, cert, **how))

    def client(self, vm, cert="admin", enable=(), **how):
        """Attached to the VM by its server name, and negotiated."""
        return self.connect(vm, cert, **how).ready(*enable)

    def local(self):
        """A client of the UNIX listener; it has not read the greeting."""
        return unix_connect(self.control)

    # --- what it wrote

    def records(self, **members):
        """The audit records in which all these members have these values."""
        return [r for r in audit.read(self.audit_file) if all(r.get(k) == v for k, v in members.items())]

    def wait_record(self, count=1, **members):
        """The latest such record, when there are enough of them."""
        return wait.until(lambda: (r := self.records(**members)) and len(r) >= count and r, f"audit {members}")[-1]
