"""The daemon's command line: what it checks before it serves, and how it says so."""

import os
import re
import subprocess

import pytest

from harness import wait

CONFIG = 78  # EX_CONFIG of sysexits.h
USAGE = 2


@pytest.fixture
def ready(house, place):
    """A gateway with one VM that is not there: --check does not ask for it."""
    gateway = house.gateway()
    gateway.vms["web1"] = {"socket": place + "/web1.qmp"}
    return gateway


def run(gateway, *args):
    done = subprocess.run([gateway.binary, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=wait.TIMEOUT, env=gateway.environment())
    return done.returncode, done.stdout


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


def test_check_of_good_files_exits_0(ready):
    status, text = ready.run_to_end("--check")
    assert status == 0, text
    assert not os.path.exists(ready.audit_file)


@pytest.mark.parametrize("text", [
    "no_such_option = 1", 'threads = "many"', "threads = -1", 'listener "x" { port = 1 }',
    'listener "x" { address = "example.com" port = 1 }', 'listener "x" { address = "127.0.0.1" port = 0x }',
    'listener "x" { address = "127.0.0.1" port = 65536 }',
    'listener "x" { address = "127.0.0.1" port = 1 client_cert = "maybe" }',
    'listener "x" { path = "/x" address = "127.0.0.1" port = 1 }',
    'listener "x" { path = "/x" mode = "0999" }',
    'vm "x" { }', 'vm "a b" { socket = "/x" }', 'vm "../x" { socket = "/x" }', 'vm "" { socket = "/x" }',
    'vm "x" { socket = "/x" uuid = "no-uuid" }', 'vm "x" { address = "192.0.2.1" port = 1 }',
    'vm "x" { socket = "/x" labels = {"no-equals-sign"} }',
    'vm "web1" { socket = "/y" }', 'vm_directory "/x" { pattern = "*" pattern = "*.qmp" }',
    'vm_directory "/x" { pattern = "no-star" }', 'policy = "${HOME}/policy.conf"',
    'policy = "a"\npolicy = "b"', 'limits { no_such_limit = 1 }', 'limits { request_bytes = 1000000000 }',
    'audit { sync = "sometimes" }', 'refusal_detail = "everything"', 'nonsense {', '}', '"',
], ids=lambda t: re.sub(r"\s+", " ", t))
def test_check_names_file_and_line_of_an_error_in_the_configuration(ready, text):
    ready.extra = text + "\n"
    status, output = ready.run_to_end("--check")
    assert status == CONFIG, output
    first = len(ready.config_text().splitlines()) - len(text.splitlines()) + 1
    lines = [int(n) for n in re.findall(r"qmpgate\.conf:(\d+):", output)]
    assert lines, output
    assert any(first <= n <= first + 2 for n in lines), (first, output)


@pytest.mark.parametrize("text", [
    "no_such_section { }", 'role "x" { no_such_option = {"a"} }', 'role "viewer" { }', 'role "x" { allow = {"@no-such-class"} }',
    'role "x" { allow = {"${HOME}"} }', 'role "x" { allow = {"stop"} allow = {"cont"} }', 'role "x" { include = {"no-such-role"} }',
    'role "x" { include = {"x"} }', 'role "x" { allow = {"gateway-sessions"} }', 'role "x" { allow = {"gateway-*"} }',
    'grant "x" { to = {"group:no-such-group"} role = {"viewer"} vms = {"*"} }',
    'grant "x" { to = {"nobody-of-this-form"} role = {"viewer"} vms = {"*"} }',
    'grant "x" { to = {"unix:root"} role = {"no-such-role"} vms = {"*"} }',
    'grant "x" { to = {"unix:root"} admin = {"everything"} }',
    'grant "x" { role = {"viewer"} vms = {"*"} }', 'group "x" { members = {"group:x"} }', 'role "x" {',
])
def test_check_names_file_and_line_of_an_error_in_the_policy(ready, text):
    ready.policy += text + "\n"
    status, output = ready.run_to_end("--check")
    assert status == CONFIG, output
    expected = line_of(ready.policy, text)
    lines = [int(n) for n in re.findall(r"policy\.conf:(\d+):", output)]
    assert any(expected <= n <= expected + 1 for n in lines), (expected, output)


def test_check_names_all_errors_of_both_files(ready):
    ready.extra = 'listener "x" { path = "/x" mode = "0999" }\nvm "a b" { socket = "/x" }\n'
    ready.policy += 'grant "x" { to = {"unix:root"} role = {"no-such-role"} vms = {"*"} }\n'
    status, output = ready.run_to_end("--check")
    assert status == CONFIG
    assert output.count("qmpgate.conf:") == 2 and output.count("policy.conf:") == 1, output


@pytest.mark.parametrize("missing", ["policy", "cert", "key", "ca", "crl"])
def test_a_file_that_is_not_there_is_an_error_that_names_it(ready, missing):
    where = ready.options if missing == "policy" else ready.tls
    where[missing] = ready.directory + "/not-there"
    status, output = ready.run_to_end("--check")
    assert status == CONFIG and "not-there" in output
    if missing == "policy":
        assert f"qmpgate.conf:{line_of(ready.config_text(), 'policy =')}: policy: cannot read" in output
    else:
        assert f"qmpgate.conf:{line_of(ready.config_text(), 'tls {')}: tls: cannot read" in output


def test_a_key_of_another_certificate_is_an_error(ready, pki):
    ready.tls["key"] = pki.path("admin.key")
    assert ready.run_to_end("--check")[0] == CONFIG


def test_a_priority_that_is_none_is_an_error(ready):
    ready.tls["priority"] = "NO-SUCH-CIPHERS"
    assert ready.run_to_end("--check")[0] == CONFIG


def test_check_says_which_vms_no_server_name_reaches(ready, place):
    ready.vms["a_b.c"] = {"socket": place + "/x.qmp"}
    status, output = ready.run_to_end("--check")
    assert status == 0 and "a_b.c" in output


def test_a_broken_file_does_not_start(ready):
    ready.extra = "no_such_option = 1\n"
    status, output = ready.run_to_end()
    assert status == CONFIG and "qmpgate.conf:" in output


@pytest.mark.parametrize("args", [["--config"], ["--no-such-option"], ["--config", "/x", "more"], ["-Z"]])
def test_bad_usage_exits_2(ready, args):
    status, output = run(ready, *args)
    assert status == USAGE and output


def test_help_and_version_exit_0(ready):
    status, output = run(ready, "--help")
    assert status == 0 and "--config" in output and "--check" in output
    status, output = run(ready, "--version")
    assert status == 0 and re.search(r"qmpgated? .*\d+\.\d+", output)


def test_a_configuration_that_is_not_there(ready):
    status, output = run(ready, "--config", ready.directory + "/not-there", "--check")
    assert status == CONFIG and "not-there" in output


@pytest.mark.parametrize("check", [[], ["--check"]])
@pytest.mark.parametrize("options, said", [
    ({}, 'user = "qmpgate" in'), ({"user": "no-such-user"}, 'no user "no-such-user"'),
    ({"user": "root", "group": "no-such-group"}, 'no group "no-such-group"'),
])
def test_root_without_a_user_to_become_is_refused_and_check_says_so(ready, check, options, said):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    del ready.options["user"]
    ready.options.update(options)
    status, output = ready.run_to_end(*check)
    assert status == CONFIG and said in output and ready.config_file in output and "good" not in output
    assert not os.path.exists(ready.audit_file)


def test_check_counts_as_people_do(ready, place):
    assert ": good (1 listener, 1 VM, 0 VM directories; " in ready.run_to_end("--check")[1]
    ready.vms["web2"] = {"socket": place + "/x.qmp"}
    os.mkdir(place + "/vms")
    ready.directories[place + "/vms"] = {"pattern": "*.qmp"}
    assert ": good (1 listener, 2 VMs, 1 VM directory; " in ready.run_to_end("--check")[1]


def test_root_by_name_warns(house, qemu):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    house.gateway(qemu).start().wait_log("root")


def test_as_root_it_becomes_the_user(house, qemu, pki, place):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    import grp
    import pwd
    user = pwd.getpwnam("daemon")
    own = pki.copy(place + "/pki")
    gateway = house.gateway(qemu, pki=own)
    for name in os.listdir(own.directory):
        os.chmod(own.path(name), 0o644)
    os.chmod(own.directory, 0o755)
    gateway.options.update(user="daemon", group=grp.getgrgid(user.pw_gid).gr_name)
    os.chmod(gateway.directory, 0o777)
    os.chmod(qemu.socket, 0o666)
    log = place + "/log"  # a log in a directory that anybody may write to is refused
    os.mkdir(log, 0o750)
    os.chown(log, user.pw_uid, user.pw_gid)
    gateway.audit_file = gateway.audit["path"] = log + "/audit.jsonl"
    gateway.start()
    with open(f"/proc/{gateway.pid}/status") as f:
        status = dict(line.split(":", 1) for line in f.read().splitlines())
    assert status["Uid"].split() == [str(user.pw_uid)] * 4
    assert status["Gid"].split() == [str(user.pw_gid)] * 4
    assert status["Groups"].split() in ([], [str(user.pw_gid)])
    assert int(status["CapEff"], 16) == 0
    assert gateway.client("web1").result("query-name") == {"name": "web1"}


def test_an_audit_log_without_its_directory_says_what_to_do(house, qemu, place):
    gateway = house.gateway(qemu, audit={"path": place + "/no/such/audit.jsonl", "sync": "write"})
    status, said = gateway.run_to_end()
    assert status == 69 and "its directory is not there: make it" in said
