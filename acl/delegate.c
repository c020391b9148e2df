#include "config.h"
#include "acl/delegate.h"

#include <stdlib.h>

bool acl_delegate_is_among(const struct acl_policy *p, const uint64_t *targets)
{
    size_t end = acl_target_of_from(p, (uint32_t)p->n_delegates);
    return bits_next(targets, end, acl_target_of_from(p, 0)) < end;
}

static bool administers(const struct acl_policy *p, const uint64_t *targets)
{
    BITS_EACH(targets, p->n_grants, i)
    {
        if (p->grants[i].admin)
            return true;
    }
    return false;
}

bool acl_policy_is_delegate(const struct acl_policy *p, struct acl_subject who)
{
    CLEANUP_FREE uint64_t *targets = acl_policy_targets(p, who, ACL_NAMED_AT_ALL);
    return targets && acl_delegate_is_among(p, targets);
}

const char *acl_policy_delegates(const struct acl_policy *p, struct acl_subject from,
                                 const char *to)
{
    struct acl_subject person = acl_subject_named(to);
    CLEANUP_FREE uint64_t *agent = acl_policy_targets(p, from, ACL_NAMED_AT_ALL);
    CLEANUP_FREE uint64_t *named = acl_policy_targets(p, person, ACL_NAMED_AT_ALL);
    CLEANUP_FREE uint64_t *exactly = acl_policy_targets(p, person, ACL_NAMED_EXACTLY);
    if (!agent || !named || !exactly || acl_delegate_is_among(p, named))
        return NULL;
    const uint64_t *enough = administers(p, named) ? exactly : named;
    for (uint32_t d = 0; d < p->n_delegates; d++) {
        if (bits_test(agent, acl_target_of_from(p, d)) && bits_test(enough, acl_target_of_to(p, d)))
            return p->delegates[d].name;
    }
    return NULL;
}
