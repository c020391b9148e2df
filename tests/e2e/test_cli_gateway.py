"""qmpgate against a gateway that follows a script: which VM it talks to, and what it makes of the answers."""

import json
import signal
import subprocess

import pytest

from harness.cli import DENIED, LOCAL, OK, QMP_ERROR, UNREACHABLE, USAGE
from harness.cli_fixtures import cli, direct, local, remote, script  # noqa: F401
from harness.scripted import VM_GREETING


def test_vm_is_attached_by_name_over_tls(cli, remote):
    assert cli.json("exec", "query-status") == {"status": "running"}
    assert remote.names == ["localhost"]
    assert remote.asked() == ["gateway-info", "gateway-attach", "qmp_capabilities", "query-status"]
    assert remote.requests[1]["arguments"] == {"vm": "web1"}


def test_address_is_verified_and_not_sent_as_a_name(cli, remote):
    assert cli("exec", "query-status", uri=f"qmps://127.0.0.1:{remote.port}/web1").code == OK
    assert remote.names == [None]


def test_certificate_comes_from_the_environment(cli, remote, pki):
    cli.options = []
    done = cli("exec", "query-status", QMPGATE_CA=pki.path("ca.crt"), QMPGATE_CERT=pki.path("admin.crt"),
               QMPGATE_KEY=pki.path("admin.key"))
    assert done.code == OK, done.stderr


def test_server_name_replaces_the_host(cli, remote):
    cli.options += ["--server-name", "web1.vm.example.com"]
    assert cli("exec", "query-status", uri=f"qmps://127.0.0.1:{remote.port}/web1").code == OK
    assert remote.names == ["web1.vm.example.com"]


def test_server_of_another_name_is_not_talked_to(cli, remote):
    cli.options += ["--server-name", "other.example.org"]
    done = cli("exec", "query-status")
    assert done.code == UNREACHABLE and remote.requests == []


def test_server_of_another_ca_is_not_talked_to(cli, remote, pki):
    cli.options = ["--ca", pki.path("other-ca.crt")] + cli.options[2:]
    done = cli("exec", "query-status")
    assert done.code == UNREACHABLE and remote.requests == []


def test_missing_client_certificate_is_hinted_at(cli, remote):
    cli.options = cli.options[:2]
    done = cli("exec", "query-status")
    assert done.code == UNREACHABLE and "--cert" in done.stderr


def test_vm_that_the_server_chose_is_checked(cli, remote, script):
    script.first = {"QMP": VM_GREETING}
    assert cli("exec", "query-status").code == OK
    assert remote.asked() == ["gateway-info", "qmp_capabilities", "query-status"]


def test_another_vm_than_the_wanted_one_is_not_talked_to(cli, remote, script):
    script.first = {"QMP": VM_GREETING}
    script.returns["gateway-info"]["vm"] = "web2"
    done = cli("exec", "query-status")
    assert done.code == UNREACHABLE and "web2" in done.stderr
    assert remote.asked() == ["gateway-info"]


def test_vm_may_be_given_by_uuid(cli, remote, script):
    script.first = {"QMP": VM_GREETING}
    script.returns["gateway-info"]["uuid"] = "11111111-2222-3333-4444-55555555555A"
    uri = f"qmps://localhost:{remote.port}/11111111-2222-3333-4444-55555555555a"
    assert cli("exec", "query-status", uri=uri).code == OK


def test_error_line_instead_of_a_greeting_is_told(cli, local, script):
    script.first = {"error": {"class": "GenericError", "desc": "no such VM, or not yours"}}
    done = cli("exec", "query-status")
    assert done.code == UNREACHABLE and "no such VM, or not yours" in done.stderr


def test_refused_attach_is_denied(cli, local, script):
    script.errors["gateway-attach"] = "permission denied: no grant for this VM"
    done = cli("exec", "query-status")
    assert done.code == DENIED and "permission denied" in done.stderr


def test_unknown_vm_is_unreachable(cli, local, script):
    script.errors["gateway-attach"] = "there is no such VM"
    assert cli("exec", "query-status").code == UNREACHABLE


def test_refused_command_is_denied(cli, local, script):
    script.errors["query-status"] = "permission denied: query-status"
    done = cli("exec", "query-status")
    assert done.code == DENIED and done.stdout == ""


@pytest.mark.parametrize("command", ["stop", "query-status", "query-commands"])
def test_command_without_a_vm_says_that_one_is_to_be_chosen(cli, local, command):
    done = cli("exec", command, uri=cli.uri.split("?")[0])
    assert done.code == USAGE and "put its name into the URI" in done.stderr and "qmpgate vms" in done.stderr
    assert command not in local.asked()


def test_gateway_verbs_attach_nothing(cli, local):
    assert cli("vms").code == OK
    assert cli("whoami").code == OK
    assert "gateway-attach" not in local.asked()


