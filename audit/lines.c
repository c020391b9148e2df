#include "config.h"
#include "audit/lines.h"

#include "base/mem.h"

#define BLOCK        (1u << 20) /* bytes read at once */
#define HEADROOM     AUDIT_HASH_BYTES
#define MEMORY       (HEADROOM + AUDIT_LINE_MAX + BLOCK)
#define PROBE        (8u << 10)  /* bytes read at once where a line is looked for */
#define LINEAR_BELOW (64u << 10) /* bytes between bounds that are read and no longer halved */

void line_reader_init(struct line_reader *r, struct audit_source *source, uint64_t offset)
{
    *r = (struct line_reader){ .source = source, .block = BLOCK };
    r->memory = mem_alloc(MEMORY);
    line_reader_seek(r, offset);
}

void line_reader_seek(struct line_reader *r, uint64_t offset)
{
    r->offset = offset;
    r->start = r->end = HEADROOM;
}

void line_reader_clear(struct line_reader *r)
{
    free(r->memory);
    *r = (struct line_reader){ 0 };
}

/* Bytes that came, 0 at the end. */
static int64_t read_more(struct line_reader *r, struct error *err)
{
    size_t rest = r->end - r->start;
    if (r->start > HEADROOM)
        memmove(r->memory + HEADROOM, r->memory + r->start, rest);
    r->start = HEADROOM;
    r->end = HEADROOM + rest;
    int64_t n = audit_source_read(r->source, r->memory + r->end, r->block, r->offset + rest, err);
    if (n > 0)
        r->end += (size_t)n;
    return n;
}

int line_reader_next(struct line_reader *r, struct span *line, struct error *err)
{
    size_t looked = 0;
    for (;;) {
        const char *start = r->memory + r->start;
        size_t len = r->end - r->start;
        const char *feed = len > looked ? memchr(start + looked, '\n', len - looked) : NULL;
        if (feed && (size_t)(feed - start) < AUDIT_LINE_MAX) {
            *line = (struct span){ start, (size_t)(feed - start) + 1 };
            r->start += line->len;
            r->offset += line->len;
            return 1;
        }
        if (feed || len > AUDIT_LINE_MAX)
            return error_set(err, ERROR_LIMIT, "%s: a line is longer than any record",
                             audit_source_name(r->source));
        looked = len;
        int64_t n = read_more(r, err);
        if (n < 0)
            return (int)n;
        if (n == 0) {
            r->end = r->start; /* what it was may be another text when it is whole */
            return 0;
        }
    }
}

int64_t line_reader_rest(struct line_reader *r, struct error *err)
{
    int64_t total = 0, n;
    r->end = r->start;
    while ((n = audit_source_read(r->source, r->memory + HEADROOM, BLOCK,
                                  r->offset + (uint64_t)total, err)) > 0)
        total += n;
    return n < 0 ? n : total;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* What a line is found by; grows from line to line. False if it is no record. */
typedef bool line_key_fn(struct span line, uint64_t *key);

static bool key_seq(struct span line, uint64_t *key)
{
    int64_t utc_us;
    return line_parse_head(line, key, &utc_us);
}

static bool key_time(struct span line, uint64_t *key)
{
    uint64_t seq;
    int64_t utc_us;
    if (!line_parse_head(line, &seq, &utc_us))
        return false;
    *key = (uint64_t)utc_us;
    return true;
}

struct search {
    struct line_reader *reader; /* of small reads */
    line_key_fn *key;
    uint64_t wanted;
};

struct found {
    uint64_t offset;
    uint64_t key;
};

/* The first record that begins in [from, end): 1, or 0 if none does. */
static int find_next(struct search *s, uint64_t from, uint64_t end, struct found *out,
                     struct error *err)
{
    struct line_reader *r = s->reader;
    struct span line;
    int rc = 1;
    line_reader_seek(r, from > 0 ? from - 1 : 0); /* a line begins after a line feed */
    if (from > 0)
        rc = line_reader_next(r, &line, err);
    while (rc > 0 && r->offset < end) {
        out->offset = r->offset;
        rc = line_reader_next(r, &line, err);
        if (rc > 0 && s->key(line, &out->key))
            return 1;
    }
    return rc < 0 ? rc : 0;
}

/* Halves the stretch in which the first wanted record begins. */
static int narrow(struct search *s, uint64_t *low, uint64_t high, struct error *err)
{
    while (high - *low > LINEAR_BELOW) {
        uint64_t middle = *low + (high - *low) / 2;
        struct found found;
        int rc = find_next(s, middle, high, &found, err);
        if (rc < 0)
            return rc;
        if (rc == 0 || found.key >= s->wanted)
            high = middle;
        else
            *low = found.offset;
    }
    return 0;
}

static int scan(struct search *s, uint64_t from, uint64_t *offset, struct error *err)
{
    struct span line;
    int rc;
    line_reader_seek(s->reader, from);
    *offset = from;
    while ((rc = line_reader_next(s->reader, &line, err)) > 0) {
        uint64_t key;
        if (s->key(line, &key) && key >= s->wanted)
            return 0;
        *offset = s->reader->offset;
    }
    return rc;
}

static int find(struct audit_source *source, line_key_fn *key, uint64_t wanted, uint64_t *offset,
                struct error *err)
{
    CLEANUP_LINE_READER struct line_reader r;
    line_reader_init(&r, source, 0);
    struct search s = { .reader = &r, .key = key, .wanted = wanted };
    uint64_t low = 0;
    if (audit_source_can_seek(source)) {
        r.block = PROBE;
        int rc = narrow(&s, &low, audit_source_size(source), err);
        if (rc < 0)
            return rc;
        r.block = BLOCK;
    }
    return scan(&s, low, offset, err);
}

int lines_find_seq(struct audit_source *s, uint64_t seq, uint64_t *offset, struct error *err)
{
    return find(s, key_seq, seq, offset, err);
}

int lines_find_time(struct audit_source *s, int64_t utc_us, uint64_t *offset, struct error *err)
{
    return find(s, key_time, utc_us < 0 ? 0 : (uint64_t)utc_us, offset, err);
}
