"""A release that never was: all that a later QEMU may add, added everywhere, before and between what is there."""

import copy

from schema.facts import BUILTINS, Facts, element_of

KINDS = ("str", "bool", "[str]", "uint16", "NewThing", "NewColour", "any")


def newer(facts):
    new = copy.deepcopy(facts)
    new.release = "99.1"
    new.types["NewColour"] = {"kind": "enum", "module": "misc", "values": [{"name": "red"}, {"name": "green"}]}
    new.types["NewThing"] = {"kind": "object", "module": "misc", "members": [{"name": "colour", "type": "NewColour"}]}
    count = 0

    def member(required=False):
        nonlocal count
        count += 1
        return {"name": f"newer-{count}", "type": KINDS[count % len(KINDS)], **({} if required else {"optional": True})}

    def grow(members, required):
        members.insert(0, member(required))
        members.insert(len(members) // 2, member())

    arguments = types_of_arguments(facts)
    for name, t in list(new.types.items()):
        if name.startswith("New"):
            continue
        if t["kind"] == "enum" and name != "QType":
            t["values"].insert(0, {"name": "newest"})
            t["values"].insert(len(t["values"]) // 2, {"name": "newer"})
        elif t["kind"] == "object":
            grow(t["members"], required=name not in arguments)
            if "tag" in t:
                t["branches"].insert(0, {"name": "newest", "type": "NewThing"})
        elif t["kind"] == "alternate" and not any(b["type"] in ("bool", "number") for b in t["branches"]):
            t["branches"].insert(0, {"name": "newer", "type": "bool"})
    for kind, key in (("commands", "args"), ("events", "data")):
        for name, f in getattr(new, kind).items():
            if isinstance(f.get(key), dict):
                grow(f[key]["members"], required=kind == "events")
            elif key not in f:
                f[key] = {"members": [member()]}
    # a type may have another name there, and arguments one of their own
    new.types["RenamedStatus"] = new.types.pop("StatusInfo")
    new.commands["query-status"]["returns"] = "RenamedStatus"
    new.types["ResizeOptions"] = {"kind": "object", "module": "block-core", **new.commands["block_resize"]["args"]}
    new.commands["block_resize"]["args"] = "ResizeOptions"
    new.commands["a-new-one"] = {"module": "misc", "args": {"members": [{"name": "thing", "type": "NewThing"}]}, "returns": "[NewThing]"}
    new.events = {"A_NEW_ONE": {"module": "misc", "data": {"members": [{"name": "thing", "type": "NewThing"}]}}, **new.events}
    new.check()
    return new


def types_of_arguments(facts):
    """Types that clients send: what a later release adds to them is optional."""
    seen, todo = set(), [t for c in facts.commands.values() for t in facts.used_by({"args": c.get("args")})]
    while todo:
        name = todo.pop()
        name = element_of(name) or name
        if name not in BUILTINS and name not in seen:
            seen.add(name)
            todo.extend(facts.used_by(facts.types[name]))
    return seen


def write(source, path):
    with open(path, "w", encoding="ascii") as f:
        f.write(newer(Facts.load(source)).text())
