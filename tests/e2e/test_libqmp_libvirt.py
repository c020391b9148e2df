"""libqmp's sessions by way of libvirt: a real libvirtd, real VMs."""

import json
import os
import subprocess
import time

import pytest

from harness import wait
from harness.cli import OK, UNREACHABLE
from harness.cli_fixtures import cli  # noqa: F401
from harness.libqmp import ARGUMENT, CONNECTION, FAILED, LONG, NOT_SENT, REFUSED, TIMEOUT, UNKNOWN, Session, failed


@pytest.fixture
def domain(house):
    return house.libvirtd().domain().start("--paused")


@pytest.fixture
def session(build):
    opened = []

    def make(domain, vm=None, timeout=LONG):
        opened.append(Session(build, f"libvirt:{vm or domain.name}?uri={domain.libvirtd.uri}", timeout))
        return opened[-1]

    yield make
    for s in opened:
        s.__exit__()


def ends(s):
    """What the session says when it does, behind the last events."""
    while (answer := s.ask("event 20000 -")).ok:
        assert answer.text, "it does not end"
    return answer


# --- what does not begin ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("uri", ["libvirt:", "libvirt:?uri=test:///default", "libvirt:a/b?uri=x:///y", "libvirt:a%?uri=x:///y", "libvirt:a?url=x:///y",
                                 "libvirt:a?"])
def test_a_uri_that_names_no_domain_is_refused(build, uri):
    with Session(build, uri) as s:
        failed(s.opened, ARGUMENT, NOT_SENT, "")


def test_a_libvirt_that_is_not_there_is_an_error_of_the_connection(build, place):
    with Session(build, f"libvirt:web1?uri=qemu+unix:///session?socket={place}/none") as s:
        failed(s.opened, CONNECTION, NOT_SENT, "cannot connect to libvirt")


def test_a_domain_that_there_is_not(domain, session):
    failed(session(domain, "web2").opened, CONNECTION, NOT_SENT, "web2")


def test_a_domain_that_does_not_run(house, session):
    failed(session(house.libvirtd().domain()).opened, CONNECTION, NOT_SENT, "not running")


def test_a_libvirt_that_hangs_is_late(domain, session):
    domain.libvirtd.freeze()
    begin = time.monotonic()
    failed(session(domain, timeout=500).opened, TIMEOUT, NOT_SENT, "does not greet")
    assert time.monotonic() - begin < wait.TIMEOUT
    domain.libvirtd.thaw()


def test_the_command_line_says_why_there_is_no_such_domain(domain, cli):
    done = cli("exec", "query-name", uri=f"libvirt:web2?uri={domain.libvirtd.uri}")
    assert done.code == UNREACHABLE and "web2" in done.stderr


# --- what does -------------------------------------------------------------------------------------------------

def test_the_command_line_goes_by_libvirt_too(domain, cli):
    cli.uri = f"libvirt:web1?uri={domain.libvirtd.uri}"
    assert cli.json("exec", "query-name") == {"name": "web1"}
    listener = cli.start("events", "--count", "1", stdout=subprocess.PIPE)
    listener.wait_line("listening")
    assert cli("exec", "cont").code == OK
    assert listener.wait() == OK
    assert json.loads(listener.stdout.read())["event"] == "RESUME"


@pytest.mark.parametrize("by", ["name", "uuid"])
def test_typed_commands_and_events(domain, session, by):
    s = session(domain, getattr(domain, by))
    assert s.opened.text == ""  # nothing out of band
    assert "capabilities" in json.loads(s.ask("greeting - -").text)["QMP"]
    assert json.loads(s.ask("call query-name -").text) == {"name": "web1"}
    assert s.ask("call cont -").ok
    assert s.ask("event 10000 -").text == "RESUME"
    assert s.ask("call stop -").ok
    assert s.ask("event 10000 -").text == "STOP"


def test_the_monitor_gets_commands_and_neither_ids_nor_a_negotiation(domain, session):
    s = session(domain)
    before = len(domain.received())
    assert s.ask("pipeline query-status 20").text == "20"
    mine = domain.received()[before:]
    assert [r["execute"] for r in mine] == ["query-status"] * 20
    assert all(str(r.get("id", "libvirt-")).startswith("libvirt-") for r in mine)


def test_a_long_reply_comes_whole(domain, session):
    assert len(json.loads(session(domain).ask("execute query-qmp-schema -").text)) > 200


def test_a_refusal_is_the_vm_s(domain, session):
    s = session(domain)
    failed(s.ask('call device_del {"id":"no-such"}'), REFUSED, FAILED, "Device 'no-such' not found")
    failed(s.ask("execute no-such-command -"), REFUSED, FAILED, "has not been found")
    assert s.ask("call query-name -").ok


def test_what_libvirt_would_not_take_is_refused_and_the_session_goes_on(domain, session):
    s = session(domain)
    long = json.dumps({"path": "x" * 3500000, "property": "y"})
    failed(s.ask(f"execute qom-get {long}"), REFUSED, FAILED, "too long for libvirt: the command was not run")
    assert s.ask("call query-name -").ok
    assert not any(r.get("arguments", {}).get("property") == "y" for r in domain.received())


def test_descriptors_do_not_go_through_libvirt(domain, session):
    failed(session(domain).ask(f"pass {__file__} -"), ARGUMENT, NOT_SENT, "UNIX sockets only")


# --- what ends -------------------------------------------------------------------------------------------------

def test_a_vm_that_stops_ends_the_session_and_one_that_starts_anew_is_another(domain, session):
    s = session(domain)
    domain.destroy()
    failed(ends(s), CONNECTION, UNKNOWN, "the VM has stopped")
    domain.start("--paused")
    failed(s.ask("call query-name -"), CONNECTION, NOT_SENT, "the VM has stopped")
    assert session(domain).ask("call query-name -").ok


def test_a_vm_that_hangs_is_late_and_closing_does_not_wait_for_it(domain, session):
    s = session(domain)
    domain.freeze()
    s.ask("timeout 500 -")
    failed(s.ask("call query-name -"), TIMEOUT, UNKNOWN, "query-name: no reply in 500 ms")
    begin = time.monotonic()
    s.process.stdin.close()
    assert s.process.wait(wait.TIMEOUT) == 0
    assert time.monotonic() - begin < wait.TIMEOUT
    domain.thaw()


def test_a_libvirtd_that_dies_ends_the_session_with_an_unknown_outcome(domain, session):
    s = session(domain)
    domain.freeze()
    s.tell("call query-name -")
    wait.until(lambda: os.path.exists(f"/proc/{s.process.pid}/task"), "the call")
    time.sleep(0.3)
    domain.libvirtd.kill()
    failed(s.answer(), CONNECTION, UNKNOWN, "libvirt")
    domain.thaw()


def test_quit_ends_it(domain, session):
    s = session(domain)
    answer = s.ask("call quit -")
    assert answer.ok or answer.kind == CONNECTION, answer.text
    failed(ends(s), CONNECTION, UNKNOWN, "")
