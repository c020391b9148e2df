#include "config.h"
#include "acl/program.h"

#include <stdlib.h>
#include <string.h>
#include "acl/classes.h"
#include "base/glob.h"

/* A command as rules see it. */
struct command {
    struct span name;
    uint64_t classes;  /* of the table; 0 if it does not know the command */
    uint64_t features; /* classes that the VM's schema says it is in */
};

struct compiler {
    struct acl_program *program;
    struct command *commands; /* owned */
    size_t n, cap;
    size_t n_known;      /* of them, in the schema or the table: what an allowing glob can open */
    struct span *events; /* owned */
    bool *known_events;  /* owned */
};

/* --- what there is ---------------------------------------------------------------------------- */

int64_t acl_program_find(const struct acl_program *p, struct span name)
{
    int present = qmp_schema_find_command(p->schema, name);
    if (present >= 0)
        return present;
    struct acl_absent *a = NULL;
    HASH_FIND(hh, p->absent, name.data, name.len, a);
    return a ? (int64_t)a->number : -1;
}

static void add_command(struct compiler *c, struct span name, uint64_t features)
{
    mem_grow((void **)&c->commands, &c->cap, c->n + 1, sizeof(*c->commands));
    c->commands[c->n++] = (struct command){
        .name = name,
        .classes = acl_table_classes(name),
        .features = features,
    };
}

static void add_present(struct compiler *c)
{
    struct acl_program *p = c->program;
    p->n_present = qmp_schema_n_commands(p->schema);
    for (unsigned i = 0; i < p->n_present; i++) {
        const struct qmp_schema_command *k = qmp_schema_command(p->schema, i);
        add_command(c, (struct span){ k->name, strlen(k->name) },
                    (k->unstable ? ACL_CLASS(UNSTABLE) : 0) |
                        (k->deprecated ? ACL_CLASS(DEPRECATED) : 0));
    }
}

static void add_absent(struct compiler *c, const char *name)
{
    struct acl_program *p = c->program;
    struct span span = { name, strlen(name) };
    if (acl_program_find(p, span) >= 0)
        return;
    struct acl_absent *a = MEM_NEW(struct acl_absent);
    a->name = name;
    a->number = (uint32_t)c->n;
    HASH_ADD_KEYPTR(hh, p->absent, a->name, span.len, a);
    add_command(c, span, 0);
}

static void add_all_absent(struct compiler *c)
{
    const struct acl_policy *policy = c->program->policy;
    for (size_t i = 0; i < acl_table_n_commands(); i++)
        add_absent(c, acl_table_command(i));
    c->n_known = c->n;
    for (size_t i = 0; i < policy->n_rules; i++) {
        const struct acl_rule *r = &policy->rules[i];
        if (r->kind == ACL_RULE_NAME && r->effect != ACL_EFFECT_EVENT)
            add_absent(c, r->text);
    }
    c->program->n_commands = (uint32_t)c->n;
}

static void add_events(struct compiler *c)
{
    struct acl_program *p = c->program;
    p->n_events = qmp_schema_n_events(p->schema);
    c->events = MEM_NEW_N(struct span, p->n_events + 1);
    c->known_events = MEM_NEW_N(bool, p->n_events + 1);
    for (unsigned i = 0; i < p->n_events; i++) {
        const char *name = qmp_schema_event(p->schema, i);
        c->events[i] = (struct span){ name, strlen(name) };
        c->known_events[i] = acl_table_knows_event(c->events[i]);
    }
}

/* --- what a rule covers ----------------------------------------------------------------------- */

static bool glob_covers(const struct acl_rule *r, struct span name)
{
    return glob_match(r->text, r->span.len, name.data, name.len);
}

static bool covers(const struct acl_rule *r, const struct command *k)
{
    switch (r->kind) {
    case ACL_RULE_NAME:
        return r->span.len == k->name.len && memcmp(r->text, k->name.data, k->name.len) == 0;
    case ACL_RULE_GLOB:
        return glob_covers(r, k->name);
    case ACL_RULE_CLASS:
        /* A feature that only the VM tells of takes rights away; it gives none. */
        return (r->class_bit & (k->classes | (r->effect == ACL_EFFECT_DENY ? k->features : 0))) !=
               0;
    }
    abort();
}

/* What reaches the host or acts inside the guest, what the table does not know (a newer QEMU's) and
 * the gateway's own commands are opened by their names only; what QEMU calls unstable or deprecated
 * by these classes as well. */
