"""SIGHUP and gateway-reload: all or nothing, and live sessions are judged by what is new."""

import os
import re
import signal
import socket
import ssl
import threading
import time

import pytest

from harness import expect, wait
from harness.client import Closed, tls_context
from harness.scripted_vm import SCHEMA


def without(policy, name):
    """The policy without the grant of that name."""
    text, count = re.subn(rf'grant "{name}" \{{.*?\n\}}\n', "", policy, flags=re.S)
    assert count == 1
    return text


BROKEN = {
    "policy: syntax": ("policy", 'role "x" {\n'),
    "policy: unknown role": ("policy", 'grant "x" { to = {"unix:root"} role = {"no-such-role"} vms = {"*"} }\n'),
    "policy: the environment": ("policy", 'role "x" { allow = {"${HOME}"} }\n'),
    "policy: the same role twice": ("policy", 'role "viewer" { allow = {"@query"} }\n'),
    "policy: the same option twice": ("policy", 'role "x" { allow = {"stop"} allow = {"cont"} }\n'),
    "policy: a glob over the gateway's own": ("policy", 'role "x" { allow = {"gateway-*"} }\n'),
    "config: unknown option": ("config", "no_such_option = 1\n"),
    "config: the same VM twice": ("config", 'vm "web1" { socket = "/x" }\n'),
    "config: a value out of range": ("config", 'listener "x" { address = "127.0.0.1" port = 99999 }\n'),
}


def break_it(gateway, which):
    kind, text = BROKEN[which]
    good = gateway.policy, gateway.extra
    if kind == "policy":
        gateway.policy += text
    else:
        gateway.extra += text
    gateway.write()
    gateway.policy, gateway.extra = good


@pytest.mark.parametrize("which", BROKEN)
def test_a_broken_file_leaves_the_old_one_serving_and_says_where(gateway, which):
    client = gateway.client("web1")
    break_it(gateway, which)
    desc = expect.error(client.call("gateway-reload"))
    assert ("policy.conf:" if which.startswith("policy") else "qmpgate.conf:") in desc
    assert client.result("query-name") == {"name": "web1"}
    gateway.client("web1", "viewer").result("query-name")
    gateway.write()
    client.result("gateway-reload")


def test_a_listener_that_cannot_be_opened_leaves_the_old_one_serving(gateway):
    client = gateway.client("web1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway.extra = f'listener "second" {{ address = "127.0.0.1" port = {taken.getsockname()[1]} }}\n'
        gateway.policy += 'role "unused" { allow = {"stop"} }\n'
        gateway.write()
        assert "second" in expect.error(client.call("gateway-reload"))
        loads = gateway.records(type="policy-load")
    gateway.client("web1").result("query-name")
    assert client.result("gateway-reload")["ok"]  # the port is free now
    assert len(loads) == 1 and len(gateway.records(type="policy-load")) == 2


def test_another_audit_path_waits_for_a_restart_and_the_tail_knows(gateway, place):
    client = gateway.client("web1")
    gateway.audit["path"] = place + "/elsewhere.jsonl"
    gateway.write()
    assert "audit" in str(client.result("gateway-reload")["notes"])
    assert client.result("gateway-audit-tail", count=1)
    assert not os.path.exists(place + "/elsewhere.jsonl")


def test_a_missing_certificate_leaves_the_old_one_serving(house, qemu, pki, place):
    own = pki.copy(place + "/pki")
    gateway = house.gateway(qemu, pki=own).start()
    client = gateway.client("web1")
    os.rename(own.path("server.key"), own.path("server.key.away"))
    expect.error(client.call("gateway-reload"))
    gateway.client("web1").result("query-name")
    os.rename(own.path("server.key.away"), own.path("server.key"))
    client.result("gateway-reload")


def test_a_broken_reload_while_a_hundred_clients_work(house):
    fake = house.fake(names=["web%d" % i for i in range(10)])
    gateway = house.gateway(fake, limits={"connections_per_identity": 200, "connections_per_address": 200}).start()
    clients = [gateway.client("web%d" % (i % 10)) for i in range(100)]
    rounds = 20
    failures = []

    def work(some):
        try:
            for n in range(rounds):
                for client in some:
                    client.request("query-status")
                for client in some:
                    assert "return" in client.reply()
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(clients[i::4],)) for i in range(4)]
    for t in threads:
        t.start()
    break_it(gateway, "policy: syntax")
    for _ in range(5):
        gateway.hang_up()
    gateway.reload()
    for t in threads:
        t.join()
    assert not failures, failures[0]
    gateway.wait_log("policy.conf:")


def test_the_old_one_goes_on_after_a_broken_hang_up(gateway):
    client = gateway.client("web1")
    break_it(gateway, "policy: syntax")
    gateway.hang_up()
    gateway.wait_log("policy.conf:")
    assert client.result("query-name") == {"name": "web1"}


