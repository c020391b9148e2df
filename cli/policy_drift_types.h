/* What differs between the arguments of a command in two schemas. */
#ifndef CLI_POLICY_DRIFT_TYPES_H
#define CLI_POLICY_DRIFT_TYPES_H

#include "base/buf.h"
#include "qmp/types.h"

/* `path`: "file(qcow2).size", the branch of a union in parentheses; "" is the arguments' own. */
typedef void policy_drift_fn(void *opaque, const char *path, const char *change);

/* Tells every difference once, where it is met first. */
void policy_drift_types(const struct qmp_schema *old, uint32_t old_type,
                        const struct qmp_schema *new, uint32_t new_type, policy_drift_fn *tell,
                        void *opaque);

#endif
