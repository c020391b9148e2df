"""Waiting for something to become true, never for time to pass."""

import os
import re
import select
import time

TIMEOUT = float(os.environ.get("QMPGATE_TEST_TIMEOUT", "20"))  # seconds; generous, for sanitizers and valgrind
INTERVAL = 0.01  # seconds between looks at what gives no notice of a change


def until(predicate, what, timeout=None):
    """Returns the first true value of predicate(); fails after the timeout with what was waited for."""
    deadline = time.monotonic() + (timeout or TIMEOUT)
    while True:
        value = predicate()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        select.select([], [], [], INTERVAL)


def is_listening(path):
    """True when the UNIX socket takes connections: between bind and listen it is there and does not."""
    with open("/proc/net/unix", errors="backslashreplace") as f:  # names are any bytes, line feeds too
        return re.search(rf": \w+ \w+ 00010000 .* {re.escape(path)}$", f.read(), re.M) is not None


def is_alive(pid):
    """False once its files and sockets are closed too, though nobody waited for it yet."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            return f.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def scaled(seconds):
    """A time that a slow build (sanitizers, valgrind) may take longer for."""
    return seconds * float(os.environ.get("QMPGATE_TEST_SLOWNESS", "1"))
