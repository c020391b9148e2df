/* Reading a log: its end backwards, its lines, its chain. Works beside a daemon that writes it. */
#ifndef AUDIT_READ_H
#define AUDIT_READ_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

/* What a reader wants to know of a record. Spans are into the line; texts are as in the JSON text,
 * escapes not decoded (a VM's name has none), without their quotes; empty if the record has none.
 */
struct audit_line {
    uint64_t seq;
    uint64_t connection, request; /* 0: it has none */
    struct span text;             /* the JSON object, without its line feed */
    struct span time;
    struct span type;
    struct span result;
    struct span peer;
    struct span identity;
    struct span vm;
    struct span uuid;
    struct span command;
};

/* Takes one line, with or without its line feed, apart. False if it is no record. */
bool audit_line_parse(struct span line, struct audit_line *out);

/* True if the line was wanted, and counts. */
typedef bool audit_tail_fn(void *opaque, const struct audit_line *line);

/* Hands out the log's records, the newest first, until `max_records` of them were wanted,
 * `max_bytes` of the log were read, or its beginning is reached. A torn last line is passed over; a
 * line in the middle that is no record is an error. */
int audit_tail(const char *path, uint64_t max_records, uint64_t max_bytes, audit_tail_fn *fn,
               void *opaque, struct error *err) MUST_CHECK;

/* The same through the files that the log was rotated to, plain or compressed, as far as they reach
 * without one that cannot be read backwards. */
int audit_tail_log(const char *path, uint64_t max_records, uint64_t max_bytes, audit_tail_fn *fn,
                   void *opaque, struct error *err) MUST_CHECK;

#endif
