"""libqmp's sessions: against a real QEMU, and against monitors that hang, die, and talk nonsense. What is known of a command
that got no answer is told as it is."""

import json
import socket
import threading
import time

import pytest

from harness.libqmp import (ARGUMENT, CONNECTION, FAILED, INTERRUPTED, LONG, NOT_SENT, REFUSED, REPLY, TIMEOUT, UNKNOWN, Schema, Session,
                            failed, queries)


@pytest.fixture
def session(build):
    opened = []

    def make(vm, timeout=LONG):
        opened.append(Session(build, f"unix:{vm.socket}", timeout))
        return opened[-1]

    yield make
    for s in opened:
        s.__exit__()


# --- a real QEMU -----------------------------------------------------------------------------------------

def test_a_session_negotiates_and_runs_typed_commands(house, session):
    s = session(house.qemu())
    assert s.opened.text == "oob"
    assert json.loads(s.ask("call query-status -").text)["status"] in ("running", "prelaunch")
    assert json.loads(s.ask("call query-name -").text) == {"name": "web1"}
    assert s.ask("call stop -").text == "{}"
    assert s.ask("event 5000 -").text == "STOP"


def test_every_query_that_the_vm_answers_gives_equal_structures(house, session):
    vm = house.qemu(machine=("-machine", "q35"))
    s = session(vm)
    schema = Schema(json.loads(s.ask("execute query-qmp-schema -").text))
    same = 0
    for name in queries(schema):
        raw, typed = s.ask(f"execute {name} -"), s.ask(f"call {name} -")
        assert raw.ok == typed.ok, (name, raw.text, typed.text)
        if raw.ok:
            # what goes on by itself differs from call to call
            assert json.loads(raw.text) == json.loads(typed.text) or name in ("query-blockstats", "query-stats"), name
            same += 1
        else:
            failed(typed, REFUSED, FAILED, raw.text)
    assert same > 40


def test_a_refused_command_has_qemu_s_words(house, session):
    s = session(house.qemu())
    failed(s.ask('call device_del {"id":"no-such"}'), REFUSED, FAILED, "Device 'no-such' not found")
    failed(s.ask("execute no-such-command -"), REFUSED, FAILED, "The command no-such-command has not been found")


def test_many_commands_at_once_are_answered_in_order(house, session):
    assert session(house.qemu()).ask("pipeline query-status 500").text == "500"


def test_quit_succeeds_and_what_follows_says_that_nobody_is_there(house, session):
    vm = house.qemu()
    s = session(vm)
    assert s.ask("call quit -").ok
    vm.process.wait() if hasattr(vm.process, "wait") else None
    deadline = time.monotonic() + 10
    while (answer := s.ask("call query-status -")).ok and time.monotonic() < deadline:
        pass
    assert not answer.ok and answer.kind == CONNECTION


def test_a_monitor_that_another_client_holds_is_a_timeout(house, session):
    vm = house.qemu()
    first = session(vm)
    assert first.opened.ok
    failed(session(vm, 300).opened, TIMEOUT, NOT_SENT, "another one may hold it")


def test_a_vm_that_is_killed_leaves_its_command_unknown(house, session):
    vm = house.qemu()
    s = session(vm)
    vm.freeze()
    s.tell("call query-status -")
    time.sleep(0.3)
    vm.kill()
    answer = s.answer()
    assert not answer.ok and (answer.kind, answer.outcome) == (CONNECTION, UNKNOWN)
    failed(s.ask("call query-status -"), CONNECTION, NOT_SENT, "")


def test_a_late_reply_is_nobody_else_s(house, session):
    vm = house.qemu()
    s = session(vm)
    vm.freeze()
    s.ask("timeout 200 -")
    failed(s.ask("call query-status -"), TIMEOUT, UNKNOWN, "query-status: no reply in 200 ms")
    vm.thaw()
    s.ask("timeout 20000 -")
    assert json.loads(s.ask("call query-name -").text) == {"name": "web1"}


# --- descriptors, callbacks, interruption --------------------------------------------------------------------

def test_a_descriptor_goes_along_with_its_command(house, session, place):
    vm = house.qemu()
    s = session(vm)
    for name in ("a", "b"):
        assert s.ask(f"pass {vm.trace} -").ok
        assert s.ask(f'call getfd {{"fdname":"{name}"}}').ok
    assert s.ask('call closefd {"fdname":"a"}').ok and s.ask('call closefd {"fdname":"b"}').ok
    s.ask(f"pass {vm.trace} -")
    added = json.loads(s.ask("call add-fd {}").text)
    with open(f"/proc/{vm.pid}/fdinfo/{added['fd']}", encoding="ascii") as f:
        assert "flags" in f.read()
    assert json.loads(s.ask("call query-fdsets -").text)[0]["fds"][0]["fd"] == added["fd"]


