/* Records in the native protocol of journald: fields, a line each. (It has
 * another form for values with line feeds, which no value here has.) Source: "Native Journal
 * Protocol", systemd.io/JOURNAL_NATIVE_PROTOCOL. */
#ifndef AUDIT_JOURNAL_FORMAT_H
#define AUDIT_JOURNAL_FORMAT_H

#include "audit/sink_record.h"

/* Of all records that this writes (systemd.journal-fields(7), MESSAGE_ID). */
#define JOURNAL_MESSAGE_ID "6dec6fcc93424ffe8bafe875adfb2fed"

#define JOURNAL_VALUE_MAX 1024u /* bytes of a value; QMPGATE_RECORD has all of it */

/* Appends one entry. `identifier` is its SYSLOG_IDENTIFIER. */
void journal_format_add(struct buf *out, const char *identifier, const struct sink_record *r);

#endif
