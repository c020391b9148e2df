"""Segments of the audit log: closed, compressed, removed; and when that cannot be done, nothing is lost or refused."""

import glob
import os
import random
import shutil
import subprocess
import time

import pytest

from harness import audit, expect, wait
from harness.gateway import user_name
from harness.seals import Key
from harness.storm import Storm


def closed(gateway, number, suffix=""):
    return gateway.audit_file.removesuffix(".jsonl") + f".{number:010}.jsonl{suffix}"


def stats(client):
    return client.result("gateway-stats")["audit"]


@pytest.fixture
def made(house):
    """Not started. Whoever logs in as admin may rotate."""
    gateway = house.gateway(house.fake())
    gateway.policy = gateway.policy.replace('"audit-tail", "audit-all"}', '"audit-tail", "audit-all", "audit-rotate"}')
    return gateway


@pytest.fixture
def plain(made):
    made.audit["compress"] = "none"
    return made


# --- gateway-audit-rotate

def test_without_a_grant_nobody_rotates(house):
    gateway = house.gateway(house.fake()).start()
    for cert in ("admin", "operator", "viewer"):
        expect.denied(gateway.client("web1", cert).call("gateway-audit-rotate"))
        expect.denied(gateway.connect(cert=cert).ready().call("gateway-audit-rotate"))
    assert not os.path.exists(closed(gateway, 1))


def test_arguments_of_a_rotation_are_refused(made):
    made.start().connect().ready().error("gateway-audit-rotate", segment=5)
    assert not glob.glob(closed(made, 1, "*"))


def test_an_administrator_closes_a_segment(plain):
    plain.start()
    client = plain.client("web1")
    client.result("query-name")
    assert client.result("gateway-audit-rotate") == {"segment": 2}
    client.result("query-name")
    first = audit.read(closed(plain, 1))
    assert first[0]["type"] == "segment" and first[0]["segment"] == 1 and first[0]["reason"] == "first"
    second = audit.read(plain.audit_file)
    assert second[0]["reason"] == "rotated" and second[0]["previous"] == first[-1]["hash"]
    assert second[0]["seq"] == first[-1]["seq"] + 1
    figures = wait.until(lambda: (s := stats(client))["segments"] == 2 and s, "figures")
    assert figures["segment"] == 2 and figures["oldest-segment"] == 1 and figures["disk-bytes"] > 1000
    assert figures["rotations"] == 1 and figures["rotation-failures"] == 0


def test_commands_go_on_while_segments_are_closed(made):
    made.start()
    clients = [made.client("web1") for _ in range(4)]
    admin = made.connect().ready()
    for client in clients:
        client.send(*[{"execute": "query-name", "id": i} for i in range(200)])
    for _ in range(5):
        admin.result("gateway-audit-rotate")
    for client in clients:
        for _ in range(200):
            assert "return" in client.reply()
    made.stop()
    records = audit.verify(*audit.files(made.audit_file))
    assert [r["segment"] for r in records if r["type"] == "segment"][:2] == [1, 2]
    assert sum(r["type"] == "intent" and r["command"] == "query-name" for r in records) == 800


def test_a_segment_is_closed_at_its_size(plain):
    plain.audit["segment_megabytes"] = 1
    plain.start()
    client = plain.client("web1")
    while not os.path.exists(closed(plain, 1)):
        client.send(*[{"execute": "query-name", "id": i} for i in range(200)])
        for _ in range(200):
            client.reply()
    assert os.path.getsize(closed(plain, 1)) >= 1 << 20


# --- what goes wrong

def rotation_fails(client, words):
    reply = client.error("gateway-audit-rotate")
    assert words in reply["desc"]
    assert stats(client)["rotation-failures"] > 0 and stats(client)["failing"] is False
    client.result("query-name")


def test_a_file_that_cannot_be_made_leaves_the_old_one_in_use(plain):
    plain.start()
    client = plain.client("web1")
    os.mkdir(plain.audit_file + ".next")
    rotation_fails(client, "audit.jsonl.next")
    plain.wait_log("which could not be closed")
    os.rmdir(plain.audit_file + ".next")
    client.result("gateway-audit-rotate")
    assert "rotation-error" not in stats(client)


def test_planted_links_are_not_followed(plain, place):
    target = place + "/precious"
    with open(target, "w") as f:
        f.write("precious")
    plain.start()
    client = plain.client("web1")
    for link in (plain.audit_file + ".next", closed(plain, 1), closed(plain, 2)):
        os.symlink(target, link)
    client.result("gateway-audit-rotate")
    client.result("query-name")
    client.result("gateway-audit-rotate")
    with open(target) as f:
        assert f.read() == "precious"
    assert os.path.exists(closed(plain, 1)[:-len(".jsonl")] + ".1.jsonl")
    for link in (closed(plain, 1), closed(plain, 2)):
        os.unlink(link)


