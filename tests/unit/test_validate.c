#include "config.h"
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "qmp/message.h"
#include "qmp/scan.h"
#include "qmp/validate.h"
#include "tests/qmp/schema_file.h"

static struct qmp_schema *real; /* of a QEMU 7.2, machine none */

static const struct qmp_scan_limits limits = { .max_bytes = 16u << 20,
                                               .max_depth = 1024,
                                               .max_tokens = 1u << 20 };

static char reason[QMP_ARGUMENT_TEXT_MAX]; /* of the last refusal, for a log */

/* "" where the arguments are accepted. `arguments` NULL: there are none. */
static const char *judge(const struct qmp_schema *s, const char *command, const char *arguments)
{
    static char text[QMP_ARGUMENT_TEXT_MAX];
    struct qmp_argument_fault fault;
    struct qmp_request r;
    CLEANUP_BUF struct buf b = { 0 };
    buf_printf(&b, "{\"execute\":\"%s\"", command);
    if (arguments) {
        BUF_ADD_LIT(&b, ",\"arguments\":");
        buf_add_str(&b, arguments);
    }
    buf_add_char(&b, '}');
    struct qmp_scanner *scanner =
        qmp_scan_object(&limits, (struct span){ buf_data(&b), buf_len(&b) });
    if (!scanner)
        fail_msg("no JSON: %s", arguments);
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    assert_int_equal(qmp_request_parse(t, &r, NULL), 0);
    int i = qmp_schema_find_command(s, qmp_tape_string(t, r.command));
    assert_true(i >= 0);
    text[0] = '\0';
    if (!qmp_validate(s, (unsigned)i, t, r.arguments, &fault)) {
        (void)qmp_argument_fault_text(&fault, t, text);
        (void)qmp_argument_fault_reason(&fault, reason);
    }
    qmp_scanner_free(scanner);
    return text;
}

struct judged {
    const char *command, *arguments;
    const char *said; /* NULL: accepted */
};

static void assert_judged(const struct qmp_schema *s, const struct judged *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *said = judge(s, cases[i].command, cases[i].arguments);
        if (strcmp(said, cases[i].said ? cases[i].said : "") != 0)
            fail_msg("%s %s: '%s'", cases[i].command,
                     cases[i].arguments ? cases[i].arguments : "without arguments", said);
    }
}

/* --- refused ---------------------------------------------------------------------------------- */

static void an_unknown_member_is_refused(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        { "stop", "{\"x\":1}", "Parameter 'x' is unexpected" },
        { "stop", "{\"\":1}", "Parameter '' is unexpected" },
        { "eject", "{\"ID\":\"a\"}", "Parameter 'ID' is unexpected" },
        { "eject", "{\"id\\u0000\":\"a\"}", "Parameter 'id\\x00' is unexpected" },
        { "blockdev-add", "{\"driver\":\"raw\",\"file\":{\"driver\":\"null-co\",\"x\":1}}",
          "Parameter 'file.x' is unexpected" },
        { "query-qmp-schema", "{\"x\":1}", "Parameter 'x' is unexpected" },
    };
    assert_judged(real, cases, ARRAY_SIZE(cases));
}

static void a_member_of_another_branch_is_refused(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        { "blockdev-add", "{\"driver\":\"raw\",\"file\":\"f\",\"filename\":\"/d\"}",
          "Parameter 'filename' is unexpected" },
        { "object-add", "{\"qom-type\":\"rng-builtin\",\"id\":\"a\",\"filename\":\"/dev/random\"}",
          "Parameter 'filename' is unexpected" },
        { "blockdev-add", "{\"filename\":\"/d\",\"driver\":\"null-co\"}",
          "Parameter 'filename' is unexpected" },
    };
    assert_judged(real, cases, ARRAY_SIZE(cases));
}

