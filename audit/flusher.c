/* The thread that brings the log to the disk, so that no loop waits for a sync: at once with
 * AUDIT_SYNC_DATA, within a second with AUDIT_SYNC_WRITE, and with AUDIT_SYNC_NONE what was closed.
 */
#include "config.h"
#include "audit/internal.h"

#include <errno.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#define WRITE_WAIT_US (500 * USEC_PER_MSEC) /* AUDIT_SYNC_WRITE: from a commit to its sync */

/* The oldest file that has something: a ticket is durable only when all before it are. */
static struct audit_file *next_file(struct audit *a)
{
    if (a->retired)
        return a->retired;
    if (a->sync == AUDIT_SYNC_NONE || !a->file || a->file->synced == a->file->offset)
        return NULL;
    return a->file;
}

static void note_synced(struct audit *a, struct audit_file *f, uint64_t end,
                        const struct seal_point *point)
{
    if (!f->uncopied && buf_len(&f->unsynced))
        buf_consume(&f->unsynced, (size_t)(end - f->synced));
    f->synced = end;
    f->uncopied &= f->synced < f->offset;
    f->suspect = false;
    audit_file_forget_directory(f);
    a->sync_failed = false;
    audit_tell_state(a);
    a->synced = point->chain;
    if (a->sync == AUDIT_SYNC_DATA)
        atomic_store(&a->durable, point->chain.seq);
    sealer_note_durable(a, point);
    if (f == a->retired && f->synced == f->offset)
        audit_drop_retired(a, f);
    if (a->retired || (a->sync == AUDIT_SYNC_DATA && next_file(a)))
        flusher_poke(a);
    else if (next_file(a))
        flusher_note_commit(a);
}

static void note_failed(struct audit *a, struct audit_file *f, const struct error *err)
{
    if (f->uncopied)
        log_error("records after number %llu may be lost: more had been written than is kept to be "
                  "written again: %s",
                  (unsigned long long)a->synced.seq, err->text);
    f->suspect = !f->uncopied;
    a->failed_through = a->chain.seq;
    a->sync_failed = true;
    memcpy(a->sync_error, err->text, sizeof(a->sync_error));
    audit_note_failure(a, err);
    audit_tell_state(a);
    if (a->sync == AUDIT_SYNC_WRITE && !a->stop)
        flusher_note_commit(a); /* nobody waits for it: tried again without being asked */
}

/* Under the mutex, which it gives up for the sync itself. */
static void sync_file(struct audit *a, struct audit_file *f)
{
    struct error err;
    int rc = 0;
    if (f->waits_for)
        rc = keeper_end_wait(a, &err);
    else if (f->suspect && !f->uncopied)
        rc = audit_file_rewrite(f, a->path, &err);
    uint64_t end = f->offset;
    struct seal_point point = { .chain = f->end, .segment = f->segment };
    bool fresh = f->fresh;

    if (rc == 0) {
        f->busy = true;
        pthread_mutex_unlock(&a->mutex);
        if (fdatasync(f->fd) < 0)
            rc = error_set_errno(&err, "audit log %s", a->path);
        if (rc == 0 && fresh)
            rc = audit_file_sync_entry(f, a->path, &err);
        pthread_mutex_lock(&a->mutex);
        f->busy = false;
    }
    if (f->dropped) /* it was removed meanwhile: its tickets have failed */
        audit_file_free(f);
    else if (rc == 0)
        note_synced(a, f, end, &point);
    else
        note_failed(a, f, &err);
    keeper_note_sync(a);
}

static void wait_for_work(struct audit *a)
{
    a->asleep = true;
    while (!a->poked && !a->stop)
        pthread_cond_wait(&a->wake, &a->mutex);
    while (!a->stop && a->sync_at_us > clock_monotonic_us())
        (void)thread_wait_until(&a->wake, &a->mutex, a->sync_at_us);
    a->asleep = false;
}

static void *run(void *opaque)
{
    struct audit *a = opaque;
    pthread_mutex_lock(&a->mutex);
    for (;;) {
        wait_for_work(a);
        struct audit_file *f = next_file(a);
        if (a->stop && (!f || !a->poked))
            break;
        a->poked = false;
        if (f)
            sync_file(a, f);
        pthread_mutex_unlock(&a->mutex);
        if (a->durable_cb && a->sync == AUDIT_SYNC_DATA)
            a->durable_cb(a->opaque);
        pthread_mutex_lock(&a->mutex);
    }
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

void flusher_poke(struct audit *a)
{
    a->wake_due |= !a->poked || a->sync_at_us != 0;
    a->poked = true;
    a->sync_at_us = 0;
}

void flusher_note_commit(struct audit *a)
{
    if (a->sync == AUDIT_SYNC_NONE || a->poked)
        return;
    a->poked = a->wake_due = true;
    a->sync_at_us = clock_monotonic_us() + WRITE_WAIT_US;
}

void flusher_unlock(struct audit *a)
{
    bool wake = a->wake_due && a->asleep;
    a->wake_due = false;
    pthread_mutex_unlock(&a->mutex);
    if (wake)
        pthread_cond_signal(&a->wake);
}

int flusher_start(struct audit *a, struct error *err)
{
    int rc = thread_start(&a->thread, run, a);
    if (rc != 0) {
        errno = rc;
        return error_set_errno(err, "the audit log's flusher");
    }
    a->running = true;
    return 0;
}

/* What is not yet synced gets one more try. */
void flusher_stop(struct audit *a)
{
    if (!a->running)
        return;
    pthread_mutex_lock(&a->mutex);
    a->stop = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->mutex);
    pthread_join(a->thread, NULL);
    a->running = false;
}
