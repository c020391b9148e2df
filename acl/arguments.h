/* What of a command's arguments reaches the host: by the table of typed arguments (shape.h) and,
 * where the schema does not show them, by that of the command. */
#ifndef ACL_ARGUMENTS_H
#define ACL_ARGUMENTS_H

#include "acl/program.h"

/* Adds to the list, in the order of the tape. */
void acl_arguments_find(const struct acl_program *p, struct span command, const struct qmp_tape *t,
                        uint32_t arguments, struct acl_reached_list *out);

/* Are there arguments that the schema does not check, so that a string may stand for a number? */
bool acl_arguments_untyped(struct span command);

#endif
