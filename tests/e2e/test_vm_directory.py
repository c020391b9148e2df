"""A watched directory: VMs come and go with their sockets."""

import os
import socket

import pytest

from harness import expect, wait


@pytest.fixture
def watched(house, place):
    gateway = house.gateway()
    run = place + "/run"
    os.mkdir(run, 0o755)
    gateway.directories[run] = {"pattern": "*.qmp", "labels": ["tenant=shared"]}
    gateway.run = run
    return gateway


def names(gateway):
    with gateway.connect() as client:
        return sorted(vm["name"] for vm in client.ready().result("gateway-list-vms"))


def qemu_in(house, directory, name, **how):
    from harness.qemu import Qemu
    vm = Qemu(directory, name, **how)
    house.vms.append(vm)
    return vm.start()


def stray_socket(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen()
    return s


def test_what_is_there_at_the_start_is_found(house, watched):
    qemu_in(house, watched.run, "web1")
    watched.start()
    assert names(watched) == ["web1"]
    assert watched.client("web1").result("query-name") == {"name": "web1"}


def test_a_socket_that_appears_is_a_vm(house, watched):
    watched.start()
    assert names(watched) == []
    qemu_in(house, watched.run, "web1")
    wait.until(lambda: names(watched) == ["web1"], "the VM")
    assert watched.client("web1").result("query-name") == {"name": "web1"}


def test_a_socket_that_vanishes_is_a_vm_no_more(house, watched):
    vm = qemu_in(house, watched.run, "web1")
    watched.start()
    assert names(watched) == ["web1"]
    vm.stop()
    wait.until(lambda: names(watched) == [], "the VM to be gone")
    assert "error" in watched.connect("web1").read()


def test_a_socket_that_comes_back_is_the_new_vm(house, watched):
    vm = qemu_in(house, watched.run, "web1")
    watched.start()
    watched.client("web1").result("query-name")
    vm.stop()
    wait.until(lambda: names(watched) == [], "the VM to be gone")
    qemu_in(house, watched.run, "web1", pid_suffix="-2")
    wait.until(lambda: "QMP" in watched.connect("web1").read(), "the new VM")


def test_a_socket_renamed_into_place_is_found(house, watched):
    watched.start()
    vm = qemu_in(house, watched.run, "web1", socket_name="web1.tmp")
    os.rename(vm.socket, watched.run + "/web1.qmp")
    wait.until(lambda: names(watched) == ["web1"], "the VM")
    os.unlink(watched.run + "/web1.qmp")


@pytest.mark.parametrize("name", ["bad name.qmp", "web\n1.qmp", ".hidden.qmp", ".qmp", "w\u00e9b.qmp", "x" * 65 + ".qmp",
                                  "web1.sock", "web1.qmp.old", "web1"])
def test_names_that_are_none_are_passed_over(watched, name):
    stray = stray_socket(os.path.join(watched.run, name))
    good = stray_socket(watched.run + "/good.qmp")
    watched.start()
    assert names(watched) == ["good"]
    stray.close()
    good.close()


def test_a_symlink_is_refused(house, watched, place):
    vm = house.qemu("web1")
    os.symlink(vm.socket, watched.run + "/web1.qmp")
    good = stray_socket(watched.run + "/good.qmp")
    watched.start()
    assert names(watched) == ["good"]
    assert "error" in watched.connect("web1").read()
    good.close()


def test_what_is_no_socket_is_passed_over(watched):
    with open(watched.run + "/web1.qmp", "w"):
        pass
    os.mkdir(watched.run + "/web2.qmp")
    os.mkfifo(watched.run + "/web3.qmp")
    good = stray_socket(watched.run + "/good.qmp")
    watched.start()
    assert names(watched) == ["good"]
    good.close()


def test_a_configured_vm_keeps_its_name(house, watched):
    watched.add_vm(house.qemu("web1"))
    stray = stray_socket(watched.run + "/web1.qmp")
    watched.start()
    assert watched.client("web1").result("query-name") == {"name": "web1"}
    assert names(watched) == ["web1"]
    stray.close()


def test_its_labels_count_in_grants(house, watched):
    qemu_in(house, watched.run, "web1")
    watched.policy = watched.policy.replace('vms  = {"web*"}', 'vms  = {"label:tenant=shared"}')
    watched.start()
    assert watched.client("web1", "viewer").result("query-name") == {"name": "web1"}


def test_other_labels_do_not(house, watched):
    qemu_in(house, watched.run, "web1")
    watched.policy = watched.policy.replace('vms  = {"web*"}', 'vms  = {"label:tenant=other"}')
    watched.start()
    expect.error(watched.connect("web1", "viewer").read())


def test_sockets_of_other_owners_are_not_served(house, watched):
    watched.directories[watched.run]["owners"] = ["bin"]
    qemu_in(house, watched.run, "web1")
    watched.start()
    expect.error(watched.connect("web1").read())


def test_many_come_and_go(watched):
    watched.start()
    socks = [stray_socket(f"{watched.run}/vm{i}.qmp") for i in range(200)]
    wait.until(lambda: len(names(watched)) == 200, "all of them")
    for i in range(0, 200, 2):
        os.unlink(f"{watched.run}/vm{i}.qmp")
    wait.until(lambda: len(names(watched)) == 100, "half of them")
    for s in socks:
        s.close()
