/* What system calls can do to the log. The linker puts the functions below in their place (--wrap).
 */
#include "tests/unit/audit_fixture.h"

#include <pthread.h>
#include <sys/wait.h>
#include "base/clock.h"

int __real_fallocate(int fd, int mode, off_t offset, off_t len);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t len);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t length);
int __wrap_ftruncate(int fd, off_t length);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

/* Which calls fail, and a gate in which a sync waits. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct {
    bool sync_fails, gate_closed, gate_reached;
    unsigned syncs, calls; /* calls: of the durable callback */
    int write_errno;
    size_t write_first; /* bytes that a failing write still takes, once */
    bool truncate_fails;
    bool flusher_cannot_write; /* only the loops can */
    int allocate_errno;
    unsigned allocates;
} faults;
static pthread_t main_thread;

int __wrap_fdatasync(int fd)
{
    pthread_mutex_lock(&lock);
    faults.gate_reached = true;
    pthread_cond_broadcast(&changed);
    while (faults.gate_closed)
        pthread_cond_wait(&changed, &lock);
    bool fails = faults.sync_fails;
    faults.syncs++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (!fails)
        return __real_fdatasync(fd);
    errno = EIO;
    return -1;
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t len)
{
    faults.allocates++;
    if (!faults.allocate_errno)
        return __real_fallocate(fd, mode, offset, len);
    errno = faults.allocate_errno;
    return -1;
}

int __wrap_ftruncate(int fd, off_t length)
{
    if (!faults.truncate_fails)
        return __real_ftruncate(fd, length);
    errno = EIO;
    return -1;
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (faults.flusher_cannot_write && !pthread_equal(pthread_self(), main_thread)) {
        errno = EIO;
        return -1;
    }
    if (faults.write_errno == 0)
        return __real_write(fd, data, len);
    if (faults.write_first) {
        size_t n = faults.write_first < len ? faults.write_first : len;
        faults.write_first = 0;
        return __real_write(fd, data, n);
    }
    errno = faults.write_errno;
    return -1;
}

