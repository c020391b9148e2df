"""Audit logs written by code of its own, by the words of qmpgate-audit(5): segments, seals, compressed files; and what
somebody who is not the gateway may do to them."""

import base64
import datetime
import hashlib
import json
import os
import struct
import subprocess

EPOCH = 1790000000  # 2026-09-21T14:13:20Z


class Key:
    """An Ed25519 key; openssl signs with it."""

    def __init__(self, place, name):
        self.secret, self.public = (os.path.join(place, f"{name}.{part}") for part in ("key", "pub"))
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", self.secret)
        self.openssl("pkey", "-in", self.secret, "-pubout", "-out", self.public)
        self.der = self.openssl("pkey", "-in", self.secret, "-pubout", "-outform", "DER")
        self.id = hashlib.sha256(self.der).hexdigest()

    def openssl(self, *words):
        return subprocess.run(["openssl", *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def sign(self, text):
        path = self.secret + ".text"
        with open(path, "wb") as f:
            f.write(text.encode())
        return self.openssl("pkeyutl", "-sign", "-inkey", self.secret, "-rawin", "-in", path)


def compact(members):
    return json.dumps(members, separators=(",", ":"))


def hashed(previous, text):
    """A line from its text up to the hash."""
    digest = hashlib.sha256(previous + text).digest()
    return text + b',"hash":"' + digest.hex().encode() + b'"}\n', digest


def parse(line):
    return json.loads(line)


def digest_of(line):
    return bytes.fromhex(line[-67:-3].decode())


def renumbered(lines, previous, first):
    """The lines with numbers and hashes computed anew, as somebody does who has no key."""
    out = []
    for seq, line in enumerate(lines, first):
        text = line[:-76]
        text = b'{"v":1,"seq":%d,' % seq + text.split(b",", 2)[2]
        line, previous = hashed(previous, text)
        out.append(line)
    return out


def zstd(text):
    return subprocess.run(["zstd", "-q", "-c"], input=text, check=True, stdout=subprocess.PIPE).stdout


def seekable(text, frame=4096):
    """Frames of whole lines, and the table of the seekable format."""
    packed, entries = b"", b""
    while text:
        end = len(text) if len(text) <= frame else text.rindex(b"\n", 0, frame) + 1
        one = zstd(text[:end])
        packed, entries = packed + one, entries + struct.pack("<II", len(one), end)
        text = text[end:]
    table = entries + struct.pack("<IBI", len(entries) // 8, 0, 0x8F92EAB1)
    return packed + struct.pack("<II", 0x184D2A5E, len(table)) + table


class Log:
    """One chain in a directory. What is written can be changed by `edit` before it is looked at."""

    def __init__(self, place, name="log", key=None, every=10, within=60, step=1.0):
        self.directory = os.path.join(place, name)
        os.mkdir(self.directory)
        self.path = os.path.join(self.directory, "audit.jsonl")
        self.key, self.every, self.within, self.step = key, every, within, step
        self.seq, self.digest, self.segment, self.us = 0, bytes(32), 0, EPOCH * 1000000
        self.lines = []  # of the active file
        self.exported = []  # seals, as they go elsewhere

    # --- records ---

    def time(self):
        when = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=self.us)
        return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def add(self, type, **members):
        self.seq += 1
        members = {name.replace("_", "-"): value for name, value in members.items()}
        text = compact({"v": 1, "seq": self.seq, "time": self.time(), "type": type, **members})[:-1].encode()
        line, self.digest = hashed(self.digest, text)
        self.lines.append(line)
        self.us += int(self.step * 1000000)
        return self.seq

    def begin(self, reason=None):
        self.segment += 1
        reason = reason or ("first" if self.seq == 0 else "rotated")
        self.add("segment", segment=self.segment, reason=reason, previous=self.digest.hex())

    def seal(self, reason="records", key=None, next_key=None, **changes):
        key = key or self.key
        body = {"time": self.time(), "type": "seal", "segment": self.segment, "reason": reason, "through": self.seq,
                "digest": self.digest.hex(), "every": self.every, "within": self.within, "key": key.id, **changes}
        if next_key:
            body["next-key"] = base64.b64encode(next_key.der).decode()
        signature = key.sign("qmpgate audit seal\n" + compact({"v": 1, **body}))
        body["signature"] = base64.b64encode(signature).decode()
        self.exported.append(compact({"v": 1, **body}))
        del body["time"], body["type"]
        self.seq += 1
        text = compact({"v": 1, "seq": self.seq, "time": self.time(), "type": "seal", **body})[:-1].encode()
        line, self.digest = hashed(self.digest, text)
        self.lines.append(line)

    def command(self, n, **members):
        who = {"connection": 1, "request": n, "vm": "web1", **members}
        self.add("intent", peer="192.0.2.1:50000", identity="x509:CN=alice,O=Example", command="query-status", **who)
        self.add("outcome", result="ok", command="query-status", latency_us=245, **who)

    def fill(self, n):
        """n commands, sealed as the key promises."""
        since = 0
        for i in range(n):
            self.command(i + 1)
            since += 2
            if self.key and since >= self.every - 2:
                self.seal()
                since = 0

    # --- files ---

    def write(self):
        with open(self.path, "wb") as f:
            f.write(b"".join(self.lines))
        return self.directory

    def closed(self, number=None, tail=""):
        return os.path.join(self.directory, f"audit.{number or self.segment:010}.jsonl{tail}")

    def rotate(self, compress=None):
        """Closes the segment; `compress`: None, or what makes it of its text."""
        text = b"".join(self.lines)
        with open(self.closed(tail=".zst" if compress else ""), "wb") as f:
            f.write(compress(text) if compress else text)
        self.lines = []
        end = self.segment
        self.begin()
        if self.key:
            self.segment = end
            through, digest = self.seq - 1, bytes.fromhex(parse(self.lines[0])["previous"])
            self.seal("rotated", through=through, digest=digest.hex())
            self.segment = end + 1

    def export(self, which=-1, name="seals"):
        path = os.path.join(os.path.dirname(self.directory), name)
        with open(path, "w") as f:
            f.write(self.exported[which] + "\n")
        return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


def edit(path, change):
    """change(list of lines) changes the list, or gives another one."""
    lines = read(path).splitlines(keepends=True)
    lines = change(lines) or lines
    with open(path, "wb") as f:
        f.write(b"".join(lines))
