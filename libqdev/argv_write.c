/* A description as the word behind its option. */
#include "config.h"
#include <qdev.h>

#include <string.h>
#include "base/mem.h"
#include "libqdev/kinds.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"
#include "libqdev/value.h"
#include "libqdev/words.h"

struct writer {
    const struct qdev *q;
    struct buf out;
    struct buf key; /* of the value that is written, dotted */
    struct qdev_error **err;
};

static void cleanup_writer(struct writer *w)
{
    buf_free(&w->out);
    buf_free(&w->key);
}

static struct span key_span(const struct writer *w)
{
    return (struct span){ buf_data(&w->key), buf_len(&w->key) };
}

static int cannot(struct writer *w, const char *why)
{
    return qdev_problem(w->err, QDEV_ERROR_FORM, "%s cannot hold '%.*s': %s",
                        kind_facts(w->q->kind)->option, SHOWN(key_span(w)), why);
}

static void add_doubled(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == ',')
            buf_add_char(out, ',');
        buf_add_char(out, text.data[i]);
    }
}

static void add_pair(struct writer *w, struct span key, struct span value)
{
    if (buf_len(&w->out) > 0)
        buf_add_char(&w->out, ',');
    buf_add_span(&w->out, key);
    buf_add_char(&w->out, '=');
    add_doubled(&w->out, value);
}

static int write_scalar(struct writer *w, const struct qdev_value *v)
{
    CLEANUP_BUF struct buf text = { 0 };
    if (!value_add_text(v, &text))
        return cannot(w, v->kind == QDEV_NULL ? "there is no null in it"
                                              : "it has no lists or objects there");
    add_pair(w, key_span(w), (struct span){ buf_data(&text), buf_len(&text) });
    /* early, so that deep keys do not make it grow and grow */
    return buf_len(&w->out) <= LIMIT_QDEV_WORD_BYTES
               ? 0
               : qdev_problem(w->err, QDEV_ERROR_LIMIT,
                              "%s: a word of more than %u bytes, Linux's limit",
                              kind_facts(w->q->kind)->option, LIMIT_QDEV_WORD_BYTES);
}

/* --- options ---------------------------------------------------------------------------------- */

/* The text of {"str": TEXT}, or the value itself. */
static const struct qdev_value *element_text(const struct writer *w, const struct qdev_value *v)
{
    const struct qdev_value *str;
    if (w->q->kind != QDEV_NETDEV || v->kind != QDEV_OBJECT_VALUE || v->u.parts.n != 1)
        return v;
    str = v->u.parts.items[0];
    return strcmp(str->name, "str") == 0 ? str : v;
}

static int write_repeated(struct writer *w, const struct qdev_value *list)
{
    if (!kind_has_list(w->q->kind, list->name))
        return cannot(w, "QEMU reads no list there");
    if (list->u.parts.n == 0)
        return cannot(w, "there is no empty list in it");
    for (size_t i = 0; i < list->u.parts.n; i++) {
        if (write_scalar(w, element_text(w, list->u.parts.items[i])) < 0)
            return -1;
    }
    return 0;
}

static int write_option(struct writer *w, const struct qdev_value *v)
{
    struct span name = span_of(v->name);
    buf_clear(&w->key);
    buf_add_span(&w->key, name);
    if (memchr(name.data, ',', name.len) || memchr(name.data, '=', name.len))
        return cannot(w, "there are no commas or equals signs in its names");
    if (word_is_help(name))
        return cannot(w, "QEMU would print help");
    return v->kind == QDEV_LIST ? write_repeated(w, v) : write_scalar(w, v);
}

/* --- keyval ----------------------------------------------------------------------------------- */

static int write_keyval(struct writer *w, const struct qdev_value *v);

static int write_parts(struct writer *w, const struct qdev_value *v)
{
    size_t outer = buf_len(&w->key);
    if (v->depth > 0 && v->u.parts.n == 0)
        return cannot(w, "there are no empty lists or objects in it");
    for (size_t i = 0; i < v->u.parts.n; i++) {
        const struct qdev_value *part = v->u.parts.items[i];
        if (outer > 0)
            buf_add_char(&w->key, '.');
        if (part->name)
            buf_add_str(&w->key, part->name);
        else
            buf_add_uint(&w->key, i);
        if (part->name && !word_is_qapi_name(span_of(part->name)))
            return cannot(w, "names have letters, digits, '-', '_', and a letter first");
        if (write_keyval(w, part) < 0)
            return -1;
        buf_truncate(&w->key, outer);
    }
    return 0;
}

static int write_keyval(struct writer *w, const struct qdev_value *v)
{
    return value_has_parts(v) ? write_parts(w, v) : write_scalar(w, v);
}

/* --- all of it -------------------------------------------------------------------------------- */

/* Without its name where QEMU reads it so. */
static void write_type(struct writer *w, const struct kind_facts *f)
{
    struct span type = span_of(w->q->type);
    if (memchr(type.data, '=', type.len) || memchr(type.data, ',', type.len))
        add_pair(w, span_of(f->type_key), type);
    else
        buf_add_span(&w->out, type);
}

static int write_members(struct writer *w)
{
    const struct qdev_value *members = w->q->members;
    if (w->q->type && kind_is_keyval(w->q->kind, w->q->type))
        return write_keyval(w, members);
    for (size_t i = 0; i < members->u.parts.n; i++) {
        if (write_option(w, members->u.parts.items[i]) < 0)
            return -1;
    }
    return 0;
}

char *qdev_to_argv(const struct qdev *q, struct qdev_error **err)
{
    CLEANUP(cleanup_writer) struct writer w = { .q = q, .err = err };
    const struct kind_facts *f = kind_facts(q->kind);
    if (device_check_id(q, QDEV_ERROR_FORM, err) < 0)
        return NULL;
    if (q->type)
        write_type(&w, f);
    if (q->id)
        add_pair(&w, span_of(f->id_key), span_of(q->id));
    if (write_members(&w) < 0)
        return NULL;
    if (buf_len(&w.out) == 0 || buf_len(&w.out) > LIMIT_QDEV_WORD_BYTES) {
        qdev_problem(err, buf_len(&w.out) ? QDEV_ERROR_LIMIT : QDEV_ERROR_FORM,
                     "%s: a word must have 1 to %u bytes", f->option, LIMIT_QDEV_WORD_BYTES);
        return NULL;
    }
    return mem_strndup(buf_data(&w.out), buf_len(&w.out));
}
