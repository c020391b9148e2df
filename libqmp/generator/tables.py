"""The sources: one file for each module, with the engine's tables of its types and the typed functions."""

from libqmp.generator import names
from libqmp.generator.headers import args_type, builtin_lists, ret_type
from libqmp.generator.model import LISTS_MODULE, SCALARS
from libqmp.generator.text import banner
from schema.facts import element_of

HEAD = '#define QMP_USE_UNSTABLE\n#define QMP_NO_DEPRECATED\n#include "config.h"\n'


def declarations(model):
    """Every table, for every source."""
    out = [banner("libqmp/gen/types.h", model), "#ifndef LIBQMP_GEN_TYPES_H\n#define LIBQMP_GEN_TYPES_H\n\n",
           '#include "libqmp/codec.h"\n\n']
    tables = {f"codec_of_{kind.lower()}" for _, kind in SCALARS.values()} | {model.table(t) for t in model.types}
    tables |= {model.table(t) for t in model.lists} | {f"codec_of_{c}" for c in builtin_lists()}
    out += [f"extern const struct codec_type {t};\n" for t in sorted(tables)]
    return "".join(out) + "\n#endif\n"


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def enum(t):
    values = "".join(f"    {c_string(wire)},\n" for wire, _, _ in t.values)
    return (f"static const char *const values_{t.c}[] = {{\n    NULL,\n{values}}};\n"
            f"const struct codec_type codec_of_{t.c} = {{\n    .name = {c_string(t.name)}, .kind = CODEC_ENUM,\n"
            f"    .n = {len(t.values) + 1}, .tag = CODEC_NONE, .u = CODEC_NONE, .open = CODEC_NONE,\n"
            f"    .values = values_{t.c},\n}};\nCODEC_ENUM_API({t.c})\n\n")


def structure(model, t):
    out = []
    if t.members:
        out.append(f"static const struct codec_member members_{t.c}[] = {{\n")
        for m in t.members:
            flags = "CODEC_OPTIONAL" if m.optional else "CODEC_LOOSE" if m.loose else "0"
            has = f"offsetof(struct {t.c}, {m.has})" if m.has else "CODEC_NONE"
            out.append(f"    {{ {c_string(m.wire)}, &{model.table(m.type)}, offsetof(struct {t.c}, {m.c}),\n"
                       f"      {has}, {len(m.wire)}, {flags} }},\n")
        out.append("};\n")
    tag, u, n = "CODEC_NONE", "CODEC_NONE", 0
    if t.tag:
        by_value = {b[0]: b for b in t.branch_pointers}
        values = model.types[t.tag.type].values
        tag, u, n = str(t.members.index(t.tag)), f"offsetof(struct {t.c}, u)", len(values) + 1
        out.append(f"static const struct codec_type *const branches_{t.c}[] = {{\n    NULL,\n")
        out += [f"    &{model.table(by_value[v][2])},\n" if v in by_value else "    NULL,\n" for v, _, _ in values]
        out.append("};\n")
    open_ = f"offsetof(struct {t.c}, more)" if t.open else "CODEC_NONE"
    out.append(f"const struct codec_type codec_of_{t.c} = {{\n    .name = {c_string(t.name)}, .kind = CODEC_OBJECT,\n"
               f"    .size = sizeof(struct {t.c}), .n = {len(t.members)}, .tag = {tag}, .u = {u}, .open = {open_},\n"
               f"    .n_branches = {n},\n")
    if t.members:
        out.append(f"    .members = members_{t.c},\n")
    if t.tag:
        out.append(f"    .branches = branches_{t.c},\n")
    out.append(f"}};\nCODEC_VALUE_API({t.c})\n\n")
    return "".join(out)


def alternate(model, t):
    choices = "".join(f"    &{model.table(b[2])},\n" for b in t.branches)
    return (f"static const struct codec_type *const choices_{t.c}[] = {{\n{choices}}};\n"
            f"const struct codec_type codec_of_{t.c} = {{\n    .name = {c_string(t.name)}, .kind = CODEC_ALTERNATE,\n"
            f"    .size = sizeof(struct {t.c}), .n = {len(t.branches)}, .tag = CODEC_NONE,\n"
            f"    .u = offsetof(struct {t.c}, u), .open = CODEC_NONE,\n    .choices = choices_{t.c},\n}};\n"
            f"CODEC_VALUE_API({t.c})\n\n")


