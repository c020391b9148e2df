/* The members of a record, one after the other, as they stand in its line. For lines that may be
 * anything: what is handed out lies within the line; whether it is good JSON is not looked at more
 * closely than that takes. */
#ifndef AUDIT_MEMBERS_H
#define AUDIT_MEMBERS_H

#include <stdbool.h>
#include "base/buf.h"

struct member_walk {
    const char *p, *end;
};

struct member {
    struct span name;  /* without its quotes, escapes not decoded */
    struct span value; /* as written, with quotes or brackets */
};

/* `line` with or without its line feed. False if it does not begin as a record does. */
bool member_walk_start(struct member_walk *w, struct span line);

/* 1: a member; 0: the line's proper end; -1: it breaks off, or is malformed. */
int member_walk_next(struct member_walk *w, struct member *out);

/* The first member of that name: its value, as written; empty if there is none. */
struct span member_find(struct span line, const char *name);

/* A value that is a string: its bytes as UTF-8, appended. False, and nothing, for any other.
 * Escapes that are none, and halves of pairs, become U+FFFD. */
bool member_decode(struct span value, struct buf *out);

/* A value that is a whole number without sign. */
bool member_number(struct span value, uint64_t *out);

#endif
