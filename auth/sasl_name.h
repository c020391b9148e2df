/* Names of SASL in the one form that is compared, byte by byte: USER@REALM.
 *
 * - A name without a realm is of the realm that is configured: alice and alice@example.com are one.
 * - The realm is written in lower case: it is a domain's name, in which case means nothing.
 * - The user's case is kept: for sasldb, UNIX and Kerberos alice and Alice are two accounts.
 * - The user's bytes are kept: nothing is folded, mapped or cut off, so that no two names meet in
 *   one. What would look the same in bytes that differ is refused instead: not in Unicode's form
 *   NFC, white space at an end, white space other than U+0020, what PRECIS forbids (RFC 8264, 8265:
 *   invisible, unassigned, control).
 * - `@` stands once at most: what is behind it is the realm, and nobody may guess which one counts.
 */
#ifndef AUTH_SASL_NAME_H
#define AUTH_SASL_NAME_H

#include <stdbool.h>
#include "base/error.h"
#include "base/util.h"

#define SASL_NAME_USER_MAX  255 /* bytes; libsasl2 has 1024 for all of it */
#define SASL_NAME_REALM_MAX 253 /* bytes; a DNS name's */
#define SASL_NAME_SIZE      (SASL_NAME_USER_MAX + 1 + SASL_NAME_REALM_MAX + 1)

/* `realm` is the one of names without any; "": they are refused. */
int sasl_name_canonical(struct span raw, const char *realm, char out[SASL_NAME_SIZE],
                        struct error *err) MUST_CHECK;

/* Is a canonical name of this realm? */
bool sasl_name_is_of(const char *name, const char *realm);

/* Letters, digits, '.', '_' and '-', in lower case. */
bool sasl_name_is_realm(const char *realm);

/* Directories (LDAP, Windows, behind PAM) fold case and white space as they like, and then find one
 * account by several names. This is true of names that are the folded ones already. */
bool sasl_name_survives_folding(const char *name);

#endif
