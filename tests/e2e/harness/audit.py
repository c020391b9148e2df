"""The audit log read and its hash chain walked by code of its own: it shares nothing with the daemon's."""

import glob
import hashlib
import json
import os
import subprocess

HASH_MARK = b',"hash":"'


class Broken(AssertionError):
    """The chain does not hold."""


def content(path):
    """Of a file of the log, compressed or not, or compressed since: the zstd of Debian reads it."""
    if not path.endswith(".zst"):
        try:
            with open(path, "rb") as f:
                return f.read()
        except FileNotFoundError:
            path += ".zst"
    return subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout


def size(path):
    """Of a file that may be compressed meanwhile."""
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return os.path.getsize(path + ".zst") if os.path.exists(path + ".zst") else 0


def read(path):
    """All records, oldest first; a line that is just being written is not there yet."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as f:
        return [json.loads(line) for line in f.read().split(b"\n")[:-1]]


def verify(*paths):
    """Walks the chain through the files, oldest first, and returns the records."""
    previous, sequence, records = None, None, []
    for path in paths:
        data = content(path)
        if data and not data.endswith(b"\n"):
            raise Broken(f"{path}: the last line is torn")
        for line in data.splitlines():
            record = json.loads(line)
            cut = line.rindex(HASH_MARK)
            if previous is None:
                previous = bytes.fromhex(record["previous"]) if "previous" in record else bytes(32)
                sequence = record["seq"]
            if record["seq"] != sequence:
                raise Broken(f"{path}: record {record['seq']} where {sequence} was due")
            digest = hashlib.sha256(previous + line[:cut]).hexdigest()
            if digest != record["hash"]:
                raise Broken(f"{path}: record {record['seq']} does not follow from the one before")
            previous, sequence = bytes.fromhex(digest), sequence + 1
            records.append(record)
    return records


def judge(build, paths, *keys):
    """What `qmpgate audit verify` says of the files: it must say that they are good."""
    words = [word for key in keys for word in ("--key", key.public)]
    done = subprocess.run([os.path.join(build, "cli", "qmpgate"), "audit", "verify", "--json", "--partial", *words, *paths],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def parse(line):
    return json.loads(line)


def follow(chain, lines):
    """Goes on from what it gave for the lines before (None: from the beginning)."""
    for line in lines:
        record = json.loads(line)
        cut = line.rindex(HASH_MARK)
        if chain is None:
            chain = record["seq"] - 1, bytes.fromhex(record["previous"]) if "previous" in record else bytes(32)
        if record["seq"] != chain[0] + 1:
            raise Broken(f"record {record['seq']} where {chain[0] + 1} was due")
        digest = hashlib.sha256(chain[1] + line[:cut])
        if digest.hexdigest() != record["hash"]:
            raise Broken(f"record {record['seq']} does not follow from the one before")
        chain = record["seq"], digest.digest()
    return chain


def files(path):
    """The log and what it was rotated to, and goes on in, oldest first: by the number of the first record."""
    names = [p for p in glob.glob(path.removesuffix(".jsonl") + ".*")
             if not p.endswith(".lock") and ".torn." not in p]
    names = [p for p in names if size(p)]
    names = [p for p in names if not (p.endswith(".zst") and p[:-4] in names)]
    return sorted(names, key=lambda name: json.loads(content(name).split(b"\n", 1)[0])["seq"])
