"""Certificates that run out are told of in time, in the log and in the figures."""

import subprocess

import pytest

from harness.pki import VM_DOMAIN


@pytest.fixture
def own_pki(pki, place):
    return pki.copy(place + "/pki")


def issue_server(pki, place, days):
    """The server's certificate anew, good for so many days."""
    extensions, request = place + "/extensions", place + "/request"
    with open(extensions, "w") as f:
        f.write(f"subjectAltName=DNS:*.{VM_DOMAIN},DNS:{VM_DOMAIN},IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    subprocess.run(["openssl", "req", "-new", "-key", pki.path("server.key"), "-subj", "/CN=server", "-out", request],
                   check=True)
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", pki.path("ca.crt"), "-CAkey", pki.path("ca.key"),
                    "-days", str(days), "-extfile", extensions, "-out", pki.path("server.crt")],
                   check=True, stderr=subprocess.DEVNULL)


def expiring(gateway):
    return [(e["what"], e["days"]) for e in gateway.client("web1").result("gateway-stats")["expiring"]
            if "server.crt" in e["what"]]


@pytest.mark.parametrize("days", [20, 5, 1])
def test_a_certificate_that_runs_out_soon_is_warned_of(house, qemu, own_pki, place, days):
    issue_server(own_pki, place, days)
    gateway = house.gateway(qemu, pki=own_pki).start()
    gateway.wait_log('server.crt ("CN=server") expires at')
    (_, left), = expiring(gateway)
    assert left in (days - 1, days)


def test_one_that_is_good_for_long_is_not(house, qemu, own_pki, place):
    issue_server(own_pki, place, 300)
    gateway = house.gateway(qemu, pki=own_pki).start()
    assert expiring(gateway) == []


def test_a_reload_brings_a_new_one_and_ends_the_warning(house, qemu, own_pki, place):
    issue_server(own_pki, place, 5)
    gateway = house.gateway(qemu, pki=own_pki).start()
    assert expiring(gateway)
    issue_server(own_pki, place, 300)
    gateway.client("web1").result("gateway-reload")
    assert expiring(gateway) == []
