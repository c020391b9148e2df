"""Malformed messages, each a known way to get a command past a proxy. QEMU's own trace says what it received.

LEXICAL: no JSON; answered once without an id, and the rest of the line is skipped.
RULE: JSON that breaks a rule; answered with its id where it has one, and framing goes on behind it.
"""

import pytest

from harness import expect

EVIL = b'{"execute":"query-memdev","id":"evil"}'
GOOD = b'{"execute":"query-name","id":"good"}'

LEXICAL = {
    "a raw control byte in a string": b'{"execute":"query-name","id":"\x01' + EVIL,
    "a raw tab in a string": b'{"execute":"query-name","id":"\t"}' + EVIL,
    "a raw NUL in a string": b'{"execute":"query-name","id":"\x00"}' + EVIL,
    "byte FF in a string": b'{"execute":"query-name","id":"\xff' + EVIL,
    "byte FF before a message": b"\xff" + EVIL,
    "byte FE before a message": b"\xfe" + EVIL,
    "a byte-order mark": b"\xef\xbb\xbf" + EVIL,
    "a UTF-16 message": EVIL.decode().encode("utf-16-le"),
    "a NUL before a message": b"\x00" + EVIL,
    "an overlong slash": b'{"execute":"query-name","id":"\xc0\xaf"}' + EVIL,
    "an overlong NUL": b'{"execute":"query-name","id":"\xc0\x80"}' + EVIL,
    "an overlong of three bytes": b'{"execute":"query-name","id":"\xe0\x80\xaf"}' + EVIL,
    "a surrogate in UTF-8": b'{"execute":"query-name","id":"\xed\xa0\x80"}' + EVIL,
    "beyond U+10FFFF": b'{"execute":"query-name","id":"\xf4\x90\x80\x80"}' + EVIL,
    "a sequence cut short": b'{"execute":"query-name","id":"\xe2\x82"}' + EVIL,
    "a continuation byte alone": b'{"execute":"query-name","id":"\x80"}' + EVIL,
    "single quotes": EVIL.replace(b'"', b"'"),
    "an escaped single quote": b'{"execute":"query-name","id":"\\\'"}' + EVIL,
    "an unknown escape": b'{"execute":"query-name","id":"\\x41"}' + EVIL,
    "a bad unicode escape": b'{"execute":"query-name","id":"\\u12G4"}' + EVIL,
    "an escaped quote that is none": b'{"execute":"query-name","id":"\\\\""}' + EVIL,
    "a missing comma": b'{"execute":"query-name" "id":1}' + EVIL,
    "two commas": b'{"execute":"query-name",,"id":1}' + EVIL,
    "a comma at the end": b'{"execute":"query-name",}' + EVIL,
    "a comma at the end of an array": b'{"execute":"query-name","id":[1,]}' + EVIL,
    "a missing colon": b'{"execute" "query-name"}' + EVIL,
    "two colons": b'{"execute"::"query-name"}' + EVIL,
    "a missing value": b'{"execute":}' + EVIL,
    "a name without quotes": b'{execute:"query-memdev"}',
    "a number for a name": b'{1:2}' + EVIL,
    "NaN": b'{"execute":"query-name","id":NaN}' + EVIL,
    "Infinity": b'{"execute":"query-name","id":Infinity}' + EVIL,
    "minus Infinity": b'{"execute":"query-name","id":-Infinity}' + EVIL,
    "a leading zero": b'{"execute":"query-name","id":01}' + EVIL,
    "a leading plus": b'{"execute":"query-name","id":+1}' + EVIL,
    "a point at the end": b'{"execute":"query-name","id":1.}' + EVIL,
    "a point at the start": b'{"execute":"query-name","id":.5}' + EVIL,
    "an empty exponent": b'{"execute":"query-name","id":1e}' + EVIL,
    "a minus alone": b'{"execute":"query-name","id":-}' + EVIL,
    "a hexadecimal number": b'{"execute":"query-name","id":0x1}' + EVIL,
    "a literal in capitals": b'{"execute":"query-name","id":True}' + EVIL,
    "a literal cut short": b'{"execute":"query-name","id":tru}' + EVIL,
    "a literal too long": b'{"execute":"query-name","id":nulll}' + EVIL,
    "undefined": b'{"execute":"query-name","id":undefined}' + EVIL,
    "a comment": b"/* */" + EVIL,
    "a line comment": b"//" + EVIL,
    "a hash comment": b"#" + EVIL,
    "a word": b"hello" + EVIL,
    "an HTTP request": b"POST / HTTP/1.1 " + EVIL,
    "a closing brace": b"}" + EVIL,
    "a closing bracket": b"]" + EVIL,
    "a comma between messages": b"," + EVIL,
    "brackets that do not match": b'{"execute":"query-name"]' + EVIL,
    "a vertical tab for space": b"\x0b" + EVIL,
    "a form feed for space": b"\x0c" + EVIL,
    "a no-break space for space": b"\xc2\xa0" + EVIL,
    "a line separator for space": b"\xe2\x80\xa8" + EVIL,
    "a percent format of QEMU's own parser": b'{"execute":%s}' + EVIL,
    "too many bytes": b'{"execute":"query-name","id":"' + b"x" * 70000 + b'"}' + EVIL,
    "too many bytes of white space inside": b'{"execute":"query-name",' + b" " * 70000 + b'"id":1}' + EVIL,
}

