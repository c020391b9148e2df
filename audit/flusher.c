/* The thread that brings the log to the disk (AUDIT_SYNC_DATA), so that no loop waits for a sync.
 */
#include "config.h"
#include "audit/internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* The oldest file that has something: a ticket is durable only when all before it are. */
static struct audit_file *next_file(struct audit *a)
{
    if (a->retired)
        return a->retired;
    return a->file && a->file->synced < a->file->offset ? a->file : NULL;
}

static void note_synced(struct audit *a, struct audit_file *f, uint64_t end,
                        const struct audit_chain *chain)
{
    buf_consume(&f->unsynced, (size_t)(end - f->synced));
    f->synced = end;
    f->suspect = false;
    f->fresh = false;
    a->sync_failed = false;
    a->synced = *chain;
    atomic_store(&a->durable, chain->seq);
    if (f == a->retired && f->synced == f->offset)
        audit_drop_retired(a, f);
    if (next_file(a))
        a->poked = true;
}

static void note_failed(struct audit *a, struct audit_file *f, const struct error *err)
{
    f->suspect = true;
    a->failed_through = a->chain.seq;
    a->sync_failed = true;
    audit_note_failure(a, err);
}

/* Under the mutex, which it gives up for the sync itself. */
static void sync_file(struct audit *a, struct audit_file *f)
{
    struct error err;
    int rc = f->suspect ? audit_file_rewrite(f, a->path, &err) : 0;
    uint64_t end = f->offset;
    struct audit_chain chain = f->end;
    bool fresh = f->fresh;

    if (rc == 0) {
        f->busy = true;
        pthread_mutex_unlock(&a->mutex);
        if (fdatasync(f->fd) < 0)
            rc = error_set_errno(&err, "audit log %s", a->path);
        if (rc == 0 && fresh)
            rc = audit_sync_directory(a->path, &err);
        pthread_mutex_lock(&a->mutex);
        f->busy = false;
    }
    if (f->dropped) /* it was removed meanwhile: its tickets have failed */
        audit_file_free(f);
    else if (rc == 0)
        note_synced(a, f, end, &chain);
    else
        note_failed(a, f, &err);
}

static void *run(void *opaque)
{
    struct audit *a = opaque;
    pthread_mutex_lock(&a->mutex);
    for (;;) {
        while (!a->poked && !a->stop)
            pthread_cond_wait(&a->wake, &a->mutex);
        struct audit_file *f = next_file(a);
        if (a->stop && (!f || !a->poked))
            break;
        a->poked = false;
        if (f)
            sync_file(a, f);
        pthread_mutex_unlock(&a->mutex);
        if (a->durable_cb)
            a->durable_cb(a->opaque);
        pthread_mutex_lock(&a->mutex);
    }
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

void flusher_poke(struct audit *a)
{
    a->poked = true;
    if (a->running)
        pthread_cond_signal(&a->wake);
}

int flusher_start(struct audit *a, struct error *err)
{
    /* signals are for the main thread */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&a->thread, NULL, run, a);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
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
