"""`qmpgate label`: the labels in a domain's own metadata, set at a real libvirtd and believed by a gateway."""

import json

import pytest

from harness import wait
from harness.cli import DENIED, OK, UNREACHABLE, USAGE, Cli

POLICY = """
role "viewer" { allow = {"@query"} }
grant "viewers" { to = {"x509:CN=admin,O=Example"} role = {"viewer"} vms = {"label:tenant=acme"} }
"""
URI = "urn:qmpgate:labels:1"


@pytest.fixture
def libvirtd(house):
    return house.libvirtd()


@pytest.fixture
def label(build, tmp_path, libvirtd):
    cli = Cli(build, str(tmp_path), libvirtd.uri)
    return lambda *words, **how: cli("label", *words, **how)


def kept(vm, *where):
    """The text of the element, as virsh shows it."""
    xml = vm.virsh("metadata", "--uri", URI, *where, check=False)
    return xml.split("<labels>")[1].split("</labels>")[0] if "<labels>" in xml else xml.strip() if "<labels/>" in xml else None


def set_element(vm, xml, *where):
    vm.virsh("metadata", "--uri", URI, "--key", "q", "--set", xml, *where)


# --- what is refused

@pytest.mark.parametrize("changes", [["tenant"], ["=x"], ["a b=c"], ["a=b", "a=c"], ["a=b", "a="], ["a=\x01"], ["a=b "], [""]])
def test_what_is_no_label_is_refused_and_nothing_is_changed(label, libvirtd, changes):
    vm = libvirtd.domain("web1")
    label("web1", "before=x")
    done = label("web1", "good=y", *changes)
    assert done.code == USAGE and done.stderr.startswith("qmpgate: "), done.stderr
    assert kept(vm) == "before=x"


@pytest.mark.parametrize("uri", ["unix:/run/qmpgate/control.sock", "qmps://gateway/", "qemu+tcp://host/system", "xen:///system",
                                 "qemu+tls://host/system?no_verify=1", "qemu+ssh://host/system?command=/bin/true"])
def test_only_a_protected_libvirt_is_asked(label, uri):
    assert label("web1", "a=b", uri=uri).code == USAGE


def test_no_domain_is_not_taken_for_another(label, libvirtd):
    libvirtd.domain("web1")
    assert label().code == USAGE
    for name in ("web", "web11", "", "00000000-0000-0000-0000-000000000001"):
        done = label(name, "a=b")
        assert done.code == UNREACHABLE and "omain not found" in done.stderr, done.stderr


def test_a_libvirt_that_is_not_there_is_told(label, tmp_path):
    done = label("web1", uri=f"qemu+unix:///session?socket={tmp_path}/nobody")
    assert done.code == UNREACHABLE and "cannot connect to libvirt" in done.stderr


def test_who_may_only_read_is_refused(label, libvirtd):
    vm = libvirtd.domain("web1")
    done = label("web1", "a=b", uri=libvirtd.uri.replace("libvirt-sock", "libvirt-sock-ro"))
    assert done.code in (DENIED, UNREACHABLE) and kept(vm) is None


@pytest.mark.parametrize("element", ["<labels x='1'>a=b</labels>", "<labels>a=b<x/></labels>", "<other/>", "<labels>nonsense</labels>"])
def test_an_element_that_cannot_be_read_is_left_alone(label, libvirtd, element):
    vm = libvirtd.domain("web1")
    set_element(vm, element, "--config")
    before = vm.virsh("metadata", "--uri", URI)
    for words in (["tenant=acme"], []):
        done = label("web1", *words)
        assert done.code == UNREACHABLE and "labels" in done.stderr
    assert vm.virsh("metadata", "--uri", URI) == before
    assert label("web1", "--reset", "tenant=acme").code == OK
    assert kept(vm) == "tenant=acme"


def test_more_labels_than_a_gateway_reads_are_refused(label, libvirtd):
    vm = libvirtd.domain("web1")
    assert label("web1", *(f"k{i}=v" for i in range(64))).code == OK
    before = kept(vm)
    done = label("web1", "more=x")
    assert done.code == USAGE and "64" in done.stderr and kept(vm) == before
    assert label("web1", "k0=", "more=x").code == OK


# --- what is set

def test_labels_are_set_shown_and_taken_away(label, libvirtd):
    vm = libvirtd.domain("web1")
    assert label("web1", "tenant=acme", "role=<web> & 'more'").code == OK
    assert json.loads(label("web1").stdout) == {"tenant": "acme", "role": "<web> & 'more'"}
    assert label(vm.uuid, "tenant=other", "nobody=").code == OK
    assert json.loads(label("web1").stdout) == {"role": "<web> & 'more'", "tenant": "other"}
    assert label("web1", "role=", "tenant=").code == OK
    assert json.loads(label("web1").stdout) == {} and kept(vm) is None


def test_one_that_runs_has_them_at_once_and_after_a_restart(label, libvirtd):
    vm = libvirtd.domain("web1").start("--paused")
    assert label("web1", "tenant=acme").code == OK
    assert kept(vm, "--live") == kept(vm, "--config") == "tenant=acme"


def test_what_runs_and_what_is_kept_each_keep_their_others(label, libvirtd):
    vm = libvirtd.domain("web1").start("--paused")
    set_element(vm, "<labels>live=1</labels>", "--live")
    set_element(vm, "<labels>config=1</labels>", "--config")
    assert label("web1", "tenant=acme").code == OK
    assert kept(vm, "--live") == "live=1\ntenant=acme"
    assert kept(vm, "--config") == "config=1\ntenant=acme"
    assert json.loads(label("web1").stdout) == {"live": "1", "tenant": "acme"}


def test_nothing_is_written_unless_all_can_be(label, libvirtd):
    vm = libvirtd.domain("web1").start("--paused")
    set_element(vm, "<labels>nonsense</labels>", "--live")
    assert label("web1", "tenant=acme").code != OK
    assert kept(vm, "--config") is None


def test_a_gateway_believes_them_where_it_trusts_metadata(house, label, libvirtd):
    vm = libvirtd.domain("web1")
    gateway = house.gateway(libvirtd, policy=POLICY)
    gateway.libvirts["host1"]["trust_metadata"] = True
    gateway.start()
    gateway.wait_log("libvirt host1: connected")
    client = gateway.connect().ready()
    assert client.result("gateway-list-vms") == []
    assert label("web1", "tenant=acme").code == OK
    wait.until(lambda: [v["uuid"] for v in client.result("gateway-list-vms")] == [vm.uuid], "the VM to be seen")
    assert label("web1", "tenant=").code == OK
    wait.until(lambda: client.result("gateway-list-vms") == [], "the VM to be seen no more")
