"""Copies of the audit elsewhere: every record at least once and in order, whatever becomes of the receiver."""

import json
import os
import socket
import subprocess
import threading
import time

import pytest

from harness import audit, wait
from harness.gateway import free_port, section_text
from harness.process import freeze, resident_bytes
from harness.sinks import FakeJournald, Journald, Mute, Rsyslogd, journald, server_context
from harness.stall import Stall

QUICK = {"settle_seconds": 1, "retry_seconds": 1}


@pytest.fixture
def receivers(place):
    """Ended when the test is over, however it went."""
    started = []
    def start(receiver):
        started.append(receiver)
        return receiver.start()
    yield start
    for receiver in started:
        receiver.stop()


def add_sink(gateway, name="copy", **options):
    gateway.extra += section_text("audit_sink", name, {**QUICK, **options})
    return gateway


def syslog_to(gateway, receiver, **options):
    return add_sink(gateway, type="syslog", path=receiver.socket, **options)


def tls_to(gateway, receiver, pki, **options):
    cert, key = pki.pair("operator")
    return add_sink(gateway, type="syslog", **{"address": "127.0.0.1", "port": receiver.port, "ca": pki.path("ca.crt"),
                                               "cert": cert, "key": key, **options})


def sink(gateway, name="copy"):
    """Its figures."""
    with_stats = gateway.connect().ready()
    found, = [s for s in with_stats.result("gateway-stats")["audit"]["sinks"] if s["name"] == name]
    with_stats.close()
    return found


def last_seq(gateway):
    return audit.read(gateway.audit_file)[-1]["seq"]


def work(gateway, count=20, vm="web1"):
    """Commands, each two records."""
    client = gateway.client(vm)
    for _ in range(count):
        client.result("query-status")
    client.close()


def has_all(seqs, until):
    return set(range(1, until + 1)) <= set(seqs)


def assert_in_order(seqs):
    """Each run of them goes up by one; where it goes back it sends again, and leaves nothing out."""
    seen = 0
    for i, seq in enumerate(seqs):
        assert seq <= seen + 1, f"after {seen} came {seq} (number {i})"
        if i:
            assert seq == seqs[i - 1] + 1 or seq <= seqs[i - 1], f"after {seqs[i - 1]} came {seq}"
        seen = max(seen, seq)


# --- syslog by a UNIX socket

def test_every_record_gets_to_rsyslogd_by_a_unix_socket(house, place, receivers):
    rsyslog = receivers(Rsyslogd(place))
    gateway = syslog_to(house.gateway(house.fake()), rsyslog).start()
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")
    by_seq = {m.seq: m for m in rsyslog.messages()}
    for record in audit.read(gateway.audit_file)[:last]:
        m = by_seq[record["seq"]]
        assert m.record == record
        assert m.msgid == record["type"] and m.sd_id == "qmpgate@32473"
        for member in ("identity", "vm", "command", "rule", "result", "hash"):
            assert m.data.get(member) == record.get(member)
    assert_in_order(rsyslog.seqs())


def test_every_record_gets_to_rsyslogd_by_tls(house, place, pki, receivers):
    rsyslog = receivers(Rsyslogd(place, pki, free_port(), permitted="operator"))
    gateway = tls_to(house.gateway(house.fake()), rsyslog, pki).start()
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")
    by_seq = {m.seq: m for m in rsyslog.messages()}
    for record in audit.read(gateway.audit_file)[:last]:
        assert by_seq[record["seq"]].record == record
    assert_in_order(rsyslog.seqs())
    assert sink(gateway)["connected"]


def test_every_record_gets_to_journald(house, place, receivers):
    journal = receivers(journald(place))
    gateway = add_sink(house.gateway(house.fake()), type="journald", path=journal.socket).start()
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: has_all(journal.seqs(), last), "all records")
    entries = {int(e["QMPGATE_SEQ"]): e for e in journal.entries("SYSLOG_IDENTIFIER=qmpgate")}
    for record in audit.read(gateway.audit_file)[:last]:
        e = entries[record["seq"]]
        assert json.loads(e["QMPGATE_RECORD"]) == record
        assert e["QMPGATE_TYPE"] == record["type"]
        assert e.get("QMPGATE_IDENTITY") == record.get("identity")
        assert e["MESSAGE"].startswith(record["type"])
    assert_in_order(journal.seqs())


