/* A record as who reads the log wants it: its members by name, what an outcome leaves to its intent
 * filled in, and the filters. */
#ifndef CLI_AUDIT_RECORD_H
#define CLI_AUDIT_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

/* clang-format off */
#define AUDIT_MEMBERS(X) \
    X(TIME, "time") \
    X(TYPE, "type") \
    X(RESULT, "result") \
    X(CODE, "code") \
    X(CONNECTION, "connection") \
    X(REQUEST, "request") \
    X(PEER, "peer") \
    X(IDENTITY, "identity") \
    X(ACTING_FOR, "acting-for") \
    X(VM, "vm") \
    X(UUID, "uuid") \
    X(COMMAND, "command") \
    X(ARGUMENTS, "arguments") \
    X(SHAPE, "shape") \
    X(RULE, "rule") \
    X(ERROR_CLASS, "error-class") \
    X(TEXT, "text") \
    X(LATENCY, "latency-us")
/* clang-format on */

enum audit_member {
#define X(name, word) AUDIT_MEMBER_##name,
    AUDIT_MEMBERS(X)
#undef X
        AUDIT_N_MEMBERS
};

const char *audit_member_name(enum audit_member m);

struct audit_record_view {
    struct span line; /* with its line feed */
    uint64_t seq;
    int64_t utc_us;
    struct span at[AUDIT_N_MEMBERS]; /* as written, with quotes; empty if it has none */
};

/* False if the line is no record: printable ASCII, as the gateway writes it. */
bool audit_view_parse(struct span line, struct audit_record_view *out);

/* Appends the member's text, decoded; nothing if there is none. Not yet fit for a terminal. */
void audit_view_text(const struct audit_record_view *v, enum audit_member m, struct buf *out);
bool audit_view_is(const struct audit_record_view *v, enum audit_member m, const char *text);
uint64_t audit_view_number(const struct audit_record_view *v, enum audit_member m);

/* --- what an outcome leaves to its intent ----------------------------------------------------- */

struct audit_pairs; /* commands that are on their way */

struct audit_pairs *audit_pairs_new(void);
void audit_pairs_free(struct audit_pairs *p);

/* Each record, in order. An intent is kept; an outcome gets the members that its intent has, and
 * *intent is that (good until the next call), or it has no line. */
void audit_pairs_take(struct audit_pairs *p, struct audit_record_view *v,
                      struct audit_record_view *intent);

/* --- filters ---------------------------------------------------------------------------------- */

struct audit_filter {
    const char *identity, *vm, *command, *rule, *type, *code; /* patterns; NULL: any */
    const char *verdict;                                      /* a result; "allowed": intents */
    const char *outcome;                                      /* a result of outcomes */
    uint64_t connection;                                      /* 0: any */
    int64_t since, until; /* until: without; INT64_MAX: no end */
};

bool audit_filter_matches(const struct audit_filter *f, const struct audit_record_view *v);

#endif