static bool opens(const struct acl_rule *r, const struct command *k)
{
    const uint64_t shaky = ACL_CLASS(UNSTABLE) | ACL_CLASS(DEPRECATED);
    if (r->kind == ACL_RULE_NAME)
        return true;
    if (k->classes == 0 || (k->classes & ACL_OWN_NAME_CLASSES))
        return false;
    return !((k->classes | k->features) & shaky) ||
           (r->kind == ACL_RULE_CLASS && (r->class_bit & shaky));
}

struct acl_said acl_said_new(const struct acl_program *p)
{
    return (struct acl_said){
        .commands = bits_new(p->n_commands),
        .rules = MEM_NEW_N(uint32_t, p->n_present + 1),
    };
}

void acl_said_free(struct acl_said *s)
{
    free(s->commands);
    free(s->rules);
}

/* The first rule to say so is the one that is cited. */
static void note(const struct acl_program *p, struct acl_said *s, size_t command, uint32_t rule)
{
    if (!bits_test(s->commands, command) && command < p->n_present)
        s->rules[command] = rule;
    bits_set(s->commands, command);
}

static void apply_to(const struct compiler *c, struct acl_compiled_role *role, uint32_t rule,
                     size_t command)
{
    const struct acl_rule *r = &c->program->policy->rules[rule];
    bool opened = opens(r, &c->commands[command]);
    bool present = command < c->program->n_present;
    if (r->effect == ACL_EFFECT_DENY)
        note(c->program, &role->deny, command, rule);
    else if (opened && r->clause != ACL_NO_CLAUSE && present)
        acl_choices_add(&role->commands_when, (uint32_t)command, rule);
    else if (opened)
        note(c->program, &role->allow, command, rule);
    else
        note(c->program, &role->near_misses, command, rule);
}

static void apply_event(struct acl_compiled_role *role, const struct acl_rule *r, uint32_t rule,
                        uint32_t event)
{
    if (r->clause != ACL_NO_CLAUSE)
        acl_choices_add(&role->events_when, event, rule);
    else
        bits_set(role->events, event);
}

static void apply_event_rule(const struct compiler *c, struct acl_compiled_role *role,
                             uint32_t rule)
{
    const struct acl_rule *r = &c->program->policy->rules[rule];
    if (r->kind == ACL_RULE_NAME) {
        int event = qmp_schema_find_event(c->program->schema, r->span);
        if (event >= 0)
            apply_event(role, r, rule, (uint32_t)event);
        return;
    }
    for (uint32_t i = 0; i < c->program->n_events; i++) {
        if (c->known_events[i] && glob_covers(r, c->events[i]))
            apply_event(role, r, rule, i);
    }
}

static void apply_rule(const struct compiler *c, struct acl_compiled_role *role, uint32_t rule)
{
    const struct acl_rule *r = &c->program->policy->rules[rule];
    if (r->effect == ACL_EFFECT_HMP) {
        acl_choices_add(&role->hmp, 0, rule);
    } else if (r->effect == ACL_EFFECT_EVENT) {
        apply_event_rule(c, role, rule);
    } else if (r->kind == ACL_RULE_NAME) {
        int64_t command = acl_program_find(c->program, r->span);
        if (command >= 0)
            apply_to(c, role, rule, (size_t)command);
    } else {
        size_t n = r->effect == ACL_EFFECT_ALLOW ? c->n_known : c->n;
        for (size_t i = 0; i < n; i++) {
            if (covers(r, &c->commands[i]))
                apply_to(c, role, rule, i);
        }
    }
}

/* --- choices ---------------------------------------------------------------------------------- */

void acl_choices_add(struct acl_choices *c, uint32_t subject, uint32_t rule)
{
    mem_grow((void **)&c->at, &c->cap, c->n + 1, sizeof(*c->at));
    c->at[c->n++] = (struct acl_choice){ subject, rule };
}

void acl_choices_append(struct acl_choices *c, const struct acl_choices *other)
{
    for (size_t i = 0; i < other->n; i++)
        acl_choices_add(c, other->at[i].subject, other->at[i].rule);
}

static int compare_choices(const void *a, const void *b)
{
    const struct acl_choice *x = a, *y = b;
    if (x->subject != y->subject)
        return x->subject < y->subject ? -1 : 1;
    return (x->rule > y->rule) - (x->rule < y->rule);
}