static void heard(void *opaque)
{
    pthread_mutex_lock(&lock);
    faults.calls++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits until the flusher has called back `n` times in all. */
static void wait_for_calls(unsigned n)
{
    pthread_mutex_lock(&lock);
    while (faults.calls < n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void set_gate(bool closed)
{
    pthread_mutex_lock(&lock);
    faults.gate_closed = closed;
    faults.gate_reached = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_for_gate(void)
{
    pthread_mutex_lock(&lock);
    while (!faults.gate_reached)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void set_sync_fails(bool fails)
{
    pthread_mutex_lock(&lock);
    faults.sync_fails = fails;
    pthread_mutex_unlock(&lock);
}

static struct audit *open_synced(const char *path)
{
    struct audit_settings settings = { .path = path, .sync = AUDIT_SYNC_DATA, .durable = heard };
    struct audit *a;
    struct error err;
    memset(&faults, 0, sizeof(faults));
    assert_int_equal(audit_open(&settings, &a, &err), 0);
    faults.syncs = 0; /* but that of the start */
    return a;
}

/* --- sync = data ------------------------------------------------------------------------------ */

static void a_ticket_is_durable_only_after_the_sync(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_synced(f->path);
    struct audit_batch *b = audit_batch_new(a);
    set_gate(true);
    add_simple(b, AUDIT_INTENT, "one");
    uint64_t ticket = commit(b);
    wait_for_gate();
    assert_int_equal(audit_durable(a), 0);
    assert_false(audit_ticket_failed(a, ticket));
    /* another loop is not held up by the sync */
    add_simple(b, AUDIT_INTENT, "two");
    assert_int_equal(commit(b), 3);
    set_gate(false);
    wait_for_calls(2);
    assert_int_equal(audit_durable(a), 3);
    audit_batch_free(b);
    audit_close(a);
}

static void a_failed_sync_fails_the_ticket(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_synced(f->path);
    struct audit_batch *b = audit_batch_new(a);
    struct audit_stats stats;
    set_sync_fails(true);
    add_simple(b, AUDIT_INTENT, "one");
    uint64_t ticket = commit(b);
    wait_for_calls(1);
    assert_int_equal(audit_durable(a), 0);
    assert_true(audit_ticket_failed(a, ticket));
    audit_get_stats(a, &stats);
    assert_true(stats.failing);
    assert_non_null(strstr(stats.last_error, "Input/output error"));
    audit_batch_free(b);
    audit_close(a);
}

/* The kernel drops dirty pages whose writing failed, and the next sync then says that all is well.
 */
static void what_a_failed_sync_may_have_lost_is_written_again(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_synced(f->path);
    struct audit_batch *b = audit_batch_new(a);
    struct audit_stats stats;
    add_simple(b, AUDIT_INTENT, "on disk");
    commit(b);
    wait_for_calls(1);
    set_sync_fails(true);
    add_simple(b, AUDIT_INTENT, "in doubt");
    commit(b);
    wait_for_calls(2);

    /* the page is gone: what a read after a crash would show */
    CLEANUP_FREE char *text = read_text(f->path);
    size_t third = (size_t)(strchr(strchr(text, '\n') + 1, '\n') + 1 - text);
    CLEANUP_FD int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "\0\0\0\0", 4, (off_t)third), 4);

    set_sync_fails(false);
    add_simple(b, AUDIT_INTENT, "after");
    assert_int_equal(commit(b), 4);
    wait_for_calls(3);
    assert_int_equal(audit_durable(a), 4);
    assert_false(audit_ticket_failed(a, 3));
    audit_get_stats(a, &stats);
    assert_false(stats.failing);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 4);
}

static void what_could_not_be_written_again_is_so_after_the_next_commit(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_synced(f->path);
    struct audit_batch *b = audit_batch_new(a);
    set_sync_fails(true);
    add_simple(b, AUDIT_INTENT, "one");
    commit(b);
    wait_for_calls(1);
    set_sync_fails(false);
    faults.flusher_cannot_write = true;
    add_simple(b, AUDIT_INTENT, "two");
    commit(b);
    wait_for_calls(2); /* not written again, and not cut off */
    assert_int_equal(count_text(f->path, "{"), 3);
    assert_true(audit_ticket_failed(a, 3));
    faults.write_errno = EIO;
    add_simple(b, AUDIT_INTENT, "refused");
    commit_fails(b, "Input/output error");
    faults.write_errno = 0;
    faults.flusher_cannot_write = false;
    add_simple(b, AUDIT_INTENT, "three");
    uint64_t ticket = commit(b);
    wait_for_calls(3);
    assert_int_equal(audit_durable(a), ticket);
    assert_false(audit_ticket_failed(a, 2));
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 5);
}

static void a_failed_sync_is_tried_again_by_a_commit_and_not_in_a_circle(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_synced(f->path);
    struct audit_batch *b = audit_batch_new(a);
    set_sync_fails(true);
    for (unsigned i = 1; i <= 3; i++) {
        add_simple(b, AUDIT_INTENT, "one");
        commit(b);
        wait_for_calls(i);
        assert_int_equal(faults.syncs, i);
        assert_true(audit_ticket_failed(a, i + 1));
    }
    set_sync_fails(false);
    audit_batch_free(b);
    audit_close(a); /* tries once more: nothing is lost that can be kept */
    assert_chain(f->path, 1, 4);
}

static void what_is_not_on_disk_is_bounded(void **state)
{
    struct fixture *f = *state;
    char words[2001];
    memset(words, 'w', 2000);
    words[2000] = '\0';
    struct audit *a = open_synced(f->path);
    struct audit_batch *b = audit_batch_new(a);
    struct error err = { 0 };
    uint64_t ticket;
    set_sync_fails(true);
    int rc = 0;
    for (unsigned i = 0; i < 100 && rc == 0; i++) {
        for (unsigned n = 0; n < 100; n++)
            add_simple(b, AUDIT_INTENT, words);
        rc = audit_batch_commit(b, &ticket, &err);
    }
    assert_int_equal(rc, ERROR_LIMIT);
    assert_non_null(strstr(err.text, "does not keep up"));

    /* it resumes by itself: a commit that is refused brings about the sync */
    unsigned calls;
    set_sync_fails(false);
    do {
        pthread_mutex_lock(&lock);
        calls = faults.calls;
        pthread_mutex_unlock(&lock);
        add_simple(b, AUDIT_INTENT, words);
        rc = audit_batch_commit(b, &ticket, &err);
        if (rc < 0)
            wait_for_calls(calls + 1);
    } while (rc < 0);
    audit_batch_free(b);
    audit_close(a);
    struct audit_chain_summary summary;
    assert_int_equal(audit_verify_chain(f->path, &summary, &err), 0);
}

static void a_file_removed_during_a_sync_fails_its_tickets_for_good(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_synced(f->path);
    struct audit_batch *b = audit_batch_new(a);
    set_gate(true);
    add_simple(b, AUDIT_INTENT, "gone");
    uint64_t gone = commit(b);
    wait_for_gate();
    unlink(f->path);
    add_simple(b, AUDIT_INTENT, "refused");
    commit_fails(b, "the file was removed");
    assert_true(audit_ticket_failed(a, gone));
    add_simple(b, AUDIT_INTENT, "in the new file");
    uint64_t last = commit(b);
    set_gate(false);
    while (audit_durable(a) < last)
        wait_for_calls(faults.calls + 1);
    assert_true(audit_ticket_failed(a, gone));
    assert_false(audit_ticket_failed(a, last));
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 3, last);
}