static void a_missing_member_is_refused(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        { "device_del", NULL, "Parameter 'id' is missing" },
        { "device_del", "{}", "Parameter 'id' is missing" },
        { "block_resize", "{\"device\":\"d\"}", "Parameter 'size' is missing" },
        { "blockdev-add", "{}", "Parameter 'driver' is missing" },
        { "blockdev-add", NULL, "Parameter 'driver' is missing" },
        { "blockdev-add", "{\"driver\":\"file\"}", "Parameter 'filename' is missing" },
        { "blockdev-add", "{\"driver\":\"raw\",\"file\":{}}",
          "Parameter 'file.driver' is missing" },
        { "object-add", "{\"qom-type\":\"secret\"}", "Parameter 'id' is missing" },
    };
    assert_judged(real, cases, ARRAY_SIZE(cases));
}

static void a_wrong_type_is_refused(void **state)
{
    (void)state;
#define BAD(path, type) "Invalid parameter type for '" path "', expected: " type
    static const struct judged cases[] = {
        { "device_del", "{\"id\":1}", BAD("id", "string") },
        { "device_del", "{\"id\":null}", BAD("id", "string") },
        { "eject", "{\"id\":null}", BAD("id", "string") },
        { "eject", "{\"force\":\"true\"}", BAD("force", "boolean") },
        { "eject", "{\"force\":1}", BAD("force", "boolean") },
        { "block_resize", "{\"size\":\"1\"}", BAD("size", "integer") },
        { "blockdev-add", "{\"driver\":[\"raw\"]}", BAD("driver", "string") },
        { "blockdev-add", "{\"driver\":\"raw\",\"file\":7}", BAD("file", "object or string") },
        { "blockdev-add", "{\"driver\":\"raw\",\"file\":null}", BAD("file", "object or string") },
        { "blockdev-add", "{\"driver\":\"qcow2\",\"file\":\"f\",\"backing\":false}",
          BAD("backing", "object, string or null") },
        { "transaction", "{\"actions\":{}}", BAD("actions", "array") },
        { "transaction", "{\"actions\":[1]}", BAD("actions[0]", "object") },
        { "transaction", "{\"actions\":[{\"type\":\"abort\",\"data\":[]}]}",
          BAD("actions[0].data", "object") },
        { "x-query-virtio-queue-status", "{\"path\":{},\"queue\":1}", BAD("path", "string") },
    };
    assert_judged(real, cases, ARRAY_SIZE(cases));
}

static void a_wrong_value_of_an_enum_is_refused(void **state)
{
    (void)state;
#define NOT(path, value) "Parameter '" path "' does not accept value '" value "'"
    static const struct judged cases[] = {
        { "blockdev-add", "{\"driver\":\"\"}", NOT("driver", "") },
        { "blockdev-add", "{\"driver\":\"RAW\"}", NOT("driver", "RAW") },
        { "blockdev-add", "{\"driver\":\"raw\\u0000\"}", NOT("driver", "raw\\x00") },
        { "blockdev-add", "{\"driver\":\"raw\",\"file\":{\"driver\":\"no\"}}",
          NOT("file.driver", "no") },
        { "blockdev-add", "{\"driver\":\"null-co\",\"discard\":\"on\"}", NOT("discard", "on") },
        { "send-key",
          "{\"keys\":[{\"type\":\"qcode\",\"data\":\"a\"},"
          "{\"type\":\"qcode\",\"data\":\"A\"}]}",
          NOT("keys[1].data", "A") },
    };
    assert_judged(real, cases, ARRAY_SIZE(cases));
}

static void a_reason_for_the_log_has_no_value(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        { "blockdev-add", "{\"driver\":\"hunter2\"}", "the argument 'driver' has a wrong value" },
        { "device_del", "{\"id\":[\"hunter2\"]}", "the argument 'id' has a wrong type" },
        { "device_del", "{}", "the argument 'id' is missing" },
        { "stop", "{\"x\":\"hunter2\"}", "the argument 'x' is unexpected" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        (void)judge(real, cases[i].command, cases[i].arguments);
        assert_string_equal(reason, cases[i].said);
    }
}

