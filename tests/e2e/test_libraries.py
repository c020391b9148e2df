"""docs/libraries.md: its code is in the program that it explains, which is compiled against what is installed, and does what is
said to a VM on a socket, behind a gateway, and with libvirt."""

import json
import os
import re
import subprocess

import pytest

from harness import wait
from harness.installed import Installed
from harness.libvirt import DOMAIN, EMULATOR
from harness.pki import SOURCE

DISK = ("-blockdev", "qcow2,node-name=disk0,file.driver=file,file.filename={}")
RULE = '''
role "tutor" {
    allow  = {"@query", "qom-list", "device_add", "snapshot-save", "job-dismiss", "blockdev-add"}
    events = {"*"}
    rule "nothing" { commands = {"blockdev-add"} when = {"driver in null-co"} }
}
grant "tutor" { to = {"x509:CN=viewer,O=Example"} role = {"tutor"} vms = {"web1"} }
'''


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as f:
        return f.read()


@pytest.fixture(scope="module")
def installed(build, module_place):
    return Installed(build, module_place)


@pytest.fixture(scope="module")
def tutorial(installed, module_place):
    path = installed.compile("tutorial", os.path.join(module_place, "tutorial"), "libqmp", "libqdev")

    def run(uri, *words, **env):
        return subprocess.run([path, uri, *words], env=installed.environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8", timeout=wait.TIMEOUT * 3)
    return run


def test_the_code_that_is_explained_is_in_the_program():
    program = read("docs/examples/tutorial.c")
    blocks = re.findall(r"^```c\n(.*?)^```$", read("docs/libraries.md"), re.M | re.S)
    assert len(blocks) > 7
    for block in blocks:
        assert block in program, block


def finish(client, job):
    while client.event("JOB_STATUS_CHANGE")["data"] != {"id": job, "status": "concluded"}:
        pass
    (info,) = client.result("query-jobs")
    assert "error" not in info, info
    client.result("job-dismiss", id=job)


def image(house, path):
    """An empty qcow2, by QEMU itself."""
    maker = house.qemu("maker", machine=("-machine", "none"))
    with maker.direct().ready() as client:
        client.result("blockdev-create", {"job-id": "file", "options": {"driver": "file", "filename": path, "size": 0}})
        finish(client, "file")
        client.result("blockdev-add", {"driver": "file", "filename": path, "node-name": "file"})
        client.result("blockdev-create", {"job-id": "format", "options": {"driver": "qcow2", "file": "file", "size": 16 << 20}})
        finish(client, "format")
    maker.stop()
    os.chmod(path, 0o666)
    return path


def snapshots(nodes):
    (disk,) = [n for n in nodes if n.get("node-name") == "disk0"]
    return [s["name"] for s in disk["image"].get("snapshots", [])]


def follow(tutorial, uri, nodes, tag, **env):
    """The program's three things."""
    done = tutorial(uri, "devices", **env)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "hot1: pcie-root-port" in done.stdout.splitlines()
    done = tutorial(uri, "plug", "disk1", "hot1", **env)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "disk1: virtio-blk-pci" in tutorial(uri, "devices", **env).stdout.splitlines()
    done = tutorial(uri, "plug", "disk1", "hot1", **env)
    assert done.returncode == 1 and "Duplicate" in done.stderr, done.stderr
    done = tutorial(uri, "snapshot", "disk0", tag, **env)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert snapshots(nodes()) == [tag]
    done = tutorial(uri, "snapshot", "no-such-node", tag, **env)
    assert done.returncode == 1 and "no-such-node" in done.stderr, done.stderr


@pytest.fixture
def vm(house, place):
    path = image(house, os.path.join(place, "disk"))
    return house.qemu(machine=("-machine", "q35", "-m", "32M", "-S", "-device", "pcie-root-port,id=hot1,chassis=1", DISK[0], DISK[1].format(path)))


def nodes_of(vm):
    with vm.direct().ready() as client:
        return client.result("query-named-block-nodes")


def test_a_vm_on_a_socket(tutorial, vm):
    follow(tutorial, f"unix:{vm.socket}", lambda: nodes_of(vm), "one")


def test_a_vm_behind_a_gateway(tutorial, vm, house, pki):
    gateway = house.gateway(vm)
    gateway.policy += RULE
    gateway.start()
    env = {"QMPGATE_CA": pki.path("ca.crt"), "QMPGATE_CERT": pki.path("viewer.crt"), "QMPGATE_KEY": pki.path("viewer.key")}
    follow(tutorial, f"qmps://127.0.0.1:{gateway.port}/web1", lambda: nodes_of(vm), "two", **env)
    done = tutorial(f"qmps://127.0.0.1:{gateway.port}/web2", "devices", **env)
    assert done.returncode == 1 and done.stdout == "", done.stdout


def test_a_vm_of_libvirt_s(tutorial, house):
    libvirtd = house.libvirtd()
    path = image(house, libvirtd.path("disk"))
    domain = libvirtd.domain()
    arguments = "".join(f"<qemu:arg value='{word}'/>" for word in (
        "-device", "pcie-root-port,id=hot1,chassis=77,bus=pcie.0,addr=0x1e", DISK[0], DISK[1].format(path)))
    libvirtd.define(DOMAIN.replace("isapc", "q35").format(name=domain.name, uuid=domain.uuid, trace=domain.trace, emulator=EMULATOR, metadata="",
                                                          devices="", arguments=arguments))
    domain.start("--paused")
    follow(tutorial, f"libvirt:web1?uri={libvirtd.uri}",
           lambda: json.loads(domain.virsh("qemu-monitor-command", '{"execute":"query-named-block-nodes"}'))["return"], "three")


# --- programs with a loop of their own ---------------------------------------------------------------------------

def lines_of(program, environment, *words):
    process = subprocess.Popen([program, *words], env=environment, stdout=subprocess.PIPE, encoding="utf-8")
    return process


def test_a_loop_of_poll(installed, house, module_place):
    program = installed.compile("loop-poll", os.path.join(module_place, "loop-poll"), "libqmp")
    vms = [house.qemu(name) for name in ("web1", "web2")]
    uris = [f"unix:{vm.socket}" for vm in vms]
    process = lines_of(program, installed.environment(), *uris)
    said = {process.stdout.readline().strip() for _ in vms}
    assert said == {f"{uri} is running" for uri in uris}
    for vm, uri in zip(vms, uris):
        with vm.direct().ready() as client:
            client.result("stop")
        assert process.stdout.readline().strip() == f"{uri}: STOP"
    assert process.wait(wait.TIMEOUT) == 0
    process.stdout.close()


def test_a_loop_of_libevent(installed, house, module_place):
    program = installed.compile("loop-libevent", os.path.join(module_place, "loop-libevent"), "libqmp", "libevent_core")
    vm = house.qemu()
    process = lines_of(program, installed.environment(), f"unix:{vm.socket}")
    assert process.stdout.readline().strip() == "it is running"
    with vm.direct().ready() as client:
        client.result("stop")
        client.result("cont")
    assert process.stdout.readline().strip() == "STOP"
    assert process.wait(wait.TIMEOUT) == 0
    process.stdout.close()