def test_a_full_descriptor_table_leaves_the_old_file_in_use(plain):
    import resource
    plain.start()
    client = plain.client("web1")
    client.result("query-name")
    resource.prlimit(plain.pid, resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    rotation_fails(client, "Too many open files")
    resource.prlimit(plain.pid, resource.RLIMIT_NOFILE, (1000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    client.result("gateway-audit-rotate")


def test_a_removed_directory_refuses_and_recovers(made):
    directory = os.path.dirname(made.audit_file) + "/log"
    os.mkdir(directory)
    made.audit_file = made.audit["path"] = directory + "/audit.jsonl"
    made.check_audit = False
    made.start()
    client = made.client("web1")
    client.result("gateway-audit-rotate")
    shutil.rmtree(directory)
    expect.error(client.call("query-name"), "GenericError", "audit")
    assert "error" in client.call("gateway-audit-rotate")
    os.mkdir(directory)
    wait.until(lambda: "return" in client.call("query-name"), "a log that works again")
    client.result("gateway-audit-rotate")


@pytest.mark.parametrize("way", ["create", "copytruncate"])
def test_logrotate_still_works(plain, way):
    plain.start()
    client = plain.client("web1")
    client.result("query-name")
    if way == "create":
        os.rename(plain.audit_file, plain.audit_file + ".1")
        with open(os.open(plain.audit_file, os.O_CREAT | os.O_WRONLY, 0o640)):
            pass
        plain.hang_up()
        client.result("query-name")
        assert audit.read(plain.audit_file)[0]["reason"] == "rotated"
        client.result("gateway-audit-rotate")
        assert audit.read(closed(plain, 2))[0]["reason"] == "rotated"
        return
    plain.check_audit = False
    shutil.copy(plain.audit_file, plain.audit_file + ".1")
    os.truncate(plain.audit_file, 0)
    expect.error(client.call("query-name"), "GenericError", "changed by somebody else")
    client.result("query-name")
    assert audit.read(plain.audit_file)[0]["reason"] == "changed"


# --- compression and retention

def test_closed_segments_are_compressed_and_read_by_everybody(made):
    made.start()
    client = made.client("web1")
    for _ in range(50):
        client.result("query-name")
    client.result("gateway-audit-rotate")
    wait.until(lambda: os.path.exists(closed(made, 1, ".zst")) and not os.path.exists(closed(made, 1)), "compression")
    assert os.stat(closed(made, 1, ".zst")).st_mode & 0o777 == 0o640
    made.stop()
    assert len(audit.verify(*audit.files(made.audit_file))) > 100


def test_a_compression_that_fails_is_told_and_done_later(made):
    made.start()
    client = made.client("web1")
    os.mkdir(closed(made, 1, ".zst"))
    client.result("gateway-audit-rotate")
    made.wait_log("cannot be looked after")
    assert "upkeep-error" in wait.until(lambda: (s := stats(client))["upkeep-failures"] and s, "a failure")
    client.result("query-name")
    os.rmdir(closed(made, 1, ".zst"))
    client.result("gateway-audit-rotate")
    wait.until(lambda: os.path.exists(closed(made, 1, ".zst")), "compression")


def test_old_segments_go_and_what_is_not_sealed_stays(plain, place):
    key = Key(place, "seal")
    plain.audit.update(seal_key=key.path, keep_megabytes=1)
    plain.start()
    client = plain.client("web1")
    for _ in range(6):
        client.send(*[{"execute": "query-name", "id": i} for i in range(600)])
        for _ in range(600):
            client.reply()
        client.result("gateway-audit-rotate")
    # a segment goes in the round after its end was sealed: that is asked for by the next rotation
    def gone():
        client.result("query-name")
        client.result("gateway-audit-rotate")
        return not os.path.exists(closed(plain, 1))
    wait.until(gone, "removal")
    def told():
        figures = stats(client)
        return figures["oldest-segment"] > 1 and figures["disk-bytes"] < 3 << 20
    wait.until(told, "the round's figures")
    plain.stop()


# --- kills

@pytest.mark.parametrize("sync", ["write", "data"])
def test_a_kill_at_any_step_leaves_a_log_that_verifies(made, build, place, sync):
    """Segments are closed, sealed and compressed all the time, while clients work."""
    key = Key(place, "seal")
    made.audit.update(sync=sync, segment_megabytes=1, seal_key=key.path, seal_records=50)
    made.add_control()
    made.policy = made.policy.replace('"x509:CN=admin,O=Example"', f'"x509:CN=admin,O=Example", "unix:{user_name()}"')
    for n in range(int(os.environ.get("QMPGATE_KILLS", "16")) // 2):
        made.start()
        storm = Storm(made.control, ["web1"], n, clients=10)
        admin = made.local().ready()
        until = time.monotonic() + random.random() * 0.5
        while time.monotonic() < until:
            admin.result("gateway-audit-rotate")
        made.crash()
        storm.end()
    made.start()
    made.stop()
    audit.verify(*audit.files(made.audit_file))
    done = subprocess.run([os.path.join(build, "cli", "qmpgate"), "audit", "verify", os.path.dirname(made.audit_file),
                           "--key", key.public], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
