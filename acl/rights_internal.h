/* What somebody may do on one VM, as the files that make it and judge by it share it. */
#ifndef ACL_RIGHTS_INTERNAL_H
#define ACL_RIGHTS_INTERNAL_H

#include "acl/program.h"

/* The first citations: nothing decided, and the VM has no such command. */
enum { CITE_DEFAULT, CITE_SCHEMA, N_FIXED_CITATIONS };

/* A rule with conditions that allows a command, or an event. */
struct acl_option {
    uint32_t subject;  /* the command's or event's number */
    uint32_t citation; /* number of it */
    const struct acl_condition *conditions;
    size_t n_conditions;
    bool owned; /* conditions: bound to whom and where */
    bool never; /* a variable of it has no value here */
};

struct acl_options {
    struct acl_option *at; /* in the order of subjects; owned */
    size_t n;
};

struct acl_entry {
    uint32_t citation;     /* number of it */
    uint32_t near_miss;    /* likewise: refused, though this class or glob matches; 0: none */
    uint32_t first_option; /* of the rights' command options */
    uint32_t n_options;    /* none where a deny decided */
    enum acl_decision decision;
};

/* What is said of who decided, made once. */
struct acl_citation {
    char *rule;   /* owned */
    char *reason; /* owned; NULL of one that allows */
    uint32_t grant;
    uint32_t number; /* of the policy's rule */
};

struct acl_rights {
    _Atomic unsigned refs;
    struct acl_program *program; /* a reference */
    bool agent;                  /* at the guest's agent, not at the monitor */
    uint64_t *grants;            /* that apply here: a set, NULL for none; owned */
    struct acl_entry *entries;   /* of each command that is present; owned */
    uint64_t *absent;            /* those that are not, but would be allowed: a set; owned */
    uint64_t *events;            /* a set; owned */
    struct acl_options commands_when;
    struct acl_options events_when;
    struct acl_options hmp; /* patterns of words: their citations */
    struct acl_choices redactions;
    struct acl_citation *citations; /* owned */
    size_t n_citations, cap_citations;
    struct acl_rights *shadow; /* of the program's shadow; owned; or NULL */
};

/* By enum acl_effect: the option that a rule stands in. */
extern const char *const acl_effect_words[];

/* May this word of the human monitor be sent, by the hmp of roles? */
struct acl_hmp_word;
bool acl_allows_word(const struct acl_rights *r, const struct acl_hmp_word *word);

/* By a command's name; `command` (may be NULL): its number, if the VM has it. */
struct acl_entry acl_rights_find(const struct acl_rights *r, struct span name, uint32_t *command);

#endif
