#include "config.h"
#include "cli/policy_lint_internal.h"

#include <stdlib.h>
#include "acl/hmp.h"
#include "cli/policy_places.h"

/* --- findings --------------------------------------------------------------------------------- */

void policy_lint_tell(struct policy_linter *l, enum policy_severity severity, unsigned line,
                      const char *fmt, ...)
{
    struct policy_findings *f = l->findings;
    char shown[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(shown, sizeof(shown), fmt, ap);
    va_end(ap);
    mem_grow((void **)&f->at, &f->cap, f->n + 1, sizeof(*f->at));
    f->at[f->n++] = (struct policy_finding){ line, severity, mem_strdup(shown) };
    f->n_warnings += severity == POLICY_WARNING;
}

void policy_findings_clear(struct policy_findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->at[i].text);
    free(f->at);
    *f = (struct policy_findings){ 0 };
}

static int compare_findings(const void *a, const void *b)
{
    const struct policy_finding *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return strcmp(x->text, y->text);
}

/* --- a rule by itself ------------------------------------------------------------------------- */

static const char *option_of(const struct acl_rule *r)
{
    static const char *const words[] = {
        [ACL_EFFECT_ALLOW] = "allow",
        [ACL_EFFECT_DENY] = "deny",
        [ACL_EFFECT_EVENT] = "events",
        [ACL_EFFECT_HMP] = "hmp",
    };
    return r->clause == ACL_NO_CLAUSE ? words[r->effect] : "rule";
}

static void check_empty(struct policy_linter *l, size_t number)
{
    const struct acl_rule *r = &l->policy->rules[number];
    const struct policy_covered *c = &l->coverage.rules[number];
    size_t n = policy_coverage_size(&l->coverage, r);
    const char *thing = r->effect == ACL_EFFECT_EVENT ? "event" : "command";
    if (c->any)
        return;
    if (c->misses && bits_next(c->misses, n, 0) < n)
        policy_lint_tell(l, POLICY_WARNING, r->line,
                         "\"%s\": all that it matches reaches the host, or is not known, and is "
                         "allowed by its own name only",
                         r->text);
    else if (r->kind == ACL_RULE_NAME)
        policy_lint_tell(l, POLICY_WARNING, r->line, "\"%s\": no schema has %s %s of that name",
                         r->text, r->effect == ACL_EFFECT_EVENT ? "an" : "a", thing);
    else if (r->kind == ACL_RULE_CLASS)
        policy_lint_tell(l, POLICY_WARNING, r->line,
                         "\"%s\": no schema has a command of that class", r->text);
    else
        policy_lint_tell(l, POLICY_WARNING, r->line, "\"%s\" matches no %s of any schema", r->text,
                         thing);
}

/* A role and those that it includes. */
static void add_closure(const struct acl_policy *p, uint32_t role, uint64_t *roles)
{
    if (bits_test(roles, role))
        return;
    bits_set(roles, role);
    for (size_t i = 0; i < p->roles[role].n_includes; i++)
        add_closure(p, p->roles[role].includes[i], roles);
}

