/* Who is connected, and the limits on how many may be. */
#include "config.h"
#include "tests/unit/unit.h"

#include "proxy/registry.h"

static const struct conf_limits limits = {
    .connections = 4,
    .connections_unauthenticated = 3,
    .connections_per_address = 2,
    .connections_per_identity = 2,
};

static struct registry *registry;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    registry = registry_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    registry_free(registry); /* with what is in it: a sanitizer tells what is left */
    return 0;
}

static struct registry_entry *add(const char *host)
{
    struct registry_entry *e = NULL;
    int rc = registry_add(registry, &limits, host, "peer", "public", NULL, &e, &err);
    return rc == 0 ? e : NULL;
}

static struct registry_totals totals(void)
{
    struct registry_totals t;
    registry_get_totals(registry, &t);
    return t;
}

static void test_numbers_grow_and_are_not_used_again(void **state)
{
    (void)state;
    struct registry_entry *first = add("a");
    uint64_t number = registry_number(first);
    registry_remove(registry, first);
    assert_true(registry_number(add("a")) > number);
}

static void test_an_address_over_its_limit_is_refused_and_others_are_not(void **state)
{
    (void)state;
    assert_non_null(add("192.0.2.1"));
    assert_non_null(add("192.0.2.1"));
    assert_null(add("192.0.2.1"));
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_non_null(strstr(err.text, "192.0.2.1"));
    assert_non_null(strstr(err.text, "connections_per_address"));
    assert_non_null(add("192.0.2.2"));
}

static void test_who_goes_makes_room(void **state)
{
    (void)state;
    struct registry_entry *e = add("a");
    assert_non_null(add("a"));
    assert_null(add("a"));
    registry_remove(registry, e);
    assert_non_null(add("a"));
}

static void test_a_refused_one_leaves_nothing(void **state)
{
    (void)state;
    add("a");
    add("a");
    for (int i = 0; i < 10; i++)
        assert_null(add("a"));
    assert_int_equal(totals().connections, 2);
    assert_int_equal(totals().unauthenticated, 2);
}

static void test_strangers_have_a_limit_of_their_own(void **state)
{
    (void)state;
    struct registry_entry *e = add(NULL);
    assert_non_null(add(NULL));
    assert_non_null(add(NULL));
    assert_null(add(NULL));
    assert_non_null(strstr(err.text, "connections_unauthenticated"));
    assert_int_equal(registry_identify(registry, &limits, e, "unix:root", &err), 0);
    assert_non_null(add(NULL));
}

static void test_all_together_have_a_limit(void **state)
{
    (void)state;
    const char *names[] = { "a", "b", "c", "d" };
    for (int i = 0; i < 4; i++)
        assert_int_equal(registry_identify(registry, &limits, add(NULL), names[i], &err), 0);
    assert_null(add(NULL));
    assert_non_null(strstr(err.text, "connections = 4"));
}

static void test_an_identity_over_its_limit_is_refused_and_stays_a_stranger(void **state)
{
    (void)state;
    struct registry_entry *e;
    for (int i = 0; i < 2; i++)
        assert_int_equal(registry_identify(registry, &limits, add(NULL), "x", &err), 0);
    e = add(NULL);
    assert_int_equal(registry_identify(registry, &limits, e, "x", &err), ERROR_LIMIT);
    assert_non_null(strstr(err.text, "connections_per_identity"));
    assert_int_equal(totals().unauthenticated, 1);
    assert_int_equal(totals().identities, 1);
    registry_remove(registry, e);
    assert_int_equal(totals().unauthenticated, 0);
    assert_int_equal(totals().connections, 2);
}

static void test_whom_a_balancer_names_counts_by_his_own_address(void **state)
{
    (void)state;
    struct registry_entry *all[3];
    for (int i = 0; i < 3; i++)
        all[i] = add(NULL);
    assert_int_equal(registry_set_peer(registry, &limits, all[0], "a", "a:1", &err), 0);
    assert_int_equal(registry_set_peer(registry, &limits, all[1], "a", "a:2", &err), 0);
    assert_int_equal(registry_set_peer(registry, &limits, all[2], "a", "a:3", &err), ERROR_LIMIT);
    registry_remove(registry, all[2]); /* counted nowhere: takes nothing away */
    assert_null(add("a"));
}

static void test_a_connection_is_found_at_its_loop_until_it_goes(void **state)
{
    (void)state;
    struct loop *here = (struct loop *)(void *)&registry, *there = (struct loop *)(void *)&err;
    struct registry_entry *e;
    assert_int_equal(registry_add(registry, &limits, "a", "p", "l", here, &e, &err), 0);
    uint64_t number = registry_number(e);
    assert_ptr_equal(registry_find_loop(registry, number), here);
    registry_set_loop(registry, e, there);
    assert_ptr_equal(registry_find_loop(registry, number), there);
    registry_remove(registry, e);
    assert_null(registry_find_loop(registry, number));
    assert_null(registry_find_loop(registry, number + 1));
}

struct seen {
    unsigned n;
    uint64_t last;
    char text[256];
};

static void see(void *opaque, const struct registry_view *v)
{
    struct seen *s = opaque;
    assert_true(v->number > s->last);
    s->last = v->number;
    s->n++;
    snprintf(s->text, sizeof(s->text), "%s %s %s %s %s", v->identity ? v->identity : "-", v->peer,
             v->listener, v->phase, v->vm ? v->vm : "-");
}

static void test_a_look_shows_what_is_and_in_order(void **state)
{
    (void)state;
    struct seen seen = { 0 };
    struct registry_entry *e = add("a");
    registry_visit(registry, see, &seen);
    assert_string_equal(seen.text, "- peer public connecting -");
    registry_set_phase(registry, e, "ready", "web1");
    assert_int_equal(registry_identify(registry, &limits, e, "x", &err), 0);
    seen = (struct seen){ 0 };
    registry_visit(registry, see, &seen);
    assert_string_equal(seen.text, "x peer public ready web1");
    registry_set_phase(registry, e, "attach", NULL);
    add("b");
    add("c");
    seen = (struct seen){ 0 };
    registry_visit(registry, see, &seen);
    assert_int_equal(seen.n, 3);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_grow_and_are_not_used_again),
        TEST(test_an_address_over_its_limit_is_refused_and_others_are_not),
        TEST(test_who_goes_makes_room),
        TEST(test_a_refused_one_leaves_nothing),
        TEST(test_strangers_have_a_limit_of_their_own),
        TEST(test_all_together_have_a_limit),
        TEST(test_an_identity_over_its_limit_is_refused_and_stays_a_stranger),
        TEST(test_whom_a_balancer_names_counts_by_his_own_address),
        TEST(test_a_connection_is_found_at_its_loop_until_it_goes),
        TEST(test_a_look_shows_what_is_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
