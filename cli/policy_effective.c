/* qmpgate policy effective: all that somebody may do on one VM, or where he may do anything. */
#include "config.h"
#include "cli/policy_effective_show.h"
#include "cli/policy_people.h"
#include "cli/policy_subject.h"
#include "cli/policy_summary.h"

#include <json-c/json.h>
#include <stdlib.h>
#include "acl/bits.h"
#include "acl/policy.h"

struct effective {
    struct acl_policy *policy;
    const struct policy_subject *subject;
    const struct acl_rights *rights; /* NULL: no VM was named */
    const struct qmp_schema *schema;
    struct policy_text text;
};

static struct json_object *text_of(const char *text)
{
    return json_object_new_string(text);
}

/* --- commands and events ---------------------------------------------------------------------- */

static struct json_object *option_object(const struct policy_option *o)
{
    struct json_object *rule = json_object_new_object(), *when = json_object_new_array();
    json_object_object_add(rule, "rule", text_of(o->rule));
    json_object_object_add(rule, "line", json_object_new_int64(o->line));
    for (size_t i = 0; i < o->n_conditions; i++)
        if (o->conditions[i].text)
            json_object_array_add(when, text_of(o->conditions[i].text));
    json_object_object_add(rule, "when", when);
    if (o->never)
        json_object_object_add(rule, "never", json_object_new_boolean(true));
    return rule;
}

static struct json_object *entry_object(const char *what, const struct policy_entry *e)
{
    struct json_object *o = json_object_new_object(), *rules = json_object_new_array();
    json_object_object_add(o, what, text_of(e->name));
    if (e->standing == POLICY_PLAIN)
        json_object_object_add(o, "unless-it-reaches-the-host", text_of("allowed"));
    for (size_t i = 0; i < e->n_options; i++)
        json_object_array_add(rules, option_object(&e->options[i]));
    json_object_object_add(o, "rules", rules);
    return o;
}

/* {allowed: [NAME], depends: [{...}], refused: N} */
static struct json_object *standings(const char *what, const struct policy_entry *entries, size_t n)
{
    struct json_object *o = json_object_new_object(), *allowed = json_object_new_array(),
                       *depends = json_object_new_array();
    int64_t refused = 0;
    for (size_t i = 0; i < n; i++) {
        const struct policy_entry *e = &entries[i];
        switch (e->standing) {
        case POLICY_ALLOWED:
            json_object_array_add(allowed, text_of(e->name));
            break;
        case POLICY_PLAIN:
        case POLICY_DEPENDS:
            json_object_array_add(depends, entry_object(what, e));
            break;
        case POLICY_REFUSED:
            refused++;
            break;
        }
    }
    json_object_object_add(o, "allowed", allowed);
    json_object_object_add(o, "depends", depends);
    json_object_object_add(o, "refused", json_object_new_int64(refused));
    return o;
}

/* --- the rest --------------------------------------------------------------------------------- */

static struct json_object *grants(const struct effective *e)
{
    struct json_object *list = json_object_new_array();
    uint64_t *bits = acl_policy_grants(e->policy, e->subject->who, &e->subject->vm);
    if (bits) {
        BITS_EACH(bits, e->policy->n_grants, i)
        {
            if (e->policy->grants[i].agent == e->subject->vm.agent)
                json_object_array_add(list, text_of(e->policy->grants[i].name));
        }
    }
    free(bits);
    return list;
}

static struct json_object *words(const struct policy_summary *s)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < s->n_hmp; i++)
        json_object_array_add(list, text_of(s->hmp[i]));
    return list;
}

static struct json_object *redactions(const struct effective *e)
{
    struct json_object *list = json_object_new_array();
    const struct acl_path *path;
    for (unsigned c = 0; c < qmp_schema_n_commands(e->schema); c++) {
        for (size_t i = 0; (path = acl_redaction(e->rights, c, i)) != NULL; i++) {
            struct json_object *o = json_object_new_object();
            json_object_object_add(o, "command", text_of(qmp_schema_command(e->schema, c)->name));
            json_object_object_add(o, "path", text_of(path->text));
            json_object_array_add(list, o);
        }
    }
    return list;
}

