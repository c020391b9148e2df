"""What is measured side by side: each stands in front of the same monitor sockets, with the same certificates."""

import contextlib
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
SUFFIX = ".vm.example.com"
CIPHERSUITES = "TLS_AES_256_GCM_SHA384"
DESCRIPTORS = 65536  # 10,000 clients are 20,000 connections at a proxy


def free_port():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    """CPU time of a process with all its threads."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wait_for(predicate, what, process=None, timeout=30):
    deadline = time.monotonic() + timeout
    while not predicate():
        if process and process.poll() is not None:
            sys.exit(f"{what}: it ended with {process.returncode}")
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not in {timeout} s")
        time.sleep(0.01)


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def descriptors():
    """How many a process of ours may have: more than we were given if we are allowed to."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    except (ValueError, PermissionError):
        pass
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def on_cpus(cpus):
    """For preexec_fn: binds the process to these CPUs, and lets it have many descriptors."""
    hard = descriptors()

    def bind():
        os.sched_setaffinity(0, cpus)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return bind


running = []  # every process that was started, so that none outlives us


def spawn(argv, cpus, **how):
    child = subprocess.Popen(argv, preexec_fn=on_cpus(cpus), **how)
    running.append(child)
    return child


def end(child, timeout=20):
    child.terminate()
    try:
        child.wait(timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child in running:
        running.remove(child)


def end_all():
    for child in list(running):
        end(child)


class Pki:
    def __init__(self, directory):
        self.directory = directory
        subprocess.run([os.path.join(SOURCE, "tls-certs-example", "make-certs.sh"), "--out", directory],
                       check=True, stdout=subprocess.DEVNULL)
        with open(self.path("server.pem"), "w") as out:
            for name in ("server.crt", "server.key"):
                with open(self.path(name)) as f:
                    out.write(f.read())

    def path(self, name):
        return os.path.join(self.directory, name)


# --- behind ------------------------------------------------------------------------------------------

class Backends:
    """Monitor sockets DIR/vmN.qmp."""

    def __init__(self, directory, count):
        self.directory, self.count = directory, count
        self.process = None

    def socket(self, n):
        return os.path.join(self.directory, f"vm{n}.qmp")

    def stop(self):
        end(self.process)


class FakeBackends(Backends):
    name = "fake monitors"

    def __init__(self, build, directory, count, cpus):
        super().__init__(directory, count)
        argv = [os.path.join(build, "tests", "fake", "fake_monitor"), "--multi",
                "--schema", os.path.join(SOURCE, "tests", "data", "schema-7.2.json")]
        for n in range(count):
            argv += ["--listen", self.socket(n)]
        self.process = spawn(argv, cpus, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            sys.exit("the fake monitor does not start")


class QemuBackends(Backends):
    name = "real QEMU"

    def __init__(self, directory, cpus):
        super().__init__(directory, 1)
        self.process = spawn(
            ["qemu-system-x86_64", "-machine", "none", "-display", "none", "-nodefaults",
             "-qmp", f"unix:{self.socket(0)},server=on,wait=off"], cpus)
        wait_for(lambda: os.path.exists(self.socket(0)), "QEMU", self.process)


# --- in between --------------------------------------------------------------------------------------

class Peer:
    """Has a name, what it is, a process (or none), and the arguments that lead the load to it."""
    name = ""
    threads = "1"
    process = None

    def load_arguments(self):
        pki = self.pki
        return ["--port", str(self.port), "--sni-suffix", SUFFIX, "--ca", pki.path("ca.crt"),
                "--cert", pki.path("admin.crt"), "--key", pki.path("admin.key"), "--ciphersuites", CIPHERSUITES]

    def __init__(self, backends, pki, cpus):
        self.backends, self.pki, self.cpus = backends, pki, cpus
        self.port = free_port()
        self.directory = tempfile.mkdtemp(dir=os.path.dirname(backends.directory))
        self.start()

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def spawn(self, *argv):
        self.log = open(os.path.join(self.directory, "log"), "w")
        self.process = spawn(argv, self.cpus, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                             env=self.environment())
        wait_for(lambda: accepts(self.port), f"{self.name} ({self.directory}/log)", self.process)

    def environment(self):
        return None

    @contextlib.contextmanager
    def turn(self):
        """While it is measured."""
        yield

    def stop(self):
        if self.process:
            end(self.process)
            self.log.close()


class Direct(Peer):
    name = "socket itself"
    threads = "-"

    def start(self):
        pass

    def load_arguments(self):
        return ["--unix", self.backends.directory]


class Haproxy(Peer):
    name = "HAProxy"

    @staticmethod
    def missing():
        return None if shutil.which("haproxy") else "haproxy is not installed"

    @staticmethod
    def version():
        return subprocess.run(["haproxy", "-v"], capture_output=True, text=True).stdout.split()[2]

    def start(self):
        text = f"""global
    nbthread 1
    maxconn {min(15000, descriptors() // 2 - 100)}
    ssl-default-bind-ciphersuites {CIPHERSUITES}
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
frontend qmp
    bind 127.0.0.1:{self.port} ssl crt {self.pki.path("server.pem")} ca-file {self.pki.path("ca.crt")} crl-file {self.pki.path("ca.crl")} verify required backlog 1024
    use_backend %[ssl_fc_sni,field(1,.)]
"""
        for n in range(self.backends.count):
            text += f"backend vm{n}\n    server monitor unix@{self.backends.socket(n)}\n"
        self.spawn("haproxy", "-db", "-f", self.write("haproxy.cfg", text))


class Stunnel(Peer):
    name = "stunnel"
    threads = "1 a client"

    @staticmethod
    def missing():
        return None if shutil.which("stunnel") else "stunnel is not installed"

    @staticmethod
    def version():
        said = subprocess.run(["stunnel", "-version"], capture_output=True, text=True)
        return (said.stderr + said.stdout).split("stunnel ", 1)[1].split()[0]

    def start(self):
        tls = f"""cert = {self.pki.path("server.crt")}
key = {self.pki.path("server.key")}
CAfile = {self.pki.path("ca.crt")}
CRLfile = {self.pki.path("ca.crl")}
verifyChain = yes
requireCert = yes
ciphersuites = {CIPHERSUITES}
TIMEOUTidle = 3600
TIMEOUTclose = 0
"""
        text = "foreground = quiet\npid =\nsyslog = no\ndebug = 3\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
        text += f"[main]\naccept = 127.0.0.1:{self.port}\nconnect = {self.backends.socket(0)}\n{tls}"
        for n in range(1, self.backends.count):
            text += f"[vm{n}]\nsni = main:vm{n}{SUFFIX}\nconnect = {self.backends.socket(n)}\n{tls}"
        self.spawn("stunnel", self.write("stunnel.conf", text))


POLICY = """role "user" { allow = {"@query", "stop", "cont"} deny = {"quit"} events = {"*"} }
grant "users" { to = {"x509:CN=admin,O=Example"} role = {"user"} vms = {"*"} }
"""


def big_policy(rules, grants):
    """A policy of so many rules (patterns in roles) and grants, of which many concern the identity that asks."""
    roles = max(grants // 10, 1)
    per_role = max(rules // roles, 1)
    text = POLICY
    for r in range(roles):
        patterns = ", ".join(f'"x-command-{r}-{i}*"' for i in range(per_role - per_role // 4))
        denied = ", ".join(f'"x-forbidden-{r}-{i}*"' for i in range(per_role // 4))
        text += f'role "r{r}" {{ allow = {{{patterns}}} deny = {{{denied}}} }}\n'
    for g in range(grants):
        to = '"x509:CN=admin,O=Example"' if g % 2 else f'"x509:CN=user-{g}-*,O=Example"'
        text += f'grant "g{g}" {{ to = {{{to}}} role = {{"r{g % roles}"}} vms = {{"vm*"}} }}\n'
    return text


class Gateway(Peer):
    name = "qmpgated"
    threads = "2 (1 front, 1 VM loop)"
    policy = POLICY
    listener = 'client_cert = "required"'
    more = ""
    sync = "write"

    @staticmethod
    def binary():
        return os.path.join(os.environ["QMPGATE_BUILD"], "proxy", "qmpgated")

    @classmethod
    def missing(cls):
        return None if os.path.exists(cls.binary()) else "qmpgated is not built"

    @classmethod
    def version(cls):
        return subprocess.run([cls.binary(), "--version"], capture_output=True, text=True).stdout.split()[-1]

    def log_path(self):
        return "audit.jsonl"

    def start(self):
        self.write("policy.conf", self.policy)
        text = 'user = "root"\n' if os.geteuid() == 0 else ""
        text += f"""policy = "policy.conf"
state_dir = "{self.directory}"
threads = 1
front_threads = 1
tls {{
    cert = "{self.pki.path("server.crt")}"
    key  = "{self.pki.path("server.key")}"
    ca   = "{self.pki.path("ca.crt")}"
    crl  = "{self.pki.path("ca.crl")}"
}}
listener "public" {{
    address = "127.0.0.1"
    port = {self.port}
    {self.listener}
    sni_suffix = "{SUFFIX}"
}}
audit {{
    path = "{self.log_path()}"
    sync = "{self.sync}"
}}
limits {{
    connections = 30000
    connections_per_identity = 30000
    connections_per_address = 30000
    connections_unauthenticated = 30000
    monitor_linger_seconds = 1
}}
"""
        text += self.more
        for n in range(self.backends.count):
            text += f'vm "vm{n}" {{ socket = "{self.backends.socket(n)}" }}\n'
        self.spawn(self.binary(), "--config", self.write("qmpgate.conf", text), "--foreground")


class GatewaySyncWrite(Gateway):
    """Its log is on a disk whose sync is as fast as a good NVMe's: an ext4 in an image in memory."""
    name = 'qmpgated, sync = "write"'

    @classmethod
    def missing(cls):
        return Gateway.missing() or (None if FAST_DISK.mount() else "a file system in memory needs root, and a loop device")

    def log_path(self):
        return os.path.join(FAST_DISK.path, f"{self.port}.jsonl")


class GatewaySyncData(GatewaySyncWrite):
    name = 'qmpgated, sync = "data"'
    sync = "data"


class GatewaySyncWriteMemory(Gateway):
    """Its log is in memory, and each sync takes 0.3 ms, whatever else the machine does."""
    name = 'qmpgated, sync = "write", 0.3 ms'

    @classmethod
    def missing(cls):
        return Gateway.missing() or (None if os.path.isdir("/dev/shm") else "no /dev/shm")

    def log_path(self):
        self.memory = self.memory or tempfile.mkdtemp(prefix="qmpgate-bench-", dir="/dev/shm")
        return os.path.join(self.memory, "audit.jsonl")

    memory = None

    def environment(self):
        preload = os.path.join(os.environ["QMPGATE_BUILD"], "tests", "fake", "diskfault.so")
        return {**os.environ, "LD_PRELOAD": preload, "QMPGATE_TEST_SYNC_US": "300"}

    def stop(self):
        super().stop()
        shutil.rmtree(self.memory)


class GatewaySyncDataMemory(GatewaySyncWriteMemory):
    name = 'qmpgated, sync = "data", 0.3 ms'
    sync = "data"


def sync_us(directory):
    """Median of fdatasync there after a write as large as a few records."""
    name, times = os.path.join(directory, "probe"), []
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(500):
        os.write(fd, bytes(4000))
        begin = time.perf_counter()
        os.fdatasync(fd)
        times.append(time.perf_counter() - begin)
    os.close(fd)
    os.unlink(name)
    return statistics.median(times) * 1e6


class OwnDisk:
    """A directory of this machine's own disk, for logs."""
    place = None  # where; None: where temporary files go
    path = None

    def make(self):
        self.path = self.path or tempfile.mkdtemp(prefix="qmpgate-bench-", dir=self.place)
        return self.path

    def remove(self):
        if self.path:
            shutil.rmtree(self.path)
            self.path = None


OWN_DISK = OwnDisk()


class GatewaySyncWriteOwn(Gateway):
    """Its log is on this machine's own disk."""
    name = 'qmpgated, sync = "write", own disk'

    def log_path(self):
        return os.path.join(OWN_DISK.make(), f"{self.port}.jsonl")


class GatewaySyncDataOwn(GatewaySyncWriteOwn):
    name = 'qmpgated, sync = "data", own disk'
    sync = "data"


class FastDisk:
    path = image = None

    def mount(self):
        if self.path:
            return True
        if os.geteuid() != 0 or not os.path.isdir("/dev/shm") or not shutil.which("mkfs.ext4"):
            return False
        self.path = tempfile.mkdtemp(prefix="qmpgate-bench-disk-")
        self.image = self.path.replace(os.path.dirname(self.path), "/dev/shm") + ".img"
        with open(self.image, "wb") as f:
            f.truncate(4 << 30)  # sparse: a round leaves some 60 MB of log
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run(["mkfs.ext4", "-q", "-F", self.image], **quiet).returncode or \
                subprocess.run(["mount", "-o", "loop", self.image, self.path], **quiet).returncode:
            self.unmount()
            return False
        return True

    def unmount(self):
        if self.path:
            subprocess.run(["umount", "--lazy", self.path], stderr=subprocess.DEVNULL, check=False)
            os.rmdir(self.path)
            os.unlink(self.image)
            self.path = None


FAST_DISK = FastDisk()


class GatewaySmallPolicy(Gateway):
    name = "qmpgated, 10 rules"
    policy = big_policy(10, 10)


class GatewayBigPolicy(Gateway):
    name = "qmpgated, 10,000 rules and 1,000 grants"
    policy = big_policy(10000, 1000)


class GatewayAlone(Gateway):
    """Ready for logins by password, of which there are none."""
    name = "qmpgated, no logins"
    policy = POLICY + 'grant "bob" { to = {"sasl:bob@example.com"} role = {"user"} vms = {"*"} }\n'
    listener = 'client_cert = "optional" sasl = {"SCRAM-SHA-256"}'

    @classmethod
    def missing(cls):
        return Gateway.missing() or (None if shutil.which("saslpasswd2") else "saslpasswd2 (sasl2-bin) is not installed")

    def start(self):
        db = os.path.join(self.directory, "sasldb2")
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", db, "-u", "example.com", "bob"], input=b"secret", check=True)
        self.more = f'sasl {{ realm = "example.com" db = "{db}" }}\n'
        super().start()


class GatewayWithLogins(GatewayAlone):
    """The program that logs in takes only what is left of its CPU: what is measured is the gateway."""
    name = "qmpgated, 1,000 logins a minute"

    @contextlib.contextmanager
    def turn(self):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "logins.py")
        argv = ["chrt", "--idle", "0", sys.executable, "-B", program, str(self.port), self.pki.path("ca.crt"), "bob",
                "secret", "1000"]
        child = spawn(argv, set(range(os.cpu_count())) - set(self.cpus) or self.cpus, stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE)
        yield
        child.stdin.close()
        print(f"logins: {child.stdout.read().decode().strip()}", file=sys.stderr)
        if child.wait():
            sys.exit("the logins failed")
