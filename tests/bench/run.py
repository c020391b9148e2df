#!/usr/bin/env python3
"""Measures the gateway beside its peers, in one run.

Each scenario is run in rounds; in each round every peer has its turn, so that whatever the machine does meanwhile
meets them all. Figures are medians over the rounds; a ratio is the median of each round's own ratio (paired).
Server processes have one CPU to themselves, the same for each; the load and what stands behind have another.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

import peers
from peers import (FAST_DISK, OWN_DISK, Direct, FakeBackends, Gateway, GatewayAlone, GatewayBigPolicy, GatewaySmallPolicy,
                   GatewaySyncData, GatewaySyncDataMemory, GatewaySyncDataOwn, GatewaySyncWrite, GatewaySyncWriteMemory,
                   GatewaySyncWriteOwn, GatewayWithLogins, Haproxy, QemuBackends, Stunnel, sync_us)

BEGIN, END = "<!-- begin: make bench -->", "<!-- end: make bench -->"


# --- running the load ----------------------------------------------------------------------------------

class Load:
    def __init__(self, options):
        self.options = options
        self.binary = os.path.join(os.environ["QMPGATE_BUILD"], "tests", "bench", "load")

    def spawn(self, mode, peer, *more):
        return peers.spawn([self.binary, mode, *peer.load_arguments(), *(str(m) for m in more)],
                           self.options.load_cpus, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, mode, peer, *more):
        """The load's own figures, and the server's CPU time for each thing done."""
        child = self.spawn(mode, peer, "--seconds", self.options.seconds, *more)
        clock = {}
        for line in child.stdout:
            if line.strip() in ("begin", "end"):
                clock[line.strip()] = peers.cpu_seconds(peer.process.pid) if peer.process else 0
            else:
                result = json.loads(line)
        child.stdin.close()
        if child.wait() != 0:
            sys.exit(f"the load on {peer.name} failed")
        spent = clock["end"] - clock["begin"]
        result["cpu_us"] = spent * 1e6 / result["done"] if peer.process and result["done"] else None
        return result

    def idle_bytes(self, peer, clients, vms):
        """Resident memory that a client costs that is attached and does nothing."""
        with_one = self.spawn("idle", peer, "--clients", 1, "--vms", 1)  # what is made once is not a client's
        assert with_one.stdout.readline() == "idle\n"
        before = peers.resident_bytes(peer.process.pid)
        child = self.spawn("idle", peer, "--clients", clients, "--vms", vms)
        if child.stdout.readline() != "idle\n":
            sys.exit(f"{peer.name} does not serve {clients} idle clients")
        after = peers.resident_bytes(peer.process.pid)
        for c in (child, with_one):
            c.communicate()
        return (after - before) / clients


# --- scenarios -----------------------------------------------------------------------------------------

class Scenario:
    """A table: a row a peer; `goal` is what the ratio to the peer `against` should be; `also` has more such goals,
    (figure, better, goal)."""

    def __init__(self, title, figure, better, goal=None, against=Haproxy, gateway=Gateway, also=()):
        self.title, self.figure = title, figure
        self.goals = [(figure, better, goal), *also]
        self.against, self.gateway = against, gateway
        self.rows = {}

    def add(self, peer, result):
        self.rows.setdefault(type(peer), []).append(result)

    def ratios(self, kind, figure=None):
        figure = figure or self.figure
        base = self.rows.get(self.against)
        if not base or kind not in self.rows:
            return None
        return statistics.median(r[figure] / b[figure] for r, b in zip(self.rows[kind], base) if b[figure])

    def table(self):
        lines = [f"### {self.title}", ""]
        columns = [c for c in COLUMNS if any(r.get(c) is not None for rs in self.rows.values() for r in rs)]
        head = ["", *(COLUMNS[c][0] for c in columns), f"{COLUMNS[self.figure][0]}: ratio to {self.against.name}"]
        lines += ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
        for kind, results in self.rows.items():
            cells = []
            for c in columns:
                values = [r[c] for r in results if r.get(c) is not None]
                cells.append(COLUMNS[c][1](statistics.median(values)) if values else "-")
            ratio = self.ratios(kind)
            lines.append("| " + " | ".join([kind.name, *cells, f"{ratio:.2f}" if ratio else "-"]) + " |")
        lines += ["", *self.verdict(), ""]
        return lines

    def verdict(self):
        lines = []
        for figure, better, goal in self.goals:
            ratio = self.ratios(self.gateway, figure)
            if goal is None or ratio is None:
                continue
            met = ratio >= goal if better == "more" else ratio <= goal
            word = "at least" if better == "more" else "at most"
            what = f"{COLUMNS[figure][0]}, " if len(self.goals) > 1 else ""
            lines.append(f"Goal: {what}{word} {goal:g} of {self.against.name}. Measured: {ratio:.2f}, "
                         f"{'met' if met else '**missed**'}.")
        return lines


COLUMNS = {
    "rate": ("a second", lambda v: f"{v:,.0f}"),
    "p50_us": ("p50 µs", lambda v: f"{v:,.1f}"),
    "p99_us": ("p99 µs", lambda v: f"{v:,.0f}"),
    "cpu_us": ("server's CPU µs each", lambda v: f"{v:,.1f}"),
    "idle_bytes": ("bytes a client", lambda v: f"{v:,.0f}"),
    "clients": ("clients", lambda v: f"{v:,.0f}"),
}


class Bench:
    def __init__(self, options):
        self.options = options
        self.load = Load(options)
        self.place = tempfile.mkdtemp(prefix="qmpgate-bench-")
        self.pki = peers.Pki(os.path.join(self.place, "pki"))
        self.scenarios = []
        self.notes = []
        self.tls = set()

    def kinds(self, *kinds):
        """Those of the peers that are there."""
        present = []
        for kind in kinds:
            why = getattr(kind, "missing", lambda: None)()
            if why is None:
                present.append(kind)
            elif why not in self.notes:
                self.notes.append(why)
                print(f"left out: {why}", file=sys.stderr)
        return present

    def backends(self, count, real=False):
        directory = tempfile.mkdtemp(dir=self.place)
        if real:
            return QemuBackends(directory, self.options.load_cpus | self.options.server_cpus)
        return FakeBackends(os.environ["QMPGATE_BUILD"], directory, count, self.options.load_cpus)

    def rounds(self, scenario, kinds, backends, mode, *arguments):
        """Each peer stays up over all rounds; its turns lie between the others'."""
        running = [kind(backends, self.pki, self.options.server_cpus) for kind in kinds]
        for n in range(self.options.rounds):
            for peer in running if n % 2 == 0 else reversed(running):
                with peer.turn():
                    result = self.load.measure(mode, peer, *arguments)
                if result["tls"]:
                    self.tls.add(result["tls"])
                scenario.add(peer, result)
                print(f"{scenario.title}: {peer.name}: {result}", file=sys.stderr)
        for peer in running:
            peer.stop()
        self.scenarios.append(scenario)

    # --- the scenarios of the goals

    def real_latency(self):
        backends = self.backends(1, real=True)
        scenario = Scenario("Real QEMU, one client, depth 1, ids of ten digits", "p50_us", "less", 1)
        self.rounds(scenario, self.kinds(Direct, Haproxy, Stunnel, Gateway), backends, "commands",
                    "--clients", 1, "--id-digits", 10)
        backends.stop()

    def fake_throughput(self, depth, goal):
        backends = self.backends(10)
        scenario = Scenario(f"Fake monitors, 50 clients on 10 VMs, depth {depth}", "rate", "more", goal)
        self.rounds(scenario, self.kinds(Direct, Haproxy, Stunnel, Gateway), backends, "commands",
                    "--clients", 50, "--vms", 10, "--depth", depth)
        backends.stop()

    def handshakes(self):
        backends = self.backends(1)
        scenario = Scenario("Full handshakes, ECDSA P-256 on both sides, 16 at a time", "rate", "more", 1.3)
        self.rounds(scenario, self.kinds(Haproxy, Stunnel, Gateway), backends, "handshakes", "--clients", 16)
        backends.stop()

    def idle_memory(self):
        scenario = Scenario("Idle clients, attached and negotiated", "idle_bytes", "less", 0.5)
        for kind in self.kinds(Haproxy, Stunnel, Gateway):
            # a proxy has two descriptors a client; stunnel has a thread a client
            most = {Stunnel: 1000, Haproxy: peers.descriptors() // 2 - 200}
            clients = min(self.options.idle_clients, most.get(kind, self.options.idle_clients))
            backends = self.backends(10)
            peer = kind(backends, self.pki, self.options.server_cpus)
            result = {"idle_bytes": self.load.idle_bytes(peer, clients, 10), "clients": clients}
            print(f"{scenario.title}: {peer.name}: {result}", file=sys.stderr)
            scenario.add(peer, result)
            peer.stop()
            backends.stop()
        self.scenarios.append(scenario)

    def big_policy(self):
        kinds = self.kinds(GatewaySmallPolicy, GatewayBigPolicy)
        if len(kinds) < 2:
            return
        backends = self.backends(10)
        scenario = Scenario("A big policy, fake monitors, 50 clients on 10 VMs, depth 1", "rate", "more", 0.97,
                            against=GatewaySmallPolicy, gateway=GatewayBigPolicy)
        self.rounds(scenario, kinds, backends, "commands", "--clients", 50, "--vms", 10)
        backends.stop()

    def logins(self):
        kinds = self.kinds(GatewayAlone, GatewayWithLogins)
        if len(kinds) < 2:
            return
        backends = self.backends(4)
        scenario = Scenario("1,000 logins a minute by one peer (SCRAM-SHA-256), beside 4 clients on 4 fake monitors, depth 1",
                            "p50_us", "less", 1.05, against=GatewayAlone, gateway=GatewayWithLogins,
                            also=[("p99_us", "less", 1.5)])
        self.rounds(scenario, kinds, backends, "commands", "--clients", 4, "--vms", 4)
        backends.stop()

    def synced(self, title, write, data):
        """What a command costs with a log that is on disk before it leaves; `title` is a function: a disk is measured idle."""
        kinds = self.kinds(write, data)
        if len(kinds) < 2:
            return
        backends = self.backends(10)
        self.rounds(Scenario(title(), "p50_us", "less", 1.5, against=write, gateway=data), kinds, backends, "commands",
                    "--clients", 50, "--vms", 10)
        backends.stop()

    def sync(self):
        self.synced(lambda: "A log that is on disk before a command leaves, 50 clients on 10 fake monitors, depth 1, a disk whose "
                    f"fdatasync takes {sync_us(FAST_DISK.path):.0f} µs (p50, idle)", GatewaySyncWrite, GatewaySyncData)

    def sync_own(self):
        self.synced(lambda: "The same with a log on this machine's own disk, whose fdatasync takes "
                    f"{sync_us(OWN_DISK.make()):.0f} µs (p50, idle)", GatewaySyncWriteOwn, GatewaySyncDataOwn)

    def sync_steady(self):
        self.synced(lambda: "The same with a log in memory, each sync of which takes 300 µs (as long as the goal allows)",
                    GatewaySyncWriteMemory, GatewaySyncDataMemory)

    ALL = {
        "latency": real_latency,
        "depth1": lambda self: self.fake_throughput(1, 1),
        "depth8": lambda self: self.fake_throughput(8, 0.6),
        "handshakes": handshakes,
        "idle": idle_memory,
        "policy": big_policy,
        "logins": logins,
        "sync": sync,
        "disk": sync_own,
        "steady": sync_steady,
    }

    # --- the report

    def machine(self):
        with open("/proc/cpuinfo") as f:
            model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())
        qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
        versions = [f"{kind.name} {kind.version()}" for kind in (Haproxy, Stunnel, Gateway) if not kind.missing()]
        return [f"- {model}, {os.cpu_count()} CPUs, Linux {platform.release()}",
                f"- {qemu}; " + ", ".join(versions),
                f"- server processes on CPU {cpu_list(self.options.server_cpus)}, load and fake monitors on CPU "
                f"{cpu_list(self.options.load_cpus)}, QEMU on both; threads: "
                + ", ".join(f"{k.name} {k.threads}" for k in (Haproxy, Stunnel, Gateway) if not k.missing()),
                "- TLS: " + ("; ".join(sorted(self.tls)) or "-") + ", certificates ECDSA P-256, mutual, with a CRL",
                f"- medians of {self.options.rounds} rounds of {self.options.seconds:g} s, peers taking turns; the gateway "
                "with its policy, and its audit at sync = \"write\""]

    def report(self):
        lines = ["## Figures", "", *self.machine(), ""]
        for scenario in self.scenarios:
            lines += scenario.table()
        return "\n".join(lines + [f"Left out: {note}." for note in self.notes])

    def close(self):
        peers.end_all()
        FAST_DISK.unmount()
        OWN_DISK.remove()
        shutil.rmtree(self.place)


