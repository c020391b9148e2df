/* The scanner. Any split of a text gives the result of the whole; what it takes is written as
 * canonical JSON that scans to an equal tape, and json-c makes the same tree of both. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "qmp/scan.h"
#include "qmp/write.h"

#define MAX_DEPTH  20u  /* low, so that a fuzzer finds it */
#define ALL_SPLITS 512u /* bytes; longer texts are split at some places only */

static const struct qmp_scan_limits full = { .max_bytes = 16384,
                                             .max_depth = MAX_DEPTH,
                                             .max_tokens = 200 };
static const struct qmp_scan_limits top_level = {
    .max_bytes = 16384, .max_depth = MAX_DEPTH, .max_tokens = 200, .top_level_only = true
};
static const struct qmp_scan_limits one_line = {
    .max_bytes = 100, .max_depth = 2, .max_tokens = 5, .top_level_only = true, .one_line = true
};

/* --- splits ----------------------------------------------------------------------------------- */

static bool is_whole(enum qmp_scan_status status)
{
    return status == QMP_SCAN_DONE || status == QMP_SCAN_RULE;
}

static void assert_same_result(const struct qmp_scanner *a, const struct qmp_scanner *b,
                               enum qmp_scan_status status)
{
    const struct qmp_tape *ta = qmp_scanner_tape(a), *tb = qmp_scanner_tape(b);
    FUZZ_ASSERT(qmp_scanner_consumed(a) == qmp_scanner_consumed(b));
    FUZZ_ASSERT(qmp_scan_fault(a).text == qmp_scan_fault(b).text);
    FUZZ_ASSERT(qmp_scan_fault(a).offset == qmp_scan_fault(b).offset);
    if (!is_whole(status))
        return;
    FUZZ_ASSERT(ta->n_tokens == tb->n_tokens);
    FUZZ_ASSERT(memcmp(ta->tokens, tb->tokens, ta->n_tokens * sizeof(*ta->tokens)) == 0);
    FUZZ_ASSERT(ta->decoded_len == tb->decoded_len);
    FUZZ_ASSERT(!ta->decoded_len || memcmp(ta->decoded, tb->decoded, ta->decoded_len) == 0);
}

/* Feeds `piece` bytes at a time after the first `split`; the text moves from feed to feed. */
static enum qmp_scan_status feed_pieces(struct qmp_scanner *s, const char *text, size_t len,
                                        size_t split, size_t piece)
{
    enum qmp_scan_status status = QMP_SCAN_MORE;
    qmp_scanner_reset(s);
    for (size_t have = split; status == QMP_SCAN_MORE; have += piece) {
        if (have >= len)
            return qmp_scanner_feed(s, text, len);
        CLEANUP_FREE char *part = mem_dup(text, have);
        status = qmp_scanner_feed(s, part, have);
    }
    /* the tape borrows the text: let it see the one that stays */
    return status;
}

static void check_splits(const struct qmp_scan_limits *limits, const char *text, size_t len)
{
    struct qmp_scanner *whole = qmp_scanner_new(limits);
    struct qmp_scanner *pieces = qmp_scanner_new(limits);
    enum qmp_scan_status status = qmp_scanner_feed(whole, text, len);
    size_t step = len <= ALL_SPLITS ? 1 : len / 64;
    for (size_t split = 0; split <= len; split += step) {
        FUZZ_ASSERT(feed_pieces(pieces, text, len, split, len + 1) == status);
        assert_same_result(whole, pieces, status);
    }
    if (len <= 4 * ALL_SPLITS) {
        FUZZ_ASSERT(feed_pieces(pieces, text, len, 0, 1) == status);
        assert_same_result(whole, pieces, status);
    }
    qmp_scanner_free(whole);
    qmp_scanner_free(pieces);
}

/* --- canonical output ------------------------------------------------------------------------- */

