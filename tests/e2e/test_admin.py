"""Administration: by grants that name it, never by a class or a glob, and only of what one may see."""

import os
import re

import pytest

from harness import expect, wait

COMMANDS = {"gateway-sessions": None, "gateway-session-close": {"connection": 1}, "gateway-reload": None,
            "gateway-stats": None, "gateway-audit-tail": None}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("cert", ["operator", "viewer"])
def test_without_a_grant_it_is_refused(gateway, command, cert):
    expect.denied(gateway.client("web1", cert).call(command, COMMANDS[command]))
    expect.denied(gateway.connect(cert=cert).ready().call(command, COMMANDS[command]))


@pytest.mark.parametrize("command", COMMANDS)
def test_no_glob_and_no_class_opens_it(house, qemu, command):
    gateway = house.gateway(qemu)
    gateway.policy = gateway.policy[:gateway.policy.index('grant "site-admins"')]
    gateway.start()
    expect.denied(gateway.client("web1").call(command, COMMANDS[command]))  # its role allows "*"


def test_each_is_granted_by_its_own_name(house, qemu):
    gateway = house.gateway(qemu)
    gateway.policy = gateway.policy.replace('admin = {"sessions", "session-close", "reload", "stats", "audit-tail", "audit-all"}',
                                            'admin = {"stats"}')
    gateway.start()
    client = gateway.connect().ready()
    client.result("gateway-stats")
    for command in ("gateway-sessions", "gateway-reload"):
        expect.denied(client.call(command))


def find(sessions, name):
    return [s for s in sessions if name in str(s.get("identity"))]


def test_sessions_shows_who_is_there(gateway, pki):
    viewer = gateway.client("web1", "viewer")
    viewer.result("query-name")
    session, = find(gateway.connect().ready().result("gateway-sessions"), "viewer")
    assert session["identity"] == pki.identity("viewer")
    assert session["vm"] == "web1" and session["phase"] == "ready"
    assert "127.0.0.1" in session["peer"]


def test_session_close_ends_one_session_and_no_other(gateway):
    victim, other, admin = gateway.client("web1", "viewer"), gateway.client("web1", "operator"), gateway.client("web1")
    number = find(admin.result("gateway-sessions"), "viewer")[0]["connection"]
    admin.result("gateway-session-close", connection=number)
    victim.drain()
    victim.close()
    assert other.result("query-name") == {"name": "web1"}
    wait.until(lambda: not find(admin.result("gateway-sessions"), "viewer"), "the session to be gone")


@pytest.mark.parametrize("number", [10**9, -1, "1", 1.5, None])
def test_session_close_of_who_is_not_there(gateway, number):
    expect.error(gateway.client("web1").call("gateway-session-close", connection=number))


def test_one_may_close_oneself(gateway):
    admin = gateway.client("web1")
    number = find(admin.result("gateway-sessions"), "admin")[0]["connection"]
    admin.request("gateway-session-close", connection=number)
    admin.drain()


def test_administration_shows_only_vms_that_one_may_see(house):
    gateway = house.gateway(house.qemu("web1"), house.fake(names=("db1",)))
    gateway.policy += 'grant "v" { to = {"x509:CN=viewer,O=Example"} admin = {"sessions", "session-close"} }\n'
    gateway.start()
    hidden = gateway.client("db1")
    number = find(gateway.client("web1").result("gateway-sessions"), "admin")[0]["connection"]
    viewer = gateway.client("web1", "viewer")
    sessions = viewer.result("gateway-sessions")
    assert not any(s.get("vm") == "db1" for s in sessions)
    expect.error(viewer.call("gateway-session-close", connection=number))
    hidden.result("query-status")


def test_stats_count(gateway):
    client = gateway.client("web1")
    before = client.result("gateway-stats")
    client.result("query-name")
    gateway.client("web1", "viewer").error("stop")
    after = client.result("gateway-stats")
    assert str(before) != str(after)


def test_reload_says_what_came_of_it(gateway):
    assert gateway.client("web1").result("gateway-reload") is not None


def test_the_record_of_administration_cites_the_grant(gateway):
    client = gateway.client("web1")
    client.result("gateway-stats")
    intent, = gateway.records(type="intent", command="gateway-stats")
    assert re.fullmatch(r'grant "[a-z-]+" admin', intent["rule"])
    expect.error(gateway.client("web1", "viewer").call("gateway-stats"), "GenericError", "permission denied")
    refused, = gateway.records(type="refused", command="gateway-stats")
    assert refused["rule"] == "default"


def test_audit_tail_gives_the_latest_records(gateway):
    client = gateway.client("web1")
    client.result("query-name")
    records = client.result("gateway-audit-tail")
    assert any("query-name" in str(r) for r in records)