static void what_is_no_integer_is_refused(void **state)
{
    (void)state;
    static const char *const numbers[] = { "1.0",
                                           "1e3",
                                           "1E0",
                                           "-0.0",
                                           "0e0",
                                           "18446744073709551616",
                                           "-9223372036854775809",
                                           "100000000000000000000000000000" };
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        CLEANUP_FREE char *arguments = mem_printf("{\"size\":%s}", numbers[i]);
        assert_string_equal(judge(real, "block_resize", arguments), BAD("size", "integer"));
    }
}

static void a_path_leads_to_the_fault(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        { "transaction",
          "{\"actions\":[{\"type\":\"abort\",\"data\":{}},{\"type\":\"abort\",\"data\":{}},"
          "{\"type\":\"abort\",\"data\":{}},{\"type\":\"blockdev-snapshot\",\"data\":"
          "{\"node\":\"a\",\"overlay\":7}}]}",
          BAD("actions[3].data.overlay", "string") },
        { "blockdev-add",
          "{\"driver\":\"quorum\",\"vote-threshold\":1,\"children\":[\"a\",{\"driver\":\"raw\","
          "\"file\":{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\"}}}]}",
          "Parameter 'children[1].file.file.filename' is missing" },
    };
    assert_judged(real, cases, ARRAY_SIZE(cases));
}

static void a_long_path_keeps_its_end(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    for (int i = 0; i < 60; i++)
        BUF_ADD_LIT(&b, "{\"driver\":\"raw\",\"file\":");
    BUF_ADD_LIT(&b, "{\"driver\":\"file\"}");
    for (int i = 0; i < 60; i++)
        buf_add_char(&b, '}');
    buf_add_char(&b, '\0');
    const char *said = judge(real, "blockdev-add", buf_data(&b));
    assert_memory_equal(said, "Parameter '....file.file", 24);
    assert_non_null(strstr(said, ".file.file.filename' is missing"));
    assert_true(strlen(said) < QMP_ARGUMENT_PATH_MAX + 30);
}

static void a_long_name_is_cut(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    BUF_ADD_LIT(&b, "{\"");
    for (int i = 0; i < 1000; i++)
        BUF_ADD_LIT(&b, "\\u0001");
    BUF_ADD_LIT(&b, "\":1}\0");
    const char *said = judge(real, "stop", buf_data(&b));
    assert_memory_equal(said, "Parameter '\\x01\\x01", 19);
    assert_non_null(strstr(said, "\\x01...' is unexpected"));
}

static void too_deep_is_refused_before_the_stack_ends(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    for (int i = 0; i < 1000; i++)
        BUF_ADD_LIT(&b, "{\"driver\":\"raw\",\"file\":");
    BUF_ADD_LIT(&b, "\"a\"");
    for (int i = 0; i < 1000; i++)
        buf_add_char(&b, '}');
    buf_add_char(&b, '\0');
    assert_non_null(strstr(judge(real, "blockdev-add", buf_data(&b)), "is nested too deeply"));
}

/* --- accepted --------------------------------------------------------------------------------- */

static void what_fits_is_accepted(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        { "stop", NULL, NULL },
        { "stop", "{}", NULL },
        { "eject", "{}", NULL },
        { "eject", "{\"force\":true,\"id\":\"\\u0000\"}", NULL },
        { "blockdev-add", "{\"file\":\"f\",\"driver\":\"raw\"}", NULL },
        { "blockdev-add", "{\"driver\":\"qcow2\",\"file\":\"f\",\"backing\":null}", NULL },
        { "blockdev-add", "{\"driver\":\"\\u0072aw\",\"\\u0066ile\":\"f\"}", NULL },
        { "qom-set", "{\"path\":\"a\",\"property\":\"b\",\"value\":[{\"c\":[null]}]}", NULL },
        { "qom-set", "{\"path\":\"a\",\"property\":\"b\",\"value\":null}", NULL },
        { "transaction", "{\"actions\":[]}", NULL },
    };
    assert_judged(real, cases, ARRAY_SIZE(cases));
}

