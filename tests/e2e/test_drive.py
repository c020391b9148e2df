"""The main job: a stock client drives a real QEMU through the gateway."""

import json
import re
import subprocess

import pytest

from harness import expect, wait
from harness.pki import VM_DOMAIN


def test_the_greeting_is_the_vms_own_unchanged(gateway, qemu):
    line = qemu.direct().read_line()
    assert gateway.connect("web1").read_line() == line


@pytest.mark.parametrize("command", ["query-status", "query-name", "query-uuid", "query-version", "query-block"])
def test_an_allowed_command_is_answered_as_on_the_socket(gateway, qemu, command):
    direct = qemu.direct().ready()
    client = gateway.client("web1")
    message = b'{"execute": "%s", "id": "x"}' % command.encode()
    direct.raw(message)
    client.raw(message)
    assert client.read_line() == direct.read_line()


def test_an_allowed_command_with_effect_reaches_the_vm(gateway, qemu):
    client = gateway.client("web1", "operator")
    assert client.result("stop") == {}
    assert qemu.direct().ready().result("query-status")["status"] == "paused"
    assert "stop" in qemu.commands()


def test_arguments_arrive_as_they_were_sent(gateway, qemu):
    arguments = {"qom-type": "iothread", "id": "io \u00e9\U0001f600\"\\\n\u0000"}
    client = gateway.client("web1")
    client.call("object-add", arguments)  # QEMU does not take the id: what matters is what it was given
    sent = [r for r in qemu.received() if r.get("execute") == "object-add"]
    assert [r["arguments"] for r in sent] == [arguments]


def test_an_error_of_the_vm_comes_back_unchanged(gateway, qemu):
    message = b'{"execute": "device_del", "arguments": {"id": "none"}, "id": 1}'
    direct = qemu.direct().ready()
    direct.raw(message)
    client = gateway.client("web1")
    client.raw(message)
    assert json.loads(client.read_line()) == json.loads(direct.read_line())


def test_a_command_that_may_run_but_that_the_vm_does_not_have_is_not_found(gateway):
    gateway.policy = gateway.policy.replace('"object-add", "quit"', '"object-add", "quit", "no-such-command"')
    gateway.reload()
    expect.error(gateway.client("web1").call("no-such-command"), "CommandNotFound", "no-such-command")


def test_a_command_that_nobody_knows_is_opened_by_no_glob(gateway, qemu):
    assert "error" in gateway.client("web1").call("no-such-command")
    assert "no-such-command" not in qemu.commands()


def test_a_command_without_an_allow_is_refused(gateway, qemu):
    reply = gateway.client("web1", "viewer").call("stop")
    expect.denied(reply, "stop")
    assert "stop" not in qemu.commands()


def test_a_refusal_names_the_rule_that_decided(gateway, qemu):
    reply = gateway.client("web1", "operator").call("quit")
    expect.denied(reply, "quit", "operator")
    assert "quit" not in qemu.commands()


def test_a_refusal_tells_no_values_of_the_policy(gateway):
    desc = expect.denied(gateway.client("web1", "operator").call("quit"))
    for secret in ("web*", "CN=", gateway.directory):
        assert secret not in desc


def test_a_command_that_reaches_the_host_is_not_opened_by_a_glob(gateway, qemu):
    client = gateway.client("web1")  # its role allows "*"
    reply = client.call("human-monitor-command", {"command-line": "info version"})
    expect.denied(reply, "human-monitor-command")
    expect.denied(client.call("transaction", actions=[]), "transaction")
    assert not {"human-monitor-command", "transaction"} & set(qemu.commands())


def test_such_a_command_is_opened_by_its_name(gateway):
    client = gateway.client("web1")
    assert client.result("object-add", {"qom-type": "iothread", "id": "io1"}) == {}
    assert client.result("object-del", id="io1") == {}


@pytest.mark.parametrize("id_text", [
    b"1", b'"x"', b"null", b"true", b"-0", b"1.10", b"1E5", b"18446744073709551616", b"0.1e-2",
    b'"\\u00e9\\/"', '"\u00e9"'.encode(), b"[]", b"{}", b'[1,{"a":[null]}]', b'{"b":1,"a":2}', b'""'])
def test_an_id_comes_back_as_it_was_sent(gateway, id_text):
    client = gateway.client("web1")
    client.raw(b'{"execute":"query-name","id":' + id_text + b"}")
    assert client.read_line() == b'{"return": {"name": "web1"}, "id": ' + id_text + b"}\r\n"


def test_a_refusal_carries_the_id_too(gateway):
    client = gateway.client("web1", "viewer")
    client.raw(b'{"execute":"stop","id":{"x":[1.50]}}')
    line = client.read_line()
    assert b'"id": {"x":[1.50]}' in line
    expect.denied(json.loads(line))


def test_without_ids_answers_come_in_order(gateway):
    client = gateway.client("web1", "viewer")
    commands = ["query-name", "stop", "query-uuid", "gateway-info", "quit", "query-status", "query-commands"]
    client.send(*[{"execute": c} for c in commands])
    answers = [client.reply() for _ in commands]
    assert answers[0]["return"] == {"name": "web1"}
    expect.denied(answers[1], "stop")
    assert "UUID" in answers[2]["return"]
    assert "identity" in answers[3]["return"]
    expect.denied(answers[4], "quit")
    assert "status" in answers[5]["return"]
    assert {"name": "query-name"} in answers[6]["return"]
    assert not any("id" in a for a in answers)


