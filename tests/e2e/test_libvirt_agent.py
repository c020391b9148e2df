"""The agent in a guest, by way of libvirt: a second target, refused by default, a real agent in a real guest."""

import base64
import json
import select
import threading

import pytest

from harness import expect, wait
from harness.guest import Guest
from harness.libvirt import vms

POLICY = """
role "owner"  { allow = {"*", "quit", "guest-exec"} events = {"*"} }
role "broad"  { allow = {"*", "@query", "@power"} events = {"*"} }
role "keeper" { allow = {"guest-shutdown", "guest-exec-status", "guest-file-close", "guest-file-read", "guest-file-write",
                         "guest-set-time", "@query"}
    rule "uptime" { commands = {"guest-exec"} when = {"path is /bin/uptime", "arg[]? in -p"} }
    rule "pipe"   { commands = {"guest-file-open"} when = {"path under /run/shared", "mode? is r"} } }
role "root"   { allow = {"@query", "guest-exec-status", "guest-file-write", "guest-file-close", "guest-shutdown"}
    rule "all" { commands = {"guest-exec", "guest-file-open", "guest-set-user-password", "guest-ssh-add-authorized-keys"}
                 when = {"** any"} } }
grant "owners" { to = {"x509:CN=admin,O=Example"} role = {"owner"} vms = {"*"} }
grant "roots"  { to = {"x509:CN=admin,O=Example"} role = {"root"} vms = {"web*", "bare", "asleep"} qemu_agent = true }
grant "broad"  { to = {"x509:CN=viewer,O=Example"} role = {"broad"} vms = {"web*"} qemu_agent = true }
grant "keeps"  { to = {"x509:CN=operator,O=Example"} role = {"keeper"} vms = {"web*"} qemu_agent = true }
"""


@pytest.fixture(scope="module")
def host1(module_house):
    return module_house.libvirtd("host1", hostname="alpha")


@pytest.fixture(scope="module")
def host2(module_house):
    return module_house.libvirtd("host2", hostname="beta")


@pytest.fixture(scope="module")
def web1(host1):
    return host1.domain("web1", kind=Guest).start()


@pytest.fixture(scope="module")
def gateway(module_house, host1, host2, web1):
    host1.domain("bare").start()
    host1.domain("asleep", kind=Guest, system=False).start()
    gateway = module_house.gateway(host1, host2, policy=POLICY, limits={"vm_timeout_seconds": 3, "monitor_linger_seconds": 0})
    gateway.libvirts["host1"].update(max_calls=3, follow_restart=True)
    gateway.start()
    gateway.wait_log("libvirt host1: connected")
    web1.wait_up()
    return gateway


def attach(gateway, cert="admin", vm="web1:agent"):
    client = gateway.connect(cert=cert).ready()
    client.greeting = client.result("gateway-attach", vm=vm)
    return client


@pytest.fixture
def root(gateway):
    with attach(gateway) as client:
        yield client


@pytest.fixture
def keeper(gateway):
    with attach(gateway, "operator") as client:
        yield client


def b64(text):
    return base64.b64encode(text.encode()).decode()


def run(client, command):
    """In the guest, by its shell; what it says."""
    pid = client.result("guest-exec", {"path": "/bin/sh", "arg": ["-c", command], "capture-output": True})["pid"]
    status = {}

    def ended():
        status.update(client.result("guest-exec-status", pid=pid))
        return status["exited"]
    wait.until(ended, f"the end of {command}")
    assert not status.get("err-data"), base64.b64decode(status["err-data"])
    return base64.b64decode(status.get("out-data", "")).decode()


# --- who sees it

def test_it_is_a_target_of_its_own(gateway):
    own = vms(gateway)
    assert {"web1", "web1:agent", "bare:agent"} <= set(own)
    assert own["web1:agent"]["agent-of"] == "web1" and "agent-of" not in own["web1"]
    assert own["web1:agent"]["uuid"] == own["web1"]["uuid"] and "sni" not in own["web1:agent"]
    assert set(vms(gateway, "operator")) == {"web1:agent"}, "a grant for agents shows no VM"


