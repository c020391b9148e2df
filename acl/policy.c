#include "config.h"
#include "acl/policy.h"

#include <stdlib.h>
#include "acl/delegate.h"
#include "acl/principal.h"
#include "acl/vmsel.h"

struct acl_policy *acl_policy_ref(struct acl_policy *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

static void free_clause(struct acl_clause *c)
{
    for (size_t i = 0; i < c->n_conditions; i++)
        acl_condition_free(&c->conditions[i]);
    free(c->conditions);
    free(c->name);
}

static void free_roles(struct acl_policy *p)
{
    for (size_t i = 0; i < p->n_roles; i++) {
        free(p->roles[i].name);
        free(p->roles[i].includes);
    }
    free(p->roles);
    free(p->order);
    for (size_t i = 0; i < p->n_words; i++)
        free(p->words[i]);
    free(p->words);
    free(p->rules);
    for (size_t i = 0; i < p->n_clauses; i++)
        free_clause(&p->clauses[i]);
    free(p->clauses);
    for (size_t i = 0; i < p->n_redactions; i++) {
        free(p->redactions[i].command);
        acl_path_free(&p->redactions[i].path);
    }
    free(p->redactions);
}

static void free_grants(struct acl_policy *p)
{
    for (size_t i = 0; i < p->n_grants; i++) {
        free(p->grants[i].name);
        free(p->grants[i].roles);
    }
    free(p->grants);
    for (size_t i = 0; i < p->n_groups; i++) {
        free(p->groups[i].name);
        free(p->groups[i].targets);
    }
    free(p->groups);
    for (size_t i = 0; i < p->n_delegates; i++)
        free(p->delegates[i].name);
    free(p->delegates);
    acl_index_fini(&p->callers);
    acl_index_fini(&p->vms);
}

void acl_policy_unref(struct acl_policy *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
        return;
    free_roles(p);
    free_grants(p);
    free(p->name);
    free(p);
}

const char *acl_policy_hash(const struct acl_policy *p)
{
    return p->hash;
}

unsigned acl_policy_n_grants(const struct acl_policy *p)
{
    return (unsigned)p->n_grants;
}

unsigned acl_policy_n_rules(const struct acl_policy *p)
{
    return (unsigned)p->n_rules;
}

/* --- who, and where --------------------------------------------------------------------------- */

static void expand_groups(const struct acl_policy *p, uint64_t *targets)
{
    size_t first = acl_target_of_group(p, 0), end = first + p->n_groups;
    for (size_t i = bits_next(targets, end, first); i < end; i = bits_next(targets, end, i + 1)) {
        const struct acl_group *g = &p->groups[i - first];
        for (size_t k = 0; k < g->n_targets; k++)
            bits_set(targets, g->targets[k]);
    }
}

/* Adds what names one form of somebody; false if it is none of the sort. */
static bool find_form(const struct acl_policy *p, const char *form, bool attribute,
                      enum acl_named named, uint64_t *targets)
{
    CLEANUP_PRINCIPAL struct acl_principal *caller = NULL;
    if (acl_principal_parse_identity(form, &caller, NULL) < 0 ||
        acl_principal_is_attribute(caller) != attribute)
        return false;
    acl_index_find_key(&p->callers, acl_principal_key(caller), targets);
    if (named == ACL_NAMED_AT_ALL)
        acl_index_find_patterns(&p->callers, caller, targets);
    return true;
}

uint64_t *acl_policy_targets(const struct acl_policy *p, struct acl_subject who,
                             enum acl_named named)
{
    CLEANUP_FREE uint64_t *targets = bits_new(acl_policy_n_targets(p));
    if (!who.name || !find_form(p, who.name, false, named, targets))
        return NULL;
    for (size_t i = 0; i < who.n_attributes; i++) {
        if (!find_form(p, who.attributes[i], true, named, targets))
            return NULL;
    }
    expand_groups(p, targets);
    return TAKE_PTR(targets);
}

static uint64_t *targets_of(const struct acl_policy *p, struct acl_subject who)
{
    return acl_policy_targets(p, who, ACL_NAMED_AT_ALL);
}

struct key_search {
    const struct acl_index *index;
    uint64_t *targets;
};

static void find_key(void *opaque, const char *key)
{
    struct key_search *s = opaque;
    acl_index_find_key(s->index, key, s->targets);
}

static bool names_any_grant(const struct acl_policy *p, const uint64_t *targets)
{
    return bits_next(targets, p->n_grants, 0) < p->n_grants;
}

/* The grants of a set of targets that name a VM. */
static uint64_t *grants_on_vm(const struct acl_policy *p, const uint64_t *targets,
                              const struct acl_vm *vm)
{
    uint64_t *grants = bits_new(p->n_grants);
    if (names_any_grant(p, targets)) {
        struct key_search search = { .index = &p->vms, .targets = grants };
        acl_vmsel_keys(vm, find_key, &search);
        acl_index_find_patterns(&p->vms, vm, grants);
    }
    for (size_t i = 0; i < bits_words(p->n_grants); i++)
        grants[i] &= targets[i];
    return grants;
}

uint64_t *acl_policy_grants(const struct acl_policy *p, struct acl_subject who,
                            const struct acl_vm *vm)
{
    CLEANUP_FREE uint64_t *targets = targets_of(p, who);
    return targets ? grants_on_vm(p, targets, vm) : NULL;
}

bool acl_policy_admits(const struct acl_policy *p, struct acl_subject who)
{
    CLEANUP_FREE uint64_t *targets = targets_of(p, who);
    return targets && (names_any_grant(p, targets) || acl_delegate_is_among(p, targets));
}

/* Is one of them for what is meant of the VM, its monitor or its guest's agent? */
static bool opens(const struct acl_policy *p, const uint64_t *grants, const struct acl_vm *vm)
{
    BITS_EACH(grants, p->n_grants, i)
    {
        if (p->grants[i].agent == vm->agent)
            return true;
    }
    return false;
}

bool acl_policy_sees(const struct acl_policy *p, struct acl_subject who, const struct acl_vm *vm)
{
    CLEANUP_FREE uint64_t *grants = acl_policy_grants(p, who, vm);
    return grants && opens(p, grants, vm);
}

struct acl_view {
    const struct acl_policy *policy; /* borrowed */
    uint64_t *targets;               /* owned; NULL: of nobody */
};

struct acl_view *acl_view_new(const struct acl_policy *p, struct acl_subject who)
{
    struct acl_view *v = MEM_NEW(struct acl_view);
    v->policy = p;
    v->targets = targets_of(p, who);
    return v;
}

bool acl_view_sees(const struct acl_view *v, const struct acl_vm *vm)
{
    CLEANUP_FREE uint64_t *grants = v->targets ? grants_on_vm(v->policy, v->targets, vm) : NULL;
    return grants && opens(v->policy, grants, vm);
}

void acl_view_free(struct acl_view *v)
{
    if (!v)
        return;
    free(v->targets);
    free(v);
}

const char *acl_policy_admin_grant(const struct acl_policy *p, struct acl_subject who,
                                   enum acl_admin admin)
{
    CLEANUP_FREE uint64_t *grants = targets_of(p, who);
    if (grants) {
        BITS_EACH(grants, p->n_grants, i)
        {
            if (p->grants[i].admin & admin)
                return p->grants[i].name;
        }
    }
    return NULL;
}

unsigned acl_policy_admin(const struct acl_policy *p, struct acl_subject who)
{
    CLEANUP_FREE uint64_t *grants = targets_of(p, who);
    unsigned admin = 0;
    if (grants) {
        BITS_EACH(grants, p->n_grants, i)
        admin |= p->grants[i].admin;
    }
    return admin;
}
