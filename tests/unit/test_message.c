#include "config.h"
#include "tests/unit/unit.h"

#include "qmp/message.h"
#include "qmp/scan.h"

static const struct qmp_scan_limits request_limits = { .max_bytes = 65536,
                                                       .max_depth = 4,
                                                       .max_tokens = 1024 };
static const struct qmp_scan_limits answer_limits = {
    .max_bytes = 65536, .max_depth = 1024, .max_tokens = 64, .top_level_only = true
};

static struct qmp_scanner *scanner;

static const struct qmp_tape *tape_of(const struct qmp_scan_limits *limits, const char *text,
                                      enum qmp_scan_status expected)
{
    qmp_scanner_set_limits(scanner, limits);
    qmp_scanner_reset(scanner);
    assert_int_equal(qmp_scanner_feed(scanner, text, strlen(text)), expected);
    return qmp_scanner_tape(scanner);
}

/* --- requests --------------------------------------------------------------------------------- */

static void a_request_is_taken_apart(void **state)
{
    (void)state;
    struct qmp_request r;
    const struct qmp_tape *t =
        tape_of(&request_limits, "{\"id\":[1],\"arguments\":{\"a\":1},\"\\u0065xecute\":\"stop\"}",
                QMP_SCAN_DONE);
    assert_int_equal(qmp_request_parse(t, &r, NULL), 0);
    assert_true(qmp_tape_string_is(t, r.command, SPAN_LIT("stop")));
    assert_int_equal(qmp_tape_kind(t, r.arguments), QMP_KIND_OBJECT);
    assert_int_equal(qmp_tape_kind(t, r.id), QMP_KIND_ARRAY);
    assert_false(r.oob);
}

static void arguments_and_id_may_be_absent(void **state)
{
    (void)state;
    struct qmp_request r;
    const struct qmp_tape *t = tape_of(&request_limits, "{\"exec-oob\":\"yank\"}", QMP_SCAN_DONE);
    assert_int_equal(qmp_request_parse(t, &r, NULL), 0);
    assert_true(r.oob);
    assert_int_equal(r.arguments, QMP_NONE);
    assert_int_equal(r.id, QMP_NONE);
}

/* The texts are QEMU's own, seen by asking a QEMU 7.2. */
static void a_bad_request_is_refused_in_the_words_of_qemu(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "[]", "QMP input must be a JSON object" },
        { "1 ", "QMP input must be a JSON object" },
        { "\"x\"", "QMP input must be a JSON object" },
        { "null", "QMP input must be a JSON object" },
        { "{}", "QMP input lacks member 'execute'" },
        { "{\"arguments\":{},\"id\":7}", "QMP input lacks member 'execute'" },
        { "{\"foo\":1}", "QMP input member 'foo' is unexpected" },
        { "{\"foo\":1,\"execute\":\"stop\",\"id\":3}", "QMP input member 'foo' is unexpected" },
        { "{\"execute\":\"query-status\",\"control\":1}",
          "QMP input member 'control' is unexpected" },
        { "{\"Execute\":\"stop\"}", "QMP input member 'Execute' is unexpected" },
        { "{\"execute\":1}", "QMP input member 'execute' must be a string" },
        { "{\"execute\":null}", "QMP input member 'execute' must be a string" },
        { "{\"exec-oob\":1}", "QMP input member 'exec-oob' must be a string" },
        { "{\"execute\":\"stop\",\"exec-oob\":3}", "QMP input member 'exec-oob' must be a string" },
        { "{\"execute\":\"stop\",\"exec-oob\":\"stop\"}",
          "QMP input member 'execute' clashes with 'exec-oob'" },
        { "{\"exec-oob\":\"stop\",\"execute\":\"x\"}",
          "QMP input member 'execute' clashes with 'exec-oob'" },
        { "{\"execute\":\"stop\",\"arguments\":1}",
          "QMP input member 'arguments' must be an object" },
        { "{\"execute\":\"stop\",\"arguments\":[]}",
          "QMP input member 'arguments' must be an object" },
        { "{\"execute\":\"stop\",\"arguments\":null}",
          "QMP input member 'arguments' must be an object" },
        { "{\"execute\\u0000x\":\"stop\"}", "QMP input member 'execute\\x00x' is unexpected" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct qmp_request r;
        struct error err;
        const struct qmp_tape *t = tape_of(&request_limits, cases[i].text, QMP_SCAN_DONE);
        assert_int_equal(qmp_request_parse(t, &r, &err), ERROR_INVALID);
        assert_string_equal(err.text, cases[i].error);
    }
}

