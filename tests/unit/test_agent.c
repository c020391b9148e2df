/* The pinned commands of the guest agent, as the schema that a VM would tell. */
#include "config.h"
#include "tests/unit/unit.h"

#include "qmp/agent.h"
#include "qmp/scan.h"
#include "qmp/schema.h"
#include "qmp/validate.h"

static struct span span_of(const char *text)
{
    return (struct span){ text, strlen(text) };
}

static struct qmp_schema *schema_of(const bool *enabled)
{
    CLEANUP_BUF struct buf text = { 0 };
    struct qmp_schema *schema;
    struct error err;
    qmp_agent_write_schema(enabled, &text);
    if (qmp_schema_parse(buf_data(&text), buf_len(&text), &schema, &err) < 0)
        fail_msg("%s", err.text);
    return schema;
}

static bool fits(const struct qmp_schema *schema, const char *command, const char *arguments)
{
    static const struct qmp_scan_limits limits = { .max_bytes = 4096,
                                                   .max_depth = 16,
                                                   .max_tokens = 100 };
    struct qmp_argument_fault fault;
    int number = qmp_schema_find_command(schema, span_of(command));
    assert_true(number >= 0);
    struct qmp_scanner *scanner = qmp_scan_object(&limits, span_of(arguments));
    assert_non_null(scanner);
    bool good = qmp_validate(schema, (unsigned)number, qmp_scanner_tape(scanner), 0, &fault);
    qmp_scanner_free(scanner);
    return good;
}

static void what_keeps_the_channel_in_order_is_nobodys(void **state)
{
    (void)state;
    assert_int_equal(qmp_agent_find_command(SPAN_LIT("guest-sync")), -1);
    assert_int_equal(qmp_agent_find_command(SPAN_LIT("guest-sync-delimited")), -1);
    assert_int_equal(qmp_agent_find_command(SPAN_LIT("guest-pin")), -1);
    assert_int_equal(qmp_agent_find_command(SPAN_LIT("")), -1);
}

static void arguments_that_the_agent_does_not_know_do_not_fit(void **state)
{
    (void)state;
    struct qmp_schema *s = schema_of(NULL);
    assert_false(fits(s, "guest-ping", "{\"x\":1}"));
    assert_false(fits(s, "guest-exec", "{}"));
    assert_false(fits(s, "guest-exec", "{\"path\":1}"));
    assert_false(fits(s, "guest-exec", "{\"path\":\"/bin/true\",\"arg\":\"x\"}"));
    assert_false(fits(s, "guest-file-seek", "{\"handle\":1,\"offset\":0,\"whence\":\"middle\"}"));
    assert_true(fits(s, "guest-exec", "{\"path\":\"/bin/true\",\"arg\":[\"x\"]}"));
    assert_true(fits(s, "guest-file-seek", "{\"handle\":1,\"offset\":0,\"whence\":\"end\"}"));
    assert_true(fits(s, "guest-file-seek", "{\"handle\":1,\"offset\":0,\"whence\":2}"));
    qmp_schema_unref(s);
}

static void a_command_that_is_not_offered_is_not_there(void **state)
{
    (void)state;
    bool enabled[64] = { false };
    enabled[qmp_agent_find_command(SPAN_LIT("guest-ping"))] = true;
    struct qmp_schema *s = schema_of(enabled);
    assert_int_equal(qmp_schema_n_commands(s), 1);
    assert_string_equal(qmp_schema_command(s, 0)->name, "guest-ping");
    qmp_schema_unref(s);
}

static void all_of_7_2_are_there_and_no_events(void **state)
{
    (void)state;
    struct qmp_schema *s = schema_of(NULL);
    assert_int_equal(qmp_agent_n_commands(), 40);
    assert_int_equal(qmp_schema_n_commands(s), 40);
    assert_int_equal(qmp_schema_n_events(s), 0);
    qmp_schema_unref(s);
}

