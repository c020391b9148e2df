"""The symbol map: what the library exports, each under the release of QEMU whose facts brought it."""

EVENTS = ("qmp_event_parse", "qmp_event_parse_parts", "qmp_event_free", "qmp_event_kind_to_string",
          "qmp_event_kind_from_string")


def map_(own, models):
    """`own`: symbols that are written by hand; `models`: of the first release, of the first two, ..."""
    out, before, known = [], "", set()
    for i, model in enumerate(models):
        new = set(model.functions()) | ({*EVENTS, *own} if i == 0 else set())
        node = f"LIBQMP_{model.facts.release}"
        names = "".join(f"        {s};\n" for s in sorted(new - known))
        local = "    local:\n        *;\n" if i == 0 else ""
        out.append(f"{node} {{\n    global:\n{names}{local}}}{before};\n")
        known |= new
        before = " " + node
    return "\n".join(out)
