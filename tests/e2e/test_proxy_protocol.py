"""The PROXY protocol, version 2: required from those who may say it, refused from all others."""

import socket
import struct

import pytest

from harness import wait
from harness.client import Closed

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def header(source="192.0.2.7", port=4711, command=0x21, family=0x11, tail=b""):
    if family == 0x21:
        body = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, "::1")
    else:
        body = socket.inet_aton(source) + socket.inet_aton("127.0.0.1")
    body += struct.pack("!HH", port, 4434) + tail
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


@pytest.fixture
def balanced(house, qemu):
    gateway = house.gateway(qemu)
    gateway.listeners["public"].update(proxy_protocol="v2", proxy_from=["127.0.0.1/32"])
    return gateway.start()


def connect(gateway, first=b"", source=None):
    return gateway.connect("web1", first=first, source=(source, 0) if source else None)


def turned_away(gateway, first=b"", source=None):
    """At once: Silent would be no OSError."""
    with pytest.raises((OSError, Closed)):
        connect(gateway, first, source).read()
    return True


def test_the_client_is_who_the_header_says(balanced):
    client = connect(balanced, header()).ready()
    assert client.result("query-name") == {"name": "web1"}
    assert balanced.wait_record(type="intent", command="query-name")["peer"] == "192.0.2.7:4711"


def test_ipv6_in_the_header(balanced):
    connect(balanced, header("2001:db8::7", family=0x21)).ready().result("query-name")
    assert balanced.wait_record(type="intent", command="query-name")["peer"] == "[2001:db8::7]:4711"


def test_further_fields_are_passed_over(balanced):
    connect(balanced, header(tail=b"\x05\x00\x04abcd" + b"\x04\x00\x03\x00\x00\x00")).ready().result("query-name")


def test_a_header_in_pieces(balanced):
    connect(balanced, [bytes([byte]) for byte in header()]).ready().result("query-name")


def test_without_a_header_a_balancer_is_turned_away(balanced):
    assert turned_away(balanced)


def test_a_header_from_anybody_else_is_turned_away(balanced):
    assert turned_away(balanced, header(), source="127.0.0.2")


def test_anybody_else_connects_without_a_header(balanced):
    client = connect(balanced, source="127.0.0.2").ready()
    client.result("query-name")
    assert balanced.wait_record(type="intent", command="query-name")["peer"].startswith("127.0.0.2:")


def test_a_header_where_no_listener_asks_for_one(gateway):
    assert turned_away(gateway, header())


@pytest.mark.parametrize("bad", [
    b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 4434\r\n",
    header(command=0x11), header(command=0x22), header(family=0x12), header()[:20], b"\x00" * 28,
    SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 4) + b"\xc0\x00\x02\x07",
    SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 65535) + b"\x00" * 1000,
], ids=["version 1", "version 1 in binary", "unknown command", "UDP", "cut short", "zeros", "short address", "huge"])
def test_bad_headers_are_turned_away(balanced, bad):
    plain = socket.create_connection(("127.0.0.1", balanced.port), timeout=wait.TIMEOUT)
    plain.sendall(bad)
    try:
        plain.shutdown(socket.SHUT_WR)
        assert b"QMP" not in plain.recv(100)
    except OSError:  # it was reset already
        pass
    plain.close()
    connect(balanced, header()).ready().result("query-name")


def test_a_health_check_is_answered_by_a_proper_end(balanced):
    plain = socket.create_connection(("127.0.0.1", balanced.port), timeout=wait.TIMEOUT)
    plain.sendall(header(command=0x20))
    assert plain.recv(100) == b""


def test_limits_count_who_the_header_names(house, qemu):
    gateway = house.gateway(qemu, limits={"connections_per_address": 2})
    gateway.listeners["public"].update(proxy_protocol="v2", proxy_from=["127.0.0.1"])
    gateway.start()
    first = [connect(gateway, header()).ready() for _ in range(2)]
    assert turned_away(gateway, header())
    connect(gateway, header("192.0.2.8")).ready().result("query-name")
    first[0].result("query-name")
