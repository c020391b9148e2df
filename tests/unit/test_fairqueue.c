/* Turns by deficit round-robin. */
#include "config.h"
#include "tests/unit/unit.h"

#include "base/util.h"
#include "proxy/fairqueue.h"

#define QUANTUM 256

/* Somebody who always has one more command of the same size. */
struct someone {
    struct flow flow;
    size_t bytes;
    size_t sent;
    unsigned turns;
};

static size_t cost(struct flow *f)
{
    return container_of(f, struct someone, flow)->bytes;
}

static struct someone *send_one(struct fairqueue *q)
{
    struct flow *f = fairqueue_peek(q, cost);
    struct someone *s = container_of(f, struct someone, flow);
    fairqueue_charge(f, s->bytes);
    s->sent += s->bytes;
    s->turns++;
    return s;
}

static void test_nobody_waits_in_an_empty_queue(void **state)
{
    struct fairqueue q = { .quantum = QUANTUM };
    (void)state;
    assert_null(fairqueue_peek(&q, cost));
}

static void test_to_look_is_not_to_take(void **state)
{
    struct fairqueue q = { .quantum = QUANTUM };
    struct someone a = { .bytes = 100 }, b = { .bytes = 100 };
    (void)state;
    fairqueue_add(&q, &a.flow);
    fairqueue_add(&q, &b.flow);
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(fairqueue_peek(&q, cost), &a.flow);
}

static void test_who_is_alone_waits_for_nobody(void **state)
{
    struct fairqueue q = { .quantum = QUANTUM };
    struct someone a = { .bytes = 1 << 20 };
    (void)state;
    fairqueue_add(&q, &a.flow);
    assert_ptr_equal(fairqueue_peek(&q, cost), &a.flow);
    fairqueue_charge(&a.flow, a.bytes);
    assert_int_equal(a.flow.deficit, 0);
}

static void test_long_commands_win_nothing(void **state)
{
    struct fairqueue q = { .quantum = QUANTUM };
    struct someone all[] = { { .bytes = 40 }, { .bytes = 300 }, { .bytes = 5000 } };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        fairqueue_add(&q, &all[i].flow);
    for (int i = 0; i < 100000; i++)
        send_one(&q);
    for (size_t i = 1; i < ARRAY_SIZE(all); i++) {
        size_t more =
            all[i].sent > all[0].sent ? all[i].sent - all[0].sent : all[0].sent - all[i].sent;
        assert_in_range(more, 0, 5000 + QUANTUM);
    }
}

static void test_a_flood_delays_a_newcomer_by_no_more_than_its_turn(void **state)
{
    struct fairqueue q = { .quantum = QUANTUM };
    struct someone flood = { .bytes = 40 }, newcomer = { .bytes = 40 };
    unsigned before = 0;
    (void)state;
    fairqueue_add(&q, &flood.flow);
    for (int i = 0; i < 1000; i++)
        send_one(&q);
    fairqueue_add(&q, &newcomer.flow);
    while (send_one(&q) != &newcomer)
        before++;
    assert_in_range(before, 0, 2 * QUANTUM / 40);
}

static void test_to_add_twice_changes_nothing(void **state)
{
    struct fairqueue q = { .quantum = QUANTUM };
    struct someone a = { .bytes = 10 }, b = { .bytes = 10 };
    (void)state;
    fairqueue_add(&q, &a.flow);
    fairqueue_add(&q, &b.flow);
    size_t deficit = fairqueue_peek(&q, cost)->deficit;
    fairqueue_add(&q, &a.flow);
    assert_int_equal(a.flow.deficit, deficit);
    assert_ptr_equal(q.ring, &a.flow);
    assert_ptr_equal(a.flow.next, &b.flow);
    assert_ptr_equal(b.flow.next, &a.flow);
}

static void test_to_leave_and_come_back_brings_no_credit(void **state)
{
    struct fairqueue q = { .quantum = QUANTUM };
    struct someone a = { .bytes = 10 };
    (void)state;
    fairqueue_add(&q, &a.flow);
    fairqueue_peek(&q, cost);
    assert_true(a.flow.deficit > 0);
    fairqueue_remove(&q, &a.flow);
    assert_false(fairqueue_waiting(&a.flow));
    assert_null(fairqueue_peek(&q, cost));
    fairqueue_add(&q, &a.flow);
    assert_int_equal(a.flow.deficit, 0);
}

static void test_who_leaves_in_its_turn_leaves_it_to_the_next(void **state)
{
    struct fairqueue q = { .quantum = QUANTUM };
    struct someone a = { .bytes = 10 }, b = { .bytes = 10 }, c = { .bytes = 10 };
    (void)state;
    fairqueue_add(&q, &a.flow);
    fairqueue_add(&q, &b.flow);
    fairqueue_add(&q, &c.flow);
    fairqueue_remove(&q, &a.flow);
    assert_ptr_equal(fairqueue_peek(&q, cost), &b.flow);
    fairqueue_remove(&q, &c.flow);
    fairqueue_remove(&q, &c.flow); /* not there: nothing happens */
    assert_ptr_equal(b.flow.next, &b.flow);
}

static void test_to_charge_more_than_there_is_leaves_nothing(void **state)
{
    struct someone a = { .flow = { .deficit = 5 } };
    (void)state;
    fairqueue_charge(&a.flow, 6);
    assert_int_equal(a.flow.deficit, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_waits_in_an_empty_queue),
        cmocka_unit_test(test_to_look_is_not_to_take),
        cmocka_unit_test(test_who_is_alone_waits_for_nobody),
        cmocka_unit_test(test_long_commands_win_nothing),
        cmocka_unit_test(test_a_flood_delays_a_newcomer_by_no_more_than_its_turn),
        cmocka_unit_test(test_to_add_twice_changes_nothing),
        cmocka_unit_test(test_to_leave_and_come_back_brings_no_credit),
        cmocka_unit_test(test_who_leaves_in_its_turn_leaves_it_to_the_next),
        cmocka_unit_test(test_to_charge_more_than_there_is_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