/* Does a deny close one of these commands, with spaces between them? */
static bool closes_one(const struct policy_linter *l, size_t deny, const char *commands)
{
    size_t n = policy_coverage_size(&l->coverage, &l->policy->rules[deny]);
    BITS_EACH(l->coverage.rules[deny].opens, n, i)
    {
        const char *name = policy_coverage_command(&l->coverage, i).name;
        size_t len = strlen(name);
        for (const char *at = commands; (at = strstr(at, name)); at += len) {
            if ((at == commands || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
                return true;
        }
    }
    return false;
}

/* What the role denies of what a word of the human monitor does. */
static const struct acl_rule *find_deny_of(struct policy_linter *l, uint32_t role,
                                           const char *commands)
{
    const struct acl_rule *found = NULL;
    uint64_t *roles = bits_new(l->policy->n_roles);
    add_closure(l->policy, role, roles);
    for (size_t i = 0; !found && i < l->policy->n_rules; i++) {
        const struct acl_rule *d = &l->policy->rules[i];
        if (d->effect == ACL_EFFECT_DENY && bits_test(roles, d->role) && closes_one(l, i, commands))
            found = d;
    }
    free(roles);
    return found;
}

static void check_words(struct policy_linter *l, const struct acl_rule *r)
{
    struct acl_hmp_word word;
    const struct acl_rule *closed = NULL;
    for (size_t i = 0; i < acl_hmp_table_size(); i++) {
        acl_hmp_table_word(i, &word);
        if (!acl_hmp_pattern_match(r->text, &word))
            continue;
        const struct acl_rule *deny = find_deny_of(l, r->role, word.commands);
        if (!deny)
            return;
        closed = deny;
    }
    if (closed)
        policy_lint_tell(l, POLICY_WARNING, r->line,
                         "\"%s\" opens nothing: deny \"%s\" of role \"%s\" (line %u) closes it",
                         r->text, closed->text, l->policy->roles[closed->role].name, closed->line);
    else
        policy_lint_tell(
            l, POLICY_WARNING, r->line,
            "\"%s\": no word of the human monitor that is known and that this can open", r->text);
}

/* --- rules of a role beside each other -------------------------------------------------------- */

/* Does `other` make `number` superfluous? Of two that say the same the first one stays. */
static bool is_superfluous(const struct policy_linter *l, size_t number, size_t other)
{
    const struct acl_rule *a = &l->policy->rules[number], *b = &l->policy->rules[other];
    const struct policy_covered *x = &l->coverage.rules[number], *y = &l->coverage.rules[other];
    size_t n = policy_coverage_size(&l->coverage, a);
    if (number == other || b->clause != ACL_NO_CLAUSE || b->effect != a->effect ||
        !policy_covers_all(x->opens, y->opens, n))
        return false;
    return other < number || b->role != a->role || !policy_covers_all(y->opens, x->opens, n);
}

static bool reaches_host(const struct policy_linter *l, size_t number)
{
    size_t n = policy_coverage_size(&l->coverage, &l->policy->rules[number]);
    BITS_EACH(l->coverage.rules[number].opens, n, i)
    {
        struct policy_command k = policy_coverage_command(&l->coverage, i);
        if (acl_reach_is_possible(l->programs[k.schema_number]->reach, k.number))
            return true;
    }
    return false;
}

static void tell_superfluous(struct policy_linter *l, size_t number, const struct acl_rule *by)
{
    const struct acl_rule *r = &l->policy->rules[number];
    if (r->clause == ACL_NO_CLAUSE)
        policy_lint_tell(l, POLICY_WARNING, r->line,
                         "\"%s\" is superfluous: so says %s \"%s\" of role \"%s\" (line %u)",
                         r->text, option_of(r), by->text, l->policy->roles[by->role].name,
                         by->line);
    else if (r->effect == ACL_EFFECT_ALLOW && reaches_host(l, number))
        policy_lint_tell(
            l, POLICY_NOTE, r->line,
            "\"%s\": allow \"%s\" (line %u) allows it anyway; rule \"%s\" decides only "
            "about arguments that reach the host",
            r->text, by->text, by->line, l->policy->clauses[r->clause].name);
    else
        policy_lint_tell(l, POLICY_WARNING, r->line,
                         "rule \"%s\" is superfluous for \"%s\": %s \"%s\" (line %u) has no "
                         "conditions",
                         l->policy->clauses[r->clause].name, r->text,
                         r->effect == ACL_EFFECT_EVENT ? "events" : "allow", by->text, by->line);
}

static void check_superfluous(struct policy_linter *l, size_t number, const uint64_t *roles)
{
    for (size_t i = 0; i < l->policy->n_rules; i++) {
        if (bits_test(roles, l->policy->rules[i].role) && is_superfluous(l, number, i)) {
            tell_superfluous(l, number, &l->policy->rules[i]);
            return;
        }
    }
}

/* Is all that it opens closed by what the role denies? */
static void check_shadow(struct policy_linter *l, size_t number, const uint64_t *roles)
{
    const struct acl_rule *r = &l->policy->rules[number], *first = NULL;
    size_t n = policy_coverage_size(&l->coverage, r);
    uint64_t *denied = bits_new(n);
    for (size_t i = 0; i < l->policy->n_rules; i++) {
        const struct acl_rule *d = &l->policy->rules[i];
        if (d->effect != ACL_EFFECT_DENY || !bits_test(roles, d->role))
            continue;
        BITS_EACH(l->coverage.rules[i].opens, n, k)
        {
            if (!first && bits_test(l->coverage.rules[number].opens, k))
                first = d;
            bits_set(denied, k);
        }
    }
    if (first && policy_covers_all(l->coverage.rules[number].opens, denied, n))
        policy_lint_tell(l, POLICY_WARNING, r->line,
                         "\"%s\" opens nothing: deny \"%s\" of role \"%s\" (line %u) closes it",
                         r->text, first->text, l->policy->roles[first->role].name, first->line);
    free(denied);
}

/* --- rules with conditions beside each other -------------------------------------------------- */

static bool has_condition(const struct acl_clause *c, const char *text)
{
    for (size_t i = 0; i < c->n_conditions; i++) {
        if (strcmp(c->conditions[i].text, text) == 0)
            return true;
    }
    return false;
}

/* A condition that covers an argument opens something, so one more of them is not one less. */
static bool only_narrows(const struct acl_condition *c)
{
    for (unsigned reach = 0; reach < ACL_N_REACHES; reach++) {
        if (acl_operator_covers(c->op, (enum acl_reach)reach))
            return false;
    }
    return true;
}

/* Whatever the first one allows, the second one does. */
static bool says_less(const struct acl_clause *a, const struct acl_clause *b)
{
    for (size_t i = 0; i < b->n_conditions; i++) {
        if (!has_condition(a, b->conditions[i].text))
            return false;
    }
    for (size_t i = 0; i < a->n_conditions; i++) {
        if (!has_condition(b, a->conditions[i].text) && !only_narrows(&a->conditions[i]))
            return false;
    }
    return true;
}

static uint64_t *covered_by_clause(const struct policy_linter *l, uint32_t clause, size_t n,
                                   enum acl_effect effect)
{
    uint64_t *all = bits_new(n);
    for (size_t i = 0; i < l->policy->n_rules; i++) {
        if (l->policy->rules[i].clause == clause && l->policy->rules[i].effect == effect)
            bits_add(all, l->coverage.rules[i].opens, n);
    }
    return all;
}

static enum acl_effect effect_of_clause(const struct acl_policy *p, uint32_t clause)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        if (p->rules[i].clause == clause)
            return p->rules[i].effect;
    }
    return ACL_EFFECT_ALLOW;
}

