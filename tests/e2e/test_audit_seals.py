"""Seals of the audit log: made when they are due, by the right key; and when they cannot be made, nothing waits."""

import json
import os
import time

import pytest

from harness import audit, wait
from harness.seals import Key, check
from harness.stall import Stall
from harness.token import PIN, Token


@pytest.fixture
def key(place):
    return Key(place, "seal")


@pytest.fixture
def made(house, key):
    """A gateway that seals, not started."""
    gateway = house.gateway(house.fake())
    gateway.audit["seal_key"] = key.path
    return gateway


def stats(client):
    return client.result("gateway-stats")["audit"]


def seals_of(gateway, *keys):
    if keys:
        said = audit.judge(gateway.build, audit.files(gateway.audit_file), *keys)
        assert all(k["trusted"] for k in said["keys"]) and said["seals"] == said["seals-good"]
    return check(audit.files(gateway.audit_file), keys)


def reasons(gateway, *keys):
    return [s["reason"] for s in seals_of(gateway, *keys)]


# --- configurations that are refused

@pytest.mark.parametrize("what, words", [
    ("none", "No such file"), ("rsa", "this is RSA"), ("ec", "Ed25519 key, and this is EC"), ("open", "everybody may read"),
    ("text", "no private key"), ("directory", "not a regular file"), ("token", "the key cannot be got at"),
    ("public", "does not belong to the public key"),
])
def test_a_key_that_cannot_seal_is_refused_with_its_line(made, place, what, words):
    path = os.path.join(place, what)
    if what in ("rsa", "ec"):
        path = Key(place, what, what.upper()).path
    elif what == "open":
        path = Key(place, what).path
        os.chmod(path, 0o644)
    elif what == "text":
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write("hello\n")
    elif what == "directory":
        os.mkdir(path)
    elif what == "token":
        path = f"pkcs11:token=none;object=none?pin-value={PIN}"
    elif what == "public":
        path = made.audit["seal_key"]
        made.audit["seal_public"] = Key(place, "other").public
    made.audit["seal_key"] = path
    line = next(i for i, text in enumerate(made.config_text().splitlines(), 1) if "seal_key" in text)
    for more in ("--check",), ():
        status, text = made.run_to_end(*more)
        assert status != 0
        assert f"qmpgate.conf:{line}: audit: seal_key: " in text and words in text
        assert PIN not in text
    assert not os.path.exists(made.audit_file)


def test_options_of_seals_without_a_key_are_refused(house):
    gateway = house.gateway(house.fake())
    gateway.audit["seal_command"] = "cat"
    status, text = gateway.run_to_end("--check")
    assert status != 0 and "seal_command has no meaning without seal_key" in text


def test_without_a_key_there_are_no_seals_and_no_figures_of_them(house):
    gateway = house.gateway(house.fake()).start()
    assert "seals" not in stats(gateway.connect().ready())
    gateway.stop()
    assert not gateway.records(type="seal")


# --- when

def test_start_and_exit_are_sealed_and_the_exit_seal_is_exact(made, key):
    made.start()
    client = made.client("web1")
    made.wait_record(type="seal", reason="start")
    client.result("query-name")
    made.stop()
    seals = seals_of(made, key)
    assert [s["reason"] for s in seals] == ["start", "exit"]
    records = audit.read(made.audit_file)
    assert records[-1] == seals[-1] and records[-2]["type"] == "stop"
    assert seals[-1]["through"] == records[-2]["seq"]


def test_seals_by_records_and_by_seconds(made, key):
    made.audit.update(seal_records=20, seal_seconds=1)
    made.start()
    client = made.client("web1")
    for _ in range(100):
        client.result("query-name")
    assert wait.until(lambda: stats(client)["seals"] > 3, "seals")

    def by_time():  # one by number may just cover the last record: then there is nothing to seal by time
        client.result("query-name")
        time.sleep(1.5)
        return made.records(type="seal", reason="seconds")
    wait.until(by_time, "a seal by time")
    figures = stats(client)
    assert figures["seal-failures"] == 0 and figures["last-seal-seconds"] < wait.TIMEOUT
    made.stop()
    assert {"records", "seconds"} <= set(reasons(made, key))


