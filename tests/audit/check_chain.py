#!/usr/bin/env python3
"""usage: check_chain.py LOG...

Checks logs by the words of qmpgate-audit(5) alone: a second implementation, that shares no
line with the first. Several logs are checked as one chain, in the order given.
"""
import hashlib
import json
import sys


def strict(pairs):
    members = dict(pairs)
    assert len(members) == len(pairs), "a name is there twice"
    return members


def check(data, seq, previous):
    assert data == b"" or data.endswith(b"\n"), "the last line is torn"
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        where = f"line {number}"
        assert line.isascii(), f"{where}: bytes that are not ASCII"
        record = json.loads(line, object_pairs_hook=strict)
        names = list(record)
        assert names[:4] == ["v", "seq", "time", "type"] and names[-1] == "hash", where
        assert record["v"] == 1, where
        if seq is None:
            assert record["type"] == "segment", f"{where}: does not say what it follows"
            assert record["seq"] > 1 or record["previous"] == "00" * 32, where
            seq, previous = record["seq"] - 1, bytes.fromhex(record["previous"])
        if record["type"] == "segment":
            assert bytes.fromhex(record["previous"]) == previous, f"{where}: follows something else"
        seq = (seq or 0) + 1
        assert record["seq"] == seq, f"{where}: has number {record['seq']}, {seq} is due"
        text, end = line[:-len(',"hash":"') - 64 - 2], line[-64 - 2:]
        digest = hashlib.sha256(previous + text).digest()
        assert end == digest.hex().encode() + b'"}', f"{where}: the hash does not match"
        previous = digest
    return seq, previous


def main():
    seq, previous = None, bytes(32)
    for path in sys.argv[1:]:
        with open(path, "rb") as log:
            seq, previous = check(log.read(), seq, previous)
        print(f"{path}: good up to number {seq or 0}")


if __name__ == "__main__":
    main()
