#include "config.h"
#include "audit/sealer.h"

#include <errno.h>
#include <string.h>
#include "audit/current.h"
#include "audit/seal_command.h"
#include "audit/sign.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define RETRY_US     (2 * USEC_PER_SEC)  /* after a seal that could not be made */
#define LOOK_US      (60 * USEC_PER_SEC) /* when there is nothing else to wait for */
#define CHANGE_TRIES 3u                  /* that an old key has, to vouch for the next */
#define STOP_US      (10 * USEC_PER_SEC) /* that the exit seal may take */

void sealer_init(struct sealer *s, const struct audit_keeping *keeping)
{
    thread_cond_init(&s->wake);
    thread_cond_init(&s->ended);
    s->signer = audit_signer_ref(keeping->signer);
    s->every = keeping->seal_records;
    s->within = keeping->seal_seconds;
}

/* Under the mutex. */
static void drop(struct sealer *s, struct audit_signer *take_signer)
{
    void *dropped = s->dropped;
    if (!take_signer)
        return;
    mem_grow(&dropped, &s->cap_dropped, s->n_dropped + 1, sizeof(struct audit_signer *));
    s->dropped = dropped;
    s->dropped[s->n_dropped++] = take_signer;
}

/* Under the mutex, which it gives up for each key. */
static void let_go(struct audit *a)
{
    struct sealer *s = &a->sealer;
    while (s->n_dropped) {
        struct audit_signer *signer = s->dropped[--s->n_dropped];
        pthread_mutex_unlock(&a->mutex);
        audit_signer_unref(signer);
        pthread_mutex_lock(&a->mutex);
    }
}

void sealer_destroy(struct sealer *s)
{
    while (s->n_dropped)
        audit_signer_unref(s->dropped[--s->n_dropped]);
    free(s->dropped);
    seal_command_free(s->command);
    audit_signer_unref(s->signer);
    audit_signer_unref(s->next);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->ended);
}

static void wake(struct audit *a)
{
    if (a->sealer.running)
        pthread_cond_signal(&a->sealer.wake);
}

/* --- what happens to the chain ---------------------------------------------------------------- */

void sealer_note_commit(struct audit *a, uint64_t last)
{
    struct sealer *s = &a->sealer;
    if (last) {
        bool first = s->last <= s->sealed;
        s->last = last;
        if (UNLIKELY(first && s->last > s->sealed)) {
            s->unsealed_since_us = clock_monotonic_us();
            wake(a);
        }
    }
    if (UNLIKELY(s->every && s->signer && a->chain.seq - s->sealed == s->every))
        wake(a);
    if (a->sync == AUDIT_SYNC_NONE) /* who wants it so has no disk to wait for */
        s->durable = (struct seal_point){ .chain = a->chain, .segment = a->segment };
}

void sealer_note_durable(struct audit *a, const struct seal_point *point)
{
    if (point->chain.seq > a->sealer.durable.chain.seq)
        a->sealer.durable = *point;
    if (a->sealer.starved)
        wake(a);
}

static void force(struct audit *a, enum seal_reason reason)
{
    struct sealer *s = &a->sealer;
    const struct seal_point end = { .chain = a->chain, .segment = a->segment };
    if (s->forced) {
        s->forced_again = true;
        s->later = end;
    } else {
        s->forced = true;
        s->reason = reason;
        s->at = end;
    }
    wake(a);
}

void sealer_note_rotation(struct audit *a)
{
    if (a->sealer.signer)
        force(a, SEAL_ROTATED);
}

void sealer_configure(struct audit *a, const struct audit_keeping *keeping)
{
    struct sealer *s = &a->sealer;
    s->every = keeping->seal_records;
    s->within = keeping->seal_seconds;
    seal_command_configure(s->command, keeping->seal_command);
    drop(s, s->next);
    s->next = audit_signer_ref(keeping->signer);
    s->change = true;
    s->change_at = a->chain.seq;
    s->change_tries = 0;
    s->retry_us = 0;
    wake(a);
}

