/* Where a segment begins: the record of type `segment`, its number, and the name that a closed
 * segment takes. Nothing that is read here is believed: a log may be cut, or be no log. */
#ifndef AUDIT_SEGMENT_H
#define AUDIT_SEGMENT_H

#include "audit/chain.h"

#define SEGMENT_DIGITS 10u /* of the number in a closed segment's name: names sort */
#define SEGMENT_MAX    9999999999ull

/* Why a segment begins. The words are in qmpgate-audit(5). */
#define SEGMENT_FIRST   "first"   /* of a new chain */
#define SEGMENT_ROTATED "rotated" /* the one before was closed, or moved away */
#define SEGMENT_REMOVED "removed"
#define SEGMENT_CHANGED "changed"
#define SEGMENT_MISSING "missing"

/* What a segment record says. */
struct segment_start {
    uint64_t seq;    /* of the record */
    uint64_t number; /* of the segment */
    struct span reason;
    unsigned char
        previous[AUDIT_HASH_BYTES]; /* hash of the record before; zeros before the first */
};

/* Appends the record's body: ,"time":... up to, and without, the hash. */
void segment_write(struct buf *out, int64_t utc_us, uint64_t number, const char *reason,
                   const unsigned char previous[AUDIT_HASH_BYTES]);

/* `line` with its line feed. False if it is no segment record; nothing is checked against the
 * chain. The reason is a span into the line. */
bool segment_parse(struct span line, struct segment_start *out);

/* The segment goes on from a chain that ends so. */
bool segment_follows(const struct segment_start *start, const struct audit_chain *end);

/* The name of closed segment `number` of the log `path`, STEM.NNNNNNNNNN.jsonl; `attempt` is 0, or
 * counts up while names are taken. Freed with free(). */
char *segment_closed_path(const char *path, uint64_t number, unsigned attempt);

/* The name of the next segment's file until it takes the log's. Freed with free(). */
char *segment_next_path(const char *path);

/* Length of STEM in `path`: without ".jsonl" at the end. */
size_t segment_stem(const char *path);

/* Reads the whole lines of `fd` in [from, end) in order, until `fn` returns false. */
typedef bool segment_line_fn(void *opaque, struct span line);
int segment_each_line(int fd, const char *path, uint64_t from, uint64_t end, segment_line_fn *fn,
                      void *opaque, struct error *err) MUST_CHECK;

/* What a file says about segments and seals. */
struct segment_facts {
    uint64_t number; /* of the last segment that begins in it; 0: none does */
    uint64_t sealed; /* the last record that a seal in it covers; 0: there is no seal */
    unsigned char key[AUDIT_HASH_BYTES]; /* with `sealed`: whose seals come next */
};

/* Reads all of `fd`. Signatures are not checked: this is for the writer, of its own log. */
int segment_find_facts(int fd, const char *path, uint64_t end, struct segment_facts *out,
                       struct error *err) MUST_CHECK;

/* How long ago the first record of `fd` was written by its own time, in microseconds; 0 if that is
 * not known, or lies ahead. */
int64_t segment_age_us(int fd, const char *path, uint64_t end);

#endif