@pytest.mark.parametrize("name", ["web1", "bare", "bare:agent", "none:agent", "web1:agents", "web1:agent:agent", ":agent"])
def test_who_has_no_grant_for_it_hears_that_it_is_not_there(gateway, name):
    client = gateway.connect(cert="operator").ready()
    desc = expect.error(client.call("gateway-attach", vm=name))
    assert desc == "no such VM, or no permission to see it"


def test_it_is_asked_for_by_uuid_too(gateway, web1):
    client = gateway.connect(cert="operator").ready()
    assert client.result("gateway-attach", vm=web1.uuid.upper() + ":agent")["vm"] == "web1:agent"
    assert client.result("gateway-info")["vm"] == "web1:agent"


def test_no_server_name_means_it(gateway):
    """DNS has no colons; a client that asks all the same gets no further than any other stranger."""
    assert not [vm for vm in vms(gateway).values() if ":" in vm.get("sni", "")]


# --- what is refused

def test_the_monitor_does_not_take_its_commands(gateway):
    with gateway.client("web1") as client:
        expect.error(client.call("guest-exec", {"path": "/bin/sh"}), "CommandNotFound")
        expect.error(client.call("guest-ping"), "CommandNotFound")


@pytest.mark.parametrize("command,arguments", [
    ("guest-exec", {"path": "/bin/true"}), ("guest-exec-status", {"pid": 1}), ("guest-file-open", {"path": "/etc/passwd"}),
    ("guest-file-read", {"handle": 1}), ("guest-file-write", {"handle": 1, "buf-b64": "eA=="}), ("guest-shutdown", {}),
    ("guest-set-user-password", {"username": "root", "password": "eA==", "crypted": False}), ("guest-fsfreeze-freeze", {}),
    ("guest-ssh-get-authorized-keys", {"username": "root"}), ("guest-suspend-ram", {}), ("guest-set-time", {}),
    ("guest-sync", {"id": 1}), ("query-status", {}), ("human-monitor-command", {"command-line": "info status"})])
def test_what_acts_is_not_swept_in_by_a_broad_grant(gateway, command, arguments):
    with attach(gateway, "viewer") as client:
        reply = client.call(command, arguments)
    assert "error" in reply and ("permission denied" in reply["error"]["desc"] or reply["error"]["class"] == "CommandNotFound"), reply
    assert gateway.wait_record(type="refused", command=command, vm="web1:agent")["result"] == "denied"


@pytest.mark.parametrize("arguments", [
    {"path": "/bin/sh"}, {"path": "/bin/uptime", "arg": ["-p", "-x"]}, {"path": "/bin/uptime", "env": ["LD_PRELOAD=/tmp/x"]},
    {"path": "/bin/uptime", "input-data": "eA=="}, {"path": "/bin/../bin/uptime"}, {"path": "uptime"}])
def test_a_rule_covers_all_that_a_program_is_given(keeper, arguments):
    expect.denied(keeper.call("guest-exec", arguments), "guest-exec")


@pytest.mark.parametrize("arguments", [{"path": "/run/shared/x", "mode": "w"}, {"path": "/etc/shadow"}, {"path": "/run/shared/../x"}])
def test_how_a_file_is_opened_goes_with_the_file(keeper, arguments):
    expect.denied(keeper.call("guest-file-open", arguments))


@pytest.mark.parametrize("command,arguments,words", [
    ("guest-ping", {"x": 1}, "unexpected"), ("guest-exec", {"arg": []}, "path"), ("guest-exec", {"path": 1}, "path"),
    ("guest-file-seek", {"handle": 1, "offset": 0, "whence": "up"}, "whence")])
def test_arguments_that_the_agent_does_not_take_are_refused_here(gateway, root, command, arguments, words):
    policy = gateway.policy
    desc = expect.error(root.call(command, arguments))
    assert words in desc or command == "guest-file-seek", desc  # of what one may not run, one does not hear what it takes


