#include "tests/unit/audit_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include "base/clock.h"

/* --- one log, one chain ----------------------------------------------------------------------- */

static void a_commit_writes_its_records_in_order(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    add_simple(b, AUDIT_INTENT, "one");
    add_simple(b, AUDIT_OUTCOME, "two");
    assert_int_equal(commit(b), 3);
    assert_int_equal(audit_durable(a), 3);
    assert_true(audit_batch_empty(b));
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 3);
    CLEANUP_FREE char *text = read_text(f->path);
    assert_true(strstr(text, "\"one\"") < strstr(text, "\"two\""));
}

static void an_empty_batch_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    assert_int_equal(commit(b), 0);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 0, 0);
}

static void the_log_is_for_its_owner_and_group(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    mode_t old = umask(0);
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    umask(old);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    audit_close(a);
}

static void the_chain_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 3; i++) {
        struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
        struct audit_batch *b = audit_batch_new(a);
        add_simple(b, AUDIT_START, "start");
        assert_int_equal(commit(b), i + 2);
        audit_batch_free(b);
        audit_close(a);
    }
    assert_chain(f->path, 1, 4);
    assert_int_equal(count_text(f->path, "\"type\":\"segment\""), 1);
}

static void a_second_writer_is_refused(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE), *second;
    struct audit_settings settings = { .path = f->path };
    struct error err;
    assert_int_equal(audit_open(&settings, &second, &err), ERROR_STATE);
    assert_non_null(strstr(err.text, "another process"));
    audit_close(a);
    audit_close(open_audit(f->path, AUDIT_SYNC_WRITE));
}

#define THREADS 4
#define TURNS   200

static void *run_commits(void *opaque)
{
    struct audit *a = opaque;
    struct audit_batch *b = audit_batch_new(a);
    for (unsigned i = 0; i < TURNS; i++) {
        for (unsigned n = 0; n <= i % 3; n++)
            add_simple(b, AUDIT_INTENT, "from a thread");
        commit(b);
    }
    audit_batch_free(b);
    return NULL;
}

static void batches_of_four_threads_make_one_chain(void **state)
{
    struct fixture *f = *state;
    for (int sync = AUDIT_SYNC_WRITE; sync <= AUDIT_SYNC_DATA; sync++) {
        struct audit *a = open_audit(f->path, (enum audit_sync)sync);
        pthread_t threads[THREADS];
        for (unsigned i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, run_commits, a), 0);
        for (unsigned i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        audit_close(a);
    }
    /* turns with 1, 2 and 3 records: 67, 67 and 66 of them */
    assert_chain(f->path, 1, 1 + 2 * THREADS * (67 + 2 * 67 + 3 * 66));
}

/* --- what is there at the start --------------------------------------------------------------- */

