/* What somebody may do on one VM: the union of its grants, less what any of them denies. */
#include "config.h"
#include "acl/rights_internal.h"

#include <stdlib.h>
#include <string.h>

/* What was found in the grants so far: the first grant and rule that say so. */
struct found {
    struct acl_said said;
    uint32_t *grants; /* of each command that is present; owned */
};

/* What stands under conditions, and in which grant. */
struct found_choice {
    struct acl_choice choice;
    uint32_t grant;
    uint32_t order;
};

struct found_choices {
    struct found_choice *at; /* owned */
    size_t n, cap;
};

struct findings {
    struct found allow;
    struct found deny;
    struct found near_misses;
    struct found_choices commands_when;
    struct found_choices events_when;
    struct found_choices hmp;
};

const char *const acl_effect_words[] = {
    [ACL_EFFECT_ALLOW] = "allow",
    [ACL_EFFECT_DENY] = "deny",
    [ACL_EFFECT_EVENT] = "events",
    [ACL_EFFECT_HMP] = "hmp",
};

static uint32_t add_citation(struct acl_rights *r, struct acl_citation c)
{
    mem_grow((void **)&r->citations, &r->cap_citations, r->n_citations + 1, sizeof(*r->citations));
    r->citations[r->n_citations] = c;
    return (uint32_t)r->n_citations++;
}

static char *name_rule(const struct acl_policy *p, uint32_t grant, const struct acl_rule *rule)
{
    const char *role = p->roles[rule->role].name;
    if (rule->clause != ACL_NO_CLAUSE)
        return mem_printf("grant \"%s\" role \"%s\" rule \"%s\"", p->grants[grant].name, role,
                          p->clauses[rule->clause].name);
    return mem_printf("grant \"%s\" role \"%s\" %s \"%s\"", p->grants[grant].name, role,
                      acl_effect_words[rule->effect], rule->text);
}

static uint32_t new_citation(struct acl_rights *r, uint32_t grant, uint32_t number)
{
    const struct acl_policy *p = r->program->policy;
    const struct acl_rule *rule = &p->rules[number];
    struct acl_citation c = { .grant = grant, .number = number };
    c.rule = name_rule(p, grant, rule);
    if (rule->effect == ACL_EFFECT_DENY)
        c.reason = mem_printf("denied by %s", c.rule);
    return add_citation(r, c);
}

/* There are as many as rules that decide something: few. The last ones come again most often. */
static uint32_t cite(struct acl_rights *r, uint32_t grant, uint32_t number)
{
    for (size_t i = r->n_citations; i > N_FIXED_CITATIONS; i--) {
        const struct acl_citation *c = &r->citations[i - 1];
        if (c->grant == grant && c->number == number)
            return (uint32_t)(i - 1);
    }
    return new_citation(r, grant, number);
}

/* --- the union -------------------------------------------------------------------------------- */

static void add_said(const struct acl_program *p, struct found *f, const struct acl_said *more,
                     uint32_t grant)
{
    for (size_t word = 0; word < bits_words(p->n_commands); word++) {
        uint64_t fresh = more->commands[word] & ~f->said.commands[word];
        f->said.commands[word] |= fresh;
        for (; fresh; fresh &= fresh - 1) {
            size_t i = word * 64 + (size_t)__builtin_ctzll(fresh);
            if (i < p->n_present) {
                f->said.rules[i] = more->rules[i];
                f->grants[i] = grant;
            }
        }
    }
}

static void add_choices(struct found_choices *f, const struct acl_choices *more, uint32_t grant)
{
    mem_grow((void **)&f->at, &f->cap, f->n + more->n, sizeof(*f->at));
    for (size_t i = 0; i < more->n; i++) {
        f->at[f->n] = (struct found_choice){ more->at[i], grant, (uint32_t)f->n };
        f->n++;
    }
}

/* What takes away counts at the monitor and at the agent, whichever the grant is for. */
static void restrict_by(struct acl_rights *r, struct findings *f, uint32_t grant,
                        const struct acl_compiled_role *role)
{
    add_said(r->program, &f->deny, &role->deny, grant);
    acl_choices_append(&r->redactions, &role->redactions);
}

