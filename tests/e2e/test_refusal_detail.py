"""How much a refused client is told of the policy."""

import pytest

from harness import expect


def line_of(gateway, text):
    """Of the policy, as a refusal cites it."""
    return f"({gateway.policy_file}:{gateway.policy[:gateway.policy.index(text)].count(chr(10)) + 1})"


def grant_of(gateway, name):
    return f'grant "{name}" ' + line_of(gateway, f'grant "{name}"')


@pytest.fixture
def full(house, qemu):
    return house.gateway(qemu, options={"refusal_detail": "full"}).start()


LAST_ALLOW = 'allow  = {"*"'
REFUSED = ("quit", "migrate", "cont", "no-such-command")


def test_by_default_no_place_in_the_policy_is_told(gateway):
    client = gateway.client("web1", "operator")
    for command in REFUSED:
        assert gateway.policy_file not in str(client.call(command))
        explained = client.result("gateway-explain", execute=command)
        assert "detail" not in explained and gateway.policy_file not in str(explained)


def test_a_deny(full):
    client = full.client("web1", "operator")
    where = (f'deny "quit" of role "operator" {line_of(full, "deny    =")}, '
             f'by {grant_of(full, "operator-on-web")}')
    expect.denied(client.call("quit"), 'denied by grant "operator-on-web" role "operator" deny "quit": ' + where)
    assert client.result("gateway-explain", execute="quit")["detail"] == where


def test_what_no_rule_allows(full):
    client = full.client("web1", "viewer")
    where = f'no pattern matches of {grant_of(full, "viewer-on-web")}'
    expect.denied(client.call("stop"), "no rule allows it: " + where)
    assert client.result("gateway-explain", execute="stop")["detail"] == where


def test_what_a_glob_cannot_open(full):
    client = full.client("web1")
    where = f'allow "*" of role "owner" {line_of(full, LAST_ALLOW)}'
    expect.denied(client.call("migrate", uri="exec:true"), "by its own name only: " + where)


def test_what_the_vm_does_not_have_is_refused_as_what_it_has(full):
    client = full.client("web1", "viewer")
    def words(command):
        return client.error(command)["desc"].replace(command, "COMMAND")
    assert words("no-such-command") == words("stop")


def test_what_is_allowed_is_explained(full):
    explained = full.client("web1", "operator").result("gateway-explain", execute="cont")
    assert explained["allowed"] and explained["detail"].startswith('allow "cont" of role "operator" ')


def test_a_reload_changes_it(full):
    client = full.client("web1", "viewer")
    full.options["refusal_detail"] = "brief"
    full.reload()
    assert full.policy_file not in client.error("stop")["desc"]


def test_a_vm_that_is_not_seen_stays_unknown(full):
    viewer = full.connect(cert="viewer").ready()
    assert viewer.error("gateway-attach", vm="db1")["desc"] == "no such VM, or no permission to see it"
