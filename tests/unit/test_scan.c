#include "config.h"
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/mem.h"
#include "qmp/scan.h"

static const struct qmp_scan_limits wide = { .max_bytes = 16u << 20,
                                             .max_depth = 64,
                                             .max_tokens = 1u << 20 };
static const struct qmp_scan_limits top_level = {
    .max_bytes = 64u << 20, .max_depth = 1024, .max_tokens = 64, .top_level_only = true
};

static void cleanup_scanner(struct qmp_scanner **s)
{
    qmp_scanner_free(*s);
}
#define CLEANUP_SCANNER CLEANUP(cleanup_scanner)

static enum qmp_scan_status scan(struct qmp_scanner *s, const char *text, size_t len)
{
    qmp_scanner_reset(s);
    return qmp_scanner_feed(s, text, len);
}

static void assert_status(enum qmp_scan_status expected, const char *text, size_t len)
{
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    enum qmp_scan_status got = scan(s, text, len);
    if (got != expected)
        fail_msg("status %d instead of %d (%s): %.*s", got, expected,
                 qmp_scan_fault(s).text ? qmp_scan_fault(s).text : "no fault", (int)len, text);
}

#define ASSERT_DONE(lit)    assert_status(QMP_SCAN_DONE, lit, sizeof(lit) - 1)
#define ASSERT_MORE(lit)    assert_status(QMP_SCAN_MORE, lit, sizeof(lit) - 1)
#define ASSERT_RULE(lit)    assert_status(QMP_SCAN_RULE, lit, sizeof(lit) - 1)
#define ASSERT_LEXICAL(lit) assert_status(QMP_SCAN_LEXICAL, lit, sizeof(lit) - 1)

static void assert_span(struct span s, const char *text, size_t len)
{
    assert_int_equal(s.len, len);
    assert_memory_equal(s.data, text, len);
}

/* --- what is JSON ----------------------------------------------------------------------------- */

static void takes_every_sort_of_value(void **state)
{
    (void)state;
    ASSERT_DONE("{}");
    ASSERT_DONE("[]");
    ASSERT_DONE("\"\"");
    ASSERT_DONE("true");
    ASSERT_DONE("false");
    ASSERT_DONE("null");
    ASSERT_DONE("0 ");
    ASSERT_DONE("{\"a\":{\"b\":[1,-2.5e-3,\"x\",true,false,null,{}]}}");
    ASSERT_DONE("{ \"a\"\t:\r\n[ 1 , 2 ] , \"b\" : { } }");
}

static void ends_at_the_last_byte_of_the_value(void **state)
{
    (void)state;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    assert_int_equal(scan(s, "{\"a\":1}{\"b\":2}", 14), QMP_SCAN_DONE);
    assert_int_equal(qmp_scanner_consumed(s), 7);
    assert_int_equal(scan(s, "12,", 3), QMP_SCAN_DONE);
    assert_int_equal(qmp_scanner_consumed(s), 2);
    assert_int_equal(scan(s, "truefalse", 9), QMP_SCAN_DONE);
    assert_int_equal(qmp_scanner_consumed(s), 4);
}

static void a_proper_beginning_wants_more(void **state)
{
    (void)state;
    static const char text[] = "{\"a\\u00e9\xc3\xa9\":[1.5e+3,tru";
    for (size_t len = 0; len < sizeof(text); len++)
        assert_status(QMP_SCAN_MORE, text, len);
    ASSERT_MORE("12");
}

static void refuses_what_other_parsers_take(void **state)
{
    (void)state;
    ASSERT_LEXICAL("{'execute':'stop'}");
    ASSERT_LEXICAL("{\"a\":'b'}");
    ASSERT_LEXICAL("{\"a\":\"it\\'s\"}");
    ASSERT_LEXICAL("{\"a\":NaN}");
    ASSERT_LEXICAL("{\"a\":Infinity}");
    ASSERT_LEXICAL("{\"a\":-Infinity}");
    ASSERT_LEXICAL("{\"a\":1,}");
    ASSERT_LEXICAL("[1,]");
    ASSERT_LEXICAL("{a:1}");
    ASSERT_LEXICAL("{\"a\":1 /* no */}");
    ASSERT_LEXICAL("// no\n{}");
    ASSERT_LEXICAL("{\"a\":True}");
    ASSERT_LEXICAL("{\"a\":%d}");
}

