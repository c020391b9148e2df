"""query-qmp-schema and query-commands show each client what it may run, and nothing else."""

import pytest

from harness import expect


def names(schema, meta):
    return {e["name"] for e in schema if e["meta-type"] == meta}


def references(entity):
    """The names of types that an entity of the schema refers to."""
    meta = entity["meta-type"]
    if meta == "array":
        yield entity["element-type"]
    if meta in ("command", "event"):
        yield entity["arg-type"]
        if meta == "command":
            yield entity["ret-type"]
    for m in entity.get("members", ()):
        if isinstance(m, dict) and "type" in m:
            yield m["type"]
    for v in entity.get("variants", ()):
        yield v["type"]


def own(names_of):
    return {n for n in names_of if n.startswith("gateway-") or n.startswith("GATEWAY_")}


def test_commands_are_those_that_may_run(gateway):
    client = gateway.client("web1", "viewer")
    commands = {c["name"] for c in client.result("query-commands")}
    assert {"query-status", "query-name", "query-commands", "query-qmp-schema"} <= commands
    assert not {"stop", "quit", "device_add", "human-monitor-command", "gateway-reload"} & commands


def test_schema_and_command_list_agree(gateway):
    for cert in ("viewer", "operator", "admin"):
        client = gateway.client("web1", cert)
        commands = {c["name"] for c in client.result("query-commands")}
        assert names(client.result("query-qmp-schema"), "command") == commands


def test_what_is_shown_runs_and_what_is_not_shown_is_refused(gateway, qemu):
    client = gateway.client("web1", "operator")
    shown = {c["name"] for c in client.result("query-commands")}
    everything = {c["name"] for c in qemu.direct().ready().result("query-commands")}
    for name in sorted(everything - {"stop", "cont", "quit", "system_powerdown", "qmp_capabilities"}):
        reply = client.call(name, {"no-such-argument": 1})
        denied = "error" in reply and "permission denied" in reply["error"]["desc"]
        assert denied == (name not in shown), (name, reply)


def test_the_gateways_own_commands_are_there(gateway):
    commands = {c["name"] for c in gateway.client("web1", "viewer").result("query-commands")}
    assert {"gateway-info", "gateway-list-vms", "gateway-detach", "gateway-explain"} <= commands
    assert not {"gateway-sessions", "gateway-session-close", "gateway-reload"} & commands
    commands = {c["name"] for c in gateway.client("web1").result("query-commands")}
    assert {"gateway-sessions", "gateway-session-close", "gateway-reload", "gateway-stats"} <= commands


def test_events_are_those_that_may_be_seen(gateway):
    schema = gateway.client("web1", "viewer").result("query-qmp-schema")
    events = names(schema, "event")
    assert events - own(events) == {"STOP", "RESUME"}
    assert "GATEWAY_VM_DOWN" in events


def test_all_references_lead_to_a_type(gateway):
    for cert in ("viewer", "operator", "admin"):
        schema = gateway.client("web1", cert).result("query-qmp-schema")
        types = [e["name"] for e in schema if e["meta-type"] not in ("command", "event")]
        assert len(types) == len(set(types))
        for entity in schema:
            for name in references(entity):
                assert name in types, (cert, entity)


def test_only_reachable_types_stay(gateway, qemu):
    schema = gateway.client("web1", "viewer").result("query-qmp-schema")
    by_name = {e["name"]: e for e in schema if e["meta-type"] not in ("command", "event")}
    reached, todo = set(), [e for e in schema if e["meta-type"] in ("command", "event")]
    while todo:
        for name in references(todo.pop()):
            if name not in reached:
                reached.add(name)
                todo.append(by_name[name])
    assert reached == set(by_name)
    assert len(schema) < len(qemu.direct().ready().result("query-qmp-schema"))


def test_what_stays_is_as_the_vm_has_it(gateway, qemu):
    theirs = {e["name"]: e for e in qemu.direct().ready().result("query-qmp-schema")}
    for entity in gateway.client("web1", "operator").result("query-qmp-schema"):
        if "gateway" not in entity["name"].lower():
            assert entity == theirs[entity["name"]]


def test_own_types_do_not_collide(gateway, qemu):
    theirs = {e["name"] for e in qemu.direct().ready().result("query-qmp-schema")}
    ours = {e["name"] for e in gateway.client("web1").result("query-qmp-schema")} - theirs
    assert ours
    for name in ours:
        assert not name.isdigit() and "gateway" in name.lower(), name


@pytest.mark.parametrize("command", ["query-qmp-schema", "query-commands"])
def test_they_take_no_arguments(gateway, command):
    expect.error(gateway.client("web1").call(command, foo=1))


def test_it_changes_with_the_policy(gateway):
    client = gateway.client("web1", "viewer")
    assert {"name": "stop"} not in client.result("query-commands")
    gateway.policy = gateway.policy.replace('allow  = {"@query"}', 'allow  = {"@query", "stop"}')
    gateway.reload()
    assert {"name": "stop"} in client.result("query-commands")


def test_who_may_not_introspect_does_not(house, qemu):
    gateway = house.gateway(qemu)
    gateway.policy = gateway.policy.replace('allow  = {"@query"}', 'allow  = {"query-status"}')
    gateway.start()
    client = gateway.client("web1", "viewer")
    for command in ("query-qmp-schema", "query-commands"):
        reply = client.call(command)
        if "error" in reply:
            expect.denied(reply)
        else:
            assert "query-name" not in str(reply)
