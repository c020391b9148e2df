"""auth/'s two halves of SASL against the real sasldb, saslauthd and Kerberos, without a gateway between them."""

import os
import subprocess

import pytest

from harness import sasl

PASSWORD = "correct horse"


@pytest.fixture
def drive(build):
    def run(*options, password=PASSWORD, env=None, offer="SCRAM-SHA-256", **named):
        argv = [os.path.join(build, "tests", "sasl", "sasl_drive"), "--offer", offer, *options]
        for name, value in named.items():
            argv += ["--" + name.replace("_", "-"), str(value)]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "SASL_PASSWORD": password, **(env or {})})
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout.strip() or done.stderr.strip()
    return run


@pytest.fixture
def db(place):
    return sasl.Sasldb(place, alice=PASSWORD)


@pytest.fixture
def saslauthd(place):
    daemon = sasl.Saslauthd(place, alice=PASSWORD)
    yield daemon.start()
    daemon.stop()


@pytest.fixture
def kdc(place):
    it = sasl.Kdc(place)
    yield it.start()
    it.stop()


# --- sasldb --------------------------------------------------------------------------------------

def test_a_wrong_password_of_sasldb_fails(drive, db):
    assert drive(db=db.path, user="alice", password="wrong").startswith("failed SCRAM-SHA-256 2")
    assert drive(db=db.path, user="alice", password="wrong", offer="PLAIN").startswith("failed PLAIN 1")


def test_a_disabled_account_of_sasldb_fails(drive, db):
    db.disable("alice")
    assert drive(db=db.path, user="alice").startswith("failed SCRAM-SHA-256 2")
    assert drive(db=db.path, user="alice", offer="PLAIN").startswith("failed PLAIN 1")


def test_a_password_that_was_changed_is_taken_at_the_next_login(drive, db):
    db.set("alice", "another one")
    assert drive(db=db.path, user="alice").startswith("failed")
    assert drive(db=db.path, user="alice", password="another one") == "done SCRAM-SHA-256 sasl:alice@example.com"


def test_the_strongest_common_mechanism_is_taken(drive, db):
    assert drive("--bind", db=db.path, user="alice", offer="PLAIN,SCRAM-SHA-256,SCRAM-SHA-256-PLUS") == \
        "done SCRAM-SHA-256-PLUS sasl:alice@example.com"
    assert drive(db=db.path, user="alice", offer="PLAIN,SCRAM-SHA-256") == "done SCRAM-SHA-256 sasl:alice@example.com"
    assert drive(db=db.path, user="alice", offer="PLAIN") == "done PLAIN sasl:alice@example.com"


@pytest.mark.parametrize("offer", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS,PLAIN", "PLAIN,SCRAM-SHA-256-PLUS",
                                   "SCRAM-SHA-256-PLUS,SCRAM-SHA-256,PLAIN", "SCRAM-SHA-256,SCRAM-SHA-256-PLUS"])
def test_what_else_is_offered_and_in_which_order_makes_no_difference(drive, db, offer):
    assert drive("--bind", db=db.path, user="alice", offer=offer) == "done SCRAM-SHA-256-PLUS sasl:alice@example.com"


def test_no_password_goes_to_a_server_that_nobody_verified(drive, db):
    assert "nobody has verified" in drive("--unverified", db=db.path, user="alice", offer="PLAIN")


def test_a_sasldb_that_is_not_there_is_told(drive, place):
    assert "cannot read the sasldb" in drive(db=place + "/none", user="alice")


def test_a_file_of_libsasl2_s_own_lets_nobody_in(drive, db, place):
    os.mkdir(place + "/other")
    other = sasl.Sasldb(place + "/other", alice="wrong", mallory=PASSWORD)
    with open(place + "/qmpgate.conf", "w") as f:
        f.write(f"sasldb_path: {other.path}\npwcheck_method: alwaystrue\nmech_list: ANONYMOUS PLAIN\n"
                "auxprop_plugin: sasldb\n")
    env = {"SASL_CONF_PATH": place}
    assert drive(db=db.path, user="alice", password="wrong", offer="PLAIN", env=env).startswith("failed PLAIN 1")
    assert drive(db=db.path, user="mallory", env=env).startswith("failed SCRAM-SHA-256 2")
    assert drive(db=db.path, user="alice", env=env).startswith("done")


# --- saslauthd -----------------------------------------------------------------------------------

def test_a_wrong_password_of_saslauthd_fails(drive, saslauthd):
    got = drive(pwcheck="saslauthd", saslauthd=saslauthd.socket, user="alice", password="wrong", offer="PLAIN")
    assert got.startswith("failed PLAIN 1")
    assert saslauthd.accounts.asked == ["alice"]


def test_an_unknown_user_of_saslauthd_fails(drive, saslauthd):
    assert drive(pwcheck="saslauthd", saslauthd=saslauthd.socket, user="nobody", offer="PLAIN").startswith("failed")


