"""One public header for each module: enumerations, structures, functions."""

from libqmp.generator import names
from libqmp.generator.model import BUILTIN_LISTS, LISTS_MODULE, SCALARS
from libqmp.generator.text import banner, facts_line, section
from schema.facts import element_of

OPEN = """#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif
"""
CLOSE = """
#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
"""


def name_of(c, features):
    """The name as a declaration has it: what is unstable can be named only by who opted in."""
    return f"QMP_UNSTABLE({c})" if "unstable" in features else c


def attribute(features):
    return " QMP_DEPRECATED" if "deprecated" in features else ""


# --- types -------------------------------------------------------------------------------------------

def enum(t):
    lines = [f"/* {t.name}: {facts_line(t.fact, t.module)} */", f"enum {t.c} {{", f"    {t.c.upper()}_UNKNOWN = 0,"]
    for i, (_, constant, fact) in enumerate(t.values, 1):
        features = fact.get("features", [])
        since = f" /* since {fact['since']} */" if "since" in fact else ""
        lines.append(f"    {name_of(constant, features)}{attribute(features)} = {i},{since}")
    lines += ["};", "/* QEMU's word, or NULL of UNKNOWN; and back. */",
              f"const char *{t.c}_to_string(enum {t.c} value);", f"enum {t.c} {t.c}_from_string(const char *text);", ""]
    return "\n".join(lines) + "\n"


def member_lines(model, m):
    note = m.note()
    comment = f" /* {note} */" if note else ""
    if m.has:
        yield f"    bool {name_of(m.has, m.features)};"
    yield f"    {model.c_type(m.type)}{name_of(m.c, m.features)}{attribute(m.features)};{comment}"


def union_lines(t):
    model = t.model
    if not t.branch_pointers:
        yield "    union {"
        yield "        void *none_;"
        yield f"    }} u; /* by {t.tag.c} */"
        return
    yield "    union {"
    for wire, c, inner, fact in t.branch_pointers:
        constant = next(k for v, k, _ in model.types[t.tag.type].values if v == wire)
        yield f"        {model.c_type(inner)}{c}; /* {constant} */"
    yield f"    }} u; /* by {t.tag.c} */"


def structure(t):
    lines = [f"/* {t.name}: {facts_line(t.fact, t.module)} */", f"struct {t.c} {{"]
    if t.is_empty_at_first:
        lines.append("    char reserved_; /* no members so far */")
    for m in t.early_members:
        lines += member_lines(t.model, m)
    if t.open:
        lines.append("    char *more; /* JSON text, optional: an object with members beside those above */")
    if t.tag:
        lines += union_lines(t)
    for m in t.late_members:
        lines += member_lines(t.model, m)
    return "\n".join(lines + ["};"]) + "\n" + value_functions(t.c)


def alternate(t):
    lines = [f"enum {t.kind_enum} {{", f"    {t.kind_enum.upper()}_UNKNOWN = 0,"]
    lines += [f"    {t.choice_constant(wire)} = {i}," for i, (wire, _, _, _) in enumerate(t.branches, 1)]
    lines += ["};", f"/* {t.name}: {facts_line(t.fact, t.module)} */", f"struct {t.c} {{", f"    enum {t.kind_enum} kind;",
              "    union {", "        uint64_t any_; /* all are as wide */"]
    for wire, c, inner, _ in t.branches:
        if inner == "null":
            continue
        lines.append(f"        {t.model.c_type(inner)}{c}; /* {t.choice_constant(wire)} */")
    lines += ["    } u;", "};"]
    return "\n".join(lines) + "\n" + value_functions(t.c)


def value_functions(c):
    return (f"struct {c} *{c}_new(void);\n"
            f"void {c}_free(struct {c} *value);\n"
            f"struct {c} *{c}_copy(const struct {c} *value);\n"
            f"bool {c}_equal(const struct {c} *a, const struct {c} *b);\n"
            f"char *{c}_to_json(const struct {c} *value, struct qmp_error **err);\n"
            f"int {c}_from_json(const char *json, struct {c} **value, struct qmp_error **err) QMP_MUST_CHECK;\n\n")


