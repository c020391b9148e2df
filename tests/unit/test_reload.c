/* Reloads that are asked for when nothing can be reloaded any more. */
#include "config.h"
#include "tests/unit/unit.h"

#include <event2/event.h>
#include "proxy/daemon.h"
#include "proxy/reload.h"

struct asked {
    struct reload_waiter waiter;
    unsigned answers;
    bool ok;
};

static void on_done(struct reload_waiter *w, const struct reload_result *result)
{
    struct asked *a = container_of(w, struct asked, waiter);
    a->answers++;
    a->ok = result->ok;
}

/* The workers and the snapshot are gone by the time that the main thread's inbox is emptied. */
static void test_a_reload_asked_for_at_the_end_is_refused(void **state)
{
    struct error err;
    struct asked asked = { .waiter = { .done = on_done } };
    struct daemon d = { .draining = true, .base = event_base_new() };
    (void)state;
    assert_int_equal(inbox_init(&d.inbox, d.base, NULL, &err), 0);
    reload_request(&d, &asked.waiter);
    inbox_destroy(&d.inbox);
    event_base_free(d.base);
    assert_int_equal(asked.answers, 1);
    assert_false(asked.ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reload_asked_for_at_the_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