def test_what_a_kill_left_unsealed_is_sealed_at_the_next_start(made, key):
    made.audit["seal_seconds"] = 3600
    made.start()
    made.wait_record(type="seal", reason="start")
    made.client("web1").result("query-name")
    last = audit.read(made.audit_file)[-1]["seq"]
    made.crash()
    made.start()
    assert made.wait_record(count=2, type="seal", reason="start")["through"] >= last
    made.stop()
    seals_of(made, key)


# --- keys that change

def test_a_reload_has_the_old_key_seal_the_new(made, key, place):
    new = Key(place, "new")
    made.start()
    client = made.client("web1")
    made.wait_record(type="seal", reason="start")
    made.audit["seal_key"] = new.path
    os.unlink(key.path)
    made.reload()
    sealed = made.wait_record(type="seal", reason="key")
    assert (sealed["key"], sealed["next-key"]) == (key.id, new.der)
    client.result("query-name")
    made.stop()
    assert seals_of(made, key, new)[-1]["key"] == new.id


def test_a_reload_with_a_bad_key_leaves_the_old_one_at_work(made, key, place):
    made.audit["seal_seconds"] = 1
    made.start()
    client = made.connect().ready()
    made.audit["seal_key"] = Key(place, "bad", "RSA").path
    made.write()
    client.error("gateway-reload")
    made.wait_record(type="seal", reason="seconds")
    made.audit["seal_key"] = key.path
    made.stop()
    seals_of(made, key)


def test_a_restart_with_another_key_is_warned_about(made, key, place):
    new = Key(place, "new")
    made.start()
    made.stop()
    made.audit["seal_key"] = new.path
    made.start()
    made.wait_log(f"last sealed by key {key.id[:16]}")
    made.stop()
    assert "key" not in reasons(made, key, new)


def test_a_restart_with_the_old_key_at_hand_has_it_seal_the_new(made, key, place):
    new = Key(place, "new")
    made.start()
    made.stop()
    made.audit.update(seal_key=new.path, seal_old_key=key.path)
    for _ in range(2):
        made.start()
        made.stop()
    assert "nothing vouches" not in made.said()
    seals = seals_of(made, key, new)
    assert [s["reason"] for s in seals].count("key") == 1
    assert seals[-1]["key"] == new.id


def test_a_gateway_that_no_longer_seals_says_so(made):
    made.start()
    made.stop()
    del made.audit["seal_key"]
    made.start()
    made.wait_log("is so no more")
    made.stop()


# --- a key in a token

@pytest.fixture
def token(made, key, place, build, tmp_path):
    """A gateway whose key of seals is in a token, not started."""
    token = Token(str(tmp_path))
    os.mkdir(place + "/stall")
    stall = Stall(build, place + "/stall")
    made.audit.update(seal_key=token.add("seal", key.path), seal_public=key.public, seal_seconds=1)
    made.env = {**stall.env, **token.env}
    made.stall = stall
    return made


def test_a_token_that_does_not_tell_the_public_half_wants_it_given(token):
    """SoftHSM's form of an Ed25519 point is one that GnuTLS 3.7 does not read."""
    del token.audit["seal_public"]
    status, text = token.run_to_end("--check")
    assert status != 0 and "give it by seal_public" in text and PIN not in text


def test_a_key_in_a_token_seals(token, key):
    token.start()
    client = token.client("web1")
    for _ in range(3):
        client.result("query-name")
    token.wait_record(type="seal", reason="seconds")
    token.stop()
    assert reasons(token, key)[-1] == "exit"