static void refuses_broken_structure(void **state)
{
    (void)state;
    ASSERT_LEXICAL("}");
    ASSERT_LEXICAL("]");
    ASSERT_LEXICAL(",");
    ASSERT_LEXICAL(":");
    ASSERT_LEXICAL("{]");
    ASSERT_LEXICAL("[}");
    ASSERT_LEXICAL("{\"a\"}");
    ASSERT_LEXICAL("{\"a\":}");
    ASSERT_LEXICAL("{\"a\" 1}");
    ASSERT_LEXICAL("{\"a\":1 \"b\":2}");
    ASSERT_LEXICAL("{\"a\":1]");
    ASSERT_LEXICAL("{,}");
    ASSERT_LEXICAL("[,]");
    ASSERT_LEXICAL("[1 2]");
    ASSERT_LEXICAL("[1:2]");
    ASSERT_LEXICAL("{1:2}");
    ASSERT_LEXICAL("{\"a\":1,,\"b\":2}");
    ASSERT_LEXICAL("nul}");
    ASSERT_LEXICAL("[truefalse]");
}

static void refuses_bytes_that_no_text_has(void **state)
{
    (void)state;
    ASSERT_LEXICAL("\xef\xbb\xbf{}");
    ASSERT_LEXICAL("\xff{}");
    ASSERT_LEXICAL("{\"a\":\"\x01\"}");
    ASSERT_LEXICAL("{\"a\":\"x\ny\"}");
    ASSERT_LEXICAL("{\"a\":\"x\ty\"}");
    ASSERT_LEXICAL("{\"a\":\"\x1f\"}");
    ASSERT_LEXICAL("{\"a\":\"x\0y\"}");
    ASSERT_LEXICAL("{\"a\"\0:1}");
    ASSERT_LEXICAL("{\"a\"\x0b:1}");
    ASSERT_LEXICAL("{\"a\"\xc2\xa0:1}");
    ASSERT_DONE("{\"a\":\"\x7f\"}");
}

/* --- strings ---------------------------------------------------------------------------------- */

