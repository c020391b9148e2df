/* Which arguments of a command reach the host: the reviewed table (arguments.def) laid beside the
 * types of one VM's schema, and the walk that finds them on a tape.
 *
 * What the table does not have (a member, branch, value or command of another QEMU) is
 * ACL_REACH_UNKNOWN, and so is what has another type than the table says, or one that the schema
 * model calls opaque. */
#ifndef ACL_SHAPE_H
#define ACL_SHAPE_H

#include <stdbool.h>
#include "acl/reach.h"
#include "qmp/types.h"

struct acl_reach_map;

/* To be made once a schema, which must outlive it. Immutable: any thread may search. */
struct acl_reach_map *acl_reach_map_new(const struct qmp_schema *s);
void acl_reach_map_free(struct acl_reach_map *map);

/* Fills the list, from its beginning, with what reaches the host in the arguments of a command;
 * `arguments`: an object's token, or QMP_NONE. They must have passed qmp_validate: of others no
 * more is promised than that tokens are inside and ascend. Linear in the arguments' tokens, stops
 * at nothing that reaches nothing, allocates nothing but the list. True if the list is not empty.
 *
 * A null is looked at like any other value: it reaches nothing only where the table says so. */
bool acl_reach_find(const struct acl_reach_map *map, unsigned command, const struct qmp_tape *t,
                    uint32_t arguments, struct acl_reached_list *list);

/* Could arguments of this command reach anything? */
bool acl_reach_is_possible(const struct acl_reach_map *map, unsigned command);

/* `line`: "blockdev-add: file(qcow2).encrypt(luks).key", "... =value" for a value of an enum. */
typedef void acl_reach_report(void *opaque, const char *line);

/* Everything of the schema's arguments that nobody reviewed, each at its first place; returns how
 * many. `report` may be NULL. */
size_t acl_reach_map_review(const struct acl_reach_map *map, acl_reach_report *report,
                            void *opaque);

/* Everything of the table that this schema does not have, or that is there twice. None for the
 * release that the table is made for. */
size_t acl_reach_map_misfits(const struct acl_reach_map *map, acl_reach_report *report,
                             void *opaque);

#endif
