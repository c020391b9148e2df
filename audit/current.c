#include "config.h"
#include "audit/current.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/moved.h"
#include "audit/segment.h"
#include "audit/segments.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define NAME_TRIES   100u /* names that a closed segment may take */
#define UNSYNCED_MAX 5u   /* closed segments that a death can leave in the kernel's memory only */

/* With AUDIT_SYNC_DATA the lock never knows of more than the disk has: after a power failure it
 * would tell of records that are missing, and nobody was promised any. */
void write_lock_state(struct audit *a, bool clean)
{
    struct lock_state state = {
        .clean = clean,
        .chain = clean || a->sync != AUDIT_SYNC_DATA ? a->chain : a->synced,
        .segment = a->segment,
        .sealed = a->sealer.sealed,
    };
    memcpy(state.key, a->sealer.key, sizeof(state.key));
    audit_lock_write(a->lock_fd, &state);
}

int current_sync_lock(struct audit *a, struct error *err)
{
    pthread_mutex_lock(&a->mutex);
    write_lock_state(a, false);
    pthread_mutex_unlock(&a->mutex);
    if (fsync(a->lock_fd) < 0)
        return error_set_errno(err, "audit log %s: its lock", a->path);
    return 0;
}

/* --- another file ----------------------------------------------------------------------------- */

/* The chain goes on in `f`. If the file's end is not the chain's, the next commit says why. */
static void adopt_file(struct audit *a, struct audit_file *f, struct file_tail *tail,
                       const char *reason)
{
    a->file = f;
    a->notes.reason = NULL;
    if (a->segment == 0 && a->chain.seq == 0)
        a->notes.reason = SEGMENT_FIRST;
    else if (a->segment == 0 || !audit_chain_equal(&tail->chain, &a->chain))
        a->notes.reason = reason;
    if (tail->torn_path) {
        file_tail_clear(&a->notes.torn);
        a->notes.torn = *tail;
        *tail = (struct file_tail){ 0 };
    }
    a->path_checked_us = clock_monotonic_us();
    write_lock_state(a, false);
}

static int open_file(struct audit *a, const char *reason, struct error *err)
{
    struct audit_file *f;
    struct file_tail tail;
    int rc = audit_file_open(a->path, &f, &tail, err);
    if (rc == 0)
        adopt_file(a, f, &tail, reason);
    return rc;
}

static void drop_file(struct audit_file *f)
{
    if (f->busy)
        f->dropped = true; /* the flusher frees it */
    else
        audit_file_free(f);
}

void audit_drop_retired(struct audit *a, struct audit_file *f)
{
    struct audit_file **link = &a->retired;
    while (*link != f)
        link = &(*link)->next;
    *link = f->next;
    drop_file(f);
}

/* Nothing more is appended to it; what is not on disk is still brought there. */
static void retire_file(struct audit *a, struct audit_file *f)
{
    if (f->synced == f->offset) {
        drop_file(f);
        return;
    }
    struct audit_file **link = &a->retired;
    while (*link)
        link = &(*link)->next;
    *link = f;
    flusher_poke(a);
    pthread_cond_signal(&a->wake);
}

/* What is in the file cannot be got at any more, nor can a sync be believed. */
static void lose_file(struct audit *a, const char *reason)
{
    uint64_t durable = atomic_load(&a->durable);
    if (a->sync == AUDIT_SYNC_DATA && a->file->end.seq > durable) {
        if (a->lost_to <= durable)
            a->lost_from = durable;
        a->lost_to = a->file->end.seq;
    }
    drop_file(TAKE_PTR(a->file));
    a->notes.reason = reason;
}

void current_note_rotation(struct audit *a, int rc, const struct error *err)
{
    bool said =
        rc < 0 && a->stats.rotation_failing && strcmp(a->stats.rotation_error, err->text) == 0;
    a->stats.rotation_failing = rc < 0;
    if (rc == 0) {
        a->stats.rotations++;
        a->stats.rotation_error[0] = '\0';
        return;
    }
    a->stats.rotation_failures++;
    memcpy(a->stats.rotation_error, err->text, sizeof(a->stats.rotation_error));
    if (!said)
        log_error("the audit goes on in segment %llu, which could not be closed: %s",
                  (unsigned long long)a->segment, err->text);
}

/* --- moved away by somebody ------------------------------------------------------------------- */

/* The path names another file, or none: a rotation. What was written stays where it was moved to.
 */
