"""The guides of docs/logging-in.md, followed step by step (harness/guide.py says how)."""

import base64
import glob
import os
import re
import shlex
import signal
import socketserver
import ssl
import subprocess
import threading

import pytest

from harness import guide as page
from harness import login, wait
from harness.guide import GROUP, PASSWORD, Guide
from harness.pki import SOURCE
from harness.process import Process
from harness.sasl import PATH, REALM, Kdc, Sasldb

PAGE = "docs/logging-in.md"
SASL2_EXAMPLE = os.path.join(SOURCE, "conf/examples/sasl2-qmpgate.conf")
SCRAM = "By password, with SCRAM"


@pytest.fixture
def guide(house):
    it = Guide(house, PAGE).read("The common beginning")
    yield it
    assert not it.stand_ins, "the guide leaves these out"
    listed = subprocess.run([os.path.join(SOURCE, "scripts/install-deps"), "--list", "build", "run", "test"],
                            stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert set(it.packages) <= set(listed), "not among what tests install"


# --- services of the system ------------------------------------------------------------------------

class Directory:
    """An LDAP server over TLS that knows one user, and of LDAP the simple bind (RFC 4511, section 4.2)."""

    DN = b"uid=alice,ou=people,dc=example,dc=com"

    def __init__(self, cert, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.bound = []
        directory = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    with context.wrap_socket(self.request, server_side=True) as stream:
                        directory._serve(stream)
                except OSError:
                    pass

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _serve(self, stream):
        """A message is 30 LEN 02 01 ID 60 LEN 02 01 03 04 LEN DN 80 LEN PASSWORD, all short."""
        while message := stream.recv(4096):
            if message[5] != 0x60:  # no bind
                return
            dn = message[12:12 + message[11]]
            password = message[12 + len(dn) + 2:]
            good = (dn, password) == (self.DN, PASSWORD.encode())
            self.bound.append(dn.decode())
            stream.sendall(bytes([0x30, 12]) + message[2:5] + bytes([0x61, 7, 10, 1, 0 if good else 49, 4, 0, 4, 0]))

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class Saslauthd:
    """The real one, started as Debian's script does, by the guide's files; PAM's are in the test's directory."""

    def __init__(self, guide):
        self.guide, self.daemon = guide, None
        self.directory = guide.at("/run/saslauthd")
        os.mkdir(self.directory, 0o710)
        os.makedirs(guide.at("/etc/default"))
        os.makedirs(guide.at("/etc/pam.d"))
        module = glob.glob("/usr/lib/*/pam_wrapper/pam_matrix.so")[0]
        with open(guide.at("/etc/accounts"), "w") as f:
            f.write(f"alice:{PASSWORD}:qmpgate\n")
        for kind in ("auth", "account"):
            with open(guide.at(f"/etc/pam.d/common-{kind}"), "w") as f:
                f.write(f"{kind} required {module} passdb={guide.at('/etc/accounts')}\n")
        guide.replaced.append((r"@include (?=common-)", "@include " + guide.at("/etc/pam.d/")))
        guide.services["saslauthd"] = self.restart
        guide.stand_ins["adduser qmpgate sasl"] = lambda: subprocess.run(["chgrp", GROUP, self.directory], check=True)

    def restart(self, what):
        self.stop()
        said = subprocess.run(["/bin/sh", "-ec", '. "$0"; test "$START" = yes; echo "-a $MECHANISMS -n $THREADS $OPTIONS"; '
                               'echo "$MECH_OPTIONS"', self.guide.at("/etc/default/saslauthd")], stdout=subprocess.PIPE, text=True, check=True)
        words, mechanism_options = said.stdout.splitlines()
        more = ["-O", mechanism_options] if mechanism_options else []
        self.daemon = Process(["/usr/sbin/saslauthd", "-d", *shlex.split(words), *more], preexec=os.setsid, env={
            "PATH": PATH, "LD_PRELOAD": "libpam_wrapper.so", "PAM_WRAPPER": "1",
            "PAM_WRAPPER_SERVICE_DIR": self.guide.at("/etc/pam.d")})
        mux = self.directory + "/mux"
        wait.until(lambda: wait.is_listening(mux) or not self.daemon.running(), "saslauthd")
        assert self.daemon.running(), self.daemon.text

    def stop(self):
        if self.daemon and self.daemon.running():
            os.killpg(self.daemon.pid, signal.SIGKILL)  # its workers too; told to end, it now and then hangs in its handler
            self.daemon.wait()


@pytest.fixture
def saslauthd(guide):
    it = Saslauthd(guide)
    yield it
    it.stop()


@pytest.fixture
def directory(guide):
    it = Directory(guide.at("/etc/qmpgate/server.crt"), guide.at("/etc/qmpgate/server.key"))
    guide.replaced.append((r"ldaps://ldap\.example\.com/", f"ldaps://127.0.0.1:{it.port}/"))  # not localhost:
    # libldap takes that for the machine's own name
    yield it
    it.stop()


class GuidedKdc(Kdc):
    """The guide makes the database; the gateway and its clients have the guide's krb5.conf, as on machines of their
    own."""

    REALM = "EXAMPLE.COM"

    def attach_to(self, guide):
        own = " ".join(f"{k}={shlex.quote(v)}" for k, v in self._own.items())
        for program in ("kadmin.local", "kdb5_util"):
            guide.script(program, f'{own} exec /usr/sbin/{program} "$@"')
        os.chmod(self.directory, 0o755)  # the gateway's user reads the sanitizer's options there
        guide.gateway.env.update(self.env, KRB5_CONFIG=guide.at("/etc/krb5.conf"))
        guide.replaced.append((r"kdc\.example\.com", f"127.0.0.1:{self.port}"))
        guide.services["krb5-kdc"] = lambda what: self.serve()


@pytest.fixture
def kdc(guide):
    it = GuidedKdc(guide.place)
    it.attach_to(guide)
    yield it
    it.stop()


# --- the guides ------------------------------------------------------------------------------------

def test_by_client_certificate(guide):
    guide.read("By client certificate")


def test_by_password_with_scram(guide):
    guide.read(SCRAM)
    assert guide.packages == ["sasl2-bin", "libsasl2-modules"]
    assert iterations(guide.gateway, "alice", "SCRAM-SHA-256-PLUS", "p=tls-exporter,,") == 15000


def test_by_password_through_saslauthd(guide, saslauthd, directory):
    guide.read("By password, through saslauthd")
    assert directory.bound == ["uid=alice,ou=people,dc=example,dc=com"]
    assert guide.packages == ["sasl2-bin", "libsasl2-modules"]


def test_by_kerberos(guide, kdc):
    guide.read("By Kerberos")
    plugin = "libsasl2-modules-gssapi-mit"  # for each side
    assert guide.packages == ["krb5-kdc", "krb5-admin-server", plugin, "krb5-user", plugin]


def test_as_a_local_user(guide):
    guide.stand_ins["addgroup vm-operators && adduser alice vm-operators"] = lambda: None  # see harness/guide.py
    guide.read("As a local user")
    assert os.stat(guide.gateway.control).st_mode & 0o777 == 0o666  # who tests might connect in any case


def test_a_certificate_and_a_login(guide):
    guide.read(SCRAM).read("A certificate and a login")


def test_acting_for_somebody_else(guide):
    guide.read("Acting for somebody else")


def test_when_it_does_not_work(guide):
    guide.read(SCRAM).read("When it does not work")


# --- libsasl2's own file ---------------------------------------------------------------------------

@pytest.fixture
def own_file(house, qemu):
    """Starts a gateway for passwords with this text as /etc/sasl2/qmpgate.conf; gives what SCRAM begins with."""
    db = Sasldb(house.place, alice=PASSWORD)

    def start(text):
        os.mkdir(os.path.join(house.place, "sasl2"))
        with open(os.path.join(house.place, "sasl2", "qmpgate.conf"), "w") as f:
            f.write(text)
        gateway = house.gateway(qemu)
        gateway.policy += 'grant "alice" { to = {"sasl:alice@example.com"} role = {"viewer"} vms = {"*"} }\n'
        gateway.listeners["public"].update({"client_cert": "none", "sasl": ["SCRAM-SHA-256", "PLAIN"]})
        gateway.extra += f'sasl {{ realm = "{REALM}" db = "{db.path}" }}\n'
        gateway.env["SASL_CONF_PATH"] = os.path.join(house.place, "sasl2")
        return gateway.start()
    return start


def iterations(gateway, user, mechanism="SCRAM-SHA-256", header="n,,"):
    client = gateway.connect(None, None).greet()
    first = header + login.Scram(user, PASSWORD).bare
    said = login.result(login.start(client, mechanism, first.encode()))
    return int(re.search(r"\bi=(\d+)", base64.b64decode(said["data"]).decode()).group(1))


def example():
    with open(SASL2_EXAMPLE) as f:
        return f.read()


def test_the_file_that_is_shipped_changes_nothing_as_it_is(own_file):
    assert iterations(own_file(example()), "alice") == 4096


def test_the_file_that_is_shipped_says_how_often_scram_hashes(own_file):
    gateway = own_file(re.sub(r"^# (?=scram_iteration_counter)", "", example(), flags=re.M))
    assert iterations(gateway, "alice") == 15000
    assert iterations(gateway, "mallory") == 15000  # there is no such user, and this does not tell
    client = gateway.connect(None, None).greet()
    assert login.scram(client, "alice", PASSWORD)["complete"]


def test_what_the_file_says_of_who_may_log_in_is_not_asked_for(own_file, house):
    named = re.search(r"that \(([^)]*)\)", example().replace("\n# ", " ")).group(1).split(", ")
    os.mkdir(os.path.join(house.place, "other"))
    elsewhere = Sasldb(os.path.join(house.place, "other"), mallory=PASSWORD, alice="another")
    said = {"mech_list": "ANONYMOUS LOGIN", "pwcheck_method": "saslauthd", "auxprop_plugin": "sql",
            "sasldb_path": elsewhere.path, "saslauthd_path": "/nowhere", "keytab": "/nowhere",
            "canon_user_plugin": "ldapdb", "auto_transition": "yes", "log_level": "7"}
    assert set(said) == set(named)
    gateway = own_file("".join(f"{k}: {v}\n" for k, v in said.items()))
    client = gateway.connect(None, None).greet()
    assert client.result("gateway-info")["mechanisms"] == ["SCRAM-SHA-256", "PLAIN"]
    for by in (login.plain, login.scram):
        with pytest.raises(login.Refused):
            by(gateway.connect(None, None).greet(), "mallory", PASSWORD)
        assert by(gateway.connect(None, None).greet(), "alice", PASSWORD)["complete"]


def test_no_guide_is_left_out():
    """Each section with steps has a test above, and each block says what it is."""
    with open(os.path.join(SOURCE, PAGE)) as f, open(__file__) as tests:
        sections, tests = page.sections(f.read()), tests.read().split("def test_no_guide")[0]
    for heading, text in sections.items():
        if "```" in text:
            assert f'"{heading}"' in tests, heading
        assert all(kind for kind, _, _ in page.blocks(text)), heading