static void utf8_is_taken_exactly(void **state)
{
    (void)state;
    ASSERT_DONE("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"");
    ASSERT_DONE("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
    ASSERT_LEXICAL("\"\x80\"");
    ASSERT_LEXICAL("\"\xc0\xaf\"");         /* overlong */
    ASSERT_LEXICAL("\"\xc1\xbf\"");         /* overlong */
    ASSERT_LEXICAL("\"\xe0\x9f\xbf\"");     /* overlong */
    ASSERT_LEXICAL("\"\xf0\x8f\xbf\xbf\""); /* overlong */
    ASSERT_LEXICAL("\"\xed\xa0\x80\"");     /* surrogate */
    ASSERT_LEXICAL("\"\xed\xbf\xbf\"");     /* surrogate */
    ASSERT_LEXICAL("\"\xf4\x90\x80\x80\""); /* past the last character */
    ASSERT_LEXICAL("\"\xf5\x80\x80\x80\"");
    ASSERT_LEXICAL("\"\xff\"");
    ASSERT_LEXICAL("\"\xfe\"");
    ASSERT_LEXICAL("\"\xc3\"");         /* cut short by the quote */
    ASSERT_LEXICAL("\"\xe2\x82\"");     /* likewise */
    ASSERT_LEXICAL("\"\xe2\x82x\"");    /* likewise */
    ASSERT_LEXICAL("\"\xc3\xa9\xa9\""); /* one too many */
}

static void every_utf8_pair_is_judged_by_the_table_of_rfc_3629(void **state)
{
    (void)state;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    for (unsigned a = 0x80; a < 0x100; a++) {
        for (unsigned b = 0; b < 0x100; b++) {
            char text[4] = { '"', (char)a, (char)b, '"' };
            bool good = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
            enum qmp_scan_status got = scan(s, text, 4);
            assert_int_equal(got == QMP_SCAN_DONE, good);
        }
    }
}

static void assert_decoded(const char *json, const char *text, size_t len)
{
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    assert_int_equal(scan(s, json, strlen(json)), QMP_SCAN_DONE);
    assert_span(qmp_tape_string(qmp_scanner_tape(s), 0), text, len);
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    assert_decoded("\"plain\"", "plain", 5);
    assert_decoded("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz", 10);
    assert_decoded("\"a\\u0000b\"", "a\0b", 3);
    assert_decoded("\"\\u0041\\u00e9\\u00E9\\u20ac\"", "A\xc3\xa9\xc3\xa9\xe2\x82\xac", 8);
    assert_decoded("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4);
    assert_decoded("\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 4);
    assert_decoded("\"a long run of plain text, \\n then \xc3\xa9 and more of it\"",
                   "a long run of plain text, \n then \xc3\xa9 and more of it", 50);
}

static void unknown_escapes_are_refused(void **state)
{
    (void)state;
    ASSERT_LEXICAL("\"\\x41\"");
    ASSERT_LEXICAL("\"\\'\"");
    ASSERT_LEXICAL("\"\\0\"");
    ASSERT_LEXICAL("\"\\U0041\"");
    ASSERT_LEXICAL("\"\\u004\"");
    ASSERT_LEXICAL("\"\\u00g0\"");
    ASSERT_LEXICAL("\"\\u+041\"");
    ASSERT_LEXICAL("\"\\ud83d\\x\"");
}

static void lone_surrogates_break_a_rule(void **state)
{
    (void)state;
    ASSERT_RULE("\"\\ud800\"");
    ASSERT_RULE("\"\\udc00\"");
    ASSERT_RULE("\"\\ud800x\"");
    ASSERT_RULE("\"\\ud800\\n\"");
    ASSERT_RULE("\"\\ud800\\u0041\"");
    ASSERT_RULE("\"\\ud800\\ud800\\udc00\"");
    ASSERT_RULE("\"\\udc00\\ud800\"");
    ASSERT_RULE("{\"\\udfff\":1}");
}

/* --- numbers ---------------------------------------------------------------------------------- */

static void numbers_follow_the_grammar(void **state)
{
    (void)state;
    static const char *const good[] = { "0",
                                        "-0",
                                        "1",
                                        "-1",
                                        "10",
                                        "1.0",
                                        "0.0",
                                        "-0.5",
                                        "1e5",
                                        "1E5",
                                        "1e+5",
                                        "1e-5",
                                        "1.5e05",
                                        "0e0",
                                        "1e-400",
                                        "18446744073709551616",
                                        "-9223372036854775809" };
    static const char *const bad[] = { "01", "-01",   "-",   "+1",   ".5",  "1.",    "1.e5",
                                       "1e", "1e+",   "--1", "0x10", "1_0", "1.2.3", "1e5.5",
                                       "00", "1e5e5", "-a",  "1-",   "1+2", "1e--5" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        CLEANUP_FREE char *text = mem_printf("[%s]", good[i]);
        assert_status(QMP_SCAN_DONE, text, strlen(text));
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP_FREE char *text = mem_printf("[%s]", bad[i]);
        assert_status(QMP_SCAN_LEXICAL, text, strlen(text));
    }
}

#define MAX_DOUBLE_DIGITS                                                                        \
    "179769313486231570814527423731704356798070567525844996598917476803157260780028538760589558" \
    "632766878171540458953514382464234321326889464182768467546703537516986049910576551282076245" \
    "490090389328944075868508455133942304583236903222948165808559332123348274797826204144723168" \
    "738177180919299881250404026184124858368"
#define FIRST_INFINITE_DIGITS                                                                    \
    "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017" \
    "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273" \
    "854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704" \
    "342711559699508093042880177904174497792"
#define BELOW_INFINITE_DIGITS                                                                    \
    "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017" \
    "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273" \
    "854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704" \
    "342711559699508093042880177904174497791"

static void numbers_that_overflow_a_double_break_a_rule(void **state)
{
    (void)state;
    static const char *const good[] = {
        "1e308",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        MAX_DOUBLE_DIGITS,
        BELOW_INFINITE_DIGITS,
        BELOW_INFINITE_DIGITS ".999",
        "0e999999999999999999999",
        "0.0000e400",
        "1e-999999999999999999999",
        "0.0001e312",
        "17976931348623157e292",
    };
    static const char *const bad[] = {
        "1e400",
        "-1e400",
        "1e309",
        "1.8e308",
        "1.7976931348623159e308",
        FIRST_INFINITE_DIGITS,
        FIRST_INFINITE_DIGITS ".0",
        FIRST_INFINITE_DIGITS "e0",
        "1e999999999999999999999",
        "0.0001e313",
        "100e307",
        "-" FIRST_INFINITE_DIGITS,
        FIRST_INFINITE_DIGITS "0",
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        CLEANUP_FREE char *text = mem_printf("[%s]", good[i]);
        assert_status(QMP_SCAN_DONE, text, strlen(text));
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP_FREE char *text = mem_printf("[%s]", bad[i]);
        assert_status(QMP_SCAN_RULE, text, strlen(text));
    }
}

/* --- rules ------------------------------------------------------------------------------------ */

static void a_name_twice_breaks_a_rule(void **state)
{
    (void)state;
    ASSERT_RULE("{\"a\":1,\"a\":2}");
    ASSERT_RULE("{\"execute\":\"stop\",\"\\u0065xecute\":\"quit\"}");
    ASSERT_RULE("{\"x\":{\"a\":1,\"b\":2,\"a\":3}}");
    ASSERT_RULE("{\"a\\u0000\":1,\"a\\u0000\":2}");
    ASSERT_RULE("{\"\":1,\"\":2}");
    ASSERT_RULE("{\"\xc3\xa9\":1,\"\\u00e9\":2}");
    ASSERT_DONE("{\"a\":1,\"A\":2,\"a\\u0000\":3,\"\":4}");
    ASSERT_DONE("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}");
}

/* An object of n members m0..., the last of them named `last`. */
static char *many_members(unsigned n, const char *last)
{
    struct buf b = { 0 };
    buf_add_char(&b, '{');
    for (unsigned i = 0; i + 1 < n; i++)
        buf_printf(&b, "\"m%u\":[{\"m0\":0}],", i);
    buf_printf(&b, "\"%s\":0}", last);
    buf_add_char(&b, '\0');
    return b.mem;
}

static void a_name_twice_is_found_in_objects_of_any_size(void **state)
{
    (void)state;
    static const unsigned sizes[] = { 2, 7, 8, 9, 10, 11, 33, 100, 5000 };
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        for (unsigned twin = 0; twin + 1 < sizes[i]; twin += 1 + sizes[i] / 10) {
            CLEANUP_FREE char *last = mem_printf("m%u", twin);
            CLEANUP_FREE char *bad = many_members(sizes[i], last);
            assert_status(QMP_SCAN_RULE, bad, strlen(bad));
        }
        CLEANUP_FREE char *good = many_members(sizes[i], "other");
        assert_status(QMP_SCAN_DONE, good, strlen(good));
    }
}

static void depth_is_limited_and_the_id_survives(void **state)
{
    (void)state;
    struct qmp_scan_limits limits = wide;
    limits.max_depth = 3;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&limits);
    static const char good[] = "{\"a\":[[1]]}";
    assert_int_equal(scan(s, good, sizeof(good) - 1), QMP_SCAN_DONE);
    static const char bad[] = "{\"a\":[{\"b\":[{\"id\":1}]},[[[[2]]]]],\"id\":7}{";
    assert_int_equal(scan(s, bad, sizeof(bad) - 1), QMP_SCAN_RULE);
    assert_int_equal(qmp_scanner_consumed(s), sizeof(bad) - 2);
    assert_string_equal(qmp_scan_fault(s).text, "nested too deeply");
    assert_int_equal(qmp_scan_fault(s).offset, 11);
    const struct qmp_tape *t = qmp_scanner_tape(s);
    uint32_t id = qmp_tape_find(t, 0, SPAN_LIT("id"));
    assert_span(qmp_tape_raw(t, id), "7", 1);
    uint32_t a = qmp_tape_find(t, 0, SPAN_LIT("a"));
    assert_true(t->tokens[a].faulty);
    assert_true(t->tokens[a].folded);
    assert_int_equal(t->tokens[a].count, 0);
    assert_false(t->tokens[id].faulty);
}

static void brackets_must_match_beyond_the_depth_limit_too(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    for (unsigned i = 0; i < 5000; i++)
        buf_add_str(&b, i % 3 ? "[" : "{\"a\":");
    for (unsigned i = 5000; i-- > 0;)
        buf_add_char(&b, i % 3 ? ']' : '}');
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    assert_int_equal(scan(s, buf_data(&b), buf_len(&b)), QMP_SCAN_RULE);
    assert_int_equal(qmp_scanner_consumed(s), buf_len(&b));
    buf_data(&b)[buf_len(&b) - 300] ^= ']' ^ '}';
    assert_int_equal(scan(s, buf_data(&b), buf_len(&b)), QMP_SCAN_LEXICAL);
}

static void tokens_are_limited_and_the_id_survives(void **state)
{
    (void)state;
    struct qmp_scan_limits limits = wide;
    limits.max_tokens = 10;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&limits);
    assert_int_equal(scan(s, "[1,2,3,4,5,6,7,8,9]", 19), QMP_SCAN_DONE);
    assert_int_equal(scan(s, "[1,2,3,4,5,6,7,8,9,10]", 22), QMP_SCAN_RULE);
    static const char bad[] = "{\"a\":[1,2,3,4,5,6,7,8,9,10,[1,2,3]],\"b\":{\"c\":1},\"id\":7}";
    assert_int_equal(scan(s, bad, sizeof(bad) - 1), QMP_SCAN_RULE);
    assert_string_equal(qmp_scan_fault(s).text, "too many values");
    const struct qmp_tape *t = qmp_scanner_tape(s);
    uint32_t id = qmp_tape_find(t, 0, SPAN_LIT("id"));
    assert_span(qmp_tape_raw(t, id), "7", 1);
}

static void no_name_is_on_the_tape_without_its_value(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":1,\"b\":2,\"c\":{\"d\":[]},\"e\":5}";
    for (uint32_t max = 0; max < 12; max++) {
        struct qmp_scan_limits limits = wide;
        limits.max_tokens = max;
        CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&limits);
        assert_int_equal(scan(s, text, sizeof(text) - 1), max < 11 ? QMP_SCAN_RULE : QMP_SCAN_DONE);
        const struct qmp_tape *t = qmp_scanner_tape(s);
        uint32_t members = 0;
        QMP_TAPE_MEMBERS (t, 0, name, value) {
            assert_int_equal(qmp_tape_kind(t, name), QMP_KIND_STRING);
            assert_true(value < t->n_tokens);
            members++;
        }
        assert_int_equal(members, t->tokens[0].count);
        assert_int_equal(t->tokens[0].next, t->n_tokens);
    }
}

