"""For every command of a real QEMU's schema: the gateway's validator and QEMU agree which arguments are valid.

No command is run for it. QEMU reads all arguments before it complains of a member that it does not know, so each case
carries one more member: QEMU complains of that one and no other if, and only if, all the rest is valid."""

import collections
import json
import os
import re
import subprocess

import pytest

from harness.arguments import INTEGER, Schema

POISON = "qmpgate-poison"
OPEN = {"device_add"}  # reads options, not arguments: see the test below
UNSEEN = {"qmp_capabilities"}  # gone once it was used
CHUNK = 64  # requests sent before their replies are read: less than what the socket's buffers hold

# QEMU's words for arguments that are wrong, of qobject-input-visitor.c and qapi-visit-core.c.
VISITOR = re.compile(r"Parameter '.*' is missing|Parameter '.*' is unexpected|Invalid parameter type for '.*'"
                     r"|Parameter '.*' does not accept value '.*'|Parameter '.*' expects ", re.DOTALL)

LEXEMES = ("0", "-0", "-1", "1e3", "1E0", "1.0", "-1.5", "127", "128", "255", "256", "-128", "-129", "65536", "4294967296",
           "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
           "18446744073709551615", "18446744073709551616", "100000000000000000000000000000000")


@pytest.fixture(scope="module")
def vm(module_house):
    return module_house.qemu()


@pytest.fixture(scope="module")
def elements(vm):
    with vm.direct().ready() as client:
        return client.result("query-qmp-schema")


@pytest.fixture(scope="module")
def schema(elements):
    return Schema(elements)


@pytest.fixture(scope="module")
def validate(build, elements, module_place):
    """Requests as text -> None where the validator takes it, or its sentence."""
    path = os.path.join(module_place, "schema.json")
    with open(path, "w", encoding="ascii") as f:
        json.dump(elements, f)

    def judge(requests):
        said = subprocess.run([os.path.join(build, "tests/qmp/validate_lines"), path], check=True, encoding="utf-8",
                              input="".join(r + "\n" for r in requests), stdout=subprocess.PIPE).stdout.splitlines()
        assert len(said) == len(requests)
        return [None if line == "accepted" else line.removeprefix("refused: ") for line in said]

    return judge


def request(command, arguments, lexeme=None):
    text = json.dumps({"execute": command, "arguments": arguments})
    return text if lexeme is None else text.replace(json.dumps(INTEGER), lexeme)


def ask(client, requests):
    """QEMU's errors: (class, text), or None for success."""
    errors = []
    for i in range(0, len(requests), CHUNK):
        chunk = requests[i:i + CHUNK]
        client.raw("".join(r + "\n" for r in chunk).encode())
        for _ in chunk:
            error = client.reply().get("error")
            errors.append(error and (error["class"], error["desc"]))
    return errors


class Cases:
    """What is put to both: each case as the validator gets it, and as QEMU does."""

    def __init__(self):
        self.ours, self.theirs, self.what, self.poisoned = [], [], [], []

    def add(self, schema, what, command, arguments, lexeme=None):
        # with two unknown members QEMU may complain of either: one that is there already does as well
        poisoned = schema.knows_all(command, arguments)
        self.ours.append(request(command, arguments, lexeme))
        self.theirs.append(request(command, {**arguments, POISON: 1}, lexeme) if poisoned else self.ours[-1])
        self.what.append(what)
        self.poisoned.append(poisoned)

    def verdicts(self, client, validate):
        """(what, request, does QEMU take it, its words, does the validator take it, its words)."""
        for what, ours, poisoned, theirs, said in zip(self.what, self.ours, self.poisoned, ask(client, self.theirs),
                                                      validate(self.ours)):
            assert theirs, ("was run", ours)
            assert theirs[0] == "GenericError" and VISITOR.match(theirs[1]), (theirs, ours)
            taken = poisoned and theirs[1] == f"Parameter '{POISON}' is unexpected"
            yield what, ours, taken, theirs[1], said is None, said


def check(cases, client, validate, record_property):
    """Every verdict is the same, and as the generator meant it."""
    counts, wrong = collections.Counter(), []
    for what, text, theirs, their_words, ours, our_words in cases.verdicts(client, validate):
        counts[what] += 1
        if not ours == theirs == (what == "valid"):
            wrong.append((what, text, their_words, our_words))
    for what, n in counts.items():
        record_property(what, n)
        print(f"{what}: {n}")
    assert not wrong, (len(wrong), wrong[:10])
    return counts


def commands_of(schema):
    return sorted(set(schema.commands) - OPEN - UNSEEN)


def test_every_command_with_valid_arguments(vm, schema, validate, record_property):
    cases = Cases()
    for command in commands_of(schema):
        for arguments in schema.good(command):
            cases.add(schema, "valid", command, arguments)
    with vm.direct().ready() as client:
        counts = check(cases, client, validate, record_property)
    assert counts["valid"] > 3000