/* --- one seal --------------------------------------------------------------------------------- */

static int append_seal(struct audit *a, const struct seal *seal, struct error *err)
{
    CLEANUP_BUF struct buf body = { 0 };
    uint64_t ticket;
    seal_write_body(seal, &body);
    struct batch_entry entry = { .len = buf_len(&body), .vital = true };
    struct commit_view view = {
        .bodies = buf_data(&body), .entries = &entry, .n = 1, .vital = true, .seal = true
    };
    return audit_commit(a, &view, &ticket, err);
}

/* Under the mutex. */
static void note_sealed(struct audit *a, const struct seal *seal, const struct audit_signer *next,
                        int64_t begun_us)
{
    struct sealer *s = &a->sealer;
    if (seal->through > s->sealed)
        s->sealed = seal->through;
    memcpy(s->key, next ? audit_signer_public(next)->id : seal->key, sizeof(s->key));
    s->unsealed_since_us = begun_us;
    s->begun |= !next;
    a->stats.seals++;
    if (a->stats.seal_error[0])
        log_info("the audit log is sealed again, through record %llu",
                 (unsigned long long)seal->through);
    a->stats.seal_error[0] = '\0';
    s->sealed_us = clock_monotonic_us();
    write_lock_state(a, false);
}

static void note_unsealed(struct audit *a, const struct error *err)
{
    a->stats.seal_failures++;
    a->sealer.retry_us = clock_monotonic_us() + RETRY_US;
    if (strcmp(a->stats.seal_error, err->text) == 0)
        return;
    memcpy(a->stats.seal_error, err->text, sizeof(a->stats.seal_error));
    log_error("the audit log cannot be sealed now, and it is tried again: %s", err->text);
}

/* Under the mutex, which it gives up for what is slow. `next` is a key that this seal vouches for.
 */
