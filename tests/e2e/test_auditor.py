"""An auditor with nothing but the log of a day, the seals that were shipped away, and the public key: ten questions, whose
answers must be what the clients saw, and each kind of tampering that we could think of."""

import collections
import json
import os
import shutil
import stat
import subprocess

import pytest

from harness import tamper
from harness.cli import Cli
from harness.day import SLOW, Day
from harness.gateway import user_name

GOOD, BAD = 0, 1


class Office:
    """The auditor's: a day's log, and what arrived elsewhere."""

    def __init__(self, house):
        self.place = house.place
        self.key, self.public, self.outside = (os.path.join(self.place, n) for n in ("seal.pem", "seal.pub", "seals"))
        subprocess.run(["certtool", "--generate-privkey", "--key-type", "ed25519", "--outfile", self.key], check=True,
                       stderr=subprocess.DEVNULL)
        subprocess.run(["certtool", "--load-privkey", self.key, "--pubkey-info", "--outfile", self.public], check=True,
                       stderr=subprocess.DEVNULL)
        ship = os.path.join(self.place, "ship-seal")
        with open(ship, "w") as f:
            f.write(f"#!/bin/sh\nexec cat >> {self.outside}\n")
        os.chmod(ship, 0o755)
        self.cli = Cli(house.build, self.place)
        self.day = Day(house)
        self.day.make_gateway(seal_key=self.key, seal_records=20, seal_command=ship)
        self.day.live()
        self.log = self.day.log

    def show(self, *filters):
        done = self.cli("audit", "show", self.log, "--output", "json", *filters)
        assert done.code == GOOD, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def verify(self, directory, *more):
        return self.cli("audit", "verify", directory, "--key", self.public, *more)

    def seen(self, **members):
        """The ledger's entries with these members, as pairs of who and what."""
        return [e for e in self.day.ledger if all(getattr(e, k) == v for k, v in members.items())]


@pytest.fixture(scope="module")
def office(module_house):
    return Office(module_house)


def count(records, *members):
    return collections.Counter(tuple(r.get(m) for m in members) for r in records)


# --- ten questions -----------------------------------------------------------------------------------

def test_who_stopped_which_vm(office):
    asked = office.show("--type", "intent", "--command", "stop")
    assert count(asked, "identity", "vm") == count([e._asdict() for e in office.seen(command="stop", verdict="ok")],
                                                   "identity", "vm")


def test_what_was_refused_and_by_which_rule(office):
    refused = [r for r in office.show("--type", "refused")]
    assert count(refused, "identity", "vm", "command") == count(
        [e._asdict() for e in office.seen(verdict="denied")], "identity", "vm", "command")
    assert all(r["rule"] and r["code"] for r in refused)
    quit_ = next(r for r in refused if r["command"] == "quit" and "alice" in r["identity"])
    assert 'role "operator" deny' in quit_["rule"]


def test_what_alice_did_in_the_order_in_which_she_did_it(office):
    alice = office.day.pki.identity("alice")
    did = [r["command"] for r in office.show("--identity", alice) if r["type"] in ("intent", "refused")]
    assert [c for c in did if not c.startswith(("qmp_", "gateway-"))] == [e.command for e in office.seen(identity=alice)]


def test_who_acted_for_whom(office):
    acted = [r for r in office.show() if r.get("acting-for") and r["type"] in ("intent", "refused") and r.get("vm")]
    assert {(r["identity"], r["acting-for"]) for r in acted} == {("sasl:portal@example.com", "sasl:hugo@tenants.example")}
    assert {r["command"] for r in acted} >= {e.command for e in office.day.ledger if e.acting_for}


def test_who_failed_to_log_in(office):
    failed = [r for r in office.show("--type", "auth", "--verdict", "denied")]
    assert [r["claimed"] for r in failed] == office.day.failed_logins
    assert all(r["peer"].startswith("127.0.0.1:") and r["code"] for r in failed)


def test_which_commands_have_no_known_outcome_and_why(office):
    unknown = office.show("--type", "outcome", "--verdict", "unknown")
    assert count(unknown, "vm", "command") == count([e._asdict() for e in office.seen(verdict="unknown")], "vm", "command")
    assert len({r["code"] for r in unknown}) == 2  # the VM was lost; the gateway was


def test_who_was_at_db1(office):
    there = {r["identity"] for r in office.show("--vm", "db1", "--type", "attach", "--verdict", "ok")}
    assert there == {office.day.pki.identity("dora"), office.day.pki.identity("admin"), "unix:" + user_name()}
    assert there == {e.identity for e in office.seen(vm="db1")}


