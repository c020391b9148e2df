/* JSON as a description, strictly: by the gateway's scanner. */
#include "config.h"
#include <qdev.h>

#include <string.h>
#include "base/mem.h"
#include "libqdev/chardev.h"
#include "libqdev/kinds.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"
#include "libqdev/value.h"
#include "libqdev/words.h"
#include "qmp/scan.h"

struct reader {
    const char *form; /* for errors: the option or command */
    const struct qmp_tape *tape;
    struct qdev_error **err;
};

/* --- text to tape ----------------------------------------------------------------------------- */

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

static int not_json(struct reader *r, const char *why, size_t offset)
{
    return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: not one JSON object: %s at byte %zu",
                        r->form, why, offset);
}

static int check_scan(struct reader *r, struct qmp_scanner *s, const char *text, const char *begin)
{
    size_t before = (size_t)(begin - text), len = strlen(begin);
    if (*begin != '{')
        return not_json(r, "it begins otherwise", before);
    /* with the NUL: what ends too soon is an error there */
    if (qmp_scanner_feed(s, begin, len + 1) != QMP_SCAN_DONE) {
        struct qmp_fault fault = qmp_scan_fault(s);
        return not_json(r, fault.offset >= len ? "it ends too soon" : fault.text,
                        before + fault.offset);
    }
    const char *rest = skip_space(begin + qmp_scanner_consumed(s));
    return *rest ? not_json(r, "more behind it", (size_t)(rest - text)) : 0;
}

static struct qmp_scanner *scan(struct reader *r, const char *text)
{
    static const struct qmp_scan_limits limits = { .max_bytes = LIMIT_QDEV_TEXT_BYTES + 1,
                                                   .max_depth = LIMIT_QDEV_DEPTH + 4,
                                                   .max_tokens = LIMIT_QDEV_TOKENS };
    struct qmp_scanner *s;
    if (strlen(text) > LIMIT_QDEV_TEXT_BYTES) {
        qdev_problem(r->err, QDEV_ERROR_LIMIT, "%s: a text of more than %u bytes", r->form,
                     LIMIT_QDEV_TEXT_BYTES);
        return NULL;
    }
    s = qmp_scanner_new(&limits);
    if (check_scan(r, s, text, skip_space(text)) < 0) {
        qmp_scanner_free(s);
        return NULL;
    }
    r->tape = qmp_scanner_tape(s);
    return s;
}

static void cleanup_scanner(struct qmp_scanner **s)
{
    qmp_scanner_free(*s);
}

/* --- tape to values --------------------------------------------------------------------------- */

static int add_value(struct reader *r, struct qdev_value *in, struct span name, uint32_t token);

static int add_parts(struct reader *r, struct qdev_value *in, uint32_t token)
{
    if (in->kind == QDEV_LIST) {
        QMP_TAPE_ELEMENTS (r->tape, token, element) {
            if (add_value(r, in, NO_NAME, element) < 0)
                return -1;
        }
        return 0;
    }
    QMP_TAPE_MEMBERS (r->tape, token, name, value) {
        if (add_value(r, in, qmp_tape_string(r->tape, name), value) < 0)
            return -1;
    }
    return 0;
}

/* -0 is 0, as QEMU reads it. */
static int add_number(struct reader *r, struct qdev_value *in, struct span name, uint32_t token)
{
    struct span raw = qmp_tape_raw(r->tape, token);
    int64_t integer = 0;
    uint64_t uinteger = 0;
    bool fits = word_to_int(raw, &integer);
    if (!fits && !word_to_uint(raw, &uinteger))
        return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: '%.*s': %.*s is no integer of 64 bits",
                            r->form, SHOWN(name), SHOWN(raw));
    struct qdev_value *v = value_put(in, name, fits ? QDEV_INT : QDEV_UINT, r->err);
    if (!v)
        return -1;
    if (fits)
        v->u.integer = integer;
    else
        v->u.uinteger = uinteger;
    return 0;
}

static int add_value(struct reader *r, struct qdev_value *in, struct span name, uint32_t token)
{
    static const enum qdev_value_kind kinds[] = {
        [QMP_KIND_OBJECT] = QDEV_OBJECT_VALUE, [QMP_KIND_ARRAY] = QDEV_LIST,
        [QMP_KIND_TRUE] = QDEV_BOOL,           [QMP_KIND_FALSE] = QDEV_BOOL,
        [QMP_KIND_NULL] = QDEV_NULL,
    };
    enum qmp_kind kind = qmp_tape_kind(r->tape, token);
    if (kind == QMP_KIND_NUMBER)
        return add_number(r, in, name, token);
    if (kind == QMP_KIND_STRING)
        return value_put_text(in, name, QDEV_STRING, qmp_tape_string(r->tape, token), r->err) ? 0
                                                                                              : -1;
    struct qdev_value *v = value_put(in, name, kinds[kind], r->err);
    if (!v)
        return -1;
    if (value_has_parts(v))
        return add_parts(r, v, token);
    if (kind == QMP_KIND_TRUE)
        v->u.boolean = true;
    return 0;
}

