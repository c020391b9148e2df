/* Whom and which VM a question of policy is about, as the command line says it. */
#ifndef CLI_POLICY_SUBJECT_H
#define CLI_POLICY_SUBJECT_H

#include "cli/policy.h"

struct policy_subject {
    struct acl_subject who; /* lists in it are owned, their texts borrowed */
    struct acl_vm vm;
    size_t cap_attributes, cap_labels;
    char *agent_of;     /* of NAME:agent, the NAME; owned */
    const char *schema; /* a file; NULL: the default */
};

/* Of verbs that take nothing else: --attribute, --label, --uuid, --schema. The option function's
 * opaque is the subject. */
extern const struct option policy_subject_options[];
bool policy_subject_option(void *opaque, int option, const char *value);
void policy_subject_clear(struct policy_subject *s);
#define CLEANUP_SUBJECT CLEANUP(policy_subject_clear)

/* Takes the identity and the VM, or NAME:agent; one that is malformed is told. */
enum cli_exit policy_subject_set(struct policy_subject *s, const struct verb *verb,
                                 const char *identity, const char *vm);

/* The schema that goes with it, as the first. */
enum cli_exit policy_subject_schema(const struct policy_subject *s, struct policy_schemas *out);

/* His rights there, by the policy and the schema; both are borrowed. */
struct acl_rights *policy_subject_rights(const struct policy_subject *s, struct acl_policy *p,
                                         struct qmp_schema *schema);

static inline void policy_rights_cleanup(struct acl_rights **r)
{
    acl_rights_unref(*r);
}
#define CLEANUP_RIGHTS CLEANUP(policy_rights_cleanup)

#endif
