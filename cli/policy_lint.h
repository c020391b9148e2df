/* What is good policy by its form and cannot be meant: beside the schemas of the VMs that there
 * are, and beside itself. */
#ifndef CLI_POLICY_LINT_H
#define CLI_POLICY_LINT_H

#include "acl/policy.h"
#include "cli/policy.h"

enum policy_severity {
    POLICY_WARNING, /* it does nothing, or never what it says */
    POLICY_NOTE,    /* it does less than one may think */
};

struct policy_finding {
    unsigned line;
    enum policy_severity severity;
    char *text; /* owned */
};

struct policy_findings {
    struct policy_finding *at; /* in the order of lines; owned */
    size_t n, cap;
    size_t n_warnings;
};

/* Is any grant for guest agents? Then theirs should be among the schemas, as the last one. */
bool policy_has_agents(const struct acl_policy *p);

/* At least one schema. */
void policy_lint(struct acl_policy *p, const struct policy_schemas *s, struct policy_findings *out);
void policy_findings_clear(struct policy_findings *f);
#define CLEANUP_FINDINGS CLEANUP(policy_findings_clear)

#endif
