/* The private key that seals are made with: a PEM file, or a key in a token (pkcs11: URI). */
#ifndef AUDIT_SIGN_H
#define AUDIT_SIGN_H

#include "audit/seal.h"

/* Reference counted; signing takes turns. */
struct audit_signer;

/* `key` is the path of a PEM file (PKCS #8), or a pkcs11: URI. `public_file` is the path of its
 * public half (PEM), or NULL: it is needed for a token that does not tell it. Signs once, to see
 * that it works. May wait for a token. Errors never show what is behind a '?' in a URI. */
int audit_signer_load(const char *key, const char *public_file, struct audit_signer **out,
                      struct error *err) MUST_CHECK;
struct audit_signer *audit_signer_ref(struct audit_signer *s); /* NULL is fine */
void audit_signer_unref(struct audit_signer *s);

const struct seal_public *audit_signer_public(const struct audit_signer *s);

/* Puts the key's id and the signature into the seal. A token that was away is opened anew. */
int audit_signer_sign(struct audit_signer *s, struct seal *seal, struct error *err) MUST_CHECK;

#endif
