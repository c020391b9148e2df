"""qmpgate shell on a terminal, against a real QEMU and a gateway that follows a script."""

import os
import signal
import stat
import termios

from harness import wait
from harness.cli import OK, QMP_ERROR, UNREACHABLE
from harness.cli_fixtures import cli, direct, local, script, shell  # noqa: F401


def test_shell_runs_commands_and_leaves(direct, shell):
    t = shell()
    t.prompt("qmp> ")
    t.type("query-name\r")
    t.expect(r'"name": "web1"')
    t.type("nonsense\r")
    t.expect("CommandNotFound")
    t.prompt("qmp> ")
    t.type("\x04")
    assert t.wait() == OK


def test_shell_takes_json_without_quotes(direct, shell, qemu):
    t = shell()
    t.prompt("qmp> ")
    t.type('qom-list {"path": "/machine"}\r')
    t.expect("child<")
    assert qemu.received()[-1]["arguments"] == {"path": "/machine"}


def test_shell_completes_commands_arguments_and_values(direct, shell, qemu):
    t = shell()
    t.prompt("qmp> ")
    t.type("object-a\tqom-t\tmemory-backend-r\tid=m0 siz\t1048576\r")
    t.expect(r"\{\}")
    assert qemu.received()[-1]["arguments"] == {"qom-type": "memory-backend-ram", "id": "m0", "size": 1048576}


def test_shell_lists_what_could_follow(direct, shell):
    t = shell()
    t.prompt("qmp> ")
    t.type("object-add qom-type=secret \t")
    t.expect("data= +file= +format= +id= +iv= +keyid=")
    t.expect("qmp> object-add qom-type=secret ")


def test_shell_completes_only_what_the_gateway_shows(cli, local, shell):
    t = shell()
    t.prompt("web1> ")
    t.type("\t")
    t.expect("cont +query-status")
    t.prompt("web1> ")
    t.type("cont hur\ttr\t\r")
    t.expect("no cont")
    assert local.requests[-1]["arguments"] == {"hurry": True}


def test_event_leaves_a_half_typed_line_whole(cli, local, shell):
    t = shell()
    t.prompt("web1> ")
    t.type("query-sta")
    t.expect("query-sta")
    local.event("STOP")
    t.expect("STOP {}\r\nweb1> query-sta")
    t.type("tus\r")
    t.expect('"status": "running"')


def test_event_leaves_a_line_whole_that_takes_two_rows(cli, local, shell):
    t = shell()
    t.prompt("web1> ")
    t.type("query-status x=" + "a" * 100)
    t.expect("(a[ \r\n\x08]*){100}")
    local.event("STOP")
    t.expect("STOP {}\r\nweb1> query-status x=")
    assert "\x1b[A\r\x1b[J" in t.raw  # up to the row where the prompt began, and no further
    assert "\x1b[A\x1b[A" not in t.raw


def test_shell_shows_no_events_when_told_so(cli, local, shell):
    t = shell()
    t.prompt("web1> ")
    t.type(".events off\r")
    t.expect("not shown\r\nweb1> ")
    local.event("STOP")
    t.type("query-status\r")
    t.expect("running")
    assert "STOP" not in t.raw


def test_event_cannot_act_on_the_terminal(cli, local, shell):
    t = shell()
    t.prompt("web1> ")
    local.event("STOP", text="\x1b]0;owned\x07\x9b2J")
    t.prompt("web1> ")
    assert "\x1b]" not in t.raw and "\x07" not in t.raw and "\x9b" not in t.raw


def test_ctrl_c_throws_the_line_away(direct, shell, qemu):
    t = shell()
    t.prompt("qmp> ")
    t.type("stop\x03")
    t.prompt("qmp> ")
    t.type("query-name\r")
    t.expect("web1")
    assert "stop" not in qemu.commands()


def test_ctrl_c_right_after_a_key_leaves_the_shell_awake(direct, shell):
    t = shell()
    t.prompt("qmp> ")
    for _ in range(100):
        t.type("x")
        t.type("\x03")  # takes the x away again, perhaps after it was seen and before it was read
        t.prompt("qmp> ")


def test_ctrl_c_stops_waiting_for_a_reply(cli, local, shell):
    t = shell()
    t.prompt("web1> ")
    t.type("hang\r")
    wait.until(lambda: "hang" in local.asked(), "the request")
    t.type("\x03")
    t.expect("no longer waiting for hang")
    t.type("query-status\r")
    t.expect("running")


def test_quit_is_asked_for_twice(direct, shell, qemu):
    t = shell()
    t.prompt("qmp> ")
    t.type("quit\r")
    t.expect("Type it once more")
    t.type("query-name\rquit\r")
    t.expect("Type it once more")
    assert "quit" not in qemu.commands()
    t.type("quit\r")
    assert t.wait() == OK
    assert qemu.process.wait() == 0


def test_shell_ends_when_the_connection_does(cli, local, shell):
    t = shell()
    t.prompt("web1> ")
    local.connections[-1].end()
    t.expect("closed the connection")
    assert t.wait() == UNREACHABLE


def test_shell_gives_the_terminal_back_when_it_is_terminated(direct, shell):
    t = shell()
    t.prompt("qmp> ")
    assert termios.tcgetattr(t.slave) != t.settings
    t.child.send_signal(signal.SIGTERM)
    assert t.wait() == OK
    assert termios.tcgetattr(t.slave) == t.settings


def test_shell_remembers_lines_but_no_passwords(direct, shell, place):
    t = shell()
    t.prompt("qmp> ")
    t.type("query-name\r")
    t.expect("web1")
    t.prompt("qmp> ")
    t.type("set_password protocol=vnc password=hush\r")
    t.prompt("qmp> ")
    t.type(" query-uuid\r")
    t.expect("UUID")
    t.prompt("qmp> ")
    t.type("\x04")
    assert t.wait() == OK
    path = os.path.join(place, "state", "qmpgate", "history")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path) as f:
        text = f.read()
    assert "query-name" in text and "hush" not in text and "query-uuid" not in text
    t = shell()
    t.prompt("qmp> ")
    t.type("\x1b[A\r")
    t.expect('"name": "web1"')


def test_shell_keeps_no_history_if_told_so(direct, shell, place):
    t = shell(QMPGATE_HISTORY="")
    t.prompt("qmp> ")
    t.type("query-name\r.exit\r")
    assert t.wait() == OK
    assert not os.path.exists(os.path.join(place, "state"))


def test_shell_follows_an_attachment(cli, local, shell):
    cli.uri = cli.uri.split("?")[0]
    t = shell()
    t.prompt("gateway> ")
    t.type("gateway-attach vm=web1\r")
    t.prompt("web1> ")


def test_help_in_the_shell_says_what_a_command_takes(direct, shell):
    t = shell()
    t.prompt("qmp> ")
    t.type(".help object-add qom-type=secret\r")
    t.expect("qom-type")
    t.expect("id +string")
    t.expect("data +optional, string")
    assert "filename" not in t.screen
    t.type(".help no-such\r")
    t.expect("no command no-such")


def test_lines_from_a_pipe_are_run_without_a_prompt(direct):
    done = direct("shell", stdin="query-name\n\n# a comment\nnonsense\nqom-list {\"path\": \"/nowhere\"}\nquery-name")
    assert done.stdout == '{"name":"web1"}\n{"name":"web1"}\n'
    assert done.code == QMP_ERROR
