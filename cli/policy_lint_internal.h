/* What the parts of policy_lint share. */
#ifndef CLI_POLICY_LINT_INTERNAL_H
#define CLI_POLICY_LINT_INTERNAL_H

#include "cli/policy_coverage.h"
#include "cli/policy_lint.h"

struct policy_linter {
    const struct acl_policy *policy;
    const struct policy_schemas *schemas;
    struct policy_coverage coverage;
    struct policy_findings *findings;
};

void policy_lint_tell(struct policy_linter *l, enum policy_severity severity, unsigned line,
                      const char *fmt, ...) PRINTF(4, 5);

/* The conditions of one rule. */
void policy_lint_when(struct policy_linter *l, uint32_t clause);

#endif
