#include "config.h"
#include "audit/rate.h"

#include <string.h>
#include "base/clock.h"
#include "base/mem.h"

#define SLOTS     512u /* keys at once; a power of two */
#define WAYS      4u   /* slots that a key may take */
#define HOST_TEXT 64   /* bytes with the NUL; the longest IPv6 address with a scope is cut */
#define NAME_TEXT 192  /* bytes of the identity that are kept for the count */

struct bucket {
    int64_t tokens;    /* millionths of a record */
    int64_t filled_us; /* when tokens was right */
    uint64_t surplus;
    int64_t since_us; /* of the first of them */
};

struct slot {
    uint64_t key; /* 0: free */
    struct bucket bucket;
    char host[HOST_TEXT];
    char identity[NAME_TEXT];
};

struct rate_limiter {
    uint64_t seed;      /* so that nobody can choose whom to share a slot with */
    unsigned n_surplus; /* buckets with a count */
    int64_t looked_us;  /* when they were last looked through */
    struct audit_rates rates;
    struct bucket all;
    struct bucket *last; /* of the record that was allowed last */
    struct slot slots[SLOTS];
};

struct rate_limiter *rate_limiter_new(const struct audit_rates *rates)
{
    static const struct audit_rates defaults = {
        AUDIT_RATE_BURST,
        AUDIT_RATE_PER_SECOND,
        AUDIT_RATE_ALL_BURST,
        AUDIT_RATE_ALL_PER_SECOND,
    };
    struct rate_limiter *l = MEM_NEW(struct rate_limiter);
    l->rates = rates->burst ? *rates : defaults;
    l->seed = (uint64_t)clock_monotonic_us() * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)l;
    return l;
}

void rate_limiter_free(struct rate_limiter *l)
{
    free(l);
}

bool rate_applies(const struct audit_record *r)
{
    switch (r->type) {
    case AUDIT_REFUSED:
        return true;
    case AUDIT_AUTH:
    case AUDIT_ATTACH:
    case AUDIT_ADMIN:
        return r->result != AUDIT_OK && r->result != AUDIT_RESULT_NONE;
    case AUDIT_SESSION_OPEN:
    case AUDIT_SESSION_CLOSE:
        return !r->identity;
    case AUDIT_START:
    case AUDIT_STOP:
    case AUDIT_DETACH:
    case AUDIT_INTENT:
    case AUDIT_OUTCOME:
    case AUDIT_EVENTS_LOST: /* seldom, and for nobody who is not known */
    case AUDIT_POLICY_LOAD:
    case AUDIT_CONFIG_LOAD:
        return false;
    }
    return false;
}

/* "192.0.2.1:4434" -> "192.0.2.1"; "[2001:db8::1]:4434" -> "2001:db8::1"; others as they are. */
static struct span host_of(const char *peer)
{
    size_t len = peer ? strlen(peer) : 0;
    if (len && peer[0] == '[') {
        const char *end = memchr(peer, ']', len);
        return end ? (struct span){ peer + 1, (size_t)(end - peer - 1) }
                   : (struct span){ peer, len };
    }
    const char *colon = len ? memchr(peer, ':', len) : NULL;
    if (colon && !memchr(colon + 1, ':', len - (size_t)(colon + 1 - peer)))
        len = (size_t)(colon - peer);
    return (struct span){ peer, len };
}

static uint64_t hash_more(uint64_t h, struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.data[i]) * 0x100000001b3u;
    return (h ^ s.len) * 0x9e3779b97f4a7c15u;
}

static void copy_text(char *out, size_t size, struct span s)
{
    size_t len = s.len < size ? s.len : size - 1;
    if (len)
        memcpy(out, s.data, len);
    out[len] = '\0';
}

/* One token out of the bucket, after what time has put in. A clock that goes back puts in nothing.
 */
static bool take(struct bucket *b, int64_t now, unsigned burst, unsigned per_second)
{
    int64_t most = (int64_t)burst * USEC_PER_SEC;
    int64_t passed = now - b->filled_us;
    if (passed > most)
        passed = most;
    if (passed > 0)
        b->tokens += passed * per_second;
    if (b->tokens > most)
        b->tokens = most;
    b->filled_us = now;
    if (b->tokens < USEC_PER_SEC)
        return false;
    b->tokens -= USEC_PER_SEC;
    return true;
}

