#!/usr/bin/env python3
"""Does the time of a refused gateway-attach tell whether the VM is there?

Asks a real daemon, in one connection, for VMs that are not there and for such as are there and not to be seen, by name and by
UUID, each time in another order. Prints quantiles of the time to the answer, and the Kolmogorov-Smirnov distance of each to
those of the VM that is not there, beside the distance that two samples of one distribution exceed once in a hundred times."""

import argparse
import os
import random
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import alike  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.pki import Pki  # noqa: E402


def refused(client, vm):
    """Microseconds to the answer."""
    since = time.perf_counter()
    reply = client.call("gateway-attach", vm=vm)
    took = (time.perf_counter() - since) * 1e6
    assert reply["error"]["desc"] == "no such VM, or no permission to see it", reply
    return took


def sample(client, kinds, count):
    """kinds: {what: how VMs are asked for}. The first tenth is to warm up."""
    times = {what: [] for what in kinds}
    for i in range(-count // 10, count):
        for what in random.sample(list(kinds), len(kinds)):
            took = refused(client, random.choice(kinds[what]))
            if i >= 0:
                times[what].append(took)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10000, help="of each kind (default: 10000)")
    parser.add_argument("--vms", type=int, default=1000, help="VMs that are there (default: 1000)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qmpgate-times-") as place:
        gateway = Gateway(os.environ["QMPGATE_BUILD"], place, Pki.make(os.path.join(place, "pki")))
        names = {first: [f"{first}{i:05d}" for i in range(options.vms)] for first in ("db", "eb")}
        uuids = {first: [str(uuid.uuid4()) for _ in names[first]] for first in names}
        for name, its_uuid in zip(names["db"], uuids["db"]):  # nobody listens there: nobody gets so far
            gateway.vms[name] = {"socket": f"{place}/{name}.qmp", "uuid": its_uuid}
        gateway.start()
        client = gateway.connect(None, "viewer").ready()
        for how, asked in (("name", names), ("UUID", uuids)):
            kinds = {"not there": asked["eb"], "not there, once more": asked["eb"], "not to be seen": asked["db"]}
            alike.table(f"by {how}", "µs", sample(client, kinds, options.count))
        client.close()
        gateway.stop()


main()