# what sd_journal_sendv(3) of libsystemd 252 wrote to a socket in journald's place
TRANSCRIPT = (b'MESSAGE=a line\nPRIORITY=5\nQMPGATE_SEQ=17\nQMPGATE_RECORD={"v":1}\n'
              b'QMPGATE_COMMAND\n\x0b\0\0\0\0\0\0\0two\nlines=1\n'
              b'CODE_FILE=cap.c\nCODE_LINE=6\nCODE_FUNC=main\nSYSLOG_IDENTIFIER=cap\n')


def test_the_fake_journald_reads_what_libsystemd_writes():
    assert FakeJournald.parse(TRANSCRIPT) == {
        "MESSAGE": "a line", "PRIORITY": "5", "QMPGATE_SEQ": "17", "QMPGATE_RECORD": '{"v":1}',
        "QMPGATE_COMMAND": "two\nlines=1", "CODE_FILE": "cap.c", "CODE_LINE": "6", "CODE_FUNC": "main",
        "SYSLOG_IDENTIFIER": "cap"}


def test_the_fake_journald_sees_what_the_real_one_does(house, place, receivers):
    real, fake = receivers(journald(place)), receivers(FakeJournald(place))
    gateway = add_sink(house.gateway(house.fake()), "real", type="journald", path=real.socket)
    add_sink(gateway, "fake", type="journald", path=fake.socket).start()
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: has_all(real.seqs(), last) and has_all(fake.seqs(), last), "all records")
    mine = lambda e: {k: v for k, v in e.items() if k.startswith(("QMPGATE_", "MESSAGE", "PRIORITY", "SYSLOG_I"))}
    assert [mine(e) for e in real.entries("SYSLOG_IDENTIFIER=qmpgate")][:last] == [mine(e) for e in fake.entries()][:last]


# --- outages

class Load:
    """A client that runs commands until it is told to stop."""

    def __init__(self, gateway, pause=0.001):
        self.client, self._stop, self._pause, self.slowest = gateway.client("web1"), threading.Event(), pause, 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            begun = time.monotonic()
            self.client.result("query-status")
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self._stop.wait(self._pause)

    def stop(self):
        self._stop.set()
        self._thread.join()
        self.client.close()


def outage_under_load(gateway, receiver, count=3, pause=0.001):
    """The receiver is killed again and again while commands run; in the end it has everything."""
    load = Load(gateway, pause)
    for _ in range(count):
        seen = last_seq(gateway)
        wait.until(lambda: receiver.last() > seen + 200, "records under load")
        receiver.kill()
        during = last_seq(gateway)
        wait.until(lambda: last_seq(gateway) > during + 200, "commands while the receiver is away")
        receiver.start()
    load.stop()
    last = last_seq(gateway)
    wait.until(lambda: has_all(receiver.seqs(), last), "all records after the outages", 60)


def test_rsyslogd_by_a_unix_socket_may_be_killed(house, place, receivers):
    rsyslog = receivers(Rsyslogd(place))
    gateway = syslog_to(house.gateway(house.fake()), rsyslog).start()
    outage_under_load(gateway, rsyslog)
    assert_in_order(rsyslog.seqs())
    assert sink(gateway)["connections"] >= 4


def test_rsyslogd_by_tls_may_be_killed(house, place, pki, receivers):
    rsyslog = receivers(Rsyslogd(place, pki, free_port(), permitted="operator"))
    gateway = tls_to(house.gateway(house.fake()), rsyslog, pki).start()
    outage_under_load(gateway, rsyslog)
    assert_in_order(rsyslog.seqs())
    assert sink(gateway)["connections"] >= 4