def test_what_libvirt_would_change_or_lose_does_not_go(gateway, root, keeper):
    expect.error(root.call("guest-exec", {"path": "/bin/true\0x"}), "GenericError", "NUL")
    for count in (-1, (2 << 20) + 1, 1 << 62):
        expect.error(keeper.call("guest-file-read", handle=1, count=count), "GenericError", "cannot go through libvirt")
    assert gateway.wait_record(type="refused", command="guest-file-read")["code"] == "not-by-libvirt"


def test_no_out_of_band_and_no_events(gateway, web1):
    with attach(gateway) as client:
        assert client.greeting["QMP"]["capabilities"] == []
        web1.virsh("suspend")
        web1.virsh("resume")
        client.result("guest-ping")
        assert client.events == []


# --- what it can do

def test_the_greeting_is_made_of_what_it_says(root):
    version = root.greeting["QMP"]["version"]
    assert version["qemu"]["major"] == 7 and version["package"].startswith("guest agent 7.2")


def test_introspection_is_of_what_one_may_run(keeper):
    names = {c["name"] for c in keeper.result("query-commands")}
    assert {"guest-ping", "guest-exec", "guest-shutdown"} <= names
    assert not {"guest-set-user-password", "query-status", "quit", "guest-sync"} & names
    assert "guest-get-devices" not in names, "the agent says that it has it not"
    schema = {e["name"]: e for e in keeper.result("query-qmp-schema")}
    members = {m["name"] for m in schema[schema["guest-exec"]["arg-type"]]["members"]}
    assert members == {"path", "arg", "env", "input-data", "capture-output"}


def test_the_pinned_commands_are_those_of_the_agent(root, web1):
    said = json.loads(web1.virsh("qemu-agent-command", '{"execute":"guest-info"}'))["return"]["supported_commands"]
    with open(__file__.replace("tests/e2e/test_libvirt_agent.py", "schema/qga-7.2.json"), encoding="ascii") as f:
        pinned = json.load(f)["commands"]
    assert {c["name"] for c in said} == set(pinned)
    assert {c["name"] for c in said if not c["success-response"]} == {n for n, c in pinned.items() if c.get("silent")}


def test_a_command_goes_there_and_its_reply_comes_back(keeper):
    assert keeper.result("guest-ping") == {}
    assert keeper.call("guest-get-time")["return"] > 0
    pid = keeper.result("guest-exec", {"path": "/bin/uptime", "capture-output": True})["pid"]
    wait.until(lambda: keeper.result("guest-exec-status", pid=pid)["exited"], "uptime")


def test_an_error_is_the_agents_own(keeper):
    assert keeper.call("guest-exec-status", pid=999999)["error"] == {
        "class": "GenericError", "desc": "Invalid parameter 'pid'"}


@pytest.mark.parametrize("id_text", ["1", "\"x\"", "null", "{\"a\": [1, 2]}", "1.10"])
def test_the_clients_id_comes_back_as_it_was(keeper, id_text):
    keeper.raw(b'{"execute":"guest-ping","id":' + id_text.encode() + b"}")
    assert keeper.read_line().replace(b" ", b"").endswith(b'"id":' + id_text.replace(" ", "").encode() + b"}\r\n")


def test_what_was_judged_is_what_arrives(root):
    texts = ['"', "\\", "a\tb\n", "\u00e9\u20ac", "\U0001f600", "%s%n", "'", "$(id)"]
    pid = root.result("guest-exec", {"path": "/bin/sh", "arg": ["-c", 'printf "%s|" "$@"', "sh", *texts], "capture-output": True})["pid"]
    status = {}
    wait.until(lambda: status.update(root.result("guest-exec-status", pid=pid)) or status["exited"], "printf")
    assert base64.b64decode(status["out-data"]).decode() == "|".join(texts) + "|"


# --- what does not answer

