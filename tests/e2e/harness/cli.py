"""The command line under test, on a terminal or not."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

from . import wait
from .client import Client
from .process import SANITIZER_MARKS, Process

OK, QMP_ERROR, USAGE, DENIED, UNREACHABLE, LOCAL = range(6)


class Cli:
    """Runs qmpgate with an environment that holds nothing of the tester's own."""

    def __init__(self, build, home, uri=None):
        self.program = os.path.join(build, "cli", "qmpgate")
        self.home = home
        self.uri = uri
        self.options = []

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("QMPGATE_") and k != "NO_COLOR"}
        return {**env, "HOME": self.home, "XDG_STATE_HOME": os.path.join(self.home, "state"), "TERM": "xterm", **more}

    def argv(self, *words, uri=None):
        uri = uri or self.uri
        return [self.program, *(["-c", uri] if uri else []), *self.options, *words]

    def __call__(self, *words, uri=None, stdin=None, **env):
        done = subprocess.run(self.argv(*words, uri=uri), input=stdin, env=self.environment(**env), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=wait.TIMEOUT * 2)
        assert not any(mark in done.stderr for mark in SANITIZER_MARKS), done.stderr
        done.code = done.returncode
        return done

    def start(self, *words, **how):
        return Process(self.argv(*words, uri=how.pop("uri", None)), env=self.environment(), **how)

    def json(self, *words, **how):
        done = self(*words, **how)
        assert done.code == OK, done.stderr
        assert done.stdout.count("\n") == 1, done.stdout
        return json.loads(done.stdout)


class Terminal:
    """A program on a terminal of its own. What it writes is kept; `screen` has no escape sequences."""

    def __init__(self, argv, env):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.settings = termios.tcgetattr(slave)

        def take_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            for number in (signal.SIGINT, signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)  # a shell has its background jobs ignore them, these tests among them
        self.child = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True,
                                      preexec_fn=take_terminal)
        self.slave = slave  # stays open: its settings are looked at
        self.output = ""    # not yet expected
        self.raw = ""       # all of it

    def _read(self, deadline):
        if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        text = data.decode("utf-8", "backslashreplace")
        self.output += text
        self.raw += text
        return bool(data)

    @property
    def screen(self):
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.output)

    def expect(self, pattern):
        """Waits until the pattern is there, and forgets what came up to its end."""
        deadline = time.monotonic() + wait.TIMEOUT
        while not (found := re.search(pattern, self.screen)):
            assert self._read(deadline), f"no {pattern!r} in {self.output!r}"
        self.output = self.screen[found.end():]
        return found

    def prompt(self, text):
        """Waits for a prompt that has taken the terminal: what is typed now is echoed by it, and once."""
        self.expect(re.escape(text))
        wait.until(lambda: termios.tcgetattr(self.slave) != self.settings, "raw mode")

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self):
        """The exit status; what it still writes is kept."""
        wait.until(lambda: (self._read(0), self.child.poll() is not None)[1], "the program's end")
        while self._read(0):
            pass
        assert not any(mark in self.raw for mark in SANITIZER_MARKS), self.raw
        return self.child.returncode

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.master)
        os.close(self.slave)


def client_of(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return Client(s)
