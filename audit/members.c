#include "config.h"
#include "audit/members.h"

#include "base/decimal.h"

#define START "{\"v\":1"

/* Past a string's closing quote. */
static bool skip_string(struct member_walk *w)
{
    if (w->p == w->end || *w->p != '"')
        return false;
    for (w->p++; w->p < w->end; w->p++) {
        if (*w->p == '"') {
            w->p++;
            return true;
        }
        if (*w->p == '\\' && ++w->p == w->end)
            return false;
    }
    return false;
}

/* Past a value: a string, or what is between balanced brackets, or up to the next comma or bracket.
 */
static bool skip_value(struct member_walk *w)
{
    unsigned depth = 0;
    if (w->p < w->end && *w->p == '"')
        return skip_string(w);
    const char *start = w->p;
    while (w->p < w->end) {
        switch (*w->p) {
        case '"':
            if (!skip_string(w))
                return false;
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth == 0)
                return w->p > start;
            depth--;
            break;
        case ',':
            if (depth == 0)
                return w->p > start;
            break;
        }
        w->p++;
    }
    return false;
}

bool member_walk_start(struct member_walk *w, struct span line)
{
    static const struct span start = SPAN_LIT(START);
    if (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    if (line.len <= start.len || memcmp(line.data, start.data, start.len) != 0)
        return false;
    *w = (struct member_walk){ line.data + start.len, line.data + line.len };
    return true;
}

int member_walk_next(struct member_walk *w, struct member *out)
{
    if (w->p + 1 == w->end && *w->p == '}')
        return 0;
    if (w->p == w->end || *w->p != ',')
        return -1;
    const char *name = ++w->p;
    if (!skip_string(w) || w->p == w->end || *w->p != ':')
        return -1;
    out->name = (struct span){ name + 1, (size_t)(w->p - name) - 2 };
    const char *value = ++w->p;
    if (!skip_value(w))
        return -1;
    out->value = (struct span){ value, (size_t)(w->p - value) };
    return 1;
}

struct span member_find(struct span line, const char *name)
{
    struct member_walk w;
    struct member m;
    size_t len = strlen(name);
    if (!member_walk_start(&w, line))
        return (struct span){ 0 };
    while (member_walk_next(&w, &m) > 0)
        if (m.name.len == len && memcmp(m.name.data, name, len) == 0)
            return m.value;
    return (struct span){ 0 };
}

/* --- values ----------------------------------------------------------------------------------- */

#define REPLACEMENT 0xfffdu

static void add_utf8(struct buf *out, unsigned c)
{
    char bytes[4];
    size_t n = 0;
    if (c < 0x80) {
        bytes[n++] = (char)c;
    } else if (c < 0x800) {
        bytes[n++] = (char)(0xc0 | c >> 6);
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        bytes[n++] = (char)(0xe0 | c >> 12);
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        bytes[n++] = (char)(0xf0 | c >> 18);
        bytes[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        bytes[n++] = (char)(0x80 | (c & 0x3f));
    }
    buf_add(out, bytes, n);
}

/* Four digits at p, or -1. */
static int take_hex(const char *p, const char *end)
{
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Behind a backslash; returns what comes after. */
static const char *decode_escape(const char *p, const char *end, struct buf *out)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const char *at = *p ? strchr(plain, *p) : NULL;
    if (at) {
        buf_add_char(out, meant[at - plain]);
        return p + 1;
    }
    int high = *p == 'u' ? take_hex(p + 1, end) : -1;
    if (high < 0) {
        add_utf8(out, REPLACEMENT);
        return p + 1;
    }
    p += 5;
    if (high < 0xd800 || high > 0xdfff) {
        add_utf8(out, (unsigned)high);
        return p;
    }
    int low =
        high < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? take_hex(p + 2, end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        add_utf8(out, REPLACEMENT);
        return p;
    }
    add_utf8(out, 0x10000u + ((unsigned)(high - 0xd800) << 10) + (unsigned)(low - 0xdc00));
    return p + 6;
}

bool member_decode(struct span value, struct buf *out)
{
    if (value.len < 2 || value.data[0] != '"' || value.data[value.len - 1] != '"')
        return false;
    const char *p = value.data + 1, *end = value.data + value.len - 1;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const char *stop = escape ? escape : end;
        buf_add(out, p, (size_t)(stop - p));
        p = stop;
        if (escape)
            p = escape + 1 < end ? decode_escape(escape + 1, end, out) : end;
    }
    return true;
}

bool member_number(struct span value, uint64_t *out)
{
    return decimal_read(value, out);
}
