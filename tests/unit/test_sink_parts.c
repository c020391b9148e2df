/* What a sink keeps: what retention may not overtake, its position, what is under way. */
#include "config.h"
#include "tests/unit/audit_fixture.h"

#include "audit/sink_flight.h"
#include "audit/sink_position.h"

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

/* --- the position ----------------------------------------------------------------------------- */

static struct audit_chain chain_at(uint64_t seq)
{
    struct audit_chain at = { .seq = seq };
    memset(at.hash, (int)(seq % 251), sizeof(at.hash));
    return at;
}

static struct sink_place *open_place(const struct fixture *f, struct audit_chain *at, bool *fresh)
{
    struct sink_place *p;
    struct error err;
    if (sink_place_open(f->directory, "a", &p, at, fresh, &err) < 0)
        fail_msg("%s", err.text);
    return p;
}

static void place_fails(const char *directory, const char *words)
{
    struct sink_place *p;
    struct audit_chain at;
    bool fresh;
    struct error err = { .text = "" };
    assert_true(sink_place_open(directory, "a", &p, &at, &fresh, &err) < 0);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static void a_position_is_there_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct audit_chain at, wanted = chain_at(12345678901234567890u);
    bool fresh;
    struct error err;
    struct sink_place *p = open_place(f, &at, &fresh);
    assert_true(fresh);
    assert_int_equal(at.seq, 0);
    assert_int_equal(sink_place_save(p, &wanted, &err), 0);
    sink_place_close(p);
    p = open_place(f, &at, &fresh);
    assert_false(fresh);
    assert_true(audit_chain_equal(&at, &wanted));
    sink_place_close(p);
}

static void a_second_gateway_is_kept_from_a_position(void **state)
{
    struct fixture *f = *state;
    struct audit_chain at;
    bool fresh;
    struct sink_place *p = open_place(f, &at, &fresh);
    place_fails(f->directory, "another gateway has a sink of this name");
    sink_place_close(p);
}

static void what_is_no_position_is_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *path = mem_printf("%s/sink-a", f->directory);
    append_text(path, "12\n", 3);
    place_fails(f->directory, "it holds no position of a sink");
}

static void a_link_is_no_position(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *path = mem_printf("%s/sink-a", f->directory);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    place_fails(f->directory, "sink-a: ");
}

static void a_state_dir_that_is_not_there_is_told_of(void **state)
{
    (void)state;
    place_fails("/nonexistent/x", "state_dir /nonexistent/x is not there: make it");
}

static void a_state_dir_for_everybody_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(chmod(f->directory, 0777), 0);
    place_fails(f->directory, "anybody may write to it");
}

static void a_position_has_one_form(void **state)
{
    (void)state;
    char text[SINK_POSITION_LEN + 1], broken[SINK_POSITION_LEN + 1];
    struct audit_chain at = chain_at(77), back;
    sink_position_format(&at, text);
    assert_int_equal(strlen(text), SINK_POSITION_LEN);
    assert_true(sink_position_parse((struct span){ text, SINK_POSITION_LEN }, &back));
    assert_true(audit_chain_equal(&at, &back));
    for (size_t i = 0; i < SINK_POSITION_LEN; i++) {
        memcpy(broken, text, sizeof(text));
        broken[i] = 'x';
        assert_false(sink_position_parse((struct span){ broken, SINK_POSITION_LEN }, &back));
        assert_false(sink_position_parse((struct span){ text, i }, &back));
    }
    memcpy(broken, text, sizeof(text));
    memset(broken + strlen("qmpgate-sink 1 "), '9', 20); /* more than 64 bits */
    assert_false(sink_position_parse((struct span){ broken, SINK_POSITION_LEN }, &back));
}

/* --- what is under way ------------------------------------------------------------------------ */

#define SETTLE 1000000

static void fly(struct sink_flight *f, uint64_t seq, uint64_t target, int64_t now)
{
    struct audit_chain at = chain_at(seq);
    flight_add(f, &at, target, now);
}

static uint64_t settled(struct sink_flight *f, int64_t alive)
{
    struct audit_chain at = { .seq = 0 };
    return flight_settle(f, alive, SETTLE, &at) ? at.seq : 0;
}

