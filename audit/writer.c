#include "config.h"
#include "audit/internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include "audit/line.h"
#include "audit/lock.h"
#include "audit/record.h"
#include "audit/recover.h"
#include "base/clock.h"
#include "base/mem.h"

#define OUT_KEEP (1u << 20) /* bytes of the commit buffer that stay */

void audit_note_failure(struct audit *a, const struct error *what)
{
    a->stats.failures++;
    memcpy(a->stats.last_error, what->text, sizeof(a->stats.last_error));
}

/* --- the file, and what may happen to it ------------------------------------------------------ */

/* The chain goes on in `f`. If the file's end is not the chain's, the next commit says why. */
static void adopt_file(struct audit *a, struct audit_file *f, struct file_tail *tail,
                       const char *reason)
{
    a->file = f;
    a->notes.continued = audit_chain_equal(&tail->chain, &a->chain) ? NULL : reason;
    if (tail->torn_path) {
        file_tail_clear(&a->notes.torn);
        a->notes.torn = *tail;
        *tail = (struct file_tail){ 0 };
    }
    a->path_checked_us = clock_monotonic_us();
    audit_lock_write(a->lock_fd, &a->chain, false);
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

/* What is in the file cannot be got at any more, nor can a sync be believed. */
static void lose_file(struct audit *a, const char *reason)
{
    uint64_t durable = atomic_load(&a->durable);
    if (a->sync == AUDIT_SYNC_DATA && a->file->ticket > durable) {
        if (a->lost_to <= durable)
            a->lost_from = durable;
        a->lost_to = a->file->ticket;
    }
    drop_file(TAKE_PTR(a->file));
    a->notes.continued = reason;
}

/* The path names another file, or none: a rotation. What was written stays where it was moved to.
 */
static int rotate_file(struct audit *a, struct error *err)
{
    struct audit_file *old = a->file;
    int rc = open_file(a, "rotated", err);
    if (rc < 0)
        return rc;
    if (old->synced < old->offset) {
        struct audit_file **link = &a->retired;
        while (*link)
            link = &(*link)->next;
        *link = old;
        flusher_poke(a);
    } else {
        drop_file(old);
    }
    return 0;
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

static int check_path(struct audit *a, struct error *err)
{
    int64_t now = clock_monotonic_us();
    bool same;
    if (a->path_checked_us != 0 && now - a->path_checked_us < AUDIT_PATH_CHECK_US)
        return 0;
    a->path_checked_us = 0; /* on failure, look again at once */
    int rc = path_is_our_file(a, &same, err);
    if (rc == 0 && !same)
        rc = rotate_file(a, err);
    if (rc == 0)
        a->path_checked_us = now;
    return rc;
}

/* Before anything is appended: is the file still the one that we know? */
static int check_file(struct audit *a, struct error *err)
{
    struct stat st;
    struct audit_file *f = a->file;
    int rc = audit_file_mend(f, a->path, err);
    if (rc == 0 && f->hollow)
        rc = audit_file_rewrite(f, a->path, err);
    if (rc < 0)
        return rc;
    if (fstat(f->fd, &st) < 0)
        return error_set_errno(err, "audit log %s", a->path);
    if (st.st_nlink == 0) {
        lose_file(a, "removed");
        return error_set(err, ERROR_STATE, "audit log %s: the file was removed", a->path);
    }
    if ((uint64_t)st.st_size != f->offset) {
        lose_file(a, "changed");
        return error_set(err, ERROR_STATE, "audit log %s: the file was changed by somebody else",
                         a->path);
    }
    return check_path(a, err);
}

static int prepare_file(struct audit *a, struct error *err)
{
    return a->file ? check_file(a, err) : open_file(a, a->notes.continued, err);
}

/* --- a commit --------------------------------------------------------------------------------- */

static int append_body(struct audit *a, struct audit_chain *chain, struct span body)
{
    return audit_chain_append(chain, a->hasher, body, &a->out);
}

/* The records that say what happened to the file. */
static int compose_notes(struct audit *a, struct audit_chain *chain)
{
    CLEANUP_BUF struct buf body = { 0 };
    int rc = 0;
    if (a->notes.continued) {
        char previous[AUDIT_HASH_TEXT];
        audit_hash_format(chain->hash, previous);
        record_write_head(&body, "continue", clock_utc_us());
        record_write_member(&body, "reason",
                            (struct span){ a->notes.continued, strlen(a->notes.continued) });
        record_write_member(&body, "previous", (struct span){ previous, sizeof(previous) });
        rc = append_body(a, chain, (struct span){ buf_data(&body), buf_len(&body) });
        buf_clear(&body);
    }
    if (rc == 0 && a->notes.torn.torn_path) {
        const char *name = strrchr(a->notes.torn.torn_path, '/');
        name = name ? name + 1 : a->notes.torn.torn_path;
        record_write_head(&body, "torn", clock_utc_us());
        record_write_member(&body, "file", (struct span){ name, strlen(name) });
        record_write_count(&body, "bytes", a->notes.torn.torn_bytes);
        rc = append_body(a, chain, (struct span){ buf_data(&body), buf_len(&body) });
    }
    const struct audit_recovery *r = &a->notes.recovery;
    for (size_t i = 0; rc == 0 && i < r->n; i++)
        rc = append_body(
            a, chain,
            (struct span){ buf_data(&r->bodies) + r->entries[i].offset, r->entries[i].len });
    return rc;
}

static int compose(struct audit *a, const struct commit_view *v, struct audit_chain *chain,
                   struct error *err)
{
    int rc = 0;
    buf_clear(&a->out);
    if (UNLIKELY(a->notes.continued || a->notes.torn.torn_path || a->notes.recovery.n))
        rc = compose_notes(a, chain);
    if (rc == 0 && v->preface.len)
        rc = append_body(a, chain, v->preface);
    for (size_t i = 0; rc == 0 && i < v->n; i++)
        rc = append_body(a, chain,
                         (struct span){ v->bodies + v->entries[i].offset, v->entries[i].len });
    if (rc < 0)
        return error_set(err, ERROR_SYSTEM, "audit log %s: SHA-256 failed", a->path);
    return 0;
}

static int check_room(struct audit *a, struct error *err)
{
    uint64_t waiting = a->file->offset - a->file->synced;
    if (a->sync == AUDIT_SYNC_DATA && waiting + buf_len(&a->out) > AUDIT_UNSYNCED_MAX) {
        flusher_poke(a);
        return error_set(err, ERROR_LIMIT,
                         "audit log %s: the disk does not keep up, %llu bytes wait", a->path,
                         (unsigned long long)waiting);
    }
    return 0;
}

static int commit_locked(struct audit *a, const struct commit_view *v, uint64_t *ticket,
                         struct error *err)
{
    int rc = prepare_file(a, err);
    if (rc < 0)
        return rc;
    struct audit_chain chain = a->chain;
    rc = compose(a, v, &chain, err);
    if (rc == 0)
        rc = check_room(a, err);
    struct span lines = { buf_data(&a->out), buf_len(&a->out) };
    if (rc == 0)
        rc = audit_file_append(a->file, a->path, lines, err);
    if (rc < 0)
        return rc;

    a->stats.records += chain.seq - a->chain.seq;
    a->chain = chain;
    a->file->ticket = chain.seq;
    *ticket = chain.seq;
    a->notes.continued = NULL;
    file_tail_clear(&a->notes.torn);
    audit_recovery_clear(&a->notes.recovery);
    if (a->sync == AUDIT_SYNC_DATA) {
        buf_add_span(&a->file->unsynced, lines);
        flusher_poke(a);
    } else {
        a->file->synced = a->file->offset;
        atomic_store(&a->durable, chain.seq);
    }
    return 0;
}

int audit_commit(struct audit *a, const struct commit_view *v, uint64_t *ticket, struct error *err)
{
    struct error local;
    if (!err)
        err = &local;
    pthread_mutex_lock(&a->mutex);
    int rc = commit_locked(a, v, ticket, err);
    if (rc < 0)
        audit_note_failure(a, err);
    a->commit_failed = rc < 0;
    buf_clear(&a->out);
    buf_trim(&a->out, OUT_KEEP);
    pthread_mutex_unlock(&a->mutex);
    return rc;
}

/* --- opening and closing ---------------------------------------------------------------------- */

/* Where the chain goes on: at the log's end, unless the lock remembers that there was more. */
static int find_chain(struct audit *a, const struct lock_state *state, struct error *err)
{
    struct audit_file *f;
    struct file_tail tail;
    int rc = audit_file_open(a->path, &f, &tail, err);
    if (rc < 0)
        return rc;
    a->chain = tail.chain;
    if (state->known && state->chain.seq >= tail.chain.seq)
        a->chain = state->chain;
    adopt_file(a, f, &tail, "missing");
    atomic_store(&a->durable, a->chain.seq);
    a->file->ticket = a->chain.seq;
    return 0;
}

static int open_all(struct audit *a, struct error *err)
{
    struct lock_state state;
    int rc = audit_hasher_new(&a->hasher, err);
    if (rc < 0)
        return rc;
    a->lock_fd = audit_lock_take(a->path, &state, err);
    if (a->lock_fd < 0)
        return a->lock_fd;
    rc = find_chain(a, &state, err);
    if (rc == 0 && !state.clean)
        audit_recover(a->path, &a->notes.recovery);
    if (rc == 0 && a->sync == AUDIT_SYNC_DATA)
        rc = flusher_start(a, err);
    return rc;
}

static void free_all(struct audit *a)
{
    cleanup_fd(&a->lock_fd);
    audit_file_free(a->file);
    while (a->retired) {
        struct audit_file *next = a->retired->next;
        audit_file_free(a->retired);
        a->retired = next;
    }
    audit_hasher_free(&a->hasher);
    file_tail_clear(&a->notes.torn);
    audit_recovery_clear(&a->notes.recovery);
    buf_free(&a->out);
    pthread_mutex_destroy(&a->mutex);
    pthread_cond_destroy(&a->wake);
    free(a->path);
    free(a);
}

int audit_open(const struct audit_settings *settings, struct audit **out, struct error *err)
{
    struct audit *a = MEM_NEW(struct audit);
    a->path = mem_strdup(settings->path);
    a->sync = settings->sync;
    a->durable_cb = settings->durable;
    a->opaque = settings->opaque;
    a->lock_fd = -1;
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->wake, NULL);
    int rc = open_all(a, err);
    if (rc < 0) {
        free_all(a);
        return rc;
    }
    *out = a;
    return 0;
}

void audit_close(struct audit *a)
{
    if (!a)
        return;
    flusher_stop(a);
    if (a->file && !a->sync_failed && fdatasync(a->file->fd) == 0)
        audit_lock_write(a->lock_fd, &a->chain, true);
    free_all(a);
}

int audit_reopen(struct audit *a, struct error *err)
{
    bool same = false;
    pthread_mutex_lock(&a->mutex);
    int rc = 0;
    if (!a->file) {
        rc = open_file(a, a->notes.continued, err);
    } else {
        rc = path_is_our_file(a, &same, err);
        if (rc == 0 && !same)
            rc = rotate_file(a, err);
    }
    pthread_mutex_unlock(&a->mutex);
    return rc;
}

uint64_t audit_durable(const struct audit *a)
{
    return atomic_load(&a->durable);
}

bool audit_ticket_failed(struct audit *a, uint64_t ticket)
{
    pthread_mutex_lock(&a->mutex);
    bool failed = (ticket > a->lost_from && ticket <= a->lost_to) ||
                  (ticket > atomic_load(&a->durable) && ticket <= a->failed_through);
    pthread_mutex_unlock(&a->mutex);
    return failed;
}

void audit_get_stats(struct audit *a, struct audit_stats *out)
{
    pthread_mutex_lock(&a->mutex);
    *out = a->stats;
    out->failing = a->commit_failed || a->sync_failed;
    pthread_mutex_unlock(&a->mutex);
    out->suppressed = atomic_load(&a->suppressed);
}
