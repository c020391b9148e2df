#include "config.h"
#include "audit/keeper.h"

#include <errno.h>
#include <sys/resource.h>
#include "audit/current.h"
#include "audit/reserve.h"
#include "audit/retention.h"
#include "audit/segment.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define RETRY_US (1 * USEC_PER_SEC)  /* after a rotation that failed */
#define ROUND_US (60 * USEC_PER_SEC) /* from one look at the closed segments to the next */
#define LOOK_US  (60 * USEC_PER_SEC) /* from one look at the segment's age to the next */
#define NICE     19                  /* the janitor's */

#define RETIRED_MAX 4u /* closed segments that are not yet on disk */

/* What is the caller's is not kept. */
static void take_settings(struct keeper *k, const struct audit_keeping *settings)
{
    k->settings = *settings;
    k->settings.signer = NULL;
    k->settings.seal_command = NULL;
}

void keeper_init(struct keeper *k, const struct audit_keeping *settings)
{
    thread_cond_init(&k->wake);
    thread_cond_init(&k->round);
    pthread_cond_init(&k->caught_up, NULL);
    pthread_mutex_init(&k->rounds, NULL);
    pthread_mutex_init(&k->rotating, NULL);
    take_settings(k, settings);
}

void keeper_destroy(struct keeper *k)
{
    pthread_cond_destroy(&k->wake);
    pthread_cond_destroy(&k->round);
    pthread_cond_destroy(&k->caught_up);
    pthread_mutex_destroy(&k->rounds);
    pthread_mutex_destroy(&k->rotating);
}

/* --- rotation --------------------------------------------------------------------------------- */

/* Under the mutex. *next is ready, and NULL if it was taken. */
static int close_current(struct audit *a, struct audit_file **next, struct error *err)
{
    int rc = current_prepare(a, err);
    if (rc < 0 || !current_is_worth_closing(a))
        return rc;
    rc = current_close_segment(a, *next, err);
    if (rc == 0)
        *next = NULL;
    return rc;
}

/* The new segment begins with a record at once, not with whatever comes next. */
static int begin_segment(struct audit *a, struct error *err)
{
    struct commit_view nothing = { .vital = true };
    uint64_t ticket;
    return audit_commit(a, &nothing, &ticket, err);
}

/* Under the mutex. There may be a closed segment more to be looked after: it has its name, and the
 * next one has begun. */
static void ask_for_round(struct audit *a)
{
    a->keeper.round_us = 0;
    pthread_cond_signal(&a->keeper.round);
}

int keeper_end_wait(struct audit *a, struct error *err)
{
    int rc = current_take_place(a, err);
    if (rc == 0) {
        current_note_rotation(a, 0, NULL);
        ask_for_round(a);
    }
    return rc;
}

void keeper_note_sync(struct audit *a)
{
    pthread_cond_broadcast(&a->keeper.caught_up);
}

/* The new file has not yet the log's name, or closed ones wait for their syncs, each with room that
 * was set aside for it: they would become ever more. */
static bool is_behind(const struct audit *a)
{
    unsigned retired = 0;
    for (const struct audit_file *f = a->retired; f; f = f->next)
        retired++;
    return (a->file && a->file->waits_for) || retired >= RETIRED_MAX;
}

/* A disk that fails is told of with the commits. */
static int wait_for_disk(struct audit *a, struct error *err)
{
    int rc = 0;
    pthread_mutex_lock(&a->mutex);
    while (is_behind(a) && !a->sync_failed && !a->keeper.stop)
        pthread_cond_wait(&a->keeper.caught_up, &a->mutex);
    if (is_behind(a) && a->sync_failed)
        rc =
            error_set(err, ERROR_STATE, "the closed segment is not yet on disk: %s", a->sync_error);
    pthread_mutex_unlock(&a->mutex);
    return rc;
}

static int make_next(struct audit *a, const char *path, struct audit_file **next, struct error *err)
{
    int rc = wait_for_disk(a, err);
    if (rc == 0)
        rc = audit_file_make(path, next, err);
    if (rc == 0) /* a full disk: the old segment has a reserve, so it goes on */
        rc = reserve_keep(*next, a->path, a->reserve, 0, err);
    return rc;
}

static int rotate(struct audit *a, struct error *err)
{
    CLEANUP_FREE char *path = segment_next_path(a->path);
    struct audit_file *next = NULL;
    struct error ignored;
    int rc = make_next(a, path, &next, err);

    pthread_mutex_lock(&a->mutex);
    if (rc == 0)
        rc = close_current(a, &next, err);
    a->keeper.large = false;
    if (rc < 0) {
        current_note_rotation(a, rc, err);
        a->keeper.retry_us = clock_monotonic_us() + RETRY_US;
    } else if (!next && !a->file->waits_for) {
        current_note_rotation(a, 0, NULL);
    }
    flusher_unlock(a);

    if (next) { /* it was not taken */
        unlink(path);
        audit_file_free(next);
        return rc;
    }
    if (rc == 0 && begin_segment(a, &ignored) < 0) /* the next commit tries again, or is refused */
        log_error("%s", ignored.text);
    pthread_mutex_lock(&a->mutex);
    ask_for_round(a);
    pthread_mutex_unlock(&a->mutex);
    return rc < 0 ? rc : wait_for_disk(a, err);
}

