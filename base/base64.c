#include "config.h"
#include "base/base64.h"

#include "base/mem.h"
#include "base/secret.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t len, char *out)
{
    const unsigned char *p = data;
    for (; len >= 3; len -= 3, p += 3) {
        *out++ = digits[p[0] >> 2];
        *out++ = digits[(p[0] << 4 | p[1] >> 4) & 63];
        *out++ = digits[(p[1] << 2 | p[2] >> 6) & 63];
        *out++ = digits[p[2] & 63];
    }
    if (len == 0)
        return;
    unsigned char last = len > 1 ? p[1] : 0;
    *out++ = digits[p[0] >> 2];
    *out++ = digits[(p[0] << 4 | last >> 4) & 63];
    *out++ = len > 1 ? digits[last << 2 & 63] : '=';
    *out++ = '=';
}

/* By arithmetic, not by a table: which line of a cache a secret's characters touch is nobody's
 * business. -1 for what is no digit. */
static int value_of(char text)
{
    int c = (unsigned char)text;
    int value = -1;
    value += (((0x40 - c) & (c - 0x5b)) >> 8) & (c - 0x40); /* A-Z: 0 */
    value += (((0x60 - c) & (c - 0x7b)) >> 8) & (c - 0x46); /* a-z: 26 */
    value += (((0x2f - c) & (c - 0x3a)) >> 8) & (c + 0x05); /* 0-9: 52 */
    value += (((0x2a - c) & (c - 0x2c)) >> 8) & 0x3f;       /* + */
    value += (((0x2e - c) & (c - 0x30)) >> 8) & 0x40;       /* / */
    return value;
}

/* Up to two '=' at the end of a group of four. */
static size_t padding(const char *text, size_t len)
{
    if (len == 0 || text[len - 1] != '=')
        return 0;
    return text[len - 2] == '=' ? 2 : 1;
}

int base64_decode(const char *text, size_t len, size_t max, unsigned char **out, size_t *out_len,
                  struct error *err)
{
    if (len % 4 != 0)
        return error_set(err, ERROR_INVALID, "base64 comes in groups of four characters");
    size_t pad = padding(text, len);
    size_t n = len / 4 * 3 - pad;
    if (n > max)
        return error_set(err, ERROR_LIMIT, "more than %zu bytes", max);

    unsigned char *bytes = mem_alloc(len / 4 * 3 + 1);
    unsigned char *p = bytes;
    int bad = 0;
    for (size_t i = 0; i < len; i += 4) {
        unsigned group = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = i + k < len - pad ? value_of(text[i + k]) : 0;
            bad |= value;
            group = group << 6 | ((unsigned)value & 63);
        }
        *p++ = (unsigned char)(group >> 16);
        *p++ = (unsigned char)(group >> 8);
        *p++ = (unsigned char)group;
    }
    /* what padding stands for must be zero, or one run of bytes would have several texts */
    for (size_t i = n; i < len / 4 * 3; i++)
        bad |= bytes[i] ? -1 : 0;
    if (bad < 0) {
        secret_free(bytes, len / 4 * 3);
        return error_set(err, ERROR_INVALID, "this is not base64 in its one canonical form");
    }
    bytes[n] = '\0';
    *out = bytes;
    *out_len = n;
    return 0;
}