static struct json_object *administration(const struct effective *e)
{
    struct json_object *list = json_object_new_array();
    unsigned admin = acl_policy_admin(e->policy, e->subject->who);
    for (unsigned i = 0; policy_admin_name(i); i++) {
        if (admin >> i & 1)
            json_object_array_add(list, text_of(policy_admin_name(i)));
    }
    return list;
}

/* Sections that let him act for others, and for whom they say. */
static struct json_object *acts_for(const struct effective *e)
{
    struct json_object *list = json_object_new_array();
    uint64_t *targets = acl_policy_targets(e->policy, e->subject->who, ACL_NAMED_AT_ALL);
    for (uint32_t i = 0; targets && i < e->policy->n_delegates; i++) {
        if (!bits_test(targets, acl_target_of_from(e->policy, i)))
            continue;
        struct json_object *o = json_object_new_object(), *to = json_object_new_array();
        cfg_t *section = cfg_getnsec(e->text.tree, "delegate", i);
        json_object_object_add(o, "section", text_of(e->policy->delegates[i].name));
        for (size_t k = 0; k < acl_text_n_words(section, "to"); k++)
            json_object_array_add(to, text_of(acl_text_word(section, "to", k)->text));
        json_object_object_add(o, "to", to);
        json_object_array_add(list, o);
    }
    free(targets);
    return list;
}

/* Who may act for him: asked for everybody that a section names. */
static struct json_object *acted_for_by(const struct effective *e)
{
    CLEANUP_PEOPLE struct policy_people people = { 0 };
    struct json_object *list = json_object_new_array();
    policy_people_add(&people, &e->text, "delegate", "from");
    policy_people_add(&people, &e->text, "group", "members");
    for (size_t i = 0; i < people.n; i++) {
        const char *section = acl_policy_delegates(e->policy, policy_person_subject(&people.at[i]),
                                                   e->subject->who.name);
        if (!section)
            continue;
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, "section", text_of(section));
        json_object_object_add(o, "from", text_of(people.at[i].word));
        json_object_array_add(list, o);
    }
    return list;
}

/* --- where ------------------------------------------------------------------------------------ */

static struct json_object *words_of(cfg_t *section, const char *option)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < acl_text_n_words(section, option); i++)
        json_object_array_add(list, text_of(acl_text_word(section, option, i)->text));
    return list;
}

/* The grants that name him, whatever machines they are about. */
static struct json_object *where(const struct effective *e)
{
    struct json_object *list = json_object_new_array();
    uint64_t *targets = acl_policy_targets(e->policy, e->subject->who, ACL_NAMED_AT_ALL);
    for (uint32_t i = 0; targets && i < e->policy->n_grants; i++) {
        if (!bits_test(targets, i))
            continue;
        struct json_object *o = json_object_new_object();
        cfg_t *section = cfg_getnsec(e->text.tree, "grant", i);
        json_object_object_add(o, "grant", text_of(e->policy->grants[i].name));
        json_object_object_add(o, "line", json_object_new_int64(e->policy->grants[i].line));
        json_object_object_add(o, "roles", words_of(section, "role"));
        json_object_object_add(o, "vms", words_of(section, "vms"));
        if (e->policy->grants[i].agent)
            json_object_object_add(o, "agent", json_object_new_boolean(true));
        json_object_array_add(list, o);
    }
    free(targets);
    return list;
}

/* --- all -------------------------------------------------------------------------------------- */

static void add_here(struct json_object *o, const struct effective *e)
{
    struct policy_summary s = policy_summary_new(e->rights, e->subject->who, &e->subject->vm);
    json_object_object_add(o, "vm", text_of(e->subject->vm.name));
    json_object_object_add(o, "agent", json_object_new_boolean(e->subject->vm.agent));
    json_object_object_add(o, "sees", json_object_new_boolean(s.sees));
    json_object_object_add(o, "grants", grants(e));
    json_object_object_add(o, "commands", standings("command", s.commands, s.n_commands));
    json_object_object_add(o, "events", standings("event", s.events, s.n_events));
    json_object_object_add(o, "hmp", words(&s));
    json_object_object_add(o, "redacted", redactions(e));
    policy_summary_clear(&s);
}

