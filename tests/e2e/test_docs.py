"""The documentation does not lie: its configurations, its program and its transcripts are run."""

import glob
import json
import os
import re
import subprocess
import sys
import textwrap

import pytest

from harness import wait
from harness.client import Closed
from harness.gateway import free_port, user_name
from harness.pki import SOURCE
from harness.sasl import REALM, Sasldb

README = os.path.join(SOURCE, "README.md")
MANUALS = sorted(glob.glob(os.path.join(SOURCE, "docs/man/*.scd")) + glob.glob(os.path.join(SOURCE, "docs/man/*.scd.in")))
PROTOCOL = os.path.join(SOURCE, "docs/man/qmpgate-protocol.7.scd")


def read(path):
    with open(path) as f:
        return f.read()


def blocks(path):
    """Every fenced block: (the comment right before it or None, its text)."""
    found = []
    pattern = r"(?:^(?:<!-- ([^\n]*) -->|; ([^\n]*))\n)?^```\w*\n(.*?)^```$"
    for m in re.finditer(pattern, read(path), re.M | re.S):
        found.append((m.group(1) or m.group(2), m.group(3)))
    return found


def block(path, mark):
    (text,) = [t for m, t in blocks(path) if m == mark]
    return text


# --- README


def write_guide(place, pki, port):
    """The guide's directory, as its steps make it; only the port is another."""
    os.symlink(pki.directory, os.path.join(place, "certs"))
    for mark, text in blocks(README):
        if mark and mark.startswith("file: "):
            text = text.replace("4434", str(port))
            if mark.endswith("qmpgate.conf") and os.geteuid() == 0:
                text += 'user = "root"\n'
            with open(os.path.join(place, mark.split()[1]), "w") as f:
                f.write(text)


def test_the_guide_of_the_readme_works(house, place, pki):
    port = free_port()
    write_guide(place, pki, port)
    house.qemu("web1", uuid="00000000-0000-0000-0000-000000000000")
    gateway = house.gateway()
    gateway.write = lambda: None  # the guide's files it is
    status, text = gateway.run_to_end("--check")
    assert status == 0, text
    gateway.start()
    done = subprocess.run([sys.executable, "client.py"], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=wait.TIMEOUT)
    version = r"^QEMU \{.*\}$"  # of whatever QEMU there is
    expected = block(README, "output: client.py")
    assert re.sub(version, "QEMU", done.stdout, flags=re.M) == re.sub(version, "QEMU", expected, flags=re.M)
    with gateway.connect("web1", "operator", port=port).ready():
        assert "x509:CN=operator,O=Example" in sessions_as_the_readme_says(house, place, port)


def sessions_as_the_readme_says(house, place, port):
    (line,) = re.findall(r"^    (qmpgate .*ctl sessions)$", read(README), re.M)
    words = line.replace("127.0.0.1/", f"127.0.0.1:{port}/").split()
    done = subprocess.run([os.path.join(house.build, "cli/qmpgate"), *words[1:]], cwd=place, stdout=subprocess.PIPE,
                          env={"QMPGATE_CA": "certs/ca.crt"}, text=True, timeout=wait.TIMEOUT)
    return done.stdout


def test_links_of_the_markdown_pages_lead_somewhere():
    for page in [README, *glob.glob(os.path.join(SOURCE, "docs/*.md"))]:
        for link in re.findall(r"\]\(([^)#]+)\)", read(page)):
            path = os.path.normpath(os.path.join(os.path.dirname(page), link))
            assert "://" in link or os.path.exists(path), (page, link)


def test_tests_that_the_pages_name_are_there():
    tests = "".join(read(p) for p in glob.glob(os.path.join(SOURCE, "tests/**/*.py"), recursive=True))
    tests += "".join(read(p) for p in glob.glob(os.path.join(SOURCE, "tests/**/*.c"), recursive=True))
    for page in glob.glob(os.path.join(SOURCE, "docs/*.md")):
        for name in re.findall(r"`(test_\w+)`", read(page)):
            assert re.search(rf"\b{name}\b", tests), (page, name)


# --- manual pages


def policies():
    for page in [*MANUALS, README]:
        for _, text in blocks(page):
            if re.search(r'^grant "', text, re.M) and not text.startswith("$ "):
                yield pytest.param(text, id=os.path.basename(page))
    yield pytest.param(read(os.path.join(SOURCE, "conf/examples/policy.conf")), id="examples/policy.conf")


@pytest.mark.parametrize("text", policies())
def test_every_policy_in_the_pages_is_good(house, text):
    status, said = house.gateway(policy=text).run_to_end("--check")
    assert status == 0, said


def test_the_table_of_cases_in_the_page_is_what_its_policy_answers(house):
    page = os.path.join(SOURCE, "docs/man/policy.conf.5.scd")
    (policy,) = [t for _, t in blocks(page) if 'grant "monitoring-everywhere"' in t]
    for name, text in ("policy", policy), ("cases", block(page, "cases for EXAMPLE")):
        with open(os.path.join(house.place, name), "w") as f:
            f.write(text)
    schema = os.path.join(SOURCE, "tests/data/schema-7.2.json")
    done = subprocess.run([os.path.join(house.build, "cli/qmpgate"), "policy", "test", "policy", "cases"],
                          cwd=house.place, env={**os.environ, "QMPGATE_SCHEMA": schema}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=wait.TIMEOUT)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


