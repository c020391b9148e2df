/* A record as text: everything between the sequence number and the hash. */
#ifndef AUDIT_RECORD_H
#define AUDIT_RECORD_H

#include "audit/arguments.h"
#include "audit/audit.h"

#define AUDIT_FIELD_MAX 1024u /* bytes of a peer, an identity, a rule, ...; longer ones are cut */

/* Appends to w->out: ,"time":"...","type":"..." and the members that the record has. */
void record_write(struct arguments_writer *w, const struct audit_record *r);

/* Only the beginning, for records of the writer's own. */
void record_write_head(struct buf *out, const char *type, int64_t utc_us);

/* ,"NAME":"VALUE" */
void record_write_member(struct buf *out, const char *name, struct span value);
void record_write_count(struct buf *out, const char *name, uint64_t value);

#endif
