/* The model of a policy, as the rest of acl/ sees it. Immutable once acl_policy_parse has made it.
 */
#ifndef ACL_POLICY_H
#define ACL_POLICY_H

#include <stdatomic.h>
#include "acl/acl.h"
#include "acl/index.h"

enum acl_effect { ACL_EFFECT_ALLOW, ACL_EFFECT_DENY, ACL_EFFECT_EVENT };

enum acl_rule_kind {
    ACL_RULE_NAME, /* a command or event by its own name */
    ACL_RULE_GLOB,
    ACL_RULE_CLASS, /* "@name" */
};

/* One pattern of a role. */
struct acl_rule {
    const char *text; /* borrowed from the policy's words */
    struct span span; /* the same */
    enum acl_effect effect;
    enum acl_rule_kind kind;
    uint64_t class_bit; /* ACL_RULE_CLASS */
    uint32_t role;      /* in which it stands */
};

struct acl_role {
    char *name;         /* owned */
    uint32_t *includes; /* owned */
    size_t n_includes;
    uint32_t first_rule; /* its rules follow one another in the policy's */
    uint32_t n_rules;
};

struct acl_grant {
    char *name;      /* owned */
    uint32_t *roles; /* owned */
    size_t n_roles;
    unsigned admin; /* enum acl_admin */
};

struct acl_group {
    char *name;       /* owned */
    uint32_t *grants; /* that it is named in; owned */
    size_t n_grants, cap_grants;
};

struct acl_policy {
    _Atomic unsigned refs;
    char hash[65];
    struct acl_role *roles; /* owned */
    size_t n_roles;
    uint32_t *order;        /* roles, each behind those that it includes; owned */
    struct acl_rule *rules; /* owned */
    size_t n_rules, cap_rules;
    struct acl_grant *grants; /* owned */
    size_t n_grants;
    struct acl_group *groups; /* owned */
    size_t n_groups;
    struct acl_index callers; /* identity -> grants, and n_grants + groups */
    struct acl_index vms;     /* VM -> grants */
    char **words;             /* the texts of rules; owned */
    size_t n_words, cap_words;
};

/* The grants that name both, as a set of numbers below n_grants; freed with free(). NULL if it is
 * nobody at all. */
uint64_t *acl_policy_grants(const struct acl_policy *p, struct acl_subject who,
                            const struct acl_vm *vm);

#endif
