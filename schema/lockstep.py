"""Two sets of facts side by side: which of their types are the same by the places where they stand, and what differs.

A live QEMU hides the names of types behind numbers, and a newer release may have given one another name: in both cases
the place tells (what `query-status` returns is StatusInfo, whatever it is called there)."""

from schema.facts import BUILTINS, Facts, element_of


def parts_of(fields, facts):
    """What stands in a command, event or type: place -> type."""
    for key in ("args", "data"):
        value = fields.get(key)
        if isinstance(value, dict):
            yield from (((key, m["name"]), m["type"]) for m in value["members"])
        elif value:
            yield (key, None), value
            yield from (((key, m["name"]), m["type"]) for m in facts.types[value].get("members", ()))
    if "returns" in fields:
        yield ("returns", None), fields["returns"]
    yield from ((("members", m["name"]), m["type"]) for m in fields.get("members", ()))
    for b in fields.get("branches", ()):
        if "type" in b:
            yield ("branches", b["name"]), b["type"]


def match_types(known, other):
    """Name in other -> name in known, for every type of other that stands where one of known does."""
    names, todo = {}, []
    for a, b in ((known.commands, other.commands), (known.events, other.events)):
        todo.extend((a[n], b[n]) for n in b if n in a)
    while todo:
        a, b = todo.pop(0)
        places = dict(parts_of(a, known))
        for place, theirs in parts_of(b, other):
            ours = places.get(place)
            while ours and element_of(ours) and element_of(theirs):
                ours, theirs = element_of(ours), element_of(theirs)
            if not ours or theirs in BUILTINS or theirs in names or ours in BUILTINS or element_of(ours) or element_of(theirs):
                continue
            if known.types[ours]["kind"] == other.types[theirs]["kind"]:
                names[theirs] = ours
                todo.append((known.types[ours], other.types[theirs]))
    return names


def rename(facts, names):
    """The same facts with types of other names; what two types would both be called, the first is."""
    taken, final = set(names.values()), {}
    for old in facts.types:
        new = names.get(old, old)
        if old not in names:
            while new in taken:
                new += "2"
        taken.add(new)
        final[old] = new

    def name(t):
        inner = element_of(t)
        return f"[{name(inner)}]" if inner else final.get(t, t)

    def fields(f):
        f = dict(f)
        for key in ("args", "data"):
            if isinstance(f.get(key), dict):
                f[key] = {"members": [{**m, "type": name(m["type"])} for m in f[key]["members"]]}
            elif f.get(key):
                f[key] = name(f[key])
        if "returns" in f:
            f["returns"] = name(f["returns"])
        if "members" in f:
            f["members"] = [{**m, "type": name(m["type"])} for m in f["members"]]
        if "branches" in f:
            f["branches"] = [{**b, "type": name(b["type"])} if "type" in b else b for b in f["branches"]]
        return f

    types = {}
    for old, t in facts.types.items():
        types.setdefault(final[old], fields(t))
    return Facts(facts.release, facts.modules, types, {n: fields(c) for n, c in facts.commands.items()},
                 {n: fields(e) for n, e in facts.events.items()})


# --- what differs --------------------------------------------------------------------------------------

class Comparison:
    """Facts of the sources, which know every configuration, against those of one live QEMU."""

    def __init__(self, sources, live):
        self.sources, self.live, self.found = sources, live, []
        self.counts = {"commands": 0, "events": 0, "types": 0, "members": 0, "values": 0, "not in this QEMU": 0}

    def say(self, place, what):
        self.found.append(f"{place}: {what}")

    def by_name(self, place, ours, theirs):
        """Pairs of entries that both have; one that is missing may be so only by its condition."""
        for name in theirs:
            if name not in ours:
                self.say(place, f"{name} is in QEMU, not in the sources")
        for name, entry in ours.items():
            if name in theirs:
                yield name, entry, theirs[name]
            elif "if" in entry or "if" in self.sources.types.get(entry.get("type"), ()):
                self.counts["not in this QEMU"] += 1
            else:
                self.say(place, f"{name} is in the sources, not in QEMU")

    def features(self, place, a, b):
        if sorted(a.get("features", ())) != sorted(b.get("features", ())):
            self.say(place, f"features are {a.get('features')} in the sources, {b.get('features')} in QEMU")

    def types_alike(self, place, ours, theirs):
        while ours and theirs and element_of(ours) and element_of(theirs):
            ours, theirs = element_of(ours), element_of(theirs)
        if json_kind(self.sources, ours) == json_kind(self.live, theirs) == "int":
            return  # QEMU does not tell widths
        if ours != theirs:
            self.say(place, f"is {ours} in the sources, {theirs} in QEMU")

    def members(self, place, ours, theirs):
        for name, a, b in self.by_name(place, {m["name"]: m for m in ours}, {m["name"]: m for m in theirs}):
            self.counts["members"] += 1
            inner = f"{place}.{name}"
            if a.get("optional", False) != b.get("optional", False):
                self.say(inner, "is optional in one of them only")
            self.types_alike(inner, a["type"], b["type"])
            self.features(inner, a, b)

    def arguments(self, place, facts, value):
        return value["members"] if isinstance(value, dict) else facts.types[value]["members"] if value else []

    def type(self, name, a, b):
        self.counts["types"] += 1
        if a["kind"] == "enum":
            for value, ours, theirs in self.by_name(name, {v["name"]: v for v in a["values"]},
                                                    {v["name"]: v for v in b["values"]}):
                self.counts["values"] += 1
                self.features(f"{name}.{value}", ours, theirs)
        elif a["kind"] == "alternate":
            if sorted(json_kind(self.sources, m["type"]) for m in a["branches"]) != sorted(
                    json_kind(self.live, m["type"]) for m in b["branches"]):
                self.say(name, "its choices differ")
        else:
            self.members(name, a["members"], b["members"])
            self.features(name, a, b)
            if a.get("tag") != b.get("tag"):
                self.say(name, f"its tag is {a.get('tag')} in the sources, {b.get('tag')} in QEMU")
            ours = {m["name"]: m for m in a.get("branches", ()) if self.sources.types[m["type"]]["members"]}
            for branch, x, y in self.by_name(name, ours, {m["name"]: m for m in b.get("branches", ()) if "type" in m}):
                self.types_alike(f"{name}({branch})", x["type"], y["type"])

    def run(self):
        for kind, key in (("commands", "args"), ("events", "data")):
            for name, a, b in self.by_name(kind, getattr(self.sources, kind), getattr(self.live, kind)):
                self.counts[kind] += 1
                self.members(name, self.arguments(name, self.sources, a.get(key)),
                             self.arguments(name, self.live, b.get(key)))
                self.features(name, a, b)
                self.types_alike(name, a.get("returns"), b.get("returns"))
                if a.get("oob", False) != b.get("oob", False):
                    self.say(name, "runs out of band in one of them only")
        for name, b in self.live.types.items():
            if name in self.sources.types:
                self.type(name, self.sources.types[name], b)
        return self.found


def json_kind(facts, name):
    if name is None:
        return None
    if element_of(name):
        return "list"
    if name in BUILTINS:
        return name if name in ("str", "number", "bool", "any", "null") else "int"
    return facts.types[name]["kind"]