def list_(c, name, table, item):
    return (f"const struct codec_type codec_of_{c} = {{\n    .name = {c_string(name)}, .kind = CODEC_LIST, .tag = CODEC_NONE,\n"
            f"    .u = CODEC_NONE, .open = CODEC_NONE, .element = &{table},\n}};\nCODEC_LIST_API({c}, {item})\n\n")


def command(model, c):
    args = f"&{model.table(c.args)}" if c.args else "NULL"
    returns = f"&{model.table(c.returns)}" if c.returns else "NULL"
    return (f"static const struct codec_command command_{c.c} = {{ {c_string(c.name)}, {args},\n    {returns}, "
            f"{'true' if c.fact.get('oob') else 'false'} }};\n"
            f"CODEC_COMMAND_API({c.c}, {args_type(model, c)}, {ret_type(model, c)})\n\n")


def source(model, module):
    out = [banner(f"libqmp/gen/{module}.c", model), HEAD, f"#include <libqmp/{module}.h>\n",
           '#include "libqmp/command.h"\n#include "libqmp/gen/types.h"\n\n']
    for t in sorted((t for t in model.types.values() if t.module == module), key=lambda t: t.c):
        out.append(enum(t) if t.kind == "enum" else alternate(model, t) if t.kind == "alternate" else structure(model, t))
    for t in model.lists:
        element = element_of(t)
        if model.types[element].module == module:
            out.append(list_(model.list_name(t), t, model.table(element), model.c_type(element).rstrip(" ")))
    out += [command(model, c) for c in model.commands if c.module == module]
    return "".join(out)


def lists_source(model):
    out = [banner(f"libqmp/gen/{LISTS_MODULE}.c", model), HEAD, f"#include <libqmp/{LISTS_MODULE}.h>\n",
           '#include "libqmp/command.h"\n#include "libqmp/gen/types.h"\n\n']
    for kind in sorted({kind for _, kind in SCALARS.values()}):
        out.append(f"const struct codec_type codec_of_{kind.lower()} = {{\n    .name = \"{kind.lower()}\", .kind = CODEC_{kind},\n"
                   "    .tag = CODEC_NONE, .u = CODEC_NONE, .open = CODEC_NONE,\n};\n")
    for c, builtin in sorted(builtin_lists().items()):
        out.append(list_(c, f"[{builtin}]", f"codec_of_{SCALARS[builtin][1].lower()}", SCALARS[builtin][0]))
    return "".join(out)


def events_source(model):
    out = [banner("libqmp/gen/events.c", model), HEAD, "#include <libqmp/events.h>\n",
           '#include "libqmp/command.h"\n#include "libqmp/gen/types.h"\n\n',
           "static const char *const values_qmp_event_kind[] = {\n    NULL,\n"]
    out += [f"    {c_string(e.name)},\n" for e in model.events]
    out.append("};\nstatic const struct codec_type codec_of_qmp_event_kind = {\n"
               f"    .name = \"event\", .kind = CODEC_ENUM, .n = {len(model.events) + 1}, .tag = CODEC_NONE,\n"
               "    .u = CODEC_NONE, .open = CODEC_NONE, .values = values_qmp_event_kind,\n};\n"
               "static const struct codec_type *const types_of_events[] = {\n    NULL,\n")
    out += [f"    &{model.table(e.data)}, /* {e.name} */\n" if e.data and model.has_members(e.data) else f"    NULL, /* {e.name} */\n"
            for e in model.events]
    out.append("};\nstatic const struct codec_events events = { &codec_of_qmp_event_kind, types_of_events };\n\n")
    out += [f"_Static_assert(offsetof(struct qmp_event, {f}) == offsetof(struct codec_event, {f}), \"{f}\");\n"
            for f in ("kind", "name", "seconds", "microseconds", "data", "u")]
    out.append("""_Static_assert(sizeof(struct qmp_event) == sizeof(struct codec_event), "size");

CODEC_ENUM_API(qmp_event_kind)

int qmp_event_parse(const char *json, struct qmp_event **event, struct qmp_error **err)
{
    return codec_event_parse(&events, json, (struct codec_event **)event, err);
}

int qmp_event_parse_parts(const char *name, int64_t seconds, int64_t microseconds, const char *data,
                          struct qmp_event **event, struct qmp_error **err)
{
    return codec_event_parse_parts(&events, name, seconds, microseconds, data,
                                   (struct codec_event **)event, err);
}

void qmp_event_free(struct qmp_event *event)
{
    codec_event_free(&events, (struct codec_event *)event);
}
""")
    return "".join(out)
