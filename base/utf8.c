#include "config.h"
#include "base/utf8.h"

#include <string.h>

size_t utf8_decode(const unsigned char *s, size_t len, uint32_t *out)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n;
    uint32_t c;

    if (s[0] < 0x80) {
        *out = s[0];
        return 1;
    }
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        n = 2;
        c = s[0] & 0x1fu;
    } else if ((s[0] & 0xf0) == 0xe0) {
        n = 3;
        c = s[0] & 0x0fu;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        n = 4;
        c = s[0] & 0x07u;
    } else {
        return 0;
    }
    if (n > len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return n;
}

bool utf8_is_valid(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + len;
    while (p < end) {
        uint32_t c;
        size_t n = *p < 0x80 ? 1 : utf8_decode(p, (size_t)(end - p), &c);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

void utf8_make_printable(char *text)
{
    unsigned char *p = (unsigned char *)text, *end = p + strlen(text);
    while (p < end) {
        uint32_t c;
        size_t n = utf8_decode(p, (size_t)(end - p), &c);
        bool bad = n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0);
        n = n == 0 ? 1 : n;
        if (bad)
            memset(p, '?', n);
        p += n;
    }
}
