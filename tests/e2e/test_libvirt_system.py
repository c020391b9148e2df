"""root's libvirtd, and the gateway as a user who may do there what a rule of polkit's says: the one that is shipped."""

import os
import pwd
import re
import shutil

import pytest

from harness import expect, wait
from harness.libvirt import SystemLibvirtd
from harness.pki import SOURCE

POLICY = """
role "owner"  { allow = {"*"} events = {"*"} }
grant "owners" { to = {"x509:CN=admin,O=Example"} role = {"owner"} vms = {"*"} }
"""
USER = "daemon"


def shipped_rule(domains="/^/"):
    with open(os.path.join(SOURCE, "conf/examples/polkit-qmpgate.rules")) as f:
        text = f.read()
    assert '"qmpgate"' in text and "/^/" in text
    return text.replace('"qmpgate"', f'"{USER}"').replace("/^/", domains)


def rights_in(rule):
    return set(re.findall(r'"(org\.libvirt\.[a-z.-]*[a-z])"', rule))


@pytest.fixture
def run(house, place):
    """A libvirtd with a rule, and a gateway as USER."""
    def run(rule):
        libvirtd = SystemLibvirtd(place, rule)
        house.vms.append(libvirtd)
        libvirtd.start()
        gateway = house.gateway(libvirtd, policy=POLICY)
        user = pwd.getpwnam(USER)
        gateway.options.update(user=USER)
        gateway.libvirts["host1"]["trust_metadata"] = True
        os.chmod(gateway.directory, 0o777)
        log, pki = place + "/log", place + "/pki"
        os.mkdir(log, 0o750)
        os.mkdir(pki)
        for option in ("cert", "key", "ca", "crl"):
            gateway.tls[option] = shutil.copy(gateway.tls[option], pki)
            os.chown(gateway.tls[option], user.pw_uid, user.pw_gid)
        os.chown(log, user.pw_uid, user.pw_gid)
        gateway.audit_file = gateway.audit["path"] = log + "/audit.jsonl"
        return libvirtd, gateway
    return run


def vms(gateway):
    return {v["name"]: v["power"] for v in gateway.connect().ready().result("gateway-list-vms")}


def test_without_a_rule_the_gateway_does_not_get_in(run):
    libvirtd, gateway = run("")
    libvirtd.domain("web1")
    gateway.start()
    gateway.wait_log("libvirt host1: cannot connect")
    assert vms(gateway) == {}
    assert libvirtd.asked(USER) == {"org.libvirt.unix.manage"}


def test_with_the_shipped_rule_it_serves_and_asks_for_no_more_than_that(run):
    rule = shipped_rule()
    libvirtd, gateway = run(rule)
    vm = libvirtd.domain("web1").start("--paused")
    gateway.start()
    wait.until(lambda: vms(gateway) == {"web1": "paused"}, "the VM")
    client = gateway.client("web1")
    client.result("cont")
    client.event("RESUME")
    vm.virsh("metadata", "--uri", "urn:qmpgate:labels:1", "--key", "q", "--live", "--set", "<labels>a=b</labels>")
    wait.until(lambda: [v["labels"] for v in client.result("gateway-list-vms")] == [["a=b"]], "the label")
    vm.destroy()
    wait.until(lambda: vms(gateway) == {"web1": "shut off"}, "the end of the VM")
    assert libvirtd.asked(USER) == rights_in(rule)


def test_with_the_shipped_rule_domains_cannot_be_changed(run):
    libvirtd, _ = run(shipped_rule())
    vm = libvirtd.domain("web1").start("--paused")
    off = libvirtd.domain("web2")
    for words in (["destroy", "web1"], ["start", "web2"], ["undefine", "web2"], ["define", libvirtd.path("domain.xml")],
                  ["managedsave", "web1"], ["dumpxml", "--security-info", "web1"]):
        code, said = libvirtd.virsh_as(USER, *words)
        assert code != 0 and "access denied" in said, (words, said)
    assert (vm.virsh("domstate").strip(), off.virsh("domstate").strip()) == ("paused", "shut off")


def test_the_shipped_rule_can_keep_domains_from_it_by_name(run):
    libvirtd, gateway = run(shipped_rule(domains="/^acme-/"))
    libvirtd.domain("acme-web1")
    libvirtd.domain("web1")
    gateway.start()
    gateway.wait_log("libvirt host1: connected")
    assert vms(gateway) == {"acme-web1": "shut off"}


def test_without_the_right_to_commands_they_are_refused_and_not_run(run):
    libvirtd, gateway = run(shipped_rule().replace('"org.libvirt.api.domain.write"', '"none"'))
    libvirtd.domain("web1").start("--paused")
    gateway.start()
    wait.until(lambda: vms(gateway) == {"web1": "paused"}, "the VM")
    expect.error(gateway.connect().ready().call("gateway-attach", vm="web1"), "GenericError", "no right")
