#include "config.h"
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/secret.h"
#include "base/utf8.h"

#define BUF_MIN_CAP 256 /* bytes: the first allocation */

char *buf_grow(struct buf *b, size_t n)
{
    size_t len = buf_len(b);
    if (b->head && b->cap - len >= n && b->head >= len) {
        memmove(b->mem, b->mem + b->head, len);
    } else {
        size_t need;
        if (__builtin_add_overflow(len, n, &need))
            abort();
        size_t cap = b->cap ? b->cap : BUF_MIN_CAP;
        while (cap < need) {
            if (__builtin_mul_overflow(cap, (size_t)2, &cap))
                abort();
        }
        if (b->head) {
            char *mem = mem_alloc(cap);
            memcpy(mem, b->mem + b->head, len);
            free(b->mem);
            b->mem = mem;
        } else {
            b->mem = mem_realloc(b->mem, cap);
        }
        b->cap = cap;
    }
    b->head = 0;
    b->tail = len;
    return b->mem + b->tail;
}

void buf_add_uint(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t i = sizeof(digits);
    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_add(b, digits + i, sizeof(digits) - i);
}

void buf_add_int(struct buf *b, int64_t value)
{
    if (value < 0) {
        buf_add_char(b, '-');
        buf_add_uint(b, -(uint64_t)value);
    } else {
        buf_add_uint(b, (uint64_t)value);
    }
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
        buf_commit(b, (size_t)n);
    }
    va_end(again);
}

static void add_u_escape(struct buf *b, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";
    char esc[6] = {
        '\\', 'u', hex[unit >> 12 & 15], hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]
    };
    buf_add(b, esc, sizeof(esc));
}

static void add_escaped(struct buf *b, uint32_t c)
{
    static const char short_form[128] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };
    if (c < 128 && short_form[c]) {
        char esc[2] = { '\\', short_form[c] };
        buf_add(b, esc, 2);
    } else if (c >= 0x10000) {
        c -= 0x10000;
        add_u_escape(b, 0xd800 | c >> 10);
        add_u_escape(b, 0xdc00 | (c & 0x3ff));
    } else {
        add_u_escape(b, c);
    }
}

static inline int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Nothing to escape in these eight bytes? Each test leaves the top bit of a byte that fails it; a
 * false alarm (a byte above a borrow) only costs the slow way. */
static inline int are_plain(const unsigned char *p)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    uint64_t quote = w ^ ones * '"', backslash = w ^ ones * '\\', del = w ^ ones * 0x7f;
    uint64_t bad = w | (w - ones * 0x20) | (quote - ones) | (backslash - ones) | (del - ones);
    return (bad & tops) == 0;
}

static const unsigned char *skip_plain(const unsigned char *p, const unsigned char *end)
{
    while (end - p >= 8 && are_plain(p))
        p += 8;
    while (p < end && is_plain(*p))
        p++;
    return p;
}

void buf_add_json_string(struct buf *b, const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    const unsigned char *end = p + len;

    buf_add_char(b, '"');
    while (p < end) {
        const unsigned char *run = p;
        p = skip_plain(p, end);
        buf_add(b, run, (size_t)(p - run));
        if (p == end)
            break;
        uint32_t c;
        size_t n = utf8_decode(p, (size_t)(end - p), &c);
        add_escaped(b, n ? c : 0xfffd);
        p += n ? n : 1;
    }
    buf_add_char(b, '"');
}

void buf_consume(struct buf *b, size_t n)
{
    b->head += n;
    if (b->head == b->tail)
        b->head = b->tail = 0;
}

void buf_trim(struct buf *b, size_t keep)
{
    if (b->cap > keep && buf_len(b) == 0)
        buf_free(b);
}

void buf_free(struct buf *b)
{
    free(b->mem);
    *b = (struct buf){ 0 };
}

void buf_add_secret(struct buf *b, const void *data, size_t n)
{
    struct buf grown = { 0 };
    if (!b->mem || b->cap - b->tail < n) {
        buf_reserve(&grown, 2 * buf_len(b) + n); /* twice, so that many small parts cost no more */
        buf_add(&grown, buf_data(b), buf_len(b));
        buf_free_secret(b);
        *b = grown;
    }
    buf_add(b, data, n);
}

void buf_free_secret(struct buf *b)
{
    secret_free(b->mem, b->cap);
    *b = (struct buf){ 0 };
}
