#include "config.h"
#include "audit/internal.h"

#include "audit/current.h"
#include "audit/lock.h"
#include "audit/record.h"
#include "audit/recover.h"
#include "audit/reserve.h"
#include "audit/segment.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define TELL_US  (10 * USEC_PER_SEC) /* between two times that it is said that the log fails */
#define OUT_KEEP (1u << 20)          /* bytes of the commit buffer that stay */

void audit_note_failure(struct audit *a, const struct error *what)
{
    a->stats.failures++;
    memcpy(a->stats.last_error, what->text, sizeof(a->stats.last_error));
}

/* One line when it begins to fail and one when it works again, and not more than that in a while.
 */
void audit_tell_state(struct audit *a)
{
    bool failing = a->commit_failed || a->sync_failed;
    if (LIKELY(!failing && !a->failing_since_us))
        return;
    int64_t now = clock_monotonic_us();
    if (!failing)
        a->failing_since_us = 0;
    else if (!a->failing_since_us)
        a->failing_since_us = now;
    if (failing == a->told_failing)
        return;
    if (failing && a->told_us && now - a->told_us < TELL_US)
        return;
    a->told_failing = failing;
    a->told_us = now;
    if (failing)
        log_error("commands are refused: %s", a->stats.last_error);
    else
        log_info("the audit log can be written again");
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
    if (a->notes.reason) {
        segment_write(&body, clock_utc_us(), a->segment + 1, a->notes.reason, chain->hash);
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
    if (UNLIKELY(a->notes.reason || a->notes.torn.torn_path || a->notes.recovery.n))
        rc = compose_notes(a, chain);
    if (rc == 0 && v->preface.len)
        rc = append_body(a, chain, v->preface);
    for (size_t i = 0; rc == 0 && i < v->n; i++) {
        const struct batch_entry *e = &v->entries[i];
        if (!v->vital || e->vital)
            rc = append_body(a, chain, (struct span){ v->bodies + e->offset, e->len });
    }
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

/* The records that said what happened are in the file. */
static void settle_notes(struct audit *a, uint64_t first)
{
    if (a->notes.reason) {
        a->segment++;
        a->segment_first = first;
        a->segment_begun_us = clock_monotonic_us();
        a->notes.reason = NULL;
        write_lock_state(a, false);
    }
    file_tail_clear(&a->notes.torn);
    audit_recovery_clear(&a->notes.recovery);
}

/* Records that the kernel has, and the disk not yet. */
static void keep_until_synced(struct audit *a, struct span lines)
{
    struct audit_file *f = a->file;
    if (a->sync == AUDIT_SYNC_DATA) {
        buf_add_span(&f->unsynced, lines);
        flusher_poke(a);
        return;
    }
    atomic_store(&a->durable, a->chain.seq);
    f->uncopied |= a->sync == AUDIT_SYNC_NONE || f->offset - f->synced > AUDIT_UNSYNCED_MAX;
    if (f->uncopied)
        buf_clear(&f->unsynced);
    else
        buf_add_span(&f->unsynced, lines);
    if (a->sync == AUDIT_SYNC_WRITE && f->offset - f->synced > AUDIT_UNSYNCED_MAX / 4)
        flusher_poke(a); /* sooner than in its time, so that the copy stays small */
    else
        flusher_note_commit(a);
}

/* Whether the disk takes what the kernel was given: with AUDIT_SYNC_WRITE nobody waits for that, so
 * it is looked at before more is promised. */
static int check_disk(struct audit *a, struct error *err)
{
    if (a->sync != AUDIT_SYNC_WRITE || !a->sync_failed)
        return 0;
    flusher_poke(a);
    return error_set(err, ERROR_STATE, "the last sync failed: %s", a->sync_error);
}

/* Ordinary records leave the reserve alone; the others take what there is. */
static int check_reserve(struct audit *a, struct commit_view *v, struct error *err)
{
    int rc = reserve_keep(a->file, a->path, a->reserve, buf_len(&a->out), err);
    a->stats.reserve_short = rc < 0;
    if (rc == 0 || v->vital)
        return 0;
    v->no_room = true;
    return rc;
}

static int commit_locked(struct audit *a, struct commit_view *v, uint64_t *ticket,
                         struct error *err)
{
    int rc = check_disk(a, err);
    if (rc == 0)
        rc = current_prepare(a, err);
    if (rc < 0)
        return rc;
    struct audit_chain chain = a->chain;
    rc = compose(a, v, &chain, err);
    if (rc == 0)
        rc = check_room(a, err);
    if (rc == 0)
        rc = check_reserve(a, v, err);
    struct span lines = { buf_data(&a->out), buf_len(&a->out) };
    if (rc == 0)
        rc = audit_file_append(a->file, a->path, lines, err);
    if (rc < 0)
        return rc;

    uint64_t first = a->chain.seq + 1;
    a->stats.records += chain.seq - a->chain.seq;
    a->chain = chain;
    a->file->end = chain;
    *ticket = chain.seq;
    if (UNLIKELY(a->notes.reason || a->notes.torn.torn_path || a->notes.recovery.n))
        settle_notes(a, first);
    a->file->segment = a->segment;
    if (!v->seal && (v->preface.len || v->n))
        a->last_event = chain.seq;
    keeper_note_commit(a);
    keep_until_synced(a, lines);
    uint64_t last = chain.seq - (v->seal ? 1 : 0); /* that is no seal */
    sealer_note_commit(a, last >= first ? last : 0);
    return 0;
}

int audit_commit(struct audit *a, struct commit_view *v, uint64_t *ticket, struct error *err)
{
    struct error local;
    if (!err)
        err = &local;
    pthread_mutex_lock(&a->mutex);
    int rc = commit_locked(a, v, ticket, err);
    if (rc < 0)
        audit_note_failure(a, err);
    a->commit_failed = rc < 0 || (v->vital && a->stats.reserve_short);
    audit_tell_state(a);
    buf_clear(&a->out);
    buf_trim(&a->out, OUT_KEEP);
    flusher_unlock(a);
    return rc;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static int open_all(struct audit *a, const struct audit_settings *settings, struct error *err)
{
    struct lock_state state;
    int rc = audit_hasher_new(&a->hasher, err);
    if (rc < 0)
        return rc;
    a->lock_fd = audit_lock_take(a->path, &state, err);
    if (a->lock_fd < 0)
        return a->lock_fd;
    rc = current_find_chain(a, &state, err);
    if (rc == 0 && !state.clean)
        audit_recover(a->path, a->segment, &a->notes.recovery);
    if (rc == 0)
        rc = flusher_start(a, err);
    if (rc == 0)
        rc = sealer_start(a, settings, err);
    if (rc == 0)
        rc = keeper_start(a, err);
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
    keeper_destroy(&a->keeper);
    sealer_destroy(&a->sealer);
    free(a->path);
    free(a);
}

int audit_open(const struct audit_settings *settings, struct audit **out, struct error *err)
{
    struct audit *a = MEM_NEW(struct audit);
    a->path = mem_strdup(settings->path);
    a->sync = settings->sync;
    a->reserve = settings->reserve;
    a->rates = settings->rates;
    a->durable_cb = settings->durable;
    a->opaque = settings->opaque;
    a->n_sinks = settings->sinks < AUDIT_SINKS_MAX ? settings->sinks : AUDIT_SINKS_MAX;
    a->lock_fd = -1;
    pthread_mutex_init(&a->mutex, NULL);
    thread_cond_init(&a->wake);
    keeper_init(&a->keeper, &settings->keeping);
    sealer_init(&a->sealer, &settings->keeping);
    int rc = open_all(a, settings, err);
    if (rc < 0) {
        free_all(a);
        return rc;
    }
    *out = a;
    return 0;
}

bool audit_close(struct audit *a)
{
    if (!a)
        return true;
    keeper_stop(a);
    flusher_stop(a);
    if (!sealer_stop(a))
        return false; /* nothing is freed under who hangs */
    if (a->file && !a->sync_failed && fdatasync(a->file->fd) == 0)
        write_lock_state(a, true);
    free_all(a);
    return true;
}

int audit_reopen(struct audit *a, struct error *err)
{
    pthread_mutex_lock(&a->mutex);
    int rc = current_reopen(a, err);
    flusher_unlock(a);
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

void audit_retry(struct audit *a)
{
    pthread_mutex_lock(&a->mutex);
    if (a->sync_failed)
        flusher_poke(a);
    flusher_unlock(a);
}

void audit_get_stats(struct audit *a, struct audit_stats *out)
{
    pthread_mutex_lock(&a->mutex);
    *out = a->stats;
    out->failing = a->commit_failed || a->sync_failed;
    out->failing_us =
        out->failing && a->failing_since_us ? clock_monotonic_us() - a->failing_since_us : 0;
    out->segment = a->segment;
    out->reserve =
        a->file && a->file->allocated > a->file->offset ? a->file->allocated - a->file->offset : 0;
    sealer_get_stats(a, out);
    pthread_mutex_unlock(&a->mutex);
    out->suppressed = atomic_load(&a->suppressed);
}
