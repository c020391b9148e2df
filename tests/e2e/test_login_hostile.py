"""Ways around the login, each tried: by what was true before a reload, by counts that are forgotten, by a saslauthd that
hangs, by leaving, by asking too fast."""

import os
import socket
import threading
import time

import pytest

from harness import expect, login, wait
from harness.login import Refused, Scram
from harness.sasl import REALM, Sasldb
from test_login import ALICE, CAROL, MECHANISMS, POLICY, db, guess, served, stranger  # noqa: F401


@pytest.fixture
def gateway(served):
    return served()


class Mute:
    """In saslauthd's place: takes what it is asked, counts it, and says what it is told to, or nothing."""

    def __init__(self, directory, answer=None):
        self.path = os.path.join(directory, "mute")
        self.answer, self.asked, self._held = answer, [], []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.asked.append(peer.recv(4096))
            if self.answer is None:
                self._held.append(peer)
            else:
                peer.sendall(self.answer)
                peer.close()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for peer in self._held:
            peer.close()


@pytest.fixture
def mute(place):
    it = Mute(place)
    yield it
    it.close()


def asking(served, mute, **how):
    return served(section=f'pwcheck = "saslauthd" saslauthd = "{mute.path}"', **how)


def ended(client):
    """No answer came but the farewell."""
    return not any("return" in m for m in client.drain())


# --- reloads -------------------------------------------------------------------------------------

def test_who_came_by_certificate_goes_when_a_login_is_demanded(served):
    gateway = served()
    client = gateway.client("web1", "operator")
    gateway.listeners["public"].update(client_cert="required", two_factors=True)
    gateway.reload()
    assert ended(client)


def test_a_certificate_alone_is_not_enough_by_what_was_offered_before_a_reload(served):
    gateway = served(identity="sasl", client_cert="required", sasl=["SCRAM-SHA-256", "EXTERNAL"])
    client = stranger(gateway, "web1", "operator")
    assert "EXTERNAL" in client.result("gateway-info")["mechanisms"]
    gateway.listeners["public"]["two_factors"] = True
    gateway.reload()
    expect.error(login.start(client, "EXTERNAL", b""), "GenericError", "not offered")
    assert client.result("gateway-info")["phase"] == "auth"


def test_an_exchange_does_not_outlive_the_configuration_that_it_began_under(served):
    gateway = served()
    client = stranger(gateway)
    it = Scram("alice", ALICE)
    first = login.result(login.start(client, "SCRAM-SHA-256", it.first()))
    gateway.listeners["public"]["sasl"] = ["PLAIN"]
    gateway.reload()
    with pytest.raises(Refused):
        login.result(login.step(client, it.final(login.decode(first["data"]))))
    assert client.result("gateway-info")["phase"] == "auth"
    assert gateway.wait_record(type="auth", result="denied")["code"] == "reloaded"


def test_a_password_that_is_judged_during_a_reload_does_not_count(served, place):
    mute = Mute(place)
    gateway = asking(served, mute)
    client = stranger(gateway)
    client.send({"execute": "gateway-auth-start",
                 "arguments": {"mechanism": "PLAIN", "data": login.encode(f"\0alice\0{ALICE}".encode())}})
    wait.until(lambda: mute.asked, "the question")
    gateway.extra = gateway.extra.replace('pwcheck = "saslauthd"', "").replace(f'saslauthd = "{mute.path}"', "")
    gateway.reload()
    mute._held[0].sendall(b"\0\2OK")
    with pytest.raises(Refused):
        login.result(client.reply())
    assert client.result("gateway-info")["phase"] == "auth"
    mute.close()


@pytest.mark.parametrize("now", [["SCRAM-SHA-256"], []])
def test_who_logged_in_by_what_is_not_offered_any_more_goes(served, now):
    gateway = served()
    client = stranger(gateway, "web1").negotiate()
    login.plain(client, "alice", ALICE)
    gateway.listeners["public"].pop("sasl")
    if now:
        gateway.listeners["public"]["sasl"] = now
    gateway.reload()
    assert ended(client)


def test_who_logged_in_by_what_is_still_offered_stays(served):
    gateway = served()
    client = stranger(gateway, "web1").negotiate()
    login.scram(client, "alice", ALICE)
    gateway.listeners["public"]["sasl"] = ["SCRAM-SHA-256"]
    gateway.reload()
    assert client.result("query-name") == {"name": "web1"}


def test_a_shorter_age_counts_for_who_is_in(served):
    gateway = served(section="session_seconds = 1000")
    client = stranger(gateway, "web1").negotiate()
    login.scram(client, "alice", ALICE)
    gateway.extra = gateway.extra.replace("1000", "1")
    gateway.reload()
    assert ended(client)
    assert gateway.wait_record(type="session-close")["text"] == "its login is too old"


# --- guessing ------------------------------------------------------------------------------------