@pytest.fixture
def two_tenants(house):
    """web1, which the viewer sees and reads about, and mail1; who is admin sees both, and reads everything."""
    # (a name with letters that no hash has: tests look for it in whole records)
    gateway = house.gateway(house.qemu("web1"), house.fake(names=("mail1",)))
    gateway.policy += 'grant "v" { to = {"x509:CN=viewer,O=Example"} admin = {"audit-tail"} }\n'
    return gateway.start()


def tail(client, count=1000):
    return client.result("gateway-audit-tail", count=count)


def test_audit_tail_shows_only_vms_that_one_may_see(two_tenants):
    two_tenants.client("mail1").result("query-memdev")
    two_tenants.client("web1").result("query-name")
    two_tenants.connect(cert="operator").ready().error("gateway-attach", vm="mail1")
    records = tail(two_tenants.client("web1", "viewer"))
    commands = {r.get("command") for r in records}
    assert "query-name" in commands and "query-memdev" not in commands
    assert {r.get("vm") for r in records} <= {"web1", None}
    assert "mail1" not in str(records)


def test_audit_tail_shows_ones_own_coming_and_nobody_elses(two_tenants):
    two_tenants.client("web1").close()
    own = two_tenants.pki.identity("viewer")
    client = two_tenants.client("web1", "viewer")
    two_tenants.wait_record(type="session-close")
    records = tail(client)
    personal = [r for r in records if r["type"] in ("auth", "session-open", "session-close")]
    assert personal and {r["identity"] for r in personal} == {own}
    assert {r.get("vm") for r in records if r.get("identity") != own and r["type"] != "outcome"} == {"web1"}
    types = {r["type"] for r in records}
    assert types.isdisjoint({"start", "config-load", "policy-load", "segment", "seal", "admin"})


def test_a_refused_stranger_is_nobody_elses_business(two_tenants):
    two_tenants.connect(cert="stranger").drain()
    two_tenants.wait_record(type="auth", result="denied")
    assert "stranger" not in str(tail(two_tenants.client("web1", "viewer")))
    assert "stranger" in str(tail(two_tenants.connect().ready()))


def test_who_may_read_all_reads_all(two_tenants):
    two_tenants.client("mail1").result("query-memdev")
    two_tenants.client("web1", "viewer").result("query-name")
    records = tail(two_tenants.connect().ready())
    assert {"web1", "mail1"} <= {r.get("vm") for r in records}
    assert {"start", "policy-load", "session-open"} <= {r["type"] for r in records}
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))


def test_all_records_alone_open_nothing(house, qemu):
    gateway = house.gateway(qemu)
    gateway.policy += 'grant "v" { to = {"x509:CN=viewer,O=Example"} admin = {"audit-all"} }\n'
    expect.denied(gateway.start().client("web1", "viewer").call("gateway-audit-tail"))


def test_a_vm_that_had_the_name_before_is_another_one(house):
    gateway = house.gateway()
    gateway.policy += 'grant "v" { to = {"x509:CN=viewer,O=Example"} admin = {"audit-tail"} }\n'
    first, second = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
    before = house.fake("--only", "query-memdev", uuid=first)
    gateway.add_vm(before, uuid=first)
    gateway.start()
    gateway.client("web1").result("query-memdev")
    after = house.fake(names=("web2",), uuid=second)
    gateway.vms["web1"] = {"socket": after.socket, "uuid": second}
    gateway.reload()
    client = gateway.client("web1", "viewer")
    client.result("query-name")
    records = tail(client)
    for type in ("intent", "outcome"):
        commands = [r["command"] for r in records if r["type"] == type]
        assert "query-name" in commands and "query-memdev" not in commands, type


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_newest_records_are_as_many_as_were_asked_for(house, count):
    """Outcomes, which are read before their intents, neither get lost nor come on top."""
    gateway = house.gateway()
    uuid = "11111111-2222-3333-4444-555555555555"
    gateway.policy += 'grant "v" { to = {"x509:CN=viewer,O=Example"} admin = {"audit-tail"} }\n'
    gateway.add_vm(house.fake(uuid=uuid), uuid=uuid)
    gateway.start()
    client = gateway.client("web1", "viewer")
    for _ in range(5):
        client.result("query-name")
    done = [r["seq"] for r in gateway.records(command="query-name")]
    records = tail(client, count=count + 1)  # the last is its own
    assert [r["seq"] for r in records][:-1] == done[-count:]


def test_audit_tail_goes_on_in_what_was_rotated(gateway):
    client = gateway.client("web1")
    client.result("query-name")
    for i in range(3):
        os.rename(gateway.audit_file, f"{gateway.audit_file}.{i}")
        gateway.hang_up()
        client.result("query-status")
    records = tail(client)
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
    assert len([r for r in records if r["type"] == "segment"]) == 4
    assert [r["seq"] for r in tail(client, 30)] == [r["seq"] for r in records][-28:] + [len(records) + 1, len(records) + 2]