static void size_is_limited(void **state)
{
    (void)state;
    struct qmp_scan_limits limits = wide;
    limits.max_bytes = 10;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&limits);
    assert_int_equal(scan(s, "[\"123456\"]", 10), QMP_SCAN_DONE);
    assert_int_equal(scan(s, "[\"123456\"]x", 11), QMP_SCAN_DONE);
    assert_int_equal(scan(s, "[\"1234567\"", 10), QMP_SCAN_MORE);
    assert_int_equal(scan(s, "[\"1234567\"]", 11), QMP_SCAN_LEXICAL);
    assert_string_equal(qmp_scan_fault(s).text, "message is too long");
    assert_int_equal(qmp_scan_fault(s).offset, 10);
}

static void only_the_value_that_breaks_a_rule_is_marked(void **state)
{
    (void)state;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    static const char text[] =
        "{\"a\":{\"x\":1},\"b\":{\"c\":[1e999,2]},\"d\":{\"e\":1},\"f\":1e999}";
    assert_int_equal(scan(s, text, sizeof(text) - 1), QMP_SCAN_RULE);
    const struct qmp_tape *t = qmp_scanner_tape(s);
    assert_false(t->tokens[qmp_tape_find(t, 0, SPAN_LIT("a"))].faulty);
    assert_true(t->tokens[qmp_tape_find(t, 0, SPAN_LIT("b"))].faulty);
    assert_false(t->tokens[qmp_tape_find(t, 0, SPAN_LIT("d"))].faulty);
    assert_true(t->tokens[qmp_tape_find(t, 0, SPAN_LIT("f"))].faulty);
    assert_string_equal(qmp_scan_fault(s).text, "number out of range");
    assert_int_equal(qmp_scan_fault(s).offset, 23);
}