def test_every_command_with_arguments_that_are_wrong_in_one_place(vm, schema, validate, record_property):
    cases = Cases()
    for command in commands_of(schema):
        for what, arguments in schema.bad(command):
            cases.add(schema, what, command, arguments)
    with vm.direct().ready() as client:
        counts = check(cases, client, validate, record_property)
    assert min(counts[w] for w in ("unknown", "missing", "wrong type", "wrong value", "wrong tag", "wrong branch",
                                   "wrong element")) > 100


def test_what_qemu_takes_for_an_integer_the_validator_does(vm, schema, validate, record_property):
    """Not the other way round: the schema does not tell how wide it is. But one that no width holds is refused."""
    cases, never = Cases(), set()
    for command in commands_of(schema):
        for arguments in schema.integers(command):
            for lexeme in LEXEMES:
                cases.add(schema, lexeme, command, arguments, lexeme)
    counts, wrong = collections.Counter(), []
    never = set(LEXEMES)
    with vm.direct().ready() as client:
        for lexeme, text, theirs, their_words, ours, our_words in cases.verdicts(client, validate):
            counts[theirs, ours] += 1
            if theirs:
                never.discard(lexeme)
                if not ours:
                    wrong.append((text, their_words, our_words))
        assert not wrong, (len(wrong), wrong[:10])
        for lexeme, text, theirs, their_words, ours, our_words in cases.verdicts(client, validate):
            assert not (ours and lexeme in never), (text, their_words)
    for (theirs, ours), n in counts.items():
        record_property(f"QEMU {theirs}, validator {ours}", n)
        print(f"QEMU takes it: {theirs}, the validator takes it: {ours}: {n}")
    assert {"1e3", "1.0", "18446744073709551616", "-9223372036854775809"} <= never
    assert not {"0", "-0", "-1", "18446744073709551615", "-9223372036854775808"} & never


def test_negotiation_before_it_is_done(vm, schema, validate, record_property):
    cases = Cases()
    for arguments in schema.good("qmp_capabilities"):
        cases.add(schema, "valid", "qmp_capabilities", arguments)
    for what, arguments in schema.bad("qmp_capabilities"):
        cases.add(schema, what, "qmp_capabilities", arguments)
    with vm.direct() as client:
        client.greet()
        check(cases, client, validate, record_property)


def test_a_device_takes_any_member_and_any_kind_of_value(vm, validate):
    """QEMU makes options of them: what is no text becomes one or is passed over. Only the driver must be there."""
    takes = [{"driver": "no-such"}, {"driver": 1}, {"driver": True}, {"driver": "x", "id": 5, "bus": {}},
             {"driver": "x", "no-such": [1], "": None}]
    refuses = [{}, {"id": "a"}, {"driver": {}}, {"driver": []}, {"driver": None}, {"Driver": "x"}]
    with vm.direct().ready() as client:
        for arguments in takes + refuses:
            text = request("device_add", arguments)
            theirs, ours = ask(client, [text])[0], validate([text])[0]
            assert theirs[0] == "GenericError"
            missing = theirs[1] == "Parameter 'driver' is missing"
            assert missing == (arguments in refuses), (text, theirs)
            assert (ours == theirs[1]) if missing else ours is None, (text, ours)


def test_what_needs_no_arguments_may_come_without(vm, schema, validate):
    """Queries change nothing, so here they are run: whoever lacks arguments says so, and the others do not."""
    queries = [json.dumps({"execute": c}) for c in commands_of(schema) if c.startswith("query-")]
    with vm.direct().ready() as client:
        for text, theirs, ours in zip(queries, ask(client, queries), validate(queries)):
            refused = theirs is not None and bool(VISITOR.match(theirs[1]))
            assert refused == (ours is not None), (text, theirs, ours)
            if refused:
                assert theirs[1] == ours


def test_the_words_are_those_of_qemu(vm, validate):
    """But for alternates, whose types have names that QEMU does not show in its schema; and of a value that an enum
    does not have QEMU names the last member only, and of an integer its width."""
    requests = [request(*r) for r in (
        ("blockdev-add", {"driver": "qcow2", "file": {"driver": "file"}}),
        ("blockdev-add", {"driver": "qcow2", "file": {"driver": "file", "filename": 1}}),
        ("blockdev-add", {"driver": "no-such"}),
        ("blockdev-add", {"driver": "qcow2", "file": {"driver": "file", "filename": "a", "": 1}}),
        ("blockdev-add", {"file": "a"}),
        ("blockdev-add", {"driver": 5}),
        ("blockdev-add", {"driver": "quorum", "vote-threshold": 1, "children": ["a", {"driver": "raw"}]}),
        ("transaction", {"actions": [{"type": "abort", "data": {}}, {"type": "blockdev-backup", "data": {"device": 1}}]}),
        ("block_resize", {"size": 1.5}),
        ("migrate-set-capabilities", {"capabilities": [{"capability": "xbzrle", "state": "on"}]}),
        ("block-dirty-bitmap-merge", {"node": "a", "target": "b", "bitmaps": "c"}),
        ("object-add", {"qom-type": "rng-builtin"}),
        ("stop", {"a": {}}))]
    with vm.direct().ready() as client:
        for text, theirs, ours in zip(requests, ask(client, requests), validate(requests)):
            assert theirs == ("GenericError", ours), text
