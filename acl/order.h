/* Which role comes after which. */
#ifndef ACL_ORDER_H
#define ACL_ORDER_H

#include "acl/policy.h"

/* `path`: roles, each including the next, and the last one the first. */
typedef void acl_cycle_fn(void *opaque, const uint32_t *path, size_t n);

/* Fills `order` (n_roles numbers) so that each role stands behind those that it includes. An
 * include that would close a circle is given to `cycle`, and left out. */
void acl_order_roles(const struct acl_role *roles, size_t n_roles, uint32_t *order,
                     acl_cycle_fn *cycle, void *opaque);

#endif