/* --- top level only --------------------------------------------------------------------------- */

static void top_level_tape_has_whole_values(void **state)
{
    (void)state;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&top_level);
    static const char text[] =
        "{\"return\": {\"a\": [1, {\"b\": \"\\u0041\"}]}, \"id\": \"\\u0041\"}";
    assert_int_equal(scan(s, text, sizeof(text) - 1), QMP_SCAN_DONE);
    const struct qmp_tape *t = qmp_scanner_tape(s);
    assert_int_equal(t->n_tokens, 5);
    uint32_t value = qmp_tape_find(t, 0, SPAN_LIT("return"));
    assert_true(t->tokens[value].folded);
    assert_span(qmp_tape_raw(t, value), "{\"a\": [1, {\"b\": \"\\u0041\"}]}", 27);
    assert_span(qmp_tape_string(t, qmp_tape_find(t, 0, SPAN_LIT("id"))), "A", 1);
}

static void top_level_mode_checks_what_is_inside(void **state)
{
    (void)state;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&top_level);
    static const struct {
        const char *text;
        enum qmp_scan_status status;
    } cases[] = {
        { "{\"return\":{\"a\":[1,2,{\"b\":null}]}}", QMP_SCAN_DONE },
        { "{\"return\":{\"a\":[1,2,{\"b\":nul}]}}", QMP_SCAN_LEXICAL },
        { "{\"return\":{\"a\":[1,2,{\"b\":\"\xff\"}]}}", QMP_SCAN_LEXICAL },
        { "{\"return\":{\"a\":[1,2,{\"b\"}]}}", QMP_SCAN_LEXICAL },
        { "{\"return\":{\"a\":[1,2}}", QMP_SCAN_LEXICAL },
        { "{\"return\":{\"a\":[1e400]}}", QMP_SCAN_RULE },
        { "{\"return\":{\"a\":\"\\ud800\"}}", QMP_SCAN_RULE },
        { "{\"return\":1,\"return\":2}", QMP_SCAN_RULE },
        { "{\"return\":{\"a\":1,\"a\":2}}", QMP_SCAN_DONE }, /* said so in scan.h */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(scan(s, cases[i].text, strlen(cases[i].text)), cases[i].status);
}

