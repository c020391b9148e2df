"""A real QEMU without a guest, and the record of what its monitor really received."""

import json
import os
import re
import shutil
import signal

import pytest

from . import wait
from .client import unix_connect
from .process import Process

BINARY = "qemu-system-x86_64"
UUID = "11111111-2222-3333-4444-555555555555"


class Qemu:
    def __init__(self, directory, name, uuid=UUID, socket_name=None, pid_suffix="", machine=("-machine", "none")):
        if not shutil.which(BINARY):
            pytest.skip(f"{BINARY} is not installed")
        self.name = name
        self.uuid = uuid
        self.socket = os.path.join(directory, socket_name or name + ".qmp")
        self.side = os.path.join(directory, name + ".side")  # a second monitor, for a look past the gateway
        self.trace = os.path.join(directory, f"{name}{pid_suffix}.trace")
        self.machine = machine
        self.process = None

    def start(self):
        self.process = Process([
            BINARY, *self.machine, "-display", "none", "-nodefaults", "-name", self.name, "-uuid", self.uuid,
            "-qmp", f"unix:{self.side},server=on,wait=off", "-qmp", f"unix:{self.socket},server=on,wait=off", "-trace", f"handle_qmp_command,file={self.trace}"])
        wait.until(lambda: wait.is_listening(self.socket) or not self.process.running(), "QEMU's socket")
        assert self.process.running(), self.process.text
        return self

    @property
    def pid(self):
        return self.process.pid

    def received(self):
        """Every request that reached the monitor, in order, as QEMU's parser understood it."""
        with open(self.trace, "rb") as f:
            lines = f.read().decode("utf-8", "backslashreplace").splitlines()
        found = (re.match(r".*handle_qmp_command mon \S+ req: (.*)$", line) for line in lines)
        return [json.loads(m.group(1)) for m in found if m]

    def commands(self):
        """The names of what it received."""
        return [r.get("execute", r.get("exec-oob")) if isinstance(r, dict) else r for r in self.received()]

    def freeze(self):
        """It stops answering, as a hung QEMU does."""
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def kill(self):
        """It dies without a word."""
        self.process.kill()
        if os.path.lexists(self.socket):
            os.unlink(self.socket)

    def stop(self):
        if self.process and self.process.running():
            self.process.signal(signal.SIGCONT)
            self.process.terminate()
        for path in (self.socket, self.side):
            if os.path.lexists(path):
                os.unlink(path)

    def direct(self):
        """A client of QEMU itself, on the second monitor; it has not read the greeting."""
        return unix_connect(self.side)

    def holder(self):
        """A client of QEMU itself on the monitor that is the gateway's."""
        return unix_connect(self.socket)
