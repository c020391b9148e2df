"""What must stay within the daemon stays there."""

import os
import resource
import signal

from harness import wait


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_crash_leaves_no_core(house, qemu, place, monkeypatch):
    monkeypatch.chdir(place)
    gateway = house.gateway(qemu, preexec=allow_cores, check_audit=False, status=-signal.SIGABRT).start()
    gateway.process.signal(signal.SIGABRT)
    wait.until(lambda: not gateway.process.running(), "its end")
    assert not [name for name in os.listdir(place) if name.startswith("core")]


def test_a_program_that_takes_cores_by_a_pipe_gets_no_memory(gateway):
    with open(f"/proc/{gateway.pid}/coredump_filter") as f:
        assert int(f.read(), 16) == 0