static void add_role(struct acl_rights *r, struct findings *f, uint32_t grant,
                     const struct acl_compiled_role *role)
{
    const struct acl_program *p = r->program;
    add_said(p, &f->allow, &role->allow, grant);
    add_said(p, &f->near_misses, &role->near_misses, grant);
    bits_add(r->events, role->events, p->n_events);
    add_choices(&f->commands_when, &role->commands_when, grant);
    add_choices(&f->events_when, &role->events_when, grant);
    add_choices(&f->hmp, &role->hmp, grant);
}

static void add_grant(struct acl_rights *r, struct findings *f, uint32_t number, bool agent)
{
    const struct acl_grant *grant = &r->program->policy->grants[number];
    for (size_t i = 0; i < grant->n_roles; i++) {
        const struct acl_compiled_role *role = &r->program->roles[grant->roles[i]];
        restrict_by(r, f, number, role);
        if (grant->agent == agent)
            add_role(r, f, number, role);
    }
}

static void add_grants(struct acl_rights *r, struct findings *f, const uint64_t *grants, bool agent)
{
    BITS_EACH(grants, r->program->policy->n_grants, g)
    add_grant(r, f, (uint32_t)g, agent);
}

/* --- what stands under conditions ------------------------------------------------------------- */

static int compare_found(const void *a, const void *b)
{
    const struct found_choice *x = a, *y = b;
    if (x->choice.subject != y->choice.subject)
        return x->choice.subject < y->choice.subject ? -1 : 1;
    if (x->choice.rule != y->choice.rule)
        return x->choice.rule < y->choice.rule ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static void bind(struct acl_option *o, const struct acl_clause *clause,
                 const struct acl_binding *binding)
{
    o->n_conditions = clause->n_conditions;
    o->conditions = clause->conditions;
    if (!clause->variable)
        return;
    struct acl_condition *bound = MEM_NEW_N(struct acl_condition, clause->n_conditions + 1);
    for (size_t i = 0; i < clause->n_conditions; i++) {
        if (!acl_condition_bind(&clause->conditions[i], binding, &bound[i]))
            o->never = true;
    }
    o->conditions = bound;
    o->owned = true;
}

/* Each rule once for each subject, with the first grant that gives it. */
static struct acl_options make_options(struct acl_rights *r, struct found_choices *f,
                                       const struct acl_binding *binding)
{
    const struct acl_policy *p = r->program->policy;
    struct acl_options made = { .at = MEM_NEW_N(struct acl_option, f->n + 1) };
    if (f->n > 0)
        qsort(f->at, f->n, sizeof(*f->at), compare_found);
    for (size_t i = 0; i < f->n; i++) {
        const struct acl_choice *c = &f->at[i].choice, *before = i ? &f->at[i - 1].choice : NULL;
        if (before && before->subject == c->subject && before->rule == c->rule)
            continue;
        struct acl_option *o = &made.at[made.n++];
        o->subject = c->subject;
        o->citation = new_citation(r, f->at[i].grant, c->rule);
        if (p->rules[c->rule].clause != ACL_NO_CLAUSE)
            bind(o, &p->clauses[p->rules[c->rule].clause], binding);
    }
    free(f->at);
    return made;
}

static void free_options(struct acl_options *options)
{
    for (size_t i = 0; i < options->n; i++) {
        struct acl_option *o = &options->at[i];
        for (size_t k = 0; o->owned && k < o->n_conditions; k++)
            acl_condition_free((struct acl_condition *)&o->conditions[k]);
        if (o->owned)
            free((struct acl_condition *)o->conditions);
    }
    free(options->at);
}

static void link_options(struct acl_rights *r, const uint64_t *denied)
{
    for (size_t i = 0; i < r->commands_when.n; i++) {
        struct acl_entry *e = &r->entries[r->commands_when.at[i].subject];
        if (e->n_options++ == 0)
            e->first_option = (uint32_t)i;
    }
    BITS_EACH(denied, r->program->n_present, i)
    r->entries[i].n_options = 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static struct acl_entry decide(struct acl_rights *r, const struct findings *f, size_t command)
{
    const struct found *deny = &f->deny, *allow = &f->allow, *near = &f->near_misses;
    if (bits_test(deny->said.commands, command))
        return (struct acl_entry){
            .decision = ACL_DENIED,
            .citation = cite(r, deny->grants[command], deny->said.rules[command]),
        };
    if (bits_test(allow->said.commands, command))
        return (struct acl_entry){
            .decision = ACL_ALLOWED,
            .citation = cite(r, allow->grants[command], allow->said.rules[command]),
        };
    return (struct acl_entry){
        .decision = ACL_DENIED,
        .citation = CITE_DEFAULT,
        .near_miss = bits_test(near->said.commands, command)
                         ? cite(r, near->grants[command], near->said.rules[command])
                         : 0,
    };
}

static struct found found_new(const struct acl_program *p)
{
    return (struct found){
        .said = acl_said_new(p),
        .grants = MEM_NEW_N(uint32_t, p->n_present + 1),
    };
}

static void found_free(struct found *f)
{
    acl_said_free(&f->said);
    free(f->grants);
}

static void decide_all(struct acl_rights *r, const struct findings *f)
{
    const struct acl_program *p = r->program;
    for (size_t i = 0; i < p->n_present; i++)
        r->entries[i] = decide(r, f, i);
    for (size_t i = 0; i < bits_words(p->n_commands); i++)
        r->absent[i] = f->allow.said.commands[i] & ~f->deny.said.commands[i];
}

struct acl_rights *acl_rights_new(struct acl_program *program, struct acl_subject who,
                                  const struct acl_vm *vm)
{
    struct acl_rights *r = MEM_NEW(struct acl_rights);
    atomic_init(&r->refs, 1);
    r->program = acl_program_ref(program);
    r->agent = vm->agent;
    r->entries = MEM_NEW_N(struct acl_entry, program->n_present + 1);
    r->absent = bits_new(program->n_commands);
    r->events = bits_new(program->n_events);
    add_citation(r, (struct acl_citation){ .rule = mem_strdup("default") });
    add_citation(r, (struct acl_citation){ .rule = mem_strdup("schema") });
    struct findings f = {
        .allow = found_new(program),
        .deny = found_new(program),
        .near_misses = found_new(program),
    };
    r->grants = acl_policy_grants(program->policy, who, vm);
    if (r->grants)
        add_grants(r, &f, r->grants, vm->agent);
    decide_all(r, &f);
    const struct acl_binding binding = { who.name, vm };
    r->commands_when = make_options(r, &f.commands_when, &binding);
    r->events_when = make_options(r, &f.events_when, &binding);
    r->hmp = make_options(r, &f.hmp, &binding);
    acl_choices_settle(&r->redactions);
    link_options(r, f.deny.said.commands);
    if (program->shadow)
        r->shadow = acl_rights_new(program->shadow, who, vm);
    found_free(&f.allow);
    found_free(&f.deny);
    found_free(&f.near_misses);
    return r;
}

const struct acl_rights *acl_rights_shadow(const struct acl_rights *r)
{
    return r->shadow;
}

struct acl_rights *acl_rights_ref(struct acl_rights *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void acl_rights_unref(struct acl_rights *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < r->n_citations; i++) {
        free(r->citations[i].rule);
        free(r->citations[i].reason);
    }
    free(r->citations);
    free(r->grants);
    free(r->entries);
    free(r->absent);
    free(r->events);
    free_options(&r->commands_when);
    free_options(&r->events_when);
    free_options(&r->hmp);
    free(r->redactions.at);
    acl_rights_unref(r->shadow);
    acl_program_unref(r->program);
    free(r);
}

struct acl_entry acl_rights_find(const struct acl_rights *r, struct span name, uint32_t *command)
{
    int64_t number = acl_program_find(r->program, name);
    if (number >= 0 && number < r->program->n_present) {
        if (command)
            *command = (uint32_t)number;
        return r->entries[number];
    }
    if (number >= 0 && bits_test(r->absent, (size_t)number))
        return (struct acl_entry){ .decision = ACL_UNKNOWN_COMMAND, .citation = CITE_SCHEMA };
    return (struct acl_entry){ .decision = ACL_DENIED, .citation = CITE_DEFAULT };
}
