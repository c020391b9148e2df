"""Every command and event of a schema as query-qmp-schema has it, put to libqmp by tests/libqmp/drive.

What libqmp is made of comes from QEMU's sources; what is put to it here comes from a QEMU. A message must be what was meant
and pass the validator; a reply must come out as it went in; what is wrong in one place must be refused."""

import collections
import copy
import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "e2e"))

from harness.arguments import INTEGER, Schema  # noqa: E402

OPEN = {"device_add"}  # takes members that the schema does not have
ARGUMENT, REPLY, REFUSED = 1, 2, 3  # enum qmp_error_kind
UNKNOWN, NOT_SENT, FAILED = 0, 1, 2  # enum qmp_outcome
INTEGERS = ("0", "-0", "1", "-1", "127", "128", "255", "256", "-128", "-129", "32767", "32768", "65535", "65536", "2147483648",
            "4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
            "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1e3", "1.0")


# A library of a later release (newer.py) takes booleans where a choice is: what is wrong in that way only is left out.
LATER = "QMP_TEST_LATER" in os.environ


class Answer:
    def __init__(self, line):
        word, _, rest = line.partition(" ")
        assert word in ("ok", "error"), line
        self.ok = word == "ok"
        self.text = rest
        if not self.ok:
            kind, outcome, self.text = rest.split(" ", 2)
            self.kind, self.outcome = int(kind), int(outcome)


class Library:
    """The drive of a build."""

    def __init__(self, build):
        self.drive = os.path.join(build, "tests", "libqmp", "drive")
        self.validator = os.path.join(build, "tests", "qmp", "validate_lines")

    def run(self, program, lines):
        done = subprocess.run(program, input="".join(line + "\n" for line in lines), stdout=subprocess.PIPE,
                              encoding="utf-8", check=True)
        answers = done.stdout.split("\n")[:-1]
        assert len(answers) == len(lines), (len(answers), len(lines))
        return answers

    def ask(self, lines):
        return [Answer(a) for a in self.run([self.drive], lines)]

    def names(self, what):
        return self.run([self.drive], [f"{what} - -"])[0].split()

    def validate(self, schema_path, messages):
        return self.run([self.validator, schema_path], messages)


def objects_in(schema, name, value):
    """Every object of a value that has a type of its own (no JSON value of any sort)."""
    t = schema.types[name]
    meta = t["meta-type"]
    if meta == "array":
        for v in value:
            yield from objects_in(schema, t["element-type"], v)
    elif meta == "alternate":
        inner = [m["type"] for m in t["members"] if schema.takes(m["type"], value)]
        yield from objects_in(schema, inner[0], value)
    elif meta == "object":
        yield value
        for member, (inner, _) in schema.members(name, value).items():
            if member in value:
                yield from objects_in(schema, inner, value[member])


def with_strangers(schema, name, value):
    """The same as a newer QEMU might say it."""
    value = copy.deepcopy(value)
    for o in list(objects_in(schema, name, value)):
        o["x-of-a-newer-qemu"] = {"deep": [1, None, "text"]}
    return value


class Check:
    """Gathers cases, puts them all at once, says what was wrong."""

    def __init__(self, library):
        self.library, self.lines, self.expect, self.what = library, [], [], []

    def add(self, line, expect, what):
        self.lines.append(line)
        self.expect.append(expect)
        self.what.append(what)

    def run(self):
        counts, wrong = collections.Counter(), []
        for line, expect, what, answer in zip(self.lines, self.expect, self.what, self.library.ask(self.lines)):
            counts[what] += 1
            said = expect(answer)
            if said:
                wrong.append((what, line[:300], answer.text[:300], said))
        assert not wrong, f"{len(wrong)} wrong: " + "\n".join(map(str, wrong[:5]))
        return counts


def comes_out_as(value):
    def judge(answer):
        return None if answer.ok and json.loads(answer.text) == value else "should come out as it went in"
    return judge


def fails(kind, outcome):
    def judge(answer):
        return None if not answer.ok and (answer.kind, answer.outcome) == (kind, outcome) else "should be refused"
    return judge


def exact_or_refused(lexeme, kind):
    def judge(answer):
        if answer.ok:
            inner = answer.text.replace(" ", "")
            return None if ":" + lexeme.replace("-0", "0") in inner or "[" + lexeme.replace("-0", "0") in inner else "another number"
        return None if answer.kind == kind else "another kind of error"
    return judge


# --- the checks -----------------------------------------------------------------------------------------

