"""The fake monitor says what a real QEMU says, byte for byte, wherever QEMU itself says it the same each time."""

import re

import pytest

from harness import wait
from harness.client import Silent, unix_connect

SCRIPT = (
    b'{"execute":"query-status","id":1}',
    b'{"execute":"stop"}',
    b'{"execute":"qmp_capabilities","arguments":{"enable":["oob"]},"id":[1,{"a":"b c"}]}',
    b'{ "execute" : "qmp_capabilities" , "id" : "again" }',
    b'{"execute":"query-status","id":"x"}',
    b'{"execute":"query-status"}{"execute":"query-name","id":null}',
    b'{"execute":"query-uuid","id":{"a":[1,2,{"b":true}]}}',
    b'{"execute":"query-version","id":1.5}',
    b'{"execute":"stop","id":2}',
    b'{"execute":"stop","id":3}',
    b'{"execute":"query-status","id":4}',
    b'{"execute":"cont","id":5}',
    b'{"execute":"no-such-command","id":6}',
    b'{"exec-oob":"query-status","id":7}',
    b'{"id":8}',
    b'{"execute":"system_powerdown","id":9}',
    b'{"execute":"query-commands","id":10}',
)


def plain_client(vm):
    return unix_connect(vm.socket)


def normal(line):
    """Without what differs from one QEMU, and one moment, to another."""
    line = re.sub(rb'"seconds": \d+, "microseconds": \d+', b'"seconds": S, "microseconds": U', line)
    line = re.sub(rb'"micro": \d+, "minor": \d+, "major": \d+', b'"micro": A, "minor": B, "major": C', line)
    line = re.sub(rb'"package": "[^"]*"', b'"package": "P"', line)
    if line.startswith(b'{"return": [{"name": "'):  # the order of commands is that of a hash table
        return b"commands " + b" ".join(sorted(re.findall(rb'"name": "([^"]+)"', line)))
    return line


def transcript(vm):
    """All lines of the dialogue: of every message the number of lines that it brings is known by a query after it."""
    client = plain_client(vm)
    lines = [client.read_line()]
    for i, message in enumerate(SCRIPT):
        mark = b'"mark-%d"' % i
        client.raw(message + b'{"execute":"query-name","id":' + mark + b"}")
        while mark not in (line := client.read_line()):
            lines.append(line)
    client.close()
    return [normal(line) for line in lines]


def test_it_says_what_qemu_says(house):
    real = house.qemu("web1")
    fake = house.fake("--name", "other", names=("other",), uuid=real.uuid)
    expected = [line.replace(b'"web1"', b'"other"') for line in transcript(real)]
    got = transcript(fake)
    assert got == expected


def test_the_schema_is_the_whole_one(house):
    client = plain_client(house.fake())
    client.ready()
    schema = client.result("query-qmp-schema")
    assert {"command", "event", "object"} <= {e["meta-type"] for e in schema}
    names = {c["name"] for c in client.result("query-commands")}
    assert names == {e["name"] for e in schema if e["meta-type"] == "command"}


def test_it_serves_one_client_at_a_time(house):
    fake = house.fake()
    first = plain_client(fake).ready()
    second = plain_client(fake)
    first.result("query-status")
    second.sock.settimeout(0.05)
    with pytest.raises(Silent):
        second.read_line()
    second.sock.settimeout(wait.TIMEOUT)
    first.close()
    second.ready().result("query-status")


def test_many_clients_where_it_is_told_so(house):
    fake = house.fake("--multi", names=("a", "b"))
    clients = [plain_client(fake).ready() for _ in range(5)]
    clients[0].result("stop")
    for client in clients:
        client.event("STOP")


FAULTS = {
    "garbage": (("--garbage-after", 0), lambda c: pytest.raises(ValueError, c.call, "query-status")),
    "wrong id": (("--wrong-id",), lambda c: (c.request("query-status"), c.read()["id"] == 4242 or pytest.fail())),
    "twice": (("--duplicate-reply",), lambda c: (c.reply(c.request("query-status")), c.reply(1))),
    "huge": (("--huge-reply", 3000000), lambda c: len(c.result("query-status")) == 3000000 or pytest.fail()),
    "deep": (("--deep", 500), lambda c: c.result("query-status")),
    "not UTF-8": (("--bad-utf8",), lambda c: pytest.raises(UnicodeDecodeError, c.call, "query-status")),
    "bytewise": (("--reply-bytewise",), lambda c: c.result("query-qmp-schema")),
    "late": (("--slow-reply", 20), lambda c: c.result("query-status")),
    "storm": (("--event-storm", 1000), lambda c: [c.event("BALLOON_CHANGE") for _ in range(50)]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_misbehaves_as_asked(house, fault):
    options, check = FAULTS[fault]
    client = plain_client(house.fake("--only", "query-status", *options)).greet()
    client.send({"execute": "qmp_capabilities"})
    client.reply()
    check(client)


def test_it_swaps_answers(house):
    client = plain_client(house.fake("--out-of-order")).ready()
    ids = [client.request("query-status"), client.request("query-status")]
    assert [client.reply()["id"], client.reply()["id"]] == ids[::-1]


def test_it_falls_silent_for_one_command(house):
    client = plain_client(house.fake("--only", "query-block", "--silent-after", 0)).ready()
    client.request("query-block")
    client.result("query-status")


def test_it_closes(house):
    client = plain_client(house.fake("--close-after", 1)).ready()
    client.result("query-status")
    client.request("query-status")
    assert client.drain() == []


def test_quit_ends_it_like_qemu(house):
    fake = house.fake()
    client = plain_client(fake).ready()
    client.result("quit")
    assert client.drain() == []
    assert fake.process.wait() == 0
