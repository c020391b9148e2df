"""libqmp's sessions log in to a real gateway: passwords by a function, a file and the environment; targets; acting for others.
What the exchange itself refuses test_cli_login.py has, of the same code."""

import json

import pytest

from harness.libqmp import ARGUMENT, FAILED, LOCAL, LOGIN, NOT_SENT, REFUSED, Session, failed
from harness.sasl import REALM, Sasldb
from test_cli_login import ALICE, PASSWORD, PLAIN, PLUS, POLICY, SCRAM, write_password

VM, ANY, GATEWAY, DOOR = range(4)  # enum qmp_target


@pytest.fixture
def served(house, qemu, place):
    def start(*mechanisms, **listener):
        gateway = house.gateway(qemu)
        gateway.policy += POLICY
        gateway.listeners["public"].update({"client_cert": "optional", "sasl": mechanisms, **listener})
        gateway.limits.update({"login_delay_milliseconds": 100})
        gateway.extra += f'sasl {{ realm = "{REALM}" db = "{Sasldb(place, alice=PASSWORD).path}" }}\n'
        return gateway.start()
    return start


@pytest.fixture
def session(build, pki):
    opened = []

    def make(gateway, *settings, vm="web1", uri=None, **env):
        uri = uri or f"qmps://localhost:{gateway.port}/{vm}"
        opened.append(Session(build, uri, settings=settings, **{"QMPGATE_CA": pki.path("ca.crt"), **env}))
        return opened[-1]

    yield make
    for s in opened:
        s.__exit__()


# --- refusals --------------------------------------------------------------------------------------------------

def test_without_a_word_about_who_it_is_the_error_says_what_to_set(served, session):
    failed(session(served(SCRAM)).opened, LOGIN, NOT_SENT, "QMPGATE_USER, with a password; or a certificate, by QMPGATE_CERT")


@pytest.mark.parametrize("mechanism", [PLUS, SCRAM, PLAIN])
def test_a_wrong_password_is_a_login_that_failed(served, session, mechanism, qemu):
    s = session(served(mechanism), "user=alice", "password=wrong")
    failed(s.opened, LOGIN, FAILED, f"authentication failed by {mechanism}: wrong user or password")
    assert not qemu.commands().count("query-name")


def test_a_password_that_nobody_has_is_an_error_of_this_side(served, session):
    failed(session(served(SCRAM), "user=alice").opened, LOCAL, NOT_SENT, "QMPGATE_PASSWORD_FILE")


def test_a_password_file_that_is_open_to_others_is_refused(served, session, place):
    s = session(served(SCRAM), "user=alice", "password-file=" + write_password(place, mode=0o640))
    failed(s.opened, LOCAL, NOT_SENT, "chmod 600")


def test_a_mechanism_that_there_is_not_is_refused_before_anything_is_sent(served, session):
    gateway = served(SCRAM)
    failed(session(gateway, "mechanism=CRAM-MD5").opened, ARGUMENT, NOT_SENT, "CRAM-MD5")
    assert not gateway.records(type="session-open")


def test_a_user_who_was_set_and_is_not_asked_for_is_refused(qemu, session):
    failed(session(None, "user=alice", uri="unix:" + qemu.socket).opened, ARGUMENT, NOT_SENT, "no login is asked for")


def test_a_user_of_the_environment_is_for_where_a_login_is_needed(qemu, session):
    assert session(None, uri="unix:" + qemu.socket, QMPGATE_USER="alice").opened.ok


def test_without_a_delegation_nobody_is_acted_for(served, session, qemu):
    s = session(served(SCRAM), "user=alice", "password=" + PASSWORD, "act-as=sasl:carol@example.com")
    failed(s.opened, REFUSED, FAILED, "no delegation")


def test_a_gateway_without_a_vm_is_no_monitor_after_a_login_either(served, session):
    gateway = served(SCRAM)
    s = session(gateway, "user=alice", "password=" + PASSWORD, vm="")
    failed(s.opened, ARGUMENT, NOT_SENT, "which VM?")


# --- logging in ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mechanism", [PLUS, SCRAM, PLAIN])
def test_a_password_by_a_function_logs_in(served, session, mechanism):
    s = session(served(mechanism), "user=alice", "password=" + PASSWORD)
    assert s.opened.text == "oob"
    assert s.ask("login - -").text == f"web1 vm {mechanism}"
    assert json.loads(s.ask("call query-name -").text) == {"name": "web1"}


def test_user_mechanism_and_password_file_come_from_the_environment(served, session, place):
    s = session(served(SCRAM, PLAIN), QMPGATE_USER="alice", QMPGATE_PASSWORD_FILE=write_password(place), QMPGATE_MECHANISM="plain")
    assert s.ask("login - -").text == f"web1 vm {PLAIN}"


def test_a_login_acts_for_somebody(served, session):
    s = session(served(SCRAM), "user=alice", "password=" + PASSWORD, "act-as=sasl:bob@example.com")
    assert json.loads(s.ask("execute gateway-info -").text)["acting-for"] == "sasl:bob@example.com"
    failed(s.ask("call stop -"), REFUSED, FAILED, "permission denied")  # alice may, bob not


# --- which end is meant ----------------------------------------------------------------------------------------

def test_the_gateway_itself_is_asked_whatever_vm_the_uri_names(served, session):
    s = session(served(SCRAM), "user=alice", "password=" + PASSWORD, f"target={GATEWAY}")
    assert s.ask("login - -").text == f"web1 gateway {SCRAM}"
    assert [vm["name"] for vm in json.loads(s.ask("execute gateway-list-vms -").text)] == ["web1"]
    assert json.loads(s.ask("execute gateway-info -").text)["identity"] == ALICE


def test_at_the_door_nobody_logs_in_and_is_told_how(served, session):
    gateway = served(SCRAM, PLAIN)
    s = session(gateway, "user=alice", "password=" + PASSWORD, f"target={DOOR}")
    info = json.loads(s.ask("execute gateway-info -").text)
    assert (info["phase"], info["mechanisms"]) == ("auth", [SCRAM, PLAIN])
    assert not s.ask("execute gateway-list-vms -").ok
    assert not gateway.records(type="auth")


@pytest.mark.parametrize("vm,place_there", [("", "- gateway"), ("web1", "web1 vm")])
def test_the_gateway_will_do_where_no_vm_is_named(served, session, vm, place_there):
    s = session(served(SCRAM), "user=alice", "password=" + PASSWORD, f"target={ANY}", vm=vm)
    assert s.ask("login - -").text == f"{place_there} {SCRAM}"
