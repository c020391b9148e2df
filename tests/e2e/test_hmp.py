"""A real QEMU and the gateway agree what a line of human-monitor-command runs, and the table knows all words of QEMU.

Only lines are sent whose words do no harm, or that have one argument too many: QEMU complains of it before it runs
anything, and says of which command."""

import json
import os
import random
import re
import subprocess

import pytest

from harness.qemu import UUID

# Words of the table that a QEMU for x86 need not have: other targets', other builds'.
ELSEWHERE = {"dump-skeys", "migration_mode", "info skeys", "info cmma",  # s390x
             "info via",  # m68k
             "trace-file", "dumpdtb", "hostfwd_add", "hostfwd_remove", "gpa2hpa", "info usernet", "info vnc", "info spice",
             "info jit", "info opcount", "info profile", "info usbhost"}

# Every character of Latin-1, NUL among them, and what Unicode knows as blank, ignorable or like a letter or a stroke.
CHARACTERS = [chr(c) for c in range(256)] + list(
    "\u0130\u0131\u0391\u0410\u1680\u180e\u2000\u2001\u2003\u2007\u2009\u200a\u200b\u200d\u2028\u2029\u202e\u202f"
    "\u205f\u2044\u2060\u2215\u3000\ufeff\uff0f\uff51\U000e0020\U0001d42a")


@pytest.fixture(scope="module")
def vm(module_house):
    return module_house.qemu()


@pytest.fixture(scope="module")
def hmp_lines(build):
    def run(*options, text=""):
        return subprocess.run([os.path.join(build, "tests/acl/hmp_lines"), *options], check=True, encoding="ascii",
                              input=text, stdout=subprocess.PIPE).stdout.splitlines()
    return run


@pytest.fixture(scope="module")
def resolve(hmp_lines):
    """Lines -> (kind, name)."""
    def judge(lines):
        said = hmp_lines(text="".join(json.dumps({"command-line": line}) + "\n" for line in lines))
        assert len(said) == len(lines)
        return [(kind, json.loads(name)) for kind, name in (line.split(" ", 1) for line in said)]
    return judge


@pytest.fixture(scope="module")
def table(hmp_lines):
    """Name -> kind, aliases."""
    found = {}
    for line in hmp_lines("--table"):
        kind, name, aliases = re.fullmatch(r'(\w+) "([^"]+)"(?: (\S+))?', line).groups()
        found[name] = kind, aliases.split("|") if aliases else []
    return found


def ask(client, line):
    return client.result("human-monitor-command", {"command-line": line}).replace("\r\n", "\n")


def words_of(listing):
    """The names at the beginnings of its lines; a word's text goes on behind a tab or a bracket."""
    return re.findall(r"^([a-z][^ \n]*)", listing, re.MULTILINE)


class Ran:
    """What QEMU ran, by what it answered."""

    UNKNOWN = "unknown"

    def __init__(self, client):
        self.answers = {ask(client, line): line for line in ("info", "info name", "info uuid", "info version")}
        assert len(self.answers) == 4 and f"{UUID}\n" in self.answers, self.answers

    def of(self, answer):
        """The name of what it ran or would have run with other arguments; of a word of info its last part only."""
        if answer.startswith("unknown command: "):
            return self.UNKNOWN
        refused = re.match(r"(\S+): extraneous characters at the end of line\n", answer)
        if refused:
            return refused.group(1).split("|")[0]
        return self.answers[answer]


def check(client, resolve, lines):
    """How often each kind was seen: of the well-formed ones both say the same."""
    ran, counts = Ran(client), dict.fromkeys(("malformed", "unknown", "known"), 0)
    for line, (kind, name) in zip(lines, resolve(lines)):
        if kind == "malformed":
            counts[kind] += 1
            continue
        theirs = ran.of(ask(client, line))
        if kind == "unknown":
            counts[kind] += 1
            assert theirs == Ran.UNKNOWN, (line, theirs, name)
        else:
            counts["known"] += 1
            assert theirs in (name, name.split(" ")[-1]), (line, theirs, name)
    return counts


def test_every_word_of_qemu_is_in_the_table(vm, table):
    with vm.direct().ready() as client:
        listing = ask(client, "help")
    words = words_of(listing)
    assert len(words) > 100 and "cont|c" in words and "xp" in words
    for word in words:
        name, *aliases = word.split("|")
        assert name in table and table[name][1] == aliases, word


