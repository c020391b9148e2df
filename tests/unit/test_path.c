/* Paths: what their text may be, and which values of a JSON text they name. */
#include "config.h"
#include "tests/unit/unit.h"

#include "acl/path.h"
#include "base/buf.h"
#include "base/mem.h"
#include "qmp/scan.h"

static const struct qmp_scan_limits limits = { .max_bytes = 1u << 20,
                                               .max_depth = 1024,
                                               .max_tokens = 1u << 20 };

/* The values that a path names, one behind the other with a space between; "lost" at the end if
 * there are more than it looked at. */
static const char *named_within(const struct qmp_scan_limits *within, const char *path,
                                const char *json)
{
    static char text[1024];
    struct acl_path p;
    struct acl_path_walk w;
    struct error err;
    CLEANUP_BUF struct buf b = { 0 };
    if (acl_path_parse(path, strlen(path), &p, &err) < 0)
        fail_msg("%s: %s", path, err.text);
    struct qmp_scanner *s = qmp_scanner_new(within);
    enum qmp_scan_status status = qmp_scanner_feed(s, json, strlen(json));
    if (status != QMP_SCAN_DONE && status != QMP_SCAN_RULE)
        fail_msg("no JSON: %s", json);
    const struct qmp_tape *t = qmp_scanner_tape(s);
    acl_path_begin(&w, &p, t, 0);
    int64_t last = -1;
    for (uint32_t token; (token = acl_path_next(&w)) != QMP_NONE; last = token) {
        assert_true((int64_t)token > last); /* in the order of the text, none twice */
        struct span raw = qmp_tape_raw(t, token);
        buf_printf(&b, "%s%.*s", buf_len(&b) ? " " : "", (int)raw.len, raw.data);
    }
    assert_int_equal(acl_path_next(&w), QMP_NONE);
    if (w.lost)
        buf_add_str(&b, buf_len(&b) ? " lost" : "lost");
    snprintf(text, sizeof(text), "%.*s", (int)buf_len(&b), buf_len(&b) ? buf_data(&b) : "");
    qmp_scanner_free(s);
    acl_path_free(&p);
    return text;
}

static const char *named(const char *path, const char *json)
{
    return named_within(&limits, path, json);
}

/* --- text ---------------------------------------------------------------------------------------
 */

static void check_not_parsed(const char *path, const char *sentence)
{
    struct acl_path p;
    struct error err = { 0 };
    if (acl_path_parse(path, strlen(path), &p, &err) == 0)
        fail_msg("<%s> is a path", path);
    assert_string_equal(err.text, sentence);
    assert_null(p.text);
}

static void what_is_no_path_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "",   ".",     "a.",   ".a",   "a..b", "a b",   "a\tb", "a\n",  "a\x7f", "\"a\"", "a[",
        "a]", "a[0]",  "[]a",  "a[]b", "a[*]", "*",     "a*",   "***",  "a.*.b", "**a",   "**[]",
        "a?", "a.?.b", "a.b?", "[",    "]",    "a[[]]", "a[].", "a[ ]", "[].",   "**.",   "?",
    };
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        check_not_parsed(paths[i], "a path is made of names with dots between them, [] for every "
                                   "element of an array and ** for any depth");
}

static void a_path_that_is_no_utf8_is_refused(void **state)
{
    (void)state;
    static const char sentence[] = "a path is UTF-8 without control characters";
    check_not_parsed("a.\xff", sentence);
    check_not_parsed("a\xc3.b", sentence);
    check_not_parsed("a\xc2\x9b", sentence);
}

static void two_stars_twice_in_a_row_are_refused(void **state)
{
    (void)state;
    check_not_parsed("**.**", "** twice in a row says no more than once");
    check_not_parsed("a.**.**.b", "** twice in a row says no more than once");
    assert_string_equal(named("**.a.**.b", "{\"a\":{\"b\":1}}"), "1");
}

