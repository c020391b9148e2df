"""VMs by way of a real libvirtd: they come and go with its domains, and policy says who sees them."""

import subprocess
import uuid

import pytest

from harness import expect, wait
from harness.libvirt import vms

POLICY = """
role "viewer" { allow = {"@query"} events = {"STOP"} }
role "owner"  { allow = {"*"} events = {"*"} }
grant "owners" { to = {"x509:CN=admin,O=Example"} role = {"owner"} vms = {"*"} }
grant "viewers" { to = {"x509:CN=viewer,O=Example"} role = {"viewer"} vms = {"web*"} }
grant "operators" { to = {"x509:CN=operator,O=Example"} role = {"viewer"} vms = {"label:tenant=acme"} }
"""


@pytest.fixture
def libvirtd(house):
    return house.libvirtd()


@pytest.fixture
def gateway(house, libvirtd):
    return house.gateway(libvirtd, policy=POLICY)


def names(gateway, cert="admin"):
    return sorted(vms(gateway, cert))


def wait_names(gateway, *expected, cert="admin"):
    wait.until(lambda: names(gateway, cert) == sorted(expected), f"the VMs {expected}")


def wait_power(gateway, name, power):
    wait.until(lambda: vms(gateway).get(name, {}).get("power") == power, f"{name} to be {power}")


# --- who sees what

def test_who_is_granted_nothing_sees_nothing(gateway, libvirtd):
    libvirtd.domain("web1")
    libvirtd.domain("db1")
    gateway.start()
    wait_names(gateway, "db1", "web1")
    assert names(gateway, "viewer") == ["web1"]
    assert names(gateway, "operator") == []


def test_labels_of_the_section_are_those_of_its_vms(gateway, libvirtd):
    libvirtd.domain("web1")
    gateway.libvirts["host1"]["labels"] = ["tenant=acme"]
    gateway.start()
    wait_names(gateway, "web1")
    assert vms(gateway)["web1"]["labels"] == ["tenant=acme"]
    assert names(gateway, "operator") == ["web1"]


LABELS = "<metadata><q:labels xmlns:q='urn:qmpgate:labels:1'>{}</q:labels></metadata>"


def test_labels_in_metadata_count_only_where_they_are_trusted(gateway, libvirtd):
    libvirtd.domain("web1", metadata=LABELS.format("tenant=acme"))
    gateway.start()
    wait_names(gateway, "web1")
    assert vms(gateway)["web1"]["labels"] == [] and names(gateway, "operator") == []
    gateway.libvirts["host1"]["trust_metadata"] = True
    gateway.reload()
    wait_names(gateway, "web1", cert="operator")
    assert vms(gateway)["web1"]["labels"] == ["tenant=acme"]


def test_labels_of_the_section_win(gateway, libvirtd):
    libvirtd.domain("web1", metadata=LABELS.format("tenant=acme\nrole=web"))
    gateway.libvirts["host1"].update(trust_metadata=True, labels=["tenant=other"])
    gateway.start()
    wait_names(gateway, "web1")
    assert vms(gateway)["web1"]["labels"] == ["tenant=other", "role=web"]
    assert names(gateway, "operator") == []


@pytest.mark.parametrize("bad", ["tenant=acme\ntenant=b", "<x/>tenant=acme", "tenant=acme\nrubbish", ""])
def test_labels_that_are_none_bring_none(gateway, libvirtd, bad):
    libvirtd.domain("web1", metadata=LABELS.format(bad))
    gateway.libvirts["host1"]["trust_metadata"] = True
    gateway.start()
    wait_names(gateway, "web1")
    assert vms(gateway)["web1"]["labels"] == []


def test_title_and_description_are_shown_and_give_nothing(gateway, libvirtd):
    text = "tenant=acme\n\u00e9\u20ac\U0001f600 \"x\" \\"
    libvirtd.domain("web1", metadata=f"<title>tenant=acme</title><description>{text}</description>")
    libvirtd.domain("plain")
    gateway.start()
    wait_names(gateway, "plain", "web1")
    shown = vms(gateway)
    assert (shown["web1"]["title"], shown["web1"]["description"]) == ("tenant=acme", text)
    assert "title" not in shown["plain"] and "description" not in shown["plain"]
    assert names(gateway, "operator") == []


def test_of_a_long_description_the_beginning_is_shown(gateway, libvirtd):
    libvirtd.domain("web1", metadata="<description>" + "\u20ac" * 1000 + "</description>")
    gateway.start()
    wait_names(gateway, "web1")
    assert vms(gateway)["web1"]["description"] == "\u20ac" * 341