def test_what_the_new_policy_took_away(office):
    loads = office.show("--type", "policy-load")
    reload_ = loads[1]["seq"]  # the first is that of the start
    stops = [r for r in office.show("--command", "stop", "--identity", office.day.pki.identity("bob"))
             if r["type"] in ("intent", "refused")]
    assert [(r["type"], r["seq"] > reload_) for r in stops] == [("intent", False), ("refused", True)]


def test_how_the_gateway_ended_each_time(office):
    types = [r["type"] for r in office.show() if r["type"] in ("start", "stop")]
    assert types == ["start", "start", "stop"]  # the first time it was killed


def test_what_took_longest(office):
    outcomes = [r for r in office.show("--type", "outcome") if "latency-us" in r]
    slowest = max(outcomes, key=lambda r: r["latency-us"])
    assert slowest["command"] == "query-cpus-fast" and slowest["latency-us"] >= SLOW * 1e6
    assert "query-cpus-fast" in office.cli("audit", "show", office.log, "--stats").stdout


def test_every_answer_that_a_client_saw_is_an_outcome(office):
    """Not a question about one: the log and the clients agree about all of it."""
    intents = {(r["seq"], r["connection"], r["request"]): r for r in office.show("--type", "intent")}
    assert len(intents) >= len(office.seen(verdict="ok")) + len(office.seen(verdict="error"))
    for verdict in ("ok", "error"):
        there = [r["command"] for r in office.show("--type", "outcome", "--verdict", verdict)
                 if not r["command"].startswith(("qmp_", "gateway-"))]
        assert collections.Counter(there) == collections.Counter(
            e.command for e in office.seen(verdict=verdict) if not e.command.startswith("gateway-"))


# --- tampering ---------------------------------------------------------------------------------------

@pytest.fixture
def copy(office):
    directory = os.path.join(office.place, "copy")
    yield tamper.Copy(office.log, directory)
    shutil.rmtree(directory)


def test_the_log_as_it_was_written_is_good(office, copy):
    done = office.verify(office.log, "--from-seal", office.outside)
    assert done.code == GOOD, done.stdout + done.stderr
    copy.write()
    done = office.verify(copy.directory, "--from-seal", office.outside)
    assert done.code == GOOD, done.stdout + done.stderr


@pytest.mark.parametrize("kind", tamper.KINDS, ids=lambda k: k.__name__)
def test_it_is_found_that(office, copy, kind):
    kind(copy)
    copy.write()
    done = office.verify(copy.directory)
    assert done.code == BAD, done.stdout
    assert "record" in done.stdout + done.stderr or "line" in done.stdout + done.stderr


def test_the_first_bad_record_is_named(office, copy):
    s, i = copy.find(type="intent", command="stop")
    path, lines = copy.segments[s]
    tamper.a_bit_is_turned(copy)
    tamper.something_is_written_behind_the_end(copy)
    copy.write()
    done = office.verify(copy.directory)
    first = (done.stdout + done.stderr).splitlines()[0]
    where = f"{os.path.basename(path)}:{i + 1}: record {json.loads(lines[i])['seq']}: "
    assert where in first, first


@pytest.mark.parametrize("kind", tamper.CUTS, ids=lambda k: k.__name__)
def test_with_the_seals_that_were_shipped_away_it_is_found_that(office, copy, kind):
    kind(copy)
    copy.write()
    done = office.verify(copy.directory, "--from-seal", office.outside)
    assert done.code == BAD, done.stdout


def test_lines_that_end_otherwise_are_found(office, copy):
    copy.write(end=b"\r\n")
    assert office.verify(copy.directory).code == BAD


def test_a_compressed_segment_that_was_changed_is_found(office, copy):
    copy.write()
    packed = [n for n in os.listdir(office.log) if n.endswith(".zst")]
    assert packed
    shutil.copy(os.path.join(office.log, packed[0]), copy.directory)
    os.unlink(os.path.join(copy.directory, packed[0].removesuffix(".zst")))
    path = os.path.join(copy.directory, packed[0])
    os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 0x55]))
    assert office.verify(copy.directory).code != GOOD


def test_another_key_is_not_taken_for_the_seals(office):
    other = os.path.join(office.place, "other.pub")
    subprocess.run(f"openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out {other}", shell=True, check=True,
                   stderr=subprocess.DEVNULL)
    done = office.cli("audit", "verify", office.log, "--key", other)
    assert done.code == BAD, done.stdout