def test_what_lay_unread_at_a_receiver_that_died_is_sent_again(house, place, pki, receivers):
    rsyslog = receivers(Rsyslogd(place, pki, free_port(), permitted="operator"))
    gateway = tls_to(house.gateway(house.fake()), rsyslog, pki, settle_seconds=10).start()
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")
    freeze(rsyslog.process.pid)
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: (s := sink(gateway))["lag-records"] < 10 and s["unconfirmed"] > 40, "records in its kernel")
    end = time.monotonic() + 2  # more than what the position waits for besides settle_seconds
    wait.until(lambda: time.monotonic() > end, "a while")
    rsyslog.kill()
    rsyslog.start()
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")
    assert_in_order(rsyslog.seqs())


def test_journald_may_be_killed(house, place, receivers):
    journal = receivers(journald(place))
    gateway = add_sink(house.gateway(house.fake()), type="journald", path=journal.socket).start()
    outage_under_load(gateway, journal, count=2, pause=0.005)
    assert_in_order(journal.seqs())


def test_after_a_restart_of_the_gateway_it_goes_on_where_it_was(house, place, receivers):
    rsyslog = receivers(Rsyslogd(place))
    gateway = syslog_to(house.gateway(house.fake()), rsyslog).start()
    work(gateway)
    gateway.stop()
    last = last_seq(gateway)
    assert has_all(rsyslog.seqs(), last), "what the end records is sent too"
    gateway.start()
    work(gateway)
    more = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), more), "all records")
    assert rsyslog.seqs() == list(range(1, len(rsyslog.seqs()) + 1)), "nothing twice after an orderly end"


def test_by_tls_an_orderly_end_leaves_nothing_to_send_twice(house, place, pki, receivers):
    rsyslog = receivers(Rsyslogd(place, pki, free_port(), permitted="operator"))
    gateway = tls_to(house.gateway(house.fake()), rsyslog, pki).start()
    work(gateway)
    gateway.stop()
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")
    gateway.start()
    work(gateway)
    more = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), more), "all records")
    assert rsyslog.seqs() == list(range(1, len(rsyslog.seqs()) + 1))


def kill(gateway):
    gateway.process.kill()
    gateway.notify.close()


def test_a_gateway_that_was_killed_leaves_nothing_out(house, place, receivers):
    rsyslog = receivers(Rsyslogd(place))
    gateway = syslog_to(house.gateway(house.fake()), rsyslog).start()
    for _ in range(3):
        client = gateway.client("web1")
        for _ in range(200):
            client.request("query-status")
        kill(gateway)
        gateway.start()
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")
    assert_in_order(rsyslog.seqs())


def test_what_was_rotated_away_meanwhile_is_sent(house, place, receivers):
    rsyslog = receivers(Rsyslogd(place))
    gateway = syslog_to(house.gateway(house.fake()), rsyslog).start()
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")
    rsyslog.kill()
    for i in range(3):
        work(gateway)
        os.rename(gateway.audit_file, f"{gateway.audit_file}.{i}")
        gateway.hang_up()
    work(gateway)
    rsyslog.start()
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records of all files")
    assert_in_order(rsyslog.seqs())


def segments(gateway):
    """The closed ones."""
    directory, name = os.path.split(gateway.audit_file[:-len(".jsonl")])
    return [f for f in os.listdir(directory) if f.startswith(name + ".0")]


def test_no_segment_is_removed_before_it_was_sent(house, place, receivers):
    rsyslog = Rsyslogd(place)
    gateway = syslog_to(house.gateway(house.fake()), rsyslog)
    gateway.audit.update(segment_megabytes=1, keep_megabytes=1, compress="none")
    gateway.check_audit = False  # its beginning will be gone
    gateway.start()
    while len(segments(gateway)) < 4:
        work(gateway, 500)
    last = last_seq(gateway)
    assert len(segments(gateway)) >= 4
    receivers(rsyslog)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")
    assert_in_order(rsyslog.seqs())
    wait.until(lambda: sink(gateway)["shipped"] >= last, "what arrived to have settled")
    gateway.hang_up()  # looks at the closed segments at once, and otherwise each minute
    wait.until(lambda: len(segments(gateway)) < 4, "segments removed when they were sent", 150)
    assert sink(gateway)["skipped"] == 0


