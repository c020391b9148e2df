"""For tests: every command and event behind one face, by calls of the typed functions that a program would make."""

from libqmp.generator import names
from libqmp.generator.headers import args_type
from libqmp.generator.text import banner


def reply_macro(model, c):
    t = c.returns
    if not t:
        return f"PROBE_REPLY_NOTHING({c.c})"
    if t in ("str", "any"):
        return f"PROBE_REPLY_TEXT({c.c}, {'probe_quote' if t == 'str' else 'probe_same'})"
    if model.is_pointer(t):
        return f"PROBE_REPLY({c.c}, {model.c_type(t).split()[1]})"
    if t in model.types:
        return f"PROBE_REPLY_ENUM({c.c}, {model.types[t].c})"
    return f"PROBE_REPLY_NUMBER({c.c}, {model.c_type(t).strip()})"


def probes(model):
    out = [banner("libqmp/gen/probes.c", model), "#define QMP_USE_UNSTABLE\n#define QMP_NO_DEPRECATED\n"
           '#include "config.h"\n#include "tests/libqmp/probe.h"\n\n#include <qmp.h>\n#include "tests/libqmp/probe_macros.h"\n\n']
    for c in model.commands:
        if c.args:
            out.append(f"PROBE_ARGS({c.c}, {args_type(model, c).split()[1]})\n")
        else:
            out.append(f"PROBE_NO_ARGS({c.c})\n")
        out.append(reply_macro(model, c) + "\n")
    with_data = [e for e in model.events if e.data and model.has_members(e.data)]
    for e in with_data:
        out.append(f"PROBE_EVENT({e.c}, {model.types[e.data].c}, {names.word(e.c)})\n")
    out.append("\nconst struct probe_command probe_commands[] = {\n")
    out += [f"    {{ \"{c.name}\", probe_args_{c.c}, probe_reply_{c.c}, probe_call_{c.c} }},\n" for c in model.commands]
    out.append("    { NULL, NULL, NULL, NULL },\n};\n\nconst struct probe_event probe_events[] = {\n")
    for e in model.events:
        face = f"probe_event_{e.c}" if e in with_data else "NULL"
        out.append(f"    {{ \"{e.name}\", {names.constant('qmp_event_kind', e.name)}, {face} }},\n")
    out.append("    { NULL, QMP_EVENT_KIND_UNKNOWN, NULL },\n};\n")
    return "".join(out)