void acl_choices_settle(struct acl_choices *c)
{
    size_t n = 0;
    if (c->n > 0)
        qsort(c->at, c->n, sizeof(*c->at), compare_choices);
    for (size_t i = 0; i < c->n; i++) {
        if (n == 0 || compare_choices(&c->at[n - 1], &c->at[i]) != 0)
            c->at[n++] = c->at[i];
    }
    c->n = n;
}

/* --- roles ------------------------------------------------------------------------------------ */

static void add_redaction(const struct acl_program *p, struct acl_compiled_role *role,
                          uint32_t number)
{
    const char *name = p->policy->redactions[number].command;
    int command = qmp_schema_find_command(p->schema, (struct span){ name, strlen(name) });
    if (command >= 0)
        acl_choices_add(&role->redactions, (uint32_t)command, number);
}

static void include_said(const struct acl_program *p, struct acl_said *s,
                         const struct acl_said *other)
{
    BITS_EACH(other->commands, p->n_commands, i)
    note(p, s, i, i < p->n_present ? other->rules[i] : 0);
}

static void include(const struct acl_program *p, struct acl_compiled_role *role,
                    const struct acl_compiled_role *other)
{
    include_said(p, &role->allow, &other->allow);
    include_said(p, &role->deny, &other->deny);
    include_said(p, &role->near_misses, &other->near_misses);
    bits_add(role->events, other->events, p->n_events);
    acl_choices_append(&role->commands_when, &other->commands_when);
    acl_choices_append(&role->events_when, &other->events_when);
    acl_choices_append(&role->hmp, &other->hmp);
    acl_choices_append(&role->redactions, &other->redactions);
}

static void compile_role(const struct compiler *c, uint32_t number)
{
    const struct acl_program *p = c->program;
    const struct acl_role *source = &p->policy->roles[number];
    struct acl_compiled_role *role = &p->roles[number];
    role->allow = acl_said_new(p);
    role->deny = acl_said_new(p);
    role->near_misses = acl_said_new(p);
    role->events = bits_new(p->n_events);
    for (uint32_t i = 0; i < source->n_rules; i++)
        apply_rule(c, role, source->first_rule + i);
    for (uint32_t i = 0; i < source->n_redactions; i++)
        add_redaction(p, role, source->first_redaction + i);
    for (size_t i = 0; i < source->n_includes; i++)
        include(p, role, &p->roles[source->includes[i]]);
    acl_choices_settle(&role->commands_when);
    acl_choices_settle(&role->events_when);
    acl_choices_settle(&role->hmp);
    acl_choices_settle(&role->redactions);
}

static void free_role(struct acl_compiled_role *role)
{
    acl_said_free(&role->allow);
    acl_said_free(&role->deny);
    acl_said_free(&role->near_misses);
    free(role->events);
    free(role->commands_when.at);
    free(role->events_when.at);
    free(role->hmp.at);
    free(role->redactions.at);
}

struct acl_program *acl_program_new(struct acl_policy *policy, struct qmp_schema *schema)
{
    struct acl_program *p = MEM_NEW(struct acl_program);
    atomic_init(&p->refs, 1);
    p->policy = acl_policy_ref(policy);
    p->schema = qmp_schema_ref(schema);
    p->reach = acl_reach_map_new(schema);
    p->usual_virtio = acl_device_usual_virtio(schema);
    p->device_add = (unsigned)qmp_schema_find_command(schema, SPAN_LIT("device_add"));
    struct compiler c = { .program = p };
    add_present(&c);
    add_all_absent(&c);
    add_events(&c);
    p->roles = MEM_NEW_N(struct acl_compiled_role, policy->n_roles + 1);
    for (size_t i = 0; i < policy->n_roles; i++)
        compile_role(&c, policy->order[i]);
    free(c.commands);
    free(c.events);
    free(c.known_events);
    return p;
}

size_t acl_program_unreviewed(const struct acl_program *p)
{
    return acl_reach_map_review(p->reach, NULL, NULL);
}

void acl_program_set_shadow(struct acl_program *p, struct acl_program *shadow)
{
    p->shadow = shadow;
}

struct acl_program *acl_program_ref(struct acl_program *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void acl_program_unref(struct acl_program *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < p->policy->n_roles; i++)
        free_role(&p->roles[i]);
    free(p->roles);
    struct acl_absent *a, *next;
    HASH_ITER (hh, p->absent, a, next) {
        HASH_DEL(p->absent, a);
        free(a);
    }
    acl_policy_unref(p->policy);
    acl_program_unref(p->shadow);
    acl_reach_map_free(p->reach);
    qmp_schema_unref(p->schema);
    free(p);
}