static int follow_move(struct audit *a, struct error *err)
{
    struct audit_file *old = a->file;
    int rc = open_file(a, SEGMENT_ROTATED, err);
    if (rc == 0) {
        retire_file(a, old);
        sealer_note_rotation(a);
    }
    return rc;
}

static int path_is_our_file(struct audit *a, bool *same, struct error *err)
{
    struct stat st;
    *same = false;
    if (lstat(a->path, &st) < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, "audit log %s", a->path);
    *same = st.st_dev == a->file->dev && st.st_ino == a->file->ino;
    return 0;
}

/* A rotation that fails loses nothing: the old file is still there, whatever its name. */
static void check_path(struct audit *a)
{
    struct error err;
    int64_t now = clock_monotonic_us();
    bool same;
    if (now - a->path_checked_us < AUDIT_PATH_CHECK_US)
        return;
    a->path_checked_us = now;
    int rc = path_is_our_file(a, &same, &err);
    if (rc < 0 || !same)
        current_note_rotation(a, rc < 0 ? rc : follow_move(a, &err), &err);
}

static int check_file(struct audit *a, struct error *err)
{
    struct stat st;
    struct audit_file *f = a->file;
    int rc = audit_file_mend(f, a->path, err);
    if (rc < 0)
        return rc;
    if (fstat(f->fd, &st) < 0)
        return error_set_errno(err, "audit log %s", a->path);
    if (st.st_nlink == 0) {
        lose_file(a, SEGMENT_REMOVED);
        return error_set(err, ERROR_STATE, "audit log %s: the file was removed", a->path);
    }
    if ((uint64_t)st.st_size != f->offset) {
        lose_file(a, SEGMENT_CHANGED);
        return error_set(err, ERROR_STATE, "audit log %s: the file was changed by somebody else",
                         a->path);
    }
    if (!f->waits_for) /* otherwise its name is another's still */
        check_path(a);
    return 0;
}

int current_prepare(struct audit *a, struct error *err)
{
    return a->file ? check_file(a, err) : open_file(a, a->notes.reason, err);
}

int current_reopen(struct audit *a, struct error *err)
{
    bool same = false;
    if (!a->file)
        return open_file(a, a->notes.reason, err);
    if (a->file->waits_for)
        return 0;
    int rc = path_is_our_file(a, &same, err);
    if (rc == 0 && same)
        return 0;
    if (rc == 0)
        rc = follow_move(a, err);
    current_note_rotation(a, rc, err);
    return rc;
}

/* --- closed by us ----------------------------------------------------------------------------- */

bool current_is_worth_closing(const struct audit *a)
{
    return a->file && !a->notes.reason && a->last_event > a->segment_first;
}

/* Never over another file. A filesystem that cannot promise that is asked first: the directory is
 * the gateway's own, so nobody is between. */
