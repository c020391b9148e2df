/* Who: an identity as auth/ names it, taken apart, and patterns over identities. Names:
 *     x509:DN-PATTERN              of the only, unnamed CA; acl/dn.h
 *     x509:CA:DN-PATTERN           of the `ca` section CA
 *     unix:USER-GLOB               peer credentials
 *     sasl:USER-GLOB@REALM-GLOB    a login by SASL; acl/sasl_pattern.h
 * and attributes:
 *     x509-uri:URI-PATTERN         a SAN of a certificate of the unnamed CA; acl/uri_pattern.h
 *     x509-uri:CA:URI-PATTERN      of the section CA
 *     unix-group:GROUP-GLOB        of the user
 * A pattern without CA matches only what has none. */
#ifndef ACL_PRINCIPAL_H
#define ACL_PRINCIPAL_H

#include <stdbool.h>
#include "base/error.h"

struct acl_principal;

int acl_principal_parse_pattern(const char *text, struct acl_principal **out,
                                struct error *err) MUST_CHECK;
/* An identity: nothing is a wildcard in it. */
int acl_principal_parse_identity(const char *text, struct acl_principal **out,
                                 struct error *err) MUST_CHECK;
/* Is it something known of somebody, rather than his name? */
bool acl_principal_is_attribute(const struct acl_principal *p);
void acl_principal_free(struct acl_principal *p);

static inline void cleanup_principal(struct acl_principal **p)
{
    acl_principal_free(*p);
}
#define CLEANUP_PRINCIPAL CLEANUP(cleanup_principal)

/* Equal keys, and only those, are the same identity. NULL of a pattern with wildcards. */
const char *acl_principal_key(const struct acl_principal *p);

bool acl_principal_match(const struct acl_principal *pattern, const struct acl_principal *identity);

#endif