static void a_bad_request_keeps_its_id(void **state)
{
    (void)state;
    struct qmp_request r;
    const struct qmp_tape *t =
        tape_of(&request_limits, "{\"foo\":1,\"execute\":\"stop\",\"id\":3}", QMP_SCAN_DONE);
    assert_int_equal(qmp_request_parse(t, &r, NULL), ERROR_INVALID);
    assert_int_equal(qmp_tape_raw(t, r.id).data[0], '3');
}

static void a_long_name_is_cut_in_the_error(void **state)
{
    (void)state;
    struct qmp_request r;
    struct error err;
    char text[3000];
    memset(text, 'x', sizeof(text));
    memcpy(text, "{\"", 2);
    memcpy(text + sizeof(text) - 5, "\":1}", 5);
    const struct qmp_tape *t = tape_of(&request_limits, text, QMP_SCAN_DONE);
    assert_int_equal(qmp_request_parse(t, &r, &err), ERROR_INVALID);
    assert_non_null(strstr(err.text, "' is unexpected"));
}

/* --- ids of broken messages ------------------------------------------------------------------- */

static void the_id_of_a_broken_message_is_found(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"id\":7,\"execute\":\"a\",\"execute\":\"b\"}",
        "{\"execute\":\"a\",\"execute\":\"b\",\"id\":7}",
        "{\"arguments\":{\"x\":[[[[[[1]]]]]]},\"id\":7}",
        "{\"arguments\":{\"x\":1e999,\"id\":8},\"id\":7}",
        "{\"execute\":\"\\ud800\",\"id\":7}",
        "{\"arguments\":{\"id\":1,\"id\":2},\"\\u0069d\":7}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const struct qmp_tape *t = tape_of(&request_limits, texts[i], QMP_SCAN_RULE);
        uint32_t id = qmp_find_id(t);
        assert_int_not_equal(id, QMP_NONE);
        assert_int_equal(qmp_tape_raw(t, id).data[0], '7');
    }
}

static void an_id_that_breaks_a_rule_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"id\":1e400}",        "{\"id\":\"\\ud800\"}", "{\"id\":{\"a\":1,\"a\":2}}",
        "{\"id\":[[[[[[]]]]]]}", "{\"id\":1,\"id\":2}",  "{\"id\":1,\"\\u0069d\":1}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_int_equal(qmp_find_id(tape_of(&request_limits, texts[i], QMP_SCAN_RULE)), QMP_NONE);
}

static void what_is_no_object_has_no_id(void **state)
{
    (void)state;
    assert_int_equal(qmp_find_id(tape_of(&request_limits, "[\"id\",1]", QMP_SCAN_DONE)), QMP_NONE);
    assert_int_equal(qmp_find_id(tape_of(&request_limits, "\"id\"", QMP_SCAN_DONE)), QMP_NONE);
}

/* --- answers ---------------------------------------------------------------------------------- */

static struct qmp_answer parse_answer(const char *text)
{
    struct qmp_answer a;
    assert_int_equal(qmp_answer_parse(tape_of(&answer_limits, text, QMP_SCAN_DONE),
                                      QMP_UNKNOWN_REFUSED, &a, NULL),
                     0);
    return a;
}

