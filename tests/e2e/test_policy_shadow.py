"""Another policy, tried beside the one in force: it decides nothing, and the audit says where they differ."""

import os

import pytest

from harness import expect
from harness.gateway import POLICY

NEXT = POLICY.replace('"stop", "cont", "system_powerdown", "qom-list"', '"cont", "system_powerdown", "system_wakeup"')


def write_next(place, text):
    path = os.path.join(place, "next.conf")
    with open(path, "w") as f:
        f.write(text)
    return path


@pytest.fixture
def gateway(house, qemu):
    return house.gateway(qemu, options={"policy_shadow": write_next(house.place, NEXT)}).start()


def test_it_decides_nothing(gateway, qemu):
    client = gateway.client("web1", "operator")
    assert client.result("stop") == {}
    expect.denied(client.call("system_wakeup"))
    assert "stop" in qemu.commands() and "system_wakeup" not in qemu.commands()


def test_a_command_that_it_would_refuse_is_recorded(gateway):
    gateway.client("web1", "operator").result("stop")
    intent = gateway.wait_record(type="intent", command="stop")
    assert intent["shadow"] == "denied" and intent["shadow-rule"] == "no rule allows it"
    assert intent["rule"] == 'grant "operator-on-web" role "operator" allow "stop"'


def test_a_command_that_it_would_allow_is_recorded(gateway):
    gateway.client("web1", "operator").error("system_wakeup")
    refused = gateway.wait_record(type="refused", command="system_wakeup")
    assert refused["shadow"] == "ok"
    assert refused["shadow-rule"] == 'grant "operator-on-web" role "operator" allow "system_wakeup"'


def test_where_both_say_the_same_nothing_is_recorded(gateway):
    client = gateway.client("web1", "operator")
    client.result("cont")
    client.error("quit")
    assert "shadow" not in gateway.wait_record(type="intent", command="cont")
    assert "shadow" not in gateway.wait_record(type="refused", command="quit")


def test_differences_are_counted(house, qemu):
    admin = 'grant "counts" { to = {"x509:CN=admin,O=Example"} admin = {"stats"} }'
    gateway = house.gateway(qemu, policy=POLICY + admin,
                            options={"policy_shadow": write_next(house.place, NEXT)}).start()
    client = gateway.client("web1", "operator")
    client.result("stop")
    client.error("system_wakeup")
    client.result("cont")
    assert gateway.client("web1").result("gateway-stats")["counters"]["shadow-differences"] == 2


def test_a_broken_one_is_told_and_refused_as_a_whole(house, qemu):
    gateway = house.gateway(qemu, options={"policy_shadow": write_next(house.place, NEXT)}).start()
    write_next(house.place, 'role "a" { alow = {"stop"} }')
    gateway.hang_up()
    gateway.wait_log("next.conf:1: unknown option alow")
    client = gateway.client("web1", "operator")
    assert client.result("stop") == {}  # the one before goes on, and its shadow
    assert gateway.wait_record(type="intent", command="stop")["shadow"] == "denied"


def test_a_reload_takes_it_away(house, qemu):
    gateway = house.gateway(qemu, options={"policy_shadow": write_next(house.place, NEXT)}).start()
    client = gateway.client("web1", "operator")
    del gateway.options["policy_shadow"]
    gateway.write()
    gateway.reload()
    client.result("stop")
    assert "shadow" not in gateway.wait_record(type="intent", command="stop")
