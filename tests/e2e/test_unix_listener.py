"""The UNIX listener: clients are known by their peer credentials."""

import grp
import os
import pwd
import stat
import subprocess
import sys

import pytest

from harness import expect
from harness.gateway import user_name

GRANT = '''
grant "local" { to = {"unix:%s"} role = {"operator"} vms = {"*"} admin = {"sessions", "stats"} }
'''


@pytest.fixture
def local(house, qemu):
    gateway = house.gateway(qemu).add_control()
    gateway.policy += GRANT % user_name()
    return gateway.start()


def test_the_user_is_the_identity(local):
    client = local.local().greet()
    assert client.greeting["QMP"]["capabilities"] == ["gateway"]
    assert client.result("gateway-info")["identity"] == "unix:" + user_name()


def test_it_attaches_and_runs_what_it_may(local):
    client = local.local().ready()
    client.result("gateway-attach", vm="web1")
    assert client.result("stop") == {}
    client.event("STOP")
    expect.denied(client.call("quit"), "operator")


def test_a_client_over_tls_and_a_local_one_share_a_vm(local):
    client = local.local().ready()
    client.result("gateway-attach", vm="web1")
    remote = local.client("web1", "viewer")
    client.result("stop")
    remote.event("STOP")


def test_a_group_of_the_user_is_as_good_as_his_name(house, qemu):
    group = grp.getgrgid(pwd.getpwuid(os.geteuid()).pw_gid).gr_name
    gateway = house.gateway(qemu).add_control()
    gateway.policy += f'''
role "calm" {{ deny = {{"stop"}} }}
grant "groups" {{ to = {{"unix-group:{group}"}} role = {{"operator"}} vms = {{"web1"}} }}
'''
    gateway.start()
    client = gateway.local().ready()
    client.result("gateway-attach", vm="web1")
    assert client.result("stop") == {}
    gateway.policy += f'grant "calm" {{ to = {{"unix-group:{group[0]}*"}} role = {{"calm"}} vms = {{"*"}} }}\n'
    gateway.reload()
    expect.denied(client.call("stop"), "calm")


def test_a_group_of_another_is_nobodys(house, qemu):
    gateway = house.gateway(qemu).add_control()
    gateway.policy += 'grant "games" { to = {"unix-group:games"} role = {"operator"} vms = {"web1"} }\n'
    gateway.policy += 'grant "alike" { to = {"unix:games"} role = {"operator"} vms = {"web1"} }\n'
    gateway.start()
    client = gateway.local()
    expect.denied(client.read())
    assert client.drain() == []


def test_who_has_no_grant_is_turned_away(house, qemu):
    gateway = house.gateway(qemu).add_control()
    gateway.start()
    client = gateway.local()
    line = client.read()
    expect.denied(line)
    assert "id" not in line and client.drain() == []


def test_its_mode_is_as_configured(house, qemu):
    gateway = house.gateway(qemu).add_control(mode="0640")
    gateway.start()
    assert stat.S_IMODE(os.stat(gateway.control).st_mode) == 0o640
    gateway.stop()
    assert not os.path.exists(gateway.control)


def test_another_user_is_another_identity(local):
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    os.chmod(local.control, 0o666)
    os.chmod(local.directory, 0o755)
    script = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
              "sys.stdout.buffer.write(s.makefile('rb').readline())")
    for user, group in (("daemon", "daemon"), ("nobody", "nogroup")):
        line = subprocess.run([sys.executable, "-c", script, local.control], user=user, group=group, extra_groups=[],
                              stdout=subprocess.PIPE, check=True).stdout
        assert b"permission denied" in line and b"QMP" not in line, user
    records = local.records(type="auth", result="denied")
    assert any(r.get("identity") == "unix:daemon" for r in records)
    assert not any(r.get("identity") == "unix:nobody" for r in records)  # the overflow user is nobody at all


def test_a_stale_socket_is_replaced(house, qemu):
    import socket
    gateway = house.gateway(qemu).add_control()
    gateway.policy += GRANT % user_name()
    s = socket.socket(socket.AF_UNIX)
    s.bind(gateway.control)
    s.close()
    gateway.start()
    gateway.local().greet()


def test_a_live_socket_is_not_taken_away(house, qemu):
    import socket
    gateway = house.gateway(qemu).add_control()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(gateway.control)
        s.listen()
        status, text = gateway.run_to_end()
    assert status not in (0, None) and gateway.control in text


def test_a_file_is_not_taken_for_a_stale_socket(house, qemu):
    gateway = house.gateway(qemu).add_control()
    with open(gateway.control, "w") as f:
        f.write("precious")
    status, _ = gateway.run_to_end()
    assert status != 0
    with open(gateway.control) as f:
        assert f.read() == "precious"


def test_the_socket_belongs_to_whom_the_configuration_says(house, qemu):
    """Root may give it to anybody; another user only to a group of his own."""
    user = "nobody" if os.geteuid() == 0 else user_name()
    group = "daemon" if os.geteuid() == 0 else grp.getgrgid(os.getegid()).gr_name
    gateway = house.gateway(qemu).add_control(mode="0620", owner=user, group=group)
    gateway.policy += GRANT % user_name()
    gateway.start()
    state = os.stat(gateway.control)
    assert (pwd.getpwuid(state.st_uid).pw_name, grp.getgrgid(state.st_gid).gr_name) == (user, group)
    assert stat.S_IMODE(state.st_mode) == 0o620


@pytest.mark.parametrize("option", ["owner", "group"])
def test_who_is_not_there_cannot_own_the_socket(house, qemu, option):
    gateway = house.gateway(qemu).add_control(**{option: "no-such-name"})
    status, said = gateway.run_to_end()
    assert status not in (0, None) and "listener local" in said and "no-such-name" in said