def test_a_new_grant_counts_from_the_next_command(gateway):
    client = gateway.client("web1", "viewer")
    expect.denied(client.call("stop"))
    gateway.policy = gateway.policy.replace('allow  = {"@query"}\n    events = {"STOP"', 'allow  = {"@query", "stop"}\n    events = {"STOP"')
    gateway.reload()
    assert client.result("stop") == {}


def test_a_right_taken_away_counts_from_the_next_command(gateway, qemu):
    client = gateway.client("web1", "operator")
    client.result("stop")
    gateway.policy = gateway.policy.replace('"stop", "cont"', '"cont"')
    gateway.reload()
    expect.denied(client.call("stop"))
    assert qemu.commands().count("stop") == 1


def test_a_right_taken_away_stops_what_is_queued(house):
    """Judged when it goes, not when it came."""
    fake = house.fake("--only", "query-name", "--slow-reply", 500)
    gateway = house.gateway(fake).start()
    client = gateway.client("web1", "operator")
    client.send(*[{"execute": "query-name", "id": i} for i in range(7)])
    client.send({"execute": "stop", "id": "late"})
    fake.wait_received(b"query-name", 7)
    gateway.policy = gateway.policy.replace('"stop", "cont"', '"cont"')
    gateway.reload()
    expect.denied([client.reply() for _ in range(8)][-1])
    assert not any(b'"stop"' in line for line in fake.received())


def test_an_event_taken_away_does_not_come_any_more(gateway):
    operator, viewer = gateway.client("web1", "operator"), gateway.client("web1", "viewer")
    gateway.policy = gateway.policy.replace('events = {"STOP", "RESUME"}', 'events = {"RESUME"}')
    gateway.reload()
    operator.result("stop")
    operator.result("cont")
    viewer.event("RESUME")
    assert viewer.events == []


def test_who_has_no_grant_any_more_is_closed(gateway):
    viewer, other = gateway.client("web1", "viewer"), gateway.client("web1", "operator")
    gateway.policy = without(gateway.policy, "viewer-on-web")
    gateway.reload()
    assert not any("return" in m for m in viewer.drain())
    assert other.result("query-name") == {"name": "web1"}


def test_who_may_not_see_the_vm_any_more_loses_it(house):
    gateway = house.gateway(house.qemu("web1"), house.fake(names=("db1",))).start()
    viewer = gateway.client("web1", "viewer")
    gateway.policy = gateway.policy.replace('to   = {"x509:CN=viewer,O=Example"}\n    role = {"viewer"}\n    vms  = {"web*"}',
                                            'to   = {"x509:CN=viewer,O=Example"}\n    role = {"viewer"}\n    vms  = {"db*"}')
    gateway.reload()
    try:
        assert "error" in viewer.call("query-name")
    except (Closed, OSError):
        pass


def test_a_revoked_certificate_ends_a_live_session(house, qemu, pki, place):
    own = pki.copy(place + "/pki")
    gateway = house.gateway(qemu, pki=own).start()
    victim, other = gateway.client("web1", "viewer"), gateway.client("web1", "operator")
    own.revoke("viewer")
    gateway.reload()
    assert not any("return" in m for m in victim.drain())
    assert other.result("query-name") == {"name": "web1"}


def test_a_new_certificate_of_the_server_is_shown(house, qemu, pki, place):
    own = pki.copy(place + "/pki")
    gateway = house.gateway(qemu, pki=own).start()
    old = gateway.client("web1")
    before = old.sock.getpeercert(True)
    own.issue("server", "vm.example.com", lines=("tls_www_server", 'dns_name = "*.vm.example.com"',
                                                 'ip_address = "127.0.0.1"'))
    gateway.reload()
    assert gateway.client("web1").sock.getpeercert(True) != before
    assert old.result("query-name") == {"name": "web1"}


def test_a_new_vm_appears(gateway, house):
    gateway.add_vm(house.qemu("web2"))
    gateway.reload()
    assert gateway.client("web2").result("query-name") == {"name": "web2"}


def test_a_vm_that_is_gone_loses_its_sessions(house):
    gateway = house.gateway(house.qemu("web1"), house.qemu("web2")).start()
    leaving, staying = gateway.client("web2"), gateway.client("web1")
    del gateway.vms["web2"]
    gateway.reload()
    leaving.drain()
    assert staying.result("query-name") == {"name": "web1"}
    assert "error" in gateway.connect("web2").read()


def test_the_reply_says_what_needs_a_restart(gateway):
    client = gateway.client("web1")
    gateway.options["threads"] = 3
    gateway.write()
    assert "threads" in str(client.result("gateway-reload"))


def test_a_limit_counts_after_a_reload(gateway):
    client = gateway.client("web1")
    gateway.limits["request_bytes"] = 4096
    gateway.reload()
    client.raw(b'{"execute":"query-name","id":"' + b"x" * 8000 + b'"}\n')
    expect.error(client.reply())


