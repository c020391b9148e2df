"""qmpgate, the command line, against a real QEMU's own socket."""

import json
import os
import re
import signal
import socket
import subprocess

import pytest

from harness.cli import LOCAL, OK, QMP_ERROR, UNREACHABLE, USAGE, client_of
from harness.cli_fixtures import cli, direct  # noqa: F401
from harness.pki import SOURCE

# --- the program


def test_help_lists_every_verb_and_exit_code(cli):
    done = cli("--help")
    assert done.code == OK
    for verb in ("exec", "shell", "events", "vms", "whoami", "explain", "ctl", "bridge", "label"):
        assert re.search(rf"^  {verb} ", done.stdout, re.M)
        help_of_verb = cli(verb, "--help")
        assert help_of_verb.code == OK and help_of_verb.stdout.startswith("Usage: qmpgate")
    for code in range(6):
        assert re.search(rf"^  {code}  ", done.stdout, re.M)


def test_manual_page_has_every_option_verb_and_exit_code(cli):
    with open(os.path.join(SOURCE, "docs", "man", "qmpgate.1.scd")) as f:
        page = f.read()
    said = cli("--help").stdout
    options = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", said, re.M)
    assert len(options) == 14
    for option in options:
        assert f"*{option}*" in page, option
    for verb in re.findall(r"^  (\w+)  ", said.split("Options")[0], re.M):
        assert re.search(rf"^\*{verb}[ *]", page, re.M), verb
        for option in re.findall(r"^  (--[\w-]+)", cli(verb, "--help").stdout, re.M):
            assert f"*{option}*" in page, option
    for code in range(6):
        assert f"\n*{code}*\n\t" in page
    for variable in re.findall(r"QMPGATE_\w+", said):
        assert variable in page


def test_version_is_told(cli):
    assert re.fullmatch(r"qmpgate \d+\.\d+\.\d+\n", cli("--version").stdout)


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["--nonsense"], ["exec"], ["exec", "--nonsense", "x"], ["exec", "x", "y"], ["events", "--count", "0"],
    ["events", "--count", "x"], ["events", "--count"], ["vms", "x"], ["whoami", "x"], ["explain"], ["ctl"], ["ctl", "x"],
    ["ctl", "close"], ["ctl", "close", "x"], ["ctl", "close", "0"], ["ctl", "close", "1", "2"], ["ctl", "reload", "1"],
    ["ctl", "audit-tail", "-1"], ["bridge"], ["bridge", "x"], ["shell", "x"], ["--timeout", "x", "vms"],
    ["--timeout", "-1", "vms"], ["--timeout"]])
def test_bad_usage_exits_2_and_says_what_to_do(cli, words):
    done = cli(*words, uri="unix:/nonexistent")
    assert done.code == USAGE and done.stdout == ""
    assert done.stderr.startswith("qmpgate: ")


def test_without_a_uri_it_says_how_to_give_one(cli):
    done = cli("exec", "query-status")
    assert done.code == USAGE and "QMPGATE_URI" in done.stderr


def test_bad_uri_is_usage(cli):
    assert cli("exec", "query-status", uri="http://x/").code == USAGE


def test_uri_comes_from_the_environment(direct):
    uri, direct.uri = direct.uri, None
    assert direct("exec", "query-name", QMPGATE_URI=uri).code == OK


# --- exec


def test_exec_prints_one_json_line(direct):
    assert direct.json("exec", "query-name") == {"name": "web1"}


def test_exec_types_its_arguments(direct, qemu):
    direct.json("exec", "blockdev-add", "driver=raw", "node-name=d0", "file.driver=null-co", "file.size=1048576",
                "read-only=true")
    assert qemu.received()[-1]["arguments"] == {
        "driver": "raw", "node-name": "d0", "read-only": True, "file": {"driver": "null-co", "size": 1048576}}


def test_exec_takes_json_and_standard_input(direct, qemu):
    direct.json("exec", "object-add", '{"qom-type": "secret"}', "id:=\"s0\"", "-", stdin='{"data": "hush"}')
    assert qemu.received()[-1]["arguments"] == {"qom-type": "secret", "id": "s0", "data": "hush"}


