/* Guessing gets slow, for the one who guesses. */
#include "config.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include "base/clock.h"
#include "proxy/login_backoff.h"

static struct login_backoff *b;
static int64_t now;

static int set_up(void **state)
{
    (void)state;
    b = login_backoff_new();
    now = 1000 * USEC_PER_SEC;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    login_backoff_free(b);
    return 0;
}

/* Seconds for which it is held back, or 0 after the attempt ended so. */
static unsigned try(const char *site, const char *name, enum login_end how)
{
    struct login_attempt *attempt;
    unsigned held = login_backoff_begin(b, site, name, now, &attempt);
    if (held)
        assert_null(attempt);
    else
        login_backoff_end(b, attempt, how, now);
    return held;
}

static void fail_times(const char *site, const char *name, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(try(site, name, LOGIN_FAILED), 0);
}

static void the_first_failures_cost_nothing_and_the_next_double(void **state)
{
    (void)state;
    fail_times("192.0.2.1", "alice", LOGIN_BACKOFF_FREE + 1);
    for (unsigned wait = LOGIN_BACKOFF_FIRST_S; wait < 64; wait *= 2) {
        assert_int_equal(try("192.0.2.1", "alice", LOGIN_SUCCEEDED), wait);
        now += wait * USEC_PER_SEC;
        fail_times("192.0.2.1", "alice", 1);
    }
}

static void a_wait_has_an_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        fail_times("192.0.2.1", "alice", 1);
        now += LOGIN_BACKOFF_MAX_S * USEC_PER_SEC;
    }
    fail_times("192.0.2.1", "alice", 1);
    assert_int_equal(try("192.0.2.1", "alice", LOGIN_FAILED), LOGIN_BACKOFF_MAX_S);
}

static void nobody_is_locked_out_from_elsewhere(void **state)
{
    (void)state;
    fail_times("192.0.2.66", "alice", LOGIN_BACKOFF_FREE + 1);
    assert_true(try("192.0.2.66", "alice", LOGIN_FAILED) > 0);
    assert_int_equal(try("192.0.2.1", "alice", LOGIN_SUCCEEDED), 0);
    assert_true(try("192.0.2.66", "alice", LOGIN_FAILED) > 0); /* her success is no help to him */
}

static void another_name_of_the_same_site_is_not_held(void **state)
{
    (void)state;
    fail_times("192.0.2.1", "alice", LOGIN_BACKOFF_FREE + 1);
    assert_int_equal(try("192.0.2.1", "bob", LOGIN_SUCCEEDED), 0);
}

static void a_new_name_for_each_guess_gains_nothing(void **state)
{
    char name[32];
    unsigned held = 0;
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "user%u", i);
        held += try("192.0.2.1", name, LOGIN_FAILED) > 0;
    }
    assert_true(held >= 1000 - LOGIN_BACKOFF_SITE_NAMES - LOGIN_BACKOFF_FREE - 1);
}

static void a_success_is_no_pardon_where_many_names_share_a_count(void **state)
{
    char name[32];
    (void)state;
    for (unsigned i = 0; i < LOGIN_BACKOFF_SITE_NAMES; i++) {
        snprintf(name, sizeof(name), "user%u", i);
        fail_times("192.0.2.1", name, 1);
    }
    fail_times("192.0.2.1", "alice", LOGIN_BACKOFF_FREE);
    assert_int_equal(try("192.0.2.1", "mallory", LOGIN_SUCCEEDED), 0);
    fail_times("192.0.2.1", "alice", 1);
    assert_true(try("192.0.2.1", "alice", LOGIN_FAILED) > 0);
}

static void attempts_at_the_same_time_count_as_failed(void **state)
{
    struct login_attempt *attempts[LOGIN_BACKOFF_FREE], *one_more;
    (void)state;
    for (unsigned i = 0; i < LOGIN_BACKOFF_FREE; i++)
        assert_int_equal(login_backoff_begin(b, "s", "alice", now, &attempts[i]), 0);
    assert_true(login_backoff_begin(b, "s", "alice", now, &one_more) > 0);
    for (unsigned i = 0; i < LOGIN_BACKOFF_FREE; i++)
        login_backoff_end(b, attempts[i], LOGIN_ABANDONED, now);
    assert_int_equal(try("s", "alice", LOGIN_SUCCEEDED), 0);
}

