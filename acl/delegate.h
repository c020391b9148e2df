/* Who acts for whom: sections `delegate`. */
#ifndef ACL_DELEGATE_H
#define ACL_DELEGATE_H

#include "acl/policy.h"

/* Is any delegate's `from` in a set of targets? */
bool acl_delegate_is_among(const struct acl_policy *p, const uint64_t *targets);

#endif
