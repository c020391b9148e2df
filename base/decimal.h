/* Whole numbers without sign, as they stand in text that may be anything. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/util.h"

/* Takes all digits at *p, at least one, and leaves *p behind the last; leading zeros are digits.
 * False: there is none, or the number is larger than 64 bits hold. */
static inline bool decimal_take(const char **p, const char *end, uint64_t *out)
{
    const char *start = *p;
    *out = 0;
    for (; *p < end && **p >= '0' && **p <= '9'; ++*p) {
        if (__builtin_mul_overflow(*out, 10u, out) ||
            __builtin_add_overflow(*out, (uint64_t)(**p - '0'), out))
            return false;
    }
    return *p > start;
}

/* The text is such a number, and nothing else. */
static inline bool decimal_read(struct span text, uint64_t *out)
{
    if (text.len == 0) /* of which data may be NULL */
        return false;
    const char *end = text.data + text.len;
    return decimal_take(&text.data, end, out) && text.data == end;
}

/* Takes exactly `width` digits, which must be there to be read. */
static inline bool decimal_take_fixed(const char **p, unsigned width, uint64_t *out)
{
    const char *end = *p + width;
    return decimal_take(p, end, out) && *p == end;
}

#endif
