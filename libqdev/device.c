/* Descriptions as programs make them and look into them. */
#include "config.h"
#include <qdev.h>

#include <string.h>
#include "base/mem.h"
#include "libqdev/kinds.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"
#include "libqdev/value.h"
#include "libqdev/words.h"

/* --- descriptions ----------------------------------------------------------------------------- */

static int check_type(const struct kind_facts *f, struct span type, struct qdev_error **err)
{
    if (!f->type_key)
        return type.data ? qdev_problem(err, QDEV_ERROR_ARGUMENT, "%s has no type", f->option) : 0;
    if (type.len == 0)
        return qdev_problem(err, QDEV_ERROR_ARGUMENT, "%s needs a %s", f->option, f->type_key);
    if (type.len > LIMIT_QDEV_NAME_BYTES)
        return qdev_problem(err, QDEV_ERROR_LIMIT, "%s: a %s of more than %u bytes", f->option,
                            f->type_key, LIMIT_QDEV_NAME_BYTES);
    /* what begins with a brace QEMU would take for JSON */
    if (!word_is_text(type) || word_is_help(type) || *type.data == '{')
        return qdev_problem(err, QDEV_ERROR_ARGUMENT, "%s: '%.*s' is no %s", f->option, SHOWN(type),
                            f->type_key);
    return 0;
}

struct qdev *device_new(enum qdev_kind kind, struct span type, struct span id,
                        struct qdev_error **err)
{
    const struct kind_facts *f = kind_facts(kind);
    if (!f) {
        qdev_problem(err, QDEV_ERROR_ARGUMENT, "there is no such kind of description");
        return NULL;
    }
    if (check_type(f, type, err) < 0)
        return NULL;
    struct qdev *q = MEM_NEW(struct qdev);
    q->kind = kind;
    q->type = type.data ? mem_strndup(type.data, type.len) : NULL;
    q->members = value_new(q, QDEV_OBJECT_VALUE, 0);
    if (id.data && device_set_id(q, id, err) < 0) {
        qdev_free(q);
        return NULL;
    }
    return q;
}

struct qdev *qdev_new(enum qdev_kind kind, const char *type, const char *id,
                      struct qdev_error **err)
{
    return device_new(kind, span_of(type), span_of(id), err);
}

void qdev_free(struct qdev *q)
{
    if (!q)
        return;
    value_free(q->members);
    free(q->type);
    free(q->id);
    free(q);
}

void cleanup_qdev(struct qdev **q)
{
    qdev_free(*q);
}

