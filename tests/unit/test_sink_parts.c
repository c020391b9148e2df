/* What a sink keeps: what retention may not overtake, its position, what is under way. */
#include "config.h"
#include "tests/unit/audit_fixture.h"

/* --- what retention waits for ----------------------------------------------------------------- */

static void nothing_is_shipped_before_every_sink_said_so(void **state)
{
    struct fixture *f = *state;
    struct audit_settings settings = { .path = f->path, .sinks = 2 };
    struct audit *a;
    struct error err;
    assert_int_equal(audit_open(&settings, &a, &err), 0);
    assert_int_equal(audit_shipped(a), 0);
    audit_hold_retention(a, 0, 7);
    assert_int_equal(audit_shipped(a), 0);
    audit_hold_retention(a, 1, 5);
    assert_int_equal(audit_shipped(a), 5);
    audit_hold_retention(a, 2, 1); /* there is none */
    assert_int_equal(audit_shipped(a), 5);
    audit_close(a);
}

static void without_sinks_all_is_shipped(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    assert_true(audit_shipped(a) == UINT64_MAX);
    audit_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(nothing_is_shipped_before_every_sink_said_so),
        AUDIT_TEST(without_sinks_all_is_shipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
