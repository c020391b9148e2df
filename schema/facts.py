"""The facts of a release as schema/qmp-X.Y.json and schema/qga-X.Y.json hold them: reading, writing, and walking over types.

    release   "7.2"
    modules   the QAPI modules, in the order in which QEMU takes them in
    types     name -> enum:      values   [{name}]
                      object:    members  [{name, type, optional?}], those of a base first; tag, branches [{name, type?}]
                      alternate: branches [{name, type}]
    commands  name -> args? (the name of an object type, or {members}), returns? (a type), oob?, open? (takes more than
              its arguments say), silent? (does not answer if it succeeds)
    events    name -> data? (like args)

Everything may have `since` (a release), `features` and `if` (the configuration or target of QEMU that has it); types,
commands and events have their `module`. A type is a builtin's name, a name in types, or "[NAME]" for a list. The order
of members and values is the order of the release, and what a C structure or enumeration is laid out by.
"""

import json

BUILTINS = {"str", "number", "int", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "size",
            "bool", "any", "null"}
KEYS = ("kind", "module", "name", "type", "optional", "since", "if", "features", "oob", "open", "silent", "args", "returns", "data",
        "tag", "tag_after", "members", "branches", "values", "late", "loose")  # in the order in which they are written
JSON_TYPES = {"str": "string", "number": "number", "bool": "boolean", "any": "value", "null": "null"}


class FactsError(Exception):
    """What is wrong with facts, as a sentence."""


def json_type(builtin):
    """As query-qmp-schema has it: it does not tell widths."""
    return JSON_TYPES.get(builtin, "int")


def element_of(name):
    """The element of a list type, or None."""
    return name[1:-1] if name.startswith("[") else None


class Facts:
    def __init__(self, release, modules, types, commands, events):
        self.release, self.modules = release, modules
        self.types, self.commands, self.events = types, commands, events

    @classmethod
    def load(cls, path):
        with open(path, encoding="ascii") as f:
            d = json.load(f)
        if d.get("format") != 1:
            raise FactsError(f"{path}: format {d.get('format')} is not known")
        facts = cls(d["release"], d["modules"], d["types"], d["commands"], d["events"])
        facts.check()
        return facts

    def text(self):
        """One line for each member and value, so that a change shows as what it is."""
        def in_order(fields):
            return sorted(fields.items(), key=lambda item: KEYS.index(item[0]))

        def entry(name, fields):
            inner = []
            for key, value in in_order(fields):
                if key in ("args", "data") and isinstance(value, dict):
                    inner.append(f'   {json.dumps(key)}: {{"members": {rows(value["members"], "     ")}}}')
                elif key in ("members", "values", "branches"):
                    inner.append(f"   {json.dumps(key)}: {rows(value, '     ')}")
                else:
                    inner.append(f"   {json.dumps(key)}: {json.dumps(value)}")
            return f"  {json.dumps(name)}: {{\n" + ",\n".join(inner) + "}"

        def rows(items, indent):
            return "[" + ",".join(f"\n{indent}{json.dumps(dict(in_order(i)))}" for i in items) + "]"

        def section(key, entries):
            return f' "{key}": {{\n' + ",\n".join(entry(n, f) for n, f in sorted(entries.items())) + "}"

        return ("{\n" + f' "format": 1,\n "release": {json.dumps(self.release)},\n "modules": {json.dumps(self.modules)},\n'
                + ",\n".join((section("types", self.types), section("commands", self.commands),
                              section("events", self.events))) + "}\n")

    # --- walking ---------------------------------------------------------------------------------

    @staticmethod
    def used_by(fields):
        """Names of types that a command, event or type names, with "[]" where it does."""
        for key in ("args", "data"):
            value = fields.get(key)
            if isinstance(value, dict):
                yield from (m["type"] for m in value["members"])
            elif value:
                yield value
        if "returns" in fields:
            yield fields["returns"]
        yield from (m["type"] for m in fields.get("members", ()))
        yield from (b["type"] for b in fields.get("branches", ()) if "type" in b)

    def reachable(self):
        """Names of the types that commands and events need."""
        seen, todo = set(), [t for f in (*self.commands.values(), *self.events.values()) for t in self.used_by(f)]
        while todo:
            name = todo.pop()
            name = element_of(name) or name
            if name in BUILTINS or name in seen:
                continue
            if name not in self.types:
                raise FactsError(f"there is no type {name}")
            seen.add(name)
            todo.extend(self.used_by(self.types[name]))
        return seen

    def check(self):
        """Everything that is named is there, and is of a form that generators know."""
        for name in self.reachable():
            kind = self.types[name]["kind"]
            if kind not in ("enum", "object", "alternate"):
                raise FactsError(f"{name}: kind {kind} is not known")
        for name, t in self.types.items():
            for used in self.used_by(t):
                if element_of(element_of(used) or ""):
                    raise FactsError(f"{name}: a list of lists has no form in C here")
            if "tag" in t:
                tag = [m for m in t["members"] if m["name"] == t["tag"]]
                if not tag or tag[0].get("optional") or self.types[tag[0]["type"]]["kind"] != "enum":
                    raise FactsError(f"{name}: its tag is no enum that is always there")