static struct json_object *document(const struct effective *e)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "identity", text_of(e->subject->who.name));
    if (e->rights)
        add_here(o, e);
    else
        json_object_object_add(o, "where", where(e));
    json_object_object_add(o, "admin", administration(e));
    json_object_object_add(o, "acts-for", acts_for(e));
    json_object_object_add(o, "acted-for-by", acted_for_by(e));
    return o;
}

static void show(const struct cli *cli, const struct effective *e)
{
    CLEANUP_DOCUMENT struct json_object *o = document(e);
    if (cli->output.pretty)
        policy_effective_show(&cli->output, stdout, o);
    else
        output_document(&cli->output, stdout, o);
}

/* --- the tool --------------------------------------------------------------------------------- */

static enum cli_exit ask(const struct cli *cli, const struct policy_subject *s, const char *path)
{
    CLEANUP_POLICY struct acl_policy *policy = NULL;
    CLEANUP_SCHEMAS struct policy_schemas schemas = { 0 };
    CLEANUP_RIGHTS struct acl_rights *rights = NULL;
    CLEANUP_POLICY_TEXT struct policy_text text = { 0 };
    CLEANUP_BUF struct buf bytes = { 0 };
    enum cli_exit code = cli_read_file(path, &bytes);
    if (code == CLI_EXIT_OK)
        code = policy_parse(path, &bytes, &policy);
    if (code == CLI_EXIT_OK)
        code = policy_subject_schema(s, &schemas);
    if (code != CLI_EXIT_OK)
        return code;
    policy_text_read(buf_data(&bytes), buf_len(&bytes), &text);
    if (s->vm.name)
        rights = policy_subject_rights(s, policy, schemas.at[0].schema);
    struct effective e = {
        .policy = policy,
        .subject = s,
        .rights = rights,
        .schema = schemas.at[0].schema,
        .text = text,
    };
    show(cli, &e);
    return CLI_EXIT_OK;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    CLEANUP_SUBJECT struct policy_subject s = { 0 };
    int first = cli_options_anywhere(&policy_effective, argc, argv, policy_subject_options,
                                     policy_subject_option, &s);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (argc - first != 2 && argc - first != 3)
        return cli_usage(&policy_effective, "policy effective: POLICY IDENTITY [VM]");
    const char *vm = argc - first == 3 ? argv[first + 2] : NULL;
    if (!vm && (s.vm.n_labels > 0 || s.vm.uuid))
        return cli_usage(&policy_effective, "--label and --uuid are a VM's: which?");
    enum cli_exit code = policy_subject_set(&s, &policy_effective, argv[first + 1], vm);
    return code != CLI_EXIT_OK ? code : ask(cli, &s, argv[first]);
}

const struct verb policy_effective = {
    .name = "policy effective",
    .synopsis = "[OPTION...] POLICY IDENTITY [VM]",
    .summary = "Say all that somebody may do on a VM, or where he may do anything",
    .help =
        "  --attribute A   something that is known of him: x509-uri:URI, unix-group:GROUP\n"
        "  --label K=V     a label of the VM; both may be given several times\n"
        "  --uuid UUID     the VM's\n"
        "  --schema FILE   what query-qmp-schema returns there\n"
        "\n"
        "VM is a name, or NAME:agent for its guest's agent.\n"
        "\n"
        "Commands and events that are allowed, those that depend on arguments or data with the\n"
        "rules by which they are, and how many are refused; words of the human monitor; what is\n"
        "not shown in replies; administration; for whom he may act, and who may act for him.\n"
        "Without a VM: the grants that name him, with their roles and machines. A table on a\n"
        "terminal, a JSON object into a file or with --json.\n"
        "\n"
        "Example:\n"
        "  qmpgate policy effective policy.conf unix:alice\n"
        "  qmpgate policy effective policy.conf unix:alice web1 --label tenant=acme |\n"
        "      jq -r .commands.allowed[]\n",
    .run = run,
};
