#include "config.h"
#include "libqmp/codec.h"

#include <string.h>
#include "base/mem.h"
#include "libqmp/number.h"
#include "qmp/scan.h"
#include "qmp/write.h"

struct reader {
    const struct qmp_tape *tape;
    enum qmp_error_kind kind; /* of what is complained of */
    struct qmp_error **err;
    size_t left; /* bytes that may still be made */
};

static const struct qmp_scan_limits limits = {
    .max_bytes = LIMIT_API_TEXT_BYTES,
    .max_depth = LIMIT_API_DEPTH,
    .max_tokens = LIMIT_API_TOKENS,
};

/* --- text ------------------------------------------------------------------------------------- */

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++;
    return p;
}

static enum qmp_outcome outcome_of(enum qmp_error_kind kind)
{
    return kind == QMP_ERROR_KIND_ARGUMENT ? QMP_OUTCOME_NOT_SENT : QMP_OUTCOME_UNKNOWN;
}

static int not_json(enum qmp_error_kind kind, const char *why, size_t offset,
                    struct qmp_error **err)
{
    return problem_set(err, kind, outcome_of(kind),
                       "the text is not one JSON value: %s at byte %zu", why, offset);
}

struct qmp_scanner *codec_scan(const char *json, enum qmp_error_kind kind, struct qmp_error **err)
{
    size_t len = strlen(json);
    const char *begin = skip_space(json, json + len), *end = json + len;
    struct qmp_scanner *s = qmp_scanner_new(&limits);
    /* with the NUL, by which a number at top level ends */
    enum qmp_scan_status status = qmp_scanner_feed(s, begin, (size_t)(end - begin) + 1);
    if (status == QMP_SCAN_DONE) {
        const char *rest = skip_space(begin + qmp_scanner_consumed(s), end);
        if (rest == end)
            return s;
        not_json(kind, "more behind it", (size_t)(rest - json), err);
    } else {
        struct qmp_fault fault = qmp_scan_fault(s);
        not_json(kind,
                 fault.offset + (size_t)(begin - json) >= len ? "it ends too soon" : fault.text,
                 fault.offset + (size_t)(begin - json), err);
    }
    qmp_scanner_free(s);
    return NULL;
}

/* --- complaints ------------------------------------------------------------------------------- */

static int complain(struct reader *r, const struct place_name *at, const char *what)
{
    char path[LIMIT_API_PATH];
    if (!r->err)
        return -1;
    return problem_set(r->err, r->kind, outcome_of(r->kind), "%s: %s", place_name_text(at, path),
                       what);
}

static int wrong_kind(struct reader *r, const struct place_name *at, const struct codec_type *type)
{
    static const char *const expected[] = {
        [CODEC_BOOL] = "not a boolean",
        [CODEC_INT8] = "not an integer of 8 bits",
        [CODEC_INT16] = "not an integer of 16 bits",
        [CODEC_INT32] = "not an integer of 32 bits",
        [CODEC_INT64] = "not an integer of 64 bits",
        [CODEC_UINT8] = "not an unsigned integer of 8 bits",
        [CODEC_UINT16] = "not an unsigned integer of 16 bits",
        [CODEC_UINT32] = "not an unsigned integer of 32 bits",
        [CODEC_UINT64] = "not an unsigned integer of 64 bits",
        [CODEC_DOUBLE] = "not a number",
        [CODEC_ENUM] = "not a string",
        [CODEC_NULL] = "not null",
        [CODEC_STRING] = "not a string",
        [CODEC_ANY] = "not a value",
        [CODEC_LIST] = "not an array",
        [CODEC_OBJECT] = "not an object",
        [CODEC_ALTERNATE] = "not a value",
    };
    return complain(r, at, expected[type->kind]);
}

/* Zeroed; NULL where the message has made too much already. */
static void *make(struct reader *r, const struct place_name *at, size_t size)
{
    if (size + sizeof(void *) > r->left) {
        complain(r, at, "the message makes more than may be kept");
        return NULL;
    }
    r->left -= size + sizeof(void *);
    return mem_zalloc(size);
}

/* --- values ----------------------------------------------------------------------------------- */

static int read_place(struct reader *r, const struct codec_type *type, uint32_t token, void *place,
                      const struct place_name *at);

static int read_string(struct reader *r, uint32_t token, char **out, const struct place_name *at)
{
    struct span s = qmp_tape_string(r->tape, token);
    if (s.len && memchr(s.data, '\0', s.len))
        return complain(r, at, "a string with a NUL in it");
    *out = make(r, at, s.len + 1);
    if (!*out)
        return -1;
    if (s.len)
        memcpy(*out, s.data, s.len);
    return 0;
}

