#include "config.h"
#include "audit/internal.h"

#include "audit/rate.h"
#include "audit/record.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define RETAIN_MAX (1u << 20)   /* bytes of records that wait for the log to work again */
#define KEEP_MAX   (256u << 10) /* bytes of memory that an empty batch holds on to */

struct audit_batch {
    struct audit *a; /* borrowed */
    struct buf bodies;
    struct batch_entry *entries;
    size_t n, cap;
    struct arguments_writer writer;
    struct rate_limiter *limiter;

    /* what the log could not take, to be said as soon as it can */
    uint64_t lost_records;
    uint64_t lost_intents;
    char reason[ERROR_TEXT_MAX];
};

struct audit_batch *audit_batch_new(struct audit *a)
{
    struct audit_batch *b = MEM_NEW(struct audit_batch);
    struct error err;
    b->a = a;
    b->limiter = rate_limiter_new(&a->rates);
    b->writer.out = &b->bodies;
    if (audit_hasher_new(&b->writer.hasher, &err) < 0) {
        /* it worked for the audit itself: the machine is at its end */
        log_error("audit: %s", err.text);
        abort();
    }
    return b;
}

static struct batch_entry *new_entry(struct audit_batch *b)
{
    if (b->n == b->cap) {
        void *entries = b->entries;
        mem_grow(&entries, &b->cap, b->n + 1, sizeof(*b->entries));
        b->entries = entries;
    }
    struct batch_entry *e = &b->entries[b->n++];
    *e = (struct batch_entry){ .offset = buf_len(&b->bodies) };
    return e;
}

static void end_entry(struct audit_batch *b, struct batch_entry *e)
{
    e->len = buf_len(&b->bodies) - e->offset;
}

/* --- what was over the rate ------------------------------------------------------------------- */

static void write_surplus(void *opaque, const struct rate_surplus *s)
{
    struct audit_batch *b = opaque;
    struct buf *out = &b->bodies;
    struct batch_entry *e = new_entry(b);
    char since[CLOCK_UTC_TEXT];

    clock_format_utc(s->since_us, since);
    record_write_head(out, "suppressed", clock_utc_us());
    record_write_count(out, "records", s->count);
    record_write_member(out, "since", (struct span){ since, CLOCK_UTC_TEXT - 1 });
    record_write_member(out, "host", (struct span){ s->host, strlen(s->host) });
    if (s->identity[0])
        record_write_member(out, "identity", (struct span){ s->identity, strlen(s->identity) });
    end_entry(b, e);
}

static bool is_over_rate(struct audit_batch *b, const struct audit_record *r)
{
    struct rate_sink sink = { write_surplus, b };
    if (!rate_applies(r) || rate_allow(b->limiter, r, &sink))
        return false;
    atomic_fetch_add(&b->a->suppressed, 1);
    return true;
}

void audit_batch_tick(struct audit_batch *b, int64_t utc_us)
{
    struct rate_sink sink = { write_surplus, b };
    rate_tell_due(b->limiter, utc_us, false, &sink);
}

/* --- records ---------------------------------------------------------------------------------- */

bool audit_is_vital(const struct audit_record *r)
{
    switch (r->type) {
    case AUDIT_START:
    case AUDIT_STOP:
    case AUDIT_OUTCOME:
    case AUDIT_POLICY_LOAD:
    case AUDIT_CONFIG_LOAD:
        return true;
    case AUDIT_SESSION_CLOSE:
    case AUDIT_DETACH:
        return r->identity != NULL;
    case AUDIT_ADMIN:
        return r->result != AUDIT_DENIED;
    case AUDIT_INTENT:
        return r->administration;
    case AUDIT_SESSION_OPEN:
    case AUDIT_AUTH:
    case AUDIT_ATTACH:
    case AUDIT_REFUSED:
    case AUDIT_EVENTS_LOST:
        return false;
    }
    return false;
}