static bool tells(const char *json, bool *enabled, char version[QMP_AGENT_VERSION_MAX])
{
    memset(enabled, 0, qmp_agent_n_commands() * sizeof(*enabled));
    return qmp_agent_read_info(span_of(json), enabled, version);
}

static unsigned count(const bool *enabled)
{
    unsigned n = 0;
    for (unsigned i = 0; i < qmp_agent_n_commands(); i++)
        n += enabled[i];
    return n;
}

static void nonsense_tells_nothing(void **state)
{
    (void)state;
    bool enabled[64];
    char version[QMP_AGENT_VERSION_MAX];
    static const char *const texts[] = {
        "",
        "[]",
        "7",
        "{",
        "{}",
        "{\"version\":7}",
        "{\"supported_commands\":{}}",
        "{\"supported_commands\":null}",
        "{\"supported_commands\":[],\"supported_commands\":[]}",
        "{\"supported_commands\":[[[[[[[[[[]]]]]]]]]]}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (tells(texts[i], enabled, version))
            fail_msg("%s", texts[i]);
        assert_int_equal(count(enabled), 0);
    }
    CLEANUP_BUF struct buf many = { 0 };
    BUF_ADD_LIT(&many, "{\"supported_commands\":[0");
    for (unsigned i = 0; i < 10000; i++)
        BUF_ADD_LIT(&many, ",0");
    BUF_ADD_LIT(&many, "]}");
    buf_add_char(&many, '\0');
    assert_false(tells(buf_data(&many), enabled, version));
}

static void what_it_says_only_takes_away(void **state)
{
    (void)state;
    bool enabled[64];
    char version[QMP_AGENT_VERSION_MAX];
    assert_true(
        tells("{\"version\":\"9.9\",\"supported_commands\":["
              "{\"name\":\"guest-new\",\"enabled\":true},"
              "{\"name\":\"guest-sync\",\"enabled\":true},"
              "{\"name\":\"quit\",\"enabled\":true},"
              "{\"name\":\"guest-ping\",\"enabled\":true},"
              "{\"name\":\"guest-exec\",\"enabled\":false},"
              "{\"name\":\"guest-info\",\"enabled\":1},{\"name\":7},{},[],0,null,\"guest-exec\"]}",
              enabled, version));
    assert_string_equal(version, "9.9");
    assert_int_equal(count(enabled), 1);
    assert_true(enabled[qmp_agent_find_command(SPAN_LIT("guest-ping"))]);
    assert_true(tells(
        "{\"version\":\"0123456789012345678901234567890123456789012345678901234567890123456789\","
        "\"supported_commands\":[]}",
        enabled, version));
    assert_int_equal(strlen(version), QMP_AGENT_VERSION_MAX - 1);
    assert_true(tells("{\"version\":[],\"supported_commands\":[]}", enabled, version));
    assert_string_equal(version, "");
}

static void four_do_not_answer(void **state)
{
    (void)state;
    unsigned n = 0;
    for (unsigned i = 0; i < qmp_agent_n_commands(); i++) {
        const char *name = qmp_agent_command(i);
        assert_int_equal(qmp_agent_find_command(span_of(name)), i);
        n += qmp_agent_is_silent(i);
        assert_int_equal(qmp_agent_is_silent(i), strcmp(name, "guest-shutdown") == 0 ||
                                                     strncmp(name, "guest-suspend-", 14) == 0);
    }
    assert_int_equal(n, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_keeps_the_channel_in_order_is_nobodys),
        cmocka_unit_test(arguments_that_the_agent_does_not_know_do_not_fit),
        cmocka_unit_test(a_command_that_is_not_offered_is_not_there),
        cmocka_unit_test(nonsense_tells_nothing),
        cmocka_unit_test(what_it_says_only_takes_away),
        cmocka_unit_test(all_of_7_2_are_there_and_no_events),
        cmocka_unit_test(four_do_not_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
