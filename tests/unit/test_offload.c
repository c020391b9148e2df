/* Steps that run away from their loop: they come home, to somebody or to nobody, and once. */
#include "config.h"
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>
#include "base/clock.h"
#include "base/mem.h"
#include "proxy/offload.h"

/* What a step does is said by the test: its work waits for a token of `go`. */
struct test_step {
    struct offload step;
    pthread_t worked_on;
};

static struct {
    sem_t begun, go;
    unsigned worked, home, cancelled, freed; /* by the loop's thread, but for `worked` */
    bool again;                              /* a step that comes home begins the next one */
    pthread_t worked_on;
    struct event_base *base;
    struct inbox inbox;
    struct worker_pool *pool;
    struct offload_slot slot;
} t;

static int begin(struct offload_slot *slot);

static void work(struct offload *step)
{
    struct test_step *s = container_of(step, struct test_step, step);
    sem_post(&t.begun);
    sem_wait(&t.go);
    s->worked_on = pthread_self();
    __atomic_add_fetch(&t.worked, 1, __ATOMIC_SEQ_CST);
}

static void home(struct offload_slot *slot, struct offload *step)
{
    t.home++;
    t.worked_on = container_of(step, struct test_step, step)->worked_on;
    assert_null(slot->step);
    if (t.again) {
        t.again = false;
        assert_int_equal(begin(slot), 0);
    }
}

static void cancelled(struct offload *step)
{
    t.cancelled++;
}

static void free_step(struct offload *step)
{
    t.freed++;
    free(container_of(step, struct test_step, step));
}

static const struct offload_ops ops = { work, home, cancelled, free_step };

static int begin(struct offload_slot *slot)
{
    struct test_step *s = MEM_NEW(struct test_step);
    return offload_start(slot, &s->step, &ops, t.pool, &t.inbox);
}

static void let_go(unsigned steps)
{
    while (steps-- > 0)
        sem_post(&t.go);
}

/* A turn of the loop; waits for something to come home. */
static void turn(void)
{
    event_base_loop(t.base, EVLOOP_ONCE);
}

/* One thread, and room for two that wait. */
static int setup(void **state)
{
    struct error err;
    memset(&t, 0, sizeof(t));
    sem_init(&t.begun, 0, 0);
    sem_init(&t.go, 0, 0);
    t.base = event_base_new();
    t.pool = worker_pool_new("test", 1, false, 2, &err);
    return t.pool && inbox_init(&t.inbox, t.base, NULL, &err) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    worker_pool_free(TAKE_PTR(t.pool));
    inbox_destroy(&t.inbox);
    event_base_free(t.base);
    return 0;
}

static void it_comes_home_on_the_loop(void **state)
{
    assert_int_equal(begin(&t.slot), 0);
    assert_non_null(t.slot.step);
    let_go(1);
    turn();
    assert_int_equal(t.home, 1);
    assert_int_equal(t.freed, 1);
    assert_false(pthread_equal(t.worked_on, pthread_self()));
    assert_null(t.slot.step);
}

static void one_that_comes_home_may_begin_the_next(void **state)
{
    t.again = true;
    assert_int_equal(begin(&t.slot), 0);
    let_go(2);
    turn();
    while (t.home < 2)
        turn();
    assert_int_equal(t.worked, 2);
    assert_int_equal(t.freed, 2);
}

static void two_at_a_time_are_refused(void **state)
{
    assert_int_equal(begin(&t.slot), 0);
    assert_int_equal(begin(&t.slot), ERROR_STATE);
    assert_int_equal(t.freed, 1);
    assert_non_null(t.slot.step); /* the first one goes on */
    let_go(1);
    turn();
    assert_int_equal(t.home, 1);
}

static void cancelled_while_it_works_it_comes_home_to_nobody(void **state)
{
    assert_int_equal(begin(&t.slot), 0);
    sem_wait(&t.begun);
    offload_cancel(&t.slot);
    assert_int_equal(t.cancelled, 1);
    assert_int_equal(t.freed, 0); /* the worker has it */
    memset(&t.slot, 0xff, sizeof(t.slot));
    let_go(1);
    turn();
    assert_int_equal(t.home, 0);
    assert_int_equal(t.freed, 1);
}

