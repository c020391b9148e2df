#!/usr/bin/env python3
"""What a command costs by way of libvirt: through the gateway (TLS, policy and audit on), by virt-qemu-qmp-proxy (which checks
nothing), and by calling virDomainQemuMonitorCommand, in one run, in turns, medians of the rounds. Real QEMUs, a real libvirtd.
Of many VMs at once (the last of --vms), what that is of one; how long it takes until a gateway that starts shows a thousand
domains (--domains). And what a client hears of the commands that it sends while its VM moves between two hosts (--moves)."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

from harness import wait  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.libvirt import Libvirtd, Traveller  # noqa: E402
from harness.pki import VM_DOMAIN, Pki  # noqa: E402
from harness.process import Process  # noqa: E402

POLICY = """
role "r" { allow = {"@query", "qom-get"}
    rule "qom" { commands = {"qom-get"} when = {"path any", "property any"} } }
grant "g" { to = {"x509:CN=admin,O=Example"} role = {"r"} vms = {"*"} }
"""
PROXY = "/usr/bin/virt-qemu-qmp-proxy"
PROXIES = 8  # a process each: of more VMs it is not asked
DOMAIN = """<domain type='qemu'><name>vm{0}</name><uuid>00000000-0000-4000-8000-{0:012}</uuid><memory unit='MiB'>32</memory>
<title>machine {0}</title><description>one of many</description>
<os><type arch='x86_64' machine='isapc'>hvm</type></os><devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/><memballoon model='none'/>
</devices></domain>
"""


def run(*argv):
    out = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout
    return next(json.loads(line) for line in out.splitlines() if line.startswith("{"))


def send_until(ended, client, outcomes):
    """A numbered command every 5 ms, one that waits while its VM moves; how each ended, and how long it took in ms."""
    n = 0
    while not ended.is_set():
        begin = time.perf_counter()
        error = client.call("qom-get", path="/mark", property=str(n))["error"]["desc"]
        outcome = "unknown" if "unknown" in error else "not run" if "not run" in error else "run"
        outcomes.append((outcome, (time.perf_counter() - begin) * 1000))
        n += 1
        time.sleep(0.005)


def move_to_and_fro(gateway, vm, hosts, moves):
    outcomes, ended = [], threading.Event()
    thread = threading.Thread(target=send_until, args=(ended, gateway.client(vm.name), outcomes))
    thread.start()
    lengths = []
    for i in range(moves):
        begin = time.perf_counter()
        vm.move(hosts[(i + 1) % 2])
        lengths.append(time.perf_counter() - begin)
        wait.until(lambda i=i: gateway.said().count(f"VM {vm.name}: it is at libvirt") > i, "the gateway to follow")
    ended.set()
    thread.join()
    return outcomes, statistics.median(lengths)


def median_us(client, command, seconds):
    times, end = [], time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        client.result(command)
        times.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(times)


def bench_native(build, place, pki, libvirtd, rounds, seconds):
    """What readonly_native answers beside what asks the monitor, by one client in turns."""
    os.mkdir(place)
    gateway = Gateway(build, place, pki)
    gateway.policy = POLICY
    gateway.libvirts["host1"] = {"uri": libvirtd.uri, "readonly_native": True}
    gateway.start()
    try:
        gateway.wait_log("libvirt host1: connected")
        client = gateway.client("vm0")
        pairs = [[median_us(client, command, seconds) for command in ("query-name", "query-kvm")] for _ in range(rounds)]
    finally:
        gateway.stop()
    native, monitor = (statistics.median(column) for column in zip(*pairs))
    ratio = statistics.median(m / n for n, m in pairs)
    print("readonly_native, one client")
    print(f"  query-name, native     p50 {native:8.0f} us\n  query-kvm, the monitor p50 {monitor:8.0f} us   {ratio:5.2f} times as long (goal: 3)",
          flush=True)


def define_many(libvirtd, n):
    for i in range(n):
        with open(libvirtd.path(f"{i}.xml"), "w", encoding="ascii") as f:
            f.write(DOMAIN.format(i))
    subprocess.run(["virsh", "-q", "-c", libvirtd.uri], check=True, text=True, stdout=subprocess.DEVNULL,
                   input="".join(f"define {libvirtd.path(f'{i}.xml')}\n" for i in range(n)))


def bench_domains(build, place, pki, n, rounds):
    """From when the gateway serves to when it shows them all; they do not run."""
    os.mkdir(place)
    os.chmod(place, 0o755)
    libvirtd, times = Libvirtd(place).start(), []
    try:
        define_many(libvirtd, n)
        for i in range(rounds):
            os.mkdir(f"{place}/{i}")
            gateway = Gateway(build, f"{place}/{i}", pki)
            gateway.policy = POLICY
            gateway.libvirts["host1"] = {"uri": libvirtd.uri}
            begin = time.perf_counter()
            gateway.start()
            try:
                with gateway.connect() as client:
                    client.ready()
                    wait.until(lambda c=client: len(c.result("gateway-list-vms")) == n, "all of them")
                times.append(time.perf_counter() - begin)
            finally:
                gateway.stop()
    finally:
        libvirtd.stop()
    print(f"{n} domains that do not run\n  all shown {statistics.median(times):.2f} s after the gateway was started (goal: 2)", flush=True)


def bench_moves(build, place, pki, moves):
    hosts, gateway = [], None
    try:
        for name, hostname in (("host1", "alpha"), ("host2", "beta")):
            hosts.append(Libvirtd(place, name, hostname).start())
        vm = hosts[0].domain("mover", kind=Traveller).start()
        gateway = Gateway(build, place, pki)
        gateway.policy = POLICY
        gateway.libvirts = {h.name: {"uri": h.uri} for h in hosts}
        gateway.start()
        for h in hosts:
            gateway.wait_log(f"libvirt {h.name}: connected")
        outcomes, length = move_to_and_fro(gateway, vm, hosts, moves)
        counts = {kind: sum(1 for o, _ in outcomes if o == kind) for kind in ("run", "not run", "unknown")}
        times = sorted(ms for _, ms in outcomes)
        print(f"moves: {moves} between two hosts, {length:.2f} s each, a command every 5 ms")
        print(f"  {len(outcomes)} commands: {counts['run']} run, {counts['not run']} not run, {counts['unknown']} of unknown outcome "
              f"({100 * counts['unknown'] / len(outcomes):.2f} in a hundred); p50 {times[len(times) // 2]:.1f} ms, the longest "
              f"{times[-1]:.0f} ms", flush=True)
    finally:
        for thing in (gateway, *hosts):
            if thing:
                thing.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.environ.get("QMPGATE_BUILD"), help="the build tree")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--vms", default="1,8,50", help="how many VMs at once, one client each")
    parser.add_argument("--domains", type=int, default=1000, help="domains that do not run; 0: none")
    parser.add_argument("--moves", type=int, default=10, help="migrations to and fro; 0: none")
    o = parser.parse_args()
    counts = [int(n) for n in o.vms.split(",")]
    place = tempfile.mkdtemp(prefix="qmpgate-bench-")
    program = lambda name: os.path.join(o.build, "tests/bench", name)  # noqa: E731
    libvirtd = gateway = None
    proxies = []
    try:
        os.mkdir(place + "/pki")
        pki = Pki.make(place + "/pki")
        libvirtd = Libvirtd(place).start()
        for i in range(max(counts)):
            libvirtd.domain(f"vm{i}").start("--paused")
        gateway = Gateway(o.build, place, pki)
        gateway.policy = POLICY
        gateway.libvirts["host1"] = {"uri": libvirtd.uri}
        gateway.start()
        gateway.wait_log("libvirt host1: connected")
        sockets = place + "/proxy"
        os.mkdir(sockets)
        if os.path.exists(PROXY):
            n_proxies = min(PROXIES, max(counts))
            for i in range(n_proxies):
                proxies.append(Process(["/usr/bin/python3", PROXY, "-c", libvirtd.uri, f"vm{i}", f"{sockets}/vm{i}.qmp"]))
            for i in range(n_proxies):
                wait.until(lambda i=i: wait.is_listening(f"{sockets}/vm{i}.qmp"), "the proxy")
        seconds = ["--seconds", str(o.seconds)]
        of_one = {}
        for n in counts:
            many = ["--clients", str(n), "--vms", str(n)]
            ways = {
                "libvirt itself": lambda: run(program("libvirt_calls"), libvirtd.uri, str(o.seconds), *[f"vm{i}" for i in range(n)]),
                "qmpgate": lambda: run(program("load"), "commands", "--port", str(gateway.port), "--sni-suffix", "." + VM_DOMAIN,
                                       "--ca", pki.path("ca.crt"), "--cert", pki.path("admin.crt"), "--key", pki.path("admin.key"),
                                       *many, *seconds),
                "virt-qemu-qmp-proxy": lambda: run(program("load"), "commands", "--unix", sockets, *many, *seconds)}
            if n > len(proxies):
                del ways["virt-qemu-qmp-proxy"]
            results = {way: [] for way in ways}
            for _ in range(o.rounds):
                for way, measure in ways.items():
                    results[way].append(measure())
            print(f"{n} VMs, one client each, depth 1")
            for way, rounds in results.items():
                p50 = statistics.median(r["p50_us"] for r in rounds)
                rate = statistics.median(r["rate"] for r in rounds)
                ratio = statistics.median(r["p50_us"] / b["p50_us"] for r, b in zip(rounds, results["libvirt itself"]))
                of_one.setdefault(way, rate)
                print(f"  {way:22} p50 {p50:8.0f} us   {rate:8.0f} a second   {ratio:5.2f} of libvirt itself (p50)   "
                      f"{rate / of_one[way]:5.2f} of its rate with {counts[0]}", flush=True)
        gateway.stop()
        gateway = None
        bench_native(o.build, place + "/native", pki, libvirtd, o.rounds, o.seconds)
        libvirtd.stop()
        libvirtd = None
        if o.domains:
            bench_domains(o.build, place + "/domains", pki, o.domains, o.rounds)
        if o.moves:
            os.mkdir(place + "/moves")
            bench_moves(o.build, place + "/moves", pki, o.moves)
    finally:
        for thing in proxies:
            thing.kill()
        for thing in (gateway, libvirtd):
            if thing:
                thing.stop()
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
