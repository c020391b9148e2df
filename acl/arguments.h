/* What of a command's arguments reaches the host: by the table of typed arguments (shape.h), and
 * where the schema does not show them by that of the command (device.h). */
#ifndef ACL_ARGUMENTS_H
#define ACL_ARGUMENTS_H

#include "acl/program.h"

struct acl_arguments {
    uint32_t actions; /* of a transaction: an array's token, to be judged one by one; or QMP_NONE */
    uint32_t line; /* of the human monitor: a string's token, to be judged by its words; likewise */
    bool untyped;  /* some values are not checked by the schema: a string may stand for a number */
};

/* Fills the list, tokens ascending. The line is on it, as a program; the actions are not. */
struct acl_arguments acl_arguments_find(const struct acl_program *p, unsigned command,
                                        const struct qmp_tape *t, uint32_t arguments,
                                        struct acl_reached_list *out);

#endif