def test_other_spellings_are_not_put_to_saslauthd(drive, saslauthd):
    saslauthd.accounts.users["ALICE"] = PASSWORD
    for name in ("ALICE", "ali ce", "andr\u00e9", "alice@elsewhere"):
        assert drive(pwcheck="saslauthd", saslauthd=saslauthd.socket, user=name, offer="PLAIN").startswith("failed")
    assert "ALICE" not in saslauthd.accounts.asked


def test_a_saslauthd_that_is_not_there_lets_nobody_in(drive, place):
    got = drive(pwcheck="saslauthd", saslauthd=place + "/none", user="alice", offer="PLAIN")
    assert got.startswith("failed PLAIN 1")


def test_saslauthd_lets_alice_in(drive, saslauthd):
    got = drive(pwcheck="saslauthd", saslauthd=saslauthd.socket, user="alice", offer="PLAIN")
    assert got == "done PLAIN sasl:alice@example.com"
    got = drive(pwcheck="saslauthd", saslauthd=saslauthd.socket, user="alice", offer="PLAIN", authzid="bob@tenants")
    assert got == "done PLAIN sasl:alice@example.com as sasl:bob@tenants"


# --- Kerberos ------------------------------------------------------------------------------------

def test_without_a_ticket_kerberos_does_not_start(drive, kdc):
    assert drive(keytab=kdc.keytab, offer="GSSAPI", env=kdc.env).startswith("failed - 0")


def test_without_a_ticket_the_next_mechanism_is_taken(drive, kdc, db):
    got = drive(keytab=kdc.keytab, db=db.path, user="alice", offer="GSSAPI,SCRAM-SHA-256", env=kdc.env)
    assert got == "done SCRAM-SHA-256 sasl:alice@example.com"


def test_a_ticket_for_another_key_fails(drive, kdc, place):
    kdc.add_user("alice", PASSWORD)
    kdc.kinit("alice", PASSWORD)
    kdc.add_service("qmpgate/other.example.com", keytab=place + "/other.keytab")
    got = drive(keytab=place + "/other.keytab", offer="GSSAPI", env=kdc.env)
    assert got.startswith("failed GSSAPI 1") and "No key table entry" in got  # the Kerberos library's own reason


def test_a_principal_of_another_realm_fails(drive, kdc, place):
    """The server's krb5.conf has another default realm: alice@EXAMPLE.TEST is a stranger there."""
    kdc.add_user("alice", PASSWORD)
    kdc.kinit("alice", PASSWORD)
    with open(kdc.env["KRB5_CONFIG"]) as f:
        text = f.read().replace("default_realm = EXAMPLE.TEST", "default_realm = EXAMPLE.COM")
    with open(place + "/krb5.conf", "w") as f:
        f.write(text)
    got = drive(keytab=kdc.keytab, offer="GSSAPI", env={**kdc.env, "KRB5_CONFIG": place + "/krb5.conf"})
    assert got.startswith("failed GSSAPI") and "another realm" in got


def test_a_keytab_that_is_not_there_is_told(drive, kdc, place):
    assert "cannot read the keytab" in drive(keytab=place + "/none", offer="GSSAPI", env=kdc.env)


def test_a_ticket_lets_alice_in(drive, kdc):
    kdc.add_user("alice", PASSWORD)
    kdc.kinit("alice", PASSWORD)
    assert drive(keytab=kdc.keytab, offer="PLAIN,SCRAM-SHA-256,GSSAPI", env=kdc.env) == \
        "done GSSAPI sasl:alice@example.com"
    assert "qmpgate/gw.example.com" in kdc.klist()
    kdc.kdestroy()
    assert drive(keytab=kdc.keytab, offer="GSSAPI", env=kdc.env).startswith("failed - 0")


def test_a_ticket_may_come_with_an_authzid(drive, kdc):
    kdc.add_user("alice", PASSWORD)
    kdc.kinit("alice", PASSWORD)
    assert drive(keytab=kdc.keytab, offer="GSSAPI", authzid="bob@tenants", env=kdc.env) == \
        "done GSSAPI sasl:alice@example.com as sasl:bob@tenants"


# --- EXTERNAL ------------------------------------------------------------------------------------

def test_external_is_not_offered_to_who_is_not_known(drive):
    assert "offers no mechanism" in drive(offer="EXTERNAL")


def test_external_is_who_the_connection_says(drive):
    assert drive(offer="EXTERNAL", external="host@example.com") == "done EXTERNAL sasl:host@example.com"


# --- time ----------------------------------------------------------------------------------------

def microseconds(text):
    return [int(line.split(":")[0].split()[3]) for line in text.splitlines()]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN"])
def test_unknown_users_take_the_time_of_wrong_passwords(drive, db, mechanism):
    """The decoy does the same work: without it SCRAM ends a hundred times sooner. The fastest of many, in turns, because
    what else the machine does only makes it slower. tests/bench/login_times.py measures the gateway's own answers."""
    times = {"alice": [], "nobody": []}
    for _ in range(3):
        for user, found in times.items():
            found += microseconds(drive(db=db.path, user=user, password="wrong", offer=mechanism, times=40))
    known, unknown = (min(found) for found in times.values())
    assert abs(known - unknown) < 0.5 * max(known, unknown), (known, unknown)
