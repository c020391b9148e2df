"""The power goes at any instant: with sync = "data", what reached a VM is in the log, and the log goes on.

QMPGATE_CUTS says at how many instants the disk is looked at; each makes a dozen images."""

import json
import os
import random
import shutil
import subprocess

import pytest

from harness import audit, wait
from harness.powercut import Disk, Power, write_image
from harness.process import freeze_and_wait
from harness.seals import Key
from harness.storm import Storm
from test_audit_crash import NAMES, Books, Tail, paths_in, storm_gateway, wait_until_read

CUTS = int(os.environ.get("QMPGATE_CUTS", "60"))


def intents_in(image):
    """What names the commands whose intents a reader of the log finds: in whole lines of files that are the log's."""
    found = set()
    for name, content in image.items():
        if name.endswith((".lock", ".next")) or ".torn." in name:
            continue
        if name.endswith(".zst"):
            done = subprocess.run(["zstd", "-dcq"], input=bytes(content), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            content = b"" if done.returncode else done.stdout  # not yet all of it: the plain one must be there
        for line in bytes(content).split(b"\n")[:-1]:
            if b'"type":"intent"' in line and line.startswith(b"{") and b"\0" not in line:
                found.add(named_in(json.loads(line)))
    return found


def named_in(record):
    """An intent's argument, or what audit_write was told, without its quotes."""
    return record.get("arguments", {}).get("path") or record.get("text", "").removeprefix('"path":"').rstrip('"')


def goes_on(build, directory, key):
    """The daemon's own writer starts on the image, adds a record, and what is there is one chain, sealed if there is a key."""
    log = os.path.join(directory, "audit.jsonl")
    done = subprocess.run([os.path.join(build, "tests", "audit", "audit_write"), log, "data", *([key.path] if key else [])],
                          input="after the cut\n",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=wait.TIMEOUT)
    assert done.returncode == 0 and done.stdout.endswith("ok: after the cut\n"), done.stdout
    if key:
        audit.judge(build, [directory], key)
    return [r for r in audit.verify(*audit.files(log)) if r["type"] != "seal"]


def check_cut(disk, build, place, start, key=None):
    images = list(disk.images())
    if key and CUTS <= 60:  # a start and a judgement each: some of them, unless more is asked for
        images = random.sample(images, min(4, len(images)))
    for choice, n, image in images:
        missing = set(disk.sent) - intents_in(image)
        assert not missing, f"{choice}, {n} names: reached a VM without an intent: {sorted(missing)[:5]}"
        if start:
            directory = os.path.join(place, "image")
            write_image(image, directory)
            try:
                records = goes_on(build, directory, key)
            except AssertionError as e:
                ends = {name: bytes(content[-300:]) for name, content in image.items()}
                raise AssertionError(f"{choice}, {n} names, an image that ends in {ends}: {e}") from e
            assert records[-2]["type"] == "intent" and records[-1]["type"] == "outcome"
            kept = {named_in(r) for r in records if r["type"] == "intent"}
            assert set(disk.sent) <= kept, "an intent was there before the start, and is not in the chain after it"
            shutil.rmtree(directory)


def run_with_power(house, build, place, during=lambda gateway, storm: None, **options):
    directory = os.path.join(place, "disk")
    os.mkdir(directory)
    power = Power(build, directory)
    fake = house.fake(names=NAMES)
    gateway = storm_gateway(house, fake, audit_file=directory + "/audit.jsonl")
    gateway.policy = gateway.policy.replace('"audit-tail", "audit-all"}', '"audit-tail", "audit-all", "audit-rotate"}')
    gateway.audit.update({"path": gateway.audit_file, "sync": "data", **options})
    gateway.env.update(power.env)
    gateway.start()
    storm = Storm(gateway.control, NAMES, "cut", clients=20)
    wait.until(lambda: storm.n_answered() > 300, "answers")
    during(gateway, storm)
    gateway.stop()
    storm.end()
    return power.read()


def look_at_cuts(ops, build, place, at_least=300, key=None):
    random.seed(7)
    disk, sent = Disk(), 0
    instants = set(random.sample(range(len(ops)), min(CUTS, len(ops))))
    # where it is most delicate: the beginning, and around names that change
    instants |= {i + d for i, op in enumerate(ops) if op[0] in ("create", "rename", "link", "unlink", "dirsynced") for d in (0, 1, 2)}
    for i, op in enumerate(ops):
        disk.take(op)
        if op[0] == "sent" and i not in instants:
            sent += 1
            if sent % 50 == 0:  # the first question only: cheap enough to ask it often
                check_cut(disk, build, place, start=False)
        if i in instants:
            check_cut(disk, build, place, start=True, key=key)
    assert len(disk.sent) > at_least


def test_no_image_of_the_disk_lacks_the_intent_of_what_reached_a_vm(house, build, place):
    ops = run_with_power(house, build, place)
    look_at_cuts(ops, build, place)


def test_segments_that_are_closed_meanwhile(build, place):
    """The writer alone, which says of each line when its command could go."""
    directory = os.path.join(place, "disk")
    os.mkdir(directory)
    power = Power(build, directory)
    for run in range(2):  # the second goes on in what the first left
        lines = [f'"path":"/storm-{run}-{i}"' if i % 7 else "rotate" for i in range(1, 20)]
        done = subprocess.run([os.path.join(build, "tests", "audit", "audit_write"), directory + "/audit.jsonl", "data"],
                              input="\n".join(lines), stdout=subprocess.PIPE, text=True, timeout=wait.TIMEOUT,
                              env={**os.environ, **power.env})
        assert done.stdout.count("ok: ") == sum(line != "rotate" for line in lines), done.stdout
    look_at_cuts(power.read(), build, place, at_least=25)


def test_segments_that_are_sealed_and_compressed_meanwhile(house, build, place):
    """Each image is judged as an auditor would with the key at hand."""
    key = Key(place, "seal")

    def rotate(gateway, storm):
        admin = gateway.connect().ready()
        for n in (1, 2):
            admin.result("gateway-audit-rotate")
            done = storm.n_answered() + 50
            wait.until(lambda: os.path.exists(f"{place}/disk/audit.{n:010}.jsonl.zst"), "a compressed segment",
                       timeout=wait.TIMEOUT * 4)  # by a thread that takes what others leave
            wait.until(lambda: storm.n_answered() > done, "answers")
    ops = run_with_power(house, build, place, rotate, seal_key=key.path, seal_records=100, seal_seconds=86400,
                         compress="zstd")
    assert sum(op[0] == "unlink" and op[1].endswith(".jsonl") for op in ops) >= 2, "compressed ones take the plain ones' place"
    look_at_cuts(ops, build, place, key=key)


def test_these_questions_tell_a_log_that_is_not_synced(house, build, place):
    """With "write" a record is not on disk before its command leaves: the images must show it."""
    ops = run_with_power(house, build, place, sync="write")
    with pytest.raises(AssertionError, match="without an intent"):
        look_at_cuts(ops, build, place)


def test_a_file_system_that_loses_its_power(disks, house):
    """Not a model: an ext4 whose disk had got so much and no more."""
    disk = disks(megabytes=32)
    fake = house.fake(names=NAMES)
    gateway = storm_gateway(house, fake, audit_file=disk.path + "/audit.jsonl")
    gateway.audit.update(path=gateway.audit_file, sync="data")
    received, tail, books = set(), Tail(), Books()
    for n in range(max(3, CUTS // 20)):
        gateway.start()
        storm = Storm(gateway.control, NAMES, f"ext4-{n}")
        wait.until(lambda: storm.n_answered() > 300, "answers")
        freeze_and_wait(gateway.pid)
        disk.cut_power()
        gateway.crash()
        storm.end()
        wait_until_read(fake.sockets.values())
        disk.come_back()
        received |= paths_in(tail.lines(fake.record))
        gateway.start()
        gateway.stop()
        books.add(tail.lines(gateway.audit_file))
        assert received <= books.paths.keys(), f"reached a VM without an intent: {received - books.paths.keys()}"
    assert len(received) > 300
