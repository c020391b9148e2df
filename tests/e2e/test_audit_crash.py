"""kill -9 at any instant, under load: what reached a VM is in the log, and the log goes on.

QMPGATE_KILLS says how often (./runtests --long: a thousand times)."""

import os
import random
import time

import pytest

from harness import audit, wait
from harness.client import unix_connect
from harness.gateway import user_name
from harness.storm import Storm, paths_in

KILLS = int(os.environ.get("QMPGATE_KILLS", "20"))
NAMES = [f"web{i}" for i in range(5)]

WHY = "the gateway stopped before the answer came"


class Tail:
    """What was added to files since the last look, whatever their names are by now."""

    def __init__(self):
        self.at = {}

    def lines(self, *paths):
        found = []
        for path in paths:
            with open(path, "rb") as f:
                inode = os.fstat(f.fileno()).st_ino
                f.seek(self.at.get(inode, 0))
                data = f.read()
            whole = data[:data.rfind(b"\n") + 1]
            self.at[inode] = self.at.get(inode, 0) + len(whole)
            found += whole.splitlines()
        return found


def storm_gateway(house, *vms, **how):
    gateway = house.gateway(*vms, **how).add_control()
    gateway.audit["compress"] = "none"  # files are read while they grow, and are followed by their names
    gateway.policy = gateway.policy.replace('"x509:CN=admin,O=Example"', f'"x509:CN=admin,O=Example", "unix:{user_name()}"')
    return gateway


def wait_until_read(sockets):
    """A VM that greets the next client has read all that the one before it sent."""
    for path in sockets:
        client = unix_connect(path)
        client.greet()
        client.close()


class Books:
    """What the log says, added up over all runs."""

    def __init__(self):
        self.records, self.paths, self.closed, self.unknown, self.chain = [], {}, {}, set(), None

    def add(self, lines):
        self.chain = audit.follow(self.chain, lines)
        for line in lines:
            record = audit.parse(line)
            path = record.get("arguments", {}).get("path") if record["type"] == "intent" else None
            if record["type"] == "start":
                self.run_begins()
            elif path:
                self.paths[path] = record["seq"]
                self.open_intents[record["connection"], record["request"]] = path
            elif record["type"] == "outcome":
                path = self.open_intents.pop((record["connection"], record["request"]), None)
                self.closed[path] = record["result"]
            elif record["type"] == "session-open":
                self.open_sessions.add(record["connection"])
            elif record["type"] == "session-close":
                self.open_sessions.discard(record["connection"])

    open_intents, open_sessions = {}, set()

    def run_begins(self):
        assert not self.open_intents, "a run begins with intents of the one before that have no outcome"
        assert not self.open_sessions, "a run begins with sessions of the one before that have no end"
        self.open_intents, self.open_sessions = {}, set()


def check_kill(books, received, returned, failed):
    """What must hold of the log as the kill left it."""
    assert received <= books.paths.keys(), f"reached a VM without an intent: {received - books.paths.keys()}"
    assert returned <= received
    assert all(books.closed.get(path) == "ok" for path in returned), "answered to a client, and no outcome"
    assert not [text for text in failed.values() if "audit" in text]


@pytest.mark.parametrize("sync", ["write", "data"])
def test_a_killed_gateway_leaves_no_command_without_its_intent(house, sync):
    fake = house.fake(names=NAMES)
    gateway = storm_gateway(house, fake)
    # so that some kills meet a rotation; the tail is read as it grows, so plain
    gateway.audit.update(sync=sync, segment_megabytes=1, compress="none")
    tail, books, unknown = Tail(), Books(), 0
    for n in range(KILLS // 2):
        gateway.start()
        storm = Storm(gateway.control, NAMES, n)
        # anywhere between the first command and some thousands
        wait.until(lambda: storm.n_answered() > 0, "the first answer")
        time.sleep(random.random() * 0.2)
        gateway.crash()
        returned, failed = storm.end()
        wait_until_read(fake.sockets.values())
        received = paths_in(tail.lines(fake.record))
        books.add(tail.lines(*audit.files(gateway.audit_file)))
        assert received, "no load"
        check_kill(books, received, returned, failed)
        unknown += len(books.open_intents)
    gateway.start()
    gateway.stop()
    books.add(tail.lines(*audit.files(gateway.audit_file)))
    assert len(audit.files(gateway.audit_file)) > 1, "no segment was closed"
    assert unknown > 0, "no kill met a command that was under way: the load is too small"


def test_a_real_vm_got_nothing_without_an_intent(house, qemu):
    """QEMU's own trace says what its monitor received."""
    gateway = storm_gateway(house, qemu)
    books, tail, log = Books(), Tail(), []
    for n in range(max(3, KILLS // 20)):
        gateway.start()
        storm = Storm(gateway.control, ["web1"], n, clients=10)
        wait.until(lambda: storm.n_answered() > 100, "answers")
        gateway.crash()
        storm.end()
        wait_until_read([qemu.socket])
        log += (lines := tail.lines(*audit.files(gateway.audit_file)))
        books.add(lines)
        received = {c["arguments"]["path"] for c in qemu.received() if c["execute"] == "qom-list"}
        assert received and received <= books.paths.keys()
    gateway.start()
    gateway.stop()
    books.add(tail.lines(*audit.files(gateway.audit_file)))


def test_what_the_kill_left_open_is_closed_at_the_next_start(house):
    fake = house.fake("--only", "stop", "--silent-after", 0)
    gateway = storm_gateway(house, fake)
    gateway.start()
    client = gateway.client("web1")
    client.request("stop")
    fake.wait_received(b'"stop"')
    gateway.crash()
    gateway.start()
    intent, = gateway.records(type="intent", command="stop")
    outcome, = gateway.records(type="outcome", request=intent["request"])
    assert (outcome["result"], outcome["text"]) == ("unknown", WHY) and outcome["code"] == "crashed"
    assert outcome["intent"] == intent["seq"] and outcome["connection"] == intent["connection"]
    assert outcome["vm"] == "web1" and outcome["command"] == "stop"
    closed, = gateway.records(type="session-close", connection=intent["connection"])
    assert closed["text"] == "the gateway stopped"
    starts = gateway.records(type="start")
    assert outcome["seq"] < starts[1]["seq"], "numbers begin anew with a start: what ends the old ones comes before it"
    gateway.wait_log("1 commands have no outcome")
