"""Logins by SASL through the real daemon: passwords of a real sasldb, a real saslauthd, a real KDC elsewhere."""

import base64
import os
import resource
import time

import pytest

from harness import expect, login, wait
from harness.client import Client, Closed, tls_context
from harness.gateway import user_name
from harness.login import Refused, Scram
from harness.sasl import REALM, Sasldb

ALICE, CAROL = "correct horse", "battery staple"

POLICY = """
grant "alice-on-web" {
    to   = {"sasl:alice@example.com"}
    role = {"operator"}
    vms  = {"web*"}
}
grant "carol-on-web" { to = {"sasl:carol@example.com"} role = {"viewer"} vms = {"web*"} }
"""

LOCAL = f"""
grant "local" {{ to = {{"unix:{user_name()}"}} role = {{"viewer"}} vms = {{"web*"}} }}
"""

MECHANISMS = ["SCRAM-SHA-256", "PLAIN", "EXTERNAL"]


@pytest.fixture
def db(place):
    return Sasldb(place, alice=ALICE, carol=CAROL, nobody="no grant")


@pytest.fixture
def served(house, qemu, db):
    """A gateway with a listener for passwords, and how to change it before it starts."""
    def start(limits=None, policy="", section="", **listener):
        gateway = house.gateway(qemu)
        gateway.policy += POLICY + policy
        gateway.listeners["public"].update({"client_cert": "optional", "sasl": MECHANISMS, **listener})
        gateway.limits.update({"login_delay_milliseconds": 100, **(limits or {})})
        gateway.extra += f'sasl {{ realm = "{REALM}" db = "{db.path}" {section} }}\n'
        return gateway.start()
    return start


@pytest.fixture
def gateway(served):
    return served()


def stranger(gateway, vm=None, cert=None):
    """Connected, and nobody yet."""
    return gateway.connect(vm, cert).greet()


# --- who gets in ---------------------------------------------------------------------------------

def test_who_is_nobody_is_greeted_by_the_gateway_and_told_how_to_log_in(gateway):
    client = stranger(gateway, "web1")
    assert client.greeting["QMP"]["capabilities"] == ["gateway"]
    info = client.result("gateway-info")
    assert info["phase"] == "auth" and "identity" not in info
    assert info["mechanisms"] == ["SCRAM-SHA-256", "PLAIN"]  # EXTERNAL is for who has a certificate


@pytest.mark.parametrize("by", [login.scram, login.plain])
def test_a_password_logs_in(gateway, by):
    client = stranger(gateway).negotiate()
    assert by(client, "alice", ALICE)["complete"]
    info = client.result("gateway-info")
    assert (info["phase"], info["identity"]) == ("attach", "sasl:alice@example.com")
    client.result("gateway-attach", vm="web1")
    assert client.result("query-name") == {"name": "web1"}
    auth = gateway.wait_record(type="auth", result="ok")
    assert (auth["identity"], auth["claimed"]) == ("sasl:alice@example.com", "alice@example.com")
    assert auth["mechanism"] in ("SCRAM-SHA-256", "PLAIN")


def test_the_last_answer_brings_the_vm_that_the_server_name_asked_for(gateway):
    client = stranger(gateway, "web1").negotiate()
    done = login.scram(client, "alice", ALICE)
    assert done["vm"] == "web1" and "version" in done["QMP"]
    assert client.result("query-name") == {"name": "web1"}


def test_negotiation_may_follow_the_login(gateway):
    client = stranger(gateway, "web1")
    login.scram(client, "alice", ALICE)
    expect.not_negotiated(client.call("query-name"))
    client.negotiate()
    assert client.result("query-name") == {"name": "web1"}


def test_a_vm_that_may_not_be_seen_leaves_a_login_good(gateway):
    client = stranger(gateway, "db1").negotiate()
    done = login.scram(client, "alice", ALICE)
    assert done["complete"] and "no such VM" in done["attach-error"]
    client.result("gateway-attach", vm="web1")


