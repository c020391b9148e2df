#!/usr/bin/env python3
"""Does the time of a refused login tell why it was refused?

Logs in with a wrong password, as a user that does not exist, as one whose password was taken away and as one of another
realm, in turns, through a real daemon: by SCRAM-SHA-256 and PLAIN with a sasldb, and by PLAIN with a saslauthd whose
directory takes 30 ms longer about users that it does not know. Prints quantiles of the time from the client's last message
to its answer, and the Kolmogorov-Smirnov distance of each to those of the wrong password, beside the distance that two
samples of one distribution exceed once in a hundred times."""

import argparse
import base64
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import alike  # noqa: E402
from harness import login  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.pki import Pki  # noqa: E402
from harness.sasl import REALM, Sasldb, Saslauthd  # noqa: E402

WHO = {"wrong password": "alice", "no such user": "mallory", "disabled user": "carol", "another realm": "alice@elsewhere.org"}


def refused(client, mechanism, user):
    """Milliseconds from the last message to its answer."""
    if mechanism == "PLAIN":
        since = time.perf_counter()
        reply = login.start(client, "PLAIN", f"\0{user}\0wrong".encode())
    else:
        it = login.Scram(user, "wrong")
        challenge = login.result(login.start(client, mechanism, it.first()))
        final = it.final(base64.b64decode(challenge["data"]))
        since = time.perf_counter()
        reply = login.step(client, final)
    took = (time.perf_counter() - since) * 1e3
    assert reply["error"]["desc"] == "authentication failed", reply
    return took


def sample(gateway, admin, mechanism, count):
    times = {who: [] for who in WHO}
    for _ in range(count):
        for who, user in WHO.items():
            with gateway.connect(None, None).greet() as client:
                times[who].append(refused(client, mechanism, user))
        admin.result("gateway-login-release")
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="logins of each kind (default: 100)")
    parser.add_argument("--delay", type=int, default=100, help="login_delay_milliseconds (default: 100)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qmpgate-times-") as place:
        pki = Pki.make(os.path.join(place, "pki"))
        db = Sasldb(place, alice="right", carol="right")
        db.disable("carol")
        accounts = Saslauthd(place, alice="right").start()
        accounts.accounts.pause = 0.03
        for title, mechanism, section in (("SCRAM-SHA-256, sasldb", "SCRAM-SHA-256", ""), ("PLAIN, sasldb", "PLAIN", ""),
                                          ("PLAIN, saslauthd", "PLAIN",
                                           f'pwcheck = "saslauthd" saslauthd = "{accounts.socket}"')):
            gateway = Gateway(os.environ["QMPGATE_BUILD"], place, pki)
            gateway.policy += 'grant "r" { to = {"x509:CN=admin,O=Example"} admin = {"login-release"} }\n'
            gateway.listeners["public"].update({"client_cert": "optional", "sasl": [mechanism]})
            gateway.limits["login_delay_milliseconds"] = options.delay
            gateway.extra = f'sasl {{ realm = "{REALM}" db = "{db.path}" {section} }}\n'
            gateway.start()
            admin = gateway.connect(None, "admin").greet().negotiate()
            alike.table(title, "ms", sample(gateway, admin, mechanism, options.count))
            gateway.stop()
            os.unlink(gateway.audit_file)
        accounts.stop()


main()
