/* The model of a policy, as the rest of acl/ sees it. Immutable once acl_policy_parse has made it.
 */
#ifndef ACL_POLICY_H
#define ACL_POLICY_H

#include <stdatomic.h>
#include "acl/acl.h"
#include "acl/condition.h"
#include "acl/index.h"

enum acl_effect { ACL_EFFECT_ALLOW, ACL_EFFECT_DENY, ACL_EFFECT_EVENT, ACL_EFFECT_HMP };

enum acl_rule_kind {
    ACL_RULE_NAME, /* a command or event by its own name */
    ACL_RULE_GLOB,
    ACL_RULE_CLASS, /* "@name" */
};

#define ACL_NO_CLAUSE UINT32_MAX

/* A `rule` of a role: what it allows is allowed if all of its conditions hold. */
struct acl_clause {
    char *name;                       /* owned */
    struct acl_condition *conditions; /* owned */
    size_t n_conditions;
    bool variable; /* some condition is */
    uint32_t role;
    unsigned line;
};

/* A part of a command's reply that a role does not show. */
struct acl_redaction {
    char *command; /* owned */
    struct acl_path path;
    uint32_t role;
    unsigned line;
};

/* One pattern of a role. */
struct acl_rule {
    const char *text; /* borrowed from the policy's words */
    struct span span; /* the same */
    enum acl_effect effect;
    enum acl_rule_kind kind;
    uint64_t class_bit; /* ACL_RULE_CLASS */
    uint32_t role;      /* in which it stands */
    uint32_t clause;    /* and of which rule it is, or ACL_NO_CLAUSE */
    unsigned line;
};

struct acl_role {
    char *name;         /* owned */
    uint32_t *includes; /* owned */
    size_t n_includes;
    uint32_t first_rule; /* its rules follow one another in the policy's */
    uint32_t n_rules;
    uint32_t first_redaction; /* likewise */
    uint32_t n_redactions;
};

struct acl_grant {
    char *name;      /* owned */
    uint32_t *roles; /* owned */
    size_t n_roles;
    unsigned admin; /* enum acl_admin */
    bool agent;     /* its roles are for guest agents, and for nothing else */
    unsigned line;
};

struct acl_group {
    char *name;        /* owned */
    uint32_t *targets; /* that it is named in; owned */
    size_t n_targets, cap_targets;
};

struct acl_delegate {
    char *name; /* owned */
};

struct acl_policy {
    _Atomic unsigned refs;
    char *name; /* of the text; owned */
    char hash[65];
    struct acl_role *roles; /* owned */
    size_t n_roles;
    uint32_t *order;        /* roles, each behind those that it includes; owned */
    struct acl_rule *rules; /* owned */
    size_t n_rules, cap_rules;
    struct acl_clause *clauses; /* owned */
    size_t n_clauses, cap_clauses;
    struct acl_redaction *redactions; /* owned */
    size_t n_redactions, cap_redactions;
    struct acl_grant *grants; /* owned */
    size_t n_grants;
    struct acl_group *groups; /* owned */
    size_t n_groups;
    struct acl_delegate *delegates; /* owned */
    size_t n_delegates;
    struct acl_index callers; /* identity -> targets, as numbered below */
    struct acl_index vms;     /* VM -> grants */
    char **words;             /* the texts of rules; owned */
    size_t n_words, cap_words;
};

/* What somebody can be named in. A grant has its own number; these follow. */
static inline uint32_t acl_target_of_group(const struct acl_policy *p, uint32_t group)
{
    return (uint32_t)p->n_grants + group;
}

static inline uint32_t acl_target_of_from(const struct acl_policy *p, uint32_t delegate)
{
    return (uint32_t)(p->n_grants + p->n_groups) + delegate;
}

static inline uint32_t acl_target_of_to(const struct acl_policy *p, uint32_t delegate)
{
    return (uint32_t)(p->n_grants + p->n_groups + p->n_delegates) + delegate;
}

static inline size_t acl_policy_n_targets(const struct acl_policy *p)
{
    return p->n_grants + p->n_groups + 2 * p->n_delegates;
}

/* By which patterns somebody is named. */
enum acl_named { ACL_NAMED_EXACTLY, ACL_NAMED_AT_ALL };

/* The targets that name somebody, directly or by a group, as a set; freed with free(). NULL if he
 * is nobody at all. */
uint64_t *acl_policy_targets(const struct acl_policy *p, struct acl_subject who,
                             enum acl_named named);

/* The grants that name both, as a set of numbers below n_grants; freed with free(). NULL if it is
 * nobody at all. */
uint64_t *acl_policy_grants(const struct acl_policy *p, struct acl_subject who,
                            const struct acl_vm *vm);

#endif
