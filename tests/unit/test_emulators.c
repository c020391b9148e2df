/* Which QEMU a domain is, by its XML; and what is remembered of one. */
#include "config.h"
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "proxy/emulators.h"

#define TYPE     "<type arch='x86_64' machine='pc-q35-7.2'>hvm</type>"
#define EMULATOR "<emulator>/usr/bin/qemu-system-x86_64</emulator>"

static struct qmp_schema *schema_of(const char *command)
{
    struct qmp_schema *schema;
    struct error err;
    CLEANUP_FREE char *json = mem_printf(
        "[{\"name\":\"%s\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"0\"},"
        "{\"name\":\"0\",\"meta-type\":\"object\",\"members\":[]}]",
        command);
    assert_int_equal(qmp_schema_parse(json, strlen(json), &schema, &err), 0);
    return schema;
}

static void test_what_does_not_say_which_it_is_has_no_key(void **state)
{
    static const char *const bad[] = {
        "",
        "<domain/>",
        "<os>" TYPE "</os>",
        EMULATOR,
        TYPE "<emulator>/a",
        EMULATOR "<type arch='x'>hvm",
        TYPE EMULATOR EMULATOR,
        TYPE TYPE EMULATOR,
        TYPE EMULATOR "</metadata>",
        "<metadata>" TYPE EMULATOR "</metadata>",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP_FREE char *key = emulator_key("host1", bad[i]);
        if (key)
            fail_msg("%s was taken: %s", bad[i], key);
    }
}

static void test_metadata_say_nothing(void **state)
{
    (void)state;
    CLEANUP_FREE char *with =
        emulator_key("host1", "<metadata><emulator>/x</emulator><a:metadata>" TYPE
                              "</a:metadata></metadata>" TYPE EMULATOR);
    CLEANUP_FREE char *without = emulator_key("host1", TYPE EMULATOR);
    assert_non_null(without);
    assert_string_equal(with, without);
}

static void test_another_place_program_or_machine_is_another(void **state)
{
    (void)state;
    CLEANUP_FREE char *one = emulator_key("host1", TYPE EMULATOR);
    CLEANUP_FREE char *host = emulator_key("host2", TYPE EMULATOR);
    CLEANUP_FREE char *program = emulator_key("host1", TYPE "<emulator>/opt/q</emulator>");
    CLEANUP_FREE char *machine =
        emulator_key("host1", "<type arch='x86_64' machine='pc'>hvm</type>" EMULATOR);
    assert_string_not_equal(one, host);
    assert_string_not_equal(one, program);
    assert_string_not_equal(one, machine);
}

static void test_the_latest_that_was_said_is_known_until_it_is_forgotten(void **state)
{
    struct emulators *e = emulators_new();
    struct qmp_schema *a = schema_of("a"), *b = schema_of("b"), *found = NULL;
    char *version = NULL;
    (void)state;
    assert_false(emulators_find(e, "k", &version, &found));
    emulators_learn(e, "k", "1", a);
    emulators_learn(e, "k", "2", b);
    assert_true(emulators_find(e, "k", &version, &found));
    assert_string_equal(version, "2");
    assert_ptr_equal(found, b);
    emulators_forget(e, "k");
    emulators_forget(e, "k");
    free(version);
    qmp_schema_unref(found);
    assert_false(emulators_find(e, "k", &version, &found));
    qmp_schema_unref(a);
    qmp_schema_unref(b);
    emulators_free(e);
}

static void test_the_oldest_makes_room(void **state)
{
    struct emulators *e = emulators_new();
    struct qmp_schema *schema = schema_of("a"), *found = NULL;
    char *version = NULL, key[16];
    (void)state;
    for (unsigned i = 0; i < 65; i++) {
        snprintf(key, sizeof(key), "%u", i);
        emulators_learn(e, key, "1", schema);
    }
    assert_false(emulators_find(e, "0", &version, &found));
    assert_true(emulators_find(e, "1", &version, &found));
    free(version);
    qmp_schema_unref(found);
    qmp_schema_unref(schema);
    emulators_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_does_not_say_which_it_is_has_no_key),
        cmocka_unit_test(test_metadata_say_nothing),
        cmocka_unit_test(test_another_place_program_or_machine_is_another),
        cmocka_unit_test(test_the_latest_that_was_said_is_known_until_it_is_forgotten),
        cmocka_unit_test(test_the_oldest_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