static void a_rotated_file_is_synced_before_what_follows_is_durable(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *moved = mem_printf("%s.1", f->path);
    struct audit *a = open_synced(f->path);
    struct audit_batch *b = audit_batch_new(a);
    struct error err;
    set_gate(true);
    add_simple(b, AUDIT_INTENT, "in sync");
    commit(b);
    wait_for_gate();
    add_simple(b, AUDIT_INTENT, "waiting");
    commit(b);
    assert_int_equal(rename(f->path, moved), 0);
    assert_int_equal(audit_reopen(a, &err), 0);
    add_simple(b, AUDIT_INTENT, "new");
    assert_int_equal(commit(b), 5);
    assert_int_equal(audit_durable(a), 0);
    set_gate(false);
    wait_for_calls(3);
    assert_int_equal(faults.syncs, 3); /* one, two of the old file, one of the new */
    assert_int_equal(audit_durable(a), 5);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(moved, 1, 3);
    assert_chain(f->path, 4, 5);
}

/* --- sync = write, none ------------------------------------------------------------------------
 */

static void wait_for_syncs(unsigned n)
{
    pthread_mutex_lock(&lock);
    while (faults.syncs < n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static struct audit *open_unsynced(const char *path, enum audit_sync sync)
{
    memset(&faults, 0, sizeof(faults));
    return open_audit(path, sync);
}

/* --- a segment that is closed while the disk is behind ---------------------------------------- */

struct rotation {
    struct audit *a;
    pthread_t thread;
    int rc;
    struct error err;
};

static void *run_rotation(void *opaque)
{
    struct rotation *r = opaque;
    r->rc = audit_rotate(r->a, &r->err);
    return NULL;
}

/* Returns when the chain goes on in the next segment. */
static void begin_rotation(struct rotation *r)
{
    assert_int_equal(pthread_create(&r->thread, NULL, run_rotation, r), 0);
    WAIT_FOR(stats_of(r->a).segment == 2);
}

static bool is_closed(const struct fixture *f)
{
    CLEANUP_FREE char *closed = mem_printf("%s.0000000001.jsonl", f->path);
    return access(closed, F_OK) == 0;
}

static uint64_t lines_of_log(const struct fixture *f)
{
    CLEANUP_FREE char *text = read_text(f->path);
    uint64_t n = 0;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        n++;
    return n;
}

static void a_closed_segment_is_on_disk_before_it_has_its_name(void **state)
{
    struct fixture *f = *state;
    struct rotation r = { .a = open_synced(f->path) };
    struct audit_batch *b = audit_batch_new(r.a);
    set_gate(true);
    add_simple(b, AUDIT_INTENT, "in sync");
    commit(b);
    wait_for_gate();
    add_simple(b, AUDIT_INTENT, "not yet in sync");
    commit(b);
    begin_rotation(&r);
    add_simple(b, AUDIT_INTENT, "new");
    assert_int_equal(commit(b), 5);
    assert_false(is_closed(f));
    assert_int_equal(lines_of_log(f), 3);
    assert_int_equal(audit_durable(r.a), 0);
    set_gate(false);
    pthread_join(r.thread, NULL);
    assert_int_equal(r.rc, 0);
    assert_true(is_closed(f));
    WAIT_FOR(audit_durable(r.a) == 5);
    assert_int_equal(lines_of_log(f), 2);
    assert_chain(f->path, 4, 5);
    add_simple(b, AUDIT_INTENT, "the last");
    commit(b);
    audit_batch_free(b);
    audit_close(r.a);
    assert_chain(f->path, 4, 6);
}

static void a_segment_that_does_not_come_to_the_disk_is_not_closed(void **state)
{
    struct fixture *f = *state;
    struct rotation r = { .a = open_synced(f->path) };
    struct audit_batch *b = audit_batch_new(r.a);
    struct error err;
    set_gate(true);
    add_simple(b, AUDIT_INTENT, "one");
    commit(b);
    wait_for_gate();
    begin_rotation(&r);
    set_sync_fails(true);
    set_gate(false);
    pthread_join(r.thread, NULL);
    assert_true(r.rc < 0 && strstr(r.err.text, "the closed segment is not yet on disk"));
    assert_false(is_closed(f));
    assert_true(audit_rotate(r.a, &err) < 0); /* the next file's name is taken */
    set_sync_fails(false);
    add_simple(b, AUDIT_INTENT, "two");
    uint64_t ticket = commit(b);
    WAIT_FOR(audit_durable(r.a) == ticket);
    assert_true(is_closed(f));
    audit_batch_free(b);
    audit_close(r.a);
    assert_chain(f->path, 3, ticket);
}

static void a_file_that_cannot_take_the_log_s_name_fails_its_tickets_until_it_can(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *next = mem_printf("%s.next", f->path);
    CLEANUP_FREE char *away = mem_printf("%s/away", f->directory);
    struct rotation r = { .a = open_synced(f->path) };
    struct audit_batch *b = audit_batch_new(r.a);
    set_gate(true);
    add_simple(b, AUDIT_INTENT, "one");
    commit(b);
    wait_for_gate();
    begin_rotation(&r);
    add_simple(b, AUDIT_INTENT, "two");
    uint64_t two = commit(b);
    assert_int_equal(rename(next, away), 0);
    set_gate(false);
    pthread_join(r.thread, NULL);
    assert_true(r.rc < 0);
    WAIT_FOR(audit_ticket_failed(r.a, two));
    assert_int_equal(audit_durable(r.a), 2);
    assert_int_equal(rename(away, next), 0);
    add_simple(b, AUDIT_INTENT, "three");
    uint64_t three = commit(b);
    WAIT_FOR(audit_durable(r.a) == three);
    assert_true(is_closed(f));
    audit_batch_free(b);
    audit_close(r.a);
    assert_chain(f->path, 3, three);
}

/* By a logrotate(8) that does not wait. */
static void move_away_while_closing(struct fixture *f, bool next_too)
{
    CLEANUP_FREE char *next = mem_printf("%s.next", f->path);
    CLEANUP_FREE char *moved = mem_printf("%s.1", f->path);
    CLEANUP_FREE char *moved_next = mem_printf("%s.2", f->path);
    struct rotation r = { .a = open_synced(f->path) };
    struct audit_batch *b = audit_batch_new(r.a);
    set_gate(true);
    add_simple(b, AUDIT_INTENT, "one");
    commit(b);
    wait_for_gate();
    begin_rotation(&r);
    assert_int_equal(rename(f->path, moved), 0);
    if (next_too)
        assert_int_equal(rename(next, moved_next), 0);
    set_gate(false);
    pthread_join(r.thread, NULL);
    assert_int_equal(r.rc, 0);
    assert_int_equal(audit_reopen(r.a, &r.err), 0);
    add_simple(b, AUDIT_INTENT, "two");
    uint64_t ticket = commit(b);
    WAIT_FOR(audit_durable(r.a) == ticket);
    audit_batch_free(b);
    audit_close(r.a);
    assert_chain(moved, 1, 2);
    assert_chain(f->path, next_too ? 4 : 3, ticket);
    assert_int_equal(access(next, F_OK), -1);
}

static void a_log_that_is_moved_away_while_it_is_closed_leaves_its_place_to_the_next(void **state)
{
    move_away_while_closing(*state, false);
}

static void and_if_the_next_is_moved_away_too_there_is_another(void **state)
{
    move_away_while_closing(*state, true);
}

static void *rotate_often(void *opaque)
{
    struct rotation *r = opaque;
    struct audit_batch *b = audit_batch_new(r->a);
    for (int i = 0; i < 12 && r->rc == 0; i++) {
        add_simple(b, AUDIT_OUTCOME, "something");
        commit(b);
        r->rc = audit_rotate(r->a, &r->err);
    }
    audit_batch_free(b);
    return NULL;
}

static void closed_segments_that_are_not_on_disk_are_few(void **state)
{
    struct fixture *f = *state;
    struct rotation r = { .a = open_unsynced(f->path, AUDIT_SYNC_WRITE) };
    set_gate(true);
    assert_int_equal(pthread_create(&r.thread, NULL, rotate_often, &r), 0);
    WAIT_FOR(stats_of(r.a).segment == 5);
    usleep(50000);
    assert_int_equal(stats_of(r.a).segment, 5);
    set_gate(false);
    pthread_join(r.thread, NULL);
    assert_int_equal(r.rc, 0);
    assert_int_equal(stats_of(r.a).segment, 13);
    audit_close(r.a);
}

static void write_does_not_wait_and_the_disk_has_it_within_a_second(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_unsynced(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    int64_t begin = clock_monotonic_us();
    add_simple(b, AUDIT_INTENT, "one");
    uint64_t ticket = commit(b);
    assert_int_equal(audit_durable(a), ticket);
    add_simple(b, AUDIT_INTENT, "two");
    commit(b);
    wait_for_syncs(1);
    assert_true(clock_monotonic_us() - begin < 900000);
    add_simple(b, AUDIT_INTENT, "three");
    commit(b);
    wait_for_syncs(2); /* one for the first two, one for the third */
    audit_batch_free(b);
    audit_close(a);
}

static void write_refuses_after_a_failed_sync_and_resumes_by_itself(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_unsynced(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    struct audit_stats stats;
    set_sync_fails(true);
    add_simple(b, AUDIT_INTENT, "in doubt");
    commit(b);
    do
        audit_get_stats(a, &stats);
    while (!stats.failing);
    add_simple(b, AUDIT_INTENT, "refused");
    commit_fails(b, "the last sync failed: audit log ");
    set_sync_fails(false);
    wait_for_syncs(faults.syncs + 1); /* nobody asks for it */
    uint64_t ticket;
    struct error err;
    do
        add_simple(b, AUDIT_INTENT, "after");
    while (audit_batch_commit(b, &ticket, &err) < 0);
    audit_batch_free(b);
    audit_close(a);
    assert_int_equal(count_text(f->path, "in doubt"), 1);
    assert_int_equal(count_text(f->path, "refused"), 0);
}

static void what_was_promised_is_never_taken_out_of_the_kernel(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_unsynced(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    set_sync_fails(true);
    add_simple(b, AUDIT_INTENT, "promised");
    commit(b);
    WAIT_FOR(stats_of(a).failures == 1);
    faults.flusher_cannot_write = true;
    WAIT_FOR(stats_of(a).failures == 2);
    assert_int_equal(count_text(f->path, "promised"), 1); /* as a kill would leave it now */
    faults.flusher_cannot_write = false;
    set_sync_fails(false);
    WAIT_FOR(!stats_of(a).failing);
    add_simple(b, AUDIT_INTENT, "after"); /* goes to the end, as ever */
    assert_int_equal(commit(b), 3);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 3);
}

/* What is kept to be written again is bounded, and the disk hears of it before the bound. */
static void write_syncs_sooner_where_much_is_written(void **state)
{
    struct fixture *f = *state;
    char words[2001];
    memset(words, 'w', 2000);
    words[2000] = '\0';
    struct audit *a = open_unsynced(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    for (unsigned i = 0; i < 4000; i++)
        add_simple(b, AUDIT_INTENT, words); /* 8 MB */
    commit(b);
    int64_t begin = clock_monotonic_us();
    wait_for_syncs(1);
    assert_true(clock_monotonic_us() - begin < 400000);
    audit_batch_free(b);
    audit_close(a);
}

static void none_syncs_a_closed_segment_and_at_the_end_only(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_unsynced(f->path, AUDIT_SYNC_NONE);
    struct audit_batch *b = audit_batch_new(a);
    struct error err;
    add_simple(b, AUDIT_INTENT, "one");
    uint64_t ticket = commit(b);
    assert_int_equal(audit_durable(a), ticket);
    usleep(1000000); /* nothing happens: there is nothing to wait for */
    assert_int_equal(faults.syncs, 0);
    assert_int_equal(audit_rotate(a, &err), 0);
    wait_for_syncs(1);
    add_simple(b, AUDIT_INTENT, "two");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_int_equal(faults.syncs, 2);
}

/* --- writes ----------------------------------------------------------------------------------- */

static void errors_of_write_name_the_log_and_the_reason(void **state)
{
    static const struct {
        int code;
        const char *words;
    } errors[] = {
        { ENOSPC, "log: No space left on device" },
        { EIO, "log: Input/output error" },
        { EDQUOT, "log: Disk quota exceeded" },
        { EROFS, "log: Read-only file system" },
    };
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        faults.write_errno = errors[i].code;
        faults.write_first = 10;
        add_simple(b, AUDIT_INTENT, "refused");
        commit_fails(b, errors[i].words);
        assert_int_equal(count_text(f->path, "{"), 0);
        faults.write_errno = 0;
    }
    add_simple(b, AUDIT_INTENT, "works");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 3);
    assert_int_equal(count_text(f->path, "\"intents\":4,\"text\":\"audit log "), 1);
    assert_int_equal(count_text(f->path, "refused"), 0);
}

static void a_rest_that_could_not_be_cut_off_is_cut_off_later(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    add_simple(b, AUDIT_INTENT, "one");
    commit(b);
    faults.write_errno = EIO;
    faults.write_first = 50;
    faults.truncate_fails = true;
    add_simple(b, AUDIT_INTENT, "refused");
    commit_fails(b, "Input/output error");
    faults.write_errno = 0;
    add_simple(b, AUDIT_INTENT, "refused");
    commit_fails(b, "taking back an unfinished write: Input/output error");
    faults.truncate_fails = false;
    add_simple(b, AUDIT_INTENT, "two");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 4);
}

/* --- the reserve -------------------------------------------------------------------------------
 */

#define RESERVE (64u << 10)

static struct audit *open_with_reserve(const char *path)
{
    struct audit_settings settings = { .path = path, .reserve = RESERVE };
    struct audit *a;
    struct error err;
    memset(&faults, 0, sizeof(faults));
    assert_int_equal(audit_open(&settings, &a, &err), 0);
    return a;
}

static blkcnt_t blocks_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_blocks;
}

static void the_reserve_is_kept_ahead_in_large_steps_and_given_back(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_with_reserve(f->path);
    struct audit_batch *b = audit_batch_new(a);
    for (unsigned i = 0; i < 200; i++) {
        add_simple(b, AUDIT_INTENT, "x");
        commit(b);
    }
    assert_int_equal(faults.allocates, 1);
    assert_true(blocks_of(f->path) * 512 > RESERVE);
    struct audit_stats stats;
    audit_get_stats(a, &stats);
    assert_true(stats.reserve > RESERVE && !stats.reserve_short);
    audit_batch_free(b);
    audit_close(a);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_true(st.st_blocks * 512 < st.st_size + 8192);
}

static void what_is_ordinary_leaves_the_reserve_alone(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_with_reserve(f->path);
    struct audit_batch *b = audit_batch_new(a);
    struct audit_stats stats;
    static const enum audit_type ordinary[] = { AUDIT_INTENT, AUDIT_REFUSED, AUDIT_AUTH,
                                                AUDIT_SESSION_OPEN, AUDIT_ATTACH };
    faults.allocate_errno = ENOSPC;
    for (size_t i = 0; i < ARRAY_SIZE(ordinary); i++) {
        add_simple(b, ordinary[i], "ordinary");
        commit_fails(b, "what is left is kept for administration: No space left on device");
    }
    audit_get_stats(a, &stats);
    assert_true(stats.failing && stats.reserve_short);
    assert_int_equal(count_text(f->path, "ordinary"), 0);
    faults.allocate_errno = 0;
    add_simple(b, AUDIT_INTENT, "there is room");
    commit(b);
    audit_get_stats(a, &stats);
    assert_true(!stats.failing && !stats.reserve_short);
    audit_batch_free(b);
    audit_close(a);
}

static void what_is_vital_is_written_from_among_the_rest(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_with_reserve(f->path);
    struct audit_batch *b = audit_batch_new(a);
    struct error err;
    uint64_t ticket = 7;
    struct audit_stats stats;
    struct audit_record administration = {
        .type = AUDIT_INTENT,
        .utc_us = TEST_TIME,
        .administration = true,
        .command = SPAN_LIT("gateway-sessions"),
        .arguments = QMP_NONE,
    };
    faults.allocate_errno = EDQUOT;
    add_simple(b, AUDIT_INTENT, "dropped");
    audit_batch_add(b, &administration);
    add_simple(b, AUDIT_REFUSED, "waits");
    add_simple(b, AUDIT_OUTCOME, "vital outcome");
    add_simple(b, AUDIT_SESSION_CLOSE, "vital end");
    assert_true(audit_batch_commit(b, &ticket, &err) < 0);
    assert_true(ticket > 0);
    assert_int_equal(count_text(f->path, "gateway-sessions"), 1);
    assert_int_equal(count_text(f->path, "vital"), 2);
    assert_int_equal(count_text(f->path, "dropped"), 0);
    assert_int_equal(count_text(f->path, "waits"), 0);
    audit_get_stats(a, &stats);
    assert_true(stats.failing);

    add_simple(b, AUDIT_INTENT, "dropped, too");
    assert_true(audit_batch_commit(b, &ticket, &err) < 0);
    assert_int_equal(ticket, 0); /* there was nothing vital */

    faults.allocate_errno = 0;
    add_simple(b, AUDIT_INTENT, "after");
    commit(b);
    assert_int_equal(count_text(f->path, "waits"), 1);
    assert_int_equal(count_text(f->path, "vital"), 2);
    assert_int_equal(count_text(f->path, "\"intents\":2,"), 1);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 7);
}