static int read_any(struct reader *r, uint32_t token, char **out, const struct place_name *at)
{
    CLEANUP_BUF struct buf b = { 0 };
    qmp_write_value(&b, r->tape, token);
    *out = make(r, at, buf_len(&b) + 1);
    if (!*out)
        return -1;
    memcpy(*out, buf_data(&b), buf_len(&b));
    return 0;
}

static void read_enum(struct reader *r, const struct codec_type *type, uint32_t token,
                      uint32_t *out)
{
    struct span s = qmp_tape_string(r->tape, token);
    for (uint32_t i = 1; i < type->n; i++) {
        if (strlen(type->values[i]) == s.len && memcmp(type->values[i], s.data, s.len) == 0) {
            *out = i;
            return;
        }
    }
    *out = 0;
}

static int read_list(struct reader *r, const struct codec_type *type, uint32_t token, void **out,
                     const struct place_name *at)
{
    size_t size = codec_place_size(type->element);
    struct codec_list *list = make(r, at, sizeof(*list));
    *out = list;
    if (!list)
        return -1;
    list->items = make(r, at, r->tape->tokens[token].count * size);
    if (!list->items)
        return -1;
    QMP_TAPE_ELEMENTS (r->tape, token, element) {
        struct place_name here = { at, NULL, list->n };
        void *place = (char *)list->items + list->n * size;
        list->n++;
        if (read_place(r, type->element, element, place, &here) < 0)
            return -1;
    }
    return 0;
}

/* Integers, numbers, booleans. */
static int read_scalar(struct reader *r, const struct codec_type *type, uint32_t token, void *place,
                       const struct place_name *at)
{
    enum qmp_kind kind = qmp_tape_kind(r->tape, token);
    bool good = false;
    if (type->kind == CODEC_BOOL) {
        good = kind == QMP_KIND_TRUE || kind == QMP_KIND_FALSE;
        *(bool *)place = kind == QMP_KIND_TRUE;
    } else if (type->kind == CODEC_NULL) {
        good = kind == QMP_KIND_NULL;
    } else if (kind == QMP_KIND_NUMBER && type->kind == CODEC_DOUBLE) {
        good = number_read_double(qmp_tape_raw(r->tape, token), place);
    } else if (kind == QMP_KIND_NUMBER) {
        good = number_read_integer(qmp_tape_raw(r->tape, token), type->kind, place);
    }
    return good ? 0 : wrong_kind(r, at, type);
}

/* --- objects ---------------------------------------------------------------------------------- */

static bool is_named(const struct codec_member *m, struct span name)
{
    return m->length == name.len && memcmp(m->name, name.data, name.len) == 0;
}

/* The member of that name, or n. Members mostly come in the order of the type: `next` is tried
 * first. */
static unsigned find_member(const struct codec_type *type, struct span name, unsigned next)
{
    if (next < type->n && is_named(&type->members[next], name))
        return next;
    for (unsigned i = 0; i < type->n; i++) {
        if (is_named(&type->members[i], name))
            return i;
    }
    return type->n;
}

struct seen {
    uint64_t bits[LIMIT_API_MEMBERS / 64];
};

static int read_members(struct reader *r, const struct codec_type *type, uint32_t token, void *s,
                        struct seen *seen, const struct place_name *at)
{
    unsigned next = 0;
    QMP_TAPE_MEMBERS (r->tape, token, name, value) {
        unsigned i = find_member(type, qmp_tape_string(r->tape, name), next);
        if (i == type->n)
            continue;
        const struct codec_member *m = &type->members[i];
        struct place_name here = { at, m->name, 0 };
        if (read_place(r, m->type, value, codec_at(s, m->offset), &here) < 0)
            return -1;
        if (m->has != CODEC_NONE)
            *(bool *)codec_at(s, m->has) = true;
        seen->bits[i / 64] |= UINT64_C(1) << i % 64;
        next = i + 1;
    }
    return 0;
}

static int check_whole(struct reader *r, const struct codec_type *type, const struct seen *seen,
                       const struct place_name *at)
{
    for (unsigned i = 0; i < type->n; i++) {
        const struct codec_member *m = &type->members[i];
        if (!(m->flags & (CODEC_OPTIONAL | CODEC_LOOSE)) &&
            !(seen->bits[i / 64] & UINT64_C(1) << i % 64)) {
            struct place_name here = { at, m->name, 0 };
            return complain(r, &here, "is missing");
        }
    }
    return 0;
}