def test_rights_are_those_of_who_logged_in(gateway, qemu):
    client = stranger(gateway, "web1").negotiate()
    login.plain(client, "carol", CAROL)
    client.result("query-status")
    expect.denied(client.call("stop"))
    assert "stop" not in qemu.commands()


def test_a_certificate_still_needs_no_login(gateway):
    assert gateway.client("web1", "operator").result("query-name") == {"name": "web1"}


def test_a_local_client_may_have_to_log_in(served):
    gateway = served()
    gateway.stop()
    gateway.add_control(identity="sasl", sasl=["PLAIN", "EXTERNAL"])
    gateway.start()
    client = gateway.local().greet().negotiate()
    assert client.result("gateway-info")["mechanisms"] == ["PLAIN", "EXTERNAL"]
    login.plain(client, "alice", ALICE)
    client.result("gateway-attach", vm="web1")


def test_external_takes_the_identity_of_the_local_user(served):
    gateway = served(policy=LOCAL)
    gateway.stop()
    gateway.add_control(identity="sasl", sasl=["EXTERNAL"])
    gateway.start()
    client = gateway.local().greet().negotiate()
    info = client.result("gateway-info")
    assert (info["phase"], info["mechanisms"]) == ("auth", ["EXTERNAL"]) and "identity" not in info
    expect.error(client.call("gateway-attach", vm="web1"))
    assert login.external(client)["complete"]
    assert client.result("gateway-info")["identity"] == f"unix:{user_name()}"
    record = gateway.wait_record(type="auth", result="ok")
    assert (record["identity"], record["mechanism"]) == (f"unix:{user_name()}", "EXTERNAL")
    client.result("gateway-attach", vm="web1")
    client.result("query-status")
    expect.denied(client.call("stop"))


def test_external_makes_nobody_of_a_local_user_without_a_grant_and_nobody_else(served):
    gateway = served()
    gateway.stop()
    gateway.add_control(identity="sasl", sasl=["EXTERNAL"])
    gateway.start()
    for authzid, why in (("", "no grant"), ("sasl:alice@example.com", "")):
        client = gateway.local().greet()
        with pytest.raises(Refused, match=why):
            login.external(client, authzid)
        assert client.result("gateway-info")["phase"] == "auth"


# --- certificate and login -----------------------------------------------------------------------

def test_external_takes_the_identity_of_the_certificate(served):
    gateway = served(identity="sasl", client_cert="required")
    client = stranger(gateway, "web1", "operator").negotiate()
    assert "EXTERNAL" in client.result("gateway-info")["mechanisms"]
    login.external(client)
    assert client.result("gateway-info")["identity"] == gateway.pki.identity("operator")


def test_where_the_login_is_the_identity_a_certificate_alone_is_nobody(served, qemu):
    gateway = served(identity="sasl", client_cert="required")
    client = stranger(gateway, "web1", "operator").negotiate()
    assert client.result("gateway-info")["phase"] == "auth"
    assert "error" in client.call("query-name")
    login.scram(client, "carol", CAROL)
    assert client.result("gateway-info")["identity"] == "sasl:carol@example.com"
    expect.denied(client.call("stop"))  # the operator may, carol not
    assert "stop" not in qemu.commands()


def test_two_factors_with_the_certificate_as_identity(served):
    gateway = served(two_factors=True, client_cert="required", sasl=["SCRAM-SHA-256", "EXTERNAL"])
    client = stranger(gateway, "web1", "operator").negotiate()
    info = client.result("gateway-info")
    assert info["phase"] == "auth" and info["mechanisms"] == ["SCRAM-SHA-256"]  # EXTERNAL is no second factor
    login.scram(client, "carol", CAROL)
    assert client.result("gateway-info")["identity"] == gateway.pki.identity("operator")
    auth = gateway.wait_record(type="auth", result="ok")
    assert (auth["external"], auth["claimed"]) == (gateway.pki.identity("operator"), "carol@example.com")


