/* Tables of what a policy must answer: policy.conf(5), TESTING. `qmpgate policy test` runs those of
 * users, tests/acl those of the project. */
#ifndef CLI_POLICY_CASES_H
#define CLI_POLICY_CASES_H

#include "acl/acl.h"

struct policy_cases {
    const char *file; /* what reports call the table */
    struct acl_policy *policy;
    struct qmp_schema *schema;
    /* Names of people and commands that are nobody's and nothing's are faults of the table: else a
     * misspelt one is refused as expected. */
    bool proper_names;
    acl_report_fn *report; /* a line "FILE:LINE: ..." for each case that fails */
    void *opaque;
    unsigned n_run, n_failed; /* counted up */
};

/* `text` ends with NUL, and is written to. */
void policy_cases_run(struct policy_cases *c, char *text);

/* The next line, without its end, which is overwritten; NULL at the end of the text. */
char *policy_cases_next_line(char **at);

#endif
