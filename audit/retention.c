#include "config.h"
#include "audit/retention.h"

#include <errno.h>
#include <string.h>
#include "audit/compress.h"
#include "audit/current.h"
#include "audit/internal.h"
#include "audit/segment.h"
#include "audit/segments.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define PLAIN  ".jsonl"
#define PACKED ".jsonl.zst"

struct round {
    struct audit *a;
    bool (*go_on)(void *opaque);
    void *opaque;
    struct audit_keeping settings;
    uint64_t sealed;  /* records up to it may go */
    uint64_t shipped; /* and up to it */
    struct audit_segments files;
    struct error *err;
    int rc;
};

/* --- names ------------------------------------------------------------------------------------ */

static const char *take_digits(const char *p, size_t min, size_t max, uint64_t *out)
{
    size_t n = 0;
    *out = 0;
    for (; n < max && p[n] >= '0' && p[n] <= '9'; n++)
        *out = *out * 10 + (uint64_t)(p[n] - '0');
    return n >= min ? p + n : NULL;
}

uint64_t retention_number(const char *path, const char *file)
{
    size_t stem = segment_stem(path);
    uint64_t number, attempt;
    if (strncmp(path, file, stem) != 0 || file[stem] != '.')
        return 0;
    const char *p = take_digits(file + stem + 1, SEGMENT_DIGITS, SEGMENT_DIGITS, &number);
    if (p && *p == '.' && p[1] >= '0' && p[1] <= '9')
        p = take_digits(p + 1, 1, 2, &attempt);
    return p && (strcmp(p, PLAIN) == 0 || strcmp(p, PACKED) == 0) ? number : 0;
}

/* --- the list --------------------------------------------------------------------------------- */

static void note_error(struct round *r, const struct error *err)
{
    if (r->rc == 0 && r->err)
        *r->err = *err;
    r->rc = err->code;
}

/* The first record after the segment; 0: it is the last, or its end is not known. */
static uint64_t end_of(const struct round *r, size_t i)
{
    for (size_t k = i + 1; k < r->files.n; k++) {
        if (r->files.at[k].first_seq > r->files.at[i].first_seq)
            return r->files.at[k].first_seq;
    }
    return 0;
}

/* When the segment ended: the time of the next one's first record. */
static int64_t end_time(const struct round *r, size_t i)
{
    for (size_t k = i + 1; k < r->files.n; k++) {
        if (r->files.at[k].first_seq > r->files.at[i].first_seq)
            return r->files.at[k].first_us;
    }
    return INT64_MAX;
}

/* Closed, one of those that the gateway named, and followed by another. */
static bool is_ours(const struct round *r, size_t i)
{
    const struct audit_segment *g = &r->files.at[i];
    return g->first_seq > 0 && end_of(r, i) > 0 && retention_number(r->a->path, g->path) > 0;
}

/* That was not compressed in a round before. */
static bool has_plain(const struct round *r)
{
    for (size_t i = 0; i < r->files.n; i++)
        if (is_ours(r, i) && !r->files.at[i].compressed)
            return true;
    return false;
}

/* --- compression ------------------------------------------------------------------------------ */

static void compress_all(struct round *r)
{
    for (size_t i = 0; i < r->files.n; i++) {
        const struct audit_segment *g = &r->files.at[i];
        struct error err;
        if (!is_ours(r, i) || g->compressed)
            continue;
        int rc = compress_segment(g->path, r->go_on, r->opaque, &err);
        if (rc > 0)
            return;
        if (rc < 0)
            note_error(r, &err);
        else
            log_debug("%s is compressed", g->path);
    }
}

/* --- removal ---------------------------------------------------------------------------------- */

static uint64_t total_size(const struct round *r)
{
    uint64_t total = 0;
    for (size_t i = 0; i < r->files.n; i++) {
        if (r->files.at[i].first_seq > 0)
            total += r->files.at[i].size;
    }
    return total;
}

