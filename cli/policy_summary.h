/* All that somebody may do on one VM, by the verdicts of acl/: for showing it, and for comparing
 * two of them. */
#ifndef CLI_POLICY_SUMMARY_H
#define CLI_POLICY_SUMMARY_H

#include "cli/policy.h"

enum policy_standing {
    POLICY_REFUSED,
    POLICY_DEPENDS, /* on the arguments, or on an event's data */
    POLICY_PLAIN,   /* allowed as far as no argument reaches the host; with them it depends */
    POLICY_ALLOWED,
};

/* A rule with conditions under which something is allowed. */
struct policy_option {
    const char *rule; /* `grant "g" role "r" rule "x"`; borrowed from the rights */
    const struct acl_condition *conditions; /* as bound to whom and where; borrowed */
    size_t n_conditions;
    unsigned line;
    bool never; /* a variable in it has no value here */
};

/* Of a command or an event. */
struct policy_entry {
    const char *name; /* borrowed from the schema */
    enum policy_standing standing;
    struct policy_option *options; /* owned */
    size_t n_options;
};

struct policy_summary {
    struct policy_entry *commands; /* owned; in the order of names, all that the schema has */
    size_t n_commands;
    struct policy_entry *events;
    size_t n_events;
    char **hmp; /* words of the human monitor that may be sent; owned, and each of them */
    size_t n_hmp;
    unsigned admin; /* enum acl_admin */
    bool sees;
};

struct policy_summary policy_summary_new(const struct acl_rights *rights, struct acl_subject who,
                                         const struct acl_vm *vm);
void policy_summary_clear(struct policy_summary *s);
#define CLEANUP_SUMMARY CLEANUP(policy_summary_clear)

/* The words of enum acl_admin, by the number of their bit; NULL past the last. */
const char *policy_admin_name(unsigned bit);

#endif
