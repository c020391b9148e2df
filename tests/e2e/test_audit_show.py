"""qmpgate audit show: the log as who asks it gets it."""

import csv
import io
import json
import os
import resource
import signal
import subprocess

import pytest

from harness import wait
from harness.auditlog import EPOCH, Log, compact, hashed, seekable, zstd
from harness.cli import LOCAL, OK, USAGE, Terminal
from harness.cli_fixtures import cli  # noqa: F401

FOUND = 1
ALICE, BOB = "x509:CN=alice,O=Example", "sasl:bob@example.com"


def session(log, connection, who, commands, vm="web1", **members):
    """One session: each command is (name, result, members of its records)."""
    log.add("session-open", connection=connection, peer="192.0.2.1:50000", identity=who, **members)
    log.add("attach", result="ok", connection=connection, identity=who, vm=vm)
    for request, (name, result, more) in enumerate(commands, 1):
        of_it = {"connection": connection, "request": request}
        if result == "denied":
            log.add("refused", result=result, code="no-rule", **of_it, peer="192.0.2.1:50000", identity=who, vm=vm,
                    command=name, **more)
            continue
        arguments = {k: more.pop(k) for k in ("arguments", "rule") if k in more}
        log.add("intent", **of_it, peer="192.0.2.1:50000", identity=who, vm=vm, command=name, **arguments)
        log.add("outcome", result=result, **of_it, vm=vm, command=name, **more)
    log.add("session-close", code="peer-closed", connection=connection, identity=who)


@pytest.fixture
def log(place):
    """Two runs of a gateway, each with a connection 1 and 2; three files."""
    log = Log(place)
    log.begin()
    log.add("start", text="0.1.0")
    session(log, 1, ALICE, [("query-status", "ok", {"latency_us": 245}),
                            ("device_add", "ok", {"arguments": {"driver": "virtio-net-pci"}, "rule": "hotplug",
                                                  "latency_us": 9100}),
                            ("quit", "denied", {"rule": "operator", "text": "not for you"})])
    log.rotate(compress=seekable)
    session(log, 2, BOB, [("query-block", "error", {"error_class": "GenericError", "text": "no such device",
                                                   "latency_us": 120})], vm="db1")
    log.add("stop", text="bye")
    log.rotate(compress=zstd)
    log.add("start", text="0.1.0")
    session(log, 1, BOB, [("query-status", "ok", {"latency_us": 300}), ("stop", "unknown", {"code": "vm-lost"})],
            vm="db1")
    session(log, 2, ALICE, [("cont", "cancelled", {"code": "session-ended"})], acting_for=BOB)
    log.write()
    return log


@pytest.fixture
def show(cli, log):
    def ask(*words, code=OK, path=None):
        done = cli("audit", "show", path or log.directory, *words)
        assert done.code == code, done.stderr
        return done
    return ask


@pytest.fixture
def records(show):
    return lambda *words: [json.loads(line) for line in show(*words).stdout.splitlines()]


def commands(found):
    return [(r["type"], r["command"]) for r in found if "command" in r]


# --- what comes out -------------------------------------------------------------------------------


def test_all_records_of_all_files_come_in_order(records, log):
    assert [r["seq"] for r in records()] == list(range(1, log.seq + 1))


def test_json_is_the_log_itself(show, log):
    assert show(path=log.path).stdout == b"".join(log.lines).decode()


def test_a_table_on_a_terminal(cli, log):
    terminal = Terminal(cli.argv("audit", "show", log.directory), cli.environment())
    terminal.expect("RECORD")
    terminal.expect("0.245 ms")
    terminal.expect("session-close")
    assert terminal.wait() == OK
    terminal.close()


def test_csv_is_read_by_others(show, log):
    rows = list(csv.DictReader(io.StringIO(show("--output", "csv").stdout, newline="")))
    assert [int(r["record"]) for r in rows] == list(range(1, log.seq + 1))
    assert rows[4]["command"] == "query-status" and rows[5]["latency-us"] == "245"


def test_csv_holds_no_formula(show, log):
    for evil in ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", 'a"b', "a,b", "x\r\ny"):
        log.add("refused", result="denied", command="x", text=evil)
    log.write()
    rows = list(csv.reader(io.StringIO(show("--output", "csv", "--type", "refused").stdout, newline="")))
    texts = [row[-2] for row in rows[2:]]
    assert texts[:4] == ["'=cmd|' /C calc'!A0", "'+1", "'-1", "'@SUM(1)"]
    assert all(t[0] not in "=+-@\t\r" for t in texts)
    assert texts[5:7] == ['a"b', "a,b"]


