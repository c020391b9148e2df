/* Records on their way to people and programs: a table, the JSON lines themselves, CSV. */
#ifndef CLI_AUDIT_PRINT_H
#define CLI_AUDIT_PRINT_H

#include "cli/audit_record.h"
#include "cli/output.h"

enum audit_format { AUDIT_FORMAT_TABLE, AUDIT_FORMAT_JSON, AUDIT_FORMAT_CSV };

void audit_print_head(enum audit_format format, const struct output *o);
void audit_print_record(enum audit_format format, const struct output *o,
                        const struct audit_record_view *v);

/* The member as text that is fit for a terminal, and has no line feed. */
void audit_print_text(struct buf *out, const struct audit_record_view *v, enum audit_member m);

/* "alice", or "alice for bob". */
void audit_print_who(struct buf *out, const struct audit_record_view *v);

/* 0.245 ms, 1.2 s */
void audit_print_latency(struct buf *out, uint64_t us);

/* One field of CSV (RFC 4180), without its comma. A text that a spreadsheet takes for a formula
 * gets a ' before it. */
void audit_print_csv_field(struct buf *out, const char *text, size_t len);

#endif
