#!/usr/bin/env python3
"""Logs in by SCRAM-SHA-256, again and again, so many times a minute, until its standard input ends.

The salted password is reckoned once: what a login costs is the gateway's affair, not this program's."""

import base64
import functools
import hashlib
import hmac
import json
import os
import select
import socket
import ssl
import sys
import time


@functools.lru_cache
def salted(password, salt, rounds):
    return hashlib.pbkdf2_hmac("sha256", password, salt, rounds)


def encode(data):
    return base64.b64encode(data).decode()


def ask(file, sock, command, **arguments):
    sock.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
    reply = json.loads(file.readline())
    if "error" in reply:
        sys.exit(f"{command}: {reply['error']['desc']}")
    return reply["return"]


def log_in(sock, user, password):
    file = sock.makefile("rb")
    file.readline()
    bare = f"n={user},r={encode(os.urandom(18))}"
    first = ask(file, sock, "gateway-auth-start", mechanism="SCRAM-SHA-256", data=encode(f"n,,{bare}".encode()))
    challenge = base64.b64decode(first["data"]).decode()
    said = dict(part.split("=", 1) for part in challenge.split(","))
    key = salted(password.encode(), base64.b64decode(said["s"]), int(said["i"]))
    client_key = hmac.digest(key, b"Client Key", "sha256")
    without = f"c=biws,r={said['r']}"
    signature = hmac.digest(hashlib.sha256(client_key).digest(), f"{bare},{challenge},{without}".encode(), "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    ask(file, sock, "gateway-auth-step", data=encode(f"{without},p={encode(proof)}".encode()))


def main():
    port, ca, user, password, a_minute = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], float(sys.argv[5])
    context = ssl.create_default_context(cafile=ca)
    done, begin = 0, time.monotonic()
    while True:
        wait = begin + done * 60 / a_minute - time.monotonic()
        if select.select([sys.stdin], [], [], max(0, wait))[0]:
            break
        with socket.create_connection(("127.0.0.1", port)) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as sock:
            log_in(sock, user, password)
        done += 1
    print(json.dumps({"logins": done, "a_minute": done / (time.monotonic() - begin) * 60}))


main()
