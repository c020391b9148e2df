"""libqmp's sessions behind a real gateway: over TLS with a certificate, and over its UNIX listener."""

import json
import signal

import pytest

from harness.gateway import user_name
from harness.libqmp import ARGUMENT, CONNECTION, FAILED, LOCAL, LOGIN, LONG, NOT_SENT, REFUSED, TIMEOUT, UNKNOWN, Session, failed
from harness.pki import VM_DOMAIN

FROZEN = 500  # milliseconds, of what gets no answer anyway


@pytest.fixture
def session(build, pki):
    """A session with the gateway, as somebody who has a certificate, or with None."""
    opened = []

    def make(gateway, vm="web1", cert="admin", timeout=LONG, host="127.0.0.1", **env):
        mine = {"QMPGATE_CA": pki.path("ca.crt")}
        if cert:
            mine["QMPGATE_CERT"], mine["QMPGATE_KEY"] = pki.pair(cert)
        opened.append(Session(build, f"qmps://{host}:{gateway.port}/{vm}", timeout, **{**mine, **env}))
        return opened[-1]

    yield make
    for s in opened:
        s.__exit__()


# --- who does not get in ---------------------------------------------------------------------------------------

def test_without_an_authority_nothing_is_sent(gateway, session):
    failed(session(gateway, QMPGATE_CA="").opened, ARGUMENT, NOT_SENT, "QMPGATE_CA")
    assert not gateway.records(type="session-open")


def test_a_file_that_is_none_is_an_error_of_this_side(gateway, session, place):
    failed(session(gateway, QMPGATE_CA=place + "/none").opened, LOCAL, NOT_SENT, "none")


def test_a_certificate_needs_its_key(gateway, session):
    failed(session(gateway, QMPGATE_KEY="").opened, ARGUMENT, NOT_SENT, "there is no key")
    failed(session(gateway, QMPGATE_CERT="").opened, ARGUMENT, NOT_SENT, "there is no certificate")


def test_a_gateway_that_another_authority_vouches_for_is_refused(gateway, session, pki):
    pki.authority("foreigner", 3600)
    failed(session(gateway, QMPGATE_CA=pki.path("foreigner.crt")).opened, CONNECTION, NOT_SENT, "")


def test_a_gateway_of_another_name_is_refused(gateway, session):
    failed(session(gateway, QMPGATE_SERVER_NAME="gw.example.net").opened, CONNECTION, NOT_SENT, "")


def test_without_a_certificate_the_gateway_refuses(gateway, session):
    failed(session(gateway, cert=None).opened, CONNECTION, NOT_SENT, "")


def test_a_vm_that_there_is_not_and_one_that_is_not_shown_are_refused_alike(house, qemu, session):
    hidden = house.qemu("db1", uuid="22222222-2222-3333-4444-555555555555")
    gateway = house.gateway(qemu, hidden).start()
    texts = [session(gateway, vm, cert="operator").opened for vm in ("db1", "db2")]
    for answer in texts:
        failed(answer, REFUSED, FAILED, "")
    assert texts[0].text.replace("db1", "db2") == texts[1].text


def test_the_vm_that_the_server_name_leads_to_must_be_the_one(house, qemu, session):
    gateway = house.gateway(qemu, house.qemu("web2", uuid="22222222-2222-3333-4444-555555555555")).start()
    name = {"QMPGATE_SERVER_NAME": f"web1.{VM_DOMAIN}"}
    assert session(gateway, "web1", **name).opened.ok
    failed(session(gateway, "web2", **name).opened, CONNECTION, NOT_SENT, 'not to "web2"')


def test_nobody_there_is_an_error_of_the_connection(build, pki):
    with Session(build, "qmps://127.0.0.1:1/web1", QMPGATE_CA=pki.path("ca.crt")) as s:
        failed(s.opened, CONNECTION, NOT_SENT, "Connection refused")


def test_a_gateway_that_says_nothing_is_late(gateway, session):
    gateway.process.signal(signal.SIGSTOP)
    try:
        failed(session(gateway, timeout=FROZEN).opened, CONNECTION, NOT_SENT, "")
    finally:
        gateway.process.signal(signal.SIGCONT)


