"""Certificates that run out are told of in time, in the log and in the figures, and end the sessions that rest on them."""

import subprocess
import time

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


# --- lists of revoked certificates ---------------------------------------------------------------

def old_lists(gateway):
    return [e["days"] for e in gateway.client("web1").result("gateway-stats")["expiring"] if "CRL" in e["what"]]


@pytest.mark.parametrize("days", [20, 5, 1])
def test_a_revocation_list_that_is_due_soon_is_warned_of(house, qemu, own_pki, days):
    own_pki.revoke(days=days)
    gateway = house.gateway(qemu, pki=own_pki).start()
    gateway.wait_log(f'CRL {own_pki.path("ca.crl")} expires at')
    left, = old_lists(gateway)
    assert left in (days - 1, days)


def test_one_that_is_not_due_for_long_is_not(house, qemu, own_pki):
    own_pki.revoke(days=300)
    assert old_lists(house.gateway(qemu, pki=own_pki).start()) == []


# --- sessions ------------------------------------------------------------------------------------

SECONDS = 4


def farewell(client):
    return [(m["event"], m["data"]) for m in client.drain() if m.get("event", "").startswith("GATEWAY_")]


EXPIRED = [("GATEWAY_CLOSED", {"reason": "its certificate has expired"})]


def test_a_session_ends_with_its_certificate(house, qemu, own_pki):
    own_pki.issue("brief", "operator", seconds=SECONDS)
    end = time.time() + SECONDS
    gateway = house.gateway(qemu, pki=own_pki).start()
    longer, brief = gateway.client("web1", "operator"), gateway.client("web1", "brief")
    brief.result("query-status")
    assert farewell(brief) == EXPIRED
    assert end - 1 <= time.time() < end + 3
    assert gateway.wait_record(type="session-close", code="certificate")["text"] == "its certificate has expired"
    longer.result("query-status")


def test_so_do_many_and_such_as_are_not_attached(house, qemu, own_pki):
    own_pki.issue("brief", "operator", seconds=SECONDS + 2)
    gateway = house.gateway(qemu, pki=own_pki).start()
    many = [gateway.connect(cert="brief").ready() for _ in range(50)]
    assert all(farewell(client) == EXPIRED for client in many)


def test_a_session_ends_with_its_authority_and_one_of_the_authority_beside_it_goes_on(house, qemu, own_pki):
    own_pki.authority("passing", SECONDS)
    own_pki.issue("orphan", "operator", ca="passing")
    with open(own_pki.path("ca.crt"), "a") as both, open(own_pki.path("passing.crt")) as f:
        both.write(f.read())
    gateway = house.gateway(qemu, pki=own_pki).start()
    longer, orphan = gateway.client("web1", "operator"), gateway.client("web1", "orphan")
    orphan.result("query-status")
    assert farewell(orphan) == EXPIRED
    longer.result("query-status")
    gateway.client("web1", "operator").result("query-status")
