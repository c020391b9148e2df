/* Is this UTF-8? RFC 3629: shortest forms, no surrogates. */
#ifndef LIBQMP_UTF8_H
#define LIBQMP_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_valid(const char *s, size_t len);

#endif
