/* A record of the log as a sink sees it: a few of its members by name, and how grave it is. The
 * line comes from our own log, but what it holds came from clients and VMs. */
#ifndef AUDIT_SINK_RECORD_H
#define AUDIT_SINK_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

/* X(id, member of the record and name of its parameter in syslog, name of its field in journald).
 * In the order in which they are shipped. */
#define SINK_FIELDS(X)                        \
    X(RESULT, "result", "RESULT")             \
    X(CODE, "code", "CODE")                   \
    X(IDENTITY, "identity", "IDENTITY")       \
    X(ACTING_FOR, "acting-for", "FOR")        \
    X(PEER, "peer", "PEER")                   \
    X(VM, "vm", "VM")                         \
    X(UUID, "uuid", "UUID")                   \
    X(COMMAND, "command", "COMMAND")          \
    X(SUBJECT, "subject", "SUBJECT")          \
    X(RULE, "rule", "RULE")                   \
    X(CONNECTION, "connection", "CONNECTION") \
    X(REQUEST, "request", "REQUEST")          \
    X(REASON, "reason", "REASON")             \
    X(HASH, "hash", "HASH")

enum sink_field {
#define X(id, member, field) SINK_##id,
    SINK_FIELDS(X)
#undef X
        SINK_N_FIELDS
};

extern const char *const sink_field_members[SINK_N_FIELDS];
extern const char *const sink_field_journal[SINK_N_FIELDS];

/* Numbers of RFC 5424, table 2. */
enum sink_severity {
    SINK_SEVERITY_ERROR = 3,
    SINK_SEVERITY_WARNING = 4,
    SINK_SEVERITY_NOTICE = 5,
    SINK_SEVERITY_INFO = 6,
};

struct sink_record {
    struct span line; /* the JSON object, without its line feed */
    uint64_t seq;
    struct span time;                  /* RFC 3339, UTC, microseconds */
    struct span type;                  /* letters, digits and '-' only */
    struct span text;                  /* as the fields: decoded, any characters */
    struct span fields[SINK_N_FIELDS]; /* strings decoded, numbers as written; empty: not there */
    enum sink_severity severity;
};

struct sink_parser;
struct sink_parser *sink_parser_new(void);
void sink_parser_free(struct sink_parser *p);

/* False if the line (with or without its line feed) is no record that can be shipped. What *out
 * has is the line's and the parser's, until the next call. */
bool sink_record_parse(struct sink_parser *p, struct span line, struct sink_record *out);

/* Appends UTF-8 text with control characters as U+FFFD, cut behind the last whole character with
 * which it has at most `max` bytes, with "..." then. */
void sink_text_add(struct buf *out, struct span text, size_t max);

/* Appends a line for people: what happened, who did it, on which VM. */
#define SINK_MESSAGE_VALUE_MAX 200u /* bytes of each part */
void sink_message_add(struct buf *out, const struct sink_record *r);

#endif
