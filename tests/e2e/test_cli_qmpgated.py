"""qmpgate and qmpgated together, with a real QEMU behind them."""

import json
import signal
import subprocess

import pytest

from harness import wait
from harness.cli import DENIED, OK, QMP_ERROR, UNREACHABLE, Cli, client_of
from harness.cli_fixtures import bridge, cli, shell  # noqa: F401
from harness.gateway import user_name
from harness.pki import VM_DOMAIN
from harness.qemu import UUID


@pytest.fixture
def served(house, qemu):
    """A gateway with a TLS listener and a local one."""
    gateway = house.gateway(qemu).add_control()
    gateway.vms["web1"]["uuid"] = UUID
    gateway.policy += f"""
    group "locals" {{ members = {{"unix:{user_name()}"}} }}
    grant "locals-on-all" {{ to = {{"group:locals"}} role = {{"owner"}} vms = {{"*"}} }}
    grant "locals-admin" {{ to = {{"group:locals"}}
                           admin = {{"sessions", "session-close", "reload", "stats", "audit-tail"}} }}
    """
    return gateway.start()


@pytest.fixture
def as_(build, place, pki, served):
    """The command line of somebody: by a certificate over TLS."""
    def somebody(name, vm="web1", host="127.0.0.1"):
        c = Cli(build, place, f"qmps://{host}:{served.port}/{vm}")
        crt, key = pki.pair(name)
        c.options = ["--ca", pki.path("ca.crt"), "--cert", crt, "--key", key]
        return c
    return somebody


@pytest.fixture
def at_home(cli, served):
    """The command line of a local user."""
    cli.uri = f"unix:{served.control}?vm=web1"
    return cli


def test_allowed_command_runs_and_refused_one_does_not(as_, qemu):
    operator = as_("operator")
    assert operator.json("exec", "query-name") == {"name": "web1"}
    assert operator("exec", "stop").code == OK
    done = operator("exec", "quit")
    assert done.code == DENIED and "permission denied" in done.stderr
    assert "quit" not in qemu.commands()


def test_vm_is_chosen_by_uuid_and_by_server_name_too(as_):
    assert as_("operator", vm=UUID).json("exec", "query-name") == {"name": "web1"}
    c = as_("operator", vm="web1")
    c.options += ["--server-name", f"web1.{VM_DOMAIN}"]
    assert c.json("exec", "query-name") == {"name": "web1"}


def test_server_name_of_another_vm_than_the_uris_is_noticed(as_, qemu):
    c = as_("operator", vm="web2")
    c.options += ["--server-name", f"web1.{VM_DOMAIN}"]
    done = c("exec", "query-name")
    assert done.code == UNREACHABLE and "web1" in done.stderr
    assert "query-name" not in qemu.commands()


def test_unknown_vm_and_foreign_certificates_do_not_get_in(as_):
    assert as_("operator", vm="nonesuch")("exec", "query-name").code in (DENIED, UNREACHABLE)
    for name in ("revoked", "expired"):
        assert as_(name)("exec", "query-name").code in (DENIED, UNREACHABLE), name


def test_vms_and_whoami_tell_what_the_caller_may_see(as_, at_home):
    lines = as_("operator", vm="")("vms").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["web1"]
    assert as_("operator", vm="").json("whoami")["identity"] == "x509:CN=operator,O=Example"
    assert at_home.json("whoami")["identity"] == f"unix:{user_name()}"


def test_greeting_that_comes_together_with_the_tickets_is_seen(as_):
    for _ in range(20):
        assert as_("viewer").json("whoami")["identity"]


def test_explain_agrees_with_what_happens(as_, qemu):
    operator = as_("operator")
    done = operator("explain", "stop")
    assert done.code == OK and json.loads(done.stdout)["allowed"] is True
    done = operator("explain", "quit")
    assert done.code == DENIED and json.loads(done.stdout)["allowed"] is False
    assert "stop" not in qemu.commands()