static bool is_too_old(const struct round *r, size_t i, int64_t now_us)
{
    int64_t ended = end_time(r, i);
    return r->settings.keep_seconds && ended < now_us &&
           (uint64_t)(now_us - ended) / USEC_PER_SEC >= r->settings.keep_seconds;
}

/* What nobody vouches for, or has elsewhere, stays. */
static bool may_go(const struct round *r, size_t i)
{
    uint64_t last = end_of(r, i) - 1;
    return last <= r->sealed && last <= r->shipped;
}

/* The oldest first, and never one behind another that stays: what is left is one piece. */
static void remove_old(struct round *r)
{
    struct error err;
    uint64_t total = total_size(r);
    int64_t now_us = clock_utc_us();
    bool held = false;
    for (size_t i = 0; i < r->files.n && r->go_on(r->opaque); i++) {
        const struct audit_segment *g = &r->files.at[i];
        bool too_many = r->settings.keep_bytes && total > r->settings.keep_bytes;
        if (g->first_seq == 0)
            continue;
        if (!is_ours(r, i) || (!too_many && !is_too_old(r, i, now_us)))
            break;
        held = !may_go(r, i);
        if (held)
            break;
        if (unlink(g->path) < 0 && errno != ENOENT) {
            error_set_errno(&err, "%s", g->path);
            note_error(r, &err);
            break;
        }
        log_info("the audit's segment %s is removed: it is %s", g->path,
                 too_many ? "over keep_megabytes" : "older than keep_days");
        total -= g->size;
    }
    pthread_mutex_lock(&r->a->mutex);
    bool before = r->a->stats.retention_held;
    r->a->stats.retention_held = held;
    pthread_mutex_unlock(&r->a->mutex);
    if (held && !before)
        log_warning("old segments of the audit are kept: they are not yet sealed, or not yet sent "
                    "by every sink");
}

/* --- figures ---------------------------------------------------------------------------------- */

static int list(struct round *r)
{
    audit_segments_clear(&r->files);
    return audit_segments_of_log(&r->files, r->a->path, r->err);
}

static void tell_figures(struct round *r)
{
    const struct audit_segment *first = audit_segments_first(&r->files);
    uint64_t n = 0;
    for (size_t i = 0; i < r->files.n; i++)
        n += r->files.at[i].first_seq > 0 && !r->files.at[i].twin;
    pthread_mutex_lock(&r->a->mutex);
    struct audit_stats *s = &r->a->stats;
    s->segments = n;
    s->disk_bytes = total_size(r);
    s->oldest_segment = first ? first->number : 0;
    s->oldest_us = first ? first->first_us : 0;
    pthread_mutex_unlock(&r->a->mutex);
}

static int run_round(struct round *r)
{
    struct audit *a = r->a;
    pthread_mutex_lock(&a->mutex);
    r->settings = a->keeper.settings;
    r->sealed = a->sealer.signer || a->sealer.next ? a->sealer.sealed : UINT64_MAX;
    pthread_mutex_unlock(&a->mutex);
    r->shipped = audit_shipped(a);

    int rc = list(r);
    bool may_change = r->settings.compress || r->settings.keep_seconds || r->settings.keep_bytes;
    if (rc == 0 && may_change && has_plain(r)) /* it was closed before this */
        rc = current_sync_lock(a, r->err);
    if (rc == 0 && r->settings.compress) {
        compress_all(r);
        rc = list(r);
    }
    if (rc == 0 && (r->settings.keep_seconds || r->settings.keep_bytes)) {
        remove_old(r);
        rc = list(r);
    }
    if (rc == 0)
        tell_figures(r);
    return rc < 0 ? rc : r->rc;
}

int retention_round(struct audit *a, bool (*go_on)(void *opaque), void *opaque, struct error *err)
{
    struct round r = { .a = a, .go_on = go_on, .opaque = opaque, .err = err };
    pthread_mutex_lock(&a->keeper.rounds);
    int rc = run_round(&r);
    pthread_mutex_unlock(&a->keeper.rounds);
    audit_segments_clear(&r.files);
    return rc;
}