static void one_line_mode_refuses_a_line_feed(void **state)
{
    (void)state;
    struct qmp_scan_limits limits = top_level;
    limits.one_line = true;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&limits);
    assert_int_equal(scan(s, "{\"return\": {}}\r\n", 16), QMP_SCAN_DONE);
    assert_int_equal(scan(s, "{\"return\":\n{}}", 14), QMP_SCAN_LEXICAL);
    assert_int_equal(qmp_scan_fault(s).offset, 10);
    assert_int_equal(qmp_scanner_consumed(s), 10);
    assert_int_equal(scan(s, "{\"return\": [1\r\n]}", 17), QMP_SCAN_LEXICAL);
}

/* --- the tape --------------------------------------------------------------------------------- */

static void tape_is_walked_by_index(void **state)
{
    (void)state;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    static const char text[] = "{\"a\": [1, [2, {}], \"x\"], \"b\": {\"c\": true}, \"d\": null}";
    assert_int_equal(scan(s, text, sizeof(text) - 1), QMP_SCAN_DONE);
    const struct qmp_tape *t = qmp_scanner_tape(s);
    assert_int_equal(t->tokens[0].count, 3);
    assert_int_equal(t->tokens[0].next, t->n_tokens);
    uint32_t a = qmp_tape_find(t, 0, SPAN_LIT("a")), n = 0;
    assert_int_equal(t->tokens[a].count, 3);
    QMP_TAPE_ELEMENTS (t, a, element)
        n++;
    assert_int_equal(n, 3);
    assert_int_equal(qmp_tape_kind(t, qmp_tape_find(t, 0, SPAN_LIT("d"))), QMP_KIND_NULL);
    assert_int_equal(qmp_tape_find(t, 0, SPAN_LIT("c")), QMP_NONE);
    assert_span(qmp_tape_raw(t, qmp_tape_find(t, 0, SPAN_LIT("b"))), "{\"c\": true}", 11);
}