def test_events_come_through(as_):
    listener = as_("operator").start("events", "--count", "1", "STOP", stdout=subprocess.PIPE)
    listener.wait_line("listening")
    assert as_("admin")("exec", "stop").code == OK
    assert listener.wait() == OK
    assert json.loads(listener.stdout.read())["event"] == "STOP"


def test_out_of_band_goes_through_the_gateway(as_, qemu):
    assert as_("admin")("exec", "--oob", "query-yank").code == OK
    assert "exec-oob" in [k for r in qemu.received() for k in r]


def test_administration_works_for_those_who_may(at_home, as_, served):
    sessions = [json.loads(line) for line in at_home("ctl", "sessions").stdout.splitlines()]
    assert f"unix:{user_name()}" in [s["identity"] for s in sessions]
    assert isinstance(at_home.json("ctl", "stats"), dict)
    assert at_home.json("ctl", "reload")["ok"] is True
    records = [json.loads(line) for line in at_home("ctl", "audit-tail", "3").stdout.splitlines()]
    assert len(records) == 3
    for words in (["sessions"], ["stats"], ["reload"], ["audit-tail"], ["close", "1"]):
        assert as_("operator", vm="")("ctl", *words).code == DENIED, words


def test_failed_reload_says_where(at_home, served):
    served.policy += "nonsense\n"
    served.write()
    done = at_home("ctl", "reload")
    assert done.code == QMP_ERROR and "policy.conf:" in done.stderr


def test_closed_session_ends_its_client(at_home, as_):
    listener = as_("operator").start("events", stdout=subprocess.PIPE)
    listener.wait_line("listening")
    sessions = [json.loads(line) for line in at_home("ctl", "sessions").stdout.splitlines()]
    mine = next(s for s in sessions if s["identity"] == "x509:CN=operator,O=Example")
    assert at_home("ctl", "close", str(mine["connection"])).code == OK
    assert listener.wait() == UNREACHABLE


def test_shell_completes_only_what_the_policy_allows(as_, build, place, served, pki, cli, shell):
    viewer = as_("viewer")
    cli.uri, cli.options = viewer.uri, viewer.options
    t = shell()
    t.prompt("web1> ")
    t.type("s\t\t")
    t.type("\x03")
    t.prompt("web1> ")
    assert "system_powerdown" not in t.raw and "screendump" not in t.raw
    t.type("query-na\t\r")
    t.expect('"name": "web1"')
    t.type("stop\r")
    t.expect("permission denied")


def test_shell_shows_an_event_that_another_client_caused(as_, cli, shell, served):
    operator = as_("operator")
    cli.uri, cli.options = operator.uri, operator.options
    t = shell()
    t.prompt("web1> ")
    t.type("query-sta")
    t.expect("query-sta")
    assert as_("admin")("exec", "stop").code == OK
    t.expect("STOP")
    t.expect("web1> query-sta")


def test_bridge_serves_a_stock_client_over_tls(as_, cli, bridge, qemu):
    operator = as_("operator")
    cli.uri, cli.options = operator.uri, operator.options
    c = client_of(bridge())
    assert "oob" in c.read()["QMP"]["capabilities"]
    c.send({"execute": "qmp_capabilities", "id": 1}, {"execute": "query-name", "id": "x"})
    assert c.reply() == {"return": {}, "id": 1}
    assert c.reply() == {"return": {"name": "web1"}, "id": "x"}
    c.send({"execute": "quit"})
    assert "permission denied" in c.reply()["error"]["desc"]
    assert "quit" not in qemu.commands()


def test_gateway_that_shuts_down_ends_the_shell(as_, cli, shell, served):
    operator = as_("operator")
    cli.uri, cli.options = operator.uri, operator.options
    t = shell()
    t.prompt("web1> ")
    served.process.signal(signal.SIGTERM)
    t.expect("GATEWAY_SHUTDOWN")
    assert t.wait() == UNREACHABLE
    wait.until(lambda: not served.process.running(), "the daemon's end")