static void a_filesystem_without_it_does_without(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_with_reserve(f->path);
    struct audit_batch *b = audit_batch_new(a);
    faults.allocate_errno = EOPNOTSUPP;
    for (unsigned i = 0; i < 3; i++) {
        add_simple(b, AUDIT_INTENT, "x");
        commit(b);
    }
    assert_int_equal(faults.allocates, 2);
    struct audit_stats stats;
    audit_get_stats(a, &stats);
    assert_true(stats.reserve == 0 && !stats.reserve_short && !stats.failing);
    audit_batch_free(b);
    audit_close(a);
}

/* What is cut off takes the reserve with it: it is set aside anew. */
static void a_write_that_fails_half_way_does_not_lose_the_reserve(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_with_reserve(f->path);
    struct audit_batch *b = audit_batch_new(a);
    add_simple(b, AUDIT_INTENT, "one");
    commit(b);
    faults.write_errno = EIO;
    faults.write_first = 50;
    add_simple(b, AUDIT_INTENT, "refused");
    commit_fails(b, "Input/output error");
    faults.write_errno = 0;
    add_simple(b, AUDIT_INTENT, "two");
    commit(b);
    assert_true(blocks_of(f->path) * 512 > RESERVE);
    audit_batch_free(b);
    audit_close(a);
}

