/* Shell-like patterns without classes: `*` any run of bytes, `?` one byte. No escapes; time is at
 * most pattern length times text length. */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

bool glob_match(const char *pattern, size_t pattern_len, const char *text, size_t len);

/* True if the pattern has a wildcard at all. */
bool glob_is_pattern(const char *pattern);

#endif