def test_records_that_somebody_took_away_are_told_of(house, place, receivers):
    rsyslog = receivers(Rsyslogd(place))
    gateway = syslog_to(house.gateway(house.fake()), rsyslog)
    gateway.check_audit = False  # there is a hole in it
    gateway.start()
    work(gateway)
    gateway.stop()
    rsyslog.kill()
    gateway.start()
    os.rename(gateway.audit_file, gateway.audit_file + ".1")
    gateway.hang_up()
    os.unlink(gateway.audit_file + ".1")
    last = last_seq(gateway)
    work(gateway)
    rsyslog.start()
    gateway.wait_log("or not in the log any more, and were not shipped")
    wait.until(lambda: rsyslog.last() > last + 40, "the records after them")
    assert sink(gateway)["skipped"] > 0


def test_a_log_that_was_begun_anew_is_sent_as_a_whole(house, place, receivers):
    rsyslog = receivers(Rsyslogd(place))
    gateway = syslog_to(house.gateway(house.fake()), rsyslog).start()
    work(gateway, 50)
    gateway.stop()
    os.unlink(gateway.audit_file)
    os.unlink(gateway.audit_file + ".lock")
    os.unlink(rsyslog.file)
    rsyslog.kill()
    rsyslog.start()
    gateway.start()
    gateway.wait_log("the log is another")
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "the new log")
    assert all(m.record in audit.read(gateway.audit_file) for m in rsyslog.messages())


def test_with_records_on_disk_first_all_the_same(house, place, receivers):
    rsyslog = receivers(Rsyslogd(place))
    gateway = house.gateway(house.fake())
    gateway.audit["sync"] = "data"
    syslog_to(gateway, rsyslog).start()
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")


# --- receivers that are not to be believed

def refused(gateway, words):
    """The sink says why, sends nothing, and commands run all the same."""
    gateway.wait_log(words)
    work(gateway, 3)
    found = sink(gateway)
    assert not found["connected"] and words in found["error"], found
    assert found["sent"] == found["shipped"] == 0 and found["lag-records"] > 0
    return found


@pytest.mark.parametrize("change, words", [
    ({"ca": "other-ca.crt"}, "a CA that we do not trust"),
    ({"server_name": "log.example.com"}, "is not for log.example.com"),
    ({"server_name": "127.0.0.2"}, "is not for 127.0.0.2"),
])
def test_a_receiver_of_another_authority_or_name_gets_nothing(house, place, pki, receivers, change, words):
    rsyslog = receivers(Rsyslogd(place, pki, free_port()))
    if "ca" in change:
        change = {"ca": pki.path(change["ca"])}
    gateway = tls_to(house.gateway(house.fake()), rsyslog, pki, **change).start()
    refused(gateway, words)
    assert rsyslog.messages() == []


def test_a_receiver_whose_certificate_has_expired_gets_nothing(house, place, pki, receivers):
    own = pki.copy(os.path.join(place, "pki"))
    own.issue("old", "old", lines=("tls_www_server", 'ip_address = "127.0.0.1"'), seconds=1)
    end = time.time() + 2
    wait.until(lambda: time.time() > end, "its end")
    peer = receivers(Mute(server_context(own, "old")))
    gateway = tls_to(house.gateway(house.fake()), peer, pki).start()
    refused(gateway, "expired")


def test_a_connection_ends_with_the_receiver_s_certificate(house, place, pki, receivers):
    own = pki.copy(os.path.join(place, "pki"))
    own.issue("short", "short", lines=("tls_www_server", 'ip_address = "127.0.0.1"'), seconds=8)  # two daemons start in it
    rsyslog = receivers(Rsyslogd(place, own, free_port(), server="short"))
    gateway = tls_to(house.gateway(house.fake()), rsyslog, pki).start()
    wait.until(lambda: sink(gateway)["connected"], "a connection")
    gateway.wait_log("the receiver's certificate is not valid any more")
    gateway.wait_log("expired")


def test_a_client_s_certificate_is_no_server_s(house, place, pki, receivers):
    own = pki.copy(os.path.join(place, "pki"))
    own.issue("liar", "liar", lines=("tls_www_client", 'ip_address = "127.0.0.1"'))
    peer = receivers(Mute(server_context(own, "liar")))
    gateway = tls_to(house.gateway(house.fake()), peer, pki).start()
    refused(gateway, "is not for this purpose")