def test_before_negotiation_a_command_is_not_found(gateway, qemu):
    client = gateway.connect("web1").greet()
    expect.not_negotiated(client.call("query-status"))
    expect.not_negotiated(client.call("stop"))
    client.negotiate().result("query-status")
    assert "stop" not in qemu.commands()


def test_negotiation_succeeds_once(gateway):
    client = gateway.client("web1")
    expect.error(client.call("qmp_capabilities"), "CommandNotFound")


def test_an_unknown_capability_is_refused(gateway):
    client = gateway.connect("web1").greet()
    expect.error(client.call("qmp_capabilities", enable=["no-such-capability"]))
    client.negotiate("oob")


def test_out_of_band_needs_negotiation(gateway):
    client = gateway.client("web1")
    assert "error" in client.call("query-yank", oob=True)
    client = gateway.client("web1", enable=["oob"])
    assert client.result("query-yank", oob=True)


def test_an_event_reaches_every_client_that_may_see_it(gateway):
    first, second = gateway.client("web1", "operator"), gateway.client("web1", "viewer")
    first.result("stop")
    for client in (first, second):
        event = client.event("STOP")
        assert set(event) == {"timestamp", "event"}
        assert set(event["timestamp"]) == {"seconds", "microseconds"}


def test_an_event_is_kept_from_a_client_that_may_not(gateway):
    operator, viewer = gateway.client("web1", "operator"), gateway.client("web1", "viewer")
    operator.result("system_powerdown")
    operator.event("POWERDOWN")
    operator.result("stop")
    viewer.event("STOP")
    assert viewer.events == []


def test_an_event_comes_as_qemu_wrote_it(gateway, qemu):
    direct, client = qemu.direct().ready(), gateway.client("web1")
    client.result("system_reset")
    assert client.event("RESET") == direct.event("RESET")


def test_no_event_comes_before_negotiation(gateway):
    client = gateway.connect("web1", "viewer").greet()
    other = gateway.client("web1", "operator")
    other.result("stop")
    other.event("STOP")
    client.negotiate()
    client.result("query-status")
    assert client.events == []


def test_what_the_vm_receives_is_canonical(house, gateway):
    fake = house.fake(names=("web2",))
    gateway.add_vm(fake)
    gateway.reload()
    client = gateway.client("web2")
    client.raw(' {  "arguments" : { "path" :\t"/\u00e9" } , "id" : "a long id of the client" ,'
               '\r\n "execute" : "qom-list" }'.encode())
    client.reply()
    line = next(line for line in fake.received() if b"qom-list" in line)
    assert re.fullmatch(rb'\{"execute":"qom-list","arguments":\{"path":"/\\u00[eE]9"\}(,"id":\d)?\}', line), line


def test_openssl_s_client_is_a_client(gateway, pki):
    cert, key = pki.pair("operator")
    child = subprocess.Popen(
        ["openssl", "s_client", "-quiet", "-no_ign_eof", "-verify_return_error", "-connect", f"127.0.0.1:{gateway.port}",
         "-servername", f"web1.{VM_DOMAIN}", "-verify_hostname", f"web1.{VM_DOMAIN}",
         "-CAfile", pki.path("ca.crt"), "-cert", cert, "-key", key],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(text):
        child.stdin.write(text + b"\n")
        child.stdin.flush()
        return json.loads(child.stdout.readline())

    assert "QMP" in json.loads(child.stdout.readline())
    assert ask(b'{"execute": "qmp_capabilities"}') == {"return": {}}
    assert ask(b'{"execute": "query-name"}') == {"return": {"name": "web1"}}
    expect.denied(ask(b'{"execute": "quit"}'))
    assert child.communicate(timeout=wait.TIMEOUT)[0] == b""


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_both_versions_of_tls_work(gateway, version):
    import ssl
    v = getattr(ssl.TLSVersion, version)
    client = gateway.client("web1", versions=(v, v))
    assert client.sock.version() == version.replace("_", ".")
    assert client.result("query-name") == {"name": "web1"}


def test_ipv6_works(house, qemu):
    from harness.gateway import free_port
    gateway = house.gateway(qemu)
    port = free_port("::1")
    gateway.listeners["six"] = {"address": "::1", "port": port, "client_cert": "required", "vm": "web1"}
    gateway.start()
    client = gateway.connect(port=port, host="::1").ready()
    assert client.result("query-name") == {"name": "web1"}


def test_a_vm_on_loopback_tcp_works(house):
    """`vm { address port }`: a bridge of bytes from TCP to a real QEMU's socket."""
    import socket
    import threading
    qemu = house.qemu()
    server = socket.create_server(("127.0.0.1", 0))

    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:  # the test is over
            pass

    def serve():
        near = server.accept()[0]
        far = qemu.holder().sock
        far.settimeout(None)
        threading.Thread(target=pump, args=(far, near), daemon=True).start()
        pump(near, far)

    threading.Thread(target=serve, daemon=True).start()
    gateway = house.gateway()
    gateway.vms["web1"] = {"address": "127.0.0.1", "port": server.getsockname()[1]}
    gateway.start()
    assert gateway.client("web1").result("query-name") == {"name": "web1"}
    gateway.stop()
    server.close()
