#include "config.h"
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/glob.h"
#include "base/library.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

static void assert_json(const char *in, size_t len, const char *expected)
{
    CLEANUP_BUF struct buf b = { 0 };
    buf_add_json_string(&b, in, len);
    buf_add_char(&b, '\0');
    assert_string_equal(buf_data(&b), expected);
}

static void json_string_escapes_what_json_must(void **state)
{
    (void)state;
    assert_json("a\"b\\c\n\x01", 7, "\"a\\\"b\\\\c\\n\\u0001\"");
    assert_json("a\0b", 3, "\"a\\u0000b\"");
    assert_json("\x7f", 1, "\"\\u007f\"");
}

static void json_string_is_ascii(void **state)
{
    (void)state;
    assert_json("\xc3\xa9", 2, "\"\\u00e9\"");
    assert_json("\xf0\x9f\x98\x80", 4, "\"\\ud83d\\ude00\"");
}

static void json_string_replaces_what_is_not_utf8(void **state)
{
    (void)state;
    assert_json("\xff", 1, "\"\\ufffd\"");
    assert_json("\xc0\xaf", 2, "\"\\ufffd\\ufffd\"");            /* overlong */
    assert_json("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""); /* surrogate */
    assert_json("\xe2\x82", 2, "\"\\ufffd\\ufffd\"");            /* cut short */
}

static void only_the_shortest_form_is_utf8(void **state)
{
    static const char *const bad[] = { "\x80",         "\xc0\x80",         "\xc1\xbf",
                                       "\xe0\x9f\xbf", "\xed\xa0\x80",     "\xf0\x8f\xbf\xbf",
                                       "\xc3",         "\xf4\x90\x80\x80", "\xff",
                                       "a\xe2\x82" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
    assert_true(utf8_is_valid("", 0));
    assert_true(utf8_is_valid("a\0\xc2\x80\xe2\x82\xac\xf4\x8f\xbf\xbf", 11));
}

static void what_is_printable_moves_no_cursor(void **state)
{
    char text[] = "a\x1b[2J\xc2\x9b\x7f\n\xff\xc3\xa9\xe2\x82";
    utf8_make_printable(text);
    assert_string_equal(text, "a?[2J?????\xc3\xa9??");
}

static void library_that_there_is_not_says_so(void **state)
{
    static const char *const names[] = { "no_such_function_anywhere" };
    void *place = NULL;
    struct error err;
    assert_int_equal(library_load("libnonesuch.so.7", names, 1, &place, &err), ERROR_STATE);
    assert_non_null(strstr(err.text, "libnonesuch.so.7 is not installed"));
    assert_int_equal(library_load("libc.so.6", names, 1, &place, &err), ERROR_STATE);
    assert_non_null(strstr(err.text, names[0]));
    assert_null(place);
}

static void buffer_keeps_order_while_it_grows_and_drains(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    unsigned in = 0, out = 0;
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 7; i++, in++)
            buf_add(&b, &in, sizeof(in));
        for (int i = 0; i < 6; i++, out++) {
            unsigned got;
            memcpy(&got, buf_data(&b), sizeof(got));
            assert_int_equal(got, out);
            buf_consume(&b, sizeof(got));
        }
    }
    assert_int_equal(buf_len(&b), (in - out) * sizeof(in));
}

static void numbers_are_written_at_their_ends(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    buf_add_int(&b, INT64_MIN);
    buf_add_char(&b, ' ');
    buf_add_uint(&b, UINT64_MAX);
    buf_add_char(&b, ' ');
    buf_add_uint(&b, 0);
    buf_add_char(&b, '\0');
    assert_string_equal(buf_data(&b), "-9223372036854775808 18446744073709551615 0");
}

static void glob_matches_like_a_shell(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool match;
    } cases[] = {
        { "", "", true },
        { "", "a", false },
        { "*", "", true },
        { "*", "abc", true },
        { "a*c", "abbbc", true },
        { "a*c", "abbbd", false },
        { "a?c", "abc", true },
        { "a?c", "ac", false },
        { "*a*b*", "xxaxxbxx", true },
        { "*a*b*", "xxbxxa", false },
        { "query-*", "query-status", true },
        { "query-*", "xquery-status", false },
        { "abc", "ABC", false },
        { "**", "x", true },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(glob_match(cases[i].pattern, strlen(cases[i].pattern), cases[i].text,
                                    strlen(cases[i].text)),
                         cases[i].match);
}

