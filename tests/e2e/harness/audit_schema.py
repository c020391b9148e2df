"""Every record that a test leaves behind, held to docs/qmpgate-audit.schema.json: a member that nobody documented is found
where it first appears."""

import functools
import json
import os

import jsonschema

SCHEMA = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs", "qmpgate-audit.schema.json")
OF_A_KIND = 5  # records of the same type, members and code that are looked at, in one log


class Drift(AssertionError):
    """A record that the schema does not describe."""


@functools.lru_cache(maxsize=None)
def load():
    with open(SCHEMA, encoding="utf-8") as f:
        return json.load(f)


@functools.lru_cache(maxsize=None)
def validator(kind):
    """For records of one type: what the schema's oneOf would find, without trying all of them."""
    schema = load()
    if {"$ref": f"#/$defs/{kind}"} not in schema["oneOf"]:
        raise Drift(f"a record of the type {kind}")
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]})


def check_record(record):
    fault = next(validator(record.get("type")).iter_errors(record), None)
    if fault:
        raise Drift(f"{fault.message} at {list(fault.absolute_path)} in {record}")


def check(records):
    """The first few of each kind: what a log has more of is alike."""
    seen = {}
    for record in records:
        kind = (record.get("type"), record.get("result"), record.get("code"), tuple(record))
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= OF_A_KIND:
            check_record(record)