static int rename_to_free(const char *from, const char *to)
{
    struct stat st;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (lstat(to, &st) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

static int rename_closed(struct audit *a, uint64_t segment, char **closed, struct error *err)
{
    for (unsigned i = 0; i < NAME_TRIES; i++) {
        CLEANUP_FREE char *name = segment_closed_path(a->path, segment, i);
        if (rename_to_free(a->path, name) == 0) {
            *closed = TAKE_PTR(name);
            return 0;
        }
        if (errno != EEXIST)
            return error_set_errno(err, "audit log %s: closing it as %s", a->path, name);
    }
    return error_set(err, ERROR_LIMIT, "audit log %s: too many files with the name of segment %llu",
                     a->path, (unsigned long long)segment);
}

/* The segment's file takes the name of a closed one, and the file that is made ready its place. */
static int change_names(struct audit *a, uint64_t segment, struct error *err)
{
    CLEANUP_FREE char *next = segment_next_path(a->path);
    CLEANUP_FREE char *closed = NULL;
    int rc = rename_closed(a, segment, &closed, err);
    if (rc == 0 && rename_to_free(next, a->path) < 0) {
        rc = error_set_errno(err, "audit log %s: putting a new file in its place", a->path);
        /* if that fails too, the file is still open, and the next commit looks for a new one */
        if (rename_to_free(closed, a->path) < 0)
            log_error("audit log %s is now %s: %m", a->path, closed);
    }
    if (rc == 0)
        log_info("the audit's segment %llu is closed: %s", (unsigned long long)segment, closed);
    return rc;
}

/* The lock knows a late record of the chain before the names change: whatever comes between them,
 * the next start finds the file that goes on from it. With AUDIT_SYNC_DATA a closed segment is
 * whole on disk before it has that name: a cut of power leaves holes at the end of the log only,
 * where a start looks for them. */
int current_close_segment(struct audit *a, struct audit_file *take_next, struct error *err)
{
    struct file_tail none = { 0 };
    struct audit_file *old = a->file;
    bool waits = a->sync == AUDIT_SYNC_DATA && old->synced < old->offset;
    write_lock_state(a, false);
    int rc = waits ? 0 : change_names(a, a->segment, err);
    if (rc < 0)
        return rc;
    take_next->waits_for = waits ? a->segment : 0;
    adopt_file(a, take_next, &none, SEGMENT_ROTATED);
    retire_file(a, old);
    sealer_note_rotation(a);
    return 0;
}

/* Somebody has moved the closed segment's file away meanwhile: it has a name. If the new one went
 * with it, that is a move like any other, which the next commit sees. */
static int fill_place(struct audit *a, uint64_t segment, struct error *err)
{
    CLEANUP_FREE char *next = segment_next_path(a->path);
    if (rename_to_free(next, a->path) < 0 && errno != ENOENT)
        return error_set_errno(err, "audit log %s: putting a new file in its place", a->path);
    log_info("the audit's segment %llu was moved away when it was being closed",
             (unsigned long long)segment);
    return 0;
}

int current_take_place(struct audit *a, struct error *err)
{
    struct stat st;
    uint64_t segment = a->file->waits_for;
    bool is_free = lstat(a->path, &st) < 0 && errno == ENOENT;
    int rc = is_free ? fill_place(a, segment, err) : change_names(a, segment, err);
    if (rc == 0)
        a->file->waits_for = 0;
    return rc;
}

/* --- at the start ----------------------------------------------------------------------------- */

/* What the lock did not live to be told. */
static void take_facts(struct audit *a, const struct segment_facts *facts)
{
    if (facts->number)
        a->segment = facts->number;
    if (facts->sealed >= a->sealer.sealed && facts->sealed) {
        a->sealer.sealed = facts->sealed;
        memcpy(a->sealer.key, facts->key, sizeof(a->sealer.key));
    }
}

/* The log is not where the chain ended: is that because it was moved? */
static int look_elsewhere(struct audit *a, const struct lock_state *state, struct file_tail *tail,
                          const char **reason, struct error *err)
{
    struct moved_end moved;
    int rc = moved_find(a->path, state->known ? &state->chain : NULL, &moved, err);
    a->chain = state->chain;
    *reason = SEGMENT_MISSING;
    if (rc < 0 || !moved.found)
        return rc;
    *reason = SEGMENT_ROTATED;
    a->chain = moved.tail.chain;
    take_facts(a, &moved.facts);
    if (moved.tail.torn_path && !tail->torn_path) {
        tail->torn_path = TAKE_PTR(moved.tail.torn_path);
        tail->torn_bytes = moved.tail.torn_bytes;
    }
    file_tail_clear(&moved.tail);
    return 0;
}

static int find_chain(struct audit *a, const struct lock_state *state, struct audit_file *f,
                      struct file_tail *tail, const char **reason, struct error *err)
{
    a->segment = state->segment;
    a->sealer.sealed = state->sealed;
    memcpy(a->sealer.key, state->key, sizeof(a->sealer.key));
    if (state->known && state->chain.seq > tail->chain.seq)
        return look_elsewhere(a, state, tail, reason, err);
    a->chain = state->known && state->chain.seq == tail->chain.seq ? state->chain : tail->chain;
    if (f->offset == 0 && !state->clean)
        return look_elsewhere(a, state, tail, reason, err);
    /* the file went on after the lock was written: a segment may have begun in it */
    struct segment_facts facts = { 0 };
    int rc = 0;
    if (f->offset > 0 && (!state->known || !state->clean))
        rc = segment_find_facts(f->fd, a->path, f->offset, &facts, err);
    take_facts(a, &facts);
    return rc;
}

/* Between two names that change. */
static void take_free_place(struct audit *a)
{
    CLEANUP_FREE char *next = segment_next_path(a->path);
    struct stat st, ours;
    if (lstat(next, &st) == 0 && st.st_size > 0 && lstat(a->path, &ours) < 0 && errno == ENOENT)
        rename_to_free(next, a->path);
}

static bool take_start(void *opaque, struct span line)
{
    struct segment_start *start = opaque;
    if (!segment_parse(line, start))
        start->number = 0;
    return false;
}

/* The number of the segment that `file` goes on from, if that ends so; 0: it does not. */
static uint64_t segment_before(const char *file, const struct audit_chain *end)
{
    struct error ignored; /* what cannot be read is not needed */
    struct segment_start start = { 0 };
    struct stat st;
    CLEANUP_FD int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        segment_each_line(fd, file, 0, (uint64_t)st.st_size, take_start, &start, &ignored) < 0 ||
        start.number <= 1 || !segment_follows(&start, end))
        return 0;
    return start.number - 1;
}

/* A new segment waited for the one before to be on disk. If it goes on from what is there, it takes
 * its place now. If what it went on from is missing, the power went, and nobody was promised
 * anything that is in it. */
static int finish_rotation(struct audit *a, struct audit_file **f, struct file_tail *tail,
                           struct error *err)
{
    CLEANUP_FREE char *next = segment_next_path(a->path);
    uint64_t before = segment_before(next, &tail->chain);
    if (!before) {
        unlink(next);
        return 0;
    }
    struct file_tail torn = *tail;
    int rc = fdatasync((*f)->fd) < 0 ? error_set_errno(err, "audit log %s", a->path) : 0;
    audit_file_free(TAKE_PTR(*f));
    if (rc == 0)
        rc = change_names(a, before, err);
    if (rc == 0)
        rc = audit_file_open(a->path, f, tail, err);
    if (rc == 0 && torn.torn_path && !tail->torn_path) {
        tail->torn_path = TAKE_PTR(torn.torn_path);
        tail->torn_bytes = torn.torn_bytes;
    }
    file_tail_clear(&torn);
    return rc;
}

static int sync_path(const char *path)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd < 0 ? -1 : fdatasync(fd);
}