@pytest.mark.parametrize("how", ["table", "csv", "json"])
def test_control_characters_do_not_reach_the_terminal(cli, log, how):
    log.add("refused", result="denied", command="\x1b[2J\u009b31m\u202eevil", identity="\x07bell", vm="a\x00b")
    log.write()
    done = subprocess.run(cli.argv("audit", "show", log.directory, "--output", how), stdout=subprocess.PIPE,
                          env=cli.environment(), check=True)
    out = done.stdout.replace(b"\r\n", b"\n")
    assert not any(c < 0x20 and c != 0x0a for c in out)
    assert b"\xc2\x9b" not in out and b"\xe2\x80\xae" not in out


def test_bytes_of_a_log_that_is_none_do_not_reach_the_terminal(cli, log):
    with open(log.path, "ab") as f:
        f.write(b'{"v":1,"seq":99,"time":"2026-09-21T14:13:20.123456Z","type":"x\x1b[2J","hash":"0"}\n\x1b[2J\n')
    done = cli("audit", "show", log.directory, "--output", "table")
    assert done.code == OK and "\x1b" not in done.stdout
    assert "2 lines that are no records" in done.stderr


# --- filters --------------------------------------------------------------------------------------


def test_by_identity_with_the_outcomes_that_do_not_say_it(records):
    found = records("--identity", "*alice*")
    assert commands(found) == [("intent", "query-status"), ("outcome", "query-status"), ("intent", "device_add"),
                               ("outcome", "device_add"), ("refused", "quit"), ("intent", "cont"), ("outcome", "cont")]


def test_by_whom_somebody_acts_for(records):
    found = records("--identity", "sasl:bob*", "--type", "session-open")
    assert [r["identity"] for r in found] == [BOB, BOB, ALICE]


def test_by_machine(records):
    assert {r["vm"] for r in records("--vm", "db?")} == {"db1"}


def test_by_command(records):
    assert commands(records("--command", "query-*", "--type", "intent")) == [
        ("intent", "query-status"), ("intent", "query-block"), ("intent", "query-status")]


@pytest.mark.parametrize("verdict, found", [
    ("denied", ["quit"]), ("error", ["query-block"]), ("unknown", ["stop"]), ("cancelled", ["cont"]),
    ("allowed", ["query-status", "device_add", "query-block", "query-status", "stop", "cont"]),
])
def test_by_verdict(records, verdict, found):
    assert [name for _, name in commands(records("--verdict", verdict))] == found


def test_by_outcome(records):
    assert commands(records("--outcome", "ok")) == [("outcome", "query-status"), ("outcome", "device_add"),
                                                    ("outcome", "query-status")]


def test_by_rule_and_code(records):
    assert commands(records("--rule", "hot*")) == [("intent", "device_add"), ("outcome", "device_add")]
    assert commands(records("--code", "vm-*")) == [("outcome", "stop")]


def test_by_time(records, log):
    all_of_it = records()
    since, until = all_of_it[9]["time"], all_of_it[15]["time"]
    assert [r["seq"] for r in records("--since", since, "--until", until)] == list(range(10, 16))
    assert [r["seq"] for r in records("--until", "2026-09-21T14:13:22Z")] == [1, 2]
    assert records("--since", "1h") == [] and records("--until", "2020-01-01") == []
    assert len(records("--since", "2026-09-21", "--until", "2026-09-22")) == log.seq
    assert len(records("--since", f"@{EPOCH + 5}")) == log.seq - 5


# --- sessions -------------------------------------------------------------------------------------


def test_a_connection_of_two_runs_is_two_sessions(show):
    done = show("--session", "1", code=FOUND)
    assert done.stdout == "" and "say which" in done.stderr
    assert "--session 1@3 " in done.stderr and ALICE in done.stderr and BOB in done.stderr


def test_a_transcript(show):
    said = show("--session", "1@3", "--output", "table").stdout.splitlines()
    assert said[0] == f"Session 1@3: {ALICE} from 192.0.2.1:50000"
    assert any("1> query-status" in line for line in said)
    assert any("1< query-status: ok, 0.245 ms" in line for line in said)
    assert any('2> device_add {"driver":"virtio-net-pci"}   (rule hotplug)' in line for line in said)
    assert any("x  quit: denied, no-rule: not for you   (rule operator)" in line for line in said)
    assert said[-1] == "2 ok, 0 with an error, 1 refused, 0 unknown or cancelled"
    assert not any("query-block" in line or "db1" in line for line in said)


def test_any_record_of_the_run_says_which(show, log):
    said = show("--session", f"1@{log.seq}", "--output", "table").stdout
    assert BOB in said.splitlines()[0] and "stop: unknown, vm-lost" in said
    assert show("--session", "1@2", "--output", "table").stdout.splitlines()[0].endswith("192.0.2.1:50000")


def test_a_session_as_its_records(show, log):
    found = [json.loads(line) for line in show("--session", f"2@{log.seq}").stdout.splitlines()]
    assert {r["connection"] for r in found} == {2} and len(found) == 5


def test_a_session_that_is_not_there(show):
    assert "no connection 7" in show("--session", "7", code=FOUND).stderr
    assert show("--session", "7@3", code=FOUND).stdout == ""