def test_every_word_of_info_is_in_the_table(vm, table):
    with vm.direct().ready() as client:
        for command in ("info", "help info"):
            words = re.findall(r"^info ([^ \n]+)", ask(client, command), re.MULTILINE)
            assert len(words) > 60 and "status" in words
            unknown = [w for w in words if f"info {w}" not in table or "|" in w]
            assert not unknown, unknown


def test_qemu_knows_every_word_of_the_table(vm, table):
    """But for those of other targets and builds: so that none is misspelt, which would leave the real one unknown."""
    with vm.direct().ready() as client:
        for name, (_, aliases) in table.items():
            for word in [name] + aliases:
                answer = ask(client, f"help {word} zz")  # help log alone lists something else
                if answer.startswith("unknown command: "):
                    assert name in ELSEWHERE or name == "info", name
                else:
                    assert answer.startswith("|".join([name] + aliases) + " "), (word, answer)


def test_a_word_is_met_whole_and_in_its_case_only(vm, resolve):
    lines = []
    for word in ("quit", "q", "stop", "s", "cont", "c", "system_reset", "info"):
        for other in (word, word.upper(), word.capitalize(), word[:-1] or "u", word + word[-1], word + "|", "|" + word,
                      word + "_", f'"{word}"', f"'{word}'", "\\" + word, "-" + word, word.replace("_", "-")):
            lines += [f"{other} zz zz", f"{other}/zz", f" {other}\tzz"]
    for word in ("name", "uuid", "version"):
        for other in (word, word.upper(), word[:-1], word + "s", f'"{word}"', word + "|" + word, "-" + word):
            lines += [f"info {other}", f"info/{other}", f"info {other}/zz", f"info info {other}", f"info {other} zz",
                      other]
    with vm.direct().ready() as client:
        counts = check(client, resolve, lines)
    assert min(counts.values()) >= 3, counts


def test_what_stands_between_words(vm, resolve):
    """Any character before, within, between and behind the words."""
    lines = []
    for c in CHARACTERS:
        for text in ("{}info name", "info{}name", "info {}name", "info{} name", "info name{}", "info na{}me", "in{}fo name",
                     "info name{}zz", " \t{}info\t {}uuid {}", "q{}zz", "{}q zz", "q{} zz", "sto{}p zz", "quit zz{}"):
            lines.append(text.format(*[c] * 3))
    with vm.direct().ready() as client:
        counts = check(client, resolve, lines)
    assert 32 * 13 < counts["malformed"] < 32 * 13 + 50 and counts["known"] > 200, counts


def test_words_as_long_as_qemu_reads_them_and_longer(vm, resolve):
    lines = []
    for word in ("q", "info"):
        for n in (1, 2, 254, 255, 256, 257, 1000, 4096):
            lines += [word + "q" * n, "info " + word * n, word.ljust(n, "/") + " zz", " " * n + word + " zz",
                      word + "\t" * n + "zz"]
    with vm.direct().ready() as client:
        counts = check(client, resolve, lines)
    assert min(counts.values()) > 10, counts


def test_lines_at_random(vm, resolve):
    dice = random.Random(7)
    parts = ["info "] * 6 + ["name", "uuid", "version", "info", "zz"] + [" "] * 6 + list("\t/|;\"\\'\u00a0")
    lines = ["".join(dice.choice(parts) for _ in range(dice.randint(1, 8))) for _ in range(3000)]
    with vm.direct().ready() as client:
        counts = check(client, resolve, lines)
    assert min(counts.values()) > 100, counts


def test_blanks_that_are_refused_are_blanks_to_qemu(vm, resolve):
    """Why control characters are refused: some part words, and what a log shows of them is anybody's guess."""
    with vm.direct().ready() as client:
        ran = Ran(client)
        for blank in "\n\v\f\r":
            assert resolve([f"info{blank}name"]) == [("malformed", "")]
            assert ran.of(ask(client, f"info{blank}name")) == "info name"


def test_what_is_malformed_and_harmless_runs_nothing(vm, resolve):
    lines = ["", " ", "\t", "/", "/q", "info/", "info /", "info/name", "info //name", "q" * 300, "info " + "n" * 300]
    with vm.direct().ready() as client:
        for line, (kind, _) in zip(lines, resolve(lines)):
            assert kind == "malformed", line
            assert re.match("unknown command: |$", ask(client, line)), line