def cpu_list(cpus):
    return ",".join(str(c) for c in sorted(cpus))


def write_report(path, text):
    """Puts the figures between the marks; what people wrote around them stays."""
    old = "# Performance\n\n" + BEGIN + "\n" + END + "\n"
    if os.path.exists(path):
        with open(path) as f:
            old = f.read()
        if BEGIN not in old or END not in old:
            sys.exit(f"{path} has no place for figures ({BEGIN} ... {END})")
    head, rest = old.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    with open(path, "w") as f:
        f.write(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def parse_cpus(text):
    return {int(c) for c in text.split(",")}


def parse_options():
    available = sorted(os.sched_getaffinity(0))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("scenario", nargs="*", help=f"of {', '.join(Bench.ALL)}; all without any")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=3, help="to measure, each peer in each round")
    p.add_argument("--idle-clients", type=int, default=10000)
    p.add_argument("--server-cpus", type=parse_cpus, default={available[0]})
    p.add_argument("--load-cpus", type=parse_cpus, default={available[1 % len(available)]})
    p.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    p.add_argument("--disk", metavar="DIR", help="for \"disk\": where, if not where temporary files go")
    options = p.parse_args()
    OWN_DISK.place = options.disk
    unknown = set(options.scenario) - set(Bench.ALL)
    if unknown:
        p.error(f"no such scenario: {', '.join(unknown)}")
    if "QMPGATE_BUILD" not in os.environ:
        p.error("QMPGATE_BUILD must name the build tree (make bench sets it)")
    return options


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = Bench(options)
    try:
        for name in options.scenario or Bench.ALL:
            Bench.ALL[name](bench)
    finally:
        bench.close()
    text = bench.report()
    print(text)
    if options.write:
        write_report(os.path.join(peers.SOURCE, "docs", "performance.md"), text)


if __name__ == "__main__":
    main()
