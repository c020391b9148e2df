/* What of a command is a secret: by member, by command, and inside a text. When in doubt it is one:
 * a record that says too little can be asked about, one that says too much cannot be taken back. */
#ifndef AUDIT_SECRETS_H
#define AUDIT_SECRETS_H

#include <stdbool.h>
#include "base/buf.h"

#define AUDIT_REDACTED "[redacted]"

/* What is special about a command; opaque. */
struct secret_command;

/* NULL for a command that has nothing special. Case, and `_` for `-`, make no difference, so that
 * a misspelt command that is refused keeps its secret too. */
const struct secret_command *secret_command_find(struct span command);

/* True if the value of the member `name`, at `depth` (0: of the arguments themselves), is to be
 * redacted. `scalar`: the value is no object or array. `c` may be NULL. */
bool secret_member(const struct secret_command *c, struct span name, unsigned depth, bool scalar);

/* True if the member's value is a line of the human monitor. */
bool secret_member_is_line(const struct secret_command *c, struct span name);

/* True if whether `value` is a secret depends on the member `property` beside it (qom-set). */
bool secret_command_sets_property(const struct secret_command *c);

/* True for names such as `password`, `file.cookie`, `X_Token`; false for `password-secret`, which
 * names an object that holds a secret. */
bool secret_name(struct span name);

/* True for a name that is a secret where a single value goes with it, such as `data` and `key`. */
bool secret_name_of_scalar(struct span name);

/* Writes `text` to `out` without the user part and query of URLs, what follows `json:`, and the
 * values of `password=...` and the like. Returns false, and writes nothing, if there is nothing to
 * redact. */
bool secret_scrub(struct span text, struct buf *out);

/* The same for a line of the human monitor, by its first word. */
bool secret_scrub_line(struct span line, struct buf *out);

/* The same for an answer's text; QEMU quotes the input in some of them, so all that stands in
 * quotes goes if the command is a special one. */
bool secret_scrub_answer(const struct secret_command *c, struct span text, struct buf *out);

#endif