/* In a process of its own, which ends without taking anything back. */
static void crash_in_a_batch(const char *path)
{
    struct audit *a = open_audit(path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    struct error err;
    uint64_t ticket;
    for (unsigned i = 0; i < 3; i++)
        add_simple(b, AUDIT_INTENT, "of three");
    faults.write_errno = EIO;
    faults.write_first = 750; /* the segment, two of them and a part of the third */
    faults.truncate_fails = true;
    _exit(audit_batch_commit(b, &ticket, &err) < 0 ? 0 : 1);
}

static void a_crash_in_the_middle_of_a_batch_leaves_a_good_chain(void **state)
{
    struct fixture *f = *state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        crash_in_a_batch(f->path);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);

    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    add_simple(b, AUDIT_START, "again");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 4 + 1);
    assert_int_equal(count_text(f->path, "of three"), 2);
    assert_int_equal(count_text(f->path, "\"type\":\"torn\""), 1);
}

/* The power went: a block is on the disk, the one before it is not. */
static void a_hole_before_the_end_is_set_aside_with_all_after_it(void **state)
{
    struct fixture *f = *state;
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    for (unsigned i = 0; i < 5; i++)
        add_simple(b, AUDIT_INTENT, "x");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    CLEANUP_FREE char *text = read_text(f->path);
    CLEANUP_FD int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    off_t fourth = strstr(text, "{\"v\":1,\"seq\":4,") - text;
    assert_int_equal(pwrite(fd, "\0\0\0\0", 4, fourth - 2), 4); /* a part of the third, too */
    CLEANUP_FREE char *lock_path = mem_printf("%s.lock", f->path);
    unlink(lock_path);

    a = open_audit(f->path, AUDIT_SYNC_WRITE);
    b = audit_batch_new(a);
    add_simple(b, AUDIT_START, "again");
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_int_equal(count_text(f->path, "\"file\":\"log.torn.3\""), 1);
    struct audit_chain_summary summary;
    struct error err;
    assert_int_equal(audit_verify_chain(f->path, &summary, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(a_ticket_is_durable_only_after_the_sync),
        AUDIT_TEST(a_failed_sync_fails_the_ticket),
        AUDIT_TEST(what_a_failed_sync_may_have_lost_is_written_again),
        AUDIT_TEST(what_could_not_be_written_again_is_so_after_the_next_commit),
        AUDIT_TEST(a_failed_sync_is_tried_again_by_a_commit_and_not_in_a_circle),
        AUDIT_TEST(what_is_not_on_disk_is_bounded),
        AUDIT_TEST(a_file_removed_during_a_sync_fails_its_tickets_for_good),
        AUDIT_TEST(a_rotated_file_is_synced_before_what_follows_is_durable),
        AUDIT_TEST(a_closed_segment_is_on_disk_before_it_has_its_name),
        AUDIT_TEST(a_segment_that_does_not_come_to_the_disk_is_not_closed),
        AUDIT_TEST(a_file_that_cannot_take_the_log_s_name_fails_its_tickets_until_it_can),
        AUDIT_TEST(a_log_that_is_moved_away_while_it_is_closed_leaves_its_place_to_the_next),
        AUDIT_TEST(and_if_the_next_is_moved_away_too_there_is_another),
        AUDIT_TEST(closed_segments_that_are_not_on_disk_are_few),
        AUDIT_TEST(write_does_not_wait_and_the_disk_has_it_within_a_second),
        AUDIT_TEST(write_refuses_after_a_failed_sync_and_resumes_by_itself),
        AUDIT_TEST(what_was_promised_is_never_taken_out_of_the_kernel),
        AUDIT_TEST(write_syncs_sooner_where_much_is_written),
        AUDIT_TEST(none_syncs_a_closed_segment_and_at_the_end_only),
        AUDIT_TEST(errors_of_write_name_the_log_and_the_reason),
        AUDIT_TEST(the_reserve_is_kept_ahead_in_large_steps_and_given_back),
        AUDIT_TEST(what_is_ordinary_leaves_the_reserve_alone),
        AUDIT_TEST(what_is_vital_is_written_from_among_the_rest),
        AUDIT_TEST(a_filesystem_without_it_does_without),
        AUDIT_TEST(a_write_that_fails_half_way_does_not_lose_the_reserve),
        AUDIT_TEST(a_rest_that_could_not_be_cut_off_is_cut_off_later),
        AUDIT_TEST(a_crash_in_the_middle_of_a_batch_leaves_a_good_chain),
        AUDIT_TEST(a_hole_before_the_end_is_set_aside_with_all_after_it),
    };
    main_thread = pthread_self();
    return cmocka_run_group_tests_name("audit_faults", tests, NULL, NULL);
}
