"""schema/qga-X.Y.json -> the table behind qmp/agent.h: the guest agent's commands, as query-qmp-schema would tell them.

`agent.py FACTS OUTPUT`. What channels are kept in order with is left out: it belongs to whoever has the channel."""

import json
import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from schema.facts import BUILTINS, Facts, element_of, json_type  # noqa: E402

OF_THE_CHANNEL = ("guest-sync", "guest-sync-delimited")
EMPTY = "empty"


def shown(name):
    """As no QEMU's schema and none of the gateway's own types is called."""
    return f"[{shown(element_of(name))}]" if element_of(name) else f"agent:{name}"


def members_of(entries):
    return [{"name": m["name"], "type": shown(m["type"]), **({"default": None} if m.get("optional") else {})} for m in entries]


def type_elements(facts, names):
    """Of types, lists and builtins that are used, each once."""
    yield {"name": shown(EMPTY), "meta-type": "object", "members": []}
    for name in sorted(names):
        element = element_of(name)
        if element:
            yield {"name": shown(name), "meta-type": "array", "element-type": shown(element)}
        elif name in BUILTINS:
            yield {"name": shown(name), "meta-type": "builtin", "json-type": json_type(name)}
        else:
            yield type_element(facts, name, facts.types[name])


def branches_of(facts, t):
    """Every value of the tag has one."""
    own = {b["name"]: b["type"] for b in t["branches"]}
    tag = next(m["type"] for m in t["members"] if m["name"] == t["tag"])
    return [{"case": v["name"], "type": shown(own.get(v["name"], EMPTY))} for v in facts.types[tag]["values"]]


def type_element(facts, name, t):
    name = shown(name)
    if t["kind"] == "enum":
        return {"name": name, "meta-type": "enum", "members": [{"name": v["name"]} for v in t["values"]],
                "values": [v["name"] for v in t["values"]]}
    if t["kind"] == "alternate":
        return {"name": name, "meta-type": "alternate", "members": [{"type": shown(b["type"])} for b in t["branches"]]}
    return {"name": name, "meta-type": "object", "members": members_of(t["members"]),
            **({"tag": t["tag"], "variants": branches_of(facts, t)} if "tag" in t else {})}


def all_used(facts):
    todo = [t for c in facts.commands.values() for t in facts.used_by(c)]
    seen = set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend([element_of(name)] if element_of(name) else facts.used_by(facts.types.get(name, {})))
    return seen


def argument_type(name, args):
    """(name of the type, elements that it needs)."""
    if not args:
        return shown(EMPTY), []
    if isinstance(args, str):
        return shown(args), []
    return shown(f"{name}-arg"), [{"name": shown(f"{name}-arg"), "meta-type": "object", "members": members_of(args["members"])}]


def command_elements(name, c):
    arguments, elements = argument_type(name, c.get("args"))
    return elements + [{"name": name, "meta-type": "command", "arg-type": arguments, "ret-type": shown(c.get("returns", EMPTY))}]


def c_string(elements):
    text = ", ".join(json.dumps(e) for e in elements)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def table(facts):
    commands = {n: c for n, c in facts.commands.items() if n not in OF_THE_CHANNEL}
    yield f"/* Made by schema/agent.py of schema/qga-{facts.release}.json. */"
    yield "static const char *const agent_types[] = {"
    for element in type_elements(facts, all_used(facts)):
        yield f"    {c_string([element])},"
    yield "};"
    yield "static const struct agent_command agent_commands[] = {"
    for name, c in sorted(commands.items()):
        yield f"    {{ \"{name}\", {'true' if c.get('silent') else 'false'}, {c_string(command_elements(name, c))} }},"
    yield "};"


def main():
    facts, out = sys.argv[1:]
    with open(out, "w", encoding="ascii") as f:
        f.write("\n".join(table(Facts.load(facts))) + "\n")


if __name__ == "__main__":
    main()