def test_a_receiver_without_tls_gets_nothing(house, place, pki, receivers):
    peer = receivers(Mute())
    gateway = tls_to(house.gateway(house.fake()), peer, pki).start()
    wait.until(lambda: peer.connections, "a connection")
    hello = peer.connections[0].recv(65536)
    assert b'"seq"' not in hello
    peer.connections[0].sendall(b"220 ready\r\n")
    gateway.wait_log("does not speak TLS")
    assert sink(gateway)["sent"] == 0


def test_a_gateway_that_the_receiver_does_not_let_in_says_so(house, place, pki, receivers):
    rsyslog = receivers(Rsyslogd(place, pki, free_port(), permitted="admin"))
    gateway = tls_to(house.gateway(house.fake()), rsyslog, pki).start()
    work(gateway)
    found = wait.until(lambda: (s := sink(gateway)) and s.get("error") and s, "an error")
    assert found["shipped"] == 0 and rsyslog.messages() == []


# --- receivers that do not read

@pytest.fixture(params=["tls", "stream", "datagrams"])
def mute(request, place, pki, receivers):
    """(a receiver that reads nothing, how a sink is pointed at it)"""
    if request.param == "tls":
        peer = receivers(Mute(server_context(pki)))
        return lambda gateway: tls_to(gateway, peer, pki, settle_seconds=5)
    path = os.path.join(place, "mute")
    kind = socket.SOCK_STREAM if request.param == "stream" else socket.SOCK_DGRAM
    receivers(Mute(path=path, kind=kind))
    return lambda gateway: add_sink(gateway, type="syslog", path=path, queue=50)


def test_a_receiver_that_reads_nothing_costs_a_bounded_queue(house, mute):
    gateway = mute(house.gateway(house.fake()))
    gateway.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"  # memory, not its grave
    gateway.start()
    wait.until(lambda: sink(gateway)["connected"], "a connection")
    work(gateway, 1500)  # what is made once, and the sanitizer's graves, are there before
    before = resident_bytes(gateway.pid)
    work(gateway, 3000)
    found = sink(gateway)
    assert found["lag-records"] + found["unconfirmed"] > 4000, found
    assert found["shipped"] < 2000, found
    assert resident_bytes(gateway.pid) - before < 8 << 20