static void nothing_settles_before_it_is_taken(void **state)
{
    (void)state;
    struct sink_flight f = { .n = 0 };
    struct sink_progress p = { .sent = 10, .taken = 9 };
    fly(&f, 1, 10, 0);
    flight_progress(&f, &p, 5);
    assert_int_equal(settled(&f, 100 * SETTLE), 0);
    assert_int_equal(flight_waiting_since(&f), 0); /* sent at 0 */
    p.taken = 10;
    flight_progress(&f, &p, 6);
    assert_int_equal(settled(&f, 5 + SETTLE), 0);
    assert_int_equal(settled(&f, 6 + SETTLE), 1);
    assert_true(flight_is_empty(&f));
}

static void it_settles_by_when_the_receiver_was_last_seen_alive(void **state)
{
    (void)state;
    struct sink_flight f = { .n = 0 };
    struct sink_progress all = { .all = true };
    fly(&f, 1, 1, 10);
    flight_progress(&f, &all, 20);
    assert_int_equal(settled(&f, 20), 0);
    assert_int_equal(settled(&f, 20), 0); /* however late it is: nobody saw it alive since */
    assert_int_equal(settled(&f, 20 + SETTLE), 1);
}

static void what_is_sent_close_together_is_one_mark(void **state)
{
    (void)state;
    struct sink_flight f = { .n = 0 };
    struct sink_progress p = { .taken = 1 };
    fly(&f, 1, 1, 10);
    fly(&f, 2, 2, 20);
    assert_int_equal(f.n, 1);
    flight_progress(&f, &p, 30);
    assert_int_equal(settled(&f, 100 * SETTLE), 0); /* not before its last record is taken */
    fly(&f, 3, 3, 20 + FLIGHT_MARK_US);
    assert_int_equal(f.n, 2);
}

static void what_was_taken_is_not_made_to_wait_for_what_comes(void **state)
{
    (void)state;
    struct sink_flight f = { .n = 0 };
    struct sink_progress p = { .taken = 1 };
    fly(&f, 1, 1, 10);
    flight_progress(&f, &p, 20);
    fly(&f, 2, 2, 30);
    assert_int_equal(settled(&f, 20 + SETTLE), 1);
}

static void marks_are_bounded_and_lose_no_record(void **state)
{
    (void)state;
    struct sink_flight f = { .n = 0 };
    struct sink_progress all = { .all = true };
    for (uint64_t i = 1; i <= 3 * FLIGHT_MARKS_MAX; i++)
        fly(&f, i, i, (int64_t)i * 2 * FLIGHT_MARK_US);
    assert_int_equal(f.n, FLIGHT_MARKS_MAX);
    flight_progress(&f, &all, 5);
    assert_int_equal(settled(&f, 5 + SETTLE), 3 * FLIGHT_MARKS_MAX);
}

static void a_new_connection_knows_nothing_of_the_old_one(void **state)
{
    (void)state;
    struct sink_flight f = { .n = 0 };
    struct sink_progress all = { .all = true };
    fly(&f, 9, 9, 10);
    flight_progress(&f, &all, 20);
    flight_clear(&f);
    assert_int_equal(settled(&f, 100 * SETTLE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(nothing_is_shipped_before_every_sink_said_so),
        AUDIT_TEST(without_sinks_all_is_shipped),
        AUDIT_TEST(a_position_is_there_after_a_restart),
        AUDIT_TEST(a_second_gateway_is_kept_from_a_position),
        AUDIT_TEST(what_is_no_position_is_refused),
        AUDIT_TEST(a_link_is_no_position),
        cmocka_unit_test(a_state_dir_that_is_not_there_is_told_of),
        AUDIT_TEST(a_state_dir_for_everybody_is_refused),
        cmocka_unit_test(a_position_has_one_form),
        cmocka_unit_test(nothing_settles_before_it_is_taken),
        cmocka_unit_test(it_settles_by_when_the_receiver_was_last_seen_alive),
        cmocka_unit_test(what_is_sent_close_together_is_one_mark),
        cmocka_unit_test(what_was_taken_is_not_made_to_wait_for_what_comes),
        cmocka_unit_test(marks_are_bounded_and_lose_no_record),
        cmocka_unit_test(a_new_connection_knows_nothing_of_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