def test_exec_tells_an_error_of_the_vm(direct):
    done = direct("exec", "no-such-command")
    assert done.code == QMP_ERROR and done.stdout == ""
    assert "CommandNotFound" in done.stderr


def test_exec_says_how_to_send_a_string_that_looks_like_a_number(direct):
    done = direct("exec", "qom-list", "path=1")
    assert done.code == QMP_ERROR and ":=" in done.stderr
    assert "expected" not in direct("exec", "qom-list", "path:=\"1\"").stderr


def test_exec_of_bad_json_sends_nothing(direct, qemu):
    assert direct("exec", "qom-list", '{"path": "/", "path": "/x"}').code == USAGE
    assert direct("exec", "qom-list", "path:={").code == USAGE
    assert "qom-list" not in qemu.commands()


def test_exec_runs_out_of_band(direct, qemu):
    assert direct("exec", "--oob", "query-yank").code == OK
    assert "exec-oob" in qemu.received()[-1]
    assert direct("exec", "--oob", "query-status").code == QMP_ERROR


def test_quit_without_a_reply_is_a_success(direct, qemu):
    assert direct("exec", "quit").code == OK
    assert qemu.process.wait() == 0


def test_output_is_laid_out_and_coloured_only_where_asked_for(direct):
    plain = direct("--pretty", "exec", "query-version")
    assert plain.stdout.startswith("{\n  ") and "\x1b" not in plain.stdout
    assert direct("--pretty", "exec", "object-add", "qom-type=secret", "id=s", "data=x").stdout == "{}\n"


# --- not reached


def test_no_socket_is_unreachable(cli):
    done = cli("exec", "query-status", uri="unix:/nonexistent/x")
    assert done.code == UNREACHABLE and "/nonexistent/x" in done.stderr


def test_monitor_that_another_client_holds_is_unreachable(direct, qemu):
    holder = client_of(qemu.socket)
    assert "QMP" in holder.read()
    done = direct("--timeout", "0.3", "exec", "query-status")
    assert done.code == UNREACHABLE and "another one may hold it" in done.stderr


def test_vm_that_does_not_answer_is_unreachable(cli, house):
    vm = house.fake("--silent-after", "0", "--only", "query-status")
    done = cli("--timeout", "0.3", "exec", "query-status", uri="unix:" + vm.socket)
    assert done.code == UNREACHABLE and "unknown" in done.stderr


def test_vm_name_on_a_plain_qemu_socket_is_refused(direct, qemu):
    done = direct("exec", "stop", uri=direct.uri + "?vm=web1")
    assert done.code == UNREACHABLE and "no gateway" in done.stderr
    assert "stop" not in qemu.commands()


@pytest.mark.parametrize("words", [["vms"], ["whoami"], ["explain", "stop"], ["ctl", "stats"]])
def test_gateway_verbs_say_that_a_qemu_is_no_gateway(direct, words):
    done = direct(*words)
    assert done.code == QMP_ERROR and "gateway" in done.stderr


def test_garbage_instead_of_a_greeting_is_unreachable(cli, house):
    vm = house.fake("--garbage-greeting")
    done = cli("--timeout", "2", "exec", "query-status", uri="unix:" + vm.socket)
    assert done.code == UNREACHABLE


def test_refused_tcp_connection_is_unreachable(cli, pki):
    cli.options = ["--ca", pki.path("ca.crt")]
    with socket.socket() as s:  # bound and not listening: nobody answers there
        s.bind(("127.0.0.1", 0))
        done = cli("exec", "query-status", uri=f"qmps://127.0.0.1:{s.getsockname()[1]}/web1")
    assert done.code == UNREACHABLE and "refused" in done.stderr.lower()


def test_tls_without_a_ca_or_with_half_a_certificate_is_usage(cli, pki):
    done = cli("exec", "query-status", uri="qmps://127.0.0.1:1/web1")
    assert done.code == USAGE and "--ca" in done.stderr
    cli.options = ["--ca", pki.path("ca.crt"), "--cert", pki.path("admin.crt")]
    done = cli("exec", "query-status", uri="qmps://127.0.0.1:1/web1")
    assert done.code == USAGE and "--key" in done.stderr