def test_without_one_qemu_has_none_to_take(house, session):
    failed(session(house.qemu()).ask('call getfd {"fdname":"a"}'), REFUSED, FAILED, "No file descriptor")


def test_what_goes_along_with_a_long_command_behind_others_is_its_own(house, session):
    vm = house.qemu()
    s = session(vm)
    vm.freeze()
    s.ask("timeout 100 -")
    long = json.dumps({"path": "x" * 300000, "property": "y"})
    failed(s.ask(f"execute qom-get {long}"), TIMEOUT, UNKNOWN, "no reply")
    s.ask(f"pass {vm.trace} -")
    assert s.ask("submit query-name -").ok
    vm.thaw()
    s.ask("timeout 20000 -")
    assert s.ask('call getfd {"fdname":"late"}').ok
    assert s.ask('call closefd {"fdname":"late"}').ok


def test_there_is_one_descriptor_at_a_time(house, session):
    vm = house.qemu()
    s = session(vm)
    assert s.ask(f"pass {vm.trace} -").ok
    failed(s.ask(f"pass {vm.trace} -"), ARGUMENT, NOT_SENT, "one descriptor at a time")
    assert s.ask('call getfd {"fdname":"a"}').ok
    failed(s.ask("pass /nowhere -"), ARGUMENT, NOT_SENT, "Bad file descriptor")
    vm.freeze()
    s.ask(f"pass {vm.trace} -")
    s.ask("submit query-name -")
    failed(s.ask(f"pass {vm.trace} -"), ARGUMENT, NOT_SENT, "one descriptor at a time")
    vm.thaw()


def test_events_go_to_a_callback_which_may_use_the_session(house, session):
    s = session(house.qemu())
    s.ask("handle - -")
    assert s.ask("call stop -").ok and s.ask("call cont -").ok
    assert s.ask("call query-name -").ok
    assert s.ask("told - -").text.split() == ["STOP:paused", "RESUME:running"]
    assert s.ask("event 0 -").text == ""


def test_what_waits_is_interrupted_and_the_session_goes_on(house, session):
    s = session(house.qemu())
    failed(s.ask("interrupt 50 -"), INTERRUPTED, UNKNOWN, "interrupted")
    assert s.ask("call query-name -").ok


# --- who speaks otherwise ----------------------------------------------------------------------------------

def test_events_come_in_order_and_before_their_reply(house, session):
    vm = house.scripted()
    s = session(vm)
    s.tell("call stop -")
    request = vm.wait(1)[0]
    assert request["execute"] == "stop"
    stamp = {"timestamp": {"seconds": 1, "microseconds": 2}}
    vm.say({"event": "STOP", **stamp}, {"event": "A_NEW_ONE", "data": {}, **stamp})
    vm.answer(request)
    assert s.answer().ok
    assert [s.ask("event 1000 -").text for _ in range(2)] == ["STOP", "A_NEW_ONE"]
    assert s.ask("event 0 -").text == ""


def test_events_that_nobody_takes_are_bounded_and_counted(house, session):
    vm = house.scripted()
    s = session(vm)
    s.tell("call stop -")
    request = vm.wait(1)[0]
    vm.say(*[{"event": "RESUME" if i == 1999 else "STOP", "timestamp": {"seconds": i, "microseconds": 0}} for i in range(2000)])
    vm.answer(request)
    assert s.answer().ok
    assert s.ask("lost - -").text == "976"
    assert [s.ask("event 0 -").text for _ in range(1025)] == ["STOP"] * 1023 + ["RESUME", ""]


@pytest.mark.parametrize("said", [
    b"hello\r\n", b"[1]\r\n", b'{"return": {}}\r\n', b'{"return": {}, "id": 77}\r\n', b'{"return": {}, "id": "1"}\r\n',
    b'{"return": {}, "return": {}}\r\n', b'{"error": {"class": "GenericError", "desc": "JSON parse error"}}\r\n', b"\xff\r\n",
    b'{"QMP": {}}\r\n'])
def test_nonsense_ends_the_session(house, session, said):
    vm = house.scripted()
    s = session(vm)
    s.tell("call query-status -")
    vm.wait(1)
    vm.sock.sendall(said)
    answer = s.answer()
    assert not answer.ok and (answer.kind, answer.outcome) == (CONNECTION, UNKNOWN), answer.text
    failed(s.ask("call query-status -"), CONNECTION, NOT_SENT, "")


