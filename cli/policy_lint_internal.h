/* What the parts of policy_lint share. */
#ifndef CLI_POLICY_LINT_INTERNAL_H
#define CLI_POLICY_LINT_INTERNAL_H

#include "acl/program.h"
#include "cli/policy_coverage.h"
#include "cli/policy_lint.h"

struct policy_linter {
    const struct acl_policy *policy;
    const struct policy_schemas *schemas;
    struct policy_coverage coverage;
    struct acl_program **programs; /* of the policy, for each schema; owned */
    struct policy_findings *findings;
};

void policy_lint_tell(struct policy_linter *l, enum policy_severity severity, unsigned line,
                      const char *fmt, ...) PRINTF(4, 5);

/* Does every set of arguments that the command takes reach the host? False if that is not known. */
bool policy_lint_always_reaches(const struct acl_program *p, unsigned command);

/* A command that an allow names, and that no rule opens. */
void policy_lint_reach(struct policy_linter *l, size_t rule);

/* The conditions of one rule. */
void policy_lint_when(struct policy_linter *l, uint32_t clause);

#endif
