"""A watched directory: VMs come and go with their sockets."""

import os
import resource
import socket

import pytest

from harness import expect, wait
from harness.scripted_vm import ScriptedVm


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


# --- those that go ----------------------------------------------------------------------------------------------------


def scripted_in(house, directory, uuid, socket_name="web1"):
    """A VM that a test speaks for, and that says this UUID."""
    vm = ScriptedVm(directory, socket_name)
    vm.start_up["query-uuid"] = {"UUID": uuid}
    house.vms.append(vm)
    return vm.start()


OLD, NEW = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


def monitors(gateway):
    with gateway.connect() as client:
        return client.ready().result("gateway-stats")["monitors"]


def uuid_behind(gateway):
    """Of the VM that an attach leads to now; None if it leads nowhere."""
    with gateway.connect().ready() as client:
        return client.call("gateway-attach", vm="web1").get("return", {}).get("uuid")


def dead_socket(path):
    """That nobody answers."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)


def test_nothing_stays_of_names_that_go(watched):
    """Thousands of them, each asked for once."""
    gateway = watched.start()
    count, rounds = 500, 6
    client = gateway.connect().ready()
    for r in range(rounds):
        paths = [f"{watched.run}/vm{r}-{i}.qmp" for i in range(count)]
        for path in paths:
            dead_socket(path)
        wait.until(lambda: len(client.result("gateway-list-vms")) == count, "all of them")
        for i in range(count):
            expect.error(client.call("gateway-attach", vm=f"vm{r}-{i}"), "GenericError", "unreachable")
        assert client.result("gateway-stats")["monitors"] == count
        for path in paths:
            os.unlink(path)
        wait.until(lambda: client.result("gateway-stats")["monitors"] == 0, "nothing to be left of them")


def test_nothing_stays_of_those_that_were_connected(house, watched):
    """Nobody is attached any more, but the monitor is still held."""
    scripted_in(house, watched.run, OLD)
    gateway = watched.start()
    assert uuid_behind(gateway) == OLD
    assert monitors(gateway) == 1
    os.unlink(watched.run + "/web1.qmp")
    wait.until(lambda: monitors(gateway) == 0, "it to be forgotten")


def test_who_is_attached_hears_that_the_socket_was_removed(house, watched):
    """The VM still answers."""
    vm = scripted_in(house, watched.run, OLD)
    gateway = watched.start()
    client = gateway.client("web1")
    request = client.request("query-status")
    vm.wait(1)
    os.unlink(vm.socket)
    expect.unknown_outcome(client.reply(request))
    assert client.event("GATEWAY_VM_DOWN")["data"] == {"reason": "its socket was removed"}
    assert client.drain() == []
    wait.until(lambda: monitors(gateway) == 0, "it to be forgotten")


def test_who_waits_for_a_vm_hears_that_its_socket_was_removed(house, watched):
    vm = scripted_in(house, watched.run, OLD)
    vm.start_up["query-qmp-schema"] = None
    gateway = watched.start()
    client = gateway.connect().ready()
    request = client.request("gateway-attach", vm="web1")
    vm.wait(1)
    os.unlink(vm.socket)
    expect.error(client.reply(request), "GenericError", "its socket was removed")
    expect.error(client.call("gateway-attach", vm="web1"), "GenericError", "no such VM")


def test_the_reply_to_quit_comes_though_the_socket_goes_first(house, watched):
    vm = scripted_in(house, watched.run, OLD)
    gateway = watched.start()
    client = gateway.client("web1")
    request = client.request("quit")
    vm.wait(1)
    os.unlink(vm.socket)
    wait.until(lambda: names(gateway) == [], "that to be noticed")
    vm.answer(vm.requests[0])
    vm.drop()
    assert client.reply(request) == {"return": {}, "id": request}
    assert client.event("GATEWAY_VM_DOWN")["data"] == {"reason": "it closed its monitor"}


@pytest.mark.parametrize("how", ["removed", "renamed over"])
def test_who_attaches_reaches_the_vm_that_has_the_name_now(house, watched, how):
    """The old one answers as ever, and somebody is attached to it."""
    old = scripted_in(house, watched.run, OLD)
    gateway = watched.start()
    client = gateway.client("web1")
    assert client.result("gateway-info")["uuid"] == OLD
    if how == "removed":
        os.unlink(old.socket)
        scripted_in(house, watched.run, NEW)
    else:
        new = scripted_in(house, watched.run, NEW, "web1.new")
        os.rename(new.socket, old.socket)
        new.socket = old.socket
    assert wait.until(lambda: (uuid := uuid_behind(gateway)) != OLD and uuid, "the new one") == NEW
    client.event("GATEWAY_VM_DOWN")
    assert client.drain() == []
    assert monitors(gateway) == 1


def test_who_is_attached_hears_that_another_socket_has_the_place(house, watched):
    """Nobody else attaches meanwhile."""
    old = scripted_in(house, watched.run, OLD)
    new = scripted_in(house, watched.run, NEW, "web1.new")
    client = watched.start().client("web1")
    os.rename(new.socket, old.socket)
    new.socket = old.socket
    assert client.event("GATEWAY_VM_DOWN")["data"] == {"reason": "another socket has its place"}


def test_one_that_was_away_for_a_moment_stays(house, watched, place):
    vm = scripted_in(house, watched.run, OLD)
    gateway = watched.start()
    client = gateway.client("web1")
    os.rename(vm.socket, place + "/aside")
    wait.until(lambda: names(gateway) == [], "that to be noticed")
    os.rename(place + "/aside", vm.socket)
    wait.until(lambda: names(gateway) == ["web1"], "that to be noticed")
    other = scripted_in(house, watched.run, NEW, "web2")
    wait.until(lambda: names(gateway) == ["web1", "web2"], "that to be noticed")
    later = gateway.client("web2")
    os.unlink(other.socket)
    later.event("GATEWAY_VM_DOWN")  # so the time that a VM has that left is over for web1
    request = client.request("query-status")
    vm.answer(vm.wait(1)[0])
    client.reply(request)


@pytest.mark.parametrize("change", [lambda p: os.chmod(p, 0o600), lambda p: os.utime(p, (1, 1)),
                                    lambda p: os.link(p, p + ".link")], ids=["mode", "times", "link"])
def test_a_socket_that_is_only_touched_is_still_the_vm(house, watched, change):
    vm = scripted_in(house, watched.run, OLD)
    gateway = watched.start()
    client = gateway.client("web1")
    change(vm.socket)
    stray = stray_socket(watched.run + "/web2.qmp")
    wait.until(lambda: names(gateway) == ["web1", "web2"], "what comes after it")
    request = client.request("query-status")
    vm.answer(vm.wait(1)[0])
    client.reply(request)
    assert uuid_behind(gateway) == OLD
    stray.close()


def test_want_of_descriptors_takes_no_vm_away(house, watched):
    vm = scripted_in(house, watched.run, OLD)
    gateway = watched.start()
    client = gateway.connect().ready()
    before = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    stray = stray_socket(watched.run + "/web2.qmp")
    gateway.wait_log("cannot be read")
    assert [v["name"] for v in client.result("gateway-list-vms")] == ["web1"]
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, before)
    wait.until(lambda: names(gateway) == ["web1", "web2"], "the next look")
    assert vm.connections == 0
    stray.close()