static void names_are_compared_by_length_and_bytes(void **state)
{
    (void)state;
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    static const char text[] = "{\"execute\\u0000x\":1}";
    assert_int_equal(scan(s, text, sizeof(text) - 1), QMP_SCAN_DONE);
    const struct qmp_tape *t = qmp_scanner_tape(s);
    assert_int_equal(qmp_tape_find(t, 0, SPAN_LIT("execute")), QMP_NONE);
    assert_int_equal(qmp_tape_find(t, 0, SPAN_LIT("execute\0x")), 2);
}

static void integers_are_read_where_they_fit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } cases[] = {
        { "[0]", true, 0 },
        { "[-0]", true, 0 },
        { "[42]", true, 42 },
        { "[9223372036854775807]", true, INT64_MAX },
        { "[-9223372036854775808]", true, INT64_MIN },
        { "[9223372036854775808]", false, 0 },
        { "[-9223372036854775809]", false, 0 },
        { "[100000000000000000000000]", false, 0 },
        { "[1.0]", false, 0 },
        { "[1e3]", false, 0 },
        { "[\"1\"]", false, 0 },
    };
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t value = 0;
        assert_int_equal(scan(s, cases[i].text, strlen(cases[i].text)), QMP_SCAN_DONE);
        assert_int_equal(qmp_tape_int64(qmp_scanner_tape(s), 1, &value), cases[i].fits);
        assert_int_equal(value, cases[i].value);
    }
}

static void a_copy_stands_alone(void **state)
{
    (void)state;
    CLEANUP_FREE char *text = mem_strdup("{\"a\":\"x\\ny\",\"b\":[1,2]}");
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    assert_int_equal(scan(s, text, strlen(text)), QMP_SCAN_DONE);
    CLEANUP_FREE struct qmp_tape *copy = qmp_tape_copy(qmp_scanner_tape(s));
    memset(text, 'z', strlen(text));
    scan(s, "{}", 2);
    assert_span(qmp_tape_string(copy, qmp_tape_find(copy, 0, SPAN_LIT("a"))), "x\ny", 3);
    assert_span(qmp_tape_raw(copy, qmp_tape_find(copy, 0, SPAN_LIT("b"))), "[1,2]", 5);
}

/* --- in pieces -------------------------------------------------------------------------------- */

static void assert_same_in_pieces(const char *text, size_t len)
{
    CLEANUP_SCANNER struct qmp_scanner *whole = qmp_scanner_new(&wide);
    CLEANUP_SCANNER struct qmp_scanner *pieces = qmp_scanner_new(&wide);
    enum qmp_scan_status expected = scan(whole, text, len);
    for (size_t split = 0; split <= len; split++) {
        /* the text moves in memory between the feeds */
        CLEANUP_FREE char *first = mem_dup(text, split);
        qmp_scanner_reset(pieces);
        enum qmp_scan_status got = qmp_scanner_feed(pieces, first, split);
        memset(first, 0xee, split);
        if (got == QMP_SCAN_MORE)
            got = qmp_scanner_feed(pieces, text, len);
        assert_int_equal(got, expected);
        assert_int_equal(qmp_scanner_consumed(pieces), qmp_scanner_consumed(whole));
        assert_ptr_equal(qmp_scan_fault(pieces).text, qmp_scan_fault(whole).text);
        assert_int_equal(qmp_scan_fault(pieces).offset, qmp_scan_fault(whole).offset);
        const struct qmp_tape *a = qmp_scanner_tape(whole), *b = qmp_scanner_tape(pieces);
        assert_int_equal(a->n_tokens, b->n_tokens);
        assert_memory_equal(a->tokens, b->tokens, a->n_tokens * sizeof(*a->tokens));
        assert_int_equal(a->decoded_len, b->decoded_len);
        if (a->decoded_len)
            assert_memory_equal(a->decoded, b->decoded, a->decoded_len);
    }
}