def list_(c, item):
    return (f"struct {c} {{\n    size_t n;\n    {item}*items; /* n of them */\n}};\n" + value_functions(c)[:-1]
            + f"void {c}_append(struct {c} *list, {item.strip() if not item.endswith('*') else item}"
            f"{'' if item.endswith('*') else ' '}item);\n\n")


# --- functions ---------------------------------------------------------------------------------------

def args_type(model, command):
    return f"struct {model.types[command.args].c}" if command.args else f"struct {command.c}_args"


def ret_type(model, command):
    return model.c_type(command.returns).rstrip(" ") if command.returns else "void"


def command(model, c):
    unstable = "unstable" in c.features
    lines = ["#if defined(QMP_USE_UNSTABLE)"] if unstable else []
    lines += [f"/* {c.name}: {facts_line(c.fact, c.module)}{', out of band' if c.fact.get('oob') else ''}",
              f" * returns: {returns_text(model, c)} */"]
    if not c.args:
        lines.append(f"struct {c.c}_args; /* it takes none: NULL */")
    space = "" if ret_type(model, c).endswith("*") else " "
    lines += [f"int {c.c}_build(const {args_type(model, c)} *args, struct qmp_msg *msg,",
              f"    struct qmp_error **err) QMP_MUST_CHECK{attribute(c.features)};",
              f"int {c.c}_parse_reply(const char *json, {ret_type(model, c)}{space}*ret,",
              f"    struct qmp_error **err) QMP_MUST_CHECK{attribute(c.features)};",
              f"int {c.c}(struct qmp_session *session, const {args_type(model, c)} *args, {ret_type(model, c)}{space}*ret,",
              f"    struct qmp_error **err) QMP_MUST_CHECK{attribute(c.features)};"]
    return "\n".join(lines + ["#endif"] * unstable) + "\n\n"


def returns_text(model, c):
    if not c.returns:
        return "nothing: ret is NULL"
    t = c.returns
    if t == "any":
        return "JSON text, to be freed with free()"
    if t == "str":
        return "a string, to be freed with free()"
    return f"{t}, to be freed with {model.c_type(t).split()[1]}_free()" if model.is_pointer(t) else t


# --- headers -----------------------------------------------------------------------------------------

def needed_modules(model, module):
    """Other headers that enumerations by value come from."""
    needed = set()
    for t in model.types.values():
        if t.module == module:
            needed.update(model.enums_of(t))
    for c in model.commands:
        if c.module == module and c.returns in model.types and model.types[c.returns].kind == "enum":
            needed.add(model.types[c.returns].module)
    for t in model.lists:
        element = model.types[element_of(t)]
        if element.module == module and element.kind == "enum":
            needed.add(element.module)
    needed.discard(module)
    return sorted(needed)


def forward_declarations(model, module):
    """Structures of others that are pointed to."""
    tags = {"qmp_session"}

    def use(t):
        if t and model.is_pointer(t) and t not in ("str", "any"):
            tags.add(model.c_type(t).split()[1])

    for t in model.types.values():
        if t.module == module:
            for inner in [m.type for m in t.members] + [b[2] for b in t.branches if b[2] != "null"]:
                use(inner)
    for c in model.commands:
        if c.module == module:
            use(c.args)
            use(c.returns)
    for t in model.lists:
        if model.types[element_of(t)].module == module:
            use(element_of(t))
    return "".join(f"struct {t};\n" for t in sorted(tags))


