"""Hours in minutes: everything that clients, VMs and administrators do, over and over, for QMPGATE_SOAK_SECONDS (60).
Nothing may pile up: neither memory nor descriptors. Not collected by name: ./runtests --long gives this file to pytest."""

import itertools
import os
import random
import time

from harness.client import Closed
from harness.process import resident_bytes

SECONDS = float(os.environ.get("QMPGATE_SOAK_SECONDS", "60"))
GROWTH = 16 << 20  # bytes that the gateway may grow by after the first third: allocators are not exact
NAMES = ["web1", "web2", "web3", "web4"]


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def polite(gateway, name):
    """Asks, is refused, asks again, and says good-bye."""
    with gateway.client(name, random.choice(["admin", "operator", "viewer"])) as client:
        for _ in range(20):
            client.result("query-status")
        assert "permission denied" in client.error("human-monitor-command", {"command-line": "quit"})["desc"]
        client.result("query-qmp-schema")


def rude(gateway, name):
    """Says something that is no message, or goes away with its requests under way."""
    client = gateway.client(name, "viewer")
    if random.random() < 0.5:
        client.raw(random.randbytes(200) + b"\n")
        client.read()
    else:
        for _ in range(50):
            client.request("query-version")
    client.close()


def hasty(gateway, name):
    """Goes away before it has said anything, with and without TLS."""
    gateway.stream(name, "viewer").close()


def stranger(gateway, name):
    """Is turned away."""
    try:
        gateway.connect(name, "stranger").drain()
    except (Closed, OSError):
        pass


def test_nothing_piles_up(house):
    fakes = house.fake(names=NAMES)
    gateway = house.gateway(fakes, limits={"monitor_linger_seconds": 1}).start()
    ends = time.monotonic() + SECONDS
    warm = time.monotonic() + SECONDS / 3
    before = None
    stays = gateway.client("web4")
    for turn in itertools.count():
        for act in (polite, rude, hasty, stranger):
            act(gateway, random.choice(NAMES[:3]))
        stays.result("query-name")
        if turn % 10 == 9:
            gateway.hang_up()
        if before is None and time.monotonic() > warm:
            before = resident_bytes(gateway.pid), descriptors(gateway.pid)
        if time.monotonic() > ends:
            break
    assert before, "too short to tell anything"
    assert turn > 10
    assert resident_bytes(gateway.pid) < before[0] + GROWTH
    assert descriptors(gateway.pid) <= before[1] + 8