def is_answered(client, seconds=0):
    return bool(select.select([client.sock], [], [], seconds)[0])


def test_a_command_that_never_answers_is_answered_when_it_was_sent(gateway, root, keeper):
    """Once, and the log says no more than is known."""
    run(root, "rm -f /run/shutdown")
    assert keeper.result("guest-shutdown", mode="reboot") == {}
    assert run(root, "cat /run/shutdown").count("-r") == 1
    outcome = gateway.wait_record(type="outcome", command="guest-shutdown")
    assert outcome["result"] == "unacknowledged" and outcome["vm"] == "web1:agent" and "code" not in outcome


def test_its_error_is_an_error(gateway, keeper):
    desc = expect.error(keeper.call("guest-shutdown", mode="halt"))
    assert desc == "child process has failed to shutdown"
    expect.error(keeper.call("guest-shutdown", mode="sideways"))
    assert [r["result"] for r in gateway.records() if r["type"] == "outcome" and r["command"] == "guest-shutdown"][-2:] == ["error"] * 2


def test_one_that_hangs_is_of_unknown_outcome_and_delays_no_monitor(gateway, web1, root):
    """It waits for a program that sets the clock, for longer than it has. All agents have one call of three: another one
    waits, and no monitor does."""
    run(root, "touch /run/slow")
    with (attach(gateway, "operator") as keeper, gateway.connect().ready() as other, gateway.client("web1") as monitor,
          web1.clock() as clock):
        keeper.send({"execute": "guest-set-time", "id": 1})
        assert clock.recv(100) == b"begun\n"
        other.send({"execute": "gateway-attach", "arguments": {"vm": "asleep:agent"}, "id": 2})
        monitor.result("query-status")
        with gateway.client("bare") as bare:
            bare.result("query-status")
        assert not is_answered(other, 0.5), "agents have more than one call"
        assert not is_answered(keeper), "a monitor has waited for an agent"
        expect.unknown_outcome(keeper.reply())
        other.reply()
        clock.sendall(b"\n")
    outcome = gateway.wait_record(type="outcome", command="guest-set-time")
    assert outcome["result"] == "unknown"
    with attach(gateway) as again:
        wait.until(lambda: "return" in again.call("guest-ping"), "the agent, in order again")
        run(again, "rm /run/slow")


# --- where there is none

def test_a_vm_without_a_channel_says_so(gateway):
    client = gateway.connect().ready()
    expect.error(client.call("gateway-attach", vm="bare:agent"), "GenericError", "no channel for a guest agent")


def why_not(gateway, vm, cls="GenericError"):
    """Why it cannot be attached to; without a class "" if it can."""
    with gateway.connect().ready() as client:
        reply = client.call("gateway-attach", vm=vm)
        return expect.error(reply, cls) if cls else reply.get("error", {}).get("desc", "")


def test_an_agent_that_is_not_connected_says_so(gateway):
    why = why_not(gateway, "asleep:agent")
    assert "not connected" in why and "qemu-guest-agent" in why
    assert vms(gateway)["asleep:agent"]["state"] == "unreachable"


def test_one_in_a_guest_that_stands_still_says_so(gateway, host1):
    host1.virsh("suspend", "asleep")
    wait.until(lambda: "paused" in why_not(gateway, "asleep:agent"), "another answer")
    host1.virsh("resume", "asleep")


# --- a hostile one

HOSTILE = r"""
while true; do
    read -r line || { sleep 0.1; continue; }  # nobody listens yet
    case "$line" in
    *guest-sync*) id=${line##*:}; echo "{\"return\":${id%\}*}" ;;
    *guest-info*) rm /run/other
        echo '{"error":{"class":"GenericError","desc":"\u001b[2Jqmpgated: a line of its own\nqmpgated: another"}}'; break ;;
    esac
done
"""