def test_a_token_that_hangs_holds_up_nothing_but_seals(token, key):
    token.start()
    client = token.client("web1")
    token.wait_record(type="seal", reason="start")
    token.stall.begin("C_Sign")
    client.result("query-name")
    token.stall.wait("C_Sign")
    for _ in range(50):
        client.result("query-name")
    assert stats(client)["unsealed"] > 50
    assert stats(client)["failing"] is False
    before = len(token.records(type="seal"))
    token.stall.end("C_Sign")
    wait.until(lambda: len(token.records(type="seal")) > before, "a seal after the token answers")
    token.stop()
    seals_of(token, key)


def test_a_token_that_hangs_at_the_exit_does_not_hold_up_the_end(token):
    token.audit["seal_seconds"] = 3600
    token.start()
    token.wait_record(type="seal", reason="start")
    token.client("web1").result("query-name")
    token.stall.begin("C_Sign")
    token.stop()
    assert "the log ends without a seal" in token.said()


def test_a_token_that_is_gone_is_told_and_comes_back_by_itself(token, key):
    token.start()
    client = token.client("web1")
    token.wait_record(type="seal", reason="start")
    token.stall.begin("C_Sign.fails")
    client.result("query-name")
    figures = wait.until(lambda: (s := stats(client))["seal-failures"] and s, "a seal that fails")
    assert "seal-error" in figures and PIN not in figures["seal-error"]
    token.wait_log("the audit log cannot be sealed now")
    client.result("query-name")
    os.unlink(token.stall.path("C_Sign.fails"))
    token.wait_log("is sealed again")
    assert "seal-error" not in stats(client)
    token.stop()
    seals_of(token, key)


# --- seal_command

def test_each_seal_is_handed_out(made, key, place):
    out = place + "/witness"
    made.audit["seal_command"] = f"cat >>{out}"
    made.start()
    made.client("web1").result("query-name")
    made.wait_record(type="seal", reason="start")
    made.stop()
    with open(out, "rb") as f:
        lines = f.read().splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["start", "exit"]
    assert all(key.signed(line) for line in lines)


def test_a_command_that_fails_stops_nothing_and_is_tried_again(made, place):
    out = place + "/witness"
    made.audit["seal_command"] = f"test -e {out} && cat >>{out}"
    made.start()
    client = made.client("web1")
    made.wait_log("seals do not leave this host")
    assert stats(client)["seal-command-failing"] is True
    client.result("query-name")
    with open(out, "w"):
        pass
    made.wait_log("seal_command works again")
    assert stats(client)["seal-command-failing"] is False


def test_a_command_gets_no_descriptors_and_no_blocked_signals(made, place):
    out = place + "/witness"
    made.audit["seal_command"] = f"ls /proc/self/fd >{out}.fds; grep Sig /proc/self/status >{out}.new; mv {out}.new {out}"
    made.start()
    wait.until(lambda: os.path.exists(out), "a run")
    with open(out + ".fds") as f:
        assert set(f.read().split()) <= {"0", "1", "2", "3"}  # 3: the directory that ls reads
    with open(out) as f:
        masks = dict(line.split(":\t") for line in f.read().splitlines())
    assert int(masks["SigBlk"], 16) == 0
    assert int(masks["SigIgn"], 16) & 0x7fffffff == 0  # glibc keeps two of its own out of sight


def test_a_command_does_not_speak_for_the_daemon_to_its_service_manager(made, place):
    """As notify_access of a unit would let it."""
    out = place + "/witness"
    made.audit["seal_command"] = f"env >{out}.new; mv {out}.new {out}"
    made.env.update({"LISTEN_FDNAMES": "x", "WATCHDOG_USEC": "100000000", "QMPGATE_TEST_SEEN": "yes"})
    made.start()
    wait.until(lambda: os.path.exists(out), "a run")
    with open(out) as f:
        names = {line.partition("=")[0] for line in f}
    assert "QMPGATE_TEST_SEEN" in names and not {n for n in names if n.startswith(("NOTIFY_", "WATCHDOG_", "LISTEN_"))}
