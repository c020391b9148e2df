#include "config.h"
#include "acl/arguments.h"

#include <string.h>
#include "acl/classes.h"

bool acl_arguments_untyped(struct span command)
{
    return (acl_table_classes(command) & ACL_CLASS(UNTYPED)) != 0;
}

void acl_arguments_find(const struct acl_program *p, struct span command, const struct qmp_tape *t,
                        uint32_t arguments, struct acl_reached_list *out)
{
    (void)p; (void)command; (void)t; (void)arguments; (void)out;
}
