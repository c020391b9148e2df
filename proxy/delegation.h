/* Acting for somebody else, where policy delegates: by SASL's authorization identity at the login,
 * or by gateway-act-as before a VM is attached. One check for both, always of who logged in, never
 * of whom he acts for already. The session then has the rights of the person acted for and no
 * others; records have both. */
#ifndef PROXY_DELEGATION_H
#define PROXY_DELEGATION_H

#include "auth/identity.h"
#include "proxy/session.h"

/* May `from` act for whoever has this name? *acting (an own reference) is that person. Of a refusal
 * the words are the client's to see: they do not tell whether the person exists. */
int delegation_check(struct session *s, const struct identity *from, const char *to,
                     struct identity **acting, struct error *err) MUST_CHECK;

/* Is it still so, after a reload? */
bool delegation_holds(const struct acl_policy *policy, const struct caller *caller);

void delegation_act_as(struct session *s, struct request *r);

#endif