static void write_log(const char *path, unsigned records)
{
    struct audit *a = open_audit(path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    for (unsigned i = 0; i < records; i++)
        add_simple(b, AUDIT_OUTCOME, "before");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
}

static void a_torn_line_is_set_aside_and_said(void **state)
{
    struct fixture *f = *state;
    write_log(f->path, 2);
    append_text(f->path, "{\"v\":1,\"seq\":4,\"ti", 19);
    write_log(f->path, 1);
    assert_chain(f->path, 1, 5);
    assert_int_equal(count_text(f->path, "\"type\":\"torn\",\"file\":\"log.torn.4\",\"bytes\":19"),
                     1);
    CLEANUP_FREE char *torn = mem_printf("%s.torn.4", f->path);
    CLEANUP_FREE char *text = read_text(torn);
    assert_string_equal(text, "{\"v\":1,\"seq\":4,\"ti");
}

static void zeros_of_a_crash_are_set_aside(void **state)
{
    struct fixture *f = *state;
    char zeros[5000] = { 0 };
    append_text(f->path, zeros, sizeof(zeros));
    write_log(f->path, 1);
    assert_chain(f->path, 1, 3);
    assert_int_equal(count_text(f->path, "\"bytes\":5000"), 1);
}

static void an_older_torn_line_is_kept(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *torn = mem_printf("%s.torn.4", f->path);
    CLEANUP_FREE char *next = mem_printf("%s.torn.4.1", f->path);
    append_text(torn, "old", 3);
    write_log(f->path, 2);
    append_text(f->path, "{\"v\"", 4);
    write_log(f->path, 1);
    CLEANUP_FREE char *first = read_text(torn);
    CLEANUP_FREE char *second = read_text(next);
    assert_string_equal(first, "old");
    assert_string_equal(second, "{\"v\"");
}

static void assert_not_opened(const char *path, const char *words)
{
    struct audit_settings settings = { .path = path };
    struct audit *a;
    struct error err = { 0 };
    assert_true(audit_open(&settings, &a, &err) < 0);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static void a_file_that_is_no_log_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "root:x:0:0:root:/root:/bin/bash\n",
        "no line feed at all",
        "{\"v\":1,\"seq\":1,\"time\":\"x\",\"hash\":\"00\"}\n",
        "{\"v\":1,\"seq\":01,\"hash\":"
        "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}\n",
        "{\"v\":1,\"seq\":1,\"a\":1,\"hash\":"
        "\"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef\"}\n",
        "\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        unlink(f->path);
        append_text(f->path, texts[i], strlen(texts[i]));
        assert_not_opened(f->path, "does not end in an audit record");
        CLEANUP_FREE char *left = read_text(f->path);
        assert_string_equal(left, texts[i]);
    }
}

static void what_others_can_change_is_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *lock = mem_printf("%s.lock", f->path);
    write_log(f->path, 1);
    const char *const files[] = { f->path, lock };
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        assert_int_equal(chmod(files[i], 0642), 0);
        assert_not_opened(f->path, "anybody may write to it");
        assert_int_equal(chmod(files[i], 0640), 0);
        if (geteuid() != 0)
            continue; /* only root gives a file away */
        assert_int_equal(chown(files[i], 12345, 12345), 0);
        assert_not_opened(f->path, "another user (12345)");
        assert_int_equal(chown(files[i], 0, 0), 0);
    }
    assert_int_equal(chmod(f->directory, 0707), 0);
    assert_not_opened(f->path, "anybody may write to its directory");
    assert_int_equal(chmod(f->directory, 01707), 0);
    write_log(f->path, 1);
    assert_int_equal(chmod(f->directory, 0700), 0);
}

static void a_link_a_device_and_a_missing_directory_are_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *target = mem_printf("%s/elsewhere", f->directory);
    CLEANUP_FREE char *missing = mem_printf("%s/none/log", f->directory);
    assert_int_equal(symlink(target, f->path), 0);
    assert_not_opened(f->path, "symbolic link");
    unlink(f->path);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_not_opened(f->path, "not a regular file");
    assert_not_opened(missing, "its directory is not there");
}

static void a_log_that_is_gone_at_the_start_is_said(void **state)
{
    struct fixture *f = *state;
    write_log(f->path, 5);
    unlink(f->path);
    write_log(f->path, 1);
    assert_chain(f->path, 7, 8);
    assert_int_equal(
        count_text(f->path, "\"type\":\"segment\",\"segment\":2,\"reason\":\"missing\""), 1);
}

static void a_log_that_was_rolled_back_is_said(void **state)
{
    struct fixture *f = *state;
    write_log(f->path, 1);
    CLEANUP_FREE char *old = read_text(f->path);
    write_log(f->path, 3);
    assert_int_equal(truncate(f->path, (off_t)strlen(old)), 0);
    write_log(f->path, 1);
    struct audit_chain_summary summary;
    struct error err;
    assert_int_equal(audit_verify_chain(f->path, &summary, &err), ERROR_INVALID);
    assert_non_null(strstr(
        err.text, "line 3: record 6: records 3 to 5 are missing before it: the gateway noted"));
    assert_int_equal(count_text(f->path, "\"reason\":\"missing\""), 1);
}

static void a_lock_with_other_content_is_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *lock = mem_printf("%s.lock", f->path);
    append_text(lock, "my shopping list\n", 17);
    assert_not_opened(f->path, "something else");
}

