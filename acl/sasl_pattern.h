/* Names of SASL, USER@REALM, and patterns over them: `*` and `?` stand for characters of the user
 * or of the realm, never for the `@`, of which there is one. The realm is written in lower case, as
 * the gateway has it; a user's case counts. A user that nobody can have, because no login ends as
 * it (auth/ takes names only as they are in Unicode's normal form), is refused in a pattern, too.
 */
#ifndef ACL_SASL_PATTERN_H
#define ACL_SASL_PATTERN_H

#include <stdbool.h>
#include "base/error.h"

/* The text in the form to be compared; the caller's, to be freed. A pattern is matched by
 * base/glob: since `@` stands once, none of its wildcards can meet it. */
int acl_sasl_parse(const char *text, bool pattern, char **out, struct error *err) MUST_CHECK;

#endif
