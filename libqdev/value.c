#include "config.h"
#include "libqdev/value.h"

#include <string.h>
#include "base/mem.h"
#include "libqdev/kinds.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"
#include "libqdev/words.h"

/* --- life ------------------------------------------------------------------------------------- */

struct qdev_value *value_new(struct qdev *owner, enum qdev_value_kind kind, unsigned depth)
{
    struct qdev_value *v = MEM_NEW(struct qdev_value);
    v->kind = kind;
    v->owner = owner;
    v->depth = depth;
    owner->n_values++;
    return v;
}

void value_free(struct qdev_value *v)
{
    if (!v)
        return;
    if (value_has_parts(v)) {
        for (size_t i = 0; i < v->u.parts.n; i++)
            value_free(v->u.parts.items[i]);
        free(v->u.parts.items);
    } else if (value_has_text(v)) {
        free(v->u.text);
    }
    v->owner->n_values--;
    free(v->name);
    free(v);
}

/* --- members ---------------------------------------------------------------------------------- */

#define NOT_FOUND SIZE_MAX

static size_t find_index(const struct qdev_value *object, struct span name)
{
    for (size_t i = 0; i < object->u.parts.n; i++) {
        if (word_is(name, object->u.parts.items[i]->name))
            return i;
    }
    return NOT_FOUND;
}

struct qdev_value *value_find(const struct qdev_value *object, struct span name)
{
    size_t i = find_index(object, name);
    return i == NOT_FOUND ? NULL : object->u.parts.items[i];
}

bool qdev_unset(struct qdev_value *object, const char *name)
{
    if (object->kind != QDEV_OBJECT_VALUE)
        return false;
    size_t i = find_index(object, span_of(name));
    if (i == NOT_FOUND)
        return false;
    struct qdev_value **items = object->u.parts.items;
    value_free(items[i]);
    object->u.parts.n--;
    memmove(&items[i], &items[i + 1], (object->u.parts.n - i) * sizeof(*items));
    return true;
}

/* --- what may be where ------------------------------------------------------------------------ */

static int check_name(const struct qdev_value *in, struct span name, struct qdev_error **err)
{
    const struct kind_facts *f = kind_facts(in->owner->kind);
    if (name.len == 0)
        return qdev_problem(err, QDEV_ERROR_ARGUMENT, "a member needs a name");
    if (name.len > LIMIT_QDEV_NAME_BYTES)
        return qdev_problem(err, QDEV_ERROR_LIMIT, "the name '%.*s...' has more than %u bytes",
                            SHOWN(name), LIMIT_QDEV_NAME_BYTES);
    if (!word_is_text(name))
        return qdev_problem(err, QDEV_ERROR_ARGUMENT, "the name '%.*s' is not UTF-8 without NUL",
                            SHOWN(name));
    if (in->depth == 0 && ((f->type_key && word_is(name, f->type_key)) || word_is(name, f->id_key)))
        return qdev_problem(err, QDEV_ERROR_ARGUMENT,
                            "'%.*s' is no member: it is given to qdev_new, or by qdev_set_id",
                            SHOWN(name));
    return 0;
}

static int check_place(const struct qdev_value *in, struct span name, struct qdev_error **err)
{
    if (!value_has_parts(in))
        return qdev_problem(err, QDEV_ERROR_ARGUMENT, "what is no object or list has no members");
    if ((in->kind == QDEV_LIST) != (name.data == NULL))
        return qdev_problem(err, QDEV_ERROR_ARGUMENT,
                            in->kind == QDEV_LIST ? "elements of a list have no names"
                                                  : "a member needs a name");
    if (in->depth >= LIMIT_QDEV_DEPTH)
        return qdev_problem(err, QDEV_ERROR_LIMIT, "more than %u levels", LIMIT_QDEV_DEPTH);
    if (in->owner->n_values >= LIMIT_QDEV_VALUES)
        return qdev_problem(err, QDEV_ERROR_LIMIT, "more than %u values", LIMIT_QDEV_VALUES);
    return in->kind == QDEV_OBJECT_VALUE ? check_name(in, name, err) : 0;
}

struct qdev_value *value_put(struct qdev_value *in, struct span name, enum qdev_value_kind kind,
                             struct qdev_error **err)
{
    if (check_place(in, name, err) < 0)
        return NULL;
    struct qdev_value *v = value_new(in->owner, kind, in->depth + 1);
    if (name.data)
        v->name = mem_strndup(name.data, name.len);
    size_t i = name.data ? find_index(in, name) : NOT_FOUND;
    if (i != NOT_FOUND) {
        value_free(in->u.parts.items[i]);
        in->u.parts.items[i] = v;
        return v;
    }
    mem_grow((void **)&in->u.parts.items, &in->u.parts.cap, in->u.parts.n + 1,
             sizeof(struct qdev_value *));
    in->u.parts.items[in->u.parts.n++] = v;
    return v;
}

