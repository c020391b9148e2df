"""The policy for who looks on, as it is shipped, on a real QEMU: nothing that it allows ends the VM or tells of the host."""

import json
import os
import socket

import pytest

from harness import expect, wait

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


@pytest.fixture(scope="module")
def qemu(module_house):
    place = module_house.place
    return module_house.qemu(machine=(
        "-machine", "pc,accel=tcg", "-S", "-m", "64", "-chardev", f"socket,id=c0,path={place}/line,server=on,wait=off",
        "-object", f"memory-backend-file,id=m0,mem-path={place}/memory,size=1M,share=on",
        "-netdev", f"stream,id=s0,addr.type=unix,addr.path={place}/net,server=on", "-device", "virtio-net-pci,netdev=s0"))


@pytest.fixture(scope="module")
def gateway(module_house, qemu):
    with open(os.path.join(SOURCE, "conf/examples/policy-observer.conf")) as f:
        policy = f.read().replace("x509:CN=monitor,O=Example", "x509:CN=viewer,O=Example")
    gateway = module_house.gateway(policy=policy)
    gateway.add_vm(qemu)
    return gateway.start()


def fail_a_job(qemu, place):
    """A job that ends with an error, whose text names a file of the host."""
    with qemu.direct().ready() as direct:
        direct.result("blockdev-create", {"job-id": "j", "options": {"driver": "file", "filename": f"{place}/no/x", "size": 1}})
        error = wait.until(lambda: direct.result("query-jobs")[0].get("error"), "the job's error")
        assert place in error


def takes_no_arguments(elements, name):
    found = {e["name"]: e for e in elements}
    return all("default" in m for m in found[found[name]["arg-type"]]["members"])


def test_no_answer_names_a_file_or_an_address_of_the_host(qemu, gateway, module_place):
    fail_a_job(qemu, module_place)
    with qemu.direct().ready() as direct:
        assert direct.result("migrate-set-parameters", {"tls-hostname": "host.example"}) == {}
        elements = direct.result("query-qmp-schema")
    client, asked = gateway.client("web1", "viewer"), 0
    for name in sorted(c["name"] for c in client.result("query-commands")):
        if name.startswith("gateway-") or not takes_no_arguments(elements, name):
            continue
        answer = json.dumps(client.call(name))
        assert module_place not in answer and "host.example" not in answer, (name, answer)
        asked += 1
    assert asked > 40


def test_that_a_job_failed_is_shown_without_the_words(gateway):
    [job] = gateway.client("web1", "viewer").result("query-jobs")
    assert job["status"] == "concluded" and job["error"] == ""


def test_no_event_tells_who_is_connected_to_what(qemu, gateway, module_place):
    client = gateway.client("web1", "viewer")
    with qemu.direct().ready() as direct, socket.socket(socket.AF_UNIX) as peer:
        peer.connect(os.path.join(module_place, "net"))
        direct.event("NETDEV_STREAM_CONNECTED")
        peer.close()
        direct.event("NETDEV_STREAM_DISCONNECTED")
        client.event("NETDEV_STREAM_DISCONNECTED")
    assert "NETDEV_STREAM_CONNECTED" not in [e["event"] for e in client.events]


def test_nobody_who_looks_on_has_an_object_made(qemu, gateway):
    """QEMU makes one of the type that is asked for; over the microvm's it ends itself."""
    client = gateway.client("web1", "viewer")
    for command in ("qom-list-properties", "device-list-properties"):
        expect.denied(client.call(command, typename="microvm-machine"), command)
        assert command not in qemu.commands()
    assert qemu.process.running()


def test_nobody_who_looks_on_makes_a_processor(qemu, gateway):
    """QEMU makes one to tell its features; one that is realized stays, with a thread of its own."""
    client = gateway.client("web1", "viewer")
    model = {"name": "qemu64", "props": {"apic-id": 1, "realized": True}}
    expect.denied(client.call("query-cpu-model-expansion", type="full", model=model), "query-cpu-model-expansion")
    assert "query-cpu-model-expansion" not in qemu.commands()
