/* What somebody may do on one VM: the union of its grants, less what any of them denies. */
#include "config.h"
#include "acl/acl.h"

#include <stdlib.h>
#include <string.h>
#include "acl/program.h"

/* The first citations: nothing decided, and the VM has no such command. */
enum { CITE_DEFAULT, CITE_SCHEMA, N_FIXED_CITATIONS };

static const char no_rule[] = "no rule allows it";
static const char by_name_only[] =
    "it can reach the host, or is not known, and is allowed by its own name only";

struct entry {
    uint32_t citation;  /* number of it */
    uint32_t near_miss; /* likewise: refused, though this class or glob matches; 0: none */
    uint8_t decision;   /* enum acl_decision */
};

/* What is said of who decided, made once. */
struct citation {
    char *rule;   /* owned */
    char *reason; /* owned; NULL of one that allows */
    uint32_t grant;
    uint32_t number; /* of the policy's rule */
};

struct acl_rights {
    _Atomic unsigned refs;
    struct acl_program *program; /* a reference */
    uint64_t *grants;            /* that apply here: a set, NULL for none; owned */
    struct entry *entries;       /* of each command that is present; owned */
    uint64_t *absent;            /* those that are not, but would be allowed: a set; owned */
    uint64_t *events;            /* a set; owned */
    struct citation *citations;  /* owned */
    size_t n_citations, cap_citations;
};

/* What was found in the grants so far: the first grant and rule that say so. */
struct found {
    struct acl_said said;
    uint32_t *grants; /* of each command that is present; owned */
};

struct findings {
    struct found allow;
    struct found deny;
    struct found near_misses;
};

static const char *const effect_words[] = {
    [ACL_EFFECT_ALLOW] = "allow",
    [ACL_EFFECT_DENY] = "deny",
    [ACL_EFFECT_EVENT] = "events",
};

static uint32_t add_citation(struct acl_rights *r, struct citation c)
{
    mem_grow((void **)&r->citations, &r->cap_citations, r->n_citations + 1, sizeof(*r->citations));
    r->citations[r->n_citations] = c;
    return (uint32_t)r->n_citations++;
}

