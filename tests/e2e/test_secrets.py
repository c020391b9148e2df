"""What must stay within the daemon stays there."""

import base64
import json
import os
import resource
import select
import signal

import pytest

from harness import wait
from harness.pki import SOURCE


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_crash_leaves_no_core(house, qemu, place, monkeypatch):
    monkeypatch.chdir(place)
    gateway = house.gateway(qemu, preexec=allow_cores, check_audit=False, status=-signal.SIGABRT).start()
    gateway.process.signal(signal.SIGABRT)
    wait.until(lambda: not gateway.process.running(), "its end")
    assert not [name for name in os.listdir(place) if name.startswith("core")]


def test_a_program_that_takes_cores_by_a_pipe_gets_no_memory(gateway):
    with open(f"/proc/{gateway.pid}/coredump_filter") as f:
        assert int(f.read(), 16) == 0


# --- a canary in every place where a secret may be ----------------------------------------------------

CANARY = "Canary7Canary7"
ESCAPED = "".join(f"\\u{ord(c):04x}" for c in CANARY)
HTTPS = {"driver": "https", "url": f"https://user:{CANARY}@host/x?token={CANARY}", "cookie": f"a={CANARY}"}
DEEP = {"driver": "qcow2", "file": {"driver": "raw", "file": HTTPS}, "backing": {"driver": "copy-on-read", "file": HTTPS}}
LINES = [f"set_password vnc {CANARY}", f"change vnc password {CANARY}", f"object_add secret,id=s0,data={CANARY}",
         f"drive_add 0 file=https://user:{CANARY}@host/x,if=none", f"drive_add 0 file=json:{{'a':'{CANARY}'}}",
         f"sendkey {CANARY}", f"ringbuf_write c0 {CANARY}", f"qom-set /objects/s0 data {CANARY}", f"no_such_word {CANARY}",
         f'migrate -d "exec:curl -u user:{CANARY} host"', f"device_add isa-applesmc,osk={CANARY}"]
MADE_UP = [{"driver": "iscsi", "transport": "tcp", "portal": "h", "target": "t"}, {"driver": "rbd", "pool": "p", "image": "i"},
           {"driver": "ssh", "server": {"host": "h", "port": "22"}, "path": "/x"}, {"driver": "luks", "file": "n"}]
COMMANDS = [
    ("set_password", {"protocol": "vnc", "password": CANARY}),
    ("change-vnc-password", {"password": CANARY}),
    ("object-add", {"qom-type": "secret", "id": "s0", "data": CANARY}),
    ("object-add", {"qom-type": "secret", "id": "s0", "data": 5 * (CANARY * 100)}),
    ("sev-inject-launch-secret", {"packet-header": CANARY, "secret": CANARY, "gpa": 1}),
    ("ringbuf-write", {"device": "c0", "data": CANARY}),
    ("send-key", {"keys": [{"type": "qcode", "data": c} for c in "canary"]}),
    ("blockdev-add", HTTPS), ("blockdev-add", DEEP),
    ("blockdev-add", {"driver": "file", "filename": f'json:{{"password": "{CANARY}"}}'}),
    ("blockdev-reopen", {"options": [DEEP]}),
    # what iscsi, rbd, ssh and luks are let in by: secrets of objects, or parts of a name that QEMU takes apart
    ("object-add", {"qom-type": "secret", "id": "s0", "data": CANARY, "format": "base64", "keyid": "s1", "iv": "AAAA"}),
    *[("blockdev-add", {"driver": "qcow2", "file": file}) for file in (
        {"driver": "iscsi", "transport": "tcp", "portal": f"//user%{CANARY}@host", "target": "t"},
        {"driver": "iscsi", "transport": "tcp", "portal": "host", "target": f"//user%{CANARY}@t", "password-secret": "s0"},
        {"driver": "rbd", "pool": "p", "image": f"i:id=a:key={CANARY}", "conf": f"key={CANARY}", "key-secret": "s0"},
        {"driver": "ssh", "server": {"host": f"//user:{CANARY}@host", "port": "22"}, "path": f"//x?password={CANARY}"},
        {"driver": "luks", "key-secret": "s0", "file": {"driver": "file", "filename": f"ssh://u:{CANARY}@h/x"}})],
    *[("blockdev-add", {"driver": "raw", "file": {**file, "password": CANARY}}) for file in MADE_UP],
    ("blockdev-snapshot-sync", {"device": "d", "snapshot-file": f"iscsi://user%{CANARY}@host/target/0"}),
    ("blockdev-snapshot-sync", {"device": "d", "snapshot-file": f"rbd:pool/image:id=a:key={CANARY}:conf=/c"}),
    ("blockdev-snapshot-sync", {"device": "d", "snapshot-file": f"ssh://user:{CANARY}@host/x?host_key_check={CANARY}"}),
    ("blockdev-create", {"job-id": "j", "options": {"driver": "luks", "size": 1, "file": HTTPS}}),
    ("blockdev-snapshot-sync", {"device": "d", "snapshot-file": f"https://user:{CANARY}@host/x"}),
    ("blockdev-snapshot-sync", {"device": "d", "snapshot-file": f"https://user:{CANARY}@host/x?sig={CANARY}"}),
    ("blockdev-snapshot-sync", {"device": "d", "snapshot-file": f"https://host/x#{CANARY}"}),
    ("blockdev-snapshot-sync", {"device": "d", "snapshot-file": f"https://host/x?sig=a@{CANARY}"}),
    ("transaction", {"actions": [{"type": "blockdev-snapshot-sync", "data": {
        "device": "d", "snapshot-file": f"https://user:{CANARY}@host/x"}}]}),
    ("netdev_add", {"type": "user", "id": "n", "guestfwd": [{"str": f"tcp:10.0.2.1:80-cmd:nc {CANARY}"}]}),
    ("chardev-add", {"id": "c", "backend": {"type": "file", "data": {"out": f"//user:{CANARY}@host/x"}}}),
    ("device_add", {"driver": "isa-applesmc", "osk": CANARY}),
    ("device_add", {"driver": "x", "property-of-the-next-release": CANARY}),
    ("qom-set", {"path": "/objects/s0", "property": "data", "value": CANARY}),
    ("qom-set", {"path": "/machine", "property": "made-up", "value": {"a": [CANARY]}}),
    ("migrate", {"uri": f"exec:curl -u user:{CANARY} host"}),
    ("query-cpu-model-expansion", {"type": "full", "model": {"name": "n", "props": {"x": CANARY}}}),
    *[("human-monitor-command", {"command-line": line}) for line in LINES],
]


