/* A growable run of bytes with a read end: append at the tail, consume at the head. Contiguous,
 * because the scanner wants a message in one piece. Zeroed memory is an empty buffer. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <string.h>
#include "base/util.h"

struct buf {
    char *mem;   /* owned; NULL while nothing was ever appended */
    size_t head; /* first byte not yet consumed */
    size_t tail; /* one past the last byte */
    size_t cap;
};

static inline char *buf_data(const struct buf *b)
{
    return (char *)((uintptr_t)b->mem + b->head); /* NULL + 0 would be undefined as a pointer */
}

static inline size_t buf_len(const struct buf *b)
{
    return b->tail - b->head;
}

/* Makes room for n more bytes and returns where they go; buf_commit says how many came. */
static inline char *buf_reserve(struct buf *b, size_t n) __attribute__((returns_nonnull));
char *buf_grow(struct buf *b, size_t n) __attribute__((returns_nonnull)); /* its slow half */

static inline char *buf_reserve(struct buf *b, size_t n)
{
    return LIKELY(b->mem && b->cap - b->tail >= n) ? b->mem + b->tail : buf_grow(b, n);
}

static inline void buf_commit(struct buf *b, size_t n)
{
    b->tail += n;
}

static inline void buf_add(struct buf *b, const void *data, size_t n)
{
    if (n) {
        memcpy(buf_reserve(b, n), data, n);
        b->tail += n;
    }
}

/* Of what may be a secret: growing leaves no copy behind, and buf_free_secret none at all. */
void buf_add_secret(struct buf *b, const void *data, size_t n);
void buf_free_secret(struct buf *b);

static inline void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->tail++;
}

static inline void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

static inline void buf_add_span(struct buf *b, struct span s)
{
    buf_add(b, s.data, s.len);
}

#define BUF_ADD_LIT(b, lit) buf_add((b), (lit), sizeof(lit) - 1)

void buf_add_uint(struct buf *b, uint64_t value);
void buf_add_int(struct buf *b, int64_t value);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* Appends a JSON string, quoted and escaped, ASCII only. Bytes that are not UTF-8 become U+FFFD. */
void buf_add_json_string(struct buf *b, const char *s, size_t len);

/* Drops n bytes from the head. */
void buf_consume(struct buf *b, size_t n);

/* Cuts the tail back so that len bytes are left. */
static inline void buf_truncate(struct buf *b, size_t len)
{
    b->tail = b->head + len;
}

/* Empties, keeps the memory. */
static inline void buf_clear(struct buf *b)
{
    b->head = b->tail = 0;
}

/* Gives memory back that an empty buffer holds beyond `keep` bytes: an idle peer costs nothing. */
void buf_trim(struct buf *b, size_t keep);

/* Frees the memory; the buffer is empty and may be used again. */
void buf_free(struct buf *b);
#define CLEANUP_BUF CLEANUP(buf_free)

#endif
