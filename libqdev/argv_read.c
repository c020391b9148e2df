/* The word behind an option as a description. */
#include "config.h"
#include <qdev.h>

#include <string.h>
#include "base/mem.h"
#include "libqdev/kinds.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"
#include "libqdev/value.h"
#include "libqdev/words.h"

struct pair {
    struct span key;
    struct span value; /* in `texts` */
};

struct reader {
    enum qdev_kind kind;
    const struct kind_facts *facts;
    char *texts; /* owned: values, with commas single; as long as the word */
    size_t texts_len;
    struct pair *pairs; /* owned */
    size_t n_pairs, pairs_cap;
    struct span type, id; /* data is NULL: there is none */
    struct qdev_error **err;
};

static void cleanup_reader(struct reader *r)
{
    free(r->texts);
    free(r->pairs);
}

/* --- pairs ------------------------------------------------------------------------------------ */

/* Reads up to a single comma or the end; what is behind. */
static const char *take_value(struct reader *r, const char *p, struct span *value)
{
    char *begin = r->texts + r->texts_len, *to = begin;
    while (*p && (*p != ',' || p[1] == ',')) {
        p += *p == ',';
        *to++ = *p++;
    }
    *value = (struct span){ begin, (size_t)(to - begin) };
    r->texts_len += value->len;
    return p;
}

static int take_once(struct reader *r, struct span *place, struct pair pair)
{
    if (place->data)
        return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: '%.*s' is there twice",
                            r->facts->option, SHOWN(pair.key));
    *place = pair.value;
    return 0;
}

static int keep_pair(struct reader *r, struct pair pair)
{
    if (r->facts->type_key && word_is(pair.key, r->facts->type_key))
        return take_once(r, &r->type, pair);
    if (word_is(pair.key, r->facts->id_key))
        return take_once(r, &r->id, pair);
    if (r->n_pairs >= LIMIT_QDEV_VALUES)
        return qdev_problem(r->err, QDEV_ERROR_LIMIT, "%s: more than %u members", r->facts->option,
                            LIMIT_QDEV_VALUES);
    mem_grow((void **)&r->pairs, &r->pairs_cap, r->n_pairs + 1, sizeof(*r->pairs));
    r->pairs[r->n_pairs++] = pair;
    return 0;
}

/* The first may be the type without its name. keyval knows no doubled commas there. */
static int take_implied(struct reader *r, const char **p, struct span plain)
{
    struct pair pair = { .key = span_of(r->facts->type_key) };
    *p = take_value(r, *p, &pair.value);
    if (pair.value.len == 0 ||
        (pair.value.len > plain.len && (r->kind == QDEV_BLOCKDEV || r->kind == QDEV_NETDEV)))
        return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: '%.*s' is no %s", r->facts->option,
                            SHOWN(pair.value), r->facts->type_key);
    return keep_pair(r, pair);
}

static int take_pair(struct reader *r, const char **p, bool first)
{
    struct pair pair = { .key = { *p, strcspn(*p, "=,") } };
    if ((*p)[pair.key.len] != '=') {
        if (first && r->facts->type_key)
            return take_implied(r, p, pair.key);
        return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: '%.*s' has no value: write NAME=on",
                            r->facts->option, SHOWN(pair.key));
    }
    if (pair.key.len == 0 || word_is_help(pair.key))
        return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: '%.*s' is no name", r->facts->option,
                            SHOWN(pair.key));
    *p = take_value(r, *p + pair.key.len + 1, &pair.value);
    return keep_pair(r, pair);
}

static int take_pairs(struct reader *r, const char *p)
{
    bool first = true;
    do {
        if (take_pair(r, &p, first) < 0)
            return -1;
        first = false;
        if (*p == ',' && p[1] == '\0')
            return qdev_problem(r->err, QDEV_ERROR_SYNTAX,
                                "%s: there is nothing after the last comma", r->facts->option);
    } while (*p++ == ',');
    return 0;
}

/* --- options ---------------------------------------------------------------------------------- */

static int add_element(struct reader *r, struct qdev *q, const struct pair *pair)
{
    struct qdev_value *list = value_find(q->members, pair->key);
    if (!list)
        list = value_put(q->members, pair->key, QDEV_LIST, r->err);
    if (!list || q->kind != QDEV_NETDEV)
        return list && value_put_text(list, NO_NAME, QDEV_UNTYPED, pair->value, r->err) ? 0 : -1;
    struct qdev_value *object = value_put(list, NO_NAME, QDEV_OBJECT_VALUE, r->err);
    /* which is a string for certain: the schema says so */
    return object && value_put_text(object, SPAN_LIT("str"), QDEV_STRING, pair->value, r->err) ? 0
                                                                                               : -1;
}

