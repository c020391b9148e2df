"""A program that prints what other programs were compiled against: the place of every member, the number of every value.
The gate of the ABI runs it with the headers of one release and with those of a later one."""

from libqmp.generator.headers import builtin_lists
from libqmp.generator.text import banner


def lines(model):
    def member(struct, path):
        return f"    MEMBER({struct}, {path})\n"

    for t in model.types.values():
        if t.kind == "enum":
            yield from (f"    VALUE({constant})\n" for _, constant, _ in t.values)
            continue
        yield f"    SIZE({t.c})\n"
        for m in t.members:
            yield from (member(t.c, c) for c in (m.has, m.c) if c)
        if t.open:
            yield member(t.c, "more")
        if t.tag:
            yield from (member(t.c, f"u.{b[1]}") for b in t.branch_pointers)
        if t.kind == "alternate":
            yield member(t.c, "kind")
            yield from (member(t.c, f"u.{b[1]}") for b in t.branches if b[2] != "null")
            yield from (f"    VALUE({t.choice_constant(b[0])})\n" for b in t.branches)
    for c in sorted({model.list_name(t) for t in model.lists} | set(builtin_lists())):
        yield f"    SIZE({c})\n" + member(c, "n") + member(c, "items")
    for m in ("kind", "name", "seconds", "microseconds", "data", "u"):
        yield member("qmp_event", m)
    for i, e in enumerate(model.events, 1):
        yield f"    NUMBER(\"event {e.name}\", {i})\n"


def program(model):
    return (banner("libqmp/gen/layout.c", model) + """#define QMP_USE_UNSTABLE
#define QMP_NO_DEPRECATED
#include <qmp.h>
#include <stddef.h>
#include <stdio.h>

#define SIZE(s) { "size of " #s, sizeof(struct s), 0 },
#define MEMBER(s, m) { #s "." #m, offsetof(struct s, m), sizeof(((struct s *)0)->m) },
#define VALUE(v) { #v, v, 0 },
#define NUMBER(what, n) { what, n, 0 },

static const struct {
    const char *what;
    size_t number, size;
} layout[] = {
""" + "".join(lines(model)) + """};

int main(void)
{
    for (size_t i = 0; i < sizeof(layout) / sizeof(layout[0]); i++)
        printf("%s %zu %zu\\n", layout[i].what, layout[i].number, layout[i].size);
    return 0;
}
""")