static bool is_dead_clause(struct policy_linter *l, uint32_t number, uint32_t other)
{
    const struct acl_policy *p = l->policy;
    enum acl_effect effect = effect_of_clause(p, number);
    struct acl_rule of_effect = { .effect = effect };
    size_t n = policy_coverage_size(&l->coverage, &of_effect);
    if (!says_less(&p->clauses[number], &p->clauses[other]))
        return false;
    uint64_t *a = covered_by_clause(l, number, n, effect);
    uint64_t *b = covered_by_clause(l, other, n, effect);
    bool less = bits_next(a, n, 0) < n && policy_covers_all(a, b, n);
    bool same =
        less && policy_covers_all(b, a, n) && says_less(&p->clauses[other], &p->clauses[number]);
    free(a);
    free(b);
    return less && (!same || other < number);
}

static void check_clause(struct policy_linter *l, uint32_t number)
{
    const struct acl_policy *p = l->policy;
    const struct acl_clause *c = &p->clauses[number];
    uint64_t *roles = bits_new(p->n_roles);
    add_closure(p, c->role, roles);
    for (uint32_t i = 0; i < p->n_clauses; i++) {
        if (i != number && bits_test(roles, p->clauses[i].role) && is_dead_clause(l, number, i)) {
            policy_lint_tell(l, POLICY_WARNING, c->line,
                             "rule \"%s\" is superfluous: rule \"%s\" of role \"%s\" (line %u) "
                             "allows all that it allows",
                             c->name, p->clauses[i].name, p->roles[p->clauses[i].role].name,
                             p->clauses[i].line);
            break;
        }
    }
    free(roles);
    policy_lint_when(l, number);
}

