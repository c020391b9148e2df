"""Where one message ends and the next begins, however the bytes come."""

import pytest

from harness import expect, wait
from harness.client import Closed

GOOD = b'{"execute":"query-name","id":"good"}'
ANSWER = {"return": {"name": "web1"}, "id": "good"}


def test_a_byte_at_a_time(gateway):
    client = gateway.client("web1")
    for byte in GOOD:
        client.raw(bytes([byte]))
    assert client.reply() == ANSWER


def test_a_split_anywhere(gateway):
    client = gateway.client("web1")
    text = '{"execute":"query-name","id":["\u00e9\\u00e9\\\\\\"\U0001f600",-1.5e+2,true,null]} '.encode() + GOOD
    for cut in range(1, len(text)):
        client.raw(text[:cut])
        client.raw(text[cut:])
        assert client.reply()["id"] == ["\u00e9\u00e9\\\"\U0001f600", -150, True, None]
        assert client.reply() == ANSWER


def test_messages_back_to_back(gateway):
    client = gateway.client("web1")
    client.raw(b"".join(b'{"execute":"query-name","id":%d}' % i for i in range(500)))
    assert [client.reply()["id"] for _ in range(500)] == list(range(500))


@pytest.mark.parametrize("space", [b"", b" ", b"\n", b"\r\n", b"\t \r\n\n  "])
def test_white_space_between_messages_is_nothing(gateway, space):
    client = gateway.client("web1")
    client.raw(space + GOOD + space + GOOD + space)
    assert [client.reply(), client.reply()] == [ANSWER, ANSWER]


def test_a_message_over_several_lines(gateway):
    client = gateway.client("web1")
    client.raw(b'{\n  "execute":\r\n "query-name",\n\t"id": "good"\n}')
    assert client.reply() == ANSWER


def test_a_message_over_several_tls_records(gateway):
    client = gateway.client("web1")
    long_id = "x" * 60000
    client.send({"execute": "query-name", "id": long_id})
    assert client.reply()["id"] == long_id


def test_a_message_of_exactly_the_limit_goes(gateway):
    client = gateway.client("web1")
    head, tail = b'{"execute":"query-name","id":"', b'"}'
    client.raw(head + b"x" * (65536 - len(head) - len(tail)) + tail)
    assert "return" in client.reply()


def test_after_an_error_the_line_is_skipped_to_its_end_only(gateway):
    client = gateway.client("web1")
    client.raw(b"garbage " + GOOD + b"\n" + GOOD)
    expect.error(client.reply())
    assert client.reply() == ANSWER


def test_the_rest_of_the_line_may_come_later(gateway):
    client = gateway.client("web1")
    client.raw(b"garbage")
    expect.error(client.reply())
    client.raw(GOOD)
    client.raw(GOOD + b"\n" + GOOD)
    assert client.reply() == ANSWER
    client.raw(GOOD)
    assert client.reply() == ANSWER


def test_an_error_in_one_line_with_many_faults_is_answered_once(gateway):
    client = gateway.client("web1")
    client.raw(b"\xff\xff}]'\x00" * 50 + b"\n" + GOOD)
    expect.error(client.reply())
    assert client.reply() == ANSWER


def test_three_lexical_errors_in_a_row_end_the_connection(gateway):
    client = gateway.client("web1")
    client.raw(b"a\nb\nc\n" + GOOD)
    answers = client.drain()
    assert 2 <= len(answers) <= 3
    for answer in answers:
        expect.error(answer)


def test_a_good_message_between_errors_makes_it_count_anew(gateway):
    client = gateway.client("web1")
    for _ in range(4):
        client.raw(b"a\nb\n" + GOOD)
        expect.error(client.reply())
        expect.error(client.reply())
        assert client.reply() == ANSWER


def test_messages_that_break_rules_do_not_end_the_connection(gateway):
    client = gateway.client("web1")
    for _ in range(20):
        client.raw(b'{"id":1,"a":1,"a":2}')
        expect.error(client.reply())
    client.raw(GOOD)
    assert client.reply() == ANSWER


def test_garbage_without_a_line_feed_ends_the_connection(gateway):
    client = gateway.client("web1")
    with pytest.raises((Closed, OSError)):
        client.raw(b"garbage")
        for _ in range(100):
            client.raw(b"x" * 4096)
        while True:
            expect.error(client.read())


def test_a_line_feed_that_never_comes_ends_the_connection(gateway):
    client = gateway.client("web1")
    client.raw(b"garbage")
    expect.error(client.reply())
    client.sock.settimeout(wait.scaled(15))
    client.drain()


def test_a_message_that_never_ends_is_not_run(gateway, qemu):
    client = gateway.client("web1")
    client.raw(b'{"execute":"query-memdev"')
    client.close()
    gateway.client("web1").result("query-name")
    assert "query-memdev" not in qemu.commands()