def test_what_one_says_instead_of_what_it_can_do_is_in_no_log(gateway, web1):
    """Other nonsense: tests/unit/test_agent.c, tests/fuzz/fuzz_agent.c."""
    with attach(gateway) as root:
        run(root, f"echo {b64(HOSTILE)} | base64 -d > /run/other")
        root.result("guest-exec", {"path": "/bin/sh", "arg": ["-c", "sleep 0.1; killall qemu-ga"]})
    said = []

    def is_back():
        said.append(why_not(gateway, "web1:agent", None))
        return any("does not tell what it can do" in s for s in said) and not said[-1]
    wait.until(is_back, "an agent that makes sense", timeout=wait.scaled(40))
    assert "\x1b" not in gateway.said() and "a line of its own" not in gateway.said()


# --- the log

CANARY = "Canary7Canary7"


@pytest.mark.parametrize("command,arguments", [
    ("guest-set-user-password", {"username": "root", "password": b64(CANARY), "crypted": False}),
    ("guest-exec", {"path": "/bin/true", "arg": ["-p", CANARY], "env": [f"PASSWORD={CANARY}"], "input-data": b64(CANARY)}),
    ("guest-file-write", {"handle": 1, "buf-b64": b64(CANARY)}),
    ("guest-ssh-add-authorized-keys", {"username": "nobody", "keys": [f'environment="T={CANARY}" ssh-ed25519 AAAA'], "reset": True})])
def test_no_secret_reaches_the_log(gateway, root, command, arguments):
    root.call(command, arguments)
    root.call("gateway-explain", execute=command, arguments=arguments)
    root.call(command, {**arguments, "more": CANARY})
    gateway.wait_record(type="outcome", command=command)
    with open(gateway.audit_file, encoding="ascii") as f:
        text = f.read()
    assert CANARY not in text and b64(CANARY) not in text and CANARY not in gateway.said()


def test_the_audit_names_it(gateway, keeper):
    keeper.result("guest-ping")
    record = gateway.wait_record(type="intent", command="guest-ping")
    assert record["vm"] == "web1:agent" and record["rule"].startswith('grant "')
    attached = gateway.wait_record(type="attach", vm="web1:agent")
    assert "libvirt host1, qemu+unix:///session" in json.dumps(attached)


# --- a VM that is started anew

def test_where_restarts_are_followed_the_session_waits_for_the_next_agent(root, web1):
    run(root, "echo x > /run/mark")
    web1.destroy()
    web1.start()
    assert root.result("guest-ping") == {}
    assert "mark" not in run(root, "ls /run")
    assert [e["event"] for e in root.events] == ["GATEWAY_VM_RESTARTED"]


# --- a VM that moves, last: it is elsewhere then

def test_the_session_goes_with_the_vm(gateway, host1, host2, web1):
    """Nothing runs twice, and nothing is lost that is not said to be unknown."""
    root, stop, sent, fine, failed = attach(gateway), threading.Event(), [], [], []
    run(root, "rm -f /run/count")

    def count():
        while not stop.is_set():
            n = len(sent)
            sent.append(n)
            reply = root.call("guest-exec", {"path": "/bin/sh", "arg": ["-c", f"echo {n} >> /run/count"]})
            if "return" in reply:
                fine.append(n)
            else:
                failed.append(reply["error"]["desc"])
    counter = threading.Thread(target=count)
    counter.start()
    wait.until(lambda: len(fine) > 3, "some commands")
    web1.virsh("migrate", host2.uri, "--live", "--migrateuri", f"tcp://127.0.0.1:{gateway.port + 1}")
    host1.domains.remove(web1)
    host2.domains.append(web1)
    web1.libvirtd = host2
    before = len(fine)
    wait.until(lambda: len(fine) > before + 3 or not counter.is_alive(), "commands at the new host")
    stop.set()
    counter.join()
    assert [e["event"] for e in root.events] == ["GATEWAY_VM_MOVED"]
    ran = [int(n) for n in run(root, "cat /run/count").split()]
    assert len(ran) == len(set(ran)) and set(fine) <= set(ran), (fine, ran)
    assert vms(gateway)["web1:agent"]["host"] == "host2"
