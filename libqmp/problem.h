/* How libqmp makes its errors, and how it says where in a value something is wrong. */
#ifndef LIBQMP_PROBLEM_H
#define LIBQMP_PROBLEM_H

#include <libqmp/base.h>
#include "base/error.h"
#include "base/util.h"

/* Makes *err unless err is NULL; returns -1. Control bytes of the text are replaced. */
int problem_set(struct qmp_error **err, enum qmp_error_kind kind, enum qmp_outcome outcome,
                const char *fmt, ...) PRINTF(4, 5);

/* QEMU's error reply. */
int problem_refused(struct qmp_error **err, struct span class, struct span desc);

/* Is QEMU's or a gateway's `desc` a refusal by policy? */
bool problem_is_denial(const char *desc);
/* Of an error that was just made, if any was. */
void problem_mark_denied(struct qmp_error **err);

/* Of what the rooms below say. `peer`: the kind of what is the other side's fault. */
int problem_from(struct qmp_error **err, const struct error *e, enum qmp_error_kind peer,
                 enum qmp_outcome outcome);

/* Where we are in a value: a chain on the stack, innermost first. */
struct place_name {
    const struct place_name *outer;
    const char *member; /* or NULL: the element number `index` */
    size_t index;
};

/* "what.member[3].inner", cut at the front if it is long. `out` has LIMIT_API_PATH bytes. */
const char *place_name_text(const struct place_name *name, char *out);

#endif
