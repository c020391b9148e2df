"""The audit: written before a command leaves, complete, chained; and when it cannot be written, nothing runs."""

import os
import resource
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import audit, expect, wait


def test_intent_before_and_outcome_after(gateway, pki):
    client = gateway.client("web1", "operator")
    client.result("qom-list", path="/")
    intent, = gateway.records(type="intent", command="qom-list")
    outcome, = gateway.records(type="outcome", request=intent["request"])
    assert intent["seq"] < outcome["seq"]
    assert intent["identity"] == pki.identity("operator")
    assert intent["vm"] == "web1"
    assert intent["arguments"] == {"path": "/"}
    assert "operator" in intent["rule"]
    assert intent["peer"].startswith("127.0.0.1")
    assert outcome["result"] == "ok"
    assert outcome["latency-us"] >= 0


def test_the_intent_is_there_while_the_vm_still_works(house):
    fake = house.fake("--only", "query-block", "--silent-after", 0)
    gateway = house.gateway(fake).start()
    client = gateway.client("web1")
    client.request("query-block")
    fake.wait_received(b"query-block")
    assert gateway.records(type="intent", command="query-block")
    assert not gateway.records(type="outcome", command="query-block")


def test_an_error_of_the_vm_is_an_outcome(gateway):
    gateway.client("web1").error("device_del", id="none")
    record = gateway.wait_record(type="outcome", command="device_del")
    assert record["result"] == "error" and record["error-class"] == "DeviceNotFound"


def test_a_refusal_is_recorded_with_its_rule(gateway, pki):
    gateway.client("web1", "operator").error("quit")
    record = gateway.wait_record(type="refused", command="quit")
    assert record["identity"] == pki.identity("operator")
    assert "operator" in record["rule"] and record["vm"] == "web1"
    assert not gateway.records(type="intent", command="quit")


def test_connections_and_attaching_are_recorded(gateway, pki):
    client = gateway.client("web1", "viewer")
    opened = gateway.wait_record(type="session-open", identity=pki.identity("viewer"))
    attached = gateway.wait_record(type="attach", identity=pki.identity("viewer"), vm="web1")
    assert attached["result"] == "ok"
    client.close()
    closed = gateway.wait_record(type="session-close", connection=opened["connection"])
    assert opened["seq"] < attached["seq"] < closed["seq"]


def test_a_refused_attach_is_recorded(gateway):
    gateway.connect().ready().error("gateway-attach", vm="no-such-vm")
    record = gateway.wait_record(type="attach", result="denied")
    assert record["identity"]


def test_start_and_stop_and_loads_are_recorded(house, qemu):
    gateway = house.gateway(qemu).start()
    gateway.reload()
    gateway.stop()
    types = [r["type"] for r in audit.read(gateway.audit_file)]
    assert types[-1] == "stop" and "start" in types[:3]
    assert types.count("policy-load") >= 2 or types.count("config-load") >= 2


def test_administration_is_recorded(gateway, pki):
    gateway.connect().ready().result("gateway-sessions")
    records = [r for r in gateway.records(command="gateway-sessions")]
    assert records and records[0]["identity"] == pki.identity("admin")


def test_secrets_are_not_recorded(house):
    gateway = house.gateway(house.fake())
    gateway.policy = gateway.policy.replace('"quit"}', '"quit", "set_password"}', 1)
    gateway.start()
    gateway.client("web1").call("set_password", protocol="vnc", password="correct-horse")
    assert gateway.wait_record(command="set_password")
    with open(gateway.audit_file, "rb") as f:
        assert b"correct-horse" not in f.read()


def test_ids_of_clients_are_not_recorded(gateway):
    client = gateway.client("web1", "operator")
    client.send({"execute": "query-name", "id": "private-id-1"}, {"execute": "quit", "id": "private-id-2"})
    client.reply()
    client.reply()
    with open(gateway.audit_file, "rb") as f:
        assert b"private-id" not in f.read()


def test_what_a_client_puts_in_a_name_makes_no_line(gateway):
    client = gateway.client("web1", "viewer")
    client.call('x","type":"intent"}\n{"v":1,"seq":1}\n')
    client.call("\u0000\u001b[31m\ud83d\ude00")
    client.result("query-name")
    assert len(audit.verify(gateway.audit_file)) == len(audit.read(gateway.audit_file))


