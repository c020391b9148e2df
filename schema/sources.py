"""QEMU's QAPI sources (qapi/*.json) -> facts. Of their comments only `Since:` is read."""

import ast
import os
import re

from schema.facts import Facts, FactsError

TOKEN = re.compile(r"\s+|#[^\n]*|('[^']*'|[\[\]{}:,]|true|false)")
SINCE_WHOLE = re.compile(r"^# *Since:? +v?(\d+\.\d+(?:\.\d+)?)", re.MULTILINE | re.IGNORECASE)
SINCE_MEMBER = re.compile(r"\(since:? +v?(\d+\.\d+(?:\.\d+)?)\)", re.IGNORECASE)
LITERALS = {"true": "True", "false": "False"}


# --- text ----------------------------------------------------------------------------------------

def expressions(path):
    """(offset, expression) of a file, comments left out."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    parts, depth, pos, start = [], 0, 0, 0
    while pos < len(text):
        m = TOKEN.match(text, pos)
        if not m:
            raise FactsError(f"{path}: cannot read {text[pos:pos + 30]!r}")
        token = m.group(1)
        if token:
            start = start if parts else pos
            parts.append(LITERALS.get(token, token))
            depth += (token in "[{") - (token in "]}")
            if depth == 0:
                yield start, ast.literal_eval("".join(parts))
                parts = []
        pos = m.end()


def since_of(path):
    """Name -> (since, {member: since}) from the comment blocks of a file."""
    with open(path, encoding="utf-8") as f:
        blocks = re.findall(r"^##\n(.*?)^##$", f.read(), re.MULTILINE | re.DOTALL)
    found = {}
    for block in blocks:
        head = re.match(r"# @([\w.-]+):", block)
        if not head:
            continue
        whole = SINCE_WHOLE.search(block)
        members = {}
        for part in re.split(r"^# @", block, flags=re.MULTILINE)[2:]:
            name = part.partition(":")[0]
            part = re.split(r"^# *(?:Returns|Since|Notes?|Examples?|Features|TODO)\b", part, maxsplit=1, flags=re.MULTILINE)[0]
            m = SINCE_MEMBER.search(part)
            if m:
                members[name] = m.group(1)
        found[head.group(1)] = (whole.group(1) if whole else None, members)
    return found


def load_modules(path, seen):
    """(module, expression, since) in the order of includes; pragmas left out."""
    name = os.path.basename(path).removesuffix(".json")
    if name in seen:
        return
    seen.append(name)
    since = since_of(path)
    own = []
    for _, e in expressions(path):
        if "include" in e:
            yield from load_modules(os.path.join(os.path.dirname(path), e["include"]), seen)
        elif "pragma" not in e:
            own.append(e)
    seen.remove(name)
    seen.append(name)  # behind what it includes
    yield from ((name, e, since) for e in own)


# --- expressions -> facts --------------------------------------------------------------------------

def features_of(e):
    names = [f if isinstance(f, str) else f["name"] for f in e.get("features", ())]
    return {"features": names} if names else {}


def common(module, e, since):
    whole = since[0]
    return {"module": module, **({"since": whole} if whole else {}), **({"if": e["if"]} if "if" in e else {}),
            **features_of(e)}


def type_name(t):
    return f"[{t[0]}]" if isinstance(t, list) else t


def member(name, value, since):
    value = value if isinstance(value, dict) else {"type": value}
    bare = name.lstrip("*")
    return {"name": bare, "type": type_name(value["type"]), **({"optional": True} if name[0] == "*" else {}),
            **({"since": since[bare]} if bare in since else {}), **({"if": value["if"]} if "if" in value else {}),
            **features_of(value)}


class Reader:
    def __init__(self):
        self.raw, self.facts = {}, Facts(None, [], {}, {}, {})

    def read(self, top):
        modules = []
        for module, e, since in load_modules(top, modules):
            kind = next(k for k in ("enum", "struct", "union", "alternate", "command", "event") if k in e)
            self.raw[e[kind]] = (kind, module, e, since.get(e[kind], (None, {})))
        for name in self.raw:
            kind, module, e, since = self.raw[name]
            getattr(self, "take_" + kind)(name, common(module, e, since), e, since[1])
        self.facts.types.update(self.builtin_enum())
        keep = self.facts.reachable()
        self.facts.types = {n: t for n, t in self.facts.types.items() if n in keep}
        used = {f["module"] for d in (self.facts.types, self.facts.commands, self.facts.events) for f in d.values()}
        self.facts.modules = [m for m in modules if m in used]
        self.facts.check()
        return self.facts

    @staticmethod
    def builtin_enum():
        """QType is known to QEMU without being said."""
        return {"QType": {"kind": "enum", "module": "common", "values": [
            {"name": n} for n in ("none", "qnull", "qnum", "qstring", "qdict", "qlist", "qbool")]}}

    def own_members(self, data, since):
        return [member(n, v, since) for n, v in data.items()]

    def members_of(self, base):
        """Of a base: a type's name, or members said in place."""
        if isinstance(base, dict):
            return self.own_members(base, {})
        if not base:
            return []
        _, _, e, since = self.raw[base]
        return self.members_of(e.get("base")) + (self.own_members(e["data"], since[1]) if "struct" in e else [])

    def take_enum(self, name, fields, e, since):
        values = []
        for v in e["data"]:
            v = v if isinstance(v, dict) else {"name": v}
            values.append({"name": v["name"], **({"since": since[v["name"]]} if v["name"] in since else {}),
                           **({"if": v["if"]} if "if" in v else {}), **features_of(v)})
        prefix = {"prefix": e["prefix"]} if "prefix" in e else {}
        self.facts.types[name] = {"kind": "enum", **fields, **prefix, "values": values}
        self.facts.types[name].pop("prefix", None)

    def take_struct(self, name, fields, e, since):
        members = self.members_of(e.get("base")) + self.own_members(e["data"], since)
        self.facts.types[name] = {"kind": "object", **fields, "members": members}

    def take_union(self, name, fields, e, since):
        base = e["base"]
        members = self.own_members(base, since) if isinstance(base, dict) else self.members_of(base)
        tag = next(m["type"] for m in members if m["name"] == e["discriminator"])
        branches = []
        for value in self.raw[tag][2]["data"]:
            value = value if isinstance(value, str) else value["name"]
            if value in e["data"]:
                b = e["data"][value]
                b = b if isinstance(b, dict) else {"type": b}
                branches.append({"name": value, "type": b["type"], **({"if": b["if"]} if "if" in b else {})})
        self.facts.types[name] = {"kind": "object", **fields, "members": members, "tag": e["discriminator"],
                                  "branches": branches}

    def take_alternate(self, name, fields, e, since):
        branches = [{k: v for k, v in member(n, v, since).items() if k != "optional"} for n, v in e["data"].items()]
        self.facts.types[name] = {"kind": "alternate", **fields, "branches": branches}

    def arguments(self, e, since):
        data = e.get("data")
        if isinstance(data, dict):
            return {"members": self.own_members(data, since)} if data else None
        return data

    def take_command(self, name, fields, e, since):
        args = self.arguments(e, since)
        self.facts.commands[name] = {
            **fields, **({"oob": True} if e.get("allow-oob") else {}),
            **({"open": True} if not e.get("gen", True) and args else {}),
            **({"silent": True} if not e.get("success-response", True) else {}),
            **({"args": args} if args else {}),
            **({"returns": type_name(e["returns"])} if "returns" in e else {})}

    def take_event(self, name, fields, e, since):
        data = self.arguments(e, since)
        self.facts.events[name] = {**fields, **({"data": data} if data else {})}


def read_sources(directory, release):
    """`directory`: a QEMU's source tree, or its qapi directory."""
    for top in (os.path.join(directory, "qapi", "qapi-schema.json"), os.path.join(directory, "qapi-schema.json")):
        if os.path.exists(top):
            facts = Reader().read(top)
            facts.release = release
            return facts
    raise FactsError(f"{directory}: there is no qapi-schema.json")
