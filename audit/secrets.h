/* What of a command is a secret: by member, by the table secrets.def, and inside a text. When in
 * doubt it is one: a record that says too little can be asked about, one that says too much cannot
 * be taken back. */
#ifndef AUDIT_SECRETS_H
#define AUDIT_SECRETS_H

#include <stdbool.h>
#include "base/buf.h"

#define AUDIT_REDACTED "[redacted]"

/* What the table has of a command; opaque, of the process. */
struct secret_command;

enum secret_verdict {
    SECRET_UNKNOWN,  /* nobody looked at it: not shown */
    SECRET_KNOWN,    /* shown; a text without what secret_scrub finds */
    SECRET_PARTS,    /* an object or array: its members have verdicts of their own */
    SECRET_HIDDEN,   /* a secret */
    SECRET_LINE,     /* a line of the human monitor */
    SECRET_PROPERTY, /* as the property that is named beside it */
    SECRET_COMMAND,  /* arguments of the command that is named beside it */
};

/* By its exact name. NULL for a command that nobody looked at, then all of it is SECRET_UNKNOWN. */
const struct secret_command *secret_command_find(struct span command);

/* Of a member of its arguments, at any depth. `c` may be NULL. */
enum secret_verdict secret_member(const struct secret_command *c, struct span name);

/* May the value of an option be shown, NAME=VALUE or A.NAME=VALUE? */
bool secret_option_is_shown(const struct secret_command *c, struct span name);

/* A word of the human monitor: KNOWN, HIDDEN or UNKNOWN; *options: whose members its options are,
 * NULL where it has none. */
enum secret_verdict secret_word(struct span word, const struct secret_command **options);

/* True for names such as `password`, `file.cookie`, `X_Token`; false for `password-secret`, which
 * names an object that holds a secret. For texts whose words nobody reviewed. */
bool secret_name(struct span name);

/* The same where "=" goes with it: `data` and `key` are secrets, too. */
bool secret_name_of_option(struct span name);

/* Writes `text` to `out` without the user part and query of URLs, what follows `json:`, the
 * arguments of programs that `exec:` starts, and the values of `password=...` and the like. Returns
 * false, and writes nothing, if there is nothing to redact. */
bool secret_scrub(struct span text, struct buf *out);

/* The same for a line of the human monitor, by its first word. */
bool secret_scrub_line(struct span line, struct buf *out);

/* What of a command's arguments was not shown. */
struct secret_values {
    bool any;
    struct span *values; /* texts among it, without those that are too short to be told; owned */
    size_t n, cap;
};

/* The same for an answer's text. QEMU repeats its input in some of them, as a whole or in part: if
 * anything was hidden, what was, and all that stands in quotes, goes. `hidden` may be NULL. */
bool secret_scrub_answer(const struct secret_values *hidden, struct span text, struct buf *out);

/* For the test of the table: each word, of which commands (NULL: a command itself, or, if
 * `monitor`, a word of the human monitor, or of a shape). */
typedef void secret_visit_fn(void *opaque, const char *commands, bool monitor, struct span word,
                             enum secret_verdict verdict);
void secret_visit(secret_visit_fn *visit, void *opaque);

#endif
