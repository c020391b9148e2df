/* After a crash: what was left open is closed by the next start. */
#include "tests/unit/audit_fixture.h"

#include <sys/wait.h>

static void add(struct audit_batch *b, enum audit_type type, uint64_t connection, uint64_t request)
{
    struct audit_record r = {
        .type = type,
        .result = type == AUDIT_OUTCOME ? AUDIT_OK : AUDIT_RESULT_NONE,
        .utc_us = TEST_TIME,
        .connection = connection,
        .request = request,
        .identity = "x509:CN=alice",
        .vm = request ? "web1" : NULL,
        .command = request ? (struct span)SPAN_LIT("query-status") : (struct span){ 0 },
        .arguments = QMP_NONE,
        .latency_us = -1,
    };
    audit_batch_add(b, &r);
}

static struct audit *of_batch; /* the batch's audit, for a run */

/* Has `run` write records in a process that then ends without a word. */
static void crash(const char *path, void (*run)(struct audit_batch *b))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint64_t ticket;
        struct error err;
        struct audit *a = open_audit(path, AUDIT_SYNC_WRITE);
        struct audit_batch *b = audit_batch_new(a);
        of_batch = a;
        run(b);
        _exit(audit_batch_commit(b, &ticket, &err) < 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void start_again(const char *path)
{
    struct audit *a = open_audit(path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    add(b, AUDIT_START, 0, 0);
    commit(b);
    audit_batch_free(b);
    audit_close(a);
}

static void run_with_open_ends(struct audit_batch *b)
{
    add(b, AUDIT_START, 0, 0);
    add(b, AUDIT_SESSION_OPEN, 1, 0); /* 3 */
    add(b, AUDIT_INTENT, 1, 10);      /* 4 */
    add(b, AUDIT_SESSION_OPEN, 2, 0);
    add(b, AUDIT_INTENT, 2, 11);
    add(b, AUDIT_OUTCOME, 2, 11);
    add(b, AUDIT_INTENT, 2, 12); /* 8 */
    add(b, AUDIT_SESSION_CLOSE, 2, 0);
}

static void what_was_open_is_closed_before_the_next_start(void **state)
{
    struct fixture *f = *state;
    crash(f->path, run_with_open_ends);
    start_again(f->path);
    assert_chain(f->path, 1, 14);
    CLEANUP_FREE char *text = read_text(f->path);
    const char *found = strstr(text, "\"seq\":10,");
    assert_non_null(found);
    assert_non_null(
        strstr(found, "\"type\":\"recovered\",\"since\":2,\"intents\":2,\"sessions\":1,"));
    const char *session =
        strstr(found, "\"type\":\"session-close\",\"code\":\"crashed\",\"connection\":1,"
                      "\"identity\":\"x509:CN=alice\",\"text\":\"the gateway ");
    const char *first = strstr(
        found, "\"type\":\"outcome\",\"result\":\"unknown\",\"code\":\"crashed\",\"connection\":1,"
               "\"request\":10,\"vm\":\"web1\",\"command\":\"query-status\","
               "\"text\":\"the gateway stopped before the answer came\","
               "\"intent\":4,");
    const char *second = strstr(found, "\"request\":12,");
    const char *start = strstr(found, "\"type\":\"start\"");
    assert_true(session && session < first && first < second && second < start);
    assert_null(strstr(found, "\"request\":11,"));
}

static void what_was_closed_once_is_not_closed_again(void **state)
{
    struct fixture *f = *state;
    crash(f->path, run_with_open_ends);
    start_again(f->path);
    start_again(f->path);
    assert_int_equal(count_text(f->path, "\"type\":\"recovered\""), 1);
    assert_int_equal(count_text(f->path, "\"result\":\"unknown\""), 2);
}

static void run_with_the_same_numbers(struct audit_batch *b)
{
    add(b, AUDIT_START, 0, 0);
    add(b, AUDIT_SESSION_OPEN, 1, 0);
    add(b, AUDIT_INTENT, 1, 10);
    add(b, AUDIT_OUTCOME, 1, 10);
    add(b, AUDIT_SESSION_CLOSE, 1, 0);
}

static void numbers_of_another_run_are_others(void **state)
{
    struct fixture *f = *state;
    crash(f->path, run_with_open_ends);
    crash(f->path, run_with_the_same_numbers);
    start_again(f->path);
    assert_int_equal(count_text(f->path, "\"type\":\"recovered\""), 1);
    assert_int_equal(count_text(f->path, "\"intent\":4,"), 1);
}

static void nothing(struct audit_batch *b)
{
    (void)b;
}

/* The records that close what was open are not lost by a crash before they were written. */
static void a_crash_while_it_recovers_leaves_it_to_the_next_start(void **state)
{
    struct fixture *f = *state;
    crash(f->path, run_with_open_ends);
    crash(f->path, nothing);
    start_again(f->path);
    assert_int_equal(count_text(f->path, "\"result\":\"unknown\""), 2);
}

static void run_that_ends(struct audit_batch *b)
{
    run_with_the_same_numbers(b);
    add(b, AUDIT_STOP, 0, 0);
}

static void after_a_stop_there_is_nothing_to_close(void **state)
{
    struct fixture *f = *state;
    crash(f->path, run_that_ends);
    start_again(f->path);
    assert_int_equal(count_text(f->path, "\"type\":\"recovered\""), 0);
    assert_chain(f->path, 1, 8);
}

/* A log is not believed: what is in it may be damaged. */
static void a_log_that_cannot_be_read_back_is_said_and_no_obstacle(void **state)
{
    struct fixture *f = *state;
    crash(f->path, run_with_open_ends);
    CLEANUP_FREE char *text = read_text(f->path);
    CLEANUP_FD int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    off_t third = strstr(text, "{\"v\":1,\"seq\":4,") - text;
    assert_int_equal(pwrite(fd, "no rec", 6, third), 6);
    start_again(f->path);
    assert_int_equal(count_text(f->path, "\"since\":5,\"intents\":1,\"sessions\":0,"
                                         "\"text\":\"not all of what came before"),
                     1);
    assert_int_equal(count_text(f->path, "\"result\":\"unknown\""), 1);
}

static void run_with_very_many(struct audit_batch *b)
{
    add(b, AUDIT_START, 0, 0);
    for (unsigned i = 1; i <= 20000; i++)
        add(b, AUDIT_INTENT, 1, i);
}

static void there_is_a_bound_to_what_is_closed_and_it_is_said(void **state)
{
    struct fixture *f = *state;
    crash(f->path, run_with_very_many);
    start_again(f->path);
    assert_int_equal(count_text(f->path, "\"intents\":20000,\"sessions\":0,\"text\":\"not all of "
                                         "them are closed one by one\""),
                     1);
    assert_int_equal(count_text(f->path, "\"result\":\"unknown\""), 16384);
}

static void run_over_segments(struct audit_batch *b)
{
    uint64_t ticket;
    struct error err;
    add(b, AUDIT_START, 0, 0);
    add(b, AUDIT_INTENT, 1, 10);
    add(b, AUDIT_INTENT, 1, 11);
    for (unsigned i = 0; i < 3; i++) {
        if (audit_batch_commit(b, &ticket, &err) < 0 || audit_rotate(of_batch, &err) < 0)
            _exit(1);
        add(b, AUDIT_INTENT, 1, 20 + i);
        add(b, AUDIT_OUTCOME, 1, 20 + i);
    }
    add(b, AUDIT_OUTCOME, 1, 11);
}

static void it_looks_back_over_closed_segments(void **state)
{
    struct fixture *f = *state;
    crash(f->path, run_over_segments);
    start_again(f->path);
    assert_int_equal(count_text(f->path, "\"intents\":1,\"sessions\":0,\"hash\""), 1);
    assert_int_equal(count_text(f->path, "\"result\":\"unknown\""), 1);
    assert_int_equal(count_text(f->path, "\"request\":10,"), 1);
}

static void a_segment_that_is_not_there_ends_the_search_and_is_said(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *second = mem_printf("%s.0000000002.jsonl", f->path);
    crash(f->path, run_over_segments);
    assert_int_equal(unlink(second), 0);
    start_again(f->path);
    assert_int_equal(count_text(f->path, "\"intents\":0,\"sessions\":0,"
                                         "\"text\":\"not all of what came before"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(what_was_open_is_closed_before_the_next_start),
        AUDIT_TEST(what_was_closed_once_is_not_closed_again),
        AUDIT_TEST(numbers_of_another_run_are_others),
        AUDIT_TEST(a_crash_while_it_recovers_leaves_it_to_the_next_start),
        AUDIT_TEST(after_a_stop_there_is_nothing_to_close),
        AUDIT_TEST(a_log_that_cannot_be_read_back_is_said_and_no_obstacle),
        AUDIT_TEST(there_is_a_bound_to_what_is_closed_and_it_is_said),
        AUDIT_TEST(it_looks_back_over_closed_segments),
        AUDIT_TEST(a_segment_that_is_not_there_ends_the_search_and_is_said),
    };
    return cmocka_run_group_tests_name("audit_recover", tests, NULL, NULL);
}
