"""libqmp beside the bare socket, and beside Python's qemu.qmp if it is at hand: make bench, or alone with QMPGATE_BUILD."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))

from harness.qemu import Qemu  # noqa: E402

TURNS = 1000


async def turns(qmp, path):
    client = qmp.QMPClient("bench")
    await client.connect(path)
    times = []
    for _ in range(TURNS):
        begin = time.perf_counter_ns()
        await client.execute("query-status")
        times.append(time.perf_counter_ns() - begin)
    await client.disconnect()
    return statistics.median(times)


def main():
    build = os.environ["QMPGATE_BUILD"]
    with tempfile.TemporaryDirectory(prefix="qmpgate-bench-") as place:
        vm = Qemu(place, "bench", machine=("-machine", "none")).start()
        try:
            schema = os.path.join(TOP, "tests", "data", "schema-7.2.json")
            subprocess.run([os.path.join(build, "tests", "bench", "bench_libqmp"), schema, f"unix:{vm.socket}"], check=True)
            try:
                from qemu import qmp
            except ImportError:
                print("Python's qemu.qmp is not here")
            else:
                print(f"{'qemu.qmp query-status, median':34} {asyncio.run(turns(qmp, vm.socket)):27.0f} ns")
        finally:
            vm.stop()


if __name__ == "__main__":
    main()
