"""A libvirt on another host: by TLS with libvirt's own certificates, and by SSH. Real libvirtds and a real sshd, on loopback."""

import os

import pytest

from harness import expect, wait
from harness.libvirt import vms
from harness.remote import KEY_USAGE, Sshd, TlsLibvirtd

POLICY = """
role "owner"  { allow = {"*"} events = {"*"} }
grant "owners" { to = {"x509:CN=admin,O=Example"} role = {"owner"} vms = {"*"} }
"""


@pytest.fixture
def tls(house, pki, place):
    """One that listens by TLS."""
    libvirtd = TlsLibvirtd(place, pki.copy(place + "/lv-pki"))
    house.vms.append(libvirtd)
    return libvirtd.start()


@pytest.fixture
def sshd(house, place):
    sshd = Sshd(place)
    house.vms.append(sshd)
    return sshd.start()


@pytest.fixture
def libvirtd(house):
    return house.libvirtd()


def gateway_at(house, **uris):
    gateway = house.gateway(policy=POLICY, libvirts={name: {"uri": uri} for name, uri in uris.items()})
    return gateway.start()


def is_up(gateway, host):
    return any(f"libvirt {host}: connected" in line for line in gateway.said().splitlines())


def is_refused(gateway, host):
    """It has tried, and was not let in, or would not go in."""
    line = gateway.wait_log(f"libvirt {host}:")
    assert "connected" not in line, line
    assert not is_up(gateway, host)
    return line


# --- TLS

def test_by_tls_a_vm_of_another_host_is_like_one_of_this(house, tls):
    web1 = tls.domain("web1").start("--paused")
    gateway = gateway_at(house, far=tls.remote(tls.credentials("good", "gateway")))
    gateway.wait_log("libvirt far: connected")
    with gateway.client("web1") as client:
        assert client.result("query-name") == {"name": "web1"}
        client.result("cont")
        client.event("RESUME")
    assert web1.commands().count("cont") >= 1
    assert vms(gateway)["web1"]["host"] == "far"
    record = gateway.wait_record(type="attach", vm="web1")
    assert f"libvirt far, qemu+tls://localhost:{tls.port}/session" in record["text"], record


def test_a_libvirtd_that_comes_back_is_found_again(house, tls):
    tls.domain("web1").start("--paused")
    gateway = gateway_at(house, far=tls.remote(tls.credentials("good", "gateway")))
    gateway.wait_log("libvirt far: connected")
    client = gateway.client("web1")
    tls.kill()
    wait.until(lambda: vms(gateway)["web1"]["state"] == "unreachable", "its loss")
    expect.error(client.call("query-name"), "GenericError", "not run")
    tls.start()
    wait.until(lambda: "return" in client.call("query-name"), "it again")


@pytest.mark.parametrize("what", ["another name", "another authority"])
def test_by_tls_libvirtd_lets_nobody_else_in(house, pki, tls, what):
    other = tls.credentials("bad", "gateway" if what == "another authority" else "mallory",
                            ca="ca" if what == "another name" else make_authority(tls.pki))
    gateway = gateway_at(house, far=tls.remote(other))
    assert "TLS" in is_refused(gateway, "far")
    if what == "another authority":
        wait.until(lambda: "Failed to verify peer's certificate" in tls.process.text, "what libvirtd says")


def make_authority(pki):
    pki.authority("rogue", 3600)
    return "rogue"


def test_by_tls_a_host_with_another_name_is_not_believed(house, tls):
    """Its certificate is for localhost, and not for an address."""
    gateway = gateway_at(house, far=tls.remote(tls.credentials("good", "gateway"), host="127.0.0.1"))
    assert "certificate" in is_refused(gateway, "far").lower()


def test_by_tls_a_host_of_another_authority_is_not_believed(house, pki, place):
    own = pki.copy(place + "/lv-pki")
    rogue = TlsLibvirtd(place, own)
    house.vms.append(rogue)
    credentials = rogue.credentials("good", "gateway")
    own.authority("rogue", 3600)
    cert, key = own.issue("fake", "host1", ca="rogue", lines=("tls_www_server", 'dns_name = "localhost"', KEY_USAGE), rsa=True)
    for source, target in ((cert, "cert.pem"), (key, "key.pem")):
        with open(source) as f, open(rogue.path(target), "w") as out:
            out.write(f.read())
    with open(rogue.path("libvirtd.conf"), "a") as f:
        f.write("tls_no_sanity_certificate = 1\n")  # libvirtd itself would not start with it
    rogue.start()
    gateway = gateway_at(house, far=rogue.remote(credentials))
    assert "certificate" in is_refused(gateway, "far").lower()


# --- SSH

def by_ssh(house, sshd, **uris):
    gateway = house.gateway(policy=POLICY, libvirts={name: {"uri": uri} for name, uri in uris.items()})
    gateway.env["PATH"] = f"{sshd.path('bin')}:{os.environ['PATH']}"
    return gateway.start()


def test_by_ssh_a_vm_of_another_host_is_like_one_of_this(house, libvirtd, sshd):
    libvirtd.domain("web1").start("--paused")
    gateway = by_ssh(house, sshd, far=sshd.uri(libvirtd))
    gateway.wait_log("libvirt far: connected")
    with gateway.client("web1") as client:
        assert client.result("query-name") == {"name": "web1"}
        client.result("cont")
        client.event("RESUME")


def test_by_ssh_a_host_with_another_key_is_not_believed(house, libvirtd, sshd):
    sshd.write("known_hosts", f"[127.0.0.1]:{sshd.port} {sshd.read('other.pub')}")
    gateway = by_ssh(house, sshd, far=sshd.uri(libvirtd))
    assert "identification has changed" in is_refused(gateway, "far").lower()


def test_by_ssh_nobody_else_gets_in(house, libvirtd, sshd):
    gateway = by_ssh(house, sshd, far=sshd.uri(libvirtd, key="other"))
    assert "permission denied" in is_refused(gateway, "far").lower()


def test_at_the_end_no_ssh_is_left(house, libvirtd, sshd):
    gateway = by_ssh(house, sshd, far=sshd.uri(libvirtd))
    gateway.wait_log("libvirt far: connected")
    assert clients_of(sshd)
    gateway.stop()
    wait.until(lambda: not clients_of(sshd), "the end of its ssh")


def clients_of(sshd):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if sshd.path("ssh_config").encode() in f.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass
    return found