/* --- the whole -------------------------------------------------------------------------------- */

static void check_rule(struct policy_linter *l, size_t number)
{
    const struct acl_rule *r = &l->policy->rules[number];
    if (r->effect == ACL_EFFECT_HMP) {
        check_words(l, r);
        return;
    }
    check_empty(l, number);
    if (!l->coverage.rules[number].any)
        return;
    uint64_t *roles = bits_new(l->policy->n_roles);
    add_closure(l->policy, r->role, roles);
    check_superfluous(l, number, roles);
    policy_lint_reach(l, number);
    if (r->effect == ACL_EFFECT_ALLOW)
        check_shadow(l, number, roles);
    free(roles);
}

static void check_redaction(struct policy_linter *l, const struct acl_redaction *r)
{
    CLEANUP_PLACES struct policy_places places = { 0 };
    bool known = false;
    for (size_t i = 0; i < l->schemas->n; i++) {
        const struct qmp_schema *s = l->schemas->at[i].schema;
        int command = qmp_schema_find_command(s, policy_span(r->command));
        known |= command >= 0;
        if (command >= 0 &&
            policy_places_find_in(s, qmp_command_returns(s, (unsigned)command), &r->path, &places))
            return;
    }
    if (known)
        policy_lint_tell(l, POLICY_WARNING, r->line, "\"%s: %s\": what it returns has no %s",
                         r->command, r->path.text, r->path.text);
    else
        policy_lint_tell(l, POLICY_WARNING, r->line, "\"%s\": no schema has a command of that name",
                         r->command);
}

/* --- grants for guest agents --------------------------------------------------------------------
 */

bool policy_has_agents(const struct acl_policy *p)
{
    for (size_t i = 0; i < p->n_grants; i++) {
        if (p->grants[i].agent)
            return true;
    }
    return false;
}

static bool opens_any(const struct policy_linter *l, const struct acl_grant *grant)
{
    const struct acl_program *agents = l->programs[l->schemas->n - 1];
    for (size_t i = 0; i < grant->n_roles; i++) {
        const struct acl_compiled_role *role = &agents->roles[grant->roles[i]];
        if (bits_next(role->allow.commands, agents->n_present, 0) < agents->n_present ||
            role->commands_when.n > 0)
            return true;
    }
    return false;
}

static void check_agent_grant(struct policy_linter *l, const struct acl_grant *grant)
{
    if (grant->agent && !opens_any(l, grant))
        policy_lint_tell(l, POLICY_WARNING, grant->line,
                         "grant \"%s\" opens nothing: its roles allow no command of guest agents",
                         grant->name);
}

void policy_lint(struct acl_policy *p, const struct policy_schemas *s, struct policy_findings *out)
{
    CLEANUP_COVERAGE struct policy_coverage coverage = policy_coverage_new(p, s);
    struct policy_linter l = { p, s, coverage, MEM_NEW_N(struct acl_program *, s->n + 1), out };
    for (size_t i = 0; i < s->n; i++)
        l.programs[i] = acl_program_new(p, s->at[i].schema);
    for (size_t i = 0; i < p->n_rules; i++)
        check_rule(&l, i);
    for (uint32_t i = 0; i < p->n_clauses; i++)
        check_clause(&l, i);
    for (size_t i = 0; i < p->n_redactions; i++)
        check_redaction(&l, &p->redactions[i]);
    for (size_t i = 0; i < p->n_grants; i++)
        check_agent_grant(&l, &p->grants[i]);
    for (size_t i = 0; i < s->n; i++)
        acl_program_unref(l.programs[i]);
    free(l.programs);
    if (out->n > 0)
        qsort(out->at, out->n, sizeof(*out->at), compare_findings);
}
