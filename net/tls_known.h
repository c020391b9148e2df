/* Chains that were verified lately, so that a client who comes again costs one signature less. Not
 * a guess: what a context says of a chain depends on the chain, the context, which never changes,
 * and the time, and an entry holds the span of time in which nothing in the chain or in its CA
 * section begins or ends. A reload (new CRL, new CA) is a new context, with an empty table. Only
 * what verified goes in. The peer's own signature is checked in each full handshake all the same.
 *
 * Any thread. Bounded: a chain that falls on another's place takes it. Private to net/. */
#ifndef NET_TLS_KNOWN_H
#define NET_TLS_KNOWN_H

#include <gnutls/gnutls.h>
#include <stdint.h>
#include <time.h>
#include "base/error.h"

#define TLS_KNOWN_KEY_BYTES                                              \
    32 /* SHA-256 of all certificates of the chain, each with its length \
        */

struct tls_known_key {
    unsigned char bytes[TLS_KNOWN_KEY_BYTES];
};

/* A span of time in which nothing that was looked at begins or ends: both ends are within. */
struct tls_validity {
    time_t from, until;
};
#define TLS_VALID_ALWAYS ((struct tls_validity){ .from = 0, .until = INT64_MAX })
/* Around `now`; what has ended by then, or is still to begin, narrows it too. */
void tls_validity_narrow(struct tls_validity *v, time_t now, const struct tls_validity *other);

struct tls_known;
struct tls_known *tls_known_new(void);
void tls_known_free(struct tls_known *k);

int tls_known_key(const gnutls_datum_t *chain, unsigned n, struct tls_known_key *out) MUST_CHECK;

/* Index of the CA section that the chain leads to, and until when that holds; or -1 if it must be
 * verified. */
int tls_known_find(struct tls_known *k, const struct tls_known_key *key, time_t now, time_t *until);
void tls_known_add(struct tls_known *k, const struct tls_known_key *key, size_t section,
                   const struct tls_validity *validity);

#endif