def test_a_revocation_ends_a_hundred_sessions_within_a_second(house, qemu, pki, place):
    own = pki.copy(place + "/pki")
    gateway = house.gateway(qemu, pki=own, limits={"connections_per_identity": 200, "connections_per_address": 200}).start()
    victims = [gateway.client("web1", "viewer") for _ in range(100)]
    other = gateway.client("web1", "operator")
    own.revoke("viewer")
    gateway.reload()  # returns when the new CRL is in force
    since = time.monotonic()
    for victim in victims:
        assert not any("return" in m for m in victim.drain())
    assert time.monotonic() - since < wait.scaled(1)
    assert other.result("query-name") == {"name": "web1"}


def test_many_reloads_leak_nothing(gateway):
    client = gateway.client("web1")

    def descriptors():
        return len(os.listdir(f"/proc/{gateway.pid}/fd"))

    for _ in range(3):
        client.result("gateway-reload")
    before = descriptors()
    for _ in range(12):
        client.result("gateway-reload")
    # a worker may have a file open at the moment
    wait.until(lambda: descriptors() <= before, f"no more than {before} descriptors")


def test_a_vm_hidden_while_it_is_waited_for_is_not_attached(house):
    """The attach was allowed when it came; it is judged again when the VM is there."""
    vm = house.scripted(start_up={"query-qmp-schema": None})
    gateway = house.gateway(vm).start()
    client, waiting = gateway.connect("web1", "viewer"), gateway.connect(None, "viewer").ready()
    request = waiting.request("gateway-attach", vm="web1")
    gateway.wait_record(type="intent", command="gateway-attach")
    gateway.policy = re.sub(r'(grant "viewer-on-web".*?vms  = )\{"web\*"\}', r'\1{"other"}', gateway.policy, flags=re.S)
    gateway.reload()
    vm.answer(vm.wait(1)[0], SCHEMA)
    expect.error(waiting.reply(request), "GenericError", "no such VM")
    expect.error(client.read(), "GenericError", "no such VM")
    assert waiting.result("gateway-info")["phase"] == "attach"


def test_a_certificate_revoked_during_the_handshake_is_not_let_in(house, qemu, pki, place):
    """TLS began under the old list of revoked certificates and ends under the new one."""
    own = pki.copy(place + "/pki")
    gateway = house.gateway(qemu, pki=own).start()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = tls_context(own, "operator").wrap_bio(incoming, outgoing, server_hostname="web1.vm.example.com")
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=wait.TIMEOUT) as sock:
        for _ in range(100):  # the server's part may come in pieces
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(1 << 16))
        own.revoke("operator")
        gateway.hang_up()
        sock.sendall(outgoing.read())  # the certificate, and the end of the handshake
        while sock.recv(1 << 16):
            pass
    assert gateway.wait_record(type="auth", result="denied")
    assert not gateway.records(type="attach", result="ok")


def test_a_certificate_revoked_stops_what_is_queued(house, pki, place):
    """Policy would still allow it: the connection that asked is not welcome any more."""
    own = pki.copy(place + "/pki")
    vm = house.scripted()
    gateway = house.gateway(vm, pki=own).start()
    client, other = gateway.client("web1", "operator"), gateway.client("web1")
    client.send(*[{"execute": "stop", "id": i} for i in range(9)])
    vm.wait(7)
    own.revoke("operator")
    gateway.hang_up()
    gateway.wait_log("closed after reload")
    for request in list(vm.requests):
        vm.answer(request)
    vm_next = other.request("query-name")
    assert vm.wait(8)[7]["execute"] == "query-name"
    vm.answer(vm.requests[7])
    assert "return" in other.reply(vm_next)


def pending_signal(pid, number):
    with open(f"/proc/{pid}/status") as f:
        masks = [int(line.split()[1], 16) for line in f if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (number - 1) & 1 for mask in masks)


def test_a_hang_up_during_a_reload_is_not_lost(house, qemu, pki, place):
    """The first reload has read the policy and waits for the list of revoked certificates: a pipe."""
    own = pki.copy(place + "/pki")
    gateway = house.gateway(qemu, pki=own).start()
    client = gateway.client("web1", "viewer")
    os.rename(own.path("ca.crl"), own.path("ca.crl.file"))
    os.mkfifo(own.path("ca.crl"))
    gateway.notify.forget()
    gateway.process.signal(signal.SIGHUP)
    gateway.notify.wait("RELOADING=1", gateway.process)
    with open(own.path("ca.crl"), "w") as pipe, open(own.path("ca.crl.file")) as file:
        gateway.policy = gateway.policy.replace('allow  = {"@query"}', 'allow  = {"@query", "stop"}')
        gateway.write()
        gateway.process.signal(signal.SIGHUP)
        wait.until(lambda: not pending_signal(gateway.pid, signal.SIGHUP), "the signal to be taken")
        os.rename(own.path("ca.crl.file"), own.path("ca.crl"))
        pipe.write(file.read())
    wait.until(lambda: "return" in client.call("stop"), "the second reload")
