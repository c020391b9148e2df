/* What can never run although a role allows it: commands that always carry something that reaches
 * the host, where no rule says what it may be. */
#include "config.h"
#include "cli/policy_lint_internal.h"

#include <stdlib.h>
#include "acl/arguments.h"
#include "cli/policy_sample.h"

/* Does this sample reach the host? */
static bool reaches(const struct acl_program *p, unsigned command, struct span json)
{
    struct acl_reached_list list = { 0 };
    struct qmp_scanner *scanner = qmp_scan_object(&policy_scan_limits, json);
    bool any = scanner != NULL; /* a sample that is none says nothing: no warning by it */
    if (scanner) {
        acl_arguments_find(p, command, qmp_scanner_tape(scanner), 0, &list);
        any = list.n > 0;
    }
    qmp_scanner_free(scanner);
    acl_reached_list_clear(&list);
    return any;
}

bool policy_lint_always_reaches(const struct acl_program *p, unsigned command)
{
    CLEANUP_SAMPLER struct policy_sampler sampler = { 0 };
    CLEANUP_BUF struct buf json = { 0 };
    /* what the schema does not show, a sample does not know either */
    if (!acl_reach_is_possible(p->reach, command) || qmp_command_is_open(p->schema, command))
        return false;
    while (policy_sample_next(&sampler, p->schema, command, &json)) {
        if (!reaches(p, command, (struct span){ buf_data(&json), buf_len(&json) }))
            return false;
    }
    return sampler.made < POLICY_SAMPLES_MAX;
}

static bool has_rule(const struct policy_linter *l, size_t command)
{
    bool hmp =
        strcmp(policy_coverage_command(&l->coverage, command).name, "human-monitor-command") == 0;
    for (size_t i = 0; i < l->policy->n_rules; i++) {
        const struct acl_rule *r = &l->policy->rules[i];
        if (hmp && r->effect == ACL_EFFECT_HMP)
            return true;
        if (r->effect == ACL_EFFECT_ALLOW && r->clause != ACL_NO_CLAUSE &&
            bits_test(l->coverage.rules[i].opens, command))
            return true;
    }
    return false;
}

void policy_lint_reach(struct policy_linter *l, size_t number)
{
    const struct acl_rule *r = &l->policy->rules[number];
    size_t n = policy_coverage_size(&l->coverage, r);
    if (r->effect != ACL_EFFECT_ALLOW || r->clause != ACL_NO_CLAUSE || r->kind != ACL_RULE_NAME)
        return;
    BITS_EACH(l->coverage.rules[number].opens, n, i)
    {
        struct policy_command k = policy_coverage_command(&l->coverage, i);
        const struct acl_program *p = l->programs[k.schema_number];
        if (!policy_lint_always_reaches(p, k.number) || has_rule(l, i))
            continue;
        policy_lint_tell(
            l, POLICY_WARNING, r->line,
            "\"%s\" never runs: it always carries something that reaches the host, and "
            "no rule says what that may be",
            r->text);
        return;
    }
}
