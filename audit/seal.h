/* A seal: an Ed25519 signature over number and hash of a record, which the chain ties to all
 * records before it. Here is its form, written and read; who signs, and when, is elsewhere.
 *
 * It is a record of the log, and, without its number and hash, a line that stands alone: exported
 * to where the log's writer cannot reach, it proves what the log once said. Each seal has one text
 * only, so what is signed is made from the fields again and never cut out of what was read. */
#ifndef AUDIT_SEAL_H
#define AUDIT_SEAL_H

#include <gnutls/abstract.h>
#include "audit/chain.h"

#define SEAL_PUBLIC_BYTES    44u /* SubjectPublicKeyInfo of an Ed25519 key, DER (RFC 8410) */
#define SEAL_SIGNATURE_BYTES 64u
#define SEAL_TEXT_MAX        1024u /* bytes of an exported seal; the longest has some 700 */

enum seal_reason {
    SEAL_RECORDS, /* so many records since the last */
    SEAL_SECONDS, /* so much time */
    SEAL_ROTATED, /* a segment was closed */
    SEAL_EXIT,
    SEAL_START,
    SEAL_KEY, /* the next seals have another key, which this one vouches for */
    SEAL_REQUEST,
};
#define SEAL_N_REASONS 7u

struct seal {
    int64_t utc_us;
    uint64_t segment; /* the one that the record `through` lies in */
    enum seal_reason reason;
    uint64_t through;                       /* number of the last record that is sealed */
    unsigned char digest[AUDIT_HASH_BYTES]; /* its hash */
    uint64_t every;  /* when the next seal is due at the latest: after so many records; 0: any */
    uint64_t within; /* and after so many seconds; 0: any */
    unsigned char key[AUDIT_HASH_BYTES];       /* id of the key that signed */
    unsigned char next_key[SEAL_PUBLIC_BYTES]; /* SEAL_KEY only */
    unsigned char signature[SEAL_SIGNATURE_BYTES];
};

const char *seal_reason_name(enum seal_reason reason);

/* --- written ---------------------------------------------------------------------------------- */

/* What is signed. */
void seal_write_signed(const struct seal *s, struct buf *out);
/* The body of its record, for audit_chain_append. */
void seal_write_body(const struct seal *s, struct buf *out);
/* The line that stands alone, with its line feed. */
void seal_write_exported(const struct seal *s, struct buf *out);

/* --- read: any bytes -------------------------------------------------------------------------- */

/* A line of the log, with its line feed. False if it is no seal; the signature and the line's own
 * hash are still to be checked. */
bool seal_parse_line(struct span line, struct seal *out);
/* An exported seal, with or without line feed. */
bool seal_parse_exported(struct span text, struct seal *out);

/* --- keys ------------------------------------------------------------------------------------- */

struct seal_public {
    unsigned char der[SEAL_PUBLIC_BYTES];
    unsigned char id[AUDIT_HASH_BYTES]; /* SHA-256 of der */
};

/* From DER; false if it is not the key of Ed25519. */
bool seal_public_from_der(const unsigned char *der, size_t len, struct seal_public *out);
/* From GnuTLS, as a private key's public half comes. */
int seal_public_from_gnutls(gnutls_pubkey_t key, struct seal_public *out,
                            struct error *err) MUST_CHECK;

/* True if the key's owner signed it. */
bool seal_check(const struct seal *s, const struct seal_public *key);

#endif