# name: (message, the id that the answer has, or None)
RULE = {
    "a command twice": (b'{"execute":"query-name","execute":"query-memdev","id":7}', 7),
    "a command twice, the other way": (b'{"execute":"query-memdev","execute":"query-name","id":7}', 7),
    "a command twice after unescaping": (b'{"execute":"query-name","\\u0065xecute":"query-memdev","id":7}', 7),
    "arguments twice": (b'{"execute":"query-memdev","arguments":{},"arguments":{},"id":7}', 7),
    "an argument twice": (b'{"execute":"query-memdev","arguments":{"a":1,"a":2},"id":7}', 7),
    "a name twice deep inside": (b'{"execute":"query-memdev","arguments":{"a":[{"b":{"c":1,"\\u0063":2}}]},"id":7}', 7),
    "a name that ends in NUL": (b'{"execute\\u0000x":"query-memdev","id":7}', 7),
    "a name that ends in NUL, beside the right one": (
        b'{"execute":"query-name","execute\\u0000":"query-memdev","id":7}', 7),
    "a lone high surrogate": (b'{"execute":"query-memdev","arguments":{"a":"\\ud800"},"id":7}', 7),
    "a lone low surrogate": (b'{"execute":"query-memdev","arguments":{"a":"\\udc00"},"id":7}', 7),
    "surrogates the wrong way round": (b'{"execute":"query-memdev","arguments":{"a":"\\udc00\\ud800"},"id":7}', 7),
    "a lone surrogate in a name": (b'{"execute":"query-memdev","arguments":{"\\ud800":1},"id":7}', 7),
    "a number that overflows": (b'{"execute":"query-memdev","arguments":{"a":1e400},"id":7}', 7),
    "a negative number that overflows": (b'{"execute":"query-memdev","arguments":{"a":-1e999},"id":7}', 7),
    "an id that overflows": (b'{"execute":"query-memdev","id":1e400}', None),
    "too deep": (b'{"execute":"query-memdev","arguments":{"a":' + b"[" * 70 + b"]" * 70 + b'},"id":7}', 7),
    "too deep, objects": (b'{"execute":"query-memdev","arguments":' + b'{"a":' * 70 + b"1" + b"}" * 70 + b',"id":7}', 7),
    "deeper than QEMU goes": (b'{"execute":"query-name","arguments":' + b"[" * 1100 + EVIL + b"]" * 1100 + b',"id":7}', 7),
    "an unknown member": (b'{"execute":"query-memdev","foo":1,"id":7}', 7),
    "a member in capitals": (b'{"Execute":"query-memdev","id":7}', 7),
    "a member with a space": (b'{" execute":"query-memdev","id":7}', 7),
    "two ways to execute": (b'{"execute":"query-name","exec-oob":"query-memdev","id":7}', 7),
    "no command": (b'{"id":7}', 7),
    "an empty object": (b"{}", None),
    "a command that is a number": (b'{"execute":3,"id":7}', 7),
    "a command that is null": (b'{"execute":null,"id":7}', 7),
    "a command that is an object": (b'{"execute":' + EVIL + b',"id":7}', 7),
    "a command that is an array": (b'{"execute":["query-memdev"],"id":7}', 7),
    "arguments that are an array": (b'{"execute":"query-memdev","arguments":[],"id":7}', 7),
    "arguments that are null": (b'{"execute":"query-memdev","arguments":null,"id":7}', 7),
    "arguments that are a string": (b'{"execute":"query-memdev","arguments":"{}","id":7}', 7),
    "an array of messages": (b"[" + EVIL + b"]", None),
    "a string": (b'"query-memdev"', None),
    "a string of a message": (b'"' + EVIL.replace(b'"', b'\\"') + b'"', None),
    "a number": (b"5 ", None),
    "true": (b"true ", None),
    "null": (b"null ", None),
    "an empty array": (b"[]", None),
    "a reply": (b'{"return":{},"id":7}', 7),
    "an event": (b'{"event":"STOP","id":7}', 7),
    "a greeting": (b'{"QMP":{},"id":7}', 7),
}

