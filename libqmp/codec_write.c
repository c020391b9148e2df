#include "config.h"
#include "libqmp/codec.h"

#include <string.h>
#include "base/mem.h"
#include "base/utf8.h"
#include "libqmp/number.h"
#include "qmp/scan.h"
#include "qmp/write.h"

struct writer {
    struct buf *out;
    struct qmp_error **err;
    unsigned depth; /* containers that are open */
};

static int write_place(struct writer *w, const struct codec_type *type, const void *place,
                       const struct place_name *at);

static int complain(struct writer *w, const struct place_name *at, const char *what)
{
    char path[LIMIT_API_PATH];
    if (!w->err)
        return -1;
    return problem_set(w->err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT, "%s: %s",
                       place_name_text(at, path), what);
}

/* --- values ----------------------------------------------------------------------------------- */

static int write_string(struct writer *w, const char *s, const struct place_name *at)
{
    size_t len = strlen(s);
    if (!utf8_is_valid(s, len))
        return complain(w, at, "is not UTF-8");
    buf_add_json_string(w->out, s, len);
    return 0;
}

static int write_any(struct writer *w, const char *text, const struct place_name *at)
{
    struct qmp_scanner *s = codec_scan(text, QMP_ERROR_KIND_ARGUMENT, NULL);
    if (!s)
        return complain(w, at, "is not one JSON value");
    qmp_write_value(w->out, qmp_scanner_tape(s), 0);
    qmp_scanner_free(s);
    return 0;
}

static int write_enum(struct writer *w, const struct codec_type *type, uint32_t value,
                      const struct place_name *at)
{
    if (value == 0 || value >= type->n)
        return complain(w, at, "has no value that QEMU knows");
    buf_add_char(w->out, '"');
    buf_add_str(w->out, type->values[value]); /* QEMU's names need no escapes */
    buf_add_char(w->out, '"');
    return 0;
}

static int write_list(struct writer *w, const struct codec_type *element,
                      const struct codec_list *list, const struct place_name *at)
{
    size_t size = codec_place_size(element);
    buf_add_char(w->out, '[');
    for (size_t i = 0; i < list->n; i++) {
        struct place_name here = { at, NULL, i };
        const char *place = (const char *)list->items + i * size;
        if (i > 0)
            buf_add_char(w->out, ',');
        if (codec_is_pointer(element) && !*(void *const *)place)
            return complain(w, &here, "is missing");
        if (write_place(w, element, place, &here) < 0)
            return -1;
    }
    buf_add_char(w->out, ']');
    return 0;
}

/* --- objects ---------------------------------------------------------------------------------- */

static bool is_there(const struct codec_member *m, const void *s)
{
    if (m->has != CODEC_NONE)
        return *(const bool *)codec_at(s, m->has);
    return !codec_is_pointer(m->type) || *(void *const *)codec_at(s, m->offset);
}

/* Of members that need not be there QEMU has its own default. */
static bool needs_nothing(const struct codec_type *type)
{
    for (unsigned i = 0; i < type->n; i++) {
        if (!(type->members[i].flags & CODEC_OPTIONAL))
            return false;
    }
    return true;
}

static int write_members(struct writer *w, const struct codec_type *type, const void *s,
                         const struct place_name *at);

static int write_branch(struct writer *w, const struct codec_type *branch, const void *s,
                        const struct place_name *at)
{
    if (s)
        return write_members(w, branch, s, at);
    return needs_nothing(branch) ? 0 : complain(w, at, "the branch of the union is missing");
}

static void write_separator(struct writer *w)
{
    if (buf_data(w->out)[buf_len(w->out) - 1] != '{')
        buf_add_char(w->out, ',');
}

static int write_more(struct writer *w, const struct codec_type *type, const char *text,
                      const struct place_name *at)
{
    struct qmp_scanner *scanner = codec_scan(text, QMP_ERROR_KIND_ARGUMENT, NULL);
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    int rc = 0;
    if (!t || qmp_tape_kind(t, 0) != QMP_KIND_OBJECT) {
        qmp_scanner_free(scanner);
        return complain(w, at, "what it has beside its members is not one JSON object");
    }
    for (unsigned i = 0; i < type->n && rc == 0; i++) {
        const struct codec_member *m = &type->members[i];
        struct place_name here = { at, m->name, 0 };
        if (qmp_tape_find(t, 0, (struct span){ m->name, m->length }) != QMP_NONE)
            rc = complain(w, &here, "is a member of its own");
    }
    if (rc == 0) {
        QMP_TAPE_MEMBERS (t, 0, name, value) {
            write_separator(w);
            qmp_write_value(w->out, t, name);
            buf_add_char(w->out, ':');
            qmp_write_value(w->out, t, value);
        }
    }
    qmp_scanner_free(scanner);
    return rc;
}