def test_what_a_newer_qemu_adds_to_its_messages_is_ignored(house, session):
    vm = house.scripted()
    vm.greeting["added"] = {}
    s = session(vm)
    s.tell("call query-name -")
    request = vm.wait(1)[0]
    vm.say({"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}, "added": 1}, {"added": [1], "return": {"name": "x"}, "id": request["id"]})
    assert s.answer().text == '{"name":"x"}'
    assert s.ask("event 1000 -").text == "STOP"


def test_a_reply_of_another_form_fails_and_the_session_goes_on(house, session):
    vm = house.scripted()
    s = session(vm)
    s.tell("call query-status -")
    vm.answer(vm.wait(1)[0], {"running": 1})
    failed(s.answer(), REPLY, UNKNOWN, "query-status.running: not a boolean")
    s.tell("call query-name -")
    vm.answer(vm.wait(2)[1], {"name": "x"})
    assert s.answer().text == '{"name":"x"}'


def test_a_reply_that_comes_twice_ends_the_session(house, session):
    vm = house.scripted()
    s = session(vm)
    s.tell("call query-name -")
    request = vm.wait(1)[0]
    vm.answer(request, {})
    assert s.answer().ok
    vm.answer(request, {})
    s.tell("call query-name -")
    assert s.answer().kind == CONNECTION


def test_who_does_not_greet_is_no_monitor(house, session):
    vm = house.scripted()
    vm.greeting = {"timestamp": {"seconds": 1, "microseconds": 0}, "event": "STOP"}
    failed(session(vm).opened, CONNECTION, NOT_SENT, "it does not greet")


def test_without_oob_in_the_greeting_none_is_asked_for(house, session):
    vm = house.scripted()
    vm.greeting["QMP"] = {**vm.greeting["QMP"], "capabilities": []}
    assert session(vm).opened.text == ""


def test_quit_succeeds_where_the_end_of_the_stream_is_its_reply(house, session):
    vm = house.scripted()
    s = session(vm)
    s.tell("call quit -")
    vm.wait(1)
    vm.drop()
    assert s.answer().text == "{}"


def test_any_other_command_does_not(house, session):
    vm = house.scripted()
    s = session(vm)
    s.tell("call stop -")
    vm.wait(1)
    vm.drop()
    failed(s.answer(), CONNECTION, UNKNOWN, "closed the connection")


def test_what_never_left_is_said_not_to_be_sent_and_never_is(house, session):
    vm = house.qemu()
    s = session(vm)
    vm.freeze()
    s.ask("timeout 300 -")
    long = json.dumps({"path": "x" * 500000, "property": "y"})  # more than the socket holds; QEMU reads it by single bytes
    failed(s.ask(f"execute qom-get {long}"), TIMEOUT, UNKNOWN, "no reply")
    failed(s.ask("call stop -"), TIMEOUT, NOT_SENT, "no reply")
    failed(s.ask("call query-status -"), TIMEOUT, NOT_SENT, "no reply")
    vm.thaw()
    s.ask("timeout 60000 -")
    answer = s.ask("call query-name -")
    assert answer.ok, answer.text
    assert json.loads(answer.text) == {"name": "web1"}
    assert [c for c in vm.commands() if c in ("stop", "query-status", "query-name")] == ["query-name"]


# --- URIs ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("uri", ["", "unix", "/tmp/x", "tcp:localhost", "tcp:127.0.0.1:0", "tcp:127.0.0.1:70000", "tcp:127.0.0.1:1x",
                                 "tcp:192.0.2.1:4444", "tcp:[2001:db8::1]:4444", "tcp:example.org:4444", "unix:", "unix:/x%", "unix:/x?y=z",
                                 "QMPS://h/v", "qmps:h/v", "qmps://h", "qmps://h/", "qmps://h/a/b", "qmps://h:0/v", "qmps://u@h/v"])
def test_a_uri_that_names_no_local_monitor_is_refused(build, uri):
    with Session(build, uri) as s:
        assert not s.opened.ok and s.opened.kind in (ARGUMENT, CONNECTION) and s.opened.outcome == NOT_SENT
        assert uri.startswith("unix:") or s.opened.kind == ARGUMENT, s.opened.text


def test_nobody_there_is_an_error_of_the_connection(build, place):
    with Session(build, f"unix:{place}/nothing") as s:
        failed(s.opened, CONNECTION, NOT_SENT, "No such file or directory")


@pytest.mark.parametrize("family,host", [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_monitor_on_a_port_of_this_machine(build, family, host):
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip(f"no {host} here")
        listener.listen()

        def serve():
            sock, _ = listener.accept()
            sock.sendall(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
            for line in sock.makefile("rb"):
                sock.sendall(b'{"return": {}, "id": %d}\r\n' % json.loads(line)["id"])
            sock.close()

        thread = threading.Thread(target=serve)
        thread.start()
        text = f"[{host}]" if ":" in host else host
        with Session(build, f"tcp:{text}:{listener.getsockname()[1]}") as s:
            assert s.opened.ok, s.opened.text
            assert s.ask("call stop -").ok
        thread.join()
