#include "config.h"
#include "libqmp/utf8.h"

#include <stdint.h>

/* By first byte: how many follow, and what the first of them may be. */
struct lead {
    uint8_t first, last, more, low, high;
};

static const struct lead leads[] = {
    { 0x00, 0x7f, 0, 0, 0 },       { 0xc2, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf },
    { 0xe1, 0xec, 2, 0x80, 0xbf }, { 0xed, 0xed, 2, 0x80, 0x9f }, { 0xee, 0xef, 2, 0x80, 0xbf },
    { 0xf0, 0xf0, 3, 0x90, 0xbf }, { 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f },
};

static const struct lead *find_lead(unsigned char c)
{
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
        if (c >= leads[i].first && c <= leads[i].last)
            return &leads[i];
    }
    return NULL;
}

bool utf8_is_valid(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + len;
    while (p < end) {
        if (*p < 0x80) {
            p++;
            continue;
        }
        const struct lead *lead = find_lead(*p);
        if (!lead || (size_t)(end - p) <= lead->more || p[1] < lead->low || p[1] > lead->high)
            return false;
        for (unsigned i = 2; i <= lead->more; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return false;
        }
        p += lead->more + 1u;
    }
    return true;
}
