/* What people were seen to run, gathered for a policy that allows it: by person and VM, names of
 * commands, words of the human monitor, and for arguments that reach the host rules with their
 * values. */
#ifndef CLI_POLICY_LEARNED_H
#define CLI_POLICY_LEARNED_H

#include "acl/program.h"
#include "cli/policy.h"

/* Texts, none twice, in the order of texts. */
struct policy_texts {
    char **at; /* owned */
    size_t n, cap;
};

/* True if it was not there before. */
bool policy_texts_add(struct policy_texts *t, const char *text);
bool policy_texts_same(const struct policy_texts *a, const struct policy_texts *b);
void policy_texts_clear(struct policy_texts *t);

/* Values that an argument was seen with. */
struct policy_learned_path {
    char *path;           /* owned */
    enum acl_reach reach; /* ACL_REACH_NOTHING: it only says which branch it is */
    struct policy_texts values;
    double largest, smallest; /* of numbers */
    bool numbers;             /* all of them */
    bool unwritable;          /* some value no condition can name */
    unsigned times;           /* commands that had it */
};

/* Commands of one name whose arguments reach the host at the same places. */
struct policy_learned_rule {
    char *command;                     /* owned */
    struct policy_learned_path *paths; /* in the order of their texts; owned */
    size_t n, cap;
    unsigned times;
};

/* Of a person on a VM. */
struct policy_learned_cell {
    char *identity; /* owned */
    char *vm;       /* owned; "": of several */
    struct policy_texts vms;
    struct policy_texts allow;
    struct policy_texts hmp;
    struct policy_learned_rule *rules; /* owned */
    size_t n_rules, cap_rules;
};

struct policy_learned_admin {
    char *identity; /* owned */
    struct policy_texts verbs;
};

struct policy_learned {
    struct acl_program *program;       /* of a policy without rights, for the tables; a reference */
    bool together;                     /* VMs of a person are not told apart */
    struct policy_learned_cell *cells; /* owned */
    size_t n_cells, cap_cells;
    struct policy_learned_admin *admins; /* owned */
    size_t n_admins, cap_admins;
};

/* A command that was run. `arguments`: an object's token, or QMP_NONE. False with a reason if it
 * cannot be learned. */
bool policy_learn_command(struct policy_learned *l, const char *identity, const char *vm,
                          struct span command, const struct qmp_tape *t, uint32_t arguments,
                          struct error *err);
void policy_learn_admin(struct policy_learned *l, const char *identity, const char *verb);
void policy_learned_clear(struct policy_learned *l);

/* As a policy's text. */
void policy_learned_write(const struct policy_learned *l, struct buf *out);

#endif