static int add_option(struct reader *r, struct qdev *q, const struct pair *pair)
{
    CLEANUP_FREE char *name = mem_strndup(pair->key.data, pair->key.len);
    if (kind_has_list(q->kind, name))
        return add_element(r, q, pair);
    if (value_find(q->members, pair->key))
        return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: '%.*s' is there twice",
                            r->facts->option, SHOWN(pair->key));
    return value_put_text(q->members, pair->key, QDEV_UNTYPED, pair->value, r->err) ? 0 : -1;
}

/* --- keyval ----------------------------------------------------------------------------------- */

static int bad_key(struct reader *r, struct span key, const char *why)
{
    return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "%s: '%.*s' %s", r->facts->option, SHOWN(key),
                        why);
}

/* Members and, until `make_lists`, elements too: under their numbers. */
static int add_dotted(struct reader *r, struct qdev *q, const struct pair *pair)
{
    struct qdev_value *in = q->members;
    struct span rest = pair->key;
    for (;;) {
        const char *dot = memchr(rest.data, '.', rest.len);
        struct span part = { rest.data, dot ? (size_t)(dot - rest.data) : rest.len };
        if (!word_is_qapi_name(part) && (in->depth == 0 || !word_is_index(part)))
            return bad_key(r, pair->key, "is no name");
        struct qdev_value *known = value_find(in, part);
        if (known && (!dot || known->kind != QDEV_OBJECT_VALUE))
            return bad_key(r, pair->key, "contradicts what is before it");
        if (!dot)
            return value_put_text(in, part, QDEV_UNTYPED, pair->value, r->err) ? 0 : -1;
        in = known ? known : value_put(in, part, QDEV_OBJECT_VALUE, r->err);
        if (!in)
            return -1;
        rest = (struct span){ dot + 1, rest.len - part.len - 1 };
    }
}

/* Puts elements into their order; each number below n must be there, and once: names are unique. */
static int order_elements(struct reader *r, struct qdev_value *v)
{
    size_t n = v->u.parts.n;
    CLEANUP_FREE struct qdev_value **ordered = mem_zalloc_array(n, sizeof(*ordered));
    for (size_t i = 0; i < n; i++) {
        struct qdev_value *item = v->u.parts.items[i];
        uint64_t index;
        if (!word_to_uint(span_of(item->name), &index) || index >= n)
            return bad_key(r, span_of(item->name), "is no number in a list without gaps");
        ordered[index] = item;
    }
    memcpy(v->u.parts.items, ordered, n * sizeof(*ordered));
    for (size_t i = 0; i < n; i++) {
        free(ordered[i]->name);
        ordered[i]->name = NULL;
    }
    v->kind = QDEV_LIST;
    return 0;
}

static int make_lists(struct reader *r, struct qdev_value *v)
{
    bool list = false;
    if (v->kind != QDEV_OBJECT_VALUE)
        return 0;
    for (size_t i = 0; i < v->u.parts.n; i++) {
        list |= word_is_index(span_of(v->u.parts.items[i]->name));
        if (make_lists(r, v->u.parts.items[i]) < 0)
            return -1;
    }
    return list ? order_elements(r, v) : 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int add_members(struct reader *r, struct qdev *q)
{
    bool keyval = q->type && kind_is_keyval(q->kind, q->type);
    for (size_t i = 0; i < r->n_pairs; i++) {
        if ((keyval ? add_dotted : add_option)(r, q, &r->pairs[i]) < 0)
            return -1;
    }
    return keyval ? make_lists(r, q->members) : 0;
}

struct qdev *qdev_from_argv(enum qdev_kind kind, const char *text, struct qdev_error **err)
{
    CLEANUP(cleanup_reader) struct reader r = { .kind = kind, .err = err };
    size_t len = strlen(text);
    r.facts = kind_facts(kind);
    if (!r.facts) {
        qdev_problem(err, QDEV_ERROR_ARGUMENT, "there is no such kind of description");
        return NULL;
    }
    if (len == 0 || len > LIMIT_QDEV_WORD_BYTES) {
        qdev_problem(err, len ? QDEV_ERROR_LIMIT : QDEV_ERROR_SYNTAX,
                     "%s: a word must have 1 to %u bytes", r.facts->option, LIMIT_QDEV_WORD_BYTES);
        return NULL;
    }
    if (*text == '{' && r.facts->json)
        return qdev_from_json(kind, text, err);
    r.texts = mem_alloc(len + 1);
    if (take_pairs(&r, text) < 0)
        return NULL;
    struct qdev *q = device_new(kind, r.type, r.id, err);
    if (q && (add_members(&r, q) < 0 || device_check_id(q, QDEV_ERROR_SYNTAX, err) < 0)) {
        qdev_free(q);
        return NULL;
    }
    return q;
}