def test_the_chain_holds_under_load_on_several_loops(house):
    fake = house.fake(names=["web%d" % i for i in range(6)])
    gateway = house.gateway(fake, options={"threads": 3, "front_threads": 2}).start()
    clients = [gateway.client("web%d" % (i % 6)) for i in range(12)]
    for client in clients:
        client.send(*[{"execute": "query-status", "id": i} for i in range(100)])
    for client in clients:
        for _ in range(100):
            client.reply()
    gateway.stop()
    records = audit.verify(gateway.audit_file)
    assert sum(r["type"] == "intent" for r in records) >= 1200
    intents = {r["request"]: r["seq"] for r in records if r["type"] == "intent"}
    outcomes = {r["request"]: r["seq"] for r in records if r["type"] == "outcome"}
    assert intents.keys() == outcomes.keys()
    assert all(intents[i] < outcomes[i] for i in intents)


def test_the_chain_goes_on_after_a_restart(house, qemu):
    gateway = house.gateway(qemu).start()
    gateway.client("web1").result("query-name")
    gateway.stop()
    before = len(audit.read(gateway.audit_file))
    gateway.start()
    gateway.client("web1").result("query-name")
    gateway.stop()
    assert len(audit.verify(gateway.audit_file)) > before


def test_a_lock_that_is_gone_is_told(house, qemu):
    """Who cuts the end off and removes the lock is not noticed by the chain: so it is not done in silence."""
    gateway = house.gateway(qemu).start()
    gateway.client("web1").result("query-name")
    gateway.stop()
    os.unlink(gateway.audit_file + ".lock")
    gateway.start()
    gateway.wait_log("there is no lock file that says how far it went")
    assert gateway.said().count("there is no lock file") == 1  # the first start was without a log, and said nothing


def test_a_torn_last_line_does_not_break_it(house, qemu):
    gateway = house.gateway(qemu).start()
    gateway.stop()
    with open(gateway.audit_file, "ab") as f:
        f.write(b'{"v":1,"seq":999,"ti')
    gateway.start()
    gateway.client("web1").result("query-name")
    gateway.stop()
    audit.verify(gateway.audit_file)


def test_a_changed_record_is_found(house, qemu):
    gateway = house.gateway(qemu).start()
    gateway.client("web1").result("query-name")
    gateway.stop()
    with open(gateway.audit_file, "rb") as f:
        data = f.read()
    with open(gateway.audit_file, "wb") as f:
        f.write(data.replace(b"query-name", b"query-uuid", 1))
    with pytest.raises(audit.Broken):
        audit.verify(gateway.audit_file)
    with open(gateway.audit_file, "wb") as f:
        f.write(data)


def test_a_second_daemon_is_kept_out_of_the_chain(house, qemu):
    gateway = house.gateway(qemu).start()
    second = house.gateway()
    second.config_file += ".second"
    second.add_control()
    status, text = second.run_to_end()
    assert status != 0 and "audit" in text.lower()


def test_reopen_on_hang_up_goes_on_with_the_chain(gateway):
    client = gateway.client("web1")
    client.result("query-name")
    os.rename(gateway.audit_file, gateway.audit_file + ".1")
    client.result("query-uuid")  # still goes to the old file
    gateway.hang_up()
    client.result("query-status")
    assert [r["command"] for r in gateway.records(type="intent")] == ["query-status"]
    audit.verify(gateway.audit_file + ".1", gateway.audit_file)


def test_sync_data_records_and_answers(house, qemu):
    gateway = house.gateway(qemu)
    gateway.audit["sync"] = "data"
    gateway.start()
    client = gateway.client("web1")
    client.send(*[{"execute": "query-name", "id": i} for i in range(200)])
    assert [client.reply()["id"] for _ in range(200)] == list(range(200))
    assert len(gateway.records(type="intent", command="query-name")) == 200


# --- it cannot be written -----------------------------------------------------------------------------

def refused_for_the_audit(client, command="stop"):
    reply = client.call(command)
    return expect.error(reply, "GenericError", "audit")