static void the_four_sorts_of_answer_are_told_apart(void **state)
{
    (void)state;
    struct qmp_answer a = parse_answer("{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}");
    assert_int_equal(a.kind, QMP_ANSWER_GREETING);
    assert_int_equal(a.body, 2);

    a = parse_answer("{\"return\": [], \"id\": 3}");
    assert_int_equal(a.kind, QMP_ANSWER_RETURN);
    assert_int_equal(a.body, 2);
    assert_int_equal(a.id, 4);

    a = parse_answer("{\"id\": 3, \"error\": {\"class\": \"GenericError\", \"desc\": \"x\"}}");
    assert_int_equal(a.kind, QMP_ANSWER_ERROR);
    assert_int_equal(a.body, 4);
    assert_int_equal(a.id, 2);

    a = parse_answer(
        "{\"timestamp\": {\"seconds\": -1, \"microseconds\": -1}, \"event\": \"STOP\"}");
    assert_int_equal(a.kind, QMP_ANSWER_EVENT);
    assert_int_equal(a.event, 4);
    assert_int_equal(a.timestamp, 2);
    assert_int_equal(a.body, QMP_NONE);
    assert_int_equal(a.id, QMP_NONE);

    a = parse_answer("{\"event\": \"X\", \"data\": {\"a\": 1}}");
    assert_int_equal(a.body, 4);
}

static void any_other_answer_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[]",
        "1 ",
        "{}",
        "{\"id\":1}",
        "{\"return\":{},\"error\":{}}",
        "{\"return\":{},\"event\":\"X\"}",
        "{\"return\":{},\"data\":{}}",
        "{\"return\":{},\"timestamp\":{}}",
        "{\"return\":{},\"QMP\":{}}",
        "{\"QMP\":{},\"id\":1}",
        "{\"QMP\":1}",
        "{\"error\":\"x\"}",
        "{\"event\":1}",
        "{\"event\":\"X\",\"data\":[]}",
        "{\"event\":\"X\",\"timestamp\":1}",
        "{\"event\":\"X\",\"id\":1}",
        "{\"data\":{}}",
        "{\"return\":{},\"more\":1}",
        "{\"return\\u0000\":{}}",
        "{\"execute\":\"stop\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct qmp_answer a;
        struct error err;
        const struct qmp_tape *t = tape_of(&answer_limits, texts[i], QMP_SCAN_DONE);
        assert_int_equal(qmp_answer_parse(t, QMP_UNKNOWN_REFUSED, &a, &err), ERROR_PEER);
    }
}

static void what_a_newer_vm_adds_can_be_ignored(void **state)
{
    (void)state;
    struct qmp_answer a;
    const struct qmp_tape *t =
        tape_of(&answer_limits, "{\"new\":[{}],\"return\":{},\"id\":3}", QMP_SCAN_DONE);
    assert_int_equal(qmp_answer_parse(t, QMP_UNKNOWN_IGNORED, &a, NULL), 0);
    assert_int_equal(a.kind, QMP_ANSWER_RETURN);
    t = tape_of(&answer_limits, "{\"new\":1,\"id\":3}", QMP_SCAN_DONE);
    assert_int_equal(qmp_answer_parse(t, QMP_UNKNOWN_IGNORED, &a, NULL), ERROR_PEER);
}

static int set_up(void **state)
{
    (void)state;
    scanner = qmp_scanner_new(&request_limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    qmp_scanner_free(scanner);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(arguments_and_id_may_be_absent),
        cmocka_unit_test(a_bad_request_is_refused_in_the_words_of_qemu),
        cmocka_unit_test(a_bad_request_keeps_its_id),
        cmocka_unit_test(a_long_name_is_cut_in_the_error),
        cmocka_unit_test(the_id_of_a_broken_message_is_found),
        cmocka_unit_test(an_id_that_breaks_a_rule_is_none),
        cmocka_unit_test(what_is_no_object_has_no_id),
        cmocka_unit_test(the_four_sorts_of_answer_are_told_apart),
        cmocka_unit_test(any_other_answer_is_refused),
        cmocka_unit_test(what_a_newer_vm_adds_can_be_ignored),
    };
    return cmocka_run_group_tests_name("message", tests, set_up, tear_down);
}
