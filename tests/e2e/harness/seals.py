"""Keys for seals, and seals checked by the words of qmpgate-audit(5) and OpenSSL: nothing is shared with the daemon."""

import base64
import hashlib
import json
import os
import subprocess
import tempfile

from .audit import content

CUT = b',"signature":"'


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Key:
    def __init__(self, directory, name, algorithm="ed25519"):
        self.path = os.path.join(directory, name + ".pem")
        self.public = os.path.join(directory, name + "-pub.pem")
        with open(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600)):
            pass
        options = ("-pkeyopt", "ec_paramgen_curve:P-256") if algorithm == "EC" else ()
        openssl("genpkey", "-algorithm", algorithm, *options, "-out", self.path)
        openssl("pkey", "-in", self.path, "-pubout", "-out", self.public)
        der = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"], check=True,
                             stdout=subprocess.PIPE).stdout
        self.id = hashlib.sha256(der).hexdigest()
        self.der = base64.b64encode(der).decode()

    def signed(self, exported):
        """Did this key sign this seal (bytes of an exported one)?"""
        cut = exported.rindex(CUT)
        signature = base64.b64decode(exported[cut + len(CUT):].split(b'"')[0])
        with tempfile.TemporaryDirectory() as d:
            for name, data in (("text", b"qmpgate audit seal\n" + exported[:cut] + b"}"), ("signature", signature)):
                with open(os.path.join(d, name), "wb") as f:
                    f.write(data)
            return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", self.public, "-rawin",
                                   "-in", os.path.join(d, "text"), "-sigfile", os.path.join(d, "signature")],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def exported(line):
    """The seal that stands alone, of one that is a line of the log."""
    seq = b'"seq":%d,' % json.loads(line)["seq"]
    return line.replace(seq, b"", 1)[:line.rindex(b',"hash":"') - len(seq)] + b"}"


def check(paths, keys):
    """Every seal of the logs (oldest first): signed by one of the keys, over a record that is before it. Gives them."""
    hashes, segments, segment, seals = {}, {}, None, []
    for path in paths:
        for line in content(path).splitlines():
            record = json.loads(line)
            if record["type"] == "segment":
                segment = record["segment"]
            if record["type"] == "seal":
                key, = (k for k in keys if k.id == record["key"])
                assert key.signed(exported(line)), f"the signature of {record}"
                assert hashes[record["through"]] == record["digest"], record
                assert segments[record["through"]] == record["segment"], record
                seals.append(record)
            hashes[record["seq"]], segments[record["seq"]] = record["hash"], segment
    return seals
