/* Which commands and events each pattern of a policy covers, in all schemas at once. It is asked of
 * acl/, and not worked out a second time: each pattern is compiled as a policy of its own. */
#ifndef CLI_POLICY_COVERAGE_H
#define CLI_POLICY_COVERAGE_H

#include "acl/bits.h"
#include "acl/policy.h"
#include "cli/policy.h"

/* What a rule covers: numbers of commands, or of events, of one schema after the other. */
struct policy_covered {
    uint64_t *opens;  /* commands that it allows or denies, or events; owned */
    uint64_t *misses; /* commands that it would allow, but cannot open; owned; NULL of events */
    bool any;         /* some in `opens` */
};

struct policy_coverage {
    const struct acl_policy *policy;
    const struct policy_schemas *schemas;
    size_t *first_command; /* of each schema, and one more; owned */
    size_t *first_event;
    struct policy_covered *rules; /* by the policy's numbers; owned */
};

struct policy_coverage policy_coverage_new(const struct acl_policy *p,
                                           const struct policy_schemas *s);
void policy_coverage_clear(struct policy_coverage *c);
#define CLEANUP_COVERAGE CLEANUP(policy_coverage_clear)

/* How many commands (or, of a rule for events, events) there are. */
size_t policy_coverage_size(const struct policy_coverage *c, const struct acl_rule *r);

/* A command by its number, taken apart. */
struct policy_command {
    size_t schema_number;
    const struct qmp_schema *schema;
    unsigned number;
    const char *name;
};
struct policy_command policy_coverage_command(const struct policy_coverage *c, size_t i);

/* The same of an event. */
struct policy_event {
    const struct qmp_schema *schema;
    unsigned number;
};
struct policy_event policy_coverage_event(const struct policy_coverage *c, size_t i);

/* Everything that a covers, b covers. */
bool policy_covers_all(const uint64_t *a, const uint64_t *b, size_t n);

#endif
