/* Patterns over URIs in normal form (base/uri.h): `*` is any run of characters of one segment, and
 * a segment that is `*` alone matches no empty one; `/` and two `*` at the end is everything below,
 * at any depth, query and fragment included. `?` is no wildcard but a URI's own, and `*` crosses
 * none of
 * `/`, `?` and `#`. */
#ifndef ACL_URI_PATTERN_H
#define ACL_URI_PATTERN_H

#include <stdbool.h>
#include "base/error.h"

/* Text to normal form; the caller's, to be freed. What has no authority has no pattern. */
int acl_uri_parse(const char *text, bool pattern, char **out, struct error *err) MUST_CHECK;
bool acl_uri_is_wild(const char *pattern);
bool acl_uri_match(const char *pattern, const char *uri);

#endif