/* There are as many as rules that decide something: few. The last ones come again most often. */
static uint32_t cite(struct acl_rights *r, uint32_t grant, uint32_t number)
{
    for (size_t i = r->n_citations; i > N_FIXED_CITATIONS; i--) {
        const struct citation *c = &r->citations[i - 1];
        if (c->grant == grant && c->number == number)
            return (uint32_t)(i - 1);
    }
    const struct acl_policy *p = r->program->policy;
    const struct acl_rule *rule = &p->rules[number];
    struct citation c = { .grant = grant, .number = number };
    c.rule = mem_printf("grant \"%s\" role \"%s\" %s \"%s\"", p->grants[grant].name,
                        p->roles[rule->role].name, effect_words[rule->effect], rule->text);
    if (rule->effect == ACL_EFFECT_DENY)
        c.reason = mem_printf("denied by %s", c.rule);
    return add_citation(r, c);
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

static void add_role(struct acl_rights *r, struct findings *f, uint32_t grant,
                     const struct acl_compiled_role *role)
{
    const struct acl_program *p = r->program;
    add_said(p, &f->allow, &role->allow, grant);
    add_said(p, &f->deny, &role->deny, grant);
    add_said(p, &f->near_misses, &role->near_misses, grant);
    bits_add(r->events, role->events, p->n_events);
}

static void add_grants(struct acl_rights *r, struct findings *f, const uint64_t *grants)
{
    const struct acl_policy *policy = r->program->policy;
    BITS_EACH(grants, policy->n_grants, g)
    {
        for (size_t i = 0; i < policy->grants[g].n_roles; i++)
            add_role(r, f, (uint32_t)g, &r->program->roles[policy->grants[g].roles[i]]);
    }
}

static struct entry decide(struct acl_rights *r, const struct findings *f, size_t command)
{
    const struct found *deny = &f->deny, *allow = &f->allow, *near = &f->near_misses;
    if (bits_test(deny->said.commands, command))
        return (struct entry){
            .decision = ACL_DENIED,
            .citation = cite(r, deny->grants[command], deny->said.rules[command]),
        };
    if (bits_test(allow->said.commands, command))
        return (struct entry){
            .decision = ACL_ALLOWED,
            .citation = cite(r, allow->grants[command], allow->said.rules[command]),
        };
    return (struct entry){
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
    r->entries = MEM_NEW_N(struct entry, program->n_present + 1);
    r->absent = bits_new(program->n_commands);
    r->events = bits_new(program->n_events);
    add_citation(r, (struct citation){ .rule = mem_strdup("default") });
    add_citation(r, (struct citation){ .rule = mem_strdup("schema") });
    struct findings f = {
        .allow = found_new(program),
        .deny = found_new(program),
        .near_misses = found_new(program),
    };
    r->grants = acl_policy_grants(program->policy, who, vm);
    if (r->grants)
        add_grants(r, &f, r->grants);
    decide_all(r, &f);
    found_free(&f.allow);
    found_free(&f.deny);
    found_free(&f.near_misses);
    return r;
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
    acl_program_unref(r->program);
    free(r);
}

/* --- judging ---------------------------------------------------------------------------------- */

static const char *reason_of(const struct entry *e, const struct citation *c)
{
    switch ((enum acl_decision)e->decision) {
    case ACL_ALLOWED:
        return NULL;
    case ACL_UNKNOWN_COMMAND:
        return "the VM has no such command";
    case ACL_DENIED:
        return c->reason ? c->reason : e->near_miss ? by_name_only : no_rule;
    }
    abort();
}

static struct entry find_entry(const struct acl_rights *r, struct span name)
{
    int64_t command = acl_program_find(r->program, name);
    if (command >= 0 && command < r->program->n_present)
        return r->entries[command];
    if (command >= 0 && bits_test(r->absent, (size_t)command))
        return (struct entry){ .decision = ACL_UNKNOWN_COMMAND, .citation = CITE_SCHEMA };
    return (struct entry){ .decision = ACL_DENIED, .citation = CITE_DEFAULT };
}

struct acl_verdict acl_check(const struct acl_rights *r, struct span name, const struct qmp_tape *t,
                             const struct qmp_request *request)
{
    (void)t; /* arguments are not judged by this version */
    (void)request;
    const struct entry e = find_entry(r, name);
    const struct citation *c = &r->citations[e.citation];
    return (struct acl_verdict){
        .decision = (enum acl_decision)e.decision,
        .rule = c->rule,
        .reason = reason_of(&e, c),
    };
}

/* --- for those who trust their clients -------------------------------------------------------- */

#define GRANTS_TOLD_MAX 4 /* of those that say nothing of a command */

static void add_grant_place(struct buf *out, const struct acl_policy *p, size_t grant)
{
    buf_printf(out, "grant \"%s\" (%s:%u)", p->grants[grant].name, p->name, p->grants[grant].line);
}

/* Where the rule of a citation stands, and by which grant it is in force. */
static void add_rule_place(struct buf *out, const struct acl_policy *p, const struct citation *c)
{
    const struct acl_rule *rule = &p->rules[c->number];
    buf_printf(out, "%s \"%s\" of role \"%s\" (%s:%u), by ", effect_words[rule->effect], rule->text,
               p->roles[rule->role].name, p->name, rule->line);
    add_grant_place(out, p, c->grant);
}

static void add_silent_grants(struct buf *out, const struct acl_policy *p, const uint64_t *grants)
{
    size_t n = 0;
    if (grants) {
        BITS_EACH(grants, p->n_grants, g)
        {
            if (n < GRANTS_TOLD_MAX) {
                buf_add_str(out, n ? ", " : "no pattern matches of ");
                add_grant_place(out, p, g);
            }
            n++;
        }
    }
    if (n == 0)
        buf_add_str(out, "no grant applies here");
    else if (n > GRANTS_TOLD_MAX)
        buf_printf(out, " and %zu more", n - GRANTS_TOLD_MAX);
}

void acl_check_detail(const struct acl_rights *r, struct span name, struct buf *out)
{
    const struct acl_policy *p = r->program->policy;
    const struct entry e = find_entry(r, name);
    if (e.citation >= N_FIXED_CITATIONS) {
        add_rule_place(out, p, &r->citations[e.citation]);
    } else if (e.near_miss) {
        add_rule_place(out, p, &r->citations[e.near_miss]);
        buf_add_str(out, " matches it, but opens no such command");
    } else if (e.decision == ACL_DENIED) {
        add_silent_grants(out, p, r->grants);
    }
}

bool acl_allows_command(const struct acl_rights *r, unsigned command)
{
    return command < r->program->n_present && r->entries[command].decision == ACL_ALLOWED;
}

bool acl_allows_event(const struct acl_rights *r, unsigned event)
{
    return event < r->program->n_events && bits_test(r->events, event);
}

bool acl_check_event(const struct acl_rights *r, struct span name)
{
    int event = qmp_schema_find_event(r->program->schema, name);
    return event >= 0 && acl_allows_event(r, (unsigned)event);
}