# --- who does --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("host,vm", [("127.0.0.1", "web1"), ("localhost", "WEB%31")])
def test_typed_commands_and_events_over_tls(gateway, session, host, vm):
    s = session(gateway, vm.replace("WEB", "web"), host=host)
    assert s.opened.text == "oob"
    assert json.loads(s.ask("call query-name -").text) == {"name": "web1"}
    assert s.ask("call stop -").ok
    assert s.ask("event 5000 -").text == "STOP"
    assert set(json.loads(s.ask("greeting - -").text)["QMP"]) == {"version", "capabilities"}


def test_a_long_reply_and_many_commands_at_once(gateway, session):
    s = session(gateway)
    assert len(s.ask("execute query-qmp-schema -").text) > 100000
    assert s.ask("pipeline query-status 500").text == "500"


def test_what_policy_refuses_is_refused_and_the_session_goes_on(gateway, session, qemu):
    s = session(gateway, cert="viewer")
    failed(s.ask("call stop -"), REFUSED, FAILED, "permission denied")
    assert s.ask("call query-name -").ok
    assert "stop" not in qemu.commands()


def test_descriptors_do_not_go_through_a_gateway(gateway, session, qemu):
    failed(session(gateway).ask(f"pass {qemu.trace} -"), ARGUMENT, NOT_SENT, "UNIX sockets only")


def test_a_session_that_the_gateway_closes_says_why(gateway, session):
    s = session(gateway, cert="operator")
    admin = gateway.client("web1")
    mine = [c for c in admin.result("gateway-sessions") if "operator" in c["identity"]]
    admin.result("gateway-session-close", connection=mine[0]["connection"])
    assert s.ask("event 5000 -").text == "GATEWAY_CLOSED"
    failed(s.ask("event 5000 -"), CONNECTION, UNKNOWN, "the gateway closed this session: ")


def test_what_never_left_over_tls_is_said_not_to_be_sent_and_never_is(gateway, session, qemu):
    s = session(gateway)
    gateway.process.signal(signal.SIGSTOP)
    s.ask(f"timeout {FROZEN} -")
    long = json.dumps({"path": "x" * 6000000, "property": "y"})
    failed(s.ask(f"execute qom-get {long}"), TIMEOUT, UNKNOWN, "no reply")
    failed(s.ask("call stop -"), TIMEOUT, NOT_SENT, "no reply")
    failed(s.ask("call query-status -"), TIMEOUT, NOT_SENT, "no reply")
    gateway.process.signal(signal.SIGCONT)
    s.ask("timeout 60000 -")
    answer = s.ask("call query-name -")
    assert answer.ok or answer.kind == CONNECTION, answer.text  # the gateway may find six megabytes too long
    assert not {"stop", "query-status"} & set(qemu.commands())


# --- the local listener ----------------------------------------------------------------------------------------

@pytest.fixture
def local(house, qemu):
    gateway = house.gateway(qemu).add_control()
    gateway.policy += 'grant "local" { to = {"unix:%s"} role = {"operator"} vms = {"*"} }\n' % user_name()
    return gateway.start()


def test_a_vm_behind_the_local_listener(local, build):
    with Session(build, f"unix:{local.control}?vm=web1") as s:
        assert json.loads(s.ask("call query-name -").text) == {"name": "web1"}
        failed(s.ask("call quit -"), REFUSED, FAILED, "permission denied")


def test_a_gateway_without_a_vm_is_no_monitor(local, build):
    with Session(build, f"unix:{local.control}") as s:
        failed(s.opened, ARGUMENT, NOT_SENT, "which VM?")


def test_a_vm_s_own_socket_is_not_taken_for_a_gateway(qemu, build):
    with Session(build, f"unix:{qemu.socket}?vm=web1") as s:
        failed(s.opened, CONNECTION, NOT_SENT, "no gateway")


def test_descriptors_are_refused_by_the_gateway(house, qemu, build):
    gateway = house.gateway(qemu).add_control()
    gateway.policy += 'role "fd" { allow = {"getfd"} rule "fd" { commands = {"getfd"} when = {"fdname any"} } }\n' \
                      'grant "local" { to = {"unix:%s"} role = {"fd"} vms = {"*"} }\n' % user_name()
    gateway.start()
    with Session(build, f"unix:{gateway.control}?vm=web1") as s:
        s.ask(f"pass {qemu.trace} -")
        failed(s.ask('call getfd {"fdname":"a"}'), REFUSED, FAILED, "")
    assert "getfd" not in qemu.commands()
