/* What a path can name in arguments, replies and events, by a VM's schema. */
#ifndef CLI_POLICY_PLACES_H
#define CLI_POLICY_PLACES_H

#include "acl/path.h"
#include "qmp/types.h"

/* A type that a path leads to: an enum. */
struct policy_place {
    const struct qmp_schema *schema;
    uint32_t type;
};

/* What was found, of as many commands and schemas as were asked. To begin with zeros. */
struct policy_places {
    unsigned kinds; /* a set of 1u << enum qmp_type_kind; never an alternate; 0: nothing is there */
    struct policy_place *enums; /* owned; the types among them that are enums */
    size_t n_enums, cap_enums;
};

void policy_places_clear(struct policy_places *p);
#define CLEANUP_PLACES CLEANUP(policy_places_clear)

/* Adds what `path` can name in a value of the type (QMP_TYPE_NONE: anything). False if there is
 * nothing of the sort. */
bool policy_places_find_in(const struct qmp_schema *s, uint32_t type, const struct acl_path *path,
                           struct policy_places *out);

/* The same in a command's arguments. */
bool policy_places_find(const struct qmp_schema *s, unsigned command, const struct acl_path *path,
                        struct policy_places *out);

#endif
