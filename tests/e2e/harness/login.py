"""The client's half of logins by SASL, in Python: a second implementation, and one that can misbehave."""

import base64
import hashlib
import hmac
import os


class Refused(Exception):
    """The gateway's error, as it was said."""


def encode(data):
    return base64.b64encode(data).decode()


def decode(text):
    return base64.b64decode(text)


def start(client, mechanism, data=None):
    arguments = {"mechanism": mechanism} if data is None else {"mechanism": mechanism, "data": encode(data)}
    return client.call("gateway-auth-start", arguments)


def step(client, data=None):
    return client.call("gateway-auth-step", {} if data is None else {"data": encode(data)})


def result(reply):
    if "error" in reply:
        raise Refused(reply["error"]["desc"])
    return reply["return"]


def plain(client, user, password, authzid=""):
    """RFC 4616."""
    return result(start(client, "PLAIN", f"{authzid}\0{user}\0{password}".encode()))


def external(client, authzid=""):
    """RFC 4422, appendix A."""
    return result(start(client, "EXTERNAL", authzid.encode()))


class Scram:
    """RFC 5802 with SHA-256, without channel binding."""

    def __init__(self, user, password, authzid=""):
        self.password = password.encode()
        self.header = f"n,{'a=' + authzid if authzid else ''},"
        self.bare = f"n={user},r={encode(os.urandom(18))}"

    def first(self):
        return (self.header + self.bare).encode()

    def final(self, server_first):
        said = dict(part.split("=", 1) for part in server_first.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(said["s"]), int(said["i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without = f"c={encode(self.header.encode())},r={said['r']}"
        message = f"{self.bare},{server_first.decode()},{without}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.verifier = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        return f"{without},p={encode(proof)}".encode()

    def is_proven(self, server_final):
        return server_final == b"v=" + encode(self.verifier).encode()


def scram(client, user, password, authzid=""):
    it = Scram(user, password, authzid)
    challenge = result(start(client, "SCRAM-SHA-256", it.first()))
    assert not challenge["complete"]
    done = result(step(client, it.final(base64.b64decode(challenge["data"]))))
    assert done["complete"] and it.is_proven(base64.b64decode(done["data"]))
    return done
