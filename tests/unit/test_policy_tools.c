/* The pure parts of the tools of policy: where paths lead, shortest arguments, what is learned. */
#include "config.h"
#include "tests/unit/unit.h"

#include <string.h>
#include "cli/policy_learned.h"
#include "cli/policy_places.h"
#include "cli/policy_sample.h"
#include "qmp/validate.h"
#include "tests/acl/cases.h"

static struct qmp_schema *schema;

static int load(void **state)
{
    (void)state;
    schema = cases_load_schema();
    return 0;
}

static int unload(void **state)
{
    (void)state;
    qmp_schema_unref(schema);
    return 0;
}

static unsigned command(const char *name)
{
    int i = qmp_schema_find_command(schema, policy_span(name));
    assert_true(i >= 0);
    return (unsigned)i;
}

/* --- places ----------------------------------------------------------------------------------- */

static unsigned kinds_at(const char *name, const char *path)
{
    CLEANUP_PLACES struct policy_places places = { 0 };
    struct acl_path parsed;
    assert_int_equal(acl_path_parse(path, strlen(path), &parsed, NULL), 0);
    bool found = policy_places_find(schema, command(name), &parsed, &places);
    assert_int_equal(found, places.kinds != 0);
    acl_path_free(&parsed);
    return places.kinds;
}

static void test_a_path_that_leads_nowhere(void **state)
{
    (void)state;
    assert_int_equal(kinds_at("stop", "x"), 0);
    assert_int_equal(kinds_at("blockdev-add", "file.nothing"), 0);
    assert_int_equal(kinds_at("blockdev-add", "node-name.x"), 0);
    assert_int_equal(kinds_at("blockdev-add", "driver[]"), 0);
    assert_int_equal(kinds_at("transaction", "actions.type"), 0);
    assert_int_equal(kinds_at("stop", "**.x"), 0);
}

static void test_a_path_into_branches_and_arrays(void **state)
{
    (void)state;
    assert_int_equal(kinds_at("blockdev-add", "driver"), 1u << QMP_TYPE_ENUM);
    assert_int_equal(kinds_at("blockdev-add", "file.file.filename"), 1u << QMP_TYPE_STRING);
    assert_int_equal(kinds_at("transaction", "actions[].data.snapshot-file"),
                     1u << QMP_TYPE_STRING);
    assert_int_equal(kinds_at("blockdev-add", "**.filename"), 1u << QMP_TYPE_STRING);
    /* a node, its name, or null */
    assert_int_equal(kinds_at("blockdev-add", "backing"),
                     1u << QMP_TYPE_OBJECT | 1u << QMP_TYPE_STRING | 1u << QMP_TYPE_NULL);
}

static void test_any_member_of_a_command_that_is_open(void **state)
{
    (void)state;
    assert_int_equal(kinds_at("device_add", "mac"), 1u << QMP_TYPE_OPAQUE);
    assert_int_equal(kinds_at("device_add", "driver"), 1u << QMP_TYPE_STRING);
}

/* --- samples ---------------------------------------------------------------------------------- */

static bool fits(unsigned number, const struct buf *json)
{
    struct qmp_argument_fault fault;
    struct qmp_scanner *scanner =
        qmp_scan_object(&policy_scan_limits, (struct span){ buf_data(json), buf_len(json) });
    assert_non_null(scanner);
    bool good = qmp_validate(schema, number, qmp_scanner_tape(scanner), 0, &fault);
    qmp_scanner_free(scanner);
    return good;
}

/* Values whose type the schema does not tell are null, which fits them. */
static void test_all_samples_are_arguments_that_the_command_takes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < qmp_schema_n_commands(schema); i++) {
        CLEANUP_SAMPLER struct policy_sampler sampler = { 0 };
        CLEANUP_BUF struct buf json = { 0 };
        unsigned n = 0;
        while (policy_sample_next(&sampler, schema, i, &json)) {
            if (!fits(i, &json))
                fail_msg("%s %.*s", qmp_schema_command(schema, i)->name, (int)buf_len(&json),
                         buf_data(&json));
            n++;
        }
        assert_in_range(n, 1, POLICY_SAMPLES_MAX - 1);
    }
}

static unsigned count_samples(const char *name)
{
    CLEANUP_SAMPLER struct policy_sampler sampler = { 0 };
    CLEANUP_BUF struct buf json = { 0 };
    unsigned n = 0;
    while (policy_sample_next(&sampler, schema, command(name), &json))
        n++;
    return n;
}

static void test_each_value_of_an_enum_has_its_sample(void **state)
{
    (void)state;
    assert_int_equal(count_samples("stop"), 1);
    assert_int_equal(count_samples("set_password"), 2); /* vnc and spice */
}

/* --- texts ------------------------------------------------------------------------------------ */

static void test_texts_are_kept_once_and_in_order(void **state)
{
    (void)state;
    struct policy_texts a = { 0 }, b = { 0 };
    assert_true(policy_texts_add(&a, "b"));
    assert_true(policy_texts_add(&a, "a"));
    assert_true(policy_texts_add(&a, "c"));
    assert_false(policy_texts_add(&a, "b"));
    assert_int_equal(a.n, 3);
    assert_string_equal(a.at[0], "a");
    assert_string_equal(a.at[2], "c");
    assert_false(policy_texts_same(&a, &b));
    policy_texts_clear(&a);
    assert_true(policy_texts_same(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_that_leads_nowhere),
        cmocka_unit_test(test_a_path_into_branches_and_arrays),
        cmocka_unit_test(test_any_member_of_a_command_that_is_open),
        cmocka_unit_test(test_all_samples_are_arguments_that_the_command_takes),
        cmocka_unit_test(test_each_value_of_an_enum_has_its_sample),
        cmocka_unit_test(test_texts_are_kept_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