static void integers_are_as_wide_as_qemus_widest(void **state)
{
    (void)state;
    static const char *const numbers[] = { "0",
                                           "-0",
                                           "-1",
                                           "18446744073709551615",
                                           "9223372036854775808",
                                           "-9223372036854775808",
                                           "999999999999999999" };
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        CLEANUP_FREE char *arguments = mem_printf("{\"size\":%s}", numbers[i]);
        assert_string_equal(judge(real, "block_resize", arguments), "");
    }
}

static void an_open_command_wants_what_must_be_there_and_no_more(void **state)
{
    (void)state;
    static const struct judged cases[] = {
        { "device_add", "{\"driver\":\"a\",\"mac\":\"b\",\"x\":{\"y\":1}}", NULL },
        { "device_add", "{\"driver\":1,\"id\":[],\"bus\":null}", NULL },
        { "device_add", NULL, "Parameter 'driver' is missing" },
        { "device_add", "{\"id\":\"a\"}", "Parameter 'driver' is missing" },
        { "device_add", "{\"driver\":{}}", "Parameter 'driver' is missing" },
        { "device_add", "{\"driver\":null}", "Parameter 'driver' is missing" },
        { "device_add", "{\"driver\\u0000\":\"a\"}", "Parameter 'driver' is missing" },
    };
    assert_judged(real, cases, ARRAY_SIZE(cases));
}

/* --- schemas of other VMs --------------------------------------------------------------------- */

static void assert_judged_by(const char *json, const struct judged *cases, size_t n)
{
    struct qmp_schema *s = NULL;
    struct error err;
    if (qmp_schema_parse(json, strlen(json), &s, &err) < 0)
        fail_msg("%s", err.text);
    assert_judged(s, cases, n);
    qmp_schema_unref(s);
}

static void what_is_opaque_takes_anything(void **state)
{
    (void)state;
    static const char schema[] =
        "[{\"name\":\"c\",\"meta-type\":\"command\",\"arg-type\":\"0\"},"
        "{\"name\":\"d\",\"meta-type\":\"command\",\"arg-type\":\"1\"},"
        "{\"name\":\"0\",\"meta-type\":\"object\",\"members\":[{\"name\":\"m\",\"type\":\"1\"}]},"
        "{\"name\":\"1\",\"meta-type\":\"of-a-newer-qemu\"}]";
    static const struct judged cases[] = {
        { "c", "{}", "Parameter 'm' is missing" },
        { "c", "{\"m\":1,\"n\":1}", "Parameter 'n' is unexpected" },
        { "c", "{\"m\":{\"x\":[]}}", NULL },
        { "c", "{\"m\":null}", NULL },
        { "d", NULL, NULL },
        { "d", "{\"x\":1}", NULL },
    };
    assert_judged_by(schema, cases, ARRAY_SIZE(cases));
}