/* --- descriptions ----------------------------------------------------------------------------- */

/* A member that must be a string: absent is fine, and leaves *out alone. */
static int find_string(struct reader *r, uint32_t object, const char *name, struct span *out)
{
    uint32_t token = qmp_tape_find(r->tape, object, span_of(name));
    if (token == QMP_NONE)
        return 0;
    if (qmp_tape_kind(r->tape, token) != QMP_KIND_STRING)
        return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: '%s' is no string", r->form, name);
    *out = qmp_tape_string(r->tape, token);
    return 0;
}

static int read_members(struct reader *r, const struct kind_facts *f, struct qdev *q)
{
    QMP_TAPE_MEMBERS (r->tape, 0, name, value) {
        struct span key = qmp_tape_string(r->tape, name);
        if (!word_is(key, f->type_key) && !word_is(key, f->id_key) &&
            add_value(r, q->members, key, value) < 0)
            return -1;
    }
    return device_check_id(q, QDEV_ERROR_SYNTAX, r->err);
}

static struct qdev *read_flat(struct reader *r, enum qdev_kind kind, const struct kind_facts *f)
{
    struct span type = { NULL, 0 }, id = { NULL, 0 };
    if (find_string(r, 0, f->type_key, &type) < 0 || find_string(r, 0, f->id_key, &id) < 0)
        return NULL;
    struct qdev *q = device_new(kind, type, id, r->err);
    if (q && read_members(r, f, q) < 0) {
        qdev_free(q);
        return NULL;
    }
    return q;
}

/* The object that is the member `name`, which must be there and have these members at most. */
static int find_object(struct reader *r, uint32_t object, const char *name, uint32_t *out)
{
    *out = qmp_tape_find(r->tape, object, span_of(name));
    if (*out != QMP_NONE && qmp_tape_kind(r->tape, *out) == QMP_KIND_OBJECT)
        return 0;
    return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: '%s' must be an object", r->form, name);
}

static int only_two(struct reader *r, uint32_t object, const char *a, const char *b)
{
    QMP_TAPE_MEMBERS (r->tape, object, name, value) {
        struct span key = qmp_tape_string(r->tape, name);
        (void)value;
        if (!word_is(key, a) && !word_is(key, b))
            return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: it takes no '%.*s'", r->form,
                                SHOWN(key));
    }
    return 0;
}

static struct qdev *read_chardev(struct reader *r)
{
    uint32_t backend, data;
    struct span type = { NULL, 0 }, id = { NULL, 0 };
    if (only_two(r, 0, "id", "backend") < 0 || find_string(r, 0, "id", &id) < 0 ||
        find_object(r, 0, "backend", &backend) < 0 || only_two(r, backend, "type", "data") < 0 ||
        find_string(r, backend, "type", &type) < 0 || find_object(r, backend, "data", &data) < 0)
        return NULL;
    CLEANUP(cleanup_qdev) struct qdev *there = device_new(QDEV_CHARDEV, type, id, r->err);
    if (!there || device_check_id(there, QDEV_ERROR_SYNTAX, r->err) < 0 ||
        add_parts(r, there->members, data) < 0)
        return NULL;
    return chardev_from_data(there, r->err);
}

struct qdev *qdev_from_json(enum qdev_kind kind, const char *text, struct qdev_error **err)
{
    const struct kind_facts *f = kind_facts(kind);
    if (!f || !f->json) {
        qdev_problem(err, QDEV_ERROR_ARGUMENT, "%s does not take JSON", f ? f->option : "no kind");
        return NULL;
    }
    struct reader r = { .form = f->option, .err = err };
    if (strlen(text) > LIMIT_QDEV_WORD_BYTES) {
        qdev_problem(err, QDEV_ERROR_LIMIT, "%s: a word of more than %u bytes", r.form,
                     LIMIT_QDEV_WORD_BYTES);
        return NULL;
    }
    CLEANUP(cleanup_scanner) struct qmp_scanner *s = scan(&r, text);
    return s ? read_flat(&r, kind, f) : NULL;
}

struct qdev *qdev_from_qmp(enum qdev_kind kind, const char *arguments, struct qdev_error **err)
{
    const struct kind_facts *f = kind_facts(kind);
    if (!f || !f->command) {
        qdev_problem(err, QDEV_ERROR_ARGUMENT, "%s has no QMP command", f ? f->option : "no kind");
        return NULL;
    }
    struct reader r = { .form = f->command, .err = err };
    CLEANUP(cleanup_scanner) struct qmp_scanner *s = scan(&r, arguments);
    if (!s)
        return NULL;
    return kind == QDEV_CHARDEV ? read_chardev(&r) : read_flat(&r, kind, f);
}
