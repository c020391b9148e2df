/* A policy compiled for a schema: what each role says of each command. */
#ifndef ACL_PROGRAM_H
#define ACL_PROGRAM_H

#include <stdatomic.h>
#include <uthash.h>
#include "acl/device.h"
#include "acl/policy.h"
#include "acl/shape.h"

/* A command that the VM does not have, but the table or a rule knows by name: it can be told from
 * one that is refused. Their numbers follow the schema's. */
struct acl_absent {
    const char *name; /* borrowed from the policy or the table */
    uint32_t number;
    UT_hash_handle hh;
};

/* The commands of which something is said. */
struct acl_said {
    uint64_t *commands; /* a set; owned */
    uint32_t *rules;    /* of each in it that is present, the first rule that says so; owned */
};

/* A command, or an event, that a rule of the policy is about. */
struct acl_choice {
    uint32_t subject; /* its number in the schema */
    uint32_t rule;
};

struct acl_choices {
    struct acl_choice *at; /* owned */
    size_t n, cap;
};

/* What a role and those that it includes say. */
struct acl_compiled_role {
    struct acl_said allow;
    struct acl_said deny;
    struct acl_said near_misses; /* by a class or glob that would allow it if it could open it */
    uint64_t *events;            /* a set */
    struct acl_choices commands_when; /* allowed if the conditions of the rule's clause hold */
    struct acl_choices events_when;
    struct acl_choices hmp;        /* patterns of human-monitor-command's words; no subject */
    struct acl_choices redactions; /* `rule` is the number of a redaction */
};

struct acl_program {
    _Atomic unsigned refs;
    struct acl_policy *policy;    /* a reference */
    struct qmp_schema *schema;    /* a reference */
    struct acl_reach_map *reach;  /* of the schema; owned */
    enum acl_virtio usual_virtio; /* likewise */
    unsigned device_add;          /* its number; UINT_MAX if the VM has none */
    uint32_t n_present;           /* commands of the schema */
    uint32_t n_commands;          /* and those that are absent */
    uint32_t n_events;
    struct acl_absent *absent;       /* a hash; owned */
    struct acl_compiled_role *roles; /* by the policy's numbers; owned */
    struct acl_program *shadow;      /* owned; may be NULL */
};

/* Nothing said yet. */
struct acl_said acl_said_new(const struct acl_program *p);
void acl_said_free(struct acl_said *s);

void acl_choices_add(struct acl_choices *c, uint32_t subject, uint32_t rule);
void acl_choices_append(struct acl_choices *c, const struct acl_choices *other);
/* In the order of subjects and then of rules, none twice. */
void acl_choices_settle(struct acl_choices *c);

/* The number of a command, or negative. */
int64_t acl_program_find(const struct acl_program *p, struct span name);

#endif
