"""Processes that tests start: their lines of output, and an end that is always asked for."""

import os
import signal
import subprocess
import threading

from . import wait

SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer",
                   "runtime error:", "ERROR SUMMARY: AddressSanitizer", "SUMMARY: UndefinedBehaviorSanitizer")


class Process:
    """A child whose standard error is read line by line by a thread, so that tests can wait for a line."""

    def __init__(self, argv, env=None, pass_fds=(), preexec=None, stdout=None):
        self.argv = argv
        self.lines = []
        self._changed = threading.Condition()
        self._child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                                       env=env, pass_fds=pass_fds, preexec_fn=preexec)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._child.stderr:
            with self._changed:
                self.lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def pid(self):
        return self._child.pid

    @property
    def stdout(self):
        return self._child.stdout

    @property
    def text(self):
        with self._changed:
            return "\n".join(self.lines)

    def running(self):
        return self._child.poll() is None

    def wait_line(self, text, timeout=None):
        """Waits for a line that holds the text (without regard to case) and returns it."""
        def found():
            return next((line for line in self.lines if text.lower() in line.lower()), None)
        with self._changed:
            ok = self._changed.wait_for(lambda: found() or not self._reader.is_alive(), timeout or wait.TIMEOUT)
            line = found()
        assert line, f"no line with {text!r} ({'in time' if ok else 'before the end'}) in:\n{self.text}"
        return line

    def signal(self, number):
        self._child.send_signal(number)

    def wait(self, timeout=None):
        """The exit status."""
        status = self._child.wait(timeout or wait.TIMEOUT)
        self._reader.join(wait.TIMEOUT)
        return status

    def terminate(self, timeout=None):
        """The exit status. What does not end is killed, and the failure tells where it was."""
        if self.running():
            self._child.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            where = self.threads()
            self.kill()
            raise AssertionError(f"{self.argv[0]} does not end; its threads:\n{where}\n{self.text}")

    def kill(self):
        if self.running():
            self._child.kill()
        return self.wait()

    def threads(self):
        """Where each thread is now, as the kernel tells it: for the report of a test that waited in vain."""
        def read(task, name):
            try:
                with open(f"/proc/{self.pid}/task/{task}/{name}") as f:
                    return f.read().strip()
            except OSError as e:
                return e.strerror
        if not self.running():
            return ""
        return "\n".join(f"{task} {read(task, 'comm')}: {read(task, 'wchan')}, system call {read(task, 'syscall')}"
                         for task in sorted(os.listdir(f"/proc/{self.pid}/task")))

    def sanitizer_report(self):
        return self.text if any(mark in self.text for mark in SANITIZER_MARKS) else None


def freeze(pid):
    os.kill(pid, signal.SIGSTOP)


def freeze_and_wait(pid):
    """Returns when no thread of it runs, or waits for a disk."""
    freeze(pid)

    def state(task):
        with open(f"/proc/{pid}/task/{task}/stat") as f:
            return f.read().rpartition(")")[2].split()[0]
    wait.until(lambda: all(state(task) == "T" for task in os.listdir(f"/proc/{pid}/task")), "all threads to stop")


def thaw(pid):
    os.kill(pid, signal.SIGCONT)


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