def latency(gateway, count=500, rounds=4):
    """The median of a command in the best of some rounds, in seconds."""
    client, medians = gateway.client("web1"), []
    for _ in range(rounds):
        times = []
        for _ in range(count):
            begun = time.monotonic()
            client.result("query-status")
            times.append(time.monotonic() - begun)
        medians.append(sorted(times)[count // 2])
    client.close()
    return min(medians)


def test_a_receiver_that_reads_nothing_slows_no_command(house, mute):
    plain = house.gateway(house.fake()).start()
    without = latency(plain)
    plain.stop()
    os.unlink(plain.audit_file)
    os.unlink(plain.audit_file + ".lock")
    gateway = mute(house.gateway(house.vms[0])).start()
    wait.until(lambda: sink(gateway)["connected"], "a connection")
    work(gateway, 2000)
    assert latency(gateway) < 1.5 * without + wait.scaled(0.0002)


def test_a_receiver_that_reads_nothing_does_not_hold_up_the_end(house, mute):
    gateway = mute(house.gateway(house.fake())).start()
    wait.until(lambda: sink(gateway)["connected"], "a connection")
    work(gateway, 2000)
    begun = time.monotonic()
    gateway.stop()
    assert time.monotonic() - begun < wait.scaled(6)


def test_one_sink_that_stalls_holds_up_no_other(house, place, mute, receivers):
    rsyslog = receivers(Rsyslogd(place))
    gateway = add_sink(mute(house.gateway(house.fake())), "other", type="syslog", path=rsyslog.socket).start()
    work(gateway, 500)
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records at the other")


def test_a_name_server_that_does_not_answer_holds_up_neither_commands_nor_the_end(house, place, pki, build):
    os.mkdir(place + "/stall")
    stall = Stall(build, place + "/stall")
    gateway = add_sink(house.gateway(house.fake()), type="syslog", address="log.example.com", ca=pki.path("ca.crt"))
    gateway.env = stall.env
    stall.begin("getaddrinfo")
    gateway.start()
    stall.wait("getaddrinfo")
    work(gateway)
    begun = time.monotonic()
    gateway.stop()
    assert time.monotonic() - begun < wait.scaled(8)
    assert "a sink of the audit hangs, and is left behind" in gateway.said()


# --- what is told

def test_lag_is_told_when_it_begins_and_when_it_ends(house, place, receivers):
    rsyslog = Rsyslogd(place)
    gateway = syslog_to(house.gateway(house.fake()), rsyslog, lag_seconds=1).start()
    work(gateway)
    gateway.wait_log("audit sink copy: it is behind by")
    found = sink(gateway)
    assert not found["connected"] and rsyslog.socket in found["error"]
    assert found["lag-records"] >= 40 and found["lag-seconds"] >= 1 and found["sent"] == 0
    receivers(rsyslog)
    gateway.wait_log("audit sink copy: it is up to date again")
    last = last_seq(gateway)
    found = wait.until(lambda: (s := sink(gateway))["shipped"] >= last and s, "all shipped")
    assert found["connected"] and found["lag-seconds"] == 0


def test_each_reason_is_logged_once(house, place):
    gateway = add_sink(house.gateway(house.fake()), type="syslog", path=os.path.join(place, "nobody")).start()
    gateway.wait_log("cannot connect to")
    wait.until(lambda: sink(gateway)["lag-seconds"] >= 3, "some tries", 30)
    assert gateway.said().count("cannot connect to") == 1


# --- what is wrong with the configuration

def test_without_a_state_dir_it_does_not_start(house, place):
    gateway = add_sink(house.gateway(house.fake()), type="journald")
    gateway.options["state_dir"] = os.path.join(place, "none")
    status, said = gateway.run_to_end()
    assert status and f"state_dir {place}/none is not there: make it" in said
    status, said = gateway.run_to_end("--check")
    assert status == 78 and "state_dir" in said


def test_without_sinks_nobody_looks_at_the_state_dir(house, place):
    gateway = house.gateway(house.fake())
    gateway.options["state_dir"] = os.path.join(place, "none")
    gateway.start()


def test_a_state_dir_that_anybody_may_write_to_is_refused(house, place):
    os.mkdir(os.path.join(place, "state"))
    os.chmod(os.path.join(place, "state"), 0o777)
    gateway = add_sink(house.gateway(house.fake()), type="journald")
    gateway.options["state_dir"] = os.path.join(place, "state")
    status, said = gateway.run_to_end("--check")
    assert status == 78 and "anybody may write to it" in said


def test_a_position_that_is_none_is_told_of_at_the_start(house, place):
    gateway = add_sink(house.gateway(house.fake()), type="journald")
    with open(os.path.join(place, "sink-copy"), "w") as f:
        f.write("17\n")
    status, said = gateway.run_to_end()
    assert status and "it holds no position of a sink; remove it" in said


def test_files_of_tls_are_looked_at_at_the_start(house, place, pki):
    gateway = add_sink(house.gateway(house.fake()), type="syslog", address="127.0.0.1", port=6514,
                       ca=os.path.join(place, "no-ca.pem"))
    status, said = gateway.run_to_end("--check")
    assert status == 78 and "no-ca.pem" in said and 'audit_sink "copy"' in said


def test_a_new_certificate_is_used_without_a_restart(house, place, pki, receivers):
    own = pki.copy(os.path.join(place, "pki"))
    rsyslog = receivers(Rsyslogd(place, own, free_port(), permitted="operator"))
    gateway = tls_to(house.gateway(house.fake()), rsyslog, own, cert=own.path("viewer.crt"),
                     key=own.path("viewer.key")).start()
    work(gateway, 3)
    wait.until(lambda: sink(gateway).get("error"), "a refusal")
    for end in ("crt", "key"):
        os.replace(own.path(f"operator.{end}"), own.path(f"viewer.{end}"))
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")


# --- what is in a message

def test_a_receiver_that_takes_little_gets_records_cut_and_is_told(house, place, pki, receivers):
    rsyslog = receivers(Rsyslogd(place, pki, free_port(), permitted="operator", message_bytes="8k"))
    gateway = tls_to(house.gateway(house.fake()), rsyslog, pki).start()
    gateway.client("web1").error("qom-list", path="/", **{f"x{i}" + "y" * 100: 1 for i in range(100)})
    gateway.client("web1").result("query-status")
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last), "all records")
    long = [r for r in audit.read(gateway.audit_file) if len(json.dumps(r)) > 9000]
    assert long
    by_seq = {m.seq: m for m in rsyslog.messages()}
    for r in audit.read(gateway.audit_file)[:last]:
        if r not in long:
            assert by_seq[r["seq"]].record == r, "what comes behind a long one is whole"
    for r in long:
        m = by_seq[r["seq"]]
        assert int(m.data["cut"]) > len(m.text) and m.data["hash"] == r["hash"]