struct qdev_value *value_put_text(struct qdev_value *in, struct span name,
                                  enum qdev_value_kind kind, struct span text,
                                  struct qdev_error **err)
{
    if (text.len > LIMIT_QDEV_TEXT_BYTES) {
        qdev_problem(err, QDEV_ERROR_LIMIT, "'%.*s': a value of more than %u bytes", SHOWN(name),
                     LIMIT_QDEV_TEXT_BYTES);
        return NULL;
    }
    if (!word_is_text(text)) {
        qdev_problem(err, QDEV_ERROR_ARGUMENT, "'%.*s': its value is not UTF-8 without NUL",
                     SHOWN(name));
        return NULL;
    }
    char *copy = mem_strndup(text.data, text.len); /* the old value may be where it comes from */
    struct qdev_value *v = value_put(in, name, kind, err);
    if (v)
        v->u.text = copy;
    else
        free(copy);
    return v;
}

/* --- copies and comparison -------------------------------------------------------------------- */

static int copy_parts(struct qdev_value *to, const struct qdev_value *from, struct qdev_error **err)
{
    for (size_t i = 0; i < from->u.parts.n; i++) {
        const struct qdev_value *part = from->u.parts.items[i];
        if (!value_put_copy(to, span_of(part->name), part, err))
            return -1;
    }
    return 0;
}

struct qdev_value *value_put_copy(struct qdev_value *in, struct span name,
                                  const struct qdev_value *from, struct qdev_error **err)
{
    if (value_has_text(from))
        return value_put_text(in, name, from->kind, span_of(from->u.text), err);
    struct qdev_value *v = value_put(in, name, from->kind, err);
    if (!v)
        return NULL;
    if (!value_has_parts(from))
        v->u = from->u;
    else if (copy_parts(v, from, err) < 0)
        return NULL;
    return v;
}

static bool parts_equal(const struct qdev_value *a, const struct qdev_value *b)
{
    if (a->u.parts.n != b->u.parts.n)
        return false;
    for (size_t i = 0; i < a->u.parts.n; i++) {
        const struct qdev_value *x = a->u.parts.items[i], *y = b->u.parts.items[i];
        if (a->kind == QDEV_OBJECT_VALUE && strcmp(x->name, y->name) != 0)
            y = value_find(b, span_of(x->name));
        if (!y || !value_equal(x, y))
            return false;
    }
    return true;
}

/* What is compared as the same: 0 for all that is alike with its own kind only. */
static enum qdev_value_kind family(enum qdev_value_kind kind)
{
    if (kind == QDEV_ENUM)
        return QDEV_STRING;
    return kind == QDEV_UINT || kind == QDEV_SIZE ? QDEV_INT : kind;
}

static bool integers_equal(const struct qdev_value *a, const struct qdev_value *b)
{
    bool a_negative = a->kind == QDEV_INT && a->u.integer < 0;
    bool b_negative = b->kind == QDEV_INT && b->u.integer < 0;
    uint64_t x = a->kind == QDEV_INT ? (uint64_t)a->u.integer : a->u.uinteger;
    uint64_t y = b->kind == QDEV_INT ? (uint64_t)b->u.integer : b->u.uinteger;
    return a_negative == b_negative && x == y;
}

bool value_equal(const struct qdev_value *a, const struct qdev_value *b)
{
    if (family(a->kind) != family(b->kind))
        return false;
    if (value_has_parts(a))
        return parts_equal(a, b);
    if (value_has_text(a))
        return strcmp(a->u.text, b->u.text) == 0;
    if (a->kind == QDEV_BOOL)
        return a->u.boolean == b->u.boolean;
    return a->kind == QDEV_NULL || integers_equal(a, b);
}

/* --- text ------------------------------------------------------------------------------------- */

bool value_add_text(const struct qdev_value *v, struct buf *out)
{
    switch (v->kind) {
    case QDEV_STRING:
    case QDEV_ENUM:
    case QDEV_UNTYPED:
        buf_add_str(out, v->u.text);
        return true;
    case QDEV_BOOL:
        buf_add_str(out, v->u.boolean ? "on" : "off");
        return true;
    case QDEV_INT:
        buf_add_int(out, v->u.integer);
        return true;
    case QDEV_UINT:
    case QDEV_SIZE: /* in digits: QEMU takes suffixes only where its schema says size, not int */
        buf_add_uint(out, v->u.uinteger);
        return true;
    case QDEV_OBJECT_VALUE:
    case QDEV_LIST:
    case QDEV_NULL:
    case QDEV_VALUE_UNKNOWN:
        break;
    }
    return false;
}