def test_beyond_the_file_size_limit_nothing_runs_and_service_resumes(house, qemu):
    """RLIMIT_FSIZE stands for the full disk: write fails with EFBIG, needs no root."""
    gateway = house.gateway(qemu)
    gateway.preexec = lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    gateway.start()
    client = gateway.client("web1")
    client.result("query-name")
    size = os.path.getsize(gateway.audit_file)
    soft, hard = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (size + 10, hard))
    for _ in range(3):
        refused_for_the_audit(client)
    assert "stop" not in qemu.commands()
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (soft, hard))
    assert client.result("stop") == {}
    assert qemu.commands().count("stop") == 1
    audit.verify(gateway.audit_file)


def test_a_full_disk_stops_commands_and_no_more(house, qemu, place):
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    disk = place + "/disk"
    os.mkdir(disk)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("mount is not permitted here")
    try:
        gateway = house.gateway(qemu, audit_file=disk + "/audit.jsonl")
        gateway.audit.update(path=gateway.audit_file, reserve_kilobytes=0)  # the disk is smaller than the default
        gateway.start()
        client = gateway.client("web1")
        filler = disk + "/filler"
        fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError):
            while True:
                os.write(fd, b"x" * 4096)
        os.close(fd)
        wait.until(lambda: "error" in client.call("query-name"), "the disk to be full")
        refused_for_the_audit(client)
        assert "stop" not in qemu.commands()
        os.unlink(filler)
        wait.until(lambda: "return" in client.call("stop"), "service to resume")
        client.close()
        gateway.stop()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=False)


def test_a_removed_file_is_noticed(gateway, qemu):
    """What goes to a file without a name is lost: no command runs until there is a file again."""
    client = gateway.client("web1")
    os.unlink(gateway.audit_file)
    reply = client.call("stop")
    if "error" in reply:  # refused until it is reopened
        expect.error(reply, "GenericError", "audit")
        assert "stop" not in qemu.commands()
        gateway.check_audit = False
        gateway.hang_up()
        assert client.result("stop") == {}
    else:  # or opened anew at once
        assert gateway.records(type="intent", command="stop")


def test_taking_rights_away_works_while_the_audit_fails(house, qemu):
    gateway = house.gateway(qemu)
    gateway.preexec = lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    gateway.start()
    admin, victim = gateway.connect().ready(), gateway.client("web1", "viewer")
    session = next(s for s in admin.result("gateway-sessions") if "viewer" in s["identity"])
    soft, hard = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (os.path.getsize(gateway.audit_file) + 10, hard))
    refused_for_the_audit(victim, "query-name")
    admin.result("gateway-session-close", connection=session["connection"])
    victim.drain()
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (soft, hard))


def test_refusals_are_limited_in_rate_and_counted(gateway):
    """Nobody fills the disk with refusals."""
    client = gateway.client("web1", "viewer")
    count = 3000
    for _ in range(count // 100):
        client.send(*[{"execute": "quit"}] * 100)
        for _ in range(100):
            expect.denied(client.reply())
    assert len(gateway.records(type="refused", command="quit")) < count / 2


@pytest.fixture
def fast_disk():
    """Memory: a sync there is over before one can look."""
    if not os.path.isdir("/dev/shm"):
        pytest.skip("no /dev/shm")
    path = tempfile.mkdtemp(prefix="qmpgate-e2e-", dir="/dev/shm")
    yield path
    shutil.rmtree(path)


def test_commands_keep_their_order_while_records_are_brought_to_disk(fast_disk, house):
    """Many at once, so that some are found durable while earlier ones still wait to be told."""
    names = [f"web{i}" for i in range(4)]
    gateway = house.gateway(house.fake(names=names), audit_file=fast_disk + "/audit.jsonl",
                            audit={"path": fast_disk + "/audit.jsonl", "sync": "data"}).start()
    clients = [gateway.client(name) for name in names for _ in range(2)]
    for _ in range(300):
        ids = [[client.request("query-status") for _ in range(5)] for client in clients]
        for client, expected in zip(clients, ids):
            for i in expected:
                assert "return" in client.reply(i)
