"""A session of libqmp in a program of its own (tests/libqmp/session_drive), and what its errors are."""

import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(TOP, "tests", "libqmp"))

from commands import Answer, Schema  # noqa: E402, F401

ARGUMENT, REPLY, REFUSED, CONNECTION, TIMEOUT, INTERRUPTED, LOCAL, LOGIN = range(1, 9)  # enum qmp_error_kind
UNKNOWN, NOT_SENT, FAILED = 0, 1, 2  # enum qmp_outcome
LONG = 20000  # milliseconds


class Session:
    def __init__(self, build, uri, timeout=LONG, settings=(), **env):
        self.process = subprocess.Popen([os.path.join(build, "tests", "libqmp", "session_drive"), uri, str(timeout), *settings],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
                                        env={**os.environ, **env})
        self.opened = self.answer()

    def answer(self):
        return Answer(self.process.stdout.readline().rstrip("\n"))

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line):
        self.tell(line)
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.process.stdout.close()


def failed(answer, kind, outcome, words):
    assert not answer.ok, answer.text
    assert (answer.kind, answer.outcome) == (kind, outcome), answer.text
    assert words in answer.text
    return True


class Drive:
    """libqmp without a session (tests/libqmp/drive), line by line."""

    def __init__(self, build):
        self.process = subprocess.Popen([os.path.join(build, "tests", "libqmp", "drive")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, encoding="utf-8")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return Answer(self.process.stdout.readline().rstrip("\n"))

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.process.stdout.close()


def queries(schema):
    """The commands of the schema that ask, and need no arguments."""
    def needs(command):
        return any("default" not in m for m in schema.types[schema.commands[command]["arg-type"]]["members"])
    return sorted(c for c in schema.commands if c.startswith("query-") and not needs(c))
