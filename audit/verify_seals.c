/* The verifier's part that knows seals: what they say of the chain, who signed, whether they came
 * when they should, and those that were kept elsewhere. */
#include "config.h"
#include "audit/verify_internal.h"

#include <inttypes.h>
#include "base/mem.h"

/* How late a seal may be: the thread that makes them has other work, and a token may be slow. */
#define SLACK_US      (60 * USEC_PER_SEC)
#define SLACK_RECORDS (4u << 20) /* what a busy gateway writes in that time */
#define STARTS_MAX    3u         /* starts after crashes without a seal between */

#define KEY_SHOWN 16 /* digits of a key's id in a sentence */

static void format_key(const unsigned char id[AUDIT_HASH_BYTES], char text[KEY_SHOWN + 1])
{
    char all[AUDIT_HASH_TEXT];
    audit_hash_format(id, all);
    memcpy(text, all, KEY_SHOWN);
    text[KEY_SHOWN] = '\0';
}

static bool check_signatures(const struct verify *v)
{
    return v->settings->keys && v->settings->keys->n > 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* The summary's entry for a key; made if it is new. */
static struct audit_verify_key *note_key(struct verify *v, const unsigned char id[AUDIT_HASH_BYTES])
{
    struct audit_verify_summary *out = v->out;
    for (size_t i = 0; i < out->n_keys; i++)
        if (memcmp(out->keys[i].id, id, AUDIT_HASH_BYTES) == 0)
            return &out->keys[i];
    void *keys = out->keys;
    mem_grow(&keys, &out->cap_keys, out->n_keys + 1, sizeof(*out->keys));
    out->keys = keys;
    struct audit_verify_key *k = &out->keys[out->n_keys++];
    *k = (struct audit_verify_key){ 0 };
    memcpy(k->id, id, AUDIT_HASH_BYTES);
    return k;
}

/* A seal whose signature is good, and which is about another key, vouches for that. */
static void take_next_key(struct verify *v, const struct seal *s)
{
    struct seal_public next;
    if (s->reason != SEAL_KEY || !seal_public_from_der(s->next_key, sizeof(s->next_key), &next))
        return;
    if (check_signatures(v))
        seal_keys_add(v->settings->keys, &next);
    memcpy(v->next_key, next.id, AUDIT_HASH_BYTES);
    v->key_announced = true;
}

/* The keys of seals follow from each other. */
static void check_succession(struct verify *v, const struct verify_line *at, const struct seal *s)
{
    char was[KEY_SHOWN + 1], is[KEY_SHOWN + 1];
    bool changed = v->key_known && memcmp(v->key, s->key, AUDIT_HASH_BYTES) != 0;
    bool announced = v->key_announced && memcmp(v->next_key, s->key, AUDIT_HASH_BYTES) == 0;
    format_key(v->key, was);
    format_key(s->key, is);
    if (changed && note_key(v, s->key)->given_up && !announced)
        verify_fault(v, AUDIT_FAULT_SEAL_KEY, at,
                     "it is made with key %s..., which had been given up for another", is);
    else if (changed && !announced)
        verify_note(
            v, at,
            "the seals' key changes from %s... to %s... here, and the old key does not vouch "
            "for the new one",
            was, is);
    else if (v->key_announced && !announced && !changed && s->reason != SEAL_KEY)
        verify_fault(v, AUDIT_FAULT_SEAL_KEY, at,
                     "it is made with key %s..., which had been given up for another", is);
    if (changed)
        note_key(v, v->key)->given_up = true;
    note_key(v, s->key)->given_up = false;
    v->key_announced = false;
    memcpy(v->key, s->key, AUDIT_HASH_BYTES);
    v->key_known = true;
}

/* --- what it says of the chain ---------------------------------------------------------------- */

/* The hash of record `seq`, if it came not long before, or is what the first one follows. */
static const unsigned char *find_hash(const struct verify *v, uint64_t seq)
{
    if (v->before_known && seq + 1 == v->out->first_seq)
        return v->before_first;
    if (seq < v->recent_from || seq > v->chain.seq || v->chain.seq - seq >= RECENT)
        return NULL;
    return v->recent[seq % RECENT];
}

/* What record `through` of a seal is here. *comparable is false if it is missing, which is said
 * elsewhere. False if a fault was told. */
static bool find_sealed(struct verify *v, const struct verify_line *at, uint64_t through,
                        unsigned char hash[AUDIT_HASH_BYTES], bool *comparable)
{
    const unsigned char *known = find_hash(v, through);
    *comparable = known || through >= v->recent_from;
    if (known)
        memcpy(hash, known, AUDIT_HASH_BYTES);
    return known || !*comparable || verify_look_up(v, at, through, hash);
}

static uint64_t segment_of(const struct verify *v, uint64_t seq)
{
    size_t i = v->n_marks; /* a seal may be late, and several segments have begun since */
    while (i > 0 && v->marks[i - 1].first > seq)
        i--;
    return i > 0 ? v->marks[i - 1].number : 0;
}

/* False if a fault was told. */
static bool check_digest(struct verify *v, const struct verify_line *at, const struct seal *s,
                         bool *comparable)
{
    *comparable = false;
    if (s->through >= at->ends.seq) {
        verify_fault(v, AUDIT_FAULT_SEAL_ORDER, at,
                     "it seals the records up to %" PRIu64 ", which come after it", s->through);
        return false;
    }
    if (s->through <= v->last_through && s->utc_us <= v->last_seal_us) {
        verify_fault(v, AUDIT_FAULT_SEAL_ORDER, at,
                     "it seals the records up to %" PRIu64
                     ", no more than the seal before it (%" PRIu64
                     "), and is no younger: an older seal was put here",
                     s->through, v->last_through);
        return false;
    }
    unsigned char hash[AUDIT_HASH_BYTES];
    if (!find_sealed(v, at, s->through, hash, comparable))
        return false;
    if (!*comparable)
        return true;
    if (memcmp(hash, s->digest, AUDIT_HASH_BYTES) != 0) {
        verify_fault(v, AUDIT_FAULT_SEAL_DIGEST, at,
                     "it seals another record %" PRIu64
                     " than is here: the log was rewritten before it",
                     s->through);
        return false;
    }
    uint64_t segment = segment_of(v, s->through);
    if (segment && segment != s->segment) {
        verify_fault(v, AUDIT_FAULT_SEGMENT, at,
                     "it says that record %" PRIu64 " is in segment %" PRIu64
                     ", and it is in segment %" PRIu64,
                     s->through, s->segment, segment);
        return false;
    }
    return true;
}

/* --- promises --------------------------------------------------------------------------------- */

static void set_end(struct promise *p, const char *from, int64_t us)
{
    int64_t begin;
    char end[CLOCK_UTC_TEXT];
    if (!clock_parse_utc(from, CLOCK_UTC_TEXT - 1, &begin))
        return;
    clock_format_utc(begin + us + SLACK_US, end);
    if (p->end[0] == '\0' || memcmp(end, p->end, CLOCK_UTC_TEXT - 1) < 0)
        memcpy(p->end, end, sizeof(end));
}

/* There is something to seal from now on. */
static void wait_from(struct verify *v, const char *time)
{
    struct promise *p = &v->promise;
    p->waiting = true;
    p->end[0] = '\0';
    p->counted = false;
    if (p->within_us > 0)
        set_end(p, time, p->within_us);
}

static void make_promise(struct verify *v, const struct seal *s)
{
    v->promise = (struct promise){
        .made = s->every > 0 || s->within > 0,
        .through = s->through,
        .every = s->every,
        /* a promise of a hundred years is as good as one of more */
        .within_us = (int64_t)(s->within < 3153600000u ? s->within : 3153600000u) * USEC_PER_SEC,
    };
    if (v->last_event > s->through)
        wait_from(v, v->last_time);
}

static void tell_late(struct verify *v, const struct verify_line *at)
{
    struct promise *p = &v->promise;
    p->told = true;
    verify_fault(v, AUDIT_FAULT_SEAL_LATE, at,
                 "the log goes on without a seal: the last one, through record %" PRIu64
                 ", promised the next after %" PRIu64 " records or %lld"
                 " seconds at the latest",
                 p->through, p->every, (long long)(p->within_us / USEC_PER_SEC));
}

/* Records with which a gateway begins after a crash, before it says so. */
static bool is_of_a_start(const struct verify_line *at)
{
    return verify_type_is(at, "segment") || verify_type_is(at, "torn") ||
           verify_type_is(at, "recovered");
}

/* What a gateway closes that another run left open, and what it could not write, comes before it
 * says that it started as well. Nothing else does. */
static bool may_come_before_a_start(const struct verify_line *at)
{
    return is_of_a_start(at) || verify_type_is(at, "outcome") ||
           verify_type_is(at, "session-close") || verify_type_is(at, "unrecorded");
}

/* It was down: what it promised is due so long after it is back. Each start that came to nothing
 * counts. */
static void resume(struct verify *v)
{
    struct promise *p = &v->promise;
    p->starts += p->resuming;
    p->resuming = true;
    wait_from(v, v->last_time);
}

static void check_promise(struct verify *v, const struct verify_line *at)
{
    struct promise *p = &v->promise;
    if (!p->made || p->told || !p->waiting)
        return;
    uint64_t n = at->ends.seq - p->through;
    if (p->every > 0 && n > p->every && !p->counted) {
        p->counted = true;
        set_end(p, v->last_time, 0);
    }
    bool late = p->end[0] && memcmp(v->last_time, p->end, CLOCK_UTC_TEXT - 1) > 0;
    if (late && is_of_a_start(at) && p->starts < STARTS_MAX)
        resume(v);
    else if (late || (p->resuming && !may_come_before_a_start(at)) ||
             (p->every > 0 && n > 2 * p->every + SLACK_RECORDS))
        tell_late(v, at);
}

/* After a crash, time begins anew. */
static void note_start(struct verify *v)
{
    struct promise *p = &v->promise;
    if (!p->made || !p->waiting || ++p->starts > STARTS_MAX)
        return;
    p->resuming = false;
    wait_from(v, v->last_time);
}

void verify_record(struct verify *v, const struct verify_line *at)
{
    struct promise *p = &v->promise;
    if (!verify_type_is(at, "segment")) {
        v->last_event = at->ends.seq;
        if (p->made && !p->waiting)
            wait_from(v, v->last_time);
    }
    if (verify_type_is(at, "start"))
        note_start(v);
    check_promise(v, at);
}

/* --- a seal in the log ------------------------------------------------------------------------ */

static void note_good(struct verify *v, const struct seal *s)
{
    v->out->seals_good++;
    if (s->through >= v->out->sealed_through) {
        v->out->sealed_through = s->through;
        v->out->sealed_us = s->utc_us;
    }
}

/* True if the seal may be relied on. */
static bool check_signature(struct verify *v, const struct verify_line *at, const struct seal *s)
{
    struct audit_verify_key *k = note_key(v, s->key);
    if (k->seals++ == 0)
        k->first_seq = at->ends.seq;
    k->last_seq = at->ends.seq;
    k->file = at->file;
    k->line = at->number;
    if (!check_signatures(v))
        return true; /* nobody asked */
    const struct seal_public *key = seal_keys_find(v->settings->keys, s->key);
    if (!key)
        return false; /* whether that matters is known at the end */
    k->trusted = true;
    if (seal_check(s, key))
        return true;
    verify_fault(v, AUDIT_FAULT_SEAL_SIGNATURE, at,
                 "its signature is not that of its key: the seal was changed or made up");
    return false;
}

void verify_seal(struct verify *v, const struct verify_line *at)
{
    struct seal s;
    bool comparable;
    v->out->seals++;
    if (!seal_parse_line(at->line, &s)) {
        verify_fault(v, AUDIT_FAULT_SEAL_FORM, at, "it is no seal as the gateway writes it");
        return;
    }
    bool fits = check_digest(v, at, &s, &comparable);
    bool signed_well = check_signature(v, at, &s);
    /* what a crash left is sealed at the next start, whenever that is */
    if (fits && signed_well)
        v->promise.resuming = false;
    if (!fits || !signed_well || s.reason != SEAL_START)
        check_promise(v, at);
    if (!fits || !signed_well)
        return;
    check_succession(v, at, &s);
    take_next_key(v, &s);
    v->last_through = s.through;
    v->last_seal_us = s.utc_us;
    make_promise(v, &s);
    if (comparable && check_signatures(v))
        note_good(v, &s);
}

/* --- seals from elsewhere --------------------------------------------------------------------- */

static int compare_through(const void *a, const void *b)
{
    const struct seal *x = a, *y = b;
    return x->through < y->through ? -1 : x->through > y->through;
}

void verify_seals_start(struct verify *v)
{
    size_t n = v->settings->n_outside;
    if (n == 0)
        return;
    v->outside = mem_realloc_array(NULL, n, sizeof(*v->outside));
    memcpy(v->outside, v->settings->outside, n * sizeof(*v->outside));
    qsort(v->outside, n, sizeof(*v->outside), compare_through);
    /* what they say of keys holds, too */
    for (size_t again = 0; again < n && check_signatures(v); again++) {
        size_t before = v->settings->keys->n;
        for (size_t i = 0; i < n; i++) {
            const struct seal_public *key = seal_keys_find(v->settings->keys, v->outside[i].key);
            if (key && seal_check(&v->outside[i], key))
                take_next_key(v, &v->outside[i]);
        }
        v->key_announced = false;
        if (v->settings->keys->n == before)
            break;
    }
}

static void compare_outside(struct verify *v, const struct verify_line *at, struct seal *s,
                            const unsigned char hash[AUDIT_HASH_BYTES])
{
    if (memcmp(hash, s->digest, AUDIT_HASH_BYTES) == 0) {
        v->out->outside++;
        return;
    }
    verify_fault(
        v, AUDIT_FAULT_OUTSIDE, at,
        "record %" PRIu64
        " is not the one that a seal kept elsewhere vouches for: the log was rewritten, or is "
        "another one",
        s->through);
    s->through = 0; /* it proves nothing of this log */
}

void verify_outside(struct verify *v, const struct verify_line *at)
{
    for (; v->outside_at < v->settings->n_outside; v->outside_at++) {
        struct seal *s = &v->outside[v->outside_at];
        if (s->through > v->chain.seq)
            return;
        const unsigned char *hash = find_hash(v, s->through);
        if (hash)
            compare_outside(v, at, s, hash);
        else if (s->through + 1 < v->out->first_seq)
            verify_note(v, at,
                        "a seal kept elsewhere is about record %" PRIu64
                        ", which is not here any more: they cannot be compared",
                        s->through);
        else if (s->through > 0)
            verify_fault(v, AUDIT_FAULT_OUTSIDE, at,
                         "record %" PRIu64 ", for which a seal kept elsewhere vouches, is missing",
                         s->through);
    }
}

static void finish_outside(struct verify *v)
{
    for (size_t i = 0; i < v->settings->n_outside; i++) {
        const struct seal *s = &v->outside[i];
        char key[KEY_SHOWN + 1];
        format_key(s->key, key);
        const struct seal_public *public =
            check_signatures(v) ? seal_keys_find(v->settings->keys, s->key) : NULL;
        if (check_signatures(v) && !public)
            verify_fault(v, AUDIT_FAULT_SEAL_KEY, NULL,
                         "a seal kept elsewhere is made with key %s..., for which no key vouches "
                         "that was given",
                         key);
        else if (public && !seal_check(s, public))
            verify_fault(v, AUDIT_FAULT_SEAL_SIGNATURE, NULL,
                         "the signature of a seal kept elsewhere is not that of its key");
        else if (public && s->through > v->out->sealed_through && s->through <= v->out->last_seq) {
            v->out->sealed_through = s->through;
            v->out->sealed_us = s->utc_us;
        }
    }
    const struct seal *last =
        v->settings->n_outside ? &v->outside[v->settings->n_outside - 1] : NULL;
    if (last && last->through > v->out->last_seq)
        verify_fault(v, AUDIT_FAULT_CUT_TAIL, NULL,
                     "the log ends with record %" PRIu64
                     ", and a seal kept elsewhere vouches for record %" PRIu64
                     ": its end was cut off, or it is an older copy",
                     v->out->last_seq, last->through);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Seals of keys that nobody vouches for do no harm where a good one comes after: that one vouches
 * for all that the gateway had written, them too. */
static void judge_strange_keys(struct verify *v)
{
    for (size_t i = 0; i < v->out->n_keys && check_signatures(v); i++) {
        const struct audit_verify_key *k = &v->out->keys[i];
        struct verify_line at = { .file = k->file, .number = k->line, .ends.seq = k->last_seq };
        char id[KEY_SHOWN + 1];
        format_key(k->id, id);
        if (k->trusted)
            continue;
        if (k->last_seq <= v->out->sealed_through)
            verify_note(v, &at,
                        "%" PRIu64 " seals are made with key %s..., which was not given; later "
                        "seals cover them",
                        k->seals, id);
        else
            verify_fault(v, AUDIT_FAULT_SEAL_KEY, &at,
                         "it is made with key %s..., for which no key vouches that was given", id);
    }
}

void verify_seals_end(struct verify *v)
{
    if (check_signatures(v) && v->out->seals == 0)
        verify_fault(v, AUDIT_FAULT_SEAL_NONE, NULL,
                     "a key was given, and there is no seal in the log");
    finish_outside(v);
    judge_strange_keys(v);
    if (!check_signatures(v) && v->out->seals + v->settings->n_outside > 0)
        verify_note(v, NULL, "no key was given: whose seals these are was not checked");
    for (size_t i = 0; i < v->out->n_keys; i++)
        v->out->keys[i].file = NULL; /* it was borrowed */
}

/* --- what was kept ---------------------------------------------------------------------------- */

int audit_read_seals(const char *name, struct span text, struct seal **out, size_t *n,
                     struct error *err)
{
    size_t cap = 0;
    unsigned line = 0;
    *out = NULL;
    *n = 0;
    while (text.len > 0) {
        const char *feed = memchr(text.data, '\n', text.len);
        struct span one = { text.data, feed ? (size_t)(feed - text.data) + 1 : text.len };
        text = (struct span){ text.data + one.len, text.len - one.len };
        line++;
        if (one.len == 1 && feed)
            continue;
        void *at = *out;
        mem_grow(&at, &cap, *n + 1, sizeof(**out));
        *out = at;
        if (!seal_parse_exported(one, &(*out)[*n]) && !seal_parse_line(one, &(*out)[*n])) {
            free(*out);
            *out = NULL;
            *n = 0;
            return error_set(err, ERROR_INVALID, "%s, line %u: it is no seal", name, line);
        }
        (*n)++;
    }
    return *n > 0 ? 0 : error_set(err, ERROR_INVALID, "%s: there is no seal in it", name);
}
