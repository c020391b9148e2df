#include "config.h"
#include "cli/policy_drift_types.h"

#include <stdio.h>
#include <stdlib.h>
#include "acl/bits.h"

struct walk {
    const struct qmp_schema *old, *new;
    policy_drift_fn *tell;
    void *opaque;
    uint64_t *seen; /* pairs of types; owned */
    struct buf path;
};

static const char *const kind_words[] = {
    [QMP_TYPE_STRING] = "a string",
    [QMP_TYPE_BOOL] = "true or false",
    [QMP_TYPE_INT] = "a whole number",
    [QMP_TYPE_NUMBER] = "a number",
    [QMP_TYPE_NULL] = "null",
    [QMP_TYPE_ANY] = "anything",
    [QMP_TYPE_OPAQUE] = "of a new sort",
    [QMP_TYPE_ENUM] = "a word of a list",
    [QMP_TYPE_ARRAY] = "a list",
    [QMP_TYPE_OBJECT] = "an object",
    [QMP_TYPE_ALTERNATE] = "one of several",
};

PRINTF(2, 3) static void tell(struct walk *w, const char *fmt, ...)
{
    char change[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(change, sizeof(change), fmt, ap);
    va_end(ap);
    size_t len = buf_len(&w->path);
    buf_add_char(&w->path, '\0');
    w->tell(w->opaque, buf_data(&w->path), change);
    buf_truncate(&w->path, len);
}

static void compare(struct walk *w, uint32_t old, uint32_t new);

static void compare_below(struct walk *w, const char *before, struct span name, const char *after,
                          uint32_t old, uint32_t new)
{
    size_t len = buf_len(&w->path);
    buf_printf(&w->path, "%s%.*s%s", len > 0 ? before : "", (int)name.len, name.data, after);
    compare(w, old, new);
    buf_truncate(&w->path, len);
}

/* --- enums ------------------------------------------------------------------------------------ */

static void compare_values(struct walk *w, uint32_t old, uint32_t new)
{
    for (uint32_t i = 0; i < qmp_type_n_parts(w->new, new); i++) {
        struct span name = qmp_type_part(w->new, new, i).name;
        if (qmp_type_find(w->old, old, name) == QMP_NONE)
            tell(w, "new value %s", name.data);
    }
    for (uint32_t i = 0; i < qmp_type_n_parts(w->old, old); i++) {
        struct span name = qmp_type_part(w->old, old, i).name;
        if (qmp_type_find(w->new, new, name) == QMP_NONE)
            tell(w, "value %s is gone", name.data);
    }
}

/* --- objects ---------------------------------------------------------------------------------- */

/* QMP_TYPE_NONE is a branch without members. */
static uint32_t n_members(const struct qmp_schema *s, uint32_t type)
{
    return type == QMP_TYPE_NONE || qmp_type_kind(s, type) != QMP_TYPE_OBJECT
               ? 0
               : qmp_type_n_parts(s, type);
}

static uint32_t find_member(const struct qmp_schema *s, uint32_t type, struct span name)
{
    return n_members(s, type) == 0 ? QMP_NONE : qmp_type_find(s, type, name);
}

static void compare_members(struct walk *w, uint32_t old, uint32_t new)
{
    for (uint32_t i = 0; i < n_members(w->new, new); i++) {
        struct qmp_type_part b = qmp_type_part(w->new, new, i);
        uint32_t found = find_member(w->old, old, b.name);
        if (found == QMP_NONE) {
            tell(w, "new member %s%s", b.name.data, b.optional ? "" : ", which must be given");
            continue;
        }
        struct qmp_type_part a = qmp_type_part(w->old, old, found);
        if (a.optional != b.optional)
            tell(w, "member %s %s", b.name.data,
                 b.optional ? "may be left out now" : "must be given now");
        if (!a.deprecated && b.deprecated)
            tell(w, "member %s is deprecated now", b.name.data);
        compare_below(w, ".", b.name, "", a.type, b.type);
    }
    for (uint32_t i = 0; i < n_members(w->old, old); i++) {
        struct span name = qmp_type_part(w->old, old, i).name;
        if (find_member(w->new, new, name) == QMP_NONE)
            tell(w, "member %s is gone", name.data);
    }
}

static uint32_t branch_of(const struct qmp_schema *s, uint32_t type, struct span value)
{
    uint32_t tag = qmp_type_tag(s, type);
    if (tag == QMP_NONE)
        return QMP_TYPE_NONE;
    uint32_t number = qmp_type_find(s, qmp_type_part(s, type, tag).type, value);
    return number == QMP_NONE ? QMP_TYPE_NONE : qmp_type_branch(s, type, number);
}

/* Of a value that is new only the value is told. */
static void compare_branches(struct walk *w, uint32_t old, uint32_t new)
{
    uint32_t tag = qmp_type_tag(w->new, new), old_tag = qmp_type_tag(w->old, old);
    if (tag == QMP_NONE || old_tag == QMP_NONE)
        return;
    uint32_t values = qmp_type_part(w->new, new, tag).type;
    uint32_t old_values = qmp_type_part(w->old, old, old_tag).type;
    for (uint32_t i = 0; i < qmp_type_n_parts(w->new, values); i++) {
        struct span value = qmp_type_part(w->new, values, i).name;
        if (qmp_type_find(w->old, old_values, value) == QMP_NONE)
            continue;
        size_t len = buf_len(&w->path);
        buf_printf(&w->path, "(%s)", value.data);
        uint32_t a = branch_of(w->old, old, value), b = branch_of(w->new, new, value);
        if (a != QMP_TYPE_NONE && b != QMP_TYPE_NONE)
            compare(w, a, b);
        else
            compare_members(w, a, b);
        buf_truncate(&w->path, len);
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static void compare_choices(struct walk *w, uint32_t old, uint32_t new)
{
    static const char *const words[] = { "object", "list",  "string", "number",
                                         "true",   "false", "null" };
    for (unsigned k = QMP_KIND_OBJECT; k <= QMP_KIND_NULL; k++) {
        uint32_t a = qmp_type_of_kind(w->old, old, (enum qmp_kind)k);
        uint32_t b = qmp_type_of_kind(w->new, new, (enum qmp_kind)k);
        if ((a == QMP_TYPE_NONE) != (b == QMP_TYPE_NONE))
            tell(w, a == QMP_TYPE_NONE ? "may be %s now" : "may not be %s any more", words[k]);
        else if (a != QMP_TYPE_NONE)
            compare(w, a, b);
    }
}

static void compare(struct walk *w, uint32_t old, uint32_t new)
{
    enum qmp_type_kind kind = qmp_type_kind(w->new, new), before = qmp_type_kind(w->old, old);
    size_t pair = (size_t)old * qmp_schema_n_types(w->new) + new;
    if (bits_test(w->seen, pair))
        return;
    bits_set(w->seen, pair);
    if (kind != before) {
        tell(w, "was %s, is %s", kind_words[before], kind_words[kind]);
    } else if (kind == QMP_TYPE_ENUM) {
        compare_values(w, old, new);
    } else if (kind == QMP_TYPE_ARRAY) {
        size_t len = buf_len(&w->path);
        BUF_ADD_LIT(&w->path, "[]");
        compare(w, qmp_type_element(w->old, old), qmp_type_element(w->new, new));
        buf_truncate(&w->path, len);
    } else if (kind == QMP_TYPE_OBJECT) {
        compare_members(w, old, new);
        compare_branches(w, old, new);
    } else if (kind == QMP_TYPE_ALTERNATE) {
        compare_choices(w, old, new);
    }
}

void policy_drift_types(const struct qmp_schema *old, uint32_t old_type,
                        const struct qmp_schema *new, uint32_t new_type, policy_drift_fn *tell_one,
                        void *opaque)
{
    struct walk w = { .old = old, .new = new, .tell = tell_one, .opaque = opaque };
    w.seen = bits_new((size_t)qmp_schema_n_types(old) * qmp_schema_n_types(new));
    compare(&w, old_type, new_type);
    free(w.seen);
    buf_free(&w.path);
}
