"""What blocks holds up nobody but those who wait for it: a directory of users."""

import os
import signal

import pytest

from harness import wait
from harness.gateway import user_name
from harness.process import open_descriptors
from harness.stall import Stall

GRANT = '''
grant "local" {
    to = {"unix:%s"} role = {"operator"} vms = {"*"} admin = {"sessions", "session-close", "reload", "stats"}
}
'''


@pytest.fixture
def stall(build, place):
    directory = place + "/stall"
    os.mkdir(directory)
    return Stall(build, directory)


def workers(client, pool):
    return client.result("gateway-stats")["workers"][pool]


@pytest.fixture
def named(house, stall):
    """A gateway with a key in a file, and a UNIX listener."""
    gateway = house.gateway(house.fake()).add_control()
    gateway.policy += GRANT % user_name()
    gateway.env = stall.env
    return gateway.start()


def test_while_names_cannot_be_looked_up_all_else_goes_on(named, stall):
    stall.begin("getpwuid_r")
    waiting = [named.local() for _ in range(4)]  # more than there are threads
    stall.wait("getpwuid_r")
    remote = named.client("web1")  # a VM's schema is compiled: by a worker
    remote.result("query-name")
    wait.until(lambda: workers(remote, "names")["queued"] == 2, "look-ups that wait")
    named.hang_up()
    remote.result("gateway-reload")
    assert remote.result("gateway-audit-tail", count=1)
    stall.end("getpwuid_r")
    for client in waiting:
        client.ready().result("gateway-attach", vm="web1")


def test_a_local_client_that_leaves_meanwhile_leaves_nothing(named, stall):
    remote = named.client("web1")
    before = open_descriptors(named.pid)
    stall.begin("getpwuid_r")
    waiting = [named.local() for _ in range(4)]
    stall.wait("getpwuid_r")
    for client in waiting:
        client.close()
    stall.end("getpwuid_r")
    wait.until(lambda: open_descriptors(named.pid) == before, "the descriptors")
    assert remote.result("gateway-stats")["connections"] == 1


def test_while_names_cannot_be_looked_up_the_daemon_ends(named, stall):
    stall.begin("getpwuid_r")
    waiting = [named.local() for _ in range(4)]
    stall.wait("getpwuid_r")
    named.process.signal(signal.SIGTERM)
    assert named.process.wait() == 0
    for client in waiting:
        assert client.drain() == []
