/* Comparing names folded: ASCII lower case, `-` for `_`. */
#ifndef AUDIT_TEXT_H
#define AUDIT_TEXT_H

#include <stdbool.h>
#include "base/util.h"

static inline char text_fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c + ('a' - 'A'));
    return c == '_' ? '-' : c;
}

static inline bool text_folded_equal(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text_fold(a[i]) != text_fold(b[i]))
            return false;
    }
    return true;
}

static inline bool text_folded_is(struct span a, struct span b)
{
    return a.len == b.len && text_folded_equal(a.data, b.data, a.len);
}

#endif
