/* Nobody can fill the disk by being refused. */
#include "tests/unit/audit_fixture.h"

#include "audit/rate.h"
#include "base/clock.h"

struct log {
    struct audit *a;
    struct audit_batch *b;
    const char *path;
};

static struct log open_log(void **state)
{
    struct fixture *f = *state;
    struct log l = { .a = open_audit(f->path, AUDIT_SYNC_WRITE), .path = f->path };
    l.b = audit_batch_new(l.a);
    return l;
}

static void close_log(struct log *l)
{
    audit_batch_free(l->b);
    audit_close(l->a);
}

static void refuse(struct log *l, const char *peer, const char *identity, int64_t after_us)
{
    struct audit_record r = {
        .type = AUDIT_REFUSED,
        .result = AUDIT_DENIED,
        .utc_us = TEST_TIME + after_us,
        .peer = peer,
        .identity = identity,
        .arguments = QMP_NONE,
    };
    audit_batch_add(l->b, &r);
}

static unsigned written(struct log *l, const char *type)
{
    CLEANUP_FREE char *what = mem_printf("\"type\":\"%s\"", type);
    commit(l->b);
    return count_text(l->path, what);
}

static void refusals_over_the_rate_are_counted_in_one_record(void **state)
{
    struct log l = open_log(state);
    struct audit_stats stats;
    for (unsigned i = 0; i < 1000; i++) {
        CLEANUP_FREE char *peer =
            mem_printf("192.0.2.1:%u", 1024 + i); /* a port makes no difference */
        refuse(&l, peer, "x509:CN=mallory", i);
    }
    assert_int_equal(written(&l, "refused"), AUDIT_RATE_BURST);
    audit_get_stats(l.a, &stats);
    assert_int_equal(stats.suppressed, 1000 - AUDIT_RATE_BURST);
    close_log(&l);
    assert_int_equal(count_text(l.path, "\"type\":\"suppressed\",\"records\":900,"
                                        "\"since\":\"2026-09-21T14:13:20.123556Z\","
                                        "\"host\":\"192.0.2.1\",\"identity\":\"x509:CN=mallory\""),
                     1);
    assert_int_equal(count_text(l.path, "\"type\":\"suppressed\""), 1);
}

static void one_who_is_refused_too_often_takes_nothing_from_others(void **state)
{
    struct log l = open_log(state);
    for (unsigned i = 0; i < 1000; i++)
        refuse(&l, "192.0.2.1:1", "x509:CN=mallory", 0);
    refuse(&l, "192.0.2.1:1", "x509:CN=alice", 0);
    refuse(&l, "192.0.2.2:1", "x509:CN=mallory", 0);
    refuse(&l, "[2001:db8::1]:1", NULL, 0);
    refuse(&l, NULL, NULL, 0);
    assert_int_equal(written(&l, "refused"), AUDIT_RATE_BURST + 4);
    close_log(&l);
}

static void the_rate_comes_back_with_time(void **state)
{
    struct log l = open_log(state);
    for (unsigned i = 0; i < 1000; i++)
        refuse(&l, "unix", "unix:mallory", 0);
    for (unsigned i = 0; i < 1000; i++)
        refuse(&l, "unix", "unix:mallory", 2 * USEC_PER_SEC);
    assert_int_equal(written(&l, "refused"), AUDIT_RATE_BURST + 2 * AUDIT_RATE_PER_SECOND);
    close_log(&l);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
    struct log l = open_log(state);
    for (unsigned i = 0; i < 1000; i++)
        refuse(&l, "unix", "unix:mallory", -(int64_t)i * USEC_PER_SEC);
    assert_int_equal(written(&l, "refused"), AUDIT_RATE_BURST);
    close_log(&l);
}

static void a_count_is_told_when_it_is_due(void **state)
{
    struct log l = open_log(state);
    int64_t due = AUDIT_RATE_TELL_SECONDS * USEC_PER_SEC;
    for (unsigned i = 0; i < AUDIT_RATE_BURST + 7; i++)
        refuse(&l, "unix", "unix:mallory", 0);
    audit_batch_tick(l.b, TEST_TIME + due - 1);
    audit_batch_tick(l.b, TEST_TIME + due + USEC_PER_SEC);
    assert_int_equal(written(&l, "suppressed"), 1);
    assert_int_equal(count_text(l.path, "\"records\":7,"), 1);
    close_log(&l);
    assert_int_equal(count_text(l.path, "\"suppressed\""), 1);
}

static void ever_new_addresses_have_a_limit_together(void **state)
{
    struct log l = open_log(state);
    for (unsigned i = 0; i < 20000; i++) {
        CLEANUP_FREE char *peer = mem_printf("[2001:db8::%x]:1", i);
        refuse(&l, peer, NULL, 0);
    }
    assert_int_equal(written(&l, "refused"), AUDIT_RATE_ALL_BURST);
    close_log(&l);
    assert_int_equal(count_text(l.path, "\"records\":18000,"), 1);
    assert_int_equal(count_text(l.path, "\"host\":\"*\""), 1);
}

