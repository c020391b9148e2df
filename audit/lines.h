/* The lines of a file of the log: forward, and found by number or time without reading what is
 * before them. */
#ifndef AUDIT_LINES_H
#define AUDIT_LINES_H

#include "audit/line.h"
#include "audit/source.h"

struct line_reader {
    struct audit_source *source; /* borrowed */
    char *memory;                /* owned */
    size_t start, end;           /* what is not handed out yet */
    size_t block;                /* bytes read at once */
    uint64_t offset;             /* of the next line in the source */
};

void line_reader_init(struct line_reader *r, struct audit_source *source, uint64_t offset);
void line_reader_seek(struct line_reader *r, uint64_t offset);
void line_reader_clear(struct line_reader *r);
#define CLEANUP_LINE_READER CLEANUP(line_reader_clear)

/* 1: the next line, with its line feed, good until the next call; the AUDIT_HASH_BYTES before it
 * are the caller's to write to. 0: there is no whole line (a file may grow: ask again). Negative:
 * an error, of which ERROR_LIMIT is a line that is longer than AUDIT_LINE_MAX. */
int line_reader_next(struct line_reader *r, struct span *line, struct error *err) MUST_CHECK;

/* How many bytes there are from the next line's beginning, without a line feed. */
int64_t line_reader_rest(struct line_reader *r, struct error *err) MUST_CHECK;

/* Offset of the first record whose number is at least `seq`, or of the end; of the first one whose
 * time is, where times go up. Lines that are no records are passed over. */
int lines_find_seq(struct audit_source *s, uint64_t seq, uint64_t *offset,
                   struct error *err) MUST_CHECK;
int lines_find_time(struct audit_source *s, int64_t utc_us, uint64_t *offset,
                    struct error *err) MUST_CHECK;

#endif