def header(model, module):
    path = f"libqmp/{module}.h"
    own = [t for t in model.types.values() if t.module == module]
    out = [banner(path, model), f"#ifndef {names.guard(path)}\n#define {names.guard(path)}\n\n#include <libqmp/base.h>\n",
           f"#include <libqmp/{LISTS_MODULE}.h>\n"]
    out += [f"#include <libqmp/{m}.h>\n" for m in needed_modules(model, module)]
    out += ["\n", OPEN, "\n", forward_declarations(model, module), "\n"]
    makers = {"enum": enum, "object": structure, "alternate": alternate}
    for title, kinds in (("enumerations", ("enum",)), ("structures", ("object", "alternate"))):
        part = [makers[t.kind](t) for t in sorted(own, key=lambda t: t.c) if t.kind in kinds]
        if part:
            out += [section(title), *part]
    part = [list_(model.list_name(t), model.c_type(element_of(t))) for t in model.lists
            if model.types[element_of(t)].module == module]
    if part:
        out += [section("lists"), *part]
    part = [command(model, c) for c in model.commands if c.module == module]
    if part:
        out += [section("commands"), *part]
    return "".join(out) + CLOSE


def builtin_lists():
    """C name -> QAPI's builtin, each once."""
    found = {}
    for builtin, c in BUILTIN_LISTS.items():
        found.setdefault(c, builtin)
    return found


def lists_header(model):
    path = f"libqmp/{LISTS_MODULE}.h"
    out = [banner(path, model), f"#ifndef {names.guard(path)}\n#define {names.guard(path)}\n\n#include <libqmp/base.h>\n\n", OPEN, "\n"]
    for c, builtin in sorted(builtin_lists().items()):
        item = SCALARS[builtin][0]
        out.append(list_(c, item if item.endswith("*") else item + " "))
    return "".join(out) + CLOSE


def events_header(model):
    path = "libqmp/events.h"
    modules = sorted({e.module for e in model.events} | {model.types[e.data].module for e in model.events if e.data})
    out = [banner(path, model), f"#ifndef {names.guard(path)}\n#define {names.guard(path)}\n\n#include <libqmp/base.h>\n"]
    out += [f"#include <libqmp/{m}.h>\n" for m in modules if m in model.modules]
    out += ["\n", OPEN, "\nenum qmp_event_kind {\n    QMP_EVENT_KIND_UNKNOWN = 0,\n"]
    for i, e in enumerate(model.events, 1):
        constant = names.constant("qmp_event_kind", e.name)
        out.append(f"    {name_of(constant, e.features)}{attribute(e.features)} = {i}, /* {facts_line(e.fact, e.module)} */\n")
    out.append("};\nconst char *qmp_event_kind_to_string(enum qmp_event_kind value);\n"
               "enum qmp_event_kind qmp_event_kind_from_string(const char *text);\n\n")
    out.append("struct qmp_event {\n    enum qmp_event_kind kind;\n    char *name;\n"
               "    int64_t seconds;      /* since 1970, or -1 where QEMU does not know */\n"
               "    int64_t microseconds; /* of the second, or -1 */\n"
               "    char *data;           /* JSON text: what an event of unknown kind says, or NULL */\n    union {\n"
               "        void *any;\n")
    for e in model.events:
        if e.data and model.has_members(e.data):
            out.append(f"        struct {model.types[e.data].c} *{names.word(e.c)};\n")
    out.append("    } u; /* by kind; kinds without data have none */\n};\n"
               "/* One event as QEMU sends it: {\"event\":...}. */\n"
               "int qmp_event_parse(const char *json, struct qmp_event **event, struct qmp_error **err) QMP_MUST_CHECK;\n"
               "/* The same with its parts apart, as libvirt hands them on; `data` is JSON text or NULL. */\n"
               "int qmp_event_parse_parts(const char *name, int64_t seconds, int64_t microseconds,\n"
               "    const char *data, struct qmp_event **event, struct qmp_error **err) QMP_MUST_CHECK;\n"
               "void qmp_event_free(struct qmp_event *event);\n")
    return "".join(out) + CLOSE


def umbrella(model):
    out = [banner("qmp.h", model), "/* All of libqmp. A program that needs little includes <libqmp/MODULE.h>. */\n",
           "#ifndef LIBQMP_QMP_H\n#define LIBQMP_QMP_H\n\n#include <libqmp/base.h>\n#include <libqmp/session.h>\n"]
    out += [f"#include <libqmp/{m}.h>\n" for m in (LISTS_MODULE, *model.modules, "events")]
    return "".join(out) + "\n#endif\n"