static void glob_takes_nul_for_a_byte_like_any_other(void **state)
{
    (void)state;
    assert_false(glob_match("stop", 4, "stop\0x", 6));
    assert_true(glob_match("stop*", 5, "stop\0x", 6));
}

static void time_is_written_as_rfc3339(void **state)
{
    (void)state;
    char text[CLOCK_UTC_TEXT];
    clock_format_utc(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    clock_format_utc(951827696000001LL, text); /* a leap day of a century year */
    assert_string_equal(text, "2000-02-29T12:34:56.000001Z");
    clock_format_utc(4102444799999999LL, text);
    assert_string_equal(text, "2099-12-31T23:59:59.999999Z");
}

static void time_is_read_as_it_is_written(void **state)
{
    (void)state;
    static const int64_t times[] = { 0, 1, 951827696000001LL, 951782399999999LL,
                                     4102444799999999LL };
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        char text[CLOCK_UTC_TEXT];
        int64_t again = -1;
        clock_format_utc(times[i], text);
        assert_true(clock_parse_utc(text, CLOCK_UTC_TEXT - 1, &again));
        assert_int_equal(again, times[i]);
    }
}

static void time_in_another_form_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "2001-02-29T00:00:00.000000Z",  "2000-02-30T00:00:00.000000Z",
        "2000-04-31T00:00:00.000000Z",  "2000-00-01T00:00:00.000000Z",
        "2000-13-01T00:00:00.000000Z",  "2000-01-00T00:00:00.000000Z",
        "2000-01-01T24:00:00.000000Z",  "2000-01-01T00:60:00.000000Z",
        "2000-01-01T00:00:60.000000Z",  "1969-12-31T23:59:59.999999Z",
        "2000-01-01 00:00:00.000000Z",  "2000-01-01T00:00:00.000000z",
        "2000-01-01T00:00:00,000000Z",  "2000/01/01T00:00:00.000000Z",
        "2000-01-01T00:00:00.00000 Z",  "2000-01-01T00:00:00.0000000Z",
        "2000-01-01T00:00:00.00000Z",   "+000-01-01T00:00:00.000000Z",
        "2000-01-01T00:00:00.000000Zx", "",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        int64_t us;
        if (clock_parse_utc(texts[i], strlen(texts[i]), &us))
            fail_msg("taken: %s", texts[i]);
    }
}

static void error_text_is_cut_not_overrun(void **state)
{
    (void)state;
    struct error err;
    char big[2 * ERROR_TEXT_MAX];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_int_equal(error_set(&err, ERROR_LIMIT, "%s", big), ERROR_LIMIT);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
    error_prefix(&err, "%s", big);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
    error_set(&err, ERROR_INVALID, "inner");
    error_prefix(&err, "outer");
    assert_string_equal(err.text, "outer: inner");
}

static void log_escape_leaves_nothing_that_a_terminal_acts_on(void **state)
{
    (void)state;
    char out[LOG_ESCAPE_MAX];
    assert_string_equal(log_escape("a\x1b[31m\n\\", 8, out), "a\\x1b[31m\\x0a\\x5c");
    char big[4096];
    memset(big, '\x01', sizeof(big));
    log_escape(big, sizeof(big), out);
    assert_true(strlen(out) < LOG_ESCAPE_MAX);
    assert_string_equal(out + strlen(out) - 3, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_string_escapes_what_json_must),
        cmocka_unit_test(json_string_is_ascii),
        cmocka_unit_test(json_string_replaces_what_is_not_utf8),
        cmocka_unit_test(only_the_shortest_form_is_utf8),
        cmocka_unit_test(what_is_printable_moves_no_cursor),
        cmocka_unit_test(library_that_there_is_not_says_so),
        cmocka_unit_test(buffer_keeps_order_while_it_grows_and_drains),
        cmocka_unit_test(numbers_are_written_at_their_ends),
        cmocka_unit_test(glob_matches_like_a_shell),
        cmocka_unit_test(glob_takes_nul_for_a_byte_like_any_other),
        cmocka_unit_test(time_is_written_as_rfc3339),
        cmocka_unit_test(time_is_read_as_it_is_written),
        cmocka_unit_test(time_in_another_form_is_refused),
        cmocka_unit_test(error_text_is_cut_not_overrun),
        cmocka_unit_test(log_escape_leaves_nothing_that_a_terminal_acts_on),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