def test_vms_are_a_line_each_or_a_table_without_control_characters(cli, local):
    lines = cli("vms").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["web1", "x\x1b[2J"]
    table = cli("--pretty", "vms").stdout
    assert table.splitlines()[0].split() == ["NAME", "STATE", "UUID", "LABELS", "SNI", "REASON"]
    assert "a=b,c=d" in table and "\x1b" not in table


def test_whoami_tells_the_identity(cli, local):
    assert json.loads(cli("whoami").stdout)["identity"] == "x509:CN=admin,O=Example"
    assert "identity: x509:CN=admin,O=Example\n" in cli("--pretty", "whoami").stdout


def test_explain_tells_by_its_exit_code(cli, local, script):
    script.returns["gateway-explain"] = {"allowed": True, "rule": "grant g role r allow stop"}
    done = cli("explain", "stop", "x=1")
    assert done.code == OK
    assert local.requests[-1]["arguments"] == {"execute": "stop", "arguments": {"x": 1}}
    script.returns["gateway-explain"] = {"allowed": False, "rule": "grant g role r deny quit", "reason": "denied",
                                         "detail": "deny quit of role r (policy.conf:7)"}
    done = cli("--pretty", "explain", "quit")
    assert done.code == DENIED and done.stdout == (
        "refused: denied\nby: grant g role r deny quit\nin detail: deny quit of role r (policy.conf:7)\n")
    assert "arguments" not in local.requests[-1]["arguments"]


def test_ctl_asks_for_what_it_says(cli, local):
    for words, command, arguments in (
            (["reload"], "gateway-reload", None), (["sessions"], "gateway-sessions", None),
            (["close", "17"], "gateway-session-close", {"connection": 17}), (["stats"], "gateway-stats", None),
            (["audit-tail"], "gateway-audit-tail", None), (["audit-tail", "5"], "gateway-audit-tail", {"count": 5})):
        done = cli("ctl", *words)
        assert done.code == OK, done.stderr
        assert local.requests[-1]["execute"] == command
        assert local.requests[-1].get("arguments") == arguments
    assert cli("ctl", "audit-tail").stdout == '{"seq":1}\n{"seq":2}\n'


def test_refused_administration_is_denied(cli, local, script):
    script.errors["gateway-reload"] = "permission denied: gateway-reload"
    assert cli("ctl", "reload").code == DENIED


def test_failed_reload_is_an_error_with_its_place(cli, local, script):
    script.errors["gateway-reload"] = "policy.conf:7: unknown option"
    done = cli("ctl", "reload")
    assert done.code == QMP_ERROR and "policy.conf:7" in done.stderr


def test_each_error_of_a_reload_has_a_line(cli, local, script):
    script.errors["gateway-reload"] = "a.conf:7: first\nb.conf:8: second\x1b"
    assert cli("ctl", "reload").stderr == "qmpgate: GenericError: a.conf:7: first\n    b.conf:8: second\\u001b\n"


# --- files of this side


@pytest.mark.parametrize("option", ["--ca", "--cert", "--key"])
@pytest.mark.parametrize("text", [None, "not PEM"])
def test_file_that_cannot_be_used_is_a_fault_of_this_side(cli, remote, place, option, text):
    path = place + "/unfit"
    if text:
        with open(path, "w") as f:
            f.write(text)
    cli.options[cli.options.index(option) + 1] = path
    done = cli("exec", "query-status")
    assert done.code == LOCAL and path in done.stderr and "qmps://" not in done.stderr
    assert remote.requests == []


# --- events


def test_events_are_lines_and_are_chosen_by_name(cli, local):
    listener = cli.start("events", "--count", "2", "S*", stdout=subprocess.PIPE)
    listener.wait_line("listening")
    local.event("RESUME")
    local.event("STOP")
    local.event("SHUTDOWN", guest=True)
    assert listener.wait() == OK
    lines = [json.loads(line) for line in listener.stdout.read().splitlines()]
    assert [e["event"] for e in lines] == ["STOP", "SHUTDOWN"]
    assert lines[1]["data"] == {"guest": True}


def test_events_of_a_real_vm_end_with_it(direct, qemu):
    listener = direct.start("events", stdout=subprocess.PIPE)
    listener.wait_line("listening")
    qemu.process.signal(signal.SIGTERM)
    assert listener.wait() == UNREACHABLE
    assert [json.loads(line)["event"] for line in listener.stdout.read().splitlines()] == ["SHUTDOWN"]


def test_events_end_when_nobody_reads_them(cli, local):
    listener = cli.start("events", stdout=subprocess.PIPE)
    listener.wait_line("listening")
    listener.stdout.close()
    local.event("STOP")
    assert listener.wait() == LOCAL
