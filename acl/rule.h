/* One pattern of a role: a command's or event's name, a glob over names, or "@class". */
#ifndef ACL_RULE_H
#define ACL_RULE_H

#include "acl/policy.h"

/* Fills kind and class_bit of *rule, whose effect says where the text stands. */
int acl_rule_parse(const char *text, struct acl_rule *rule, struct error *err) MUST_CHECK;

#endif