static int write_members(struct writer *w, const struct codec_type *type, const void *s,
                         const struct place_name *at)
{
    for (unsigned i = 0; i < type->n; i++) {
        const struct codec_member *m = &type->members[i];
        struct place_name here = { at, m->name, 0 };
        if (!is_there(m, s)) {
            if (m->flags & CODEC_OPTIONAL)
                continue;
            return complain(w, &here, "is missing");
        }
        write_separator(w);
        buf_add_char(w->out, '"');
        buf_add(w->out, m->name, m->length);
        buf_add(w->out, "\":", 2);
        if (write_place(w, m->type, codec_at(s, m->offset), &here) < 0)
            return -1;
    }
    const char *more = type->open == CODEC_NONE ? NULL : *(char *const *)codec_at(s, type->open);
    if (more && write_more(w, type, more, at) < 0)
        return -1;
    const struct codec_type *branch = codec_branch(type, s);
    return branch ? write_branch(w, branch, *(void *const *)codec_at(s, type->u), at) : 0;
}

static int write_object(struct writer *w, const struct codec_type *type, const void *s,
                        const struct place_name *at)
{
    buf_add_char(w->out, '{');
    if (write_members(w, type, s, at) < 0)
        return -1;
    buf_add_char(w->out, '}');
    return 0;
}

static int write_alternate(struct writer *w, const struct codec_type *type, const void *s,
                           const struct place_name *at)
{
    const struct codec_type *choice = codec_branch(type, s);
    const void *place = codec_at(s, type->u);
    if (!choice)
        return complain(w, at, "has no kind");
    if (codec_is_pointer(choice) && !*(void *const *)place)
        return complain(w, at, "is missing");
    return write_place(w, choice, place, at);
}

/* --- all of them ------------------------------------------------------------------------------ */

static int write_container(struct writer *w, const struct codec_type *type, const void *p,
                           const struct place_name *at)
{
    int rc;
    if (w->depth == LIMIT_API_DEPTH)
        return complain(w, at, "is nested too deep");
    w->depth++;
    if (type->kind == CODEC_LIST)
        rc = write_list(w, type->element, p, at);
    else if (type->kind == CODEC_OBJECT)
        rc = write_object(w, type, p, at);
    else
        rc = write_alternate(w, type, p, at);
    w->depth--;
    return rc;
}

static int write_place(struct writer *w, const struct codec_type *type, const void *place,
                       const struct place_name *at)
{
    switch (type->kind) {
    case CODEC_BOOL:
        buf_add_str(w->out, *(const bool *)place ? "true" : "false");
        return 0;
    case CODEC_DOUBLE:
        if (!number_write_double(w->out, *(const double *)place))
            return complain(w, at, "is not a finite number");
        return 0;
    case CODEC_ENUM:
        return write_enum(w, type, *(const uint32_t *)place, at);
    case CODEC_NULL:
        buf_add_str(w->out, "null");
        return 0;
    case CODEC_STRING:
        return write_string(w, *(char *const *)place, at);
    case CODEC_ANY:
        return write_any(w, *(char *const *)place, at);
    case CODEC_LIST:
    case CODEC_OBJECT:
    case CODEC_ALTERNATE:
        return write_container(w, type, *(void *const *)place, at);
    case CODEC_INT8:
    case CODEC_INT16:
    case CODEC_INT32:
    case CODEC_INT64:
    case CODEC_UINT8:
    case CODEC_UINT16:
    case CODEC_UINT32:
    case CODEC_UINT64:
        break;
    }
    number_write_integer(w->out, type->kind, place);
    return 0;
}

int codec_write(const struct codec_type *type, const void *place, const char *what, struct buf *out,
                struct qmp_error **err)
{
    struct writer w = { .out = out, .err = err };
    struct place_name at = { NULL, what, 0 };
    if (codec_is_pointer(type) && !*(void *const *)place)
        return complain(&w, &at, "is missing");
    return write_place(&w, type, place, &at);
}