def test_a_title_that_changes_is_shown(gateway, libvirtd):
    vm = libvirtd.domain("web1").start()
    gateway.start()
    wait_names(gateway, "web1")
    vm.virsh("desc", "--live", "--title", "--new-desc", "new")
    wait.until(lambda: vms(gateway)["web1"].get("title") == "new", "the title")


def test_labels_that_change_take_rights_away_at_once(gateway, libvirtd):
    vm = libvirtd.domain("web1", metadata=LABELS.format("tenant=acme")).start()
    gateway.libvirts["host1"]["trust_metadata"] = True
    gateway.start()
    wait_names(gateway, "web1", cert="operator")
    client = gateway.client("web1", cert="operator")
    client.result("query-status")
    vm.virsh("metadata", "--uri", "urn:qmpgate:labels:1", "--key", "qmpgate", "--live", "--set", "<labels>tenant=b</labels>")
    assert "GATEWAY_CLOSED" in [m.get("event") for m in client.drain()]
    assert names(gateway, "operator") == []


def test_an_invisible_domain_and_none_look_the_same(gateway, libvirtd):
    libvirtd.domain("db1").start()
    gateway.start()
    wait_names(gateway, "db1")
    client = gateway.connect(cert="viewer").ready()
    assert client.error("gateway-attach", vm="db1") == client.error("gateway-attach", vm="db2")


def test_what_is_not_included_is_no_vm(gateway, libvirtd):
    for name in ("acme-1", "acme-2-old", "other"):
        libvirtd.domain(name)
    gateway.libvirts["host1"].update(include=["acme-*"], exclude=["*-old"])
    gateway.start()
    wait_names(gateway, "acme-1")


def test_a_reload_changes_what_is_included(gateway, libvirtd):
    for name in ("acme-1", "other"):
        libvirtd.domain(name)
    gateway.start()
    wait_names(gateway, "acme-1", "other")
    gateway.libvirts["host1"]["include"] = ["acme-*"]
    gateway.reload()
    wait_names(gateway, "acme-1")
    del gateway.libvirts["host1"]
    gateway.reload()
    wait_names(gateway)


def test_a_client_cannot_name_a_uri(gateway, libvirtd):
    libvirtd.domain("web1").start()
    gateway.start()
    wait_names(gateway, "web1")
    client = gateway.connect().ready()
    for name in (libvirtd.uri, "qemu:///session", "host1", "host1/", "/web1", f"{libvirtd.uri}/web1", "host2/web1"):
        expect.error(client.call("gateway-attach", vm=name), "GenericError", "no such VM")


# --- names

def test_a_domain_can_be_asked_for_by_name_uuid_and_connection(gateway, libvirtd):
    vm = libvirtd.domain("web1").start()
    gateway.start()
    wait_names(gateway, "web1")
    for name in ("web1", vm.uuid, vm.uuid.upper(), "host1/web1"):
        client = gateway.connect().ready()
        assert client.result("gateway-attach", vm=name)["vm"] == "web1", name
        assert client.result("query-name") == {"name": "web1"}


@pytest.mark.parametrize("name", ["odd name", "gr\u00fc\u00df", "a&lt;b", "-x:y", "x" * 65, "a;b",
                                  "11111111-2222-3333-4444-555555555555"])
def test_odd_names_go_by_uuid_only(gateway, libvirtd, name):
    vm = libvirtd.domain(name)
    gateway.start()
    wait_names(gateway, vm.uuid)
    client = gateway.connect().ready()
    for asked in (name, "host1/" + name):
        expect.error(client.call("gateway-attach", vm=asked), "GenericError", "no such VM")
    expect.error(client.call("gateway-attach", vm=vm.uuid), "GenericError", "not running")
    assert names(gateway, "viewer") == []


def test_equal_names_are_told_by_their_connection(house, gateway, libvirtd):
    here = libvirtd.domain("web1").start()
    other = house.libvirtd("host2")
    there = other.domain("web1").start()
    gateway.libvirts["host2"] = {"uri": other.uri}
    gateway.start()
    wait_names(gateway, "host1/web1", "host2/web1")
    client = gateway.connect().ready()
    expect.error(client.call("gateway-attach", vm="web1"), "GenericError", "no such VM")
    client.result("gateway-attach", vm="host2/web1")
    assert client.result("query-uuid")["UUID"] == there.uuid
    assert names(gateway, "viewer") == [], "a name that two have is granted to nobody by itself"
    there.destroy()
    there.virsh("undefine")
    wait_names(gateway, "web1")
    assert vms(gateway)["web1"]["uuid"] == here.uuid