struct qdev *qdev_clone(const struct qdev *q)
{
    struct qdev *copy = device_new(q->kind, span_of(q->type), span_of(q->id), NULL);
    const struct qdev_value *from = q->members;
    for (size_t i = 0; i < from->u.parts.n; i++) {
        const struct qdev_value *member = from->u.parts.items[i];
        /* what is in one description fits into another */
        (void)!value_put_copy(copy->members, span_of(member->name), member, NULL);
    }
    return copy;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool qdev_equal(const struct qdev *a, const struct qdev *b)
{
    return a->kind == b->kind && same_text(a->type, b->type) && same_text(a->id, b->id) &&
           value_equal(a->members, b->members);
}

enum qdev_kind qdev_kind(const struct qdev *q)
{
    return q->kind;
}

const char *qdev_type(const struct qdev *q)
{
    return q->type;
}

const char *qdev_id(const struct qdev *q)
{
    return q->id;
}

int device_set_id(struct qdev *q, struct span id, struct qdev_error **err)
{
    const struct kind_facts *f = kind_facts(q->kind);
    if (id.data && !word_is_id(id))
        return qdev_problem(err, QDEV_ERROR_ARGUMENT,
                            "'%.*s' is no %s: letters, digits, '-', '.', '_', a letter first",
                            SHOWN(id), f->id_key);
    if (id.data && f->id_max && id.len > f->id_max)
        return qdev_problem(err, QDEV_ERROR_LIMIT, "'%.*s' is too long: a %s has at most %zu bytes",
                            SHOWN(id), f->id_key, f->id_max);
    if (id.len > LIMIT_QDEV_TEXT_BYTES)
        return qdev_problem(err, QDEV_ERROR_LIMIT, "an %s of more than %u bytes", f->id_key,
                            LIMIT_QDEV_TEXT_BYTES);
    char *copy = id.data ? mem_strndup(id.data, id.len) : NULL;
    free(q->id);
    q->id = copy;
    return 0;
}

int device_check_id(const struct qdev *q, enum qdev_error_kind kind, struct qdev_error **err)
{
    const struct kind_facts *f = kind_facts(q->kind);
    if (q->id || !f->id_needed)
        return 0;
    return qdev_problem(err, kind, "%s %s: it needs its %s", f->option, q->type, f->id_key);
}

int qdev_set_id(struct qdev *q, const char *id, struct qdev_error **err)
{
    return device_set_id(q, span_of(id), err);
}

void qdev_array_free(struct qdev **items, size_t n)
{
    for (size_t i = 0; items && i < n; i++)
        qdev_free(items[i]);
    free(items);
}

/* --- setting ---------------------------------------------------------------------------------- */

struct qdev_value *qdev_members(struct qdev *q)
{
    return q->members;
}

const struct qdev_value *qdev_members_of(const struct qdev *q)
{
    return q->members;
}

static int set_text(struct qdev_value *in, const char *name, enum qdev_value_kind kind,
                    const char *value, struct qdev_error **err)
{
    if (!value)
        return qdev_problem(err, QDEV_ERROR_ARGUMENT, "'%.*s' needs a value", SHOWN(span_of(name)));
    return value_put_text(in, span_of(name), kind, span_of(value), err) ? 0 : -1;
}

int qdev_set_string(struct qdev_value *in, const char *name, const char *value,
                    struct qdev_error **err)
{
    return set_text(in, name, QDEV_STRING, value, err);
}

int qdev_set_enum(struct qdev_value *in, const char *name, const char *value,
                  struct qdev_error **err)
{
    if (value && !word_is_enum(span_of(value)))
        return qdev_problem(err, QDEV_ERROR_ARGUMENT,
                            "'%.*s': '%.*s' is no value of an enumeration", SHOWN(span_of(name)),
                            SHOWN(span_of(value)));
    return set_text(in, name, QDEV_ENUM, value, err);
}

int qdev_set_bool(struct qdev_value *in, const char *name, bool value, struct qdev_error **err)
{
    struct qdev_value *v = value_put(in, span_of(name), QDEV_BOOL, err);
    if (!v)
        return -1;
    v->u.boolean = value;
    return 0;
}

int qdev_set_int(struct qdev_value *in, const char *name, int64_t value, struct qdev_error **err)
{
    struct qdev_value *v = value_put(in, span_of(name), QDEV_INT, err);
    if (!v)
        return -1;
    v->u.integer = value;
    return 0;
}

int qdev_set_uint(struct qdev_value *in, const char *name, uint64_t value, struct qdev_error **err)
{
    struct qdev_value *v = value_put(in, span_of(name), QDEV_UINT, err);
    if (!v)
        return -1;
    v->u.uinteger = value;
    return 0;
}

int qdev_set_size(struct qdev_value *in, const char *name, uint64_t value, struct qdev_error **err)
{
    struct qdev_value *v = value_put(in, span_of(name), QDEV_SIZE, err);
    if (!v)
        return -1;
    v->u.uinteger = value;
    return 0;
}

int qdev_set_null(struct qdev_value *in, const char *name, struct qdev_error **err)
{
    return value_put(in, span_of(name), QDEV_NULL, err) ? 0 : -1;
}

struct qdev_value *qdev_set_list(struct qdev_value *in, const char *name, struct qdev_error **err)
{
    return value_put(in, span_of(name), QDEV_LIST, err);
}

struct qdev_value *qdev_set_object(struct qdev_value *in, const char *name, struct qdev_error **err)
{
    return value_put(in, span_of(name), QDEV_OBJECT_VALUE, err);
}

/* --- looking ---------------------------------------------------------------------------------- */

enum qdev_value_kind qdev_value_kind(const struct qdev_value *v)
{
    return v->kind;
}

size_t qdev_value_count(const struct qdev_value *v)
{
    return value_has_parts(v) ? v->u.parts.n : 0;
}

const struct qdev_value *qdev_value_at(const struct qdev_value *v, size_t index)
{
    return index < qdev_value_count(v) ? v->u.parts.items[index] : NULL;
}

const char *qdev_value_name(const struct qdev_value *v)
{
    return v->name;
}

struct qdev_value *qdev_value_edit(struct qdev_value *object, const char *name)
{
    return object->kind == QDEV_OBJECT_VALUE ? value_find(object, span_of(name)) : NULL;
}

const struct qdev_value *qdev_value_get(const struct qdev_value *object, const char *name)
{
    return object->kind == QDEV_OBJECT_VALUE ? value_find(object, span_of(name)) : NULL;
}

const char *qdev_value_string(const struct qdev_value *v)
{
    return value_has_text(v) ? v->u.text : NULL;
}

bool qdev_value_bool(const struct qdev_value *v, bool *out)
{
    if (v->kind == QDEV_UNTYPED)
        return word_to_bool(span_of(v->u.text), out);
    if (v->kind == QDEV_BOOL)
        *out = v->u.boolean;
    return v->kind == QDEV_BOOL;
}

bool qdev_value_int(const struct qdev_value *v, int64_t *out)
{
    if (v->kind == QDEV_UNTYPED)
        return word_to_int(span_of(v->u.text), out);
    if (v->kind == QDEV_INT)
        *out = v->u.integer;
    else if ((v->kind != QDEV_UINT && v->kind != QDEV_SIZE) || v->u.uinteger > INT64_MAX)
        return false;
    else
        *out = (int64_t)v->u.uinteger;
    return true;
}

bool qdev_value_uint(const struct qdev_value *v, uint64_t *out)
{
    if (v->kind == QDEV_UNTYPED)
        return word_to_uint(span_of(v->u.text), out);
    if (v->kind == QDEV_UINT || v->kind == QDEV_SIZE)
        *out = v->u.uinteger;
    else if (v->kind != QDEV_INT || v->u.integer < 0)
        return false;
    else
        *out = (uint64_t)v->u.integer;
    return true;
}

bool qdev_value_size(const struct qdev_value *v, uint64_t *out)
{
    return v->kind == QDEV_UNTYPED ? word_to_size(span_of(v->u.text), out)
                                   : qdev_value_uint(v, out);
}
