"""Arguments for the commands of a schema: one valid form each, and forms that are wrong in one place."""

MAX_DEPTH = 4  # of what is generated: types refer to themselves
BUILTINS = {
    "string": "some-text", "int": 1, "number": 1.5, "boolean": True, "null": None, "value": {"any": ["thing"]},
}
INTEGER = "@integer@"  # stands for a number's text
SAMPLES = ("text", 7, 1.5, True, None, [], {})  # one of each kind that JSON has, and both of numbers


class Schema:
    def __init__(self, elements):
        self.types = {e["name"]: e for e in elements if e["meta-type"] not in ("command", "event")}
        self.commands = {e["name"]: e for e in elements if e["meta-type"] == "command"}

    # --- what a type takes ---------------------------------------------------------------------

    def takes(self, name, sample):
        """Whether a value of the sample's JSON kind can be of this type at all (objects: not what is in them)."""
        t = self.types[name]
        meta = t["meta-type"]
        if meta == "alternate":
            return any(self.takes(m["type"], sample) for m in t["members"])
        if meta == "builtin" and t["json-type"] == "value":
            return True
        kind = {"array": list, "object": dict, "enum": str}.get(meta) or {
            "string": str, "int": int, "number": (int, float), "boolean": bool, "null": type(None)}[t["json-type"]]
        if isinstance(sample, bool):
            return kind is bool
        return isinstance(sample, kind)

    def members(self, name, value):
        """All that an object with these tags may have: name -> (type, optional)."""
        t = self.types[name]
        found = {m["name"]: (m["type"], "default" in m) for m in t["members"]}
        if "tag" in t:
            for v in t["variants"]:
                if v["case"] == value.get(t["tag"]):
                    found.update(self.members(v["type"], value))
        return found

    # --- valid ---------------------------------------------------------------------------------

    def valid(self, name, depth=0, full=False, tag=None):
        """A value of the type; `full`: with all optional members as far as depth allows; `tag`: of its union."""
        t = self.types[name]
        meta = t["meta-type"]
        if meta == "builtin":
            return BUILTINS[t["json-type"]]
        if meta == "enum":
            return t["values"][0]
        if meta == "array":
            return [self.valid(t["element-type"], depth + 1)] if depth < MAX_DEPTH else []
        if meta == "alternate":
            simple = [m["type"] for m in t["members"] if self.types[m["type"]]["meta-type"] != "object"]
            return self.valid(simple[0] if simple else t["members"][0]["type"], depth)
        return self.valid_object(t, depth, full, tag)

    def valid_object(self, t, depth, full, tag):
        value = {}
        if "tag" in t:
            value[t["tag"]] = tag or self.cheapest_case(t)
        for m in t["members"]:
            if m["name"] not in value and ("default" not in m or (full and depth < MAX_DEPTH)):
                value[m["name"]] = self.valid(m["type"], depth + 1)
        for v in t.get("variants", ()):
            if v["case"] == value[t["tag"]]:
                value.update(self.valid(v["type"], depth, full))
        return value

    def cheapest_case(self, t):
        def cost(v):
            branch = self.types[v["type"]]
            return sum(1 for m in branch["members"] if "default" not in m) + len(branch.get("variants", ()))
        return min(t["variants"], key=cost)["case"]

    # --- every place of a type, each in a valid whole --------------------------------------------

    def places(self, name, seen, depth=0, outer=None):
        """(wrap, type, value, outer): `wrap(x)` is a whole with x where `value`, of that type, was; `outer` is the
        alternate that the type is a choice of, or the type again. `seen`: types that were gone into before, each
        one once; what is still to come of one is found at its first place."""
        t = self.types[name]
        yield (lambda x: x), name, self.valid(name, depth), outer or name
        if name in seen or depth > MAX_DEPTH:
            return
        seen.add(name)
        meta = t["meta-type"]
        if meta == "array":
            for wrap, inner, value, choice in self.places(t["element-type"], seen, depth + 1):
                yield (lambda x, w=wrap: [w(x)]), inner, value, choice
        elif meta == "alternate":
            for m in t["members"]:
                yield from self.places(m["type"], seen, depth, name)
        elif meta == "object":
            yield from self.places_in_object(name, seen, depth, outer)

    def places_in_object(self, name, seen, depth, outer):
        t = self.types[name]
        for case in [v["case"] for v in t.get("variants", ())] or [None]:
            whole = self.valid(name, depth, tag=case)
            if case is not None:
                yield (lambda x: x), name, whole, outer or name
            own = {m["name"] for m in t["members"]}
            for member, (inner, _) in self.members(name, whole).items():
                if case is not None and member in own and case != t["variants"][0]["case"]:
                    continue  # what all branches share is looked at in the first
                if member == t.get("tag"):
                    continue
                for wrap, kind, value, choice in self.places(inner, seen, depth + 1):
                    yield (lambda x, n=member, o=whole, w=wrap: {**o, n: w(x)}), kind, value, choice

    # --- cases -----------------------------------------------------------------------------------

    def good(self, command):
        """Arguments that are valid: the shortest, the fullest, every member of every branch, every word of every
        enum, and every kind of value where there is a choice."""
        return self.good_values(self.commands[command]["arg-type"])

    def good_values(self, name):
        yield self.valid(name)
        yield self.valid(name, full=True)
        for wrap, kind, value, _ in self.places(name, set()):
            t = self.types[kind]
            yield wrap(value)
            for word in t.get("values", ()):
                yield wrap(word)
            if t["meta-type"] == "builtin":
                yield from (wrap(sample) for sample in SAMPLES if self.takes(kind, sample))

    def integers(self, command):
        """Arguments with INTEGER in the place of one; and what is an integer to somebody."""
        for wrap, kind, _, _ in self.places(self.commands[command]["arg-type"], set()):
            if self.types[kind].get("json-type") == "int":
                yield wrap(INTEGER)

    def bad(self, command):
        """(what, arguments): wrong in one place."""
        for what, value in self.bad_values(self.commands[command]["arg-type"]):
            if isinstance(value, dict):
                yield what, value

    def bad_values(self, name):
        for wrap, kind, value, outer in self.places(name, set()):
            t = self.types[kind]
            for sample in SAMPLES:
                if not self.takes(outer, sample):
                    yield "wrong type", wrap(sample)
            if t["meta-type"] == "enum":
                for word in ("no-such-value", "", t["values"][0] + "\0", t["values"][0].upper() + "-"):
                    yield "wrong value", wrap(word)
            if t["meta-type"] == "object":
                for what, wrong in self.bad_objects(kind, value):
                    yield what, wrap(wrong)
            if t["meta-type"] == "array":
                for sample in SAMPLES:
                    if not self.takes(t["element-type"], sample):
                        yield "wrong element", wrap([sample])
                        yield "wrong element", wrap([*value, sample])

    def bad_objects(self, name, value):
        t = self.types[name]
        known = self.members(name, value)
        yield "unknown", {**value, "no-such-member": 1}
        yield "unknown", {**value, "": None}
        for member, (_, optional) in known.items():
            if not optional:
                yield "missing", {k: v for k, v in value.items() if k != member}
            if member + "x" not in known:
                yield "unknown", {**value, member + "x": 1}
        if "tag" not in t:
            return
        for sample in (*SAMPLES[1:], "no-such-branch"):
            yield "wrong tag", {**value, t["tag"]: sample}
        for v in t["variants"]:  # a member of another branch
            strangers = [m for m in self.types[v["type"]]["members"] if m["name"] not in known]
            if strangers:
                m = strangers[0]
                yield "wrong branch", {**value, m["name"]: self.valid(m["type"], MAX_DEPTH)}

    def knows_all(self, command, arguments):
        """Of the arguments themselves, not of what is in them."""
        return set(arguments) <= set(self.members(self.commands[command]["arg-type"], arguments))
