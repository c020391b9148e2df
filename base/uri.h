/* URIs (RFC 3986) in one form that is compared byte by byte.
 *
 * Made equal: the case of the scheme, of the authority and of the digits of an escape. Refused,
 * because it reads two ways or nobody can see it: what is not ASCII or not a URI's character,
 * escapes of what needs none (%41, %2e) or of control characters, the segments `.` and `..`, and a
 * user in the authority. Everything else is kept: `/a` and `/a/` are two. */
#ifndef BASE_URI_H
#define BASE_URI_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

#define URI_MAX 2048 /* bytes; as SPIFFE has it */

/* *out is the caller's, to be freed. `*` is a character like others here, so that a pattern has a
 * normal form, too. */
int uri_normalize(const char *text, size_t len, char **out, struct error *err) MUST_CHECK;

/* SCHEME://..., and not mailto: or urn:. */
bool uri_has_authority(const char *uri);

#endif