def scram_unannounced(client, user, password):
    """The name comes in the second message."""
    it = Scram(user, password)
    login.result(login.start(client, "SCRAM-SHA-256"))
    first = login.result(login.step(client, it.first()))
    return login.result(login.step(client, it.final(login.decode(first["data"]))))


def test_a_name_that_comes_late_is_counted_all_the_same(gateway):
    for _ in range(4):
        client = stranger(gateway)
        with pytest.raises(Refused):
            scram_unannounced(client, "alice", "wrong")
    with pytest.raises(Refused, match="too many have failed, wait"):
        login.plain(stranger(gateway), "alice", ALICE)


def test_ones_own_login_does_not_forgive_guesses_at_others(served):
    gateway = served(limits={"connections_per_address": 1000})
    held = 0
    for _ in range(5):
        try:
            scram_unannounced(stranger(gateway), "carol", CAROL)
            scram_unannounced(stranger(gateway), "alice", "wrong")
        except Refused as e:
            held += "wait" in str(e)
    assert held


def test_logging_in_again_as_somebody_else_takes_its_time_whatever_the_password(served):
    gateway = served(limits={"login_delay_milliseconds": 500})
    client = stranger(gateway, "web1").negotiate()
    login.scram(client, "carol", CAROL)
    before = time.monotonic()
    with pytest.raises(Refused, match="^authentication failed$"):
        login.plain(client, "alice", ALICE)
    assert time.monotonic() - before > 0.45


def test_local_users_do_not_share_the_count_of_failures(served):
    gateway = served()
    gateway.stop()
    gateway.add_control(identity="sasl", sasl=["PLAIN"])
    gateway.start()
    for _ in range(4):
        with pytest.raises(Refused):
            login.plain(gateway.local().greet(), "alice", "wrong")
    pairs = gateway.client("web1").result("gateway-stats")["logins"]["pairs"]
    assert [p["address"] for p in pairs] == [f"unix:{os.getuid()}"]


def test_what_is_sent_ahead_is_not_tried_beyond_the_limit(served, place):
    mute = Mute(place, b"\0\2NO")
    gateway = asking(served, mute, limits={"login_attempts": 2})
    client = stranger(gateway)
    client.send(*[{"execute": "gateway-auth-start",
                   "arguments": {"mechanism": "PLAIN", "data": login.encode(f"\0alice\0{i}".encode())}}
                  for i in range(6)])
    assert len([m for m in client.drain() if "error" in m]) == 2
    wait.until(lambda: gateway.client("web1").result("gateway-stats")["unauthenticated"] == 0, "its end")
    assert len(mute.asked) == 2
    mute.close()


# --- a saslauthd that hangs ----------------------------------------------------------------------

def test_a_saslauthd_that_hangs_holds_up_nobody_else(served, mute):
    gateway = asking(served, mute)
    waiting = [stranger(gateway) for _ in range(8)]
    for client in waiting:
        client.send({"execute": "gateway-auth-start",
                     "arguments": {"mechanism": "PLAIN", "data": login.encode(f"\0alice\0{ALICE}".encode())}})
    wait.until(lambda: len(mute.asked) >= 2, "questions")
    assert login.scram(stranger(gateway), "carol", CAROL)["complete"]


def test_a_saslauthd_that_hangs_is_not_waited_for(served, mute):
    gateway = asking(served, mute, limits={"negotiate_seconds": 60})
    client = stranger(gateway)
    with pytest.raises(Refused, match="^authentication failed$"):
        login.plain(client, "alice", ALICE)
    assert "saslauthd does not answer" in gateway.wait_record(type="auth", result="denied")["text"]


def test_a_saslauthd_that_hangs_is_nobodys_wrong_password(served, place):
    mute = Mute(place, b"")
    gateway = asking(served, mute)
    for _ in range(5):
        with pytest.raises(Refused, match="^authentication failed$"):
            login.plain(stranger(gateway), "alice", ALICE)
    mute.answer = b"\0\2OK"
    assert login.plain(stranger(gateway), "alice", ALICE)["complete"]
    mute.close()


def test_who_is_held_back_is_not_put_to_saslauthd(served, place):
    mute = Mute(place, b"\0\2NO")
    gateway = asking(served, mute)
    guess(gateway)
    with pytest.raises(Refused, match="too many have failed, wait"):
        login.plain(stranger(gateway), "alice", ALICE)
    assert len(mute.asked) == 4
    mute.close()


@pytest.mark.parametrize("answer", [b"", b"\0", b"\0\2", b"\0\2NO", b"\0\2O", b"\0\0", b"\0\1O", b"OK", b"\xff\xffOK",
                                    b"\0\6NO\nOK\n", b"\0\3 OK", b"\0\2ok"])
def test_only_ok_is_ok(served, place, answer):
    mute = Mute(place, answer)
    gateway = asking(served, mute)
    with pytest.raises(Refused, match="^authentication failed$"):
        login.plain(stranger(gateway), "alice", ALICE)
    mute.close()