TOOLS = os.path.join(SOURCE, "docs/man/qmpgate.1.scd")
TOOLS_FILES = {
    "policy.conf": 'role "a" {\n    allow = {"cont"}\n    rule "r" { commands = {"blockdev-add"} '
                   'when = {"file.drvier is file"} }\n}\n'
                   'grant "alice" { to = {"unix:alice"} role = {"a"} vms = {"web1"} }\n',
    "policy.cases": '"unix:alice" web1 cont -> allow\n"unix:alice" web1 quit -> allow\n',
    "audit.log": '{"type": "intent", "identity": "unix:alice", "vm": "web1", "command": "stop"}\n',
}


def test_the_session_with_the_tools_of_policy_is_what_happens(house):
    files = {**TOOLS_FILES, "new.conf": TOOLS_FILES["policy.conf"].replace('"cont"', '"cont", "stop"')}
    for name, text in files.items():
        with open(os.path.join(house.place, name), "w") as f:
            f.write(text)
    env = {**os.environ, "QMPGATE_SCHEMA": os.path.join(SOURCE, "tests/data/schema-7.2.json"), "NO_COLOR": "1"}
    for step in re.split(r"^\$ ", block(TOOLS, "session of policy tools"), flags=re.M)[1:]:
        command, _, shown = step.partition("\n")
        done = subprocess.run([os.path.join(house.build, "cli/qmpgate"), *command.split()[1:]], cwd=house.place,
                              env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=wait.TIMEOUT)
        said = "".join(line for line in done.stdout.splitlines(True) if not line.startswith("#"))
        assert said == shown, command


def configurations():
    for page in MANUALS:
        for _, text in blocks(page):
            if re.search(r"^policy +=", text, re.M):
                yield pytest.param(text, id=os.path.basename(page))
    yield pytest.param(read(os.path.join(SOURCE, "conf/examples/qmpgate.conf")), id="examples/qmpgate.conf")


def use_test_files(text, pki):
    """The same with certificates and a user that are there."""
    names = {"server.pem": "server.crt", "server.key": "server.key", "ca.pem": "ca.crt", "crl.pem": "ca.crl"}
    for name, ours in names.items():
        text = re.sub(rf'"[^"]*\b{re.escape(name)}"', f'"{pki.path(ours)}"', text)
    text = re.sub(r"^(user|group) *=.*\n", "", text, flags=re.M)
    return f'user = "{user_name()}"\n' + text


@pytest.mark.parametrize("text", configurations())
def test_every_configuration_in_the_pages_is_good(house, pki, text):
    gateway = house.gateway()
    gateway.config_text = lambda: use_test_files(text, pki)
    status, said = gateway.run_to_end("--check")
    assert status == 0, said


# --- transcripts

# Members whose values differ from run to run, or from one QEMU to another.
VARYING = {"timestamp", "package", "qemu", "version", "since", "peer", "uptime-seconds", "connection"}


def alike(got, shown):
    if isinstance(got, dict) and isinstance(shown, dict):
        return list(got) == list(shown) and all(k in VARYING or alike(got[k], shown[k]) for k in got)
    if isinstance(got, list) and isinstance(shown, list):
        return len(got) == len(shown) and all(map(alike, got, shown))
    return type(got) is type(shown) and got == shown


def transcripts():
    for mark, text in blocks(PROTOCOL):
        if mark and mark.startswith("transcript: "):
            name, who = mark[len("transcript: "):].split(" as ")
            yield pytest.param(who, text, id=name)


def steps(text):
    """(kind, text): "->" the client says, "<-" it hears, "()" something else happens."""
    for line in text.splitlines():
        if line.startswith(("-> ", "<- ")):
            yield [line[:2], line[3:]]
        else:
            assert line.startswith("("), line
            yield ["()", line.strip("()")]


def joined(text):
    """Lines that go on, indented by three blanks, put together."""
    return re.sub(r"\n   (?=\S)", "", textwrap.dedent(text))


class Stage:
    """Where a transcript plays: two QEMUs, a gateway with the page's policy, and one client."""

    def __init__(self, house):
        self.qemu = house.qemu("web1")
        self.gateway = house.gateway(self.qemu, policy=block(PROTOCOL, "policy"))
        db = Sasldb(house.place, alice="correct horse", portal="open sesame")
        self.gateway.listeners["public"].update({"client_cert": "optional", "sasl": ["SCRAM-SHA-256", "PLAIN"]})
        self.gateway.extra += f'sasl {{ realm = "{REALM}" db = "{db.path}" }}\n'
        self.gateway.limits["queued_commands"] = 64
        self.gateway.start()
        self.client = None

    def enter(self, who):
        cert, _, where = who.partition(" at ")
        self.client = self.gateway.connect(where or None, cert=None if cert == "nobody" else cert)

    def another(self, command):
        other = self.gateway.client("web1", cert="operator")
        other.call(command)
        other.close()

    def hear(self, shown):
        got = self.client.read()
        assert alike(got, json.loads(shown)), f"{json.dumps(got)}\nis not what the page shows:\n{shown}"

    def happens(self, what):
        if what == "QEMU is killed":
            self.client.sync()
            self.qemu.kill()
        elif what.startswith("another client runs "):
            self.another(what.split()[-1])
        elif what == "the gateway is stopped":
            self.gateway.process.signal(15)
        else:
            assert what == "the connection ends", what
            with pytest.raises(Closed):
                self.client.read()


@pytest.mark.parametrize("who, text", transcripts())
def test_a_transcript_of_the_protocol_is_what_happens(house, who, text):
    stage = Stage(house)
    stage.enter(who)
    for kind, words in steps(joined(text)):
        if kind == "->":
            stage.client.raw(words.encode() + b"\r\n")
        elif kind == "<-":
            stage.hear(words)
        else:
            stage.happens(words)
    stage.client.close()
