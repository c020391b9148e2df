#include "config.h"
#include "proxy/delegation.h"

#include <string.h>
#include "base/log.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/dispatch.h"
#include "proxy/gateway.h"
#include "proxy/registry.h"
#include "proxy/snapshot.h"

static const char no_delegation[] = "permission denied: no delegation to act for this identity";

/* Who has no grant is nobody here, so nobody acts for him. */
static bool may_act(const struct acl_policy *policy, const struct identity *from,
                    const struct identity *to)
{
    return acl_policy_delegates(policy, subject_of(from), to->name) &&
           acl_policy_admits(policy, subject_of(to));
}

int delegation_check(struct session *s, const struct identity *from, const char *to,
                     struct identity **acting, struct error *err)
{
    struct identity *person;
    *acting = NULL;
    if (identity_from_name(to, &person, err) < 0)
        return error_set(err, ERROR_DENIED, "%s", no_delegation);
    if (!may_act(s->client->loop->snapshot->policy, from, person)) {
        identity_unref(person);
        return error_set(err, ERROR_DENIED, "%s", no_delegation);
    }
    *acting = person;
    return 0;
}

bool delegation_holds(const struct acl_policy *policy, const struct caller *caller)
{
    return !caller->acting || may_act(policy, caller->identity, caller->acting);
}

/* --- gateway-act-as --------------------------------------------------------------------------- */

/* A caller never changes: what is in flight goes on as whoever began it. */
static void become(struct session *s, struct identity *take_acting)
{
    struct caller *before = s->caller;
    s->caller = caller_new(before->connection, before->peer);
    s->caller->identity = identity_ref(before->identity);
    s->caller->acting = take_acting;
    caller_unref(before);
    registry_set_acting(s->client->loop->daemon->registry, s->client->registry,
                        caller_acting_name(s->caller));
}

static void record(struct session *s, enum audit_code code, const char *wanted, const char *text)
{
    struct audit_record record = dispatch_session_record(s, AUDIT_AUTH);
    record.result = code ? AUDIT_DENIED : AUDIT_OK;
    record.code = code;
    record.acting_for = wanted;
    record.text = (struct span){ text, strlen(text) };
    dispatch_record(s->client->loop, &record);
}

static void act_for(struct session *s, struct request *r, const char *name)
{
    struct error err;
    struct identity *acting;
    if (delegation_check(s, s->caller->identity, name, &acting, &err) < 0) {
        record(s, AUDIT_CODE_NO_DELEGATION, name, err.text);
        session_error(r, QMP_ERROR_GENERIC, "%s", err.text);
        return;
    }
    become(s, acting);
    record(s, AUDIT_CODE_NONE, acting->name, "gateway-act-as");
    session_return(r, SPAN_LIT("{}"));
}

void delegation_act_as(struct session *s, struct request *r)
{
    struct span name;
    if (gateway_string_argument(r, "identity", &name)) {
        CLEANUP_FREE char *text = mem_strndup(name.data, name.len);
        act_for(s, r, strlen(text) == name.len ? text : "");
        return;
    }
    become(s, NULL);
    record(s, AUDIT_CODE_NONE, NULL, "gateway-act-as: oneself");
    session_return(r, SPAN_LIT("{}"));
}
