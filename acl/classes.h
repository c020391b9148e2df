/* The table of facts about QEMU's commands and events, as the rest of acl/ sees it. A set of
 * classes is a uint64_t of ACL_CLASS_* bits. */
#ifndef ACL_CLASSES_H
#define ACL_CLASSES_H

#include <stdbool.h>
#include <stdint.h>
#include "base/util.h"

enum acl_class_number {
#define CLASS(id, name) ACL_CLASS_NUMBER_##id,
#include "acl/classes.def"
#undef CLASS
    ACL_N_CLASSES,
};

#define ACL_CLASS(id) (UINT64_C(1) << ACL_CLASS_NUMBER_##id)

/* One of these, and only its own name in `allow` opens a command. */
#define ACL_HOST_CLASSES                                                                        \
    (ACL_CLASS(HOST_PATH) | ACL_CLASS(HOST_EXEC) | ACL_CLASS(HOST_NET) | ACL_CLASS(HOST_COST) | \
     ACL_CLASS(FD) | ACL_CLASS(SECRET) | ACL_CLASS(UNTYPED) | ACL_CLASS(NESTED))

/* The same of what acts inside the guest, by its agent. */
#define ACL_OWN_NAME_CLASSES (ACL_HOST_CLASSES | ACL_CLASS(GUEST))

/* The bit of a class by its name, without the `@`; 0 if there is none. */
uint64_t acl_class_by_name(const char *name);

/* The table, in the order of names. */
size_t acl_table_n_commands(void);
const char *acl_table_command(size_t i);
/* Its classes; 0 if the table does not know the command (every known one has a class). */
uint64_t acl_table_classes(struct span command);
bool acl_table_knows_event(struct span event);

#define ACL_GATEWAY_PREFIX "gateway-"

/* The gateway's own commands are given by `admin` and phase, never by a role. */
bool acl_is_gateway_name(struct span name);

#endif