void audit_batch_add(struct audit_batch *b, const struct audit_record *r)
{
    if (is_over_rate(b, r))
        return;
    struct batch_entry *e = new_entry(b);
    e->intent = r->type == AUDIT_INTENT;
    e->vital = audit_is_vital(r);
    record_write(&b->writer, r);
    end_entry(b, e);
    rate_charge(b->limiter, e->len);
}

bool audit_batch_empty(const struct audit_batch *b)
{
    return b->n == 0 && b->lost_records == 0 && b->lost_intents == 0;
}

/* What is vital, where the rest has no room. True if that was written, or there is none. */
static bool commit_vital(struct audit_batch *b, uint64_t *ticket)
{
    struct commit_view view = {
        .bodies = buf_data(&b->bodies),
        .entries = b->entries,
        .n = b->n,
        .vital = true,
    };
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        n += b->entries[i].vital;
    if (n == 0)
        return true;
    if (audit_commit(b->a, &view, ticket, NULL) < 0) {
        *ticket = 0;
        return false;
    }
    n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (!b->entries[i].vital)
            b->entries[n++] = b->entries[i];
    }
    b->n = n;
    return true;
}

/* After a commit that failed: intents go (their commands are refused), the others wait. */
static void retain(struct audit_batch *b, const struct error *why)
{
    size_t n = 0, used = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct batch_entry e = b->entries[i];
        if (e.intent) {
            b->lost_intents++;
        } else if (used + e.len > RETAIN_MAX) {
            b->lost_records++;
        } else {
            memmove(buf_data(&b->bodies) + used, buf_data(&b->bodies) + e.offset, e.len);
            b->entries[n++] =
                (struct batch_entry){ .offset = used, .len = e.len, .vital = e.vital };
            used += e.len;
        }
    }
    b->n = n;
    buf_truncate(&b->bodies, used);
    memcpy(b->reason, why->text, sizeof(b->reason));
}

static void write_lost(struct audit_batch *b, struct buf *out)
{
    record_write_head(out, "unrecorded", clock_utc_us());
    record_write_count(out, "records", b->lost_records);
    record_write_count(out, "intents", b->lost_intents);
    record_write_member(out, "text", (struct span){ b->reason, strlen(b->reason) });
}

int audit_batch_commit(struct audit_batch *b, uint64_t *ticket, struct error *err)
{
    struct error local;
    CLEANUP_BUF struct buf preface = { 0 };
    if (!err)
        err = &local;
    audit_batch_tick(b, clock_utc_us());
    if (audit_batch_empty(b)) {
        *ticket = audit_durable(b->a);
        return 0;
    }
    if (b->lost_records || b->lost_intents)
        write_lost(b, &preface);
    struct commit_view view = {
        .preface = { buf_data(&preface), buf_len(&preface) },
        .bodies = buf_data(&b->bodies),
        .entries = b->entries,
        .n = b->n,
    };
    int rc = audit_commit(b->a, &view, ticket, err);
    if (rc < 0) {
        *ticket = 0;
        if (view.no_room)
            commit_vital(b, ticket);
        retain(b, err);
        return rc;
    }
    b->lost_records = b->lost_intents = 0;
    b->n = 0;
    buf_clear(&b->bodies);
    buf_trim(&b->bodies, KEEP_MAX);
    return 0;
}

void audit_batch_free(struct audit_batch *b)
{
    if (!b)
        return;
    struct rate_sink sink = { write_surplus, b };
    struct error err;
    uint64_t ticket;
    rate_tell_due(b->limiter, clock_utc_us(), true, &sink);
    if (audit_batch_commit(b, &ticket, &err) < 0)
        log_error("%zu records could not be written: %s", b->n, err.text);
    rate_limiter_free(b->limiter);
    audit_hasher_free(&b->writer.hasher);
    buf_free(&b->writer.scratch);
    buf_free(&b->bodies);
    free(b->entries);
    free(b);
}