# --- the record ----------------------------------------------------------------------------------

def test_who_leaves_before_the_answer_is_on_record(served, mute):
    gateway = asking(served, mute)
    client = stranger(gateway)
    client.send({"execute": "gateway-auth-start",
                 "arguments": {"mechanism": "PLAIN", "data": login.encode(b"\0alice\0x")}})
    wait.until(lambda: mute.asked, "the question")
    gateway.client("web1")
    client.close()
    gateway.stop()
    record = gateway.wait_record(type="auth", result="denied")
    assert record["mechanism"] == "PLAIN" and "before" in record["text"]


def test_a_login_without_a_grant_is_on_record_once_and_by_its_name(gateway):
    with pytest.raises(Refused, match="no grant"):
        login.scram(stranger(gateway), "nobody", "no grant")
    gateway.stop()
    record, = gateway.records(type="auth")
    assert (record["identity"], record["claimed"], record["mechanism"]) == (
        "sasl:nobody@example.com", "nobody@example.com", "SCRAM-SHA-256")


def test_whom_somebody_wanted_to_act_for_is_on_record(gateway):
    with pytest.raises(Refused, match="no delegation"):
        login.plain(stranger(gateway), "alice", ALICE, authzid="carol")
    record = gateway.wait_record(type="auth", result="denied")
    assert (record["identity"], record["acting-for"]) == ("sasl:alice@example.com", "sasl:carol@example.com")


def test_a_mechanism_that_is_not_offered_is_on_record(gateway):
    expect.error(login.start(stranger(gateway), "ANONYMOUS", b"me"))
    assert "not offered" in gateway.wait_record(type="auth", code="login-syntax")["text"]


def test_a_long_name_does_not_fill_the_record(gateway):
    client = gateway.connect(None, "viewer").greet().negotiate()
    expect.denied(client.call("gateway-act-as", identity="x" * 60000))
    record = gateway.wait_record(type="auth", result="denied")
    assert len(record["acting-for"]) < 2000


# --- many ----------------------------------------------------------------------------------------

def test_half_logins_leave_no_memory_and_no_thread(served):
    gateway = served(limits={"connections_per_address": 1000, "connections_unauthenticated": 1000})

    def half(times):
        for i in range(times):
            client = stranger(gateway)
            if i % 2:
                login.start(client, "SCRAM-SHA-256", Scram(f"user{i}", "x").first())
            else:
                client.request("gateway-auth-start", mechanism="SCRAM-SHA-256",
                               data=login.encode(Scram("alice", ALICE).first()))
            client.close()

    gateway.client("web1").close()  # what is kept of a VM is there before, too
    half(100)
    threads = len(os.listdir(f"/proc/{gateway.pid}/task"))
    before = resident_kib(gateway.pid)
    half(300)
    wait.until(lambda: gateway.client("web1").result("gateway-stats")["unauthenticated"] == 0, "the end of all others")
    assert len(os.listdir(f"/proc/{gateway.pid}/task")) == threads
    if wait.scaled(1) == 1:  # not under a sanitizer
        assert resident_kib(gateway.pid) - before < 1024


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(next(line.split()[1] for line in f if line.startswith("VmRSS")))


# --- secrets -------------------------------------------------------------------------------------

def memory(pid):
    """All that the process can write, as bytes; but the tables of a sanitizer, which are huge and hold none."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, mode = line.split()[:2]
            start, end = (int(x, 16) for x in where.split("-"))
            if mode.startswith("rw") and end - start < 1 << 30:
                mem.seek(start)
                try:
                    yield mem.read(end - start)
                except OSError:
                    pass


def finds(pid, *secrets):
    return [s for s in secrets for area in memory(pid) if s in area]


@pytest.mark.parametrize("whole", [True, False])
def test_a_password_that_comes_in_pieces_is_not_left_in_memory(served, db, whole):
    password = "canary-" + "7d1f" * 300  # more than a buffer's first size
    db.set("dave", password)
    gateway = served(policy='grant "dave" { to = {"sasl:dave@example.com"} role = {"viewer"} vms = {"*"} }\n')
    gateway.stop()
    gateway.add_control(identity="sasl", sasl=["PLAIN"])
    gateway.start()
    client = gateway.local().greet()
    data = login.encode(f"\0dave\0{password}".encode())
    message = '{"execute": "gateway-auth-start", "arguments": {"mechanism": "PLAIN", "data": "%s"}}\n' % data
    for i in range(0, len(message), 200) if whole else range(0, 1000, 200):
        client.raw(message[i:i + 200].encode())
        if not whole or i:
            time.sleep(0.01)  # so that each piece is read by itself
    if whole:
        assert login.result(client.reply())["complete"]
    client.close()
    admin = gateway.client("web1")
    wait.until(lambda: admin.result("gateway-stats")["connections"] == 1, "its end")
    admin.result("gateway-info")
    assert not finds(gateway.pid, data[200:260].encode())