static void who_is_held_may_try_again_one_at_a_time(void **state)
{
    struct login_attempt *first, *second;
    (void)state;
    fail_times("s", "alice", LOGIN_BACKOFF_FREE + 1);
    now += LOGIN_BACKOFF_FIRST_S * USEC_PER_SEC;
    assert_int_equal(login_backoff_begin(b, "s", "alice", now, &first), 0);
    assert_true(login_backoff_begin(b, "s", "alice", now, &second) > 0);
    login_backoff_end(b, first, LOGIN_SUCCEEDED, now);
    assert_int_equal(try("s", "alice", LOGIN_SUCCEEDED), 0);
}

static void success_forgets(void **state)
{
    (void)state;
    fail_times("s", "alice", LOGIN_BACKOFF_FREE);
    assert_int_equal(try("s", "alice", LOGIN_SUCCEEDED), 0);
    fail_times("s", "alice", LOGIN_BACKOFF_FREE + 1);
}

static void an_abandoned_attempt_forgives_nothing(void **state)
{
    (void)state;
    fail_times("s", "alice", LOGIN_BACKOFF_FREE);
    assert_int_equal(try("s", "alice", LOGIN_ABANDONED), 0);
    fail_times("s", "alice", 1);
    assert_true(try("s", "alice", LOGIN_FAILED) > 0);
}

static void time_forgets(void **state)
{
    (void)state;
    fail_times("s", "alice", LOGIN_BACKOFF_FREE);
    now += (LOGIN_BACKOFF_FORGET_S + 1) * USEC_PER_SEC;
    fail_times("s", "alice", LOGIN_BACKOFF_FREE);
    assert_int_equal(try("s", "alice", LOGIN_FAILED), 0);
}

struct seen {
    unsigned n;
    char site[64], name[64];
};

static void see(void *opaque, const struct login_held *held)
{
    struct seen *seen = opaque;
    seen->n++;
    snprintf(seen->site, sizeof(seen->site), "%s", held->site);
    snprintf(seen->name, sizeof(seen->name), "%s", held->name);
    assert_int_equal(held->failures, LOGIN_BACKOFF_FREE + 1);
    assert_int_equal(held->seconds, LOGIN_BACKOFF_FIRST_S);
}

static void what_is_held_shows_and_can_be_released(void **state)
{
    struct seen seen = { 0 };
    (void)state;
    fail_times("192.0.2.1", "alice", LOGIN_BACKOFF_FREE + 1);
    fail_times("192.0.2.1", "bob", 1);
    assert_int_equal(login_backoff_visit(b, now, 10, see, &seen), 1);
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.site, "192.0.2.1");
    assert_string_equal(seen.name, "alice");
    assert_int_equal(login_backoff_release(b, "192.0.2.2", NULL), 0);
    assert_int_equal(login_backoff_release(b, NULL, "carol"), 0);
    assert_int_equal(login_backoff_release(b, "192.0.2.1", "alice"), 1);
    assert_int_equal(login_backoff_visit(b, now, 10, see, &seen), 0);
    assert_int_equal(try("192.0.2.1", "alice", LOGIN_SUCCEEDED), 0);
    assert_int_equal(login_backoff_release(b, NULL, NULL), 1);
}

static void an_attempt_outlives_a_release(void **state)
{
    struct login_attempt *attempt;
    (void)state;
    assert_int_equal(login_backoff_begin(b, "s", "alice", now, &attempt), 0);
    login_backoff_release(b, NULL, NULL);
    login_backoff_end(b, attempt, LOGIN_FAILED, now);
}

static void it_does_not_grow_without_bound(void **state)
{
    char site[32];
    struct seen seen = { 0 };
    (void)state;
    for (unsigned i = 0; i < 2 * LOGIN_BACKOFF_PAIRS_MAX; i++) {
        snprintf(site, sizeof(site), "2001:db8:%x:%x::/64", i >> 16, i & 0xffff);
        fail_times(site, "alice", 1);
    }
    assert_int_equal(login_backoff_release(b, NULL, NULL), LOGIN_BACKOFF_PAIRS_MAX);
    assert_int_equal(seen.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_failures_cost_nothing_and_the_next_double, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_wait_has_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_locked_out_from_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_name_of_the_same_site_is_not_held, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_new_name_for_each_guess_gains_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_success_is_no_pardon_where_many_names_share_a_count,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(attempts_at_the_same_time_count_as_failed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_held_may_try_again_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(success_forgets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_abandoned_attempt_forgives_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(time_forgets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_held_shows_and_can_be_released, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_attempt_outlives_a_release, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_does_not_grow_without_bound, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