static void a_path_has_24_steps_at_most(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    CLEANUP_BUF struct buf json = { 0 };
    for (unsigned i = 0; i < ACL_PATH_STEPS_MAX; i++) {
        buf_add_str(&b, i ? ".a" : "a");
        BUF_ADD_LIT(&json, "{\"a\":");
    }
    BUF_ADD_LIT(&json, "7");
    for (unsigned i = 0; i < ACL_PATH_STEPS_MAX; i++)
        buf_add_char(&json, '}');
    buf_add_char(&json, '\0');
    buf_add_char(&b, '\0');
    assert_string_equal(named(buf_data(&b), buf_data(&json)), "7");
    CLEANUP_FREE char *name = mem_printf("%s.a", buf_data(&b));
    CLEANUP_FREE char *elements = mem_printf("%s[]", buf_data(&b));
    check_not_parsed(name, "a path has 24 steps at most");
    check_not_parsed(elements, "a path has 24 steps at most");
    check_not_parsed("[][][][][][][][][][][][][][][][][][][][][][][][][]",
                     "a path has 24 steps at most");
}

/* --- what is not named --------------------------------------------------------------------------
 */

static void a_member_of_another_name_is_not_named(void **state)
{
    (void)state;
    static const char *const objects[] = {
        "{}",
        "{\"b\":1}",
        "{\"A\":1}",
        "{\"aa\":1}",
        "{\"\":1}",
        "{\"a\\u0000\":1}",
        "{\"a \":1}",
        "{\"b\":{\"a\":1}}",
        "{\"b\":\"a\"}",
        "{\"\\u0430\":1}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
        assert_string_equal(named("a", objects[i]), "");
}

static void a_name_with_a_dot_cannot_be_named(void **state)
{
    (void)state;
    assert_string_equal(named("a.b", "{\"a.b\":1}"), "");
    assert_string_equal(named("a.b", "{\"a.b\":1,\"a\":{\"b\":2}}"), "2");
    assert_string_equal(named("a[]", "{\"a[]\":1}"), "");
    assert_string_equal(named("**.b", "{\"a.b\":1}"), "");
}

static void an_element_is_no_member_and_a_member_no_element(void **state)
{
    (void)state;
    assert_string_equal(named("a[]", "{\"a\":{\"b\":1}}"), "");
    assert_string_equal(named("a.b", "{\"a\":[{\"b\":1}]}"), "");
    assert_string_equal(named("a[].b", "{\"a\":{\"b\":1}}"), "");
    assert_string_equal(named("a[]", "{\"a\":[]}"), "");
    assert_string_equal(named("a[]", "{\"a\":\"b\"}"), "");
    assert_string_equal(named("a[][]", "{\"a\":[1]}"), "");
    assert_string_equal(named("a.b", "{\"a\":1}"), "");
    assert_string_equal(named("[]", "{\"a\":1}"), "");
}

static void what_lies_too_deep_is_lost_and_not_passed_over(void **state)
{
    (void)state;
    for (unsigned depth = ACL_PATH_DEPTH_MAX; depth <= ACL_PATH_DEPTH_MAX + 1; depth++) {
        CLEANUP_BUF struct buf b = { 0 };
        for (unsigned i = 0; i < depth; i++)
            BUF_ADD_LIT(&b, "{\"a\":");
        BUF_ADD_LIT(&b, "7");
        for (unsigned i = 0; i < depth; i++)
            buf_add_char(&b, '}');
        buf_add_char(&b, '\0');
        assert_string_equal(named("**.b", buf_data(&b)), depth > ACL_PATH_DEPTH_MAX ? "lost" : "");
        assert_string_equal(named("b", buf_data(&b)), "");
    }
}

static void what_is_folded_is_lost_even_if_it_looks_empty(void **state)
{
    (void)state;
    struct qmp_scan_limits top = limits;
    top.top_level_only = true;
    assert_string_equal(named_within(&top, "a.b", "{\"a\":{\"b\":1}}"), "lost");
    assert_string_equal(named_within(&top, "a[]", "{\"a\":[1]}"), "lost");
    assert_string_equal(named_within(&top, "**.b", "{\"b\":1,\"a\":[1]}"), "1 lost");
    assert_string_equal(named_within(&top, "a", "{\"a\":{\"b\":1}}"), "{\"b\":1}");
    assert_string_equal(named_within(&top, "b.c", "{\"a\":{\"b\":1}}"), "");
}

/* --- what is named ------------------------------------------------------------------------------
 */

static void a_name_is_compared_as_it_is_decoded(void **state)
{
    (void)state;
    assert_string_equal(named("ab", "{\"\\u0061b\":1}"), "1");
    assert_string_equal(named("a.b", "{\"\\u0061\":{\"\\u0062\":1}}"), "1");
    assert_string_equal(named("a/b", "{\"a\\/b\":1}"), "1");
    assert_string_equal(named("ä", "{\"\\u00e4\":1}"), "1");
}

static void members_and_elements_are_named_in_the_order_of_the_text(void **state)
{
    (void)state;
    assert_string_equal(named("a", "{\"b\":0,\"a\":null,\"c\":2}"), "null");
    assert_string_equal(named("a", "{\"a\":{\"a\":1}}"), "{\"a\":1}");
    assert_string_equal(named("a[]", "{\"a\":[1,\"x\",[2],{}]}"), "1 \"x\" [2] {}");
    assert_string_equal(named("a[][]", "{\"a\":[[1,2],3,[],[[4]]]}"), "1 2 [4]");
    assert_string_equal(named("a[].b", "{\"a\":[{\"b\":1},{\"c\":2},3,{\"b\":4}]}"), "1 4");
    assert_string_equal(named("[]", "[1,2]"), "1 2");
    assert_string_equal(named("[].a", "[{\"a\":1}]"), "1");
    assert_string_equal(named("a.[]", "{\"a\":[1]}"), "1");
}

static void two_stars_are_any_depth_none_included(void **state)
{
    (void)state;
    static const char json[] = "{\"f\":1,\"x\":{\"f\":{\"f\":2}},\"y\":[[{\"f\":3}],\"f\"]}";
    assert_string_equal(named("**.f", json), "1 {\"f\":2} 2 3");
    assert_string_equal(named("x.**.f", json), "{\"f\":2} 2");
    assert_string_equal(named("x.**", json), "{\"f\":{\"f\":2}} {\"f\":2} 2");
    assert_string_equal(named("**.f.f", json), "2");
    assert_string_equal(named("**.[]", json), "[{\"f\":3}] {\"f\":3} \"f\"");
    assert_string_equal(named("**.[].f", json), "3");
    assert_string_equal(named("**", "{\"a\":[1]}"), "{\"a\":[1]} [1] 1");
    assert_string_equal(named("**", "{}"), "{}");
    assert_string_equal(named("**.a.**.a", "{\"a\":{\"a\":{\"a\":1}}}"), "{\"a\":1} 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_path_is_refused_with_a_sentence),
        cmocka_unit_test(a_path_that_is_no_utf8_is_refused),
        cmocka_unit_test(two_stars_twice_in_a_row_are_refused),
        cmocka_unit_test(a_path_has_24_steps_at_most),
        cmocka_unit_test(a_member_of_another_name_is_not_named),
        cmocka_unit_test(a_name_with_a_dot_cannot_be_named),
        cmocka_unit_test(an_element_is_no_member_and_a_member_no_element),
        cmocka_unit_test(what_lies_too_deep_is_lost_and_not_passed_over),
        cmocka_unit_test(what_is_folded_is_lost_even_if_it_looks_empty),
        cmocka_unit_test(a_name_is_compared_as_it_is_decoded),
        cmocka_unit_test(members_and_elements_are_named_in_the_order_of_the_text),
        cmocka_unit_test(two_stars_are_any_depth_none_included),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