def test_a_receiver_that_cuts_by_itself_loses_no_other_record(house, place, pki, receivers):
    rsyslog = receivers(Rsyslogd(place, pki, free_port(), permitted="operator", message_bytes="2k"))
    gateway = tls_to(house.gateway(house.fake()), rsyslog, pki).start()
    gateway.client("web1").error("qom-list", path="/", **{f"x{i}" + "y" * 100: 1 for i in range(20)})
    gateway.client("web1").result("query-status")
    records = audit.read(gateway.audit_file)
    short = {r["seq"] for r in records if len(json.dumps(r)) < 1000}
    assert len(short) < len(records)
    wait.until(lambda: short <= set(rsyslog.seqs_of_whole()), "all short records")


def test_no_secret_gets_to_a_receiver(house, place, receivers):
    rsyslog, journal = receivers(Rsyslogd(place)), receivers(journald(place))
    gateway = syslog_to(house.gateway(house.fake()), rsyslog)
    add_sink(gateway, "journal", type="journald", path=journal.socket).start()
    client = gateway.client("web1")
    canary = "c4n4ry-0f-s1nks"
    client.call("object-add", **{"qom-type": "secret", "id": "s", "data": canary})
    client.call("set_password", protocol="vnc", password=canary)
    client.call("change-vnc-password", password=canary)
    client.call("blockdev-add", driver="https", **{"node-name": "n", "url": f"https://u:{canary}@h/x"})
    client.call("human-monitor-command", **{"command-line": f"set_password vnc {canary}"})
    client.result("query-status")
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last) and has_all(journal.seqs(), last), "all records")
    with open(rsyslog.file, "rb") as f:
        assert canary.encode() not in f.read()
    assert canary not in json.dumps(journal.entries())
    assert canary not in gateway.said()


def test_what_a_client_puts_in_a_name_makes_no_field_and_no_message(house, place, receivers):
    rsyslog, journal = receivers(Rsyslogd(place)), receivers(journald(place))
    gateway = syslog_to(house.gateway(house.fake()), rsyslog)
    add_sink(gateway, "journal", type="journald", path=journal.socket).start()
    name = 'x"] evil\n<0>1 - - - - - -\nPRIORITY=0\nQMPGATE_SEQ=1\u0085\\'
    gateway.client("web1").request(name)
    gateway.client("web1").result("query-status")
    last = last_seq(gateway)
    wait.until(lambda: has_all(rsyslog.seqs(), last) and has_all(journal.seqs(), last), "all records")
    shown = name.replace("\n", "\ufffd").replace("\u0085", "\ufffd")
    m, = [m for m in rsyslog.messages() if "evil" in m.data.get("command", "")]
    assert m.record["command"] == name and m.data["command"] == shown
    e, = [e for e in journal.entries() if "evil" in e.get("QMPGATE_COMMAND", "")]
    assert e["QMPGATE_COMMAND"] == shown and e["PRIORITY"] == "4"
    assert all(len(rsyslog.seqs()) == len(set(x)) for x in (rsyslog.seqs(), journal.seqs()))
