"""Receivers of the audit's copies: a real rsyslogd, a real systemd-journald, and sockets that do what no daemon would."""

import ctypes
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import warnings

from . import wait
from .process import Process

RSYSLOGD = "/usr/sbin/rsyslogd"
JOURNALD = "/lib/systemd/systemd-journald"
MODULES = "/usr/lib/x86_64-linux-gnu/rsyslog"
PARAMETER = re.compile(r' ([^ =]+)="((?:[^"\\\]]|\\["\\\]])*)"')


def die_with_parent():
    """A receiver does not outlive the test, whatever becomes of that."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Message:
    """What a receiver wrote down of a record."""

    def __init__(self, priority, msgid, data, text):
        self.priority, self.msgid, self.text = int(priority), msgid, text
        assert data.startswith("[") and data.endswith("]"), data
        self.sd_id, rest = re.match(r"\[([^ \]]+)(.*)\]$", data, re.S).groups()
        self.data = {k: re.sub(r'\\(["\\\]])', r"\1", v) for k, v in PARAMETER.findall(rest)}
        assert PARAMETER.sub("", rest) == "", data
        self.seq = int(self.data["seq"])

    @property
    def record(self):
        return json.loads(self.text)


class Rsyslogd:
    """rsyslogd(8) as a child, on sockets and with files of its own: a UNIX socket, and TLS if there is a PKI."""

    def __init__(self, directory, pki=None, port=None, ca="ca", server="server", name="rsyslog", permitted=None,
                 message_bytes=None, plain=""):
        self.directory = os.path.join(directory, name)
        os.makedirs(self.directory, exist_ok=True)
        self.socket = os.path.join(self.directory, "log")
        self.file = os.path.join(self.directory, "out")
        self.port = port
        self._config = os.path.join(self.directory, "rsyslog.conf")
        text = ""
        if message_bytes:
            text += f'global(maxMessageSize="{message_bytes}")\n'
        text += f'global(workDirectory="{self.directory}")\n'
        if pki:
            text += (f'global(defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{pki.path(ca + ".crt")}"\n'
                     f'  defaultNetstreamDriverCertFile="{pki.path(server + ".crt")}"\n'
                     f'  defaultNetstreamDriverKeyFile="{pki.path(server + ".key")}")\n')
        text += ('module(load="imuxsock" SysSock.Use="off")\n'
                 'template(name="t" type="list") { property(name="pri") constant(value="\\t")\n'
                 '  property(name="msgid") constant(value="\\t") property(name="structured-data")\n'
                 '  constant(value="\\t") property(name="msg" droplastlf="on") constant(value="\\n") }\n'
                 'ruleset(name="r") { action(type="omfile" file="%s" template="t") }\n' % self.file)
        # its own parser for /dev/log does not know RFC 5424
        text += f'input(type="imuxsock" Socket="{self.socket}" UseSpecialParser="off" Ruleset="r")\n'
        if pki:
            auth = (f'"x509/name" PermittedPeer=["{permitted}"]' if permitted else '"x509/certvalid"')
            text += ('module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1"\n'
                     f'  StreamDriver.AuthMode={auth})\n'
                     f'input(type="imtcp" Address="127.0.0.1" Port="{port}" Ruleset="r")\n')
        with open(self._config, "w") as f:
            f.write(text + plain)
        self.process = None

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)  # of one that was killed
        self.process = Process([RSYSLOGD, "-n", "-f", self._config, "-i", os.path.join(self.directory, "pid"),
                                "-M", MODULES], preexec=die_with_parent)
        wait.until(lambda: os.path.exists(self.socket) or not self.process.running(), "rsyslogd's socket")
        assert self.process.running(), self.process.text
        if self.port:
            wait.until(lambda: self._takes() or "bind" in self.process.text, "rsyslogd's port")
            assert self._takes(), self.process.text
        return self

    def _takes(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        """Without a chance to write down what it holds."""
        self.process.kill()

    def stop(self):
        if self.process and self.process.running():
            self.process.terminate()

    def messages(self):
        if not os.path.exists(self.file):
            return []
        with open(self.file, "rb") as f:
            lines = f.read().split(b"\n")[:-1]
        return [Message(*line.decode().split("\t", 3)) for line in lines]

    def seqs(self):
        return [m.seq for m in self.messages()]

    def last(self):
        """The number of the record that it wrote down last."""
        return self.seqs()[-1] if self.seqs() else 0

    def seqs_of_whole(self):
        """Of a receiver that cuts, and makes other messages of the rest: the records that are whole."""
        if not os.path.exists(self.file):
            return []
        with open(self.file, "rb") as f:
            texts = [line.split(b"\t", 3)[3] for line in f.read().split(b"\n")[:-1]]
        return [json.loads(text)["seq"] for text in texts if text.startswith(b'{"v":') and text.endswith(b'"}')]


class Journald:
    """systemd-journald(8) as a child, in a mount namespace of its own in which /run is a directory of the test. Its
    socket is reached there from outside."""

    def __init__(self, directory, settings=("RateLimitIntervalSec=0", "RateLimitBurst=0")):
        self.directory = os.path.join(directory, "journald")
        self.run = os.path.join(self.directory, "run")
        self.socket = os.path.join(self.run, "systemd/journal/socket")
        os.makedirs(os.path.join(self.run, "systemd/journald.conf.d"))
        with open(os.path.join(self.run, "systemd/journald.conf.d/test.conf"), "w") as f:
            f.write("[Journal]\nStorage=volatile\nForwardToSyslog=no\nForwardToConsole=no\n" +
                    "".join(s + "\n" for s in settings))
        self.process = None

    @staticmethod
    def is_possible():
        done = subprocess.run(["unshare", "-m", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return done.returncode == 0 and os.path.exists(JOURNALD)

    def start(self):
        script = f'mount --bind "{self.run}" /run && mount -t tmpfs none /var/log && exec {JOURNALD}'
        self.process = Process(["unshare", "-m", "--propagation", "private", "sh", "-c", script],
                               preexec=die_with_parent)
        wait.until(lambda: self._takes() or not self.process.running(), f"journald's socket: {self.process.text}")
        assert self.process.running(), self.process.text
        return self

    def _takes(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            return s.connect_ex(self.socket) == 0

    def kill(self):
        self.process.kill()

    def stop(self):
        if self.process and self.process.running():
            self.process.terminate()

    def entries(self, *matches):
        """By the real journalctl(1), as dictionaries."""
        done = subprocess.run(["journalctl", "--directory", os.path.join(self.run, "log/journal"), "-o", "json",
                               "--all", "--no-pager", *matches], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def last(self):
        entries = self.entries("-n", "1", "SYSLOG_IDENTIFIER=qmpgate")
        return int(entries[-1]["QMPGATE_SEQ"]) if entries else 0

    def seqs(self):
        return [int(e["QMPGATE_SEQ"]) for e in self.entries("SYSLOG_IDENTIFIER=qmpgate")]


class FakeJournald:
    """For machines that forbid mount namespaces: what a socket of journald's gets, by the protocol's description."""

    def __init__(self, directory):
        self.socket = os.path.join(directory, "fake-journal")
        self._entries, self._socket = [], None

    @staticmethod
    def parse(data):
        """One datagram, as journalctl would show it."""
        entry = {}
        while data:
            line, data = data.split(b"\n", 1)
            if b"=" in line:
                name, value = line.split(b"=", 1)
            else:
                name, length = line, int.from_bytes(data[:8], "little")
                value, end, data = data[8:8 + length], data[8 + length:9 + length], data[9 + length:]
                assert end == b"\n", data
            assert re.fullmatch(b"[A-Z][A-Z0-9_]*", name), name
            entry[name.decode()] = value.decode()
        return entry

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.socket)
        threading.Thread(target=self._read, args=(self._socket,), daemon=True).start()
        return self

    def _read(self, s):
        while True:
            try:
                data = s.recv(1 << 20)
            except OSError:
                return
            if data:
                self._entries.append(self.parse(data))

    def kill(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def stop(self):
        if self._socket.fileno() >= 0:
            self.kill()

    def entries(self, *matches):
        return list(self._entries)

    def last(self):
        return self.seqs()[-1] if self._entries else 0

    def seqs(self):
        return [int(e["QMPGATE_SEQ"]) for e in self._entries]


def journald(directory):
    """The real one, or, said loudly, what can be had."""
    if Journald.is_possible():
        return Journald(directory)
    warnings.warn("no mount namespaces here: systemd-journald is stood in for by a fake")
    return FakeJournald(directory)


class Mute:
    """A socket that takes connections, and reads nothing unless told to. Over TLS it shakes hands."""

    def __init__(self, context=None, port=None, path=None, kind=socket.SOCK_STREAM):
        self.context, self.path, self.connections = context, path, []
        self._socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, kind)
        if path:
            self._socket.bind(path)
        else:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            self._socket.bind(("127.0.0.1", port or 0))
            self.port = self._socket.getsockname()[1]
        if kind == socket.SOCK_STREAM:
            self._socket.listen()
            threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self._socket.accept()
                self.connections.append(self.context.wrap_socket(s, server_side=True) if self.context else s)
            except ssl.SSLError:
                pass
            except OSError:
                return

    def start(self):
        return self

    def stop(self):
        for s in self.connections:
            s.close()
        self._socket.close()


def server_context(pki, name="server"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.pair(name))
    return context
