"""Releases one after the other -> one set of facts that grows at its ends only.

What the first release has keeps its name, type and place; what a later one has more comes behind: members, branches,
values, choices. So structures and enumerations made from the result have, for a program that was compiled against the
first release, the layout that it knows. A later member is `late`: QEMUs of earlier releases do not send it.

Where a later release changed the type of a member, the first one's stays if JSON has the same kind of value for both: a
string that is an enum's value by now, an integer of another width. `notes` says where that was so.
"""

import copy

from schema.facts import BUILTINS, FactsError
from schema.lockstep import match_types, rename


def merge(releases, notes=None):
    """Of Facts, oldest first."""
    whole = copy.deepcopy(releases[0])
    for later in releases[1:]:
        Merger(whole, rename(later, match_types(whole, later)), notes if notes is not None else []).run()
    keep = whole.reachable()
    whole.types = {n: t for n, t in whole.types.items() if n in keep}
    whole.check()
    return whole


class Merger:
    def __init__(self, whole, later, notes):
        self.whole, self.later, self.notes = whole, copy.deepcopy(later), notes

    def note(self, text):
        self.notes.append(f"{self.later.release}: {text}")

    def since(self, entry):
        entry.setdefault("since", self.later.release)
        return entry

    def features(self, old, new):
        """What is deprecated by now is."""
        if "features" in new:
            old["features"] = new["features"]

    def parts(self, place, old, new, late):
        """Members, branches or values: those that are new behind those that were there."""
        known = {p["name"]: p for p in old}
        for p in new:
            k = known.get(p["name"])
            if not k:
                old.append(self.since({**p, "late": True} if late else p))
                continue
            if k.get("type") != p.get("type"):
                self.same_json(f"{place}.{p['name']}", k.get("type"), p.get("type"))
            if p.get("optional") and not k.get("optional"):
                k["loose"] = True  # always sent, and need not be there
            self.features(k, p)

    def same_json(self, place, old, new):
        def kind(t):
            if t in BUILTINS:
                return {"str": "str", "number": "number", "bool": "bool", "any": "any", "null": "null"}.get(t, "int")
            return "str" if self.later.types.get(t, {}).get("kind") == "enum" else t

        if kind(old) != kind(new):
            raise FactsError(f"{place}: was {old}, and is {new} in {self.later.release}: a structure cannot follow")
        self.note(f"{place} is {new}, and stays {old}")

    def members_of(self, facts, value):
        return value["members"] if isinstance(value, dict) else facts.types[value]["members"]

    def type(self, name, old, new):
        if old["kind"] != new["kind"] or old.get("tag", new.get("tag")) != new.get("tag"):
            raise FactsError(f"{name} is of another form in {self.later.release}")
        if "tag" in new and "tag" not in old and any(
                m["name"] == new["tag"] and m["type"] in BUILTINS for m in old["members"]):
            self.note(f"{name} has branches, which are left out: {new['tag']} is no enum in C")
            new = {**new, "branches": []}
            new.pop("tag")
        self.features(old, new)
        for key, late in (("values", False), ("members", True), ("branches", False)):
            if new.get(key):
                self.parts(name, old.setdefault(key, []), new[key], late)
        if "tag" in new and "tag" not in old:
            old["tag"], old["tag_after"] = new["tag"], len(old["members"])

    def entry(self, name, old, new, key):
        self.features(old, new)
        if new.get("oob"):
            old["oob"] = True
        if key in new and key not in old:
            old[key] = new[key]
            if isinstance(old[key], dict):
                for m in old[key]["members"]:
                    m["late"] = True
        elif key in new and isinstance(old[key], dict):
            self.parts(name, old[key]["members"], self.members_of(self.later, new[key]), True)
        elif key in new and isinstance(new[key], dict):
            self.parts(name, self.whole.types[old[key]]["members"], new[key]["members"], True)
        elif key in new and old[key] != new[key]:
            raise FactsError(f"{name}: takes {new[key]} in {self.later.release}, {old[key]} before")
        if "returns" in new and old.setdefault("returns", new["returns"]) != new["returns"]:
            raise FactsError(f"{name}: returns {new['returns']} in {self.later.release}, {old['returns']} before")

    def run(self):
        for name, new in self.later.types.items():
            if name in self.whole.types:
                self.type(name, self.whole.types[name], new)
            else:
                self.whole.types[name] = self.since(new)
        for kind, key in (("commands", "args"), ("events", "data")):
            mine = getattr(self.whole, kind)
            for name, new in getattr(self.later, kind).items():
                if name in mine:
                    self.entry(name, mine[name], new, key)
                else:
                    mine[name] = self.since(new)
        self.whole.modules += [m for m in self.later.modules if m not in self.whole.modules]
        self.whole.release = self.later.release
