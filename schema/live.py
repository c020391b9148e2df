"""A live QEMU's query-qmp-schema -> facts, with the names that known facts give."""

import json
import re
import subprocess

from schema.facts import BUILTINS, Facts, FactsError, element_of
from schema.lockstep import match_types, parts_of, rename

NATIVE = {"string": "str", "number": "number", "int": "int", "boolean": "bool", "value": "any", "null": "null"}


def ask(binary):
    """(release, elements) of a QEMU without a machine."""
    with subprocess.Popen([binary, "-machine", "none", "-display", "none", "-nodefaults", "-qmp", "stdio"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="ascii") as process:
        line = process.stdout.readline()
        if not line:
            raise FactsError(f"{binary} says nothing")
        version = json.loads(line)["QMP"]["version"]["qemu"]
        replies = {}
        for command in ("qmp_capabilities", "query-qmp-schema", "quit"):
            process.stdin.write(json.dumps({"execute": command}) + "\n")
            process.stdin.flush()
            while command != "quit" and command not in replies:
                reply = json.loads(process.stdout.readline())
                if "event" not in reply:
                    replies[command] = reply
    return f"{version['major']}.{version['minor']}", replies["query-qmp-schema"]["return"]


class Reader:
    """The facts as they are: types are called T1, T2, ... by QEMU's numbers."""

    def __init__(self, elements):
        self.elements = {(e["meta-type"] in ("command", "event"), e["name"]): e for e in elements}
        self.by_name = {e["name"]: e for e in elements if e["meta-type"] not in ("command", "event")}
        self.all = elements

    def type(self, name):
        e = self.by_name[name]
        if e["meta-type"] == "builtin":
            return NATIVE[e["json-type"]]
        if e["meta-type"] == "array":
            return f"[{self.type(e['element-type'])}]"
        return f"T{name}"

    def is_empty(self, name):
        e = self.by_name[name]
        return e["meta-type"] == "object" and not e["members"] and "tag" not in e

    def members(self, e):
        return [{"name": m["name"], "type": self.type(m["type"]), **({"optional": True} if "default" in m else {}),
                 **self.features(m)} for m in e["members"]]

    @staticmethod
    def features(e):
        return {"features": e["features"]} if e.get("features") else {}

    def read(self, release):
        facts = Facts(release, ["misc"], {}, {}, {})
        for e in self.all:
            meta, name = e["meta-type"], e["name"]
            fields = {"module": "misc", **self.features(e)}
            if meta == "command":
                arguments = {} if self.is_empty(e["arg-type"]) else {"args": f"T{e['arg-type']}"}
                returns = {} if self.is_empty(e["ret-type"]) else {"returns": self.type(e["ret-type"])}
                facts.commands[name] = {**fields, **({"oob": True} if e.get("allow-oob") else {}), **arguments, **returns}
            elif meta == "event":
                facts.events[name] = {**fields, **({} if self.is_empty(e["arg-type"]) else {"data": f"T{e['arg-type']}"})}
            elif meta == "enum":
                values = e.get("members") or [{"name": v} for v in e["values"]]
                facts.types[f"T{name}"] = {"kind": "enum", **fields, "values": [
                    {"name": v["name"], **self.features(v)} for v in values]}
            elif meta == "object":
                facts.types[f"T{name}"] = t = {"kind": "object", **fields, "members": self.members(e)}
                if "tag" in e:
                    t["tag"] = e["tag"]
                    t["branches"] = [{"name": v["case"], "type": self.type(v["type"])} for v in e["variants"]
                                     if not self.is_empty(v["type"])]
            elif meta == "alternate":
                kinds = [self.type(m["type"]) for m in e["members"]]
                facts.types[f"T{name}"] = {"kind": "alternate", **fields, "branches": [
                    {"name": choice_name(k), "type": k} for k in kinds]}
        return facts


def choice_name(kind):
    """QEMU does not tell what a choice of an alternate is called: after its type."""
    return re.sub(r"\W", "", kind).lower()


def match_alternates(known, facts):
    """Choices of an alternate are told apart by their types: those get the known ones' names."""
    names = match_types(known, facts)
    for theirs, ours in names.items():
        if facts.types[theirs]["kind"] != "alternate":
            continue
        for b in facts.types[theirs]["branches"]:
            for k in known.types[ours]["branches"]:
                if same_choice(known, k["type"], facts, b["type"]):
                    b["name"] = k["name"]
    return match_types(known, facts)


def same_choice(known, ours, facts, theirs):
    if bool(element_of(ours)) != bool(element_of(theirs)):
        return False
    if element_of(ours):
        return True
    if ours in BUILTINS or theirs in BUILTINS:
        return theirs == (ours if ours in ("str", "number", "bool", "any", "null") else "int")
    return known.types[ours]["kind"] == facts.types[theirs]["kind"]


def camel(*words):
    return "".join(w[:1].upper() + w[1:] for word in words for w in re.split(r"[^A-Za-z0-9]+", word) if w)


def invent_names(facts, names):
    """For types that nobody knows: after the place where they stand."""
    taken, todo = set(names.values()), []

    def visit(owner, fields):
        for (key, part), t in parts_of(fields, facts):
            while element_of(t):
                t = element_of(t)
            if t in BUILTINS:
                continue
            if t not in names:
                name = camel(owner, part) if part else camel(owner, {"returns": "info", "args": "args"}.get(key, key))
                while name in taken:
                    name += "2"
                taken.add(name)
                names[t] = name
            if t not in seen:
                seen.add(t)
                todo.append((names[t], facts.types[t]))

    seen = set()
    todo.extend((n, f) for n, f in (*facts.commands.items(), *facts.events.items()))
    while todo:
        visit(*todo.pop(0))
    return names


def complete(facts, known):
    """What QEMU does not tell and the known facts do: modules, releases, widths, what is said in place, order."""
    def entry(new, old):
        for key in ("module", "since", "if", "open"):
            if key in old:
                new[key] = old[key]

    def ordered(new, old):
        place = {m["name"]: i for i, m in enumerate(old)}
        by_name = {m["name"]: m for m in old}
        for m in new:
            k = by_name.get(m["name"])
            if k:
                entry(m, k)
                if m.get("type") in ("int", "[int]") and "type" in k:
                    m["type"] = k["type"]
        new.sort(key=lambda m: place.get(m["name"], len(place)))

    for kind in ("commands", "events"):
        for name, f in getattr(facts, kind).items():
            old = getattr(known, kind).get(name, {})
            entry(f, old)
            for key in ("args", "data"):
                if key in f and not isinstance(old.get(key), str):
                    f[key] = {"members": [dict(m) for m in facts.types[f[key]]["members"]]}
                    if isinstance(old.get(key), dict):
                        ordered(f[key]["members"], old[key]["members"])
            if f.get("returns") in ("int", "[int]") and "returns" in old:
                f["returns"] = old["returns"]
    for name, t in facts.types.items():
        old = known.types.get(name)
        if not old:
            continue
        entry(t, old)
        for key in ("members", "values", "branches"):
            if key in t:
                ordered(t[key], old.get(key, []))
    facts.modules = list(known.modules)
    keep = facts.reachable()
    facts.types = {n: t for n, t in facts.types.items() if n in keep}
    return facts


def read_live(elements, release, known):
    facts = Reader(elements).read(release)
    names = invent_names(facts, match_alternates(known, facts))
    return complete(rename(facts, names), known)