/* The segments that were closed last; the compressed ones are on the disk. */
static int sync_closed(const char *path, struct error *err)
{
    struct audit_segments files = { 0 };
    unsigned n = 0;
    int rc = audit_segments_of_log(&files, path, err);
    for (size_t i = files.n; rc == 0 && i > 0 && n < UNSYNCED_MAX; i--) {
        const struct audit_segment *g = &files.at[i - 1];
        if (g->first_seq == 0 || g->compressed || strcmp(g->path, path) == 0)
            continue;
        n++;
        if (sync_path(g->path) < 0 && errno != ENOENT)
            rc = error_set_errno(err, "%s", g->path);
    }
    audit_segments_clear(&files);
    return rc;
}

/* What the last run left in the kernel's memory is to be on the disk before it counts, and before a
 * seal covers it. Orderly ends leave nothing there. */
static void sync_what_was_left(struct audit *a, const struct audit_file *f, bool clean)
{
    struct error err;
    if (a->sync == AUDIT_SYNC_NONE)
        return;
    int rc = fdatasync(f->fd) < 0 ? error_set_errno(&err, "audit log %s", a->path) : 0;
    if (rc == 0 && !clean)
        rc = audit_file_sync_entry(f, a->path, &err);
    if (rc == 0 && !clean)
        rc = sync_closed(a->path, &err);
    if (rc == 0)
        a->synced = a->chain;
    else
        log_warning("what the last run recorded may not be on the disk: %s", err.text);
}

int current_find_chain(struct audit *a, const struct lock_state *state, struct error *err)
{
    struct audit_file *f;
    struct file_tail tail;
    const char *reason = SEGMENT_MISSING;
    take_free_place(a);
    int rc = audit_file_open(a->path, &f, &tail, err);
    if (rc == 0)
        rc = finish_rotation(a, &f, &tail, err);
    if (rc < 0)
        return rc;
    if (!state->known && f->offset > 0)
        log_warning("audit log %s: there is no lock file that says how far it went: should its end "
                    "have been cut off, that cannot be seen here",
                    a->path);
    rc = find_chain(a, state, f, &tail, &reason, err);
    if (rc < 0) {
        audit_file_free(f);
        file_tail_clear(&tail);
        return rc;
    }
    sync_what_was_left(a, f, state->clean);
    adopt_file(a, f, &tail, reason);
    a->last_event = a->chain.seq;
    a->segment_begun_us =
        clock_monotonic_us() - segment_age_us(a->file->fd, a->path, a->file->offset);
    atomic_store(&a->durable, a->chain.seq);
    a->file->end = a->chain;
    a->file->segment = a->segment;
    return 0;
}
