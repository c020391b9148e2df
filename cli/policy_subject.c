#include "config.h"
#include "cli/policy_subject.h"

#include <stdlib.h>
#include "acl/principal.h"
#include "base/mem.h"

enum { OPTION_ATTRIBUTE = 256, OPTION_LABEL, OPTION_UUID, OPTION_SCHEMA };

const struct option policy_subject_options[] = {
    { "attribute", required_argument, NULL, OPTION_ATTRIBUTE },
    { "label", required_argument, NULL, OPTION_LABEL },
    { "uuid", required_argument, NULL, OPTION_UUID },
    { "schema", required_argument, NULL, OPTION_SCHEMA },
    { 0 },
};

static void add(const char *const **list, size_t *n, size_t *cap, const char *text)
{
    void *array = (void *)*list;
    mem_grow(&array, cap, *n + 1, sizeof(**list));
    const char **texts = array;
    texts[(*n)++] = text;
    *list = texts;
}

bool policy_subject_option(void *opaque, int option, const char *value)
{
    struct policy_subject *s = opaque;
    switch (option) {
    case OPTION_ATTRIBUTE:
        add(&s->who.attributes, &s->who.n_attributes, &s->cap_attributes, value);
        break;
    case OPTION_LABEL:
        add(&s->vm.labels, &s->vm.n_labels, &s->cap_labels, value);
        break;
    case OPTION_UUID:
        s->vm.uuid = value;
        break;
    case OPTION_SCHEMA:
        s->schema = value;
        break;
    }
    return true;
}

void policy_subject_clear(struct policy_subject *s)
{
    free((void *)s->who.attributes);
    free((void *)s->vm.labels);
    free(s->agent_of);
    *s = (struct policy_subject){ 0 };
}

static enum cli_exit check_identity(const struct verb *verb, const char *text, bool attribute)
{
    CLEANUP_PRINCIPAL struct acl_principal *p = NULL;
    struct error err;
    if (acl_principal_parse_identity(text, &p, &err) < 0)
        return cli_usage(verb, "%s is no identity: %s", text, err.text);
    if (acl_principal_is_attribute(p) != attribute)
        return cli_usage(verb,
                         attribute ? "%s is a name, and --attribute takes x509-uri: or unix-group:"
                                   : "%s is no name (x509:, unix:, sasl:): give it by --attribute",
                         text);
    return CLI_EXIT_OK;
}

enum cli_exit policy_subject_set(struct policy_subject *s, const struct verb *verb,
                                 const char *identity, const char *vm)
{
    enum cli_exit code = check_identity(verb, identity, false);
    for (size_t i = 0; code == CLI_EXIT_OK && i < s->who.n_attributes; i++)
        code = check_identity(verb, s->who.attributes[i], true);
    for (size_t i = 0; code == CLI_EXIT_OK && i < s->vm.n_labels; i++) {
        if (!strchr(s->vm.labels[i], '=') || *s->vm.labels[i] == '=')
            code = cli_usage(verb, "--label takes KEY=VALUE, not %s", s->vm.labels[i]);
    }
    s->who.name = identity;
    s->vm.agent = vm && acl_agent_of(vm);
    if (s->vm.agent)
        s->agent_of = mem_strndup(vm, acl_agent_of(vm));
    s->vm.name = s->vm.agent ? s->agent_of : vm;
    return code;
}

enum cli_exit policy_subject_schema(const struct policy_subject *s, struct policy_schemas *out)
{
    if (s->schema)
        return policy_schemas_load(out, s->schema);
    if (!s->vm.agent)
        return policy_schemas_default(out);
    policy_schemas_add_agent(out);
    return CLI_EXIT_OK;
}

struct acl_rights *policy_subject_rights(const struct policy_subject *s, struct acl_policy *p,
                                         struct qmp_schema *schema)
{
    struct acl_program *program = acl_program_new(p, schema);
    struct acl_rights *rights = acl_rights_new(program, s->who, &s->vm);
    acl_program_unref(program);
    return rights;
}