def test_a_configured_vm_keeps_its_name(house, gateway, libvirtd):
    gateway.add_vm(house.qemu("web1"))
    libvirtd.domain("web1")
    gateway.start()
    wait_names(gateway, "host1/web1", "web1")
    gateway.vms.clear()
    gateway.reload()
    wait_names(gateway, "web1")
    assert vms(gateway)["web1"]["host"] == "host1"


def test_of_two_that_run_with_one_uuid_neither_is_believed(house, gateway, libvirtd):
    """While one of them does not run, it is the other."""
    one = libvirtd.domain("web1").start()
    other = house.libvirtd("host2")
    two = other.domain("web2", one.uuid)
    gateway.libvirts["host2"] = {"uri": other.uri}
    gateway.start()
    wait_names(gateway, "web1")
    client = gateway.client("web1")
    two.start()
    wait.until(lambda: [v["state"] for v in vms(gateway).values()] == ["unreachable"], "the alarm")
    gateway.wait_log("claim the UUID")
    assert "GATEWAY_VM_DOWN" in [m.get("event") for m in client.drain()]
    fresh = gateway.connect().ready()
    expect.error(fresh.call("gateway-attach", vm=one.uuid), "GenericError", "claim its UUID")
    two.destroy()
    wait.until(lambda: vms(gateway)["web1"]["state"] != "unreachable", "the end of the alarm")
    assert gateway.client("web1").result("query-name") == {"name": "web1"}


# --- coming and going

def test_domains_come_start_stop_and_go(gateway, libvirtd):
    gateway.start()
    gateway.wait_log("libvirt host1: connected")
    assert names(gateway) == []
    vm = libvirtd.domain("web1")
    wait_power(gateway, "web1", "shut off")
    assert vms(gateway)["web1"]["uuid"] == vm.uuid
    assert vms(gateway)["web1"]["host"] == "host1"
    vm.start()
    wait_power(gateway, "web1", "running")
    vm.virsh("suspend")
    wait_power(gateway, "web1", "paused")
    vm.virsh("resume")
    wait_power(gateway, "web1", "running")
    vm.destroy()
    wait_power(gateway, "web1", "shut off")
    vm.virsh("domrename", "web2")
    wait_names(gateway, "web2")
    vm.virsh("undefine")
    wait_names(gateway)


def test_a_transient_domain_vanishes_when_it_stops(gateway, libvirtd):
    vm = libvirtd.domain("web1").start()
    vm.virsh("undefine")
    gateway.start()
    wait_names(gateway, "web1")
    vm.destroy()
    wait_names(gateway)


def test_a_thousand_domains_are_enumerated_in_two_seconds(house, libvirtd, place):
    """Inactive ones of libvirt's own test driver: what is measured is the gateway."""
    path = place + "/many.xml"
    with open(path, "w") as f:
        f.write("<node>" + "".join(f"<domain type='test'><name>vm{i}</name><uuid>{uuid.UUID(int=i + 1)}</uuid><memory>8192</memory>"
                                   "<os><type>hvm</type></os></domain>" for i in range(1000)) + "</node>")
    gateway = house.gateway(policy=POLICY)
    gateway.libvirts["many"] = {"uri": f"test://{path}"}
    gateway.start()
    gateway.wait_log("libvirt many: connected", timeout=wait.scaled(2))  # which it says when it knows all
    assert len(names(gateway)) == 1000
    client = gateway.connect().ready()
    expect.error(client.call("gateway-attach", vm="vm7"), "GenericError", "no way to the monitors")


def test_a_vm_without_libvirt_is_served_while_libvirt_is_not_there(house, place):
    gateway = house.gateway(house.qemu("web2"))
    gateway.libvirts["gone"] = {"uri": f"qemu+unix:///session?socket={place}/nobody"}
    gateway.start()
    gateway.wait_log("libvirt gone: cannot connect")
    assert gateway.client("web2").result("query-name") == {"name": "web2"}


def test_virsh_is_what_the_tests_think_it_is(libvirtd):
    libvirtd.domain("web1")
    done = subprocess.run(["virsh", "-q", "-c", libvirtd.uri, "list", "--all", "--name"], stdout=subprocess.PIPE, text=True)
    assert done.stdout.split() == ["web1"]