/* --- while it runs ---------------------------------------------------------------------------- */

static void a_removed_log_fails_one_commit_and_is_said_in_the_next(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    struct audit_stats stats;
    add_simple(b, AUDIT_INTENT, "first");
    commit(b);
    unlink(f->path);

    add_simple(b, AUDIT_INTENT, "refused");
    add_simple(b, AUDIT_OUTCOME, "kept");
    commit_fails(b, "the file was removed");
    audit_get_stats(a, &stats);
    assert_true(stats.failing);
    assert_int_equal(stats.failures, 1);

    assert_int_equal(commit(b), 5);
    audit_get_stats(a, &stats);
    assert_false(stats.failing);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 3, 5);
    assert_int_equal(
        count_text(f->path, "\"type\":\"segment\",\"segment\":2,\"reason\":\"removed\""), 1);
    assert_int_equal(count_text(f->path, "\"type\":\"unrecorded\",\"records\":0,\"intents\":1"), 1);
    assert_int_equal(count_text(f->path, "\"kept\""), 1);
    assert_int_equal(count_text(f->path, "\"refused\""), 0);
}

static void a_removed_directory_fails_until_it_is_back(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    remove_files(f->directory);
    assert_int_equal(rmdir(f->directory), 0);
    add_simple(b, AUDIT_OUTCOME, "kept");
    commit_fails(b, "the file was removed");
    commit_fails(b, "No such file or directory");
    commit_fails(b, "No such file or directory");
    assert_int_equal(mkdir(f->directory, 0700), 0);
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_int_equal(count_text(f->path, "\"kept\""), 1);
}

static void a_log_cut_by_somebody_fails_one_commit(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    add_simple(b, AUDIT_OUTCOME, "first");
    commit(b);
    assert_int_equal(truncate(f->path, 0), 0);
    add_simple(b, AUDIT_OUTCOME, "second");
    commit_fails(b, "changed by somebody else");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 3, 4);
    assert_int_equal(count_text(f->path, "\"reason\":\"changed\""), 1);
}

static void a_log_written_by_somebody_fails_one_commit(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    add_simple(b, AUDIT_OUTCOME, "first");
    commit(b);
    append_text(f->path, "{\"v\":1,\"se", 10);
    add_simple(b, AUDIT_OUTCOME, "second");
    commit_fails(b, "changed by somebody else");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 4);
    assert_int_equal(count_text(f->path, "\"type\":\"torn\""), 1);
}

static void rotation_goes_on_in_a_new_file(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *moved = mem_printf("%s.1", f->path);
    for (int sync = AUDIT_SYNC_WRITE; sync <= AUDIT_SYNC_DATA; sync++) {
        remove_files(f->directory);
        struct audit *a = open_audit(f->path, (enum audit_sync)sync);
        struct audit_batch *b = audit_batch_new(a);
        struct error err;
        add_simple(b, AUDIT_OUTCOME, "old");
        commit(b);
        assert_int_equal(rename(f->path, moved), 0);
        assert_int_equal(audit_reopen(a, &err), 0);
        add_simple(b, AUDIT_OUTCOME, "new");
        commit(b);
        audit_batch_free(b);
        audit_close(a);
        assert_chain(moved, 1, 2);
        assert_chain(f->path, 3, 4);
        assert_int_equal(count_text(f->path, "\"reason\":\"rotated\""), 1);
    }
}

static void reopening_a_log_that_is_in_its_place_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    struct error err;
    add_simple(b, AUDIT_OUTCOME, "old");
    commit(b);
    assert_int_equal(audit_reopen(a, &err), 0);
    add_simple(b, AUDIT_OUTCOME, "new");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 3);
}

