/* A description as JSON: behind its option, and as the arguments of its command. */
#include "config.h"
#include <qdev.h>

#include <string.h>
#include "base/mem.h"
#include "libqdev/chardev.h"
#include "libqdev/kinds.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"
#include "libqdev/value.h"

struct writer {
    const char *form; /* for errors: the option or command */
    bool untyped;     /* may be written, as strings */
    bool nested;      /* members may have parts or be null */
    struct buf out;
    struct qdev_error **err;
};

static void cleanup_writer(struct writer *w)
{
    buf_free(&w->out);
}

static void add_string(struct writer *w, const char *text)
{
    buf_add_json_string(&w->out, text, strlen(text));
}

static void add_member(struct writer *w, const char *name, const char *text)
{
    add_string(w, name);
    buf_add_char(&w->out, ':');
    add_string(w, text);
}

static int write_value(struct writer *w, const struct qdev_value *v);

/* What is between the brackets. */
static int write_parts(struct writer *w, const struct qdev_value *v, bool first)
{
    for (size_t i = 0; i < v->u.parts.n; i++) {
        const struct qdev_value *part = v->u.parts.items[i];
        if (!first)
            buf_add_char(&w->out, ',');
        first = false;
        if (part->name) {
            add_string(w, part->name);
            buf_add_char(&w->out, ':');
        }
        if (write_value(w, part) < 0)
            return -1;
    }
    return 0;
}

static int write_container(struct writer *w, const struct qdev_value *v)
{
    buf_add_char(&w->out, v->kind == QDEV_LIST ? '[' : '{');
    if (write_parts(w, v, true) < 0)
        return -1;
    buf_add_char(&w->out, v->kind == QDEV_LIST ? ']' : '}');
    return 0;
}

static int check_value(struct writer *w, const struct qdev_value *v)
{
    struct span name = span_of(v->name ? v->name : "an element");
    if (v->kind == QDEV_UNTYPED && !w->untyped)
        return qdev_problem(w->err, QDEV_ERROR_FORM,
                            "%s: '%.*s' is from a command line, which tells no types: set it again",
                            w->form, SHOWN(name));
    if (!w->nested && (value_has_parts(v) || v->kind == QDEV_NULL))
        return qdev_problem(w->err, QDEV_ERROR_FORM,
                            "%s: QEMU would drop '%.*s' without a word: it is no scalar", w->form,
                            SHOWN(name));
    return 0;
}

static int write_value(struct writer *w, const struct qdev_value *v)
{
    if (check_value(w, v) < 0)
        return -1;
    if (value_has_parts(v))
        return write_container(w, v);
    if (value_has_text(v))
        add_string(w, v->u.text);
    else if (v->kind == QDEV_BOOL)
        buf_add_str(&w->out, v->u.boolean ? "true" : "false");
    else if (!value_add_text(v, &w->out))
        buf_add_str(&w->out, "null");
    return 0;
}

static int write_all(struct writer *w, const struct qdev *q)
{
    const struct kind_facts *f = kind_facts(q->kind);
    buf_add_char(&w->out, '{');
    add_member(w, f->type_key, q->type);
    if (q->id) {
        buf_add_char(&w->out, ',');
        add_member(w, f->id_key, q->id);
    }
    if (write_parts(w, q->members, false) < 0)
        return -1;
    buf_add_char(&w->out, '}');
    return 0;
}

/* {"id": ID, "backend": {"type": TYPE, "data": {...}}} */
static int write_chardev(struct writer *w, const struct qdev *q)
{
    CLEANUP(cleanup_qdev) struct qdev *data = chardev_to_data(q, w->err);
    if (!data)
        return -1;
    buf_add_char(&w->out, '{');
    add_member(w, "id", q->id);
    BUF_ADD_LIT(&w->out, ",\"backend\":{");
    add_member(w, "type", data->type);
    BUF_ADD_LIT(&w->out, ",\"data\":");
    if (write_container(w, data->members) < 0)
        return -1;
    BUF_ADD_LIT(&w->out, "}}");
    return 0;
}

static char *finish(struct writer *w, size_t max)
{
    if (buf_len(&w->out) <= max)
        return mem_strndup(buf_data(&w->out), buf_len(&w->out));
    qdev_problem(w->err, QDEV_ERROR_LIMIT, "%s: it would have more than %zu bytes", w->form, max);
    return NULL;
}

char *qdev_to_json(const struct qdev *q, struct qdev_error **err)
{
    const struct kind_facts *f = kind_facts(q->kind);
    CLEANUP(cleanup_writer)
    struct writer w = { .form = f->option, .nested = true, .err = err };
    if (!f->json) {
        qdev_problem(err, QDEV_ERROR_FORM, "%s does not take JSON", f->option);
        return NULL;
    }
    if (device_check_id(q, QDEV_ERROR_FORM, err) < 0 || write_all(&w, q) < 0)
        return NULL;
    return finish(&w, LIMIT_QDEV_WORD_BYTES);
}

char *qdev_to_qmp(const struct qdev *q, unsigned flags, struct qdev_error **err)
{
    const struct kind_facts *f = kind_facts(q->kind);
    CLEANUP(cleanup_writer)
    struct writer w = { .form = f->command,
                        .untyped = q->kind == QDEV_DEVICE && !(flags & QDEV_QMP_NESTED),
                        .nested = q->kind != QDEV_DEVICE || (flags & QDEV_QMP_NESTED),
                        .err = err };
    if (!f->command) {
        qdev_problem(err, QDEV_ERROR_FORM, "%s has no QMP command: take a blockdev and a device",
                     f->option);
        return NULL;
    }
    if (flags & ~QDEV_QMP_NESTED) {
        qdev_problem(err, QDEV_ERROR_ARGUMENT, "there are no such flags");
        return NULL;
    }
    if (device_check_id(q, QDEV_ERROR_FORM, err) < 0 ||
        (q->kind == QDEV_CHARDEV ? write_chardev : write_all)(&w, q) < 0)
        return NULL;
    return finish(&w, LIMIT_QDEV_TEXT_BYTES);
}
