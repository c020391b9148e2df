/* Sets of small numbers: one bit each. */
#ifndef ACL_BITS_H
#define ACL_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mem.h"

static inline size_t bits_words(size_t n)
{
    return (n + 63) / 64;
}

/* An empty set of numbers below n; freed with free(). */
static inline uint64_t *bits_new(size_t n)
{
    return MEM_NEW_N(uint64_t, bits_words(n) + 1);
}

static inline void bits_set(uint64_t *bits, size_t i)
{
    bits[i / 64] |= UINT64_C(1) << i % 64;
}

static inline bool bits_test(const uint64_t *bits, size_t i)
{
    return (bits[i / 64] >> i % 64 & 1) != 0;
}

/* Puts the numbers of another set into this one. */
static inline void bits_add(uint64_t *bits, const uint64_t *other, size_t n)
{
    for (size_t i = 0; i < bits_words(n); i++)
        bits[i] |= other[i];
}

/* The first number from `i` on that is in the set, or n. */
static inline size_t bits_next(const uint64_t *bits, size_t n, size_t i)
{
    while (i < n) {
        uint64_t rest = bits[i / 64] >> i % 64;
        if (rest) {
            i += (size_t)__builtin_ctzll(rest);
            return i < n ? i : n;
        }
        i = (i / 64 + 1) * 64;
    }
    return n;
}

#define BITS_EACH(bits, n, i) \
    for (size_t i = bits_next(bits, n, 0); i < (n); i = bits_next(bits, n, i + 1))

#endif
