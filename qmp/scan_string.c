/* Strings: UTF-8 (RFC 3629) exactly, escapes (RFC 8259, section 7), and their decoded bytes where
 * the tape wants them. */
#include "config.h"
#include "qmp/scan_internal.h"

#include <string.h>
#include "base/mem.h"

static void decode(struct qmp_scanner *s, const char *data, size_t len)
{
    if (!s->decoding || !len)
        return;
    mem_grow((void **)&s->decoded, &s->decoded_cap, s->tape.decoded_len + len, 1);
    memcpy(s->decoded + s->tape.decoded_len, data, len);
    s->tape.decoded_len += (uint32_t)len;
    s->tape.decoded = s->decoded;
}

static void decode_char(struct qmp_scanner *s, uint32_t c)
{
    char out[4];
    size_t n;
    if (c < 0x80) {
        out[0] = (char)c;
        n = 1;
    } else if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        n = 2;
    } else if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        n = 3;
    } else {
        out[0] = (char)(0xf0 | c >> 18);
        n = 4;
    }
    for (size_t i = 1; i < n; i++)
        out[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
    decode(s, out, n);
}

void qmp_scan_string_begin(struct qmp_scanner *s)
{
    s->state = SCAN_IN_STRING;
    s->string_state = STRING_PLAIN;
    s->decoding = false;
}

/* At the first escape the plain bytes before it are decoded too. */
static void begin_escape(struct qmp_scanner *s, const char *backslash)
{
    if (!s->decoding && s->depth <= s->token_depth) {
        const char *first = s->tape.text + s->start + 1;
        s->decoding = true;
        s->decoded_start = s->tape.decoded_len;
        decode(s, first, (size_t)(backslash - first));
    }
    s->string_state = STRING_ESCAPE;
}

/* What may follow a first byte outside ASCII: how many bytes, and the bounds of the next one. */
static bool begin_utf8(struct qmp_scanner *s, unsigned char c)
{
    if (c < 0xc2 || c > 0xf4)
        return false;
    s->more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    s->utf8_lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80; /* no overlong forms */
    s->utf8_hi = c == 0xed   ? 0x9f
                 : c == 0xf4 ? 0x8f
                             : 0xbf; /* no surrogates, nothing past 10FFFF */
    s->string_state = STRING_UTF8;
    return true;
}

static void lone_surrogate(struct qmp_scanner *s, const char *p)
{
    qmp_scan_rule(s, "lone surrogate in a string", (size_t)(p - s->tape.text));
    s->high = 0;
    decode_char(s, 0xfffd);
}

static const char *escape(struct qmp_scanner *s, const char *p)
{
    static const char meaning[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    unsigned char c = (unsigned char)*p;
    if (c == 'u') {
        s->string_state = STRING_HEX;
        s->more = 4;
        s->unit = 0;
        return p + 1;
    }
    if (!meaning[c])
        return qmp_scan_lexical(s, "unknown escape in a string", p);
    if (s->high)
        lone_surrogate(s, p);
    decode(s, &meaning[c], 1);
    s->string_state = STRING_PLAIN;
    return p + 1;
}

/* A whole \uXXXX was read. */
static void unit_done(struct qmp_scanner *s, const char *p)
{
    bool is_low = s->unit >= 0xdc00 && s->unit <= 0xdfff;
    s->string_state = STRING_PLAIN;
    if (s->high && is_low) {
        decode_char(s, 0x10000 + ((s->high & 0x3ff) << 10) + (s->unit & 0x3ff));
        s->high = 0;
        return;
    }
    if (s->high)
        lone_surrogate(s, p);
    if (is_low) {
        lone_surrogate(s, p);
    } else if (s->unit >= 0xd800 && s->unit <= 0xdbff) {
        s->high = s->unit;
        s->string_state = STRING_HIGH;
    } else {
        decode_char(s, s->unit);
    }
}

static const char *hex(struct qmp_scanner *s, const char *p)
{
    char c = *p;
    uint32_t digit;
    if (c >= '0' && c <= '9')
        digit = (uint32_t)(c - '0');
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        digit = (uint32_t)((c | 0x20) - 'a' + 10);
    else
        return qmp_scan_lexical(s, "malformed \\u escape in a string", p);
    s->unit = s->unit << 4 | digit;
    if (--s->more == 0)
        unit_done(s, p);
    return p + 1;
}

static const char *utf8(struct qmp_scanner *s, const char *p, const char *end)
{
    const char *run = p;
    while (p < end && s->string_state == STRING_UTF8) {
        unsigned char c = (unsigned char)*p;
        if (c < s->utf8_lo || c > s->utf8_hi)
            return qmp_scan_lexical(s, "invalid UTF-8 in a string", p);
        s->utf8_lo = 0x80;
        s->utf8_hi = 0xbf;
        p++;
        if (--s->more == 0)
            s->string_state = STRING_PLAIN;
    }
    decode(s, run, (size_t)(p - run));
    return p;
}

static const char *plain(struct qmp_scanner *s, const char *p, const char *end)
{
    const char *run = p;
    p = qmp_skip_plain(p, end);
    decode(s, run, (size_t)(p - run));
    if (p == end)
        return p;
    if (*p == '"') {
        s->string_state = STRING_CLOSED;
    } else if (*p == '\\') {
        begin_escape(s, p);
    } else if ((unsigned char)*p < ' ') {
        return qmp_scan_lexical(s, "raw control byte in a string", p);
    } else {
        if (!begin_utf8(s, (unsigned char)*p))
            return qmp_scan_lexical(s, "invalid UTF-8 in a string", p);
        decode(s, p, 1);
    }
    return p + 1;
}

const char *qmp_scan_string(struct qmp_scanner *s, const char *p, const char *end)
{
    while (p < end && s->status == QMP_SCAN_MORE) {
        switch (s->string_state) {
        case STRING_PLAIN:
            p = plain(s, p, end);
            break;
        case STRING_ESCAPE:
            p = escape(s, p);
            break;
        case STRING_HEX:
            p = hex(s, p);
            break;
        case STRING_HIGH:
            if (*p == '\\') {
                s->string_state = STRING_ESCAPE;
                p++;
            } else {
                lone_surrogate(s, p);
                s->string_state = STRING_PLAIN;
            }
            break;
        case STRING_UTF8:
            p = utf8(s, p, end);
            break;
        case STRING_CLOSED:
            return p;
        }
    }
    return p;
}
