/* The chain: each line holds a SHA-256 over the hash before it and its own text, so that no line
 * can be changed, taken out or put in without changing every hash after it. */
#ifndef AUDIT_CHAIN_H
#define AUDIT_CHAIN_H

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/error.h"

#define AUDIT_HASH_BYTES 32
#define AUDIT_HASH_TEXT  64 /* hexadecimal digits, lower case */

/* What every line begins and ends with; the hash covers what is before AUDIT_LINE_HASH. */
#define AUDIT_LINE_START "{\"v\":1,\"seq\":"
#define AUDIT_LINE_HASH  ",\"hash\":\""
#define AUDIT_LINE_END   "\"}\n"

/* The end of a chain: number and hash of its last record. All zero before the first. */
struct audit_chain {
    uint64_t seq;
    unsigned char hash[AUDIT_HASH_BYTES];
};

static inline bool audit_chain_equal(const struct audit_chain *a, const struct audit_chain *b)
{
    return a->seq == b->seq && memcmp(a->hash, b->hash, AUDIT_HASH_BYTES) == 0;
}

/* A hash that is made once and used again and again: no allocation a record. */
int audit_hasher_new(gnutls_hash_hd_t *out, struct error *err) MUST_CHECK;
void audit_hasher_free(gnutls_hash_hd_t *hasher);

/* digest = SHA-256(first || second). */
int audit_hash_two(gnutls_hash_hd_t hasher, struct span first, struct span second,
                   unsigned char digest[AUDIT_HASH_BYTES]) MUST_CHECK;

/* Appends one line to `out`: the next number, `body` (members, each with its comma before it), the
 * hash. On failure `chain` and `out` are as before. */
int audit_chain_append(struct audit_chain *chain, gnutls_hash_hd_t hasher, struct span body,
                       struct buf *out) MUST_CHECK;

void audit_hash_format(const unsigned char hash[AUDIT_HASH_BYTES], char text[AUDIT_HASH_TEXT]);
bool audit_hash_parse(struct span text, unsigned char hash[AUDIT_HASH_BYTES]);

#endif