def test_two_factors_are_two(served):
    gateway = served(two_factors=True, client_cert="required", identity="sasl")
    with pytest.raises(Closed):
        gateway.connect("web1", None).greet()  # no certificate
    client = stranger(gateway, "web1", "operator").negotiate()
    with pytest.raises(Refused):
        login.scram(client, "carol", "wrong")
    assert client.result("gateway-info")["phase"] == "auth"


# --- who does not --------------------------------------------------------------------------------

@pytest.mark.parametrize("by", [login.scram, login.plain])
@pytest.mark.parametrize("user, password", [("alice", "wrong"), ("mallory", "wrong"), ("alice", ""), ("", ALICE),
                                            ("Alice", ALICE), ("alice@elsewhere.org", ALICE), ("al\u0131ce", ALICE)])
def test_a_wrong_login_hears_no_more_than_that(gateway, by, user, password):
    client = stranger(gateway)
    with pytest.raises(Refused, match="^authentication failed$"):
        by(client, user, password)
    assert client.result("gateway-info")["phase"] == "auth"
    refused = gateway.wait_record(type="auth", result="denied")
    assert refused["text"] and refused["text"] != "authentication failed"  # the log hears why
    assert refused["code"] == "credentials"
    assert "identity" not in refused


def test_who_is_not_named_in_any_grant_is_turned_away(gateway):
    client = stranger(gateway)
    with pytest.raises(Refused, match="no grant"):
        login.scram(client, "nobody", "no grant")
    assert client.result("gateway-info")["phase"] == "auth"


@pytest.mark.parametrize("mechanism", ["ANONYMOUS", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM", "GSSAPI", "SCRAM-SHA-1",
                                       "SCRAM-SHA-256-PLUS", "EXTERNAL", "plain", "", "PLAIN\0", "x" * 1000])
def test_a_mechanism_that_is_not_offered_is_refused_at_once(gateway, mechanism):
    client = stranger(gateway)
    expect.error(login.start(client, mechanism, b"\0alice\0" + ALICE.encode()), "GenericError", "not offered")


def test_too_many_failures_end_the_connection(gateway):
    client = stranger(gateway)
    for _ in range(3):
        with pytest.raises(Refused):
            login.plain(client, "alice", "wrong")
    assert client.drain() == []


def test_a_login_may_follow_one_that_failed(gateway):
    client = stranger(gateway)
    with pytest.raises(Refused):
        login.plain(client, "alice", "wrong")
    assert login.scram(client, "alice", ALICE)["complete"]


def test_nothing_runs_before_the_login(gateway, qemu):
    client = stranger(gateway, "web1").negotiate()
    for command in ("stop", "query-status", "gateway-list-vms", "gateway-sessions", "gateway-reload"):
        assert "error" in client.call(command)
    expect.error(client.call("gateway-attach", vm="web1"))
    expect.error(client.call("gateway-act-as", identity="sasl:alice@example.com"))
    assert qemu.commands().count("stop") == 0


def test_a_login_on_a_listener_without_is_refused(house, qemu):
    client = house.gateway(qemu).start().client("web1")
    expect.error(login.start(client, "PLAIN", b"\0a\0b"), "GenericError", "no login by SASL is offered")


# --- the exchange, broken ------------------------------------------------------------------------

