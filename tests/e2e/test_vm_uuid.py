"""What a VM says its UUID is."""

import json

import pytest

from harness import expect

UUID = "12345678-9abc-def0-1234-56789abcdef0"
ESCAPED = "".join(f"\\u{ord(c):04x}" for c in UUID)


def start(house, text, **options):
    """A VM that answers query-uuid with this text, behind a gateway."""
    vm = house.scripted(start_up={"query-uuid": text.encode()})
    gateway = house.gateway()
    return gateway.add_vm(vm, **options).start()


@pytest.mark.parametrize("text", ['{"UUID": "%s"}' % UUID, '{"UUID": "%s"}' % ESCAPED,
                                  '{"\\u0055UID": "%s"}' % ESCAPED.upper().replace("\\U", "\\u"),
                                  '{"UUID": "1%s"}' % ESCAPED[6:]])
def test_it_is_read_as_json_reads_it(house, text):
    assert json.loads(text) == {"UUID": UUID}
    gateway = start(house, text, uuid=UUID)
    assert gateway.client("web1").result("gateway-info")["uuid"] == UUID


@pytest.mark.parametrize("text", ['{"UUID": "%s"}' % ESCAPED, '{"\\u0055UID": "%s"}' % UUID])
def test_one_that_is_not_configured_is_shown_as_json_reads_it(house, text):
    assert start(house, text).client("web1").result("gateway-info")["uuid"] == UUID


@pytest.mark.parametrize("text", [
    '{"UUID": "%s"}' % UUID[:-1],
    '{"UUID": "%s"}' % (UUID + "0"),
    '{"UUID": "%s"}' % (ESCAPED + "\\u0030"),
    '{"UUID": "%s"}' % ESCAPED[:-6],
    '{"UUID": "%s"}' % (ESCAPED[:-6] + "\\u000a"),
    '{"UUID": "%s"}' % (ESCAPED[:-6] + "\\u0000"),
    '{"UUID": "%s"}' % ("\\u0041" * 6),   # as long as one, written out
    '{"UUID": "%s"}' % (ESCAPED[:-6] + "\\u00e9"),
    '{"uuid": "%s"}' % UUID,
    '{"UUID": 1}', '{"UUID": null}', '{"UUID": ["%s"]}' % UUID, '{}', '[]', '"%s"' % UUID, 'null'])
def test_what_is_none_is_not_shown_and_is_not_the_configured_one(house, text):
    gateway = start(house, text)
    assert "uuid" not in gateway.client("web1").result("gateway-info")
    gateway.stop()
    house.vms[0].stop()
    house.vms.clear()
    gateway = start(house, text, uuid=UUID)
    expect.error(gateway.connect("web1").read(), "GenericError", "UUID is not the configured one")