static int rotate_alone(struct audit *a, struct error *err)
{
    pthread_mutex_lock(&a->keeper.rotating);
    int rc = rotate(a, err);
    pthread_mutex_unlock(&a->keeper.rotating);
    return rc;
}

int audit_rotate(struct audit *a, struct error *err)
{
    struct error local;
    return rotate_alone(a, err ? err : &local);
}

/* --- when ------------------------------------------------------------------------------------- */

void keeper_note_commit(struct audit *a)
{
    struct keeper *k = &a->keeper;
    if (UNLIKELY(k->settings.segment_bytes && a->file->offset >= k->settings.segment_bytes) &&
        !k->large) {
        k->large = true;
        pthread_cond_signal(&k->wake);
    }
}

/* When the segment is to be closed; INT64_MAX: not by time. */
static int64_t rotation_due(const struct audit *a)
{
    const struct keeper *k = &a->keeper;
    int64_t due = INT64_MAX;
    if (!current_is_worth_closing(a))
        return due;
    if (k->large)
        due = 0;
    else if (k->settings.segment_seconds)
        due = a->segment_begun_us + (int64_t)k->settings.segment_seconds * USEC_PER_SEC;
    return due < k->retry_us ? k->retry_us : due;
}

static void *keep(void *opaque)
{
    struct audit *a = opaque;
    struct error ignored; /* it is noted */
    pthread_mutex_lock(&a->mutex);
    while (!a->keeper.stop) {
        int64_t now = clock_monotonic_us();
        int64_t due = rotation_due(a);
        if (now < due) {
            int64_t look = now + LOOK_US;
            (void)thread_wait_until(&a->keeper.wake, &a->mutex, due < look ? due : look);
            continue;
        }
        pthread_mutex_unlock(&a->mutex);
        rotate_alone(a, &ignored);
        pthread_mutex_lock(&a->mutex);
    }
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

/* --- closed segments -------------------------------------------------------------------------- */

/* Asked between the steps of a round, which may take long. */
static bool go_on(void *opaque)
{
    const struct audit *a = opaque;
    return !a->keeper.stop;
}

static void note_round(struct audit *a, int rc, const struct error *err)
{
    struct audit_stats *s = &a->stats;
    if (rc == 0) {
        s->upkeep_error[0] = '\0';
        return;
    }
    s->upkeep_failures++;
    if (strcmp(s->upkeep_error, err->text) == 0)
        return;
    memcpy(s->upkeep_error, err->text, sizeof(s->upkeep_error));
    log_error("closed segments of the audit cannot be looked after, and it is tried again: %s",
              err->text);
}

/* Under the mutex, which it gives up for the round. */
static void look_after(struct audit *a)
{
    struct error err;
    a->keeper.round_us = clock_monotonic_us() + ROUND_US;
    pthread_mutex_unlock(&a->mutex);
    int rc = retention_round(a, go_on, a, &err);
    pthread_mutex_lock(&a->mutex);
    note_round(a, rc, &err);
}

static void *sweep(void *opaque)
{
    struct audit *a = opaque;
    (void)!setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    pthread_mutex_lock(&a->mutex);
    while (!a->keeper.stop) {
        if (clock_monotonic_us() >= a->keeper.round_us)
            look_after(a);
        else
            (void)thread_wait_until(&a->keeper.round, &a->mutex, a->keeper.round_us);
    }
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

void audit_configure(struct audit *a, const struct audit_keeping *settings)
{
    pthread_mutex_lock(&a->mutex);
    take_settings(&a->keeper, settings);
    a->keeper.round_us = 0;
    pthread_cond_signal(&a->keeper.wake);
    pthread_cond_signal(&a->keeper.round);
    sealer_configure(a, settings);
    pthread_mutex_unlock(&a->mutex);
}

/* --- the threads ------------------------------------------------------------------------------ */

int keeper_start(struct audit *a, struct error *err)
{
    struct keeper *k = &a->keeper;
    int rc = thread_start(&k->thread, keep, a);
    k->running = rc == 0;
    if (rc == 0) {
        rc = thread_start(&k->janitor, sweep, a);
        k->sweeping = rc == 0;
    }
    if (rc != 0) {
        keeper_stop(a);
        errno = rc;
        return error_set_errno(err, "the audit log's keeper");
    }
    return 0;
}

void keeper_stop(struct audit *a)
{
    struct keeper *k = &a->keeper;
    pthread_mutex_lock(&a->mutex);
    k->stop = true;
    pthread_cond_signal(&k->wake);
    pthread_cond_signal(&k->round);
    pthread_cond_broadcast(&k->caught_up);
    pthread_mutex_unlock(&a->mutex);
    if (k->running)
        pthread_join(k->thread, NULL);
    if (k->sweeping)
        pthread_join(k->janitor, NULL);
    k->running = k->sweeping = false;
}