/* What an open object has beside its members, as JSON text. */
static int read_more(struct reader *r, const struct codec_type *type, uint32_t token, char **out,
                     const struct place_name *at)
{
    CLEANUP_BUF struct buf b = { 0 };
    QMP_TAPE_MEMBERS (r->tape, token, name, value) {
        if (find_member(type, qmp_tape_string(r->tape, name), type->n) < type->n)
            continue;
        buf_add_char(&b, buf_len(&b) ? ',' : '{');
        qmp_write_value(&b, r->tape, name);
        buf_add_char(&b, ':');
        qmp_write_value(&b, r->tape, value);
    }
    if (buf_len(&b) == 0)
        return 0;
    buf_add(&b, "}", 2);
    *out = make(r, at, buf_len(&b));
    if (!*out)
        return -1;
    memcpy(*out, buf_data(&b), buf_len(&b));
    return 0;
}

static int read_object(struct reader *r, const struct codec_type *type, uint32_t token, void **out,
                       const struct place_name *at)
{
    struct seen seen = { 0 };
    void *s = make(r, at, type->size);
    *out = s;
    if (!s || read_members(r, type, token, s, &seen, at) < 0 || check_whole(r, type, &seen, at) < 0)
        return -1;
    if (type->open != CODEC_NONE && read_more(r, type, token, codec_at(s, type->open), at) < 0)
        return -1;
    const struct codec_type *branch = codec_branch(type, s);
    return branch ? read_object(r, branch, token, codec_at(s, type->u), at) : 0;
}

/* --- alternates ------------------------------------------------------------------------------- */

/* Can a value of this JSON kind be of the type? */
static bool takes(const struct codec_type *type, enum qmp_kind kind)
{
    switch (type->kind) {
    case CODEC_BOOL:
        return kind == QMP_KIND_TRUE || kind == QMP_KIND_FALSE;
    case CODEC_INT8:
    case CODEC_INT16:
    case CODEC_INT32:
    case CODEC_INT64:
    case CODEC_UINT8:
    case CODEC_UINT16:
    case CODEC_UINT32:
    case CODEC_UINT64:
    case CODEC_DOUBLE:
        return kind == QMP_KIND_NUMBER;
    case CODEC_ENUM:
    case CODEC_STRING:
        return kind == QMP_KIND_STRING;
    case CODEC_NULL:
        return kind == QMP_KIND_NULL;
    case CODEC_LIST:
        return kind == QMP_KIND_ARRAY;
    case CODEC_OBJECT:
        return kind == QMP_KIND_OBJECT;
    case CODEC_ANY:
    case CODEC_ALTERNATE:
        break;
    }
    return true;
}

static int read_alternate(struct reader *r, const struct codec_type *type, uint32_t token,
                          void **out, const struct place_name *at)
{
    void *s = make(r, at, type->size);
    *out = s;
    if (!s)
        return -1;
    for (uint32_t i = 0; i < type->n; i++) {
        if (takes(type->choices[i], qmp_tape_kind(r->tape, token))) {
            *(uint32_t *)s = i + 1;
            return read_place(r, type->choices[i], token, codec_at(s, type->u), at);
        }
    }
    return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

static int read_place(struct reader *r, const struct codec_type *type, uint32_t token, void *place,
                      const struct place_name *at)
{
    if (!takes(type, qmp_tape_kind(r->tape, token)))
        return wrong_kind(r, at, type);
    switch (type->kind) {
    case CODEC_ENUM:
        read_enum(r, type, token, place);
        return 0;
    case CODEC_STRING:
        return read_string(r, token, place, at);
    case CODEC_ANY:
        return read_any(r, token, place, at);
    case CODEC_LIST:
        return read_list(r, type, token, place, at);
    case CODEC_OBJECT:
        return read_object(r, type, token, place, at);
    case CODEC_ALTERNATE:
        return read_alternate(r, type, token, place, at);
    case CODEC_BOOL:
    case CODEC_INT8:
    case CODEC_INT16:
    case CODEC_INT32:
    case CODEC_INT64:
    case CODEC_UINT8:
    case CODEC_UINT16:
    case CODEC_UINT32:
    case CODEC_UINT64:
    case CODEC_DOUBLE:
    case CODEC_NULL:
        break;
    }
    return read_scalar(r, type, token, place, at);
}

int codec_read(const struct codec_type *type, const struct qmp_tape *t, uint32_t token, void *place,
               const char *what, enum qmp_error_kind kind, struct qmp_error **err)
{
    struct reader r = { .tape = t, .kind = kind, .err = err, .left = LIMIT_API_MADE_BYTES };
    struct place_name at = { NULL, what, 0 };
    if (read_place(&r, type, token, place, &at) == 0)
        return 0;
    codec_clear(type, place);
    return -1;
}
