/* Segments: where one begins, how it is closed, and what can go wrong with that. */
#include "tests/unit/audit_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include "audit/segment.h"
#include "base/clock.h"

struct log {
    struct audit *a;
    struct audit_batch *b;
    char *closed; /* name of the first segment */
    char *next;
};

static struct log open_log(const struct fixture *f)
{
    struct log l = { .a = open_audit(f->path, AUDIT_SYNC_WRITE) };
    l.b = audit_batch_new(l.a);
    l.closed = mem_printf("%s.0000000001.jsonl", f->path);
    l.next = mem_printf("%s.next", f->path);
    return l;
}

static void close_log(struct log *l)
{
    audit_batch_free(l->b);
    audit_close(l->a);
    free(l->closed);
    free(l->next);
}

static void add_one(struct log *l, const char *text)
{
    add_simple(l->b, AUDIT_OUTCOME, text);
    commit(l->b);
}

static void rotate(struct log *l)
{
    struct error err;
    if (audit_rotate(l->a, &err) < 0)
        fail_msg("%s", err.text);
}

static void rotate_fails(struct log *l, const char *words)
{
    struct error err = { 0 };
    assert_true(audit_rotate(l->a, &err) < 0);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

/* The chain goes on in the old file, and the failure is counted and told. */
static void assert_goes_on(struct fixture *f, struct log *l, const char *words)
{
    struct audit_stats stats = stats_of(l->a);
    assert_true(stats.rotation_failing);
    assert_false(stats.failing);
    assert_non_null(strstr(stats.rotation_error, words));
    add_one(l, "after");
    assert_int_equal(stats_of(l->a).segment, 1);
    assert_chain(f->path, 1, 3);
}

/* --- the record ------------------------------------------------------------------------------- */

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_segment_record_comes_apart(void **state)
{
    static const char line[] =
        "{\"v\":1,\"seq\":42,\"time\":\"2026-09-21T14:13:20.123456Z\",\"type\":\"segment\","
        "\"segment\":7,\"reason\":\"rotated\",\"previous\":\"" HASH "\",\"hash\":\"" HASH "\"}\n";
    struct segment_start s;
    (void)state;
    assert_true(segment_parse((struct span){ line, sizeof(line) - 1 }, &s));
    assert_int_equal(s.seq, 42);
    assert_int_equal(s.number, 7);
    assert_memory_equal(s.reason.data, "rotated", s.reason.len);
    assert_int_equal(s.previous[0], 0x01);
}

static void what_only_looks_like_a_segment_record_is_none(void **state)
{
#define START "{\"v\":1,\"seq\":42,\"time\":\"T\","
#define END   ",\"hash\":\"" HASH "\"}\n"
    static const char *const lines[] = {
        START "\"type\":\"intent\",\"arguments\":{\"type\":\"segment\",\"segment\":7,\"reason\":"
              "\"rotated\",\"previous\":\"" HASH "\"}" END,
        START "\"type\":\"segment\",\"segment\":0,\"reason\":\"rotated\",\"previous\":\"" HASH
              "\"" END,
        START "\"type\":\"segment\",\"segment\":-1,\"reason\":\"rotated\",\"previous\":\"" HASH
              "\"" END,
        START "\"type\":\"segment\",\"segment\":10000000000,\"reason\":\"rotated\",\"previous\":"
              "\"" HASH "\"" END,
        START "\"type\":\"segment\",\"segment\":7,\"reason\":\"\",\"previous\":\"" HASH "\"" END,
        START "\"type\":\"segment\",\"segment\":7,\"reason\":\"rotated\",\"previous\":\"00\"" END,
        START "\"type\":\"segment\",\"reason\":\"rotated\",\"segment\":7,\"previous\":\"" HASH
              "\"" END,
        START "\"type\":\"segment\",\"segment\":7,\"reason\":\"rotated\",\"previous\":\"" HASH
              "\",\"x\":1" END,
        START "\"type\":\"segment\",\"segment\":7,\"reason\":\"rotated\",\"previous\":\"" HASH
              "\"}\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct segment_start s;
        if (segment_parse((struct span){ lines[i], strlen(lines[i]) }, &s))
            fail_msg("taken: %s", lines[i]);
    }
}

static void names_of_closed_segments_sort(void **state)
{
    (void)state;
    CLEANUP_FREE char *two = segment_closed_path("/var/log/audit.jsonl", 2, 0);
    CLEANUP_FREE char *taken = segment_closed_path("/var/log/audit.jsonl", 2, 1);
    CLEANUP_FREE char *ten = segment_closed_path("/var/log/audit.jsonl", 10, 0);
    CLEANUP_FREE char *plain = segment_closed_path("audit", 1, 0);
    CLEANUP_FREE char *dots = segment_closed_path("/var/log.jsonl/audit", 1, 0);
    CLEANUP_FREE char *hidden = segment_closed_path("/var/log/.jsonl", 1, 0);
    assert_string_equal(two, "/var/log/audit.0000000002.jsonl");
    assert_string_equal(taken, "/var/log/audit.0000000002.1.jsonl");
    assert_true(strcmp(two, ten) < 0);
    assert_string_equal(plain, "audit.0000000001.jsonl");
    assert_string_equal(dots, "/var/log.jsonl/audit.0000000001.jsonl");
    assert_string_equal(hidden, "/var/log/.jsonl.0000000001.jsonl");
}

/* --- rotation --------------------------------------------------------------------------------- */

static void a_new_chain_begins_with_segment_one(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    assert_int_equal(stats_of(l.a).segment, 0);
    add_one(&l, "one");
    assert_int_equal(stats_of(l.a).segment, 1);
    close_log(&l);
    CLEANUP_FREE char *zeros =
        mem_printf("\"segment\":1,\"reason\":\"first\",\"previous\":\"%064d\"", 0);
    assert_int_equal(count_text(f->path, zeros), 1);
}

static void a_closed_segment_takes_its_number_as_name(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    add_one(&l, "old");
    rotate(&l);
    assert_chain(l.closed, 1, 2);
    assert_chain(f->path, 3, 3); /* the new one begins at once */
    add_one(&l, "new");
    assert_int_equal(stats_of(l.a).segment, 2);
    assert_chain(f->path, 3, 4);
    assert_int_equal(count_text(f->path, "\"segment\":2,\"reason\":\"rotated\""), 1);
    assert_int_not_equal(access(l.next, F_OK), 0);
    close_log(&l);
}

static void a_closed_segment_and_the_log_are_for_owner_and_group(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    mode_t old = umask(0);
    struct log l = open_log(f);
    add_one(&l, "old");
    rotate(&l);
    umask(old);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(stat(l.closed, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    close_log(&l);
}

static void a_segment_with_nothing_in_it_is_not_closed(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    rotate(&l);
    assert_int_equal(stats_of(l.a).rotations, 0);
    add_one(&l, "old");
    rotate(&l);
    rotate(&l);
    rotate(&l);
    assert_int_equal(stats_of(l.a).rotations, 1);
    assert_int_equal(stats_of(l.a).segment, 2);
    close_log(&l);
}

static void a_segment_is_closed_at_its_size(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    struct audit_keeping keeping = { .segment_bytes = 2000 };
    audit_configure(l.a, &keeping);
    for (uint64_t segment = 2; segment < 5; segment++) {
        for (unsigned i = 0; i < 9; i++)
            add_one(&l, "something");
        WAIT_FOR(stats_of(l.a).segment >= segment);
    }
    close_log(&l);
}

static void a_segment_is_closed_at_its_age(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    struct audit_keeping keeping = { .segment_seconds = 1 };
    add_one(&l, "old");
    audit_configure(l.a, &keeping);
    int64_t begun = clock_monotonic_us();
    WAIT_FOR(stats_of(l.a).segment >= 2);
    assert_true(clock_monotonic_us() - begun > 900 * USEC_PER_MSEC);
    close_log(&l);
}

static void the_number_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    add_one(&l, "old");
    rotate(&l);
    close_log(&l);
    l = open_log(f);
    assert_int_equal(stats_of(l.a).segment, 2);
    add_one(&l, "new");
    rotate(&l);
    assert_int_equal(stats_of(l.a).segment, 3);
    close_log(&l);
    assert_int_equal(count_text(f->path, "\"segment\":3,\"reason\":\"rotated\""), 1);
}

static void the_number_is_found_again_without_the_lock(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *lock = mem_printf("%s.lock", f->path);
    struct log l = open_log(f);
    add_one(&l, "old");
    rotate(&l);
    add_one(&l, "new");
    close_log(&l);
    assert_int_equal(unlink(lock), 0);
    l = open_log(f);
    assert_int_equal(stats_of(l.a).segment, 2);
    close_log(&l);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

static void a_new_file_that_cannot_be_made_leaves_the_old_one_in_use(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    add_one(&l, "old");
    assert_int_equal(mkdir(l.next, 0700), 0);
    rotate_fails(&l, "log.next");
    assert_goes_on(f, &l, "log.next");
    assert_int_equal(rmdir(l.next), 0);
    rotate(&l);
    assert_false(stats_of(l.a).rotation_failing);
    assert_chain(l.closed, 1, 3);
    close_log(&l);
}

static void a_name_that_is_taken_is_not_overwritten(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    CLEANUP_FREE char *second = mem_printf("%s.0000000001.1.jsonl", f->path);
    append_text(l.closed, "mine", 4);
    add_one(&l, "old");
    rotate(&l);
    CLEANUP_FREE char *left = read_text(l.closed);
    assert_string_equal(left, "mine");
    assert_chain(second, 1, 2);
    close_log(&l);
}

static void links_under_the_names_are_not_followed(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    CLEANUP_FREE char *target = mem_printf("%s/target", f->directory);
    CLEANUP_FREE char *second = mem_printf("%s.0000000001.1.jsonl", f->path);
    append_text(target, "precious", 8);
    assert_int_equal(symlink(target, l.closed), 0);
    assert_int_equal(symlink(target, l.next), 0);
    add_one(&l, "old");
    rotate(&l);
    add_one(&l, "new");
    assert_chain(second, 1, 2);
    assert_chain(f->path, 3, 4);
    CLEANUP_FREE char *left = read_text(target);
    assert_string_equal(left, "precious");
    close_log(&l);
}

static void too_many_taken_names_leave_the_old_file_in_use(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    append_text(l.closed, "x", 1);
    for (unsigned i = 1; i < 100; i++) {
        CLEANUP_FREE char *name = mem_printf("%s.0000000001.%u.jsonl", f->path, i);
        append_text(name, "x", 1);
    }
    add_one(&l, "old");
    rotate_fails(&l, "too many files");
    assert_goes_on(f, &l, "too many files");
    close_log(&l);
}

static void a_log_that_is_moved_to_nowhere_goes_on(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    struct error err;
    CLEANUP_FREE char *moved = mem_printf("%s.1", f->path);
    add_one(&l, "old");
    assert_int_equal(rename(f->path, moved), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_true(audit_reopen(l.a, &err) < 0);
    add_one(&l, "still here");
    assert_true(stats_of(l.a).rotation_failing);
    assert_chain(moved, 1, 3);
    assert_int_equal(rmdir(f->path), 0);
    assert_int_equal(audit_reopen(l.a, &err), 0);
    add_one(&l, "new");
    assert_false(stats_of(l.a).rotation_failing);
    close_log(&l);
    assert_chain(f->path, 4, 5);
}

static void a_log_moved_by_somebody_during_a_rotation_is_followed(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    CLEANUP_FREE char *moved = mem_printf("%s.1", f->path);
    add_one(&l, "old");
    assert_int_equal(rename(f->path, moved), 0);
    struct error err;
    assert_int_equal(audit_reopen(l.a, &err), 0);
    rotate(&l); /* the new one is empty */
    add_one(&l, "new");
    rotate(&l);
    close_log(&l);
    assert_chain(moved, 1, 2);
    CLEANUP_FREE char *second = mem_printf("%s.0000000002.jsonl", f->path);
    assert_chain(second, 3, 4);
    assert_chain(f->path, 5, 5);
}

/* A daemon that dies leaves the lock as it was last written: this one takes a copy, and puts it
 * back over what an orderly end wrote. */
static char *keep_lock(const struct fixture *f)
{
    CLEANUP_FREE char *lock = mem_printf("%s.lock", f->path);
    return read_text(lock);
}

static void put_lock_back(const struct fixture *f, const char *text)
{
    CLEANUP_FREE char *lock = mem_printf("%s.lock", f->path);
    assert_int_equal(truncate(lock, 0), 0);
    append_text(lock, text, strlen(text));
}

static void a_death_after_a_move_does_not_fork_the_chain(void **state)
{
    struct fixture *f = *state;
    struct log l = open_log(f);
    CLEANUP_FREE char *moved = mem_printf("%s.1", f->path);
    CLEANUP_FREE char *lock = keep_lock(f); /* knows nothing of what follows */
    add_one(&l, "one");
    add_one(&l, "two");
    close_log(&l);
    put_lock_back(f, lock);
    assert_int_equal(rename(f->path, moved), 0);
    append_text(moved, "{\"v\":1,\"seq\":4,", 15);

    l = open_log(f);
    add_one(&l, "three");
    assert_int_equal(stats_of(l.a).segment, 2);
    close_log(&l);
    assert_chain(moved, 1, 3);
    assert_chain(f->path, 4, 6);
    assert_int_equal(count_text(f->path, "\"segment\":2,\"reason\":\"rotated\""), 1);
    assert_int_equal(count_text(f->path, "\"type\":\"torn\",\"file\":\"log.1.torn.4\""), 1);
}

static void a_death_between_the_names_of_a_rotation_is_mended(void **state)
{
    struct fixture *f = *state;
    for (unsigned step = 0; step < 3; step++) {
        remove_files(f->directory);
        struct log l = open_log(f);
        add_one(&l, "one");
        CLEANUP_FREE char *lock = keep_lock(f);
        close_log(&l);
        put_lock_back(f, lock);
        l = (struct log){ .closed = mem_printf("%s.0000000001.jsonl", f->path),
                          .next = mem_printf("%s.next", f->path) };
        append_text(l.next, "", 0);
        if (step > 0)
            assert_int_equal(rename(f->path, l.closed), 0);
        if (step > 1)
            assert_int_equal(rename(l.next, f->path), 0);
        CLEANUP_FREE char *closed = TAKE_PTR(l.closed);
        CLEANUP_FREE char *next = TAKE_PTR(l.next);

        l = open_log(f);
        add_one(&l, "two");
        rotate(&l);
        close_log(&l);
        assert_chain(closed, 1, step ? 2 : 3);
        if (step) {
            CLEANUP_FREE char *second = mem_printf("%s.0000000002.jsonl", f->path);
            assert_chain(second, 3, 4);
        }
        assert_int_not_equal(access(next, F_OK), 0);
    }
}

/* Somebody else's log beside ours is no end of our chain. */
/* As a death leaves it while the next segment waits for this one's sync: each is its own beginning
 * and one record. */
static void stop_before_the_names_change(const struct fixture *f)
{
    CLEANUP_FREE char *closed = mem_printf("%s.0000000001.jsonl", f->path);
    CLEANUP_FREE char *next = mem_printf("%s.next", f->path);
    struct log l = open_log(f);
    add_one(&l, "one");
    CLEANUP_FREE char *lock = keep_lock(f);
    rotate(&l);
    add_one(&l, "two");
    close_log(&l);
    put_lock_back(f, lock);
    assert_int_equal(rename(f->path, next), 0);
    assert_int_equal(rename(closed, f->path), 0);
}

static void a_start_ends_a_rotation_that_waited_for_the_disk(void **state)
{
    struct fixture *f = *state;
    stop_before_the_names_change(f);
    struct log l = open_log(f);
    add_one(&l, "three");
    assert_int_equal(stats_of(l.a).segment, 2);
    assert_int_equal(access(l.closed, F_OK), 0);
    assert_int_equal(access(l.next, F_OK), -1);
    CLEANUP_FREE char *closed = mem_strdup(l.closed);
    close_log(&l);
    assert_chain(closed, 1, 2);
    assert_chain(f->path, 3, 5);
}

static void what_goes_on_from_what_a_cut_of_power_took_is_removed(void **state)
{
    struct fixture *f = *state;
    stop_before_the_names_change(f);
    CLEANUP_FREE char *lock = mem_printf("%s.lock", f->path);
    CLEANUP_FREE char *text = read_text(f->path);
    assert_int_equal(unlink(lock), 0); /* it says no more than the disk has */
    assert_int_equal(truncate(f->path, strchr(text, '\n') - text + 1), 0);
    struct log l = open_log(f);
    add_one(&l, "three");
    assert_int_equal(stats_of(l.a).segment, 1);
    assert_int_equal(access(l.closed, F_OK), -1);
    assert_int_equal(access(l.next, F_OK), -1);
    close_log(&l);
    assert_chain(f->path, 1, 2);
}

static void a_stranger_is_not_gone_on_from(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *other = mem_printf("%s.other", f->path);
    struct audit *a = open_audit(other, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    for (unsigned i = 0; i < 10; i++)
        add_simple(b, AUDIT_OUTCOME, "a stranger");
    commit(b);
    audit_batch_free(b);
    audit_close(a);

    struct log l = open_log(f);
    add_one(&l, "one");
    CLEANUP_FREE char *lock = keep_lock(f);
    add_one(&l, "two");
    close_log(&l);
    put_lock_back(f, lock);
    assert_int_equal(unlink(f->path), 0);
    l = open_log(f);
    add_one(&l, "three");
    close_log(&l);
    assert_int_equal(count_text(f->path, "\"reason\":\"missing\""), 1);
    assert_int_equal(count_text(f->path, "\"seq\":12"), 0);
}

static void a_full_disk_in_a_rotation_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit;
    struct log l = open_log(f);
    signal(SIGXFSZ, SIG_IGN);
    add_one(&l, "old");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct error err;
    int rc = audit_rotate(l.a, &err);
    add_simple(l.b, AUDIT_OUTCOME, "new");
    commit_fails(l.b, "File too large");
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(rc, 0);
    commit(l.b);
    assert_chain(l.closed, 1, 2);
    close_log(&l);
    assert_chain(f->path, 3, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_record_comes_apart),
        cmocka_unit_test(what_only_looks_like_a_segment_record_is_none),
        cmocka_unit_test(names_of_closed_segments_sort),
        AUDIT_TEST(a_new_chain_begins_with_segment_one),
        AUDIT_TEST(a_closed_segment_takes_its_number_as_name),
        AUDIT_TEST(a_closed_segment_and_the_log_are_for_owner_and_group),
        AUDIT_TEST(a_segment_with_nothing_in_it_is_not_closed),
        AUDIT_TEST(a_segment_is_closed_at_its_size),
        AUDIT_TEST(a_segment_is_closed_at_its_age),
        AUDIT_TEST(the_number_goes_on_after_a_restart),
        AUDIT_TEST(the_number_is_found_again_without_the_lock),
        AUDIT_TEST(a_new_file_that_cannot_be_made_leaves_the_old_one_in_use),
        AUDIT_TEST(a_name_that_is_taken_is_not_overwritten),
        AUDIT_TEST(links_under_the_names_are_not_followed),
        AUDIT_TEST(too_many_taken_names_leave_the_old_file_in_use),
        AUDIT_TEST(a_log_that_is_moved_to_nowhere_goes_on),
        AUDIT_TEST(a_log_moved_by_somebody_during_a_rotation_is_followed),
        AUDIT_TEST(a_death_after_a_move_does_not_fork_the_chain),
        AUDIT_TEST(a_death_between_the_names_of_a_rotation_is_mended),
        AUDIT_TEST(a_start_ends_a_rotation_that_waited_for_the_disk),
        AUDIT_TEST(what_goes_on_from_what_a_cut_of_power_took_is_removed),
        AUDIT_TEST(a_stranger_is_not_gone_on_from),
        AUDIT_TEST(a_full_disk_in_a_rotation_loses_nothing),
    };
    return cmocka_run_group_tests_name("audit_segments", tests, NULL, NULL);
}