static void branches_within_branches_stand_side_by_side(void **state)
{
    (void)state;
    static const char schema[] =
        "[{\"name\":\"c\",\"meta-type\":\"command\",\"arg-type\":\"0\"},"
        "{\"name\":\"0\",\"meta-type\":\"object\",\"members\":[{\"name\":\"t\",\"type\":\"e\"}],"
        "\"tag\":\"t\",\"variants\":[{\"case\":\"a\",\"type\":\"1\"},{\"case\":\"b\",\"type\":"
        "\"x\"}]},"
        "{\"name\":\"1\",\"meta-type\":\"object\",\"members\":[{\"name\":\"u\",\"type\":\"e\"}],"
        "\"tag\":\"u\",\"variants\":[{\"case\":\"b\",\"type\":\"2\"}]},"
        "{\"name\":\"2\",\"meta-type\":\"object\",\"members\":[{\"name\":\"v\",\"type\":\"n\"}]},"
        "{\"name\":\"e\",\"meta-type\":\"enum\",\"values\":[\"a\",\"b\"]},"
        "{\"name\":\"n\",\"meta-type\":\"builtin\",\"json-type\":\"null\"},"
        "{\"name\":\"x\",\"meta-type\":\"of-a-newer-qemu\"}]";
    static const struct judged cases[] = {
        { "c", "{\"t\":\"a\",\"u\":\"b\",\"v\":null}", NULL },
        { "c", "{\"v\":null,\"u\":\"b\",\"t\":\"a\"}", NULL },
        { "c", "{\"t\":\"a\",\"u\":\"a\"}", NULL },
        { "c", "{\"t\":\"b\",\"u\":5,\"w\":[]}", NULL },
        { "c", "{\"t\":\"a\",\"u\":\"a\",\"v\":null}", "Parameter 'v' is unexpected" },
        { "c", "{\"t\":\"a\",\"u\":\"b\"}", "Parameter 'v' is missing" },
        { "c", "{\"t\":\"a\"}", "Parameter 'u' is missing" },
        { "c", "{\"t\":\"a\",\"u\":\"c\"}", NOT("u", "c") },
        { "c", "{\"t\":\"a\",\"u\":\"b\",\"v\":0}", BAD("v", "null") },
    };
    assert_judged_by(schema, cases, ARRAY_SIZE(cases));
}

/* No QEMU has it: but it must not lead astray. */
static void a_name_in_two_types_of_a_shape_counts_for_both(void **state)
{
    (void)state;
    static const char schema[] =
        "[{\"name\":\"c\",\"meta-type\":\"command\",\"arg-type\":\"0\"},"
        "{\"name\":\"0\",\"meta-type\":\"object\",\"members\":[{\"name\":\"t\",\"type\":\"e\"}],"
        "\"tag\":\"t\",\"variants\":[{\"case\":\"a\",\"type\":\"1\"}]},"
        "{\"name\":\"1\",\"meta-type\":\"object\",\"members\":[{\"name\":\"t\",\"type\":\"e\"}]},"
        "{\"name\":\"e\",\"meta-type\":\"enum\",\"values\":[\"a\"]}]";
    static const struct judged cases[] = {
        { "c", "{\"t\":\"a\"}", NULL },
        { "c", "{}", "Parameter 't' is missing" },
    };
    assert_judged_by(schema, cases, ARRAY_SIZE(cases));
}

static int set_up(void **state)
{
    (void)state;
    real = schema_file_pinned();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    qmp_schema_unref(real);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_member_is_refused),
        cmocka_unit_test(a_member_of_another_branch_is_refused),
        cmocka_unit_test(a_missing_member_is_refused),
        cmocka_unit_test(a_wrong_type_is_refused),
        cmocka_unit_test(a_wrong_value_of_an_enum_is_refused),
        cmocka_unit_test(a_reason_for_the_log_has_no_value),
        cmocka_unit_test(what_is_no_integer_is_refused),
        cmocka_unit_test(a_path_leads_to_the_fault),
        cmocka_unit_test(a_long_path_keeps_its_end),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(too_deep_is_refused_before_the_stack_ends),
        cmocka_unit_test(what_fits_is_accepted),
        cmocka_unit_test(integers_are_as_wide_as_qemus_widest),
        cmocka_unit_test(an_open_command_wants_what_must_be_there_and_no_more),
        cmocka_unit_test(what_is_opaque_takes_anything),
        cmocka_unit_test(branches_within_branches_stand_side_by_side),
        cmocka_unit_test(a_name_in_two_types_of_a_shape_counts_for_both),
    };
    return cmocka_run_group_tests_name("validate", tests, set_up, tear_down);
}