static void what_was_allowed_is_never_limited(void **state)
{
    struct log l = open_log(state);
    for (unsigned i = 0; i < 1000; i++) {
        struct audit_record login = { .type = AUDIT_AUTH,
                                      .result = AUDIT_OK,
                                      .arguments = QMP_NONE };
        struct audit_record bad = { .type = AUDIT_AUTH,
                                    .result = AUDIT_DENIED,
                                    .arguments = QMP_NONE };
        add_simple(l.b, AUDIT_INTENT, "x");
        add_simple(l.b, AUDIT_OUTCOME, "x");
        audit_batch_add(l.b, &login);
        audit_batch_add(l.b, &bad);
    }
    assert_int_equal(written(&l, "intent"), 1000);
    assert_int_equal(written(&l, "outcome"), 1000);
    assert_int_equal(written(&l, "auth"), 1000 + AUDIT_RATE_BURST);
    close_log(&l);
}

/* --- bytes -------------------------------------------------------------------------------------
 */

static void refuse_at_length(struct log *l, const char *peer, int64_t after_us)
{
    static char words[2000];
    memset(words, 'w', sizeof(words));
    struct audit_record r = {
        .type = AUDIT_REFUSED,
        .result = AUDIT_DENIED,
        .utc_us = TEST_TIME + after_us,
        .peer = peer,
        .arguments = QMP_NONE,
        .text = { words, sizeof(words) },
    };
    audit_batch_add(l->b, &r);
}

static off_t size_of(struct log *l)
{
    struct stat st;
    uint64_t ticket;
    struct error err;
    assert_int_equal(audit_batch_commit(l->b, &ticket, &err), 0);
    assert_int_equal(stat(l->path, &st), 0);
    return st.st_size;
}

/* Who writes long ones gets fewer of them. */
static void one_peer_fills_no_more_than_its_kibibytes(void **state)
{
    struct log l = open_log(state);
    for (unsigned i = 0; i < 100000; i++) /* ten seconds of 10,000 each */
        refuse_at_length(&l, "192.0.2.1:1", i * 100);
    off_t most = (AUDIT_RATE_BURST + 10 * AUDIT_RATE_PER_SECOND) * 1024;
    assert_in_range(size_of(&l), most / 2, most + 8192);
    close_log(&l);
}

/* Ever new ones, each of which uses up what it has and gives way to the next with a count to tell.
 */
static void all_together_fill_no_more_than_theirs(void **state)
{
    struct log l = open_log(state);
    for (unsigned i = 0; i < 1000000; i++) { /* ten seconds of 100,000 each */
        char peer[64];
        snprintf(peer, sizeof(peer), "[2001:db8::%x]:1", i / 120);
        refuse_at_length(&l, peer, i * 10);
    }
    off_t most = (AUDIT_RATE_ALL_BURST + 10 * AUDIT_RATE_ALL_PER_SECOND) * 1024;
    assert_in_range(size_of(&l), most / 4, most + 65536);
    close_log(&l);
}

static void the_limits_can_be_set(void **state)
{
    struct fixture *f = *state;
    struct audit_settings settings = { .path = f->path, .rates = { 3, 1, 5, 1 } };
    struct log l = { .path = f->path };
    struct error err;
    assert_int_equal(audit_open(&settings, &l.a, &err), 0);
    l.b = audit_batch_new(l.a);
    for (unsigned i = 0; i < 10; i++)
        refuse(&l, "192.0.2.1:1", NULL, 0);
    assert_int_equal(written(&l, "refused"), 3);
    for (unsigned i = 0; i < 10; i++)
        refuse(&l, "192.0.2.2:1", NULL, 0);
    assert_int_equal(written(&l, "refused"), 5);
    refuse(&l, "192.0.2.2:1", NULL, USEC_PER_SEC);
    assert_int_equal(written(&l, "refused"), 6);
    close_log(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(refusals_over_the_rate_are_counted_in_one_record),
        AUDIT_TEST(one_who_is_refused_too_often_takes_nothing_from_others),
        AUDIT_TEST(the_rate_comes_back_with_time),
        AUDIT_TEST(a_clock_that_goes_back_gives_nothing),
        AUDIT_TEST(a_count_is_told_when_it_is_due),
        AUDIT_TEST(ever_new_addresses_have_a_limit_together),
        AUDIT_TEST(what_was_allowed_is_never_limited),
        AUDIT_TEST(one_peer_fills_no_more_than_its_kibibytes),
        AUDIT_TEST(all_together_fill_no_more_than_theirs),
        AUDIT_TEST(the_limits_can_be_set),
    };
    return cmocka_run_group_tests_name("audit_rate", tests, NULL, NULL);
}
