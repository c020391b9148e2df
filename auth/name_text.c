#include "config.h"
#include "auth/name_text.h"

/* Continuation bytes that must follow a first byte of UTF-8; -1 where it cannot be one. */
static int utf8_following(unsigned char c)
{
    if (c < 0x80)
        return 0;
    if (c >= 0xc2 && c <= 0xdf)
        return 1;
    if (c >= 0xe0 && c <= 0xef)
        return 2;
    return c >= 0xf0 && c <= 0xf4 ? 3 : -1;
}

static bool is_utf8_sequence(const unsigned char *s, int following)
{
    for (int i = 1; i <= following; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return false;
    }
    /* no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629) */
    return !((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
             (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f));
}

bool name_text_is_clean(const unsigned char *s, size_t len)
{
    size_t i = 0;
    while (i < len) {
        int following = utf8_following(s[i]);
        if (following < 0 || (size_t)following >= len - i || s[i] < 0x20 || s[i] == 0x7f)
            return false;
        if (following > 0 && !is_utf8_sequence(s + i, following))
            return false;
        if (s[i] == 0xc2 && s[i + 1] < 0xa0)
            return false;
        i += 1 + (size_t)following;
    }
    return len > 0;
}
