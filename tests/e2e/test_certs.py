"""Certificates and versions that are not let in; and what a resumed session may not get past."""

import os
import ssl
import subprocess

import pytest

from harness import expect, wait
from harness.client import Client, Closed, tls_context
from harness.gateway import free_port


def turned_away(gateway, cert, vm="web1", context=None):
    """True if the connection ends without a greeting; in TLS 1.3 the client learns of it only when it reads."""
    try:
        client = gateway.connect(vm, cert, context=context)
        line = client.read()
    except (ssl.SSLError, Closed, OSError):
        return True
    expect.error(line)
    assert "id" not in line and client.drain() == []
    return True


@pytest.mark.parametrize("cert", ["expired", "revoked", "foreign", "no-client-eku"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_bad_certificate_is_turned_away(gateway, qemu, pki, cert, version):
    context = tls_context(pki, cert, versions=(version, version))
    assert turned_away(gateway, cert, context=context)
    gateway.client("web1", "viewer").result("query-name")  # the others are served
    record = gateway.wait_record(type="auth", result="denied")
    assert record["text"]


def test_a_good_certificate_that_no_grant_names_is_turned_away(gateway, qemu):
    client = gateway.connect("web1", "stranger")
    line = client.read()
    expect.denied(line)
    assert "id" not in line and client.drain() == []
    record = gateway.wait_record(type="auth", result="denied")
    assert record["identity"] == "x509:CN=stranger,O=Example"


def test_so_it_is_without_a_vm(gateway):
    assert turned_away(gateway, "stranger", vm=None)


def test_no_certificate_where_one_is_required(gateway):
    assert turned_away(gateway, None)


def test_a_certificate_of_two_names_is_no_identity(house, qemu, pki, place):
    own = pki.copy(place + "/pki")
    own.issue("two", None, dn="CN=admin,CN=other,O=Example")
    gateway = house.gateway(qemu, pki=own).start()
    assert turned_away(gateway, "two")


def test_a_name_is_matched_attribute_by_attribute(house, qemu, pki, place):
    """A DN whose one attribute spells out the whole of another's is somebody else."""
    own = pki.copy(place + "/pki")
    own.issue("sly", None, dn="CN=admin\\,O\\=Example")
    own.issue("longer", None, dn="CN=admin,O=Example,C=DE")
    own.issue("shorter", None, dn="CN=admin")
    gateway = house.gateway(qemu, pki=own).start()
    for cert in ("sly", "longer", "shorter"):
        assert turned_away(gateway, cert), cert


def test_a_uri_of_a_certificate_is_as_good_as_its_name(house, qemu, pki, place):
    own = pki.copy(place + "/pki")
    for name, uri in (("shop", "spiffe://example.org/ns/web/sa/shop"), ("deep", "spiffe://example.org/ns/web/sa/x/y"),
                      ("alike", "spiffe://example.org.evil/ns/web/sa/shop")):
        own.issue(name, "service", lines=("tls_www_client", f'uri = "{uri}"'))
    gateway = house.gateway(qemu, pki=own)
    gateway.policy += '''
grant "web" { to = {"x509-uri:spiffe://Example.org/ns/web/sa/*"} role = {"operator"} vms = {"web1"} }
'''
    gateway.start()
    client = gateway.client("web1", "shop")
    assert client.result("gateway-info")["identity"] == "x509:CN=service,O=Example"
    client.result("stop")
    assert turned_away(gateway, "deep")
    assert turned_away(gateway, "alike")


def test_two_certificates_of_one_name_have_the_rights_of_their_uris(house, qemu, pki, place):
    """Rights are kept for later by all that they come from."""
    own = pki.copy(place + "/pki")
    for name in ("reader", "runner"):
        own.issue(name, "service", lines=("tls_www_client", f'uri = "spiffe://example.org/{name}"'))
    gateway = house.gateway(qemu, pki=own)
    gateway.policy += '''
grant "readers" { to = {"x509-uri:spiffe://example.org/reader"} role = {"viewer"} vms = {"web1"} }
grant "runners" { to = {"x509-uri:spiffe://example.org/runner"} role = {"operator"} vms = {"web1"} }
'''
    gateway.start()
    runner, reader = gateway.client("web1", "runner"), gateway.client("web1", "reader")
    runner.result("stop")
    expect.denied(reader.call("cont"))
    runner.result("cont")


def test_a_certificate_of_a_uri_that_reads_two_ways_is_no_identity(house, qemu, pki, place):
    own = pki.copy(place + "/pki")
    own.issue("dots", "admin", lines=("tls_www_client", 'uri = "spiffe://example.org/ns/../admin"'))
    gateway = house.gateway(qemu, pki=own).start()
    assert turned_away(gateway, "dots")
    assert ". or .." in gateway.wait_record(type="auth", code="no-identity")["text"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python would rather not offer them at all
def test_old_versions_of_tls_are_refused(gateway, pki):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = tls_context(pki)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with pytest.raises((ssl.SSLError, OSError)):
            gateway.stream("web1", context=context)


def test_a_plain_client_on_the_tls_port_gets_nothing(gateway):
    import socket
    plain = Client(socket.create_connection(("127.0.0.1", gateway.port)))
    plain.raw(b'{"execute":"qmp_capabilities"}\n')
    with pytest.raises(Closed):
        while True:
            assert b"QMP" not in plain.read_line()


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def session_of(gateway, context):
    """A session that can be resumed. TLS 1.3 sends its ticket after the handshake: a reply brings it along."""
    client = gateway.client("web1", context=context)
    client.result("query-name")
    session = client.sock.session
    client.close()
    return session


def test_a_resumed_session_works(gateway, pki):
    context = tls_context(pki)
    session = session_of(gateway, context)
    client = gateway.client("web1", context=context, session=session)
    assert client.sock.session_reused
    assert client.result("gateway-info")["identity"] == pki.identity("admin")


def test_tls_1_2_has_no_tickets(gateway, pki):
    """Theirs would hold the session's own secret under a key that lives long: each handshake is a full one."""
    context = tls_context(pki, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))
    session = session_of(gateway, context)
    assert not gateway.client("web1", context=context, session=session).sock.session_reused


def test_a_ticket_allows_no_early_data(gateway, pki, place):
    """openssl sends early data only to who says that it takes some: a ticket that does has another maximum than 0."""
    ticket = f"{place}/ticket"
    common = ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", "web1.vm.example.com",
              "-CAfile", pki.path("ca.crt"), "-cert", pki.pair("admin")[0], "-key", pki.pair("admin")[1], "-tls1_3"]
    first = subprocess.Popen([*common, "-sess_out", ticket], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    first.stdin.write(b'{"execute": "qmp_capabilities"}\n')
    first.stdin.flush()
    wait.until(lambda: os.path.exists(ticket) and os.path.getsize(ticket), "a ticket")
    first.kill()
    said = first.communicate()[0].decode()
    assert "Max Early Data: 0" in said
    early = f"{place}/early"
    with open(early, "wb") as f:
        f.write(b'{"execute": "qmp_capabilities"}\n{"execute": "stop"}\n')
    again = subprocess.run([*common, "-sess_in", ticket, "-early_data", early], input=b"Q\n", timeout=wait.TIMEOUT,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert b"Early data was not sent" in again.stdout or b"does not support early data" in again.stdout, again.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_a_resumed_session_of_a_revoked_certificate_is_turned_away(house, qemu, pki, place, version):
    own = pki.copy(place + "/pki")
    gateway = house.gateway(qemu, pki=own).start()
    context = tls_context(own, versions=(version, version))
    session = session_of(gateway, context)
    own.revoke("admin")
    gateway.reload()
    with pytest.raises((ssl.SSLError, Closed, OSError)):
        client = gateway.connect("web1", context=context, session=session)
        message = client.read()
        assert "QMP" not in message
        client.read()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ticket_is_worth_nothing_at_another_listener(house, qemu, pki, version):
    gateway = house.gateway(qemu)
    other = free_port()
    gateway.listeners["other"] = {"address": "127.0.0.1", "port": other, "client_cert": "required", "vm": "web1"}
    gateway.start()
    context = tls_context(pki, versions=(version, version))
    session = session_of(gateway, context)
    client = gateway.connect("web1", context=context, session=session, port=other).ready()
    assert not client.sock.session_reused
    assert client.result("query-name") == {"name": "web1"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ticket_for_one_vm_opens_no_other(house, pki, version):
    """The server name of a resumed session is judged like any other."""
    gateway = house.gateway(house.qemu("web1"), house.fake("--name", "db1", names=("db1",))).start()
    context = tls_context(pki, "viewer", versions=(version, version))
    client = gateway.client("web1", context=context)
    client.result("query-name")
    session = client.sock.session
    try:
        answers = gateway.connect("db1", context=context, session=session).drain()
    except (ssl.SSLError, OSError):
        return
    assert len(answers) == 1 and "error" in answers[0]


def test_a_resumed_session_is_logged_as_who_it_is(gateway, pki):
    context = tls_context(pki, "viewer")
    client = gateway.client("web1", context=context)
    client.result("query-name")
    session = client.sock.session
    client = gateway.client("web1", context=context, session=session)
    assert client.result("gateway-info")["identity"] == pki.identity("viewer")
    expect.denied(client.call("stop"))


def test_certificate_authorities_have_names_where_there_are_several(house, qemu, pki):
    gateway = house.gateway(qemu)
    del gateway.tls["ca"], gateway.tls["crl"]
    gateway.extra = ""
    text = gateway.config_text()
    cas = f'''    ca "home" {{ file = "{pki.path("ca.crt")}" crl = "{pki.path("ca.crl")}" }}
    ca "partners" {{ file = "{pki.path("other-ca.crt")}" }}
'''
    text = text.replace("tls {\n", "tls {\n" + cas)
    gateway.config_text = lambda: text
    gateway.policy = gateway.policy.replace("x509:", "x509:home:")
    gateway.start()
    assert gateway.client("web1").result("gateway-info")["identity"] == "x509:home:CN=admin,O=Example"
    assert turned_away(gateway, "foreign")  # the same name, of another authority
    gateway.policy = gateway.policy.replace('{"x509:home:CN=viewer,O=Example"}', '{"x509:partners:CN=admin,O=Example"}')
    gateway.reload()
    client = gateway.client("web1", "foreign")
    assert client.result("gateway-info")["identity"] == "x509:partners:CN=admin,O=Example"
    expect.denied(client.call("stop"))