def check_arguments(library, schema, command):
    name = schema.commands[command]["arg-type"]
    check = Check(library)
    for value in schema.good_values(name):
        message = {"execute": command, **({"arguments": value} if schema.types[name]["members"] or value else {})}
        check.add(f"args {command} {json.dumps(value)}", comes_out_as(message), "message")
    if schema.types[name]["members"]:
        for what, value in schema.bad_values(name):
            if LATER and what in ("wrong type", "wrong element") and "true" in json.dumps(value):
                continue
            if what in ("wrong type", "wrong element", "missing", "wrong value", "wrong tag"):  # others are passed over
                check.add(f"args {command} {json.dumps(value)}", fails(ARGUMENT, NOT_SENT), what)
        for value in schema.integers(command):
            for lexeme in INTEGERS:
                text = json.dumps(value).replace(json.dumps(INTEGER), lexeme)
                check.add(f"args {command} {text}", exact_or_refused(lexeme, ARGUMENT), "integer")
    return check.run()


def messages_of(library, schema, command):
    """What libqmp builds of all that is good."""
    lines = [f"args {command} {json.dumps(v)}" for v in schema.good_values(schema.commands[command]["arg-type"])]
    return [a.text for a in library.ask(lines)]


def check_validated(library, schema, schema_path):
    messages = [m for c in sorted(schema.commands) for m in messages_of(library, schema, c)]
    said = library.validate(schema_path, messages)
    wrong = [(m, s) for m, s in zip(messages, said) if s != "accepted"]
    assert not wrong, wrong[:5]
    return len(messages)


def check_reply(library, schema, command):
    name = schema.commands[command]["ret-type"]
    check = Check(library)

    def put(value, expect, what):
        check.add(f"reply {command} {json.dumps({'return': value, 'id': 'libvirt-7'})}", expect, what)

    for value in schema.good_values(name):
        put(value, comes_out_as(value), "reply")
        put(with_strangers(schema, name, value), comes_out_as(value), "reply of a newer QEMU")
    if not (schema.types[name]["meta-type"] == "object" and not schema.types[name]["members"]):
        for what, value in schema.bad_values(name):
            if what in ("wrong type", "wrong element", "missing"):
                put(value, broken, what)
            elif what in ("wrong value", "wrong tag"):
                put(value, unknown_or_broken, what)
    check.add(f"reply {command} " + json.dumps({"error": {"class": "DeviceNotFound", "desc": "no such thing"}}),
              fails(REFUSED, FAILED), "error")
    for text in ("{}", "[]", "1", '{"return":{},"error":{"class":"x","desc":"y"}}', '{"error":{}}', '{"error":{"class":"x"}}',
                 '{"error":{"class":1,"desc":"x"}}', '{"error":"x"}', '{"return":{}', '{"return":{}}x', '{"return":{},"return":{}}',
                 '{"timestamp":{"seconds":1,"microseconds":1},"event":"STOP"}', "{'return':{}}", '{"return":"\\ud800"}'):
        check.add(f"reply {command} {text}", fails(REPLY, UNKNOWN), "no reply")
    return check.run()


def broken(answer):
    """What an alternate has no choice for is of a newer QEMU, and read as unknown."""
    if not answer.ok and answer.kind == ARGUMENT and answer.text.endswith(": has no kind"):
        return None
    return fails(REPLY, UNKNOWN)(answer)


def unknown_or_broken(answer):
    """A word that nobody knows is read as unknown, which nobody can write; what is no word is no reply."""
    if answer.ok:
        return None if answer.text == "null" or '"kind"' in answer.text else "made something of an unknown word"
    return None if (answer.kind, answer.outcome) in ((ARGUMENT, NOT_SENT), (REPLY, UNKNOWN)) else "another error"


def check_event(library, schema, event, element):
    name = element["arg-type"]
    empty = not schema.types[name]["members"]
    check = Check(library)

    def put(value, expect, what, **more):
        message = {"event": event, "data": value, "timestamp": {"seconds": 1, "microseconds": -1}, **more}
        check.add(f"event - {json.dumps(message)}", expect, what)

    for value in schema.good_values(name):
        put(value, comes_out_as(value), "event")
        put(with_strangers(schema, name, value), comes_out_as(value), "event of a newer QEMU")
        put(value, comes_out_as(value), "event of a newer QEMU", more=[1])
        for timestamp in (None, 1, {}, {"seconds": 1}, {"seconds": "1", "microseconds": 1}, {"seconds": 1.5, "microseconds": 1}):
            put(value, fails(REPLY, UNKNOWN), "no timestamp", timestamp=timestamp)
    if not empty:
        for what, value in schema.bad_values(name):
            if what in ("wrong type", "wrong element", "missing"):
                put(value, fails(REPLY, UNKNOWN), what)
            elif what in ("wrong value", "wrong tag"):
                put(value, unknown_or_broken, what)
    for data in (1, "x", [], None):
        put(data, fails(REPLY, UNKNOWN), "no object")
    return check.run()
