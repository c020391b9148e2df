/* What the files that read a policy share. */
#ifndef ACL_PARSE_INTERNAL_H
#define ACL_PARSE_INTERNAL_H

#include <uthash.h>
#include "acl/policy.h"
#include "acl/text.h"

/* A section's number by its name. */
struct acl_title {
    const char *name; /* borrowed from the tree */
    uint32_t number;
    UT_hash_handle hh;
};

struct acl_parser {
    struct acl_policy *policy;
    struct acl_reports reports;
    struct cfgtext *outline; /* owned */
    cfg_t *tree;             /* owned */
    struct acl_title *roles; /* hash, owned; as the next */
    struct acl_title *groups;
};

/* Where a section begins. */
unsigned acl_parse_line(const struct acl_parser *p, cfg_t *section);
/* About a whole section; about a word. */
void acl_parse_refuse_section(struct acl_parser *p, cfg_t *section, const char *sentence);
void acl_parse_refuse(struct acl_parser *p, const struct acl_word *w, const char *sentence);
/* The title of a section, of `kind`, is a name; reported if not. */
void acl_parse_check_title(struct acl_parser *p, const char *kind, const char *title,
                           unsigned line);

struct acl_title *acl_parse_find_title(struct acl_title *titles, const char *name);

/* The roles that a list names, as numbers; owned by the caller. */
uint32_t *acl_parse_role_names(struct acl_parser *p, cfg_t *section, const char *option,
                               size_t *n_out);
/* All sections `role`, whose titles are known. */
void acl_parse_roles(struct acl_parser *p);

#endif