@pytest.fixture
def open_gateway(house):
    """Who is admin may run all of these, the operator none. The machine answers what the test says."""
    with open(os.path.join(SOURCE, "tests/data/schema-7.2.json")) as f:
        vm = house.scripted(start_up={"query-qmp-schema": json.load(f)})
    gateway = house.gateway(vm)
    names = sorted({name for name, _ in COMMANDS} | {"blockdev-snapshot-sync"})
    gateway.policy = gateway.policy.replace('"object-add", "quit"}', ", ".join(f'"{name}"' for name in names) + "}", 1)
    gateway.policy = gateway.policy.replace('role "owner" {', 'role "owner" {' + "".join(
        f'\n    rule "r{i}" {{ commands = {{"{name}"}} when = {{"** any"}} }}' for i, name in enumerate(names)), 1)
    return vm, gateway.start()


def heard(gateway):
    """All that left the daemon but for the way to the machine, and to whom it answered."""
    with open(gateway.audit_file, "rb") as f:
        log = f.read().decode()
    tail = json.dumps(gateway.connect().ready().result("gateway-audit-tail", count=1000))
    return log + tail + gateway.said()


def assert_unheard(gateway):
    text = heard(gateway)
    for shape in (CANARY, ESCAPED, CANARY.encode().hex(), base64.b64encode(CANARY.encode()).decode()):
        at = text.find(shape)
        assert at < 0, text[max(0, at - 300):at + 300]


def run(vm, client, name, text):
    """The machine, if it is asked, answers with an error that repeats it all. True if it was asked."""
    before = len(vm.requests)
    client.sock.sendall(f'{{"execute": "{name}", "arguments": {text}, "id": "{CANARY}"}}\r\n'.encode())
    wait.until(lambda: len(vm.requests) > before or select.select([client.sock], [], [], 0)[0], "an answer")
    asked = len(vm.requests) > before
    if asked:
        vm.say({"error": {"class": "GenericError", "desc": f"No '{CANARY}', {CANARY}, in {text}"},
                **{k: vm.requests[-1][k] for k in ("id",) if k in vm.requests[-1]}})
    client.read()
    return asked


def test_no_secret_of_a_command_leaves_the_daemon(open_gateway):
    """Each is run, fails with an error that repeats it, is asked about, is refused by policy, and by the schema."""
    vm, gateway = open_gateway
    client, other = gateway.client("web1"), gateway.client("web1", "operator")
    ran = 0
    for name, arguments in COMMANDS:
        body = json.dumps(arguments)
        ran += run(vm, client, name, body) + run(vm, client, name, body.replace(CANARY, ESCAPED))
        run(vm, client, name, json.dumps({**arguments, "made-up": CANARY}))
        run(vm, client, name.upper(), body)
        run(vm, client, "gateway-explain", json.dumps({"execute": name, "arguments": arguments}))
        run(vm, other, name, body)
    assert ran == 2 * (len(COMMANDS) - len(MADE_UP))
    assert_unheard(gateway)
    assert heard(gateway).count("[redacted]") > ran