static void count(struct rate_limiter *l, struct bucket *b, int64_t now)
{
    if (b->surplus++ == 0) {
        b->since_us = now;
        l->n_surplus++;
    }
}

static void tell(struct rate_limiter *l, struct bucket *b, const char *host, const char *identity,
                 const struct rate_sink *sink)
{
    if (b->surplus == 0)
        return;
    struct rate_surplus s = { b->surplus, b->since_us, host, identity };
    b->surplus = 0;
    l->n_surplus--;
    sink->tell(sink->opaque, &s);
}

static bool take_of_all(struct rate_limiter *l, int64_t now)
{
    if (l->all.filled_us == 0) {
        l->all.tokens = (int64_t)l->rates.all_burst * USEC_PER_SEC;
        l->all.filled_us = now;
    }
    return take(&l->all, now, l->rates.all_burst, l->rates.all_per_second);
}

/* Its count is told, if all together may still be written down; otherwise it is theirs. */
static void give_way(struct rate_limiter *l, struct slot *slot, int64_t now,
                     const struct rate_sink *sink)
{
    struct bucket *b = &slot->bucket;
    if (b->surplus == 0)
        return;
    if (take_of_all(l, now)) {
        tell(l, b, slot->host, slot->identity, sink);
        return;
    }
    if (l->all.surplus == 0) {
        l->all.since_us = b->since_us;
        l->n_surplus++;
    }
    l->all.surplus += b->surplus;
    b->surplus = 0;
    l->n_surplus--;
}

/* The key's slot; a new key takes a free one of its four, or the one that was quiet longest. */
static struct slot *find_slot(struct rate_limiter *l, const struct audit_record *r,
                              const struct rate_sink *sink)
{
    struct span host = host_of(r->peer);
    struct span identity = { r->identity, r->identity ? strlen(r->identity) : 0 };
    uint64_t key = hash_more(hash_more(l->seed, host), identity) | 1;
    struct slot *set = &l->slots[(key >> 32) % (SLOTS / WAYS) * WAYS];
    struct slot *victim = &set[0];

    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].key == 0 || set[i].bucket.filled_us < victim->bucket.filled_us)
            victim = &set[i];
    }
    give_way(l, victim, r->utc_us, sink);
    *victim = (struct slot){ .key = key };
    victim->bucket.tokens = (int64_t)l->rates.burst * USEC_PER_SEC;
    victim->bucket.filled_us = r->utc_us;
    copy_text(victim->host, sizeof(victim->host), host);
    copy_text(victim->identity, sizeof(victim->identity), identity);
    return victim;
}

bool rate_allow(struct rate_limiter *l, const struct audit_record *r, const struct rate_sink *sink)
{
    struct slot *slot = find_slot(l, r, sink);
    if (!take(&slot->bucket, r->utc_us, l->rates.burst, l->rates.per_second)) {
        count(l, &slot->bucket, r->utc_us);
        return false;
    }
    if (!take_of_all(l, r->utc_us)) {
        count(l, &l->all, r->utc_us);
        return false;
    }
    l->last = &slot->bucket;
    return true;
}

void rate_charge(struct rate_limiter *l, size_t bytes)
{
    int64_t more = (int64_t)(bytes / AUDIT_RATE_RECORD_BYTES) * USEC_PER_SEC;
    if (!l->last)
        return;
    l->last->tokens -= more;
    l->all.tokens -= more;
    l->last = NULL;
}

static void tell_if_due(struct rate_limiter *l, struct bucket *b, int64_t utc_us, bool all,
                        const char *host, const char *identity, const struct rate_sink *sink)
{
    int64_t age = utc_us - b->since_us;
    if (all || age < 0 || age >= AUDIT_RATE_TELL_SECONDS * USEC_PER_SEC)
        tell(l, b, host, identity, sink);
}

void rate_tell_due(struct rate_limiter *l, int64_t utc_us, bool all, const struct rate_sink *sink)
{
    int64_t since = utc_us - l->looked_us;
    if (l->n_surplus == 0 || (!all && since >= 0 && since < USEC_PER_SEC))
        return;
    l->looked_us = utc_us;
    tell_if_due(l, &l->all, utc_us, all, "*", "", sink);
    for (unsigned i = 0; i < SLOTS && l->n_surplus > 0; i++) {
        struct slot *s = &l->slots[i];
        tell_if_due(l, &s->bucket, utc_us, all, s->host, s->identity, sink);
    }
}
