"""The clock of the day may be set at any time. What took how long is told by another."""

import os
from datetime import datetime, timedelta

import pytest

from harness import wait
from harness.stall import Stall

HOUR = 3600


@pytest.fixture
def clock(build, place):
    directory = place + "/clock"
    os.mkdir(directory)
    return Stall(build, directory)


def when(record):
    return datetime.strptime(record["time"], "%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_clock_that_is_set_changes_no_latency(house, clock, seconds):
    vm = house.scripted()
    gateway = house.gateway(vm, env=clock.env).start()
    client = gateway.client("web1")
    client.send({"execute": "query-status", "id": 1})
    request, = vm.wait(1)
    intent = gateway.wait_record(type="intent", command="query-status")
    clock.set_clock(seconds)
    vm.answer(request)
    client.reply(1)
    outcome = gateway.wait_record(type="outcome", command="query-status")
    passed = (when(outcome) - when(intent)).total_seconds()
    assert abs(passed - seconds) < wait.scaled(30)
    assert 0 <= outcome["latency-us"] < wait.scaled(30) * 1000000
    assert outcome["seq"] > intent["seq"]


def test_the_time_of_a_record_is_utc_to_the_microsecond(house, qemu, clock):
    gateway = house.gateway(qemu, env={**clock.env, "TZ": "America/New_York"}).start()
    gateway.client("web1").result("query-name")
    record = gateway.wait_record(type="intent", command="query-name")
    assert abs(datetime.utcnow() - when(record)) < timedelta(minutes=5)
    assert len({r["time"][-5:-1] for r in gateway.records()}) > 1


def test_refusals_are_limited_whatever_the_clock_does(house, clock):
    """A limit that went by the clock of the day would be off for an hour after each step back."""
    gateway = house.gateway(house.fake(), env=clock.env).start()
    client = gateway.client("web1", "viewer")
    for i in range(10):
        clock.set_clock(-HOUR * i)
        client.send(*[{"execute": "quit"}] * 100)
        for _ in range(100):
            client.reply()
    refused = len(gateway.records(type="refused", command="quit"))
    assert 100 <= refused < 300
