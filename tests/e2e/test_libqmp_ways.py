"""One VM, four ways to it: its socket, the gateway, libvirt, and messages that are built and parsed by libqmp and carried by
somebody else. What typed functions return is the same."""

import json

import pytest

from harness import wait
from harness.client import unix_connect
from harness.libqmp import Drive, Schema, Session, queries

# what goes on by itself, and differs from call to call
MOVING = {"query-blockstats", "query-stats"}
# the gateway tells what may be run there (test_introspection.py)
FILTERED = {"query-qmp-schema", "query-commands"}


class Carried:
    """Layer one: the program carries the messages."""

    def __init__(self, build, path):
        self.drive, self.client = Drive(build), unix_connect(path).ready()

    def ask(self, line):
        _, command, _ = line.split(" ", 2)
        message = self.drive.ask(f"args {command} {{}}")
        assert message.ok, message.text
        self.client.raw(message.text.encode() + b"\n")
        return self.drive.ask(f"reply {command} {json.dumps(self.client.reply())}")

    def __exit__(self, *_):
        self.drive.close()
        self.client.close()


@pytest.fixture
def ways(house, build, pki):
    libvirtd = house.libvirtd()
    sockets = [libvirtd.path(f"run/{n}.qmp") for n in ("socket", "gateway", "carried")]
    arguments = [word for path in sockets for word in ("-qmp", f"unix:{path},server=on,wait=off")]
    domain = libvirtd.domain(arguments=arguments).start("--paused")
    for path in sockets:
        wait.until(lambda: wait.is_listening(path), path)
    gateway = house.gateway()
    gateway.vms["web1"] = {"socket": sockets[1]}
    gateway.start()
    env = {"QMPGATE_CA": pki.path("ca.crt"), "QMPGATE_CERT": pki.path("admin.crt"), "QMPGATE_KEY": pki.path("admin.key")}
    opened = {"socket": Session(build, f"unix:{sockets[0]}"),
              "gateway": Session(build, f"qmps://127.0.0.1:{gateway.port}/web1", **env),
              "libvirt": Session(build, f"libvirt:{domain.name}?uri={libvirtd.uri}"),
              "carried": Carried(build, sockets[2])}
    yield opened
    for way in opened.values():
        way.__exit__()


def value(answer):
    if answer.ok:
        return json.loads(answer.text)
    return answer.kind, answer.outcome, answer.text


def test_every_query_that_the_vm_answers_is_the_same_by_each_way(ways):
    schema = Schema(json.loads(ways["socket"].ask("execute query-qmp-schema -").text))
    same = 0
    for name in queries(schema):
        answers = {way: value(s.ask(f"call {name} -")) for way, s in ways.items() if way != "gateway" or name not in FILTERED}
        wanted = answers["socket"]
        for way, answer in answers.items():
            assert answer == wanted or name in MOVING and type(answer) is type(wanted), (name, way, answer, wanted)
        same += not isinstance(wanted, tuple)
    assert same > 40


def test_a_refusal_is_the_same_by_each_way(ways):
    answers = {way: value(s.ask('call device_del {"id":"none"}')) for way, s in ways.items() if way != "carried"}
    assert len({json.dumps(a) for a in answers.values()}) == 1, answers