static void a_reopen_that_fails_leaves_the_old_file_in_use(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *moved = mem_printf("%s.1", f->path);
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    struct error err;
    assert_int_equal(rename(f->path, moved), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_true(audit_reopen(a, &err) < 0);
    assert_int_equal(rmdir(f->path), 0);
    add_simple(b, AUDIT_OUTCOME, "still");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(moved, 1, 2);
}

/* --- a disk that is full ---------------------------------------------------------------------- */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* RLIMIT_FSIZE makes a short write first, and then EFBIG, as a full disk does with ENOSPC. */
static void a_short_write_is_taken_back(void **state)
{
    struct fixture *f = *state;
    signal(SIGXFSZ, SIG_IGN);
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    add_simple(b, AUDIT_OUTCOME, "first");
    commit(b);
    CLEANUP_FREE char *before = read_text(f->path);

    limit_file_size(strlen(before) + 100);
    add_simple(b, AUDIT_INTENT, "never sent");
    add_simple(b, AUDIT_OUTCOME, "kept");
    commit_fails(b, "log: File too large");
    CLEANUP_FREE char *after = read_text(f->path);
    assert_string_equal(before, after);

    commit_fails(b, "File too large");
    limit_file_size(RLIM_INFINITY);
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 4);
    assert_int_equal(count_text(f->path, "\"never sent\""), 0);
    assert_int_equal(count_text(f->path, "\"kept\""), 1);
    assert_int_equal(count_text(f->path, "\"records\":0,\"intents\":1,\"text\":\"audit log "), 1);
}

static void what_waits_for_a_full_disk_is_bounded_and_counted(void **state)
{
    struct fixture *f = *state;
    char words[1001];
    memset(words, 'w', 1000);
    words[1000] = '\0';
    signal(SIGXFSZ, SIG_IGN);
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    limit_file_size(1);
    for (unsigned i = 0; i < 2000; i++) {
        add_simple(b, AUDIT_OUTCOME, words);
        if (i % 100 == 99)
            commit_fails(b, "File too large");
    }
    limit_file_size(RLIM_INFINITY);
    uint64_t last = commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_in_range(last, 800, 1000); /* 1 MiB of records with 1000 bytes and their members */
    CLEANUP_FREE char *counted =
        mem_printf("\"records\":%u,\"intents\":0", 2000 - ((unsigned)last - 2));
    assert_chain(f->path, 1, last);
    assert_int_equal(count_text(f->path, counted), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(a_commit_writes_its_records_in_order),
        AUDIT_TEST(an_empty_batch_writes_nothing),
        AUDIT_TEST(the_log_is_for_its_owner_and_group),
        AUDIT_TEST(the_chain_goes_on_after_a_restart),
        AUDIT_TEST(a_second_writer_is_refused),
        AUDIT_TEST(batches_of_four_threads_make_one_chain),
        AUDIT_TEST(a_torn_line_is_set_aside_and_said),
        AUDIT_TEST(zeros_of_a_crash_are_set_aside),
        AUDIT_TEST(an_older_torn_line_is_kept),
        AUDIT_TEST(a_file_that_is_no_log_is_refused_and_left_alone),
        AUDIT_TEST(what_others_can_change_is_refused),
        AUDIT_TEST(a_link_a_device_and_a_missing_directory_are_refused),
        AUDIT_TEST(a_log_that_is_gone_at_the_start_is_said),
        AUDIT_TEST(a_log_that_was_rolled_back_is_said),
        AUDIT_TEST(a_lock_with_other_content_is_refused),
        AUDIT_TEST(a_removed_log_fails_one_commit_and_is_said_in_the_next),
        AUDIT_TEST(a_removed_directory_fails_until_it_is_back),
        AUDIT_TEST(a_log_cut_by_somebody_fails_one_commit),
        AUDIT_TEST(a_log_written_by_somebody_fails_one_commit),
        AUDIT_TEST(rotation_goes_on_in_a_new_file),
        AUDIT_TEST(reopening_a_log_that_is_in_its_place_changes_nothing),
        AUDIT_TEST(a_reopen_that_fails_leaves_the_old_file_in_use),
        AUDIT_TEST(a_short_write_is_taken_back),
        AUDIT_TEST(what_waits_for_a_full_disk_is_bounded_and_counted),
    };
    return cmocka_run_group_tests_name("audit_writer", tests, NULL, NULL);
}
