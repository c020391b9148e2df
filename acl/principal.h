/* Who: an identity as auth/ names it, taken apart, and patterns over identities:
 *     x509:DN-PATTERN       of the only, unnamed CA       x509:CA:DN-PATTERN   of the `ca` section
 * CA unix:USER-GLOB        peer credentials              sasl:NAME-GLOB       no identity has this
 * form yet acl/dn.h says how names are matched. A pattern without CA matches only identities
 * without. */
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
