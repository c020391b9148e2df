#include "config.h"
#include "net/tls_known.h"

#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define PLACES 512u /* 56 bytes each */

struct place {
    struct tls_known_key key;
    struct tls_validity validity; /* from > until: empty */
    size_t section;
};

struct tls_known {
    pthread_mutex_t lock;
    struct place places[PLACES];
};

static void not_before(struct tls_validity *v, time_t t)
{
    if (t > v->from)
        v->from = t;
}

static void not_after(struct tls_validity *v, time_t t)
{
    if (t < v->until)
        v->until = t;
}

void tls_validity_narrow(struct tls_validity *v, time_t now, const struct tls_validity *other)
{
    if (other->from <= now)
        not_before(v, other->from);
    else
        not_after(v, other->from - 1);
    if (other->until >= now)
        not_after(v, other->until);
    else
        not_before(v, other->until + 1);
}

struct tls_known *tls_known_new(void)
{
    struct tls_known *k = MEM_NEW(struct tls_known);
    pthread_mutex_init(&k->lock, NULL);
    for (size_t i = 0; i < PLACES; i++)
        k->places[i].validity = (struct tls_validity){ .from = 1, .until = 0 };
    return k;
}

void tls_known_free(struct tls_known *k)
{
    if (!k)
        return;
    pthread_mutex_destroy(&k->lock);
    free(k);
}

int tls_known_key(const gnutls_datum_t *chain, unsigned n, struct tls_known_key *out)
{
    gnutls_hash_hd_t hash;
    int rc = gnutls_hash_init(&hash, GNUTLS_DIG_SHA256);
    if (rc < 0)
        return ERROR_SYSTEM;
    for (unsigned i = 0; i < n && rc >= 0; i++) {
        uint64_t size = chain[i].size;
        rc = gnutls_hash(hash, &size, sizeof(size));
        if (rc >= 0)
            rc = gnutls_hash(hash, chain[i].data, chain[i].size);
    }
    gnutls_hash_deinit(hash, out->bytes);
    return rc < 0 ? ERROR_SYSTEM : 0;
}

/* Who is pushed out is verified again: that is all that it costs him. */
static struct place *place_of(struct tls_known *k, const struct tls_known_key *key)
{
    uint32_t n;
    memcpy(&n, key->bytes, sizeof(n));
    return &k->places[n % PLACES];
}

int tls_known_find(struct tls_known *k, const struct tls_known_key *key, time_t now, time_t *until)
{
    int section = -1;
    pthread_mutex_lock(&k->lock);
    const struct place *p = place_of(k, key);
    if (now >= p->validity.from && now <= p->validity.until &&
        memcmp(p->key.bytes, key->bytes, TLS_KNOWN_KEY_BYTES) == 0) {
        section = (int)p->section;
        *until = p->validity.until;
    }
    pthread_mutex_unlock(&k->lock);
    return section;
}

void tls_known_add(struct tls_known *k, const struct tls_known_key *key, size_t section,
                   const struct tls_validity *validity)
{
    pthread_mutex_lock(&k->lock);
    *place_of(k, key) = (struct place){ .key = *key, .validity = *validity, .section = section };
    pthread_mutex_unlock(&k->lock);
}