# well-formed requests whose command's name is not what it seems
NAMES = [b"query-memdev\\u0000", b"\\u0000query-memdev", b"query-memdev ", b" query-memdev", b"QUERY-MEMDEV",
         b"query_memdev", b"query-memdev\\n", b"query-memdev/", b"", b"*", b"@query", b"query-*", b"query-memde",
         "query\u2010memdev".encode(), "\uff51uery-memdev".encode(), b"query-memdev" * 4000]


@pytest.fixture(scope="module")
def world(module_house):
    qemu = module_house.qemu()
    return module_house.gateway(qemu, limits={"connections_per_identity": 1000}).start(), qemu


def one_error_then_good(client, reply_id):
    reply = client.reply()
    expect.error(reply)
    assert reply.get("id", None) == reply_id, reply
    assert ("id" in reply) == (reply_id is not None), reply
    assert client.reply() == {"return": {"name": "web1"}, "id": "good"}


@pytest.mark.parametrize("name", LEXICAL)
def test_what_is_no_json_is_answered_once_and_its_line_skipped(world, name):
    gateway, qemu = world
    client = gateway.client("web1")
    client.raw(LEXICAL[name] + b"\n" + GOOD)
    one_error_then_good(client, None)
    assert "query-memdev" not in qemu.commands()


@pytest.mark.parametrize("name", LEXICAL)
def test_what_is_no_json_says_where(world, name):
    client = world[0].client("web1")
    client.raw(LEXICAL[name] + b"\n")
    assert any(c.isdigit() for c in expect.error(client.reply())), "no byte offset"


@pytest.mark.parametrize("name", RULE)
def test_what_breaks_a_rule_is_answered_and_framing_goes_on(world, name):
    gateway, qemu = world
    message, reply_id = RULE[name]
    client = gateway.client("web1")
    client.raw(message + GOOD)
    one_error_then_good(client, reply_id)
    assert "query-memdev" not in qemu.commands()


@pytest.mark.parametrize("name", NAMES, ids=lambda n: repr(n[:24]))
def test_a_name_is_compared_byte_for_byte(world, name):
    gateway, qemu = world
    client = gateway.client("web1")
    client.raw(b'{"execute":"' + name + b'","id":7}' + GOOD)
    reply = client.reply()
    assert reply["id"] == 7 and reply["error"]["class"] in ("CommandNotFound", "GenericError")
    assert client.reply()["id"] == "good"
    assert not any("memde" in str(c) for c in qemu.commands())


@pytest.mark.parametrize("name", LEXICAL)
def test_before_negotiation_it_is_no_different(world, name):
    gateway, qemu = world
    client = gateway.connect("web1").greet()
    client.raw(LEXICAL[name] + b"\n")
    expect.error(client.reply())
    client.negotiate()
    assert "query-memdev" not in qemu.commands()


def test_an_id_twice_is_refused(world):
    client = world[0].client("web1")
    client.raw(b'{"execute":"query-memdev","id":7,"id":8}' + GOOD)
    expect.error(client.reply())
    assert client.reply()["id"] == "good"
    assert "query-memdev" not in world[1].commands()


def test_a_raw_line_feed_in_a_string_ends_nothing_well(world):
    client = world[0].client("web1")
    client.raw(b'{"execute":"query-memdev","id":"a\nb"}\n' + GOOD)
    expect.error(client.reply())
    while (reply := client.reply()).get("id") != "good":
        expect.error(reply)
    assert "query-memdev" not in world[1].commands()


def test_the_oracle_sees_what_is_let_through(house):
    """The tests above would pass if the trace were blind: it is not."""
    qemu = house.qemu()
    house.gateway(qemu).start().client("web1").result("query-memdev")
    assert "query-memdev" in qemu.commands()
