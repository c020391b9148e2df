/* What `policy effective` found, laid out for people. */
#ifndef CLI_POLICY_EFFECTIVE_SHOW_H
#define CLI_POLICY_EFFECTIVE_SHOW_H

#include "cli/output.h"

/* The document of policy_effective.c. */
void policy_effective_show(const struct output *o, FILE *to, struct json_object *document);

#endif