BROKEN = {
    "not base64": lambda c: c.call("gateway-auth-start", mechanism="PLAIN", data="%%%%"),
    "base64 without its padding": lambda c: c.call("gateway-auth-start", mechanism="PLAIN", data="AGEAYg"),
    "base64 with a line end": lambda c: c.call("gateway-auth-start", mechanism="PLAIN", data="AGFs\naWNl"),
    "a step before the start": lambda c: login.step(c, b""),
    "a NUL in a name": lambda c: login.start(c, "PLAIN", b"\0al\0ice\0" + ALICE.encode()),
    "a control byte in a name": lambda c: login.start(c, "PLAIN", b"\0al\x1bice\0" + ALICE.encode()),
    "PLAIN without its parts": lambda c: login.start(c, "PLAIN", b"alice"),
    "PLAIN with nothing": lambda c: login.start(c, "PLAIN", b""),
    "a very long name": lambda c: login.start(c, "PLAIN", b"\0" + b"a" * 5000 + b"\0x"),
    "no JSON string": lambda c: c.call("gateway-auth-start", mechanism="PLAIN", data=7),
    "an unknown argument": lambda c: c.call("gateway-auth-start", {"mechanism": "PLAIN", "user": "alice"}),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_step_is_refused_and_the_connection_goes_on(gateway, how):
    client = stranger(gateway)
    expect.error(BROKEN[how](client))
    assert all(r["code"] in ("login-syntax", "credentials") for r in gateway.records(type="auth", result="denied"))
    assert client.result("gateway-info")["phase"] == "auth"
    assert login.scram(client, "alice", ALICE)["complete"]


def test_two_starts_are_one_too_many(gateway):
    client = stranger(gateway)
    it = Scram("alice", ALICE)
    first = login.result(login.start(client, "SCRAM-SHA-256", it.first()))
    expect.error(login.start(client, "SCRAM-SHA-256", Scram("carol", CAROL).first()), "GenericError", "under way")
    expect.error(login.step(client, it.final(base64.b64decode(first["data"]))))  # that one is over
    assert client.result("gateway-info")["phase"] == "auth"


def test_a_message_of_64_kib_is_the_end_of_patience(gateway):
    client = stranger(gateway)
    client.send({"execute": "gateway-auth-start", "arguments": {"mechanism": "PLAIN", "data": "A" * (65536 + 1)}})
    expect.error(client.reply(), "GenericError", "too long")
    assert client.drain() == []
    stranger(gateway).result("gateway-info")


@pytest.mark.parametrize("step", ["gateway-auth-start", "gateway-auth-step"])
def test_a_step_of_more_than_64_kib_is_refused_where_messages_may_be_longer(served, step):
    client = stranger(served(limits={"request_bytes": 1 << 20}))
    data = {"data": login.encode(b"n" * (65536 + 1))}
    if step == "gateway-auth-start":
        data["mechanism"] = "SCRAM-SHA-256"
    else:
        login.result(login.start(client, "SCRAM-SHA-256"))
    expect.error(client.call(step, data), "GenericError", "data: ")
    assert client.result("gateway-info")["phase"] == "auth"
    assert login.scram(client, "alice", ALICE)["complete"]


def test_a_step_of_64_kib_is_looked_at(served):
    client = stranger(served(limits={"request_bytes": 1 << 20}))
    with pytest.raises(Refused, match="^authentication failed$"):
        login.plain(client, "alice", "x" * (65536 - 7))
    assert login.scram(client, "alice", ALICE)["complete"]


def test_an_exchange_does_not_go_on_for_ever(served):
    gateway = served(limits={"login_attempts": 100})
    client = stranger(gateway)
    login.result(login.start(client, "SCRAM-SHA-256"))  # no data: the server asks for the first message
    with pytest.raises(Refused):
        for _ in range(20):
            login.result(login.step(client, b"n,,n=alice,r=abc"))


def test_no_first_message_and_an_empty_one_are_different(gateway):
    client = stranger(gateway)
    asked = login.result(login.start(client, "SCRAM-SHA-256"))
    assert asked["complete"] is False
    it = Scram("alice", ALICE)
    challenge = login.result(login.step(client, it.first()))
    assert login.result(login.step(client, it.final(base64.b64decode(challenge["data"]))))["complete"]
    client = stranger(gateway)
    expect.error(login.start(client, "SCRAM-SHA-256", b""))


def test_who_leaves_in_the_middle_leaves_nothing(gateway):
    for _ in range(50):
        client = stranger(gateway)
        client.request("gateway-auth-start", mechanism="SCRAM-SHA-256", data=login.encode(Scram("alice", ALICE).first()))
        client.close()
        client = stranger(gateway)
        login.start(client, "SCRAM-SHA-256", Scram("alice", ALICE).first())
        client.close()
    admin = gateway.client("web1")
    wait.until(lambda: admin.result("gateway-stats")["connections"] == 1, "the end of all others")
    assert login.scram(stranger(gateway), "alice", ALICE)["complete"]


def descriptors(wanted):
    """Opens the way to so many, or to as many as there are to be had; returns how many."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except ValueError:  # not root, or not allowed to
        wanted = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def test_ten_thousand_half_logins_leave_nothing(served):
    """Over a UNIX socket: what TLS costs is not the question here."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = descriptors(24000)
    count = min(10000, most // 2 - 500)
    try:
        gateway = served(limits={"connections": 12000, "connections_unauthenticated": 12000, "negotiate_seconds": 600})
        gateway.stop()
        gateway.add_control(identity="sasl", sasl=["SCRAM-SHA-256"])
        gateway.start()
        admin = gateway.client("web1")
        threads = len(os.listdir(f"/proc/{gateway.pid}/task"))
        half = []
        for _ in range(count):
            client = gateway.local()
            client.request("gateway-auth-start", mechanism="SCRAM-SHA-256")
            client.greet()  # its user is known then: more look-ups at once than may wait are turned away
            half.append(client)
        for client in half:
            assert client.reply()["return"]["complete"] is False
        assert admin.result("gateway-stats")["unauthenticated"] == count
        assert admin.result("query-name") == {"name": "web1"}
        for client in half:
            client.close()
        wait.until(lambda: admin.result("gateway-stats")["connections"] == 1, "the end of all others")
        assert len(os.listdir(f"/proc/{gateway.pid}/task")) == threads
        assert login.scram(stranger(gateway), "alice", ALICE)["complete"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_login_under_way_does_not_hold_up_the_end(served):
    gateway = served()
    for _ in range(20):
        client = stranger(gateway)
        client.request("gateway-auth-start", mechanism="SCRAM-SHA-256", data=login.encode(Scram("alice", ALICE).first()))
    gateway.stop()


def test_what_is_sent_behind_a_login_waits_for_it(gateway):
    client = stranger(gateway, "web1").negotiate()
    client.send({"execute": "gateway-auth-start",
                 "arguments": {"mechanism": "PLAIN", "data": login.encode(f"\0alice\0{ALICE}".encode())}, "id": 1},
                {"execute": "query-name", "id": 2})
    assert client.reply()["return"]["complete"]
    assert client.reply()["return"] == {"name": "web1"}


# --- back-off ------------------------------------------------------------------------------------

def guess(gateway, user="alice", times=4):
    for _ in range(times):
        client = stranger(gateway)
        with pytest.raises(Refused):
            login.plain(client, user, "wrong")
        client.close()


def test_who_guesses_waits_even_with_the_right_password(gateway):
    guess(gateway)
    with pytest.raises(Refused, match="too many have failed, wait"):
        login.plain(stranger(gateway), "alice", ALICE)
    assert gateway.wait_record(type="auth", code="held-back")["claimed"] == "alice@example.com"
    login.plain(stranger(gateway), "carol", CAROL)  # another name at the same address


def test_what_is_held_back_shows_and_can_be_released(served):
    gateway = served(policy='grant "r" { to = {"x509:CN=admin,O=Example"} admin = {"login-release"} }\n')
    guess(gateway)
    admin = gateway.client("web1")
    held = admin.result("gateway-stats")["logins"]
    assert held["held"] == 1
    assert held["pairs"][0]["address"] == "127.0.0.1" and held["pairs"][0]["name"] == "alice@example.com"
    assert admin.result("gateway-login-release", address="127.0.0.1", name="alice@example.com") == {"released": 1}
    assert login.plain(stranger(gateway), "alice", ALICE)["complete"]


def test_release_is_administration(gateway):
    expect.denied(gateway.client("web1", "operator").call("gateway-login-release"))


def test_nobody_is_held_back_elsewhere(gateway):
    guess(gateway)
    client = Client(gateway.stream(None, None, source=("127.0.0.2", 0))).greet()
    assert login.plain(client, "alice", ALICE)["complete"]


def test_exchanges_that_tell_no_name_yet_hold_nobody_back(gateway):
    half = [stranger(gateway) for _ in range(10)]
    for client in half:
        assert login.result(login.start(client, "SCRAM-SHA-256"))["complete"] is False
    assert login.scram(stranger(gateway), "alice", ALICE)["complete"]
    assert gateway.client("web1").result("gateway-stats")["logins"]["held"] == 0


# --- the life of a login -------------------------------------------------------------------------

def test_a_login_grows_old(served):
    gateway = served(section="session_seconds = 1")
    client = stranger(gateway, "web1").negotiate()
    login.scram(client, "alice", ALICE)
    client.drain()
    assert gateway.wait_record(type="session-close", code="login")["text"] == "its login is too old"


def test_logging_in_again_renews_it(served):
    gateway = served(section="session_seconds = 2")
    client = stranger(gateway, "web1").negotiate()
    login.scram(client, "alice", ALICE)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        assert login.scram(client, "alice", ALICE)["complete"]
        client.result("query-status")


def test_the_certificate_beneath_a_login_ends_it_too(served, pki, place):
    own = pki.copy(place + "/brief")
    own.issue("brief", "operator", seconds=4)
    gateway = served(identity="sasl")
    client = gateway.connect("web1", context=tls_context(own, "brief")).ready()
    login.scram(client, "alice", ALICE)
    client.result("query-status")
    assert client.event("GATEWAY_CLOSED")["data"] == {"reason": "its certificate has expired"}
    assert gateway.wait_record(type="session-close")["identity"] == "sasl:alice@example.com"


def test_logging_in_again_as_somebody_else_is_refused(gateway):
    client = stranger(gateway, "web1").negotiate()
    login.scram(client, "carol", CAROL)
    with pytest.raises(Refused, match="^authentication failed$"):
        login.plain(client, "alice", ALICE)
    assert client.result("gateway-info")["identity"] == "sasl:carol@example.com"
    expect.denied(client.call("stop"))
    assert gateway.wait_record(type="auth", result="denied")["code"] == "other-identity"
    for _ in range(2):
        with pytest.raises(Refused):
            login.plain(client, "alice", "wrong")
    assert client.drain() == []
    assert gateway.wait_record(type="session-close")["code"] == "failed-logins"


def test_who_came_by_certificate_has_nothing_to_log_in_to(gateway):
    client = gateway.client("web1", "operator")
    expect.error(login.start(client, "PLAIN", f"\0alice\0{ALICE}".encode()), "GenericError", "no login is needed")


def test_all_sessions_of_an_identity_are_closed_at_once(gateway):
    some = [stranger(gateway, "web1").negotiate() for _ in range(5)]
    for client in some:
        login.scram(client, "alice", ALICE)
    other = stranger(gateway, "web1").negotiate()
    login.scram(other, "carol", CAROL)
    admin = gateway.client("web1")
    assert admin.result("gateway-session-close", identity="sasl:alice@example.com") == {"closed": 5}
    for client in some:
        assert not any("return" in m for m in client.drain())
    other.result("query-status")


def test_a_reload_that_takes_the_grant_away_ends_the_session(gateway):
    client = stranger(gateway, "web1").negotiate()
    login.scram(client, "alice", ALICE)
    gateway.policy = gateway.policy.replace("sasl:alice@example.com", "sasl:eve@example.com")
    gateway.reload()
    assert not any("return" in m for m in client.drain())


# --- acting for somebody else --------------------------------------------------------------------

DELEGATE = """
delegate "portal" { from = {"x509:CN=operator,O=Example", "sasl:portal@example.com"} to = {"sasl:*@tenants.example"} }
grant "tenant-ann" { to = {"sasl:ann@tenants.example"} role = {"viewer"} vms = {"web*"} }
"""
ANN = "sasl:ann@tenants.example"


@pytest.fixture
def portal(served):
    gateway = served(policy=DELEGATE)
    return gateway, gateway.connect(None, "operator").greet().negotiate()


def test_a_delegate_has_the_rights_of_whom_he_acts_for(portal, qemu):
    gateway, client = portal
    client.result("gateway-act-as", identity=ANN)
    info = client.result("gateway-info")
    assert (info["identity"], info["acting-for"]) == (gateway.pki.identity("operator"), ANN)
    client.result("gateway-attach", vm="web1")
    client.result("query-status")
    expect.denied(client.call("stop"))  # he himself may
    assert "stop" not in qemu.commands()
    intent = gateway.wait_record(type="intent", command="query-status")
    assert (intent["identity"], intent["acting-for"]) == (gateway.pki.identity("operator"), ANN)


def test_back_to_oneself(portal):
    _, client = portal
    client.result("gateway-act-as", identity=ANN)
    client.result("gateway-act-as")
    client.result("gateway-attach", vm="web1")
    client.result("stop")
    client.result("cont")


@pytest.mark.parametrize("who", ["sasl:alice@example.com", "sasl:nobody@tenants.example", "x509:CN=admin,O=Example",
                                 "unix:root", "", "nonsense", "sasl:ann@tenants.example\0", "sasl:", "x" * 5000])
def test_nobody_acts_for_whom_no_delegation_names(portal, who):
    _, client = portal
    expect.denied(client.call("gateway-act-as", identity=who), "no delegation")
    assert "acting-for" not in client.result("gateway-info")


def test_who_is_no_delegate_acts_for_nobody(portal):
    gateway, _ = portal
    client = gateway.connect(None, "viewer").greet().negotiate()
    expect.denied(client.call("gateway-act-as", identity=ANN), "no delegation")


def test_acting_is_for_the_time_before_a_vm_is_attached(portal):
    _, client = portal
    client.result("gateway-attach", vm="web1")
    expect.error(client.call("gateway-act-as", identity=ANN), "GenericError", "not possible now")


def test_an_authorization_identity_is_the_same_question(served, db):
    db.set("portal", "p")
    gateway = served(policy=DELEGATE)
    client = stranger(gateway, "web1").negotiate()
    login.plain(client, "portal", "p", authzid="ann@tenants.example")
    info = client.result("gateway-info")
    assert (info["identity"], info["acting-for"]) == ("sasl:portal@example.com", ANN)
    expect.denied(client.call("stop"))
    client = stranger(gateway)
    with pytest.raises(Refused, match="no delegation"):
        login.plain(client, "portal", "p", authzid="alice@example.com")
    with pytest.raises(Refused, match="no delegation"):
        login.scram(client, "alice", ALICE, authzid="carol@example.com")


def test_a_delegation_taken_away_ends_the_session(portal):
    gateway, client = portal
    client.result("gateway-act-as", identity=ANN)
    client.result("gateway-attach", vm="web1")
    gateway.policy = gateway.policy.replace("sasl:*@tenants.example", "sasl:*@elsewhere.example")
    gateway.reload()
    assert not any("return" in m for m in client.drain())


# --- secrets -------------------------------------------------------------------------------------

def test_passwords_are_nowhere(served, place):
    canary = "canary-7d1f-password"
    gateway = served(limits={"login_attempts": 10})
    client = stranger(gateway, "web1").negotiate()
    with pytest.raises(Refused):
        login.plain(client, "alice", canary)
    with pytest.raises(Refused):
        login.plain(client, canary, "wrong")  # typed into the wrong field: this one the log may have
    login.scram(client, "alice", ALICE)
    login.plain(client, "alice", ALICE)
    with pytest.raises(Refused):
        login.plain(client, "alice", canary + "-again")
    encoded = base64.b64encode(f"\0alice\0{canary}".encode()).decode()[:40]
    gateway.client("web1").result("gateway-stats")
    with open(gateway.audit_file) as f:
        audit = f.read()
    with open(f"/proc/{gateway.pid}/cmdline") as f:
        text = audit + gateway.said() + f.read()
    for secret in (ALICE, canary + "-again", encoded, login.encode(f"\0alice\0{ALICE}".encode())):
        assert secret not in text