static void cancelled_when_it_is_home_but_not_taken_in_it_is_nobodys(void **state)
{
    assert_int_equal(begin(&t.slot), 0);
    let_go(1);
    struct worker_stats stats;
    do
        worker_pool_get_stats(t.pool, &stats);
    while (stats.running || stats.queued || !__atomic_load_n(&t.worked, __ATOMIC_SEQ_CST));
    offload_cancel(&t.slot);
    turn();
    assert_int_equal(t.home, 0);
    assert_int_equal(t.freed, 1);
}

static void cancelled_while_it_waits_it_never_works(void **state)
{
    struct offload_slot other = { NULL };
    assert_int_equal(begin(&t.slot), 0);
    sem_wait(&t.begun);
    assert_int_equal(begin(&other), 0);
    offload_cancel(&other);
    assert_int_equal(t.freed, 1); /* at once: a token that hangs keeps nothing of it */
    assert_int_equal(t.cancelled, 0);
    let_go(2);
    turn();
    assert_int_equal(t.home, 1);
    worker_pool_free(TAKE_PTR(t.pool));
    assert_int_equal(t.worked, 1);
}

static void to_cancel_nothing_is_nothing(void **state)
{
    offload_cancel(&t.slot);
    assert_int_equal(t.cancelled, 0);
}

static void what_finds_the_queue_full_is_refused(void **state)
{
    struct offload_slot waiting[2] = { { NULL } }, late = { NULL };
    struct worker_stats stats;
    assert_int_equal(begin(&t.slot), 0);
    sem_wait(&t.begun);
    assert_int_equal(begin(&waiting[0]), 0);
    assert_int_equal(begin(&waiting[1]), 0);
    assert_int_equal(begin(&late), ERROR_LIMIT);
    assert_null(late.step);
    assert_int_equal(t.freed, 1);
    worker_pool_get_stats(t.pool, &stats);
    assert_int_equal(stats.threads, 1);
    assert_int_equal(stats.running, 1);
    assert_int_equal(stats.queued, 2);
    assert_int_equal(stats.refused, 1);
    offload_cancel(&waiting[0]); /* makes room again */
    assert_int_equal(begin(&late), 0);
    let_go(3);
    while (t.home < 3)
        turn();
}

static void at_the_end_nobody_waits_for_what_hangs(void **state)
{
    assert_int_equal(begin(&t.slot), 0);
    sem_wait(&t.begun);
    int64_t until = clock_monotonic_us() + 20 * USEC_PER_MSEC;
    assert_false(worker_pool_stop(t.pool, until));
    assert_true(clock_monotonic_us() >= until);
    let_go(1);
    assert_true(worker_pool_stop(t.pool, clock_monotonic_us() + 60 * USEC_PER_SEC));
    struct offload_slot late = { NULL };
    assert_int_equal(begin(&late), ERROR_LIMIT); /* no more come */
    turn();
    assert_int_equal(t.home, 1);
}

static void at_the_end_what_waits_is_still_done(void **state)
{
    struct offload_slot waiting = { NULL };
    assert_int_equal(begin(&t.slot), 0);
    assert_int_equal(begin(&waiting), 0);
    let_go(2);
    assert_true(worker_pool_stop(t.pool, clock_monotonic_us() + 60 * USEC_PER_SEC));
    inbox_run(&t.inbox);
    assert_int_equal(t.home, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_at_a_time_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_finds_the_queue_full_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_while_it_works_it_comes_home_to_nobody, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(cancelled_when_it_is_home_but_not_taken_in_it_is_nobodys,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_while_it_waits_it_never_works, setup, teardown),
        cmocka_unit_test_setup_teardown(to_cancel_nothing_is_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(it_comes_home_on_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_comes_home_may_begin_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(at_the_end_nobody_waits_for_what_hangs, setup, teardown),
        cmocka_unit_test_setup_teardown(at_the_end_what_waits_is_still_done, setup, teardown),
    };
    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
