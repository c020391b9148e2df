/* A line of the log, as it was read back. Nothing is believed: a log may be cut, or be no log. */
#ifndef AUDIT_LINE_H
#define AUDIT_LINE_H

#include "audit/chain.h"

/* Bytes of a line at most: 8 fields of AUDIT_FIELD_MAX and a text of AUDIT_TEXT_MAX bytes, each
 * byte six as an escape, arguments of AUDIT_ARGUMENTS_MAX, and names: less than 90 KiB. */
#define AUDIT_LINE_MAX (128u << 10)

struct line_ends {
    uint64_t seq;
    unsigned char hash[AUDIT_HASH_BYTES];
    size_t hashed; /* bytes from the line's first that the hash covers */
};

/* `line` with its line feed. False if it does not begin and end as a record does. */
bool line_parse_ends(struct span line, struct line_ends *out);

/* Only how it begins: number and time. */
bool line_parse_head(struct span line, uint64_t *seq, int64_t *utc_us);

#endif
