"""The fake monitor: QEMUs that misbehave, and many of them at once."""

import os
import subprocess

from . import wait
from .pki import SOURCE
from .process import Process


class Fake:
    def __init__(self, build, directory, names, *options, uuid=None):
        self.binary = os.path.join(build, "tests", "fake", "fake_monitor")
        self.sockets = {name: os.path.join(directory, name + ".qmp") for name in names}
        self.names = list(names)
        self.record = os.path.join(directory, self.names[0] + ".record")
        self.options = [str(o) for o in options]
        self.uuid = uuid
        self.process = None

    @property
    def socket(self):
        return self.sockets[self.names[0]]

    def start(self, *more):
        argv = [self.binary, "--schema", os.path.join(SOURCE, "tests", "data", "schema-7.2.json"),
                "--record", self.record]
        for path in self.sockets.values():
            argv += ["--listen", path]
        if self.uuid:
            argv += ["--uuid", self.uuid]
        self.process = Process(argv + self.options + [str(o) for o in more], stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        assert line == b"ready\n", self.process.text or line
        return self

    @property
    def pid(self):
        return self.process.pid

    def received(self):
        """Each message as it came, as bytes."""
        if not os.path.exists(self.record):
            return []
        with open(self.record, "rb") as f:
            return f.read().splitlines()

    def wait_received(self, text, count=1):
        """Waits until the text came in at least so many messages."""
        wait.until(lambda: sum(text in line for line in self.received()) >= count, f"{text!r} at the VM")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.stdout.close()
            report = self.process.sanitizer_report()
            assert not report, report
