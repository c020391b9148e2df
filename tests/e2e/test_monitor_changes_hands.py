"""A VM's monitor that had another client before. To a command that was under way when that one left, QEMU gives the answer to
whoever comes next, most of the time: nobody takes it for an answer to himself. (And if it does not, there is nothing to take.)"""

import time

import pytest

from harness import expect
from harness.client import unix_connect
from harness.libqmp import CONNECTION, LONG, NOT_SENT, Session, failed

TIMES = 20
IDS = [{}, {"id": 0}, {"id": 1}, {"id": 2}, {"id": "x"}]
COMMANDS = [{"execute": "query-qmp-schema"}, {"execute": "human-monitor-command", "arguments": {"command-line": "help"}},
            {"execute": "none"}]


def leave(vm, command):
    """The command is taken, its client is gone, and its answer is not there yet."""
    with unix_connect(vm.socket).ready() as client:
        client.send(command)
        time.sleep(0.0005)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c["execute"])
@pytest.mark.parametrize("members", IDS, ids=str)
def test_a_gateway_attaches_to_it(house, qemu, command, members):
    gateway = house.gateway(qemu, limits={"monitor_linger_seconds": 0}).start()
    for _ in range(TIMES):
        with gateway.connect().ready() as client:
            leave(qemu, {**command, **members})
            reply = client.call("gateway-attach", vm="web1")
            assert "return" in reply, reply
            assert client.result("query-name") == {"name": "web1"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c["execute"])
@pytest.mark.parametrize("members", IDS, ids=str)
def test_libqmp_opens_it(build, qemu, command, members):
    for _ in range(TIMES):
        leave(qemu, {**command, **members})
        with Session(build, f"unix:{qemu.socket}", LONG) as s:
            assert s.opened.text == "oob"
            assert s.ask("call query-name -").text == '{"name":"web1"}'


# --- what QEMU seldom does, or never: a monitor of the test's own

RETURN, ERROR = {"return": {}, "id": 3}, {"error": {"class": "GenericError", "desc": "none"}, "id": "x"}


def opens(house, build, vm):
    gateway = house.gateway(vm, limits={"monitor_linger_seconds": 0}).start()
    with gateway.connect().ready() as client:
        reply = client.call("gateway-attach", vm="web1")
    with Session(build, f"unix:{vm.socket}", LONG) as s:
        return reply, s.opened


@pytest.mark.parametrize("message", [RETURN, ERROR, {"return": []}])
def test_what_comes_ahead_of_the_greeting_is_not_ours(house, build, message):
    vm = house.scripted()
    vm.to_others = [message], []
    reply, opened = opens(house, build, vm)
    assert "return" in reply, reply
    assert opened.ok, opened.text


@pytest.mark.parametrize("behind", [[RETURN] * 9, [ERROR] * 9, [{"return": {}}] * 9])
def test_who_answers_others_without_end_is_no_qemu(house, build, behind):
    vm = house.scripted()
    vm.to_others = [], behind
    reply, opened = opens(house, build, vm)
    assert "nobody asked for" in expect.error(reply)
    failed(opened, CONNECTION, NOT_SENT, "nobody asked")


def test_without_a_greeting_it_is_no_monitor(house, build):
    vm = house.scripted()
    vm.greeting = RETURN
    vm.to_others = [RETURN] * 8, []
    reply, opened = opens(house, build, vm)
    assert "did not begin with a QMP greeting" in expect.error(reply)
    failed(opened, CONNECTION, NOT_SENT, "does not greet")