static bool same_span(struct span a, struct span b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static void assert_equal_tapes(const struct qmp_tape *a, const struct qmp_tape *b)
{
    FUZZ_ASSERT(a->n_tokens == b->n_tokens);
    for (uint32_t i = 0; i < a->n_tokens; i++) {
        enum qmp_kind kind = qmp_tape_kind(a, i);
        FUZZ_ASSERT(kind == qmp_tape_kind(b, i));
        FUZZ_ASSERT(qmp_tape_next(a, i) == qmp_tape_next(b, i));
        if (kind == QMP_KIND_STRING)
            FUZZ_ASSERT(same_span(qmp_tape_string(a, i), qmp_tape_string(b, i)));
        else if (kind == QMP_KIND_NUMBER)
            FUZZ_ASSERT(same_span(qmp_tape_raw(a, i), qmp_tape_raw(b, i)));
        else if (kind <= QMP_KIND_ARRAY)
            FUZZ_ASSERT(a->tokens[i].count == b->tokens[i].count);
    }
}

static void check_verbatim(struct qmp_scanner *s, const struct qmp_tape *t)
{
    struct buf out = { 0 };
    qmp_write_verbatim(&out, t, 0);
    buf_add_char(&out, ' '); /* ends a number */
    qmp_scanner_reset(s);
    FUZZ_ASSERT(qmp_scanner_feed(s, buf_data(&out), buf_len(&out)) == QMP_SCAN_DONE);
    assert_equal_tapes(t, qmp_scanner_tape(s));
    buf_free(&out);
}

static void check_canonical(struct qmp_scanner *s, const struct qmp_tape *t, struct buf *out)
{
    qmp_write_value(out, t, 0);
    for (size_t i = 0; i < buf_len(out); i++)
        FUZZ_ASSERT(buf_data(out)[i] >= ' ' && buf_data(out)[i] < 0x7f);
    buf_add_char(out, ' ');
    qmp_scanner_reset(s);
    FUZZ_ASSERT(qmp_scanner_feed(s, buf_data(out), buf_len(out)) == QMP_SCAN_DONE);
    assert_equal_tapes(t, qmp_scanner_tape(s));
    struct buf again = { 0 };
    qmp_write_value(&again, qmp_scanner_tape(s), 0);
    FUZZ_ASSERT(buf_len(&again) + 1 == buf_len(out));
    FUZZ_ASSERT(memcmp(buf_data(&again), buf_data(out), buf_len(&again)) == 0);
    buf_free(&again);
}

/* --- json-c ----------------------------------------------------------------------------------- */

static double double_of(struct span lexeme)
{
    CLEANUP_FREE char *text = mem_strndup(lexeme.data, lexeme.len);
    return strtod(text, NULL);
}

static void check_number(const struct qmp_tape *t, uint32_t i, struct json_object *o)
{
    int64_t value;
    double number = double_of(qmp_tape_raw(t, i));
    FUZZ_ASSERT(isfinite(number));
    if (json_object_is_type(o, json_type_double))
        FUZZ_ASSERT(json_object_get_double(o) == number);
    else if (qmp_tape_int64(t, i, &value))
        FUZZ_ASSERT(json_object_get_int64(o) == value);
    else /* json-c clamps integers that it has no type for */
        FUZZ_ASSERT(json_object_is_type(o, json_type_int));
}

/* Recursion is bounded by MAX_DEPTH. */
static void check_tree(const struct qmp_tape *t, uint32_t i, struct json_object *o)
{
    size_t n = 0;
    switch (qmp_tape_kind(t, i)) {
    case QMP_KIND_OBJECT:
        FUZZ_ASSERT(json_object_is_type(o, json_type_object));
        FUZZ_ASSERT((uint32_t)json_object_object_length(o) == t->tokens[i].count);
        QMP_TAPE_MEMBERS (t, i, name, value) {
            struct span s = qmp_tape_string(t, name);
            CLEANUP_FREE char *key = mem_strndup(s.data, s.len);
            struct json_object *part;
            FUZZ_ASSERT(json_object_object_get_ex(o, key, &part));
            check_tree(t, value, part);
        }
        break;
    case QMP_KIND_ARRAY:
        FUZZ_ASSERT(json_object_is_type(o, json_type_array));
        FUZZ_ASSERT(json_object_array_length(o) == t->tokens[i].count);
        QMP_TAPE_ELEMENTS (t, i, element)
            check_tree(t, element, json_object_array_get_idx(o, n++));
        break;
    case QMP_KIND_STRING:
        FUZZ_ASSERT(json_object_is_type(o, json_type_string));
        FUZZ_ASSERT(same_span(
            qmp_tape_string(t, i),
            (struct span){ json_object_get_string(o), (size_t)json_object_get_string_len(o) }));
        break;
    case QMP_KIND_NUMBER:
        check_number(t, i, o);
        break;
    case QMP_KIND_TRUE:
    case QMP_KIND_FALSE:
        FUZZ_ASSERT(json_object_is_type(o, json_type_boolean));
        FUZZ_ASSERT(json_object_get_boolean(o) == (qmp_tape_kind(t, i) == QMP_KIND_TRUE));
        break;
    case QMP_KIND_NULL:
        FUZZ_ASSERT(o == NULL);
        break;
    }
}

/* json-c cuts a name short at a NUL. */
static bool has_nul(const struct qmp_tape *t)
{
    return t->decoded_len && memchr(t->decoded, '\0', t->decoded_len);
}

static void check_json_c(const struct qmp_tape *t, const char *text, size_t len)
{
    if (has_nul(t))
        return;
    struct json_tokener *tok = json_tokener_new_ex(MAX_DEPTH + 2);
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
                                    JSON_TOKENER_ALLOW_TRAILING_CHARS);
    CLEANUP_FREE char *line = mem_printf("%.*s ", (int)len, text); /* a number ends at a space */
    struct json_object *o = json_tokener_parse_ex(tok, line, (int)len + 1);
    FUZZ_ASSERT(json_tokener_get_error(tok) == json_tokener_success);
    check_tree(t, 0, o);
    json_object_put(o);
    json_tokener_free(tok);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void check_overflow(const struct qmp_scanner *s, const char *text)
{
    struct qmp_fault fault = qmp_scan_fault(s);
    if (!fault.text || strcmp(fault.text, "number out of range") != 0)
        return;
    size_t len = strspn(text + fault.offset, "0123456789.eE+-");
    FUZZ_ASSERT(isinf(double_of((struct span){ text + fault.offset, len })));
}

static void check_top_level(enum qmp_scan_status status, const struct qmp_tape *t, const char *text,
                            size_t len)
{
    struct qmp_scanner *s = qmp_scanner_new(&top_level);
    enum qmp_scan_status top_status = qmp_scanner_feed(s, text, len);
    const struct qmp_tape *top = qmp_scanner_tape(s);
    if (status == QMP_SCAN_RULE) /* inside, names may repeat, and there may be more values */
        FUZZ_ASSERT(is_whole(top_status));
    else
        FUZZ_ASSERT(status == top_status);
    if (status == QMP_SCAN_DONE && qmp_tape_kind(t, 0) == QMP_KIND_OBJECT) {
        uint32_t i = 1;
        FUZZ_ASSERT(top->tokens[0].count == t->tokens[0].count);
        QMP_TAPE_MEMBERS (t, 0, name, value) {
            FUZZ_ASSERT(same_span(qmp_tape_string(t, name), qmp_tape_string(top, i)));
            FUZZ_ASSERT(same_span(qmp_tape_raw(t, value), qmp_tape_raw(top, i + 1)));
            i += 2;
        }
        FUZZ_ASSERT(i == top->n_tokens);
    }
    qmp_scanner_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *text = mem_strndup((const char *)data, size); /* a NUL for strspn */
    struct qmp_scanner *s = qmp_scanner_new(&full);
    enum qmp_scan_status status = qmp_scanner_feed(s, text, size);
    const struct qmp_tape *t = qmp_scanner_tape(s);

    check_splits(&full, text, size);
    check_splits(&top_level, text, size);
    check_splits(&one_line, text, size);
    check_overflow(s, text);
    check_top_level(status, t, text, size);
    if (status == QMP_SCAN_DONE) {
        struct buf out = { 0 };
        struct qmp_scanner *again = qmp_scanner_new(&full);
        check_json_c(t, text, qmp_scanner_consumed(s));
        check_verbatim(again, t);
        check_canonical(again, t, &out);
        check_json_c(t, buf_data(&out), buf_len(&out));
        qmp_scanner_free(again);
        buf_free(&out);
    }
    qmp_scanner_free(s);
    return 0;
}
