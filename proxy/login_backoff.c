#include "config.h"
#include "proxy/login_backoff.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/clock.h"
#include "base/mem.h"

/* A pair; its key is "site\nname". */
struct pair {
    UT_hash_handle hh; /* in the order in which they failed last: the oldest first */
    struct site *site;
    char *key;
    const char *name; /* in key */
    unsigned failures, under_way;
    int64_t held_until_us, failed_us;
};

struct site {
    UT_hash_handle hh;
    char *name;
    unsigned n_pairs;
};

struct login_backoff {
    pthread_mutex_t lock;
    struct pair *pairs;
    struct site *sites;
};

struct login_attempt {
    char *key;
};

struct login_backoff *login_backoff_new(void)
{
    struct login_backoff *b = MEM_NEW(struct login_backoff);
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

/* --- pairs ------------------------------------------------------------------------------------ */

static void drop_pair(struct login_backoff *b, struct pair *p)
{
    HASH_DELETE(hh, b->pairs, p);
    if (--p->site->n_pairs == 0) {
        HASH_DELETE(hh, b->sites, p->site);
        free(p->site->name);
        free(p->site);
    }
    free(p->key);
    free(p);
}

static struct pair *find_pair(struct login_backoff *b, const char *key)
{
    struct pair *p;
    HASH_FIND(hh, b->pairs, key, strlen(key), p);
    return p;
}

static struct site *need_site(struct login_backoff *b, const char *name, size_t len)
{
    struct site *s;
    HASH_FIND(hh, b->sites, name, len, s);
    if (!s) {
        s = MEM_NEW(struct site);
        s->name = mem_strndup(name, len);
        HASH_ADD_KEYPTR(hh, b->sites, s->name, len, s);
    }
    return s;
}

/* Those that nobody uses any more, and of those that are left the oldest if there are too many. */
static void make_room(struct login_backoff *b, int64_t now)
{
    struct pair *p, *next;
    HASH_ITER (hh, b->pairs, p, next) {
        bool old = now - p->failed_us > LOGIN_BACKOFF_FORGET_S * USEC_PER_SEC;
        if (!old && HASH_COUNT(b->pairs) < LOGIN_BACKOFF_PAIRS_MAX)
            return;
        if (p->under_way == 0)
            drop_pair(b, p);
    }
}

static struct pair *need_pair(struct login_backoff *b, const char *key, int64_t now)
{
    struct pair *p = find_pair(b, key);
    if (p)
        return p;
    make_room(b, now);
    size_t site = strcspn(key, "\n");
    p = MEM_NEW(struct pair);
    p->key = mem_strdup(key);
    p->name = p->key + site + 1;
    p->failed_us = now;
    p->site = need_site(b, key, site);
    p->site->n_pairs++;
    HASH_ADD_KEYPTR(hh, b->pairs, p->key, strlen(p->key), p);
    return p;
}

/* The name has a count of its own unless the site has claimed too many already. */
static char *key_of(struct login_backoff *b, const char *site, const char *name)
{
    char *key = mem_printf("%s\n%.*s", site, (int)LOGIN_BACKOFF_NAME_MAX, name ? name : "");
    struct site *s;
    HASH_FIND(hh, b->sites, site, strlen(site), s);
    if (s && s->n_pairs >= LOGIN_BACKOFF_SITE_NAMES && !find_pair(b, key))
        key[strlen(site) + 1] = '\0';
    return key;
}

/* --- attempts --------------------------------------------------------------------------------- */

static unsigned seconds_left(const struct pair *p, int64_t now)
{
    if (p->held_until_us <= now)
        return 0;
    return (unsigned)((p->held_until_us - now + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

unsigned login_backoff_begin(struct login_backoff *b, const char *site, const char *name,
                             int64_t now, struct login_attempt **out)
{
    *out = NULL;
    pthread_mutex_lock(&b->lock);
    CLEANUP_FREE char *key = key_of(b, site, name);
    struct pair *p = need_pair(b, key, now);
    if (p->under_way == 0 && now - p->failed_us > LOGIN_BACKOFF_FORGET_S * USEC_PER_SEC)
        p->failures = 0;
    unsigned held = seconds_left(p, now);
    /* one at a time where the next failure costs something */
    if (!held && p->under_way && p->failures + p->under_way >= LOGIN_BACKOFF_FREE)
        held = LOGIN_BACKOFF_FIRST_S;
    if (!held) {
        p->under_way++;
        *out = MEM_NEW(struct login_attempt);
        (*out)->key = TAKE_PTR(key);
    }
    pthread_mutex_unlock(&b->lock);
    return held;
}

static void note_failure(struct login_backoff *b, struct pair *p, int64_t now)
{
    p->failures++;
    p->failed_us = now;
    if (p->failures > LOGIN_BACKOFF_FREE) {
        unsigned doublings = p->failures - LOGIN_BACKOFF_FREE - 1;
        unsigned seconds =
            doublings < 16 ? LOGIN_BACKOFF_FIRST_S << doublings : LOGIN_BACKOFF_MAX_S;
        if (seconds > LOGIN_BACKOFF_MAX_S)
            seconds = LOGIN_BACKOFF_MAX_S;
        p->held_until_us = now + seconds * USEC_PER_SEC;
    }
    HASH_DELETE(hh, b->pairs, p); /* to the end of the order */
    HASH_ADD_KEYPTR(hh, b->pairs, p->key, strlen(p->key), p);
}

void login_backoff_end(struct login_backoff *b, struct login_attempt *take_attempt,
                       enum login_end how, int64_t now)
{
    if (!take_attempt)
        return;
    pthread_mutex_lock(&b->lock);
    struct pair *p = find_pair(b, take_attempt->key); /* it stays while an attempt is under way */
    p->under_way--;
    if (how == LOGIN_FAILED) {
        note_failure(b, p, now);
    } else {
        if (how == LOGIN_SUCCEEDED && p->name[0]) /* one's own is no pardon for others' */
            p->failures = 0;
        if (p->failures == 0 && p->under_way == 0)
            drop_pair(b, p);
    }
    pthread_mutex_unlock(&b->lock);
    free(take_attempt->key);
    free(take_attempt);
}

/* --- administration --------------------------------------------------------------------------- */

unsigned login_backoff_visit(struct login_backoff *b, int64_t now, unsigned max,
                             void (*visit)(void *opaque, const struct login_held *held),
                             void *opaque)
{
    struct pair *p, *next;
    unsigned n = 0;
    pthread_mutex_lock(&b->lock);
    HASH_ITER (hh, b->pairs, p, next) {
        unsigned seconds = seconds_left(p, now);
        if (seconds == 0)
            continue;
        if (n++ < max)
            visit(opaque, &(struct login_held){ p->site->name, p->name, p->failures, seconds });
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}

unsigned login_backoff_release(struct login_backoff *b, const char *site, const char *name)
{
    struct pair *p, *next;
    unsigned n = 0;
    pthread_mutex_lock(&b->lock);
    HASH_ITER (hh, b->pairs, p, next) {
        if ((site && strcmp(site, p->site->name) != 0) || (name && strcmp(name, p->name) != 0))
            continue;
        n += p->failures > 0;
        p->failures = 0;
        p->held_until_us = 0;
        if (p->under_way == 0)
            drop_pair(b, p);
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}

void login_backoff_free(struct login_backoff *b)
{
    if (!b)
        return;
    struct pair *p, *next;
    HASH_ITER (hh, b->pairs, p, next)
        drop_pair(b, p);
    pthread_mutex_destroy(&b->lock);
    free(b);
}
