/* The public keys that somebody trusts to seal: from PEM, found by their ids. */
#ifndef AUDIT_SEAL_KEYS_H
#define AUDIT_SEAL_KEYS_H

#include "audit/seal.h"

#define SEAL_KEYS_FILE_MAX (64u << 10) /* bytes: some 500 keys */

/* Zeroed memory is an empty list. */
struct seal_keys {
    struct seal_public *at; /* owned */
    size_t n, cap;
};

/* Adds the keys of a PEM text, its PUBLIC KEY blocks, of which there must be one at least; what
 * stands between the blocks is a comment. `name` is for the words of an error. */
int seal_keys_add_pem(struct seal_keys *keys, const char *name, struct span text,
                      struct error *err) MUST_CHECK;
int seal_keys_load(struct seal_keys *keys, const char *path, struct error *err) MUST_CHECK;

/* Adds one, unless it is there. */
void seal_keys_add(struct seal_keys *keys, const struct seal_public *key);

/* NULL if there is none with that id; borrowed, until a key is added. */
const struct seal_public *seal_keys_find(const struct seal_keys *keys,
                                         const unsigned char id[AUDIT_HASH_BYTES]);

void seal_keys_clear(struct seal_keys *keys);
#define CLEANUP_SEAL_KEYS CLEANUP(seal_keys_clear)

#endif