def test_an_intent_that_was_not_read(show, log):
    said = show("--session", "1", "--output", "table", "--since", "2026-09-21T14:13:25Z", "--until",
                "2026-09-21T14:13:35Z").stdout
    assert "its intent is not in what was read" in said


# --- statistics -----------------------------------------------------------------------------------


def test_statistics(show, log):
    said = json.loads(show("--stats").stdout)
    assert (said["records"], said["commands"], said["ok"], said["errors"]) == (log.seq, 6, 3, 1)
    assert (said["unknown-or-cancelled"], said["refused"]) == (2, 1)
    who = {r["name"]: r for r in said["by-identity"]}
    assert who[ALICE]["commands"] == 3 and who[ALICE]["refused"] == 1
    assert who[BOB]["errors"] == 1
    assert {r["name"]: r["commands"] for r in said["by-vm"]} == {"web1": 3, "db1": 3}
    assert said["refused-by-rule"] == [{"name": "operator", "count": 1}]
    assert said["errors-by-command"] == [{"name": "query-block: GenericError", "count": 1}]
    assert said["slowest"][0]["latency-us"] == 9100 and "device_add on web1 by " + ALICE in said["slowest"][0]["what"]


def test_statistics_in_words(show):
    said = show("--stats", "--output", "table").stdout
    assert "6 commands sent, 3 ok" in said and "Refused by rule" in said and "9.100 ms" in said
    assert show("--stats", "--since", "1h", "--output", "table").stdout == "No records.\n"


# --- following ------------------------------------------------------------------------------------


def test_following_shows_what_comes(cli, log, place):
    seen = os.path.join(place, "seen")
    with open(seen, "wb") as out:
        process = cli.start("audit", "show", log.path, "--follow", "--type", "intent", stdout=out)

    def shown():
        with open(seen) as f:
            return [json.loads(line) for line in f.read().splitlines()]
    wait.until(lambda: any(r["command"] == "cont" for r in shown()), "what was there")
    log.command(7)
    log.write()
    os.rename(log.path, log.closed())
    log.lines = []
    log.begin()
    log.command(8)
    log.write()
    wait.until(lambda: [r["request"] for r in shown()][-2:] == [7, 8], "what came")
    seqs = [r["seq"] for r in shown()]
    assert seqs == sorted(set(seqs))
    process.signal(signal.SIGINT)
    assert process.wait() == 0 and process.text == ""


# --- how it is asked ------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [
    ["--since", "soon"], ["--since", "2026-02-30"], ["--until", "5"], ["--verdict", "maybe"], ["--output", "xml"],
    ["--session", "x"], ["--session", "1@"], ["--connection", "0"], ["--stats", "--follow"],
    ["--stats", "--session", "1"], ["--stats", "--output", "csv"], ["--colour"],
])
def test_the_command_line_at_fault(show, words):
    assert show(*words, code=USAGE).stdout == ""


def test_what_cannot_be_read(cli, place):
    assert cli("audit", "show").code == USAGE
    done = cli("audit", "show", os.path.join(place, "nothing"))
    assert done.code == LOCAL and "nothing" in done.stderr


@pytest.mark.parametrize("words", [(), ("--stats",)])
def test_a_small_file_does_not_take_much_memory(cli, place, words):
    """Half a gigabyte of commands without an end and of names, in a few kilobytes."""
    path = os.path.join(place, "bomb.zst")
    with open(path, "wb") as f:
        packer = subprocess.Popen(["zstd", "-q", "-c"], stdin=subprocess.PIPE, stdout=f)
        for i in range(1, 6001):
            line, _ = hashed(bytes(32), compact({"v": 1, "seq": i, "time": "2026-09-21T14:13:20.000000Z", "type": "intent",
                                                 "connection": 1, "request": i, "identity": f"{i}" + 90000 * "a"})[:-1].encode())
            packer.stdin.write(line)
        packer.stdin.close()
        assert packer.wait() == 0 and os.path.getsize(path) < 1 << 20
    limit = 400 << 20 if wait.scaled(1) == 1 else resource.RLIM_INFINITY  # the tables of a sanitizer are huge
    done = subprocess.run(cli.argv("audit", "show", path, *words), stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, env=cli.environment(),
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert done.returncode == OK, done.stderr


def test_a_reader_that_has_had_enough(cli, log):
    for i in range(3000):
        log.command(i)
    log.write()
    words = " ".join(cli.argv("audit", "show", log.directory))
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {words} | head -1"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=cli.environment())
    assert done.stdout.count(b"\n") == 1 and done.stderr == b""


def test_a_full_disk_is_told(cli, log):
    with open("/dev/full", "w") as full:
        done = subprocess.run(cli.argv("audit", "show", log.directory), stdout=full, stderr=subprocess.PIPE,
                              env=cli.environment())
    assert done.returncode == LOCAL and b"No space left" in done.stderr
