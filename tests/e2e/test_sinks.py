"""Copies of the audit elsewhere: every record at least once and in order, whatever becomes of the receiver."""

import json
import os
import socket
import threading

import pytest

from harness import audit, wait
from harness.gateway import free_port, section_text
from harness.sinks import Journald, Rsyslogd

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
    journald = receivers(Journald(place))
    gateway = add_sink(house.gateway(house.fake()), type="journald", path=journald.socket).start()
    work(gateway)
    last = last_seq(gateway)
    wait.until(lambda: has_all(journald.seqs(), last), "all records")
    entries = {int(e["QMPGATE_SEQ"]): e for e in journald.entries("SYSLOG_IDENTIFIER=qmpgate")}
    for record in audit.read(gateway.audit_file)[:last]:
        e = entries[record["seq"]]
        assert json.loads(e["QMPGATE_RECORD"]) == record
        assert e["QMPGATE_TYPE"] == record["type"]
        assert e.get("QMPGATE_IDENTITY") == record.get("identity")
        assert e["MESSAGE"].startswith(record["type"])
    assert_in_order(journald.seqs())
