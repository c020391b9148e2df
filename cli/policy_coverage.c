#include "config.h"
#include "cli/policy_coverage.h"

#include <stdlib.h>
#include "acl/program.h"

/* A policy with this pattern alone. */
static struct acl_policy *one_rule(const struct acl_rule *r)
{
    static const char *const options[] = {
        [ACL_EFFECT_ALLOW] = "allow",
        [ACL_EFFECT_DENY] = "deny",
        [ACL_EFFECT_EVENT] = "events",
    };
    struct acl_policy *policy;
    CLEANUP_FREE char *text =
        mem_printf("role \"r\" { %s = {\"%s\"} }", options[r->effect], r->text);
    if (acl_policy_parse("rule", text, strlen(text), NULL, NULL, &policy) < 0)
        return NULL; /* it was good in its own place, so it is good here */
    return policy;
}

static void copy_bits(uint64_t *to, size_t first, const uint64_t *from, size_t n)
{
    BITS_EACH(from, n, i)
    bits_set(to, first + i);
}

static void look_at_schema(const struct policy_coverage *c, struct policy_covered *out,
                           struct acl_policy *one, size_t schema, enum acl_effect effect)
{
    struct acl_program *program = acl_program_new(one, c->schemas->at[schema].schema);
    const struct acl_compiled_role *role = &program->roles[0];
    size_t first = c->first_command[schema];
    if (effect == ACL_EFFECT_EVENT) {
        copy_bits(out->opens, c->first_event[schema], role->events, program->n_events);
    } else {
        copy_bits(out->opens, first,
                  effect == ACL_EFFECT_DENY ? role->deny.commands : role->allow.commands,
                  program->n_present);
        copy_bits(out->misses, first, role->near_misses.commands, program->n_present);
    }
    acl_program_unref(program);
}

static void look_at_rule(struct policy_coverage *c, size_t number)
{
    const struct acl_rule *r = &c->policy->rules[number];
    struct policy_covered *out = &c->rules[number];
    size_t n = policy_coverage_size(c, r);
    out->opens = bits_new(n);
    if (r->effect != ACL_EFFECT_EVENT)
        out->misses = bits_new(n);
    struct acl_policy *one = r->effect == ACL_EFFECT_HMP ? NULL : one_rule(r);
    for (size_t s = 0; one && s < c->schemas->n; s++)
        look_at_schema(c, out, one, s, r->effect);
    acl_policy_unref(one);
    out->any = bits_next(out->opens, n, 0) < n;
}

struct policy_coverage policy_coverage_new(const struct acl_policy *p,
                                           const struct policy_schemas *s)
{
    struct policy_coverage c = { .policy = p, .schemas = s };
    c.first_command = MEM_NEW_N(size_t, s->n + 1);
    c.first_event = MEM_NEW_N(size_t, s->n + 1);
    for (size_t i = 0; i < s->n; i++) {
        c.first_command[i + 1] = c.first_command[i] + qmp_schema_n_commands(s->at[i].schema);
        c.first_event[i + 1] = c.first_event[i] + qmp_schema_n_events(s->at[i].schema);
    }
    c.rules = MEM_NEW_N(struct policy_covered, p->n_rules + 1);
    for (size_t i = 0; i < p->n_rules; i++)
        look_at_rule(&c, i);
    return c;
}

void policy_coverage_clear(struct policy_coverage *c)
{
    for (size_t i = 0; c->rules && i < c->policy->n_rules; i++) {
        free(c->rules[i].opens);
        free(c->rules[i].misses);
    }
    free(c->rules);
    free(c->first_command);
    free(c->first_event);
    *c = (struct policy_coverage){ 0 };
}

size_t policy_coverage_size(const struct policy_coverage *c, const struct acl_rule *r)
{
    return (r->effect == ACL_EFFECT_EVENT ? c->first_event : c->first_command)[c->schemas->n];
}

struct policy_command policy_coverage_command(const struct policy_coverage *c, size_t i)
{
    size_t s = 0;
    while (i >= c->first_command[s + 1])
        s++;
    const struct qmp_schema *schema = c->schemas->at[s].schema;
    unsigned number = (unsigned)(i - c->first_command[s]);
    return (struct policy_command){ s, schema, number, qmp_schema_command(schema, number)->name };
}

struct policy_event policy_coverage_event(const struct policy_coverage *c, size_t i)
{
    size_t s = 0;
    while (i >= c->first_event[s + 1])
        s++;
    return (struct policy_event){ c->schemas->at[s].schema, (unsigned)(i - c->first_event[s]) };
}

bool policy_covers_all(const uint64_t *a, const uint64_t *b, size_t n)
{
    BITS_EACH(a, n, i)
    {
        if (!bits_test(b, i))
            return false;
    }
    return true;
}