static int make_seal(struct audit *a, enum seal_reason reason, const struct seal_point *at,
                     const struct audit_signer *next)
{
    struct sealer *s = &a->sealer;
    struct audit_signer *signer = s->signer;
    struct seal_command *command = s->command;
    struct error err;
    int64_t begun_us = clock_monotonic_us();
    struct seal seal = {
        .segment = at->segment,
        .reason = reason,
        .through = at->chain.seq,
        .every = s->every,
        .within = s->within,
    };
    memcpy(seal.digest, at->chain.hash, sizeof(seal.digest));
    if (next)
        memcpy(seal.next_key, audit_signer_public(next)->der, sizeof(seal.next_key));

    pthread_mutex_unlock(&a->mutex);
    seal.utc_us = clock_utc_us();
    int rc = audit_signer_sign(signer, &seal, &err);
    if (rc == 0)
        rc = append_seal(a, &seal, &err);
    if (rc == 0) {
        CLEANUP_BUF struct buf line = { 0 };
        seal_write_exported(&seal, &line);
        seal_command_give(command, (struct span){ buf_data(&line), buf_len(&line) });
    }
    pthread_mutex_lock(&a->mutex);

    if (rc == 0)
        note_sealed(a, &seal, next, begun_us);
    else
        note_unsealed(a, &err);
    return rc;
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool same_key(const struct audit_signer *a, const struct audit_signer *b)
{
    return a && b &&
           memcmp(audit_signer_public(a)->id, audit_signer_public(b)->id, AUDIT_HASH_BYTES) == 0;
}

/* The old key's last seal vouches for the new one; without a new one it says where seals end. */
static void change_key(struct audit *a)
{
    struct sealer *s = &a->sealer;
    struct audit_signer *next = audit_signer_ref(s->next);
    struct seal_point at = s->durable;
    int rc = 0;
    if (s->signer && !same_key(s->signer, next) && at.chain.seq > 0)
        rc = make_seal(a, next ? SEAL_KEY : SEAL_REQUEST, &at, next);
    if (next != s->next) { /* another reload came meanwhile, and has the last word */
        drop(s, next);
        return;
    }
    if (rc < 0 && ++s->change_tries < CHANGE_TRIES && !s->stop) {
        drop(s, next);
        return;
    }
    if (rc < 0)
        log_warning("the old key of the audit log's seals does not sign any more: nothing vouches "
                    "for the new one, and who verifies the log has to be told");
    drop(s, s->signer);
    s->signer = next;
    drop(s, TAKE_PTR(s->next));
    s->change = false;
    s->retry_us = 0;
}

/* --- when ------------------------------------------------------------------------------------- */

/* What a seal would be for now, if for anything. Otherwise *due is when to look again. */
static bool is_wanted(const struct audit *a, int64_t now, enum seal_reason *reason, int64_t *due)
{
    const struct sealer *s = &a->sealer;
    *reason = s->reason;
    if (s->forced)
        return true;
    if (s->last <= s->sealed)
        return false;
    *reason = SEAL_START;
    if (!s->begun)
        return true;
    *reason = SEAL_RECORDS;
    if (s->every && a->chain.seq - s->sealed >= s->every)
        return true;
    *reason = SEAL_SECONDS;
    if (s->within)
        *due = s->unsealed_since_us + (int64_t)s->within * USEC_PER_SEC;
    return now >= *due;
}

/* What a seal covers is on the disk, or the next power failure would make it a lie: how far that
 * is says the flusher, which is told to make haste. */
static bool has_reached_disk(struct audit *a, uint64_t target)
{
    struct sealer *s = &a->sealer;
    s->starved = s->durable.chain.seq < target;
    if (!s->starved)
        return true;
    flusher_poke(a);
    pthread_cond_signal(&a->wake);
    return false;
}

/* True if a seal is due now, through `at`; otherwise *due is when to look again. */
static bool is_due(struct audit *a, int64_t now, enum seal_reason *reason, struct seal_point *at,
                   int64_t *due)
{
    struct sealer *s = &a->sealer;
    *due = INT64_MAX;
    if (!s->signer)
        return false;
    if (now < s->retry_us) {
        *due = s->retry_us;
        return false;
    }
    if (!is_wanted(a, now, reason, due))
        return false;
    *due = INT64_MAX;
    if (s->target <= s->sealed)
        s->target = s->last;
    if (!has_reached_disk(a, s->forced ? s->at.chain.seq : s->target))
        return false;
    *at = s->forced ? s->at : s->durable;
    return true;
}

static void wait_until(struct audit *a, int64_t due)
{
    int64_t latest = clock_monotonic_us() + LOOK_US;
    if (due > latest)
        due = latest;
    (void)thread_wait_until(&a->sealer.wake, &a->mutex, due);
}

/* Under the mutex. */
static void step(struct audit *a)
{
    struct sealer *s = &a->sealer;
    enum seal_reason reason;
    struct seal_point at;
    int64_t due = INT64_MAX, now = clock_monotonic_us();
    s->starved = false;
    if (s->n_dropped) {
        let_go(a);
        return;
    }
    if (s->change && now >= s->retry_us && (!s->signer || has_reached_disk(a, s->change_at))) {
        change_key(a);
        return;
    }
    if (s->starved || !is_due(a, now, &reason, &at, &due)) {
        if (s->starved)
            due = INT64_MAX; /* for the disk */
        else if (s->change && s->retry_us < due)
            due = s->retry_us;
        wait_until(a, due);
        return;
    }
    bool forced = s->forced;
    if (make_seal(a, reason, &at, NULL) < 0 || !forced)
        return;
    s->forced = s->forced_again;
    s->forced_again = false;
    s->at = s->later;
}

/* The flusher has ended, and nobody else writes: what came after its last sync is a seal of ours.
 */
static bool bring_to_disk(const struct audit *a)
{
    return a->sealer.durable.chain.seq == a->chain.seq ||
           (!a->sync_failed && a->file && fdatasync(a->file->fd) == 0);
}

static void seal_exit(struct audit *a)
{
    struct sealer *s = &a->sealer;
    if (s->change)
        change_key(a);
    struct seal_point end = { .chain = a->chain, .segment = a->segment };
    if (s->signer && a->chain.seq > s->begun_at &&
        (!bring_to_disk(a) || make_seal(a, SEAL_EXIT, &end, NULL) < 0))
        log_error("the audit log ends without a seal: %llu records are not sealed",
                  (unsigned long long)(a->chain.seq - s->sealed));
}

static void *run(void *opaque)
{
    struct audit *a = opaque;
    pthread_mutex_lock(&a->mutex);
    while (!a->sealer.stop)
        step(a);
    seal_exit(a);
    let_go(a);
    a->sealer.done = true;
    pthread_cond_signal(&a->sealer.ended);
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* The key of the last run's seals, if it is another one, vouches for the new one. */
static void choose_key(struct sealer *s, struct audit_signer *old)
{
    static const unsigned char none[AUDIT_HASH_BYTES];
    char id[AUDIT_HASH_TEXT + 1] = "";
    if (memcmp(s->key, none, sizeof(none)) == 0 ||
        (s->signer && memcmp(s->key, audit_signer_public(s->signer)->id, sizeof(s->key)) == 0))
        return;
    audit_hash_format(s->key, id);
    if (!s->signer) {
        log_warning("the audit log was sealed, by key %.16s..., and is so no more: there is no "
                    "seal_key",
                    id);
    } else if (old && memcmp(s->key, audit_signer_public(old)->id, sizeof(s->key)) == 0) {
        s->next = s->signer;
        s->signer = audit_signer_ref(old);
        s->change = true;
    } else {
        log_warning("the audit log was last sealed by key %.16s..., which is neither seal_key nor "
                    "seal_old_key: nothing vouches for the new one, and who verifies the log has "
                    "to be told",
                    id);
    }
}

int sealer_start(struct audit *a, const struct audit_settings *settings, struct error *err)
{
    struct sealer *s = &a->sealer;
    if (a->sync == AUDIT_SYNC_NONE || a->synced.seq == a->chain.seq)
        s->durable = (struct seal_point){ .chain = a->chain, .segment = a->segment };
    s->change_at = a->chain.seq;
    if (s->sealed > a->chain.seq)
        s->sealed = a->chain.seq;
    s->begun_at = a->chain.seq;
    /* a seal covers nothing after itself: behind the last covered record there is only the seal */
    s->last = a->chain.seq == s->sealed + 1 ? s->sealed : a->chain.seq;
    choose_key(s, settings->old_signer);
    s->unsealed_since_us = clock_monotonic_us();
    s->command = seal_command_new();
    seal_command_configure(s->command, settings->keeping.seal_command);
    int rc = thread_start(&s->thread, run, a);
    if (rc != 0) {
        errno = rc;
        return error_set_errno(err, "the thread that seals the audit log");
    }
    s->running = true;
    return 0;
}

bool sealer_stop(struct audit *a)
{
    struct sealer *s = &a->sealer;
    if (!s->running)
        return true;
    int64_t due = clock_monotonic_us() + STOP_US;
    pthread_mutex_lock(&a->mutex);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    while (!s->done && thread_wait_until(&s->ended, &a->mutex, due))
        ;
    bool done = s->done;
    pthread_mutex_unlock(&a->mutex);
    if (!done) {
        log_error("the key of the audit log's seals does not answer: the log ends without a seal");
        pthread_detach(s->thread);
        return false;
    }
    pthread_join(s->thread, NULL);
    s->running = false;
    seal_command_stop(s->command);
    return true;
}

void sealer_get_stats(struct audit *a, struct audit_stats *out)
{
    const struct sealer *s = &a->sealer;
    struct seal_command_stats command = { 0 };
    if (s->command)
        seal_command_get_stats(s->command, &command);
    out->sealing = s->signer != NULL;
    out->unsealed = s->last > s->sealed ? a->chain.seq - s->sealed : 0;
    out->seal_age_us = s->sealed_us ? clock_monotonic_us() - s->sealed_us : -1;
    out->seal_command_failures = command.failures;
    out->seal_command_failing = command.failing;
}
