#include "config.h"
#include "acl/rule.h"

#include <string.h>
#include "acl/classes.h"
#include "base/glob.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const char gateway_event_prefix[] = "GATEWAY_";

/* The gateway's own commands, for telling whether a glob means them. */
static const char *const gateway_commands[] = {
    "gateway-act-as",        "gateway-attach",    "gateway-audit-rotate",  "gateway-audit-tail",
    "gateway-auth-start",    "gateway-auth-step", "gateway-detach",        "gateway-explain",
    "gateway-info",          "gateway-list-vms",  "gateway-login-release", "gateway-reload",
    "gateway-session-close", "gateway-sessions",  "gateway-stats",
};

/* True if all that it holds is opened by name only. */
static bool opens_nothing(uint64_t class_bit)
{
    for (size_t i = 0; i < acl_table_n_commands(); i++) {
        const char *name = acl_table_command(i);
        uint64_t classes = acl_table_classes((struct span){ name, strlen(name) });
        if ((classes & class_bit) && !(classes & ACL_OWN_NAME_CLASSES))
            return false;
    }
    return true;
}

static int parse_class(const char *name, struct acl_rule *rule, struct error *err)
{
    if (rule->effect == ACL_EFFECT_EVENT)
        return error_set(err, ERROR_INVALID, "events have no classes");
    rule->kind = ACL_RULE_CLASS;
    rule->class_bit = acl_class_by_name(name);
    if (!rule->class_bit)
        return error_set(err, ERROR_INVALID, "there is no class of that name");
    if (rule->effect == ACL_EFFECT_ALLOW && opens_nothing(rule->class_bit))
        return error_set(
            err, ERROR_INVALID,
            "commands of this class reach the host, or act inside the guest, and are allowed "
            "by their own names only");
    return 0;
}

static bool matches(const char *glob, const char *name)
{
    return glob_match(glob, strlen(glob), name, strlen(name));
}

/* A glob that is after the gateway's commands: beside them it matches nothing. `*` is not one. */
static bool is_over_gateway(const char *glob)
{
    bool gateway = false;
    for (size_t i = 0; i < ARRAY_SIZE(gateway_commands); i++)
        gateway = gateway || matches(glob, gateway_commands[i]);
    for (size_t i = 0; gateway && i < acl_table_n_commands(); i++)
        gateway = !matches(glob, acl_table_command(i));
    return gateway;
}

static int check_gateway(const char *text, const struct acl_rule *rule, struct error *err)
{
    if (rule->effect == ACL_EFFECT_EVENT) {
        if (strncmp(text, gateway_event_prefix, strlen(gateway_event_prefix)) == 0)
            return error_set(err, ERROR_INVALID,
                             "the gateway's own events are not subject to policy");
        return 0;
    }
    if (acl_is_gateway_name((struct span){ text, strlen(text) }) || is_over_gateway(text))
        return error_set(err, ERROR_INVALID,
                         "the gateway's own commands are not given by roles; administration is "
                         "granted by admin = {\"...\"}");
    return 0;
}

int acl_rule_parse(const char *text, struct acl_rule *rule, struct error *err)
{
    if (*text == '@')
        return parse_class(text + 1, rule, err);
    size_t len = strspn(text, NAME_CHARS "*?");
    if (len == 0 || text[len])
        return error_set(err, ERROR_INVALID,
                         "a name is made of letters, digits, '.', '_' and '-', with '*' and '?' "
                         "as wildcards");
    rule->kind = glob_is_pattern(text) ? ACL_RULE_GLOB : ACL_RULE_NAME;
    return check_gateway(text, rule, err);
}
