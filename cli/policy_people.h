/* Whom and which VMs a policy's text names, each as a sample that acl/ can be asked about: an exact
 * name is itself, a pattern is stood for by one name that it matches. */
#ifndef CLI_POLICY_PEOPLE_H
#define CLI_POLICY_PEOPLE_H

#include <confuse.h>
#include "acl/text.h"
#include "cli/policy.h"

/* Somebody. */
struct policy_person {
    char *word;      /* as the policy has it; owned, as all here */
    char *name;      /* of the sample */
    char *attribute; /* what the word is about, if it is no name; or NULL */
    bool exact;      /* he is meant, and no sample of others */
};

struct policy_machine {
    char *word;
    char *name;
    char *uuid;  /* or NULL */
    char *label; /* or NULL */
    bool exact;
};

struct policy_people {
    struct policy_person *at; /* owned; no word twice */
    size_t n, cap;
};

struct policy_machines {
    struct policy_machine *at; /* owned; no word twice */
    size_t n, cap;
};

/* A policy's sections, to be read by acl_text_word. */
struct policy_text {
    struct cfgtext *outline; /* owned */
    cfg_t *tree;             /* owned */
};

/* Of a text that acl_policy_parse has taken. */
void policy_text_read(const char *text, size_t len, struct policy_text *out);
void policy_text_clear(struct policy_text *t);
#define CLEANUP_POLICY_TEXT CLEANUP(policy_text_clear)

/* Adds everybody named in an option of a kind of section: ("grant", "to"); words group:NAME are
 * passed over, since their members are words of "group", "members". */
void policy_people_add(struct policy_people *p, const struct policy_text *t, const char *kind,
                       const char *option);
void policy_people_clear(struct policy_people *p);
#define CLEANUP_PEOPLE CLEANUP(policy_people_clear)

/* Adds all VMs that grants name. */
void policy_machines_add(struct policy_machines *m, const struct policy_text *t);
void policy_machines_clear(struct policy_machines *m);
#define CLEANUP_MACHINES CLEANUP(policy_machines_clear)

/* As acl/ takes them; borrowed. */
static inline struct acl_subject policy_person_subject(const struct policy_person *p)
{
    return (struct acl_subject){ p->name, (const char *const *)&p->attribute,
                                 p->attribute ? 1 : 0 };
}

static inline struct acl_vm policy_machine_vm(const struct policy_machine *m)
{
    return (struct acl_vm){ .name = m->name,
                            .uuid = m->uuid,
                            .labels = (const char *const *)&m->label,
                            .n_labels = m->label ? 1 : 0 };
}

#endif