static void any_split_gives_the_same_result(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"execute\": \"a\\u00e9\\ud83d\\ude00\xf0\x9f\x98\x80z\", \"arguments\": {\"x\": [1, "
        "-2.5e+10, "
        "true, false, null]}, \"id\": \"\\\"\"}",
        "{\"a\":1,\"b\":{\"c\":1,\"c\":2},\"d\":[{}]}",
        "{\"a\":\"\\ud800\\u0041\",\"b\":1e400}",
        "{\"a\":\"\\ud800\\x\"}",
        "{\"a\":1.}",
        "{\"a\":\"\xe2\x82\"}",
        "1234 ",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_same_in_pieces(texts[i], strlen(texts[i]));
}

static void a_byte_at_a_time_costs_no_more_than_the_bytes(void **state)
{
    (void)state;
    enum { MEMBERS = 65536 };
    CLEANUP_BUF struct buf b = { 0 };
    buf_add_char(&b, '{');
    for (unsigned i = 0; i < MEMBERS; i++)
        buf_printf(&b, "%s\"member-%u\":%u", i ? "," : "", i, i);
    buf_add_char(&b, '}');
    CLEANUP_SCANNER struct qmp_scanner *s = qmp_scanner_new(&wide);
    for (size_t len = 1; len < buf_len(&b); len++)
        assert_int_equal(qmp_scanner_feed(s, buf_data(&b), len), QMP_SCAN_MORE);
    assert_int_equal(qmp_scanner_feed(s, buf_data(&b), buf_len(&b)), QMP_SCAN_DONE);
    assert_int_equal(qmp_scanner_tape(s)->tokens[0].count, MEMBERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_sort_of_value),
        cmocka_unit_test(ends_at_the_last_byte_of_the_value),
        cmocka_unit_test(a_proper_beginning_wants_more),
        cmocka_unit_test(refuses_what_other_parsers_take),
        cmocka_unit_test(refuses_broken_structure),
        cmocka_unit_test(refuses_bytes_that_no_text_has),
        cmocka_unit_test(utf8_is_taken_exactly),
        cmocka_unit_test(every_utf8_pair_is_judged_by_the_table_of_rfc_3629),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(unknown_escapes_are_refused),
        cmocka_unit_test(lone_surrogates_break_a_rule),
        cmocka_unit_test(numbers_follow_the_grammar),
        cmocka_unit_test(numbers_that_overflow_a_double_break_a_rule),
        cmocka_unit_test(a_name_twice_breaks_a_rule),
        cmocka_unit_test(a_name_twice_is_found_in_objects_of_any_size),
        cmocka_unit_test(depth_is_limited_and_the_id_survives),
        cmocka_unit_test(brackets_must_match_beyond_the_depth_limit_too),
        cmocka_unit_test(tokens_are_limited_and_the_id_survives),
        cmocka_unit_test(no_name_is_on_the_tape_without_its_value),
        cmocka_unit_test(size_is_limited),
        cmocka_unit_test(only_the_value_that_breaks_a_rule_is_marked),
        cmocka_unit_test(top_level_tape_has_whole_values),
        cmocka_unit_test(top_level_mode_checks_what_is_inside),
        cmocka_unit_test(one_line_mode_refuses_a_line_feed),
        cmocka_unit_test(tape_is_walked_by_index),
        cmocka_unit_test(names_are_compared_by_length_and_bytes),
        cmocka_unit_test(integers_are_read_where_they_fit),
        cmocka_unit_test(a_copy_stands_alone),
        cmocka_unit_test(any_split_gives_the_same_result),
        cmocka_unit_test(a_byte_at_a_time_costs_no_more_than_the_bytes),
    };
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
