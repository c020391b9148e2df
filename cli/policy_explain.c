/* qmpgate policy explain: may he run this, by which rule, and what is missing. */
#include "config.h"
#include "cli/policy_subject.h"

#include <json-c/json.h>
#include "acl/rights_internal.h"
#include "cli/arguments.h"
#include "cli/verdict.h"
#include "qmp/validate.h"

struct question {
    const struct acl_rights *rights;
    const struct qmp_schema *schema;
    struct span command;
    const struct qmp_tape *tape; /* of the arguments; NULL: the command is judged by its name */
};

static void add_text(struct json_object *o, const char *name, const char *text)
{
    if (text && *text)
        json_object_object_add(o, name, json_object_new_string(text));
}

static void add_detail(const struct question *q, const struct acl_workspace *work,
                       struct acl_verdict v, int number, struct buf *out)
{
    if (number < 0) {
        BUF_ADD_LIT(out, "the schema has no command of that name");
        return;
    }
    acl_check_detail(q->rights, work, q->command, out);
    if (!q->tape && v.decision == ACL_ALLOWED &&
        acl_reach_is_possible(q->rights->program->reach, (unsigned)number))
        BUF_ADD_LIT(out, "; arguments that reach the host take a rule: give those that you mean");
}

static struct json_object *answer(const struct question *q)
{
    struct acl_workspace work = { 0 };
    struct qmp_argument_fault fault;
    char wrong[QMP_ARGUMENT_TEXT_MAX] = "";
    CLEANUP_BUF struct buf detail = { 0 };
    int number = qmp_schema_find_command(q->schema, q->command);
    bool fits =
        !q->tape || number < 0 || qmp_validate(q->schema, (unsigned)number, q->tape, 0, &fault);
    struct acl_verdict v = q->tape && fits ? acl_check(q->rights, &work, q->command, q->tape, 0)
                                           : acl_check_name(q->rights, q->command);
    bool allowed = fits && (v.decision == ACL_ALLOWED || v.decision == ACL_CONDITIONAL);
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "allowed", json_object_new_boolean(allowed));
    if (fits && v.decision == ACL_CONDITIONAL)
        json_object_object_add(o, "depends", json_object_new_boolean(true));
    if (fits)
        add_text(o, "rule", v.rule);
    if (!fits)
        add_text(o, "reason", qmp_argument_fault_text(&fault, q->tape, wrong));
    else if (v.decision != ACL_ALLOWED)
        add_text(o, "reason", v.reason);
    if (fits)
        add_detail(q, &work, v, number, &detail);
    else
        BUF_ADD_LIT(&detail, "the command does not take these arguments: the policy was not asked");
    buf_add_char(&detail, '\0');
    add_text(o, "detail", buf_data(&detail));
    acl_workspace_fini(&work);
    return o;
}

static enum cli_exit explain(struct cli *cli, struct question *q, struct json_object *arguments)
{
    CLEANUP_DOCUMENT struct json_object *verdict = NULL;
    struct qmp_scanner *scanner = NULL;
    if (arguments) {
        const char *text = json_object_to_json_string_ext(arguments, JSON_C_TO_STRING_PLAIN);
        scanner = qmp_scan_object(&policy_scan_limits, policy_span(text));
        if (!scanner)
            return cli_usage(&policy_explain, "the arguments are no JSON object that QMP takes");
        q->tape = qmp_scanner_tape(scanner);
    }
    verdict = answer(q);
    qmp_scanner_free(scanner);
    return verdict_tell(cli, verdict);
}

static enum cli_exit ask(struct cli *cli, const struct policy_subject *s, char **words, int n_words)
{
    CLEANUP_POLICY struct acl_policy *policy = NULL;
    CLEANUP_SCHEMAS struct policy_schemas schemas = { 0 };
    CLEANUP_RIGHTS struct acl_rights *rights = NULL;
    CLEANUP_DOCUMENT struct json_object *arguments = NULL;
    struct error err;
    if (arguments_parse(n_words - 4, words + 4, &arguments, &err) < 0)
        return cli_fail(&err);
    enum cli_exit code = policy_load(words[0], &policy);
    if (code == CLI_EXIT_OK)
        code = policy_subject_schema(s, &schemas);
    if (code != CLI_EXIT_OK)
        return code;
    rights = policy_subject_rights(s, policy, schemas.at[0].schema);
    struct question q = { rights, schemas.at[0].schema, policy_span(words[3]), NULL };
    return explain(cli, &q, arguments);
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    CLEANUP_SUBJECT struct policy_subject s = { 0 };
    int first = cli_options_anywhere(&policy_explain, argc, argv, policy_subject_options,
                                     policy_subject_option, &s);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (argc - first < 4)
        return cli_usage(&policy_explain, "policy explain: POLICY IDENTITY VM COMMAND");
    enum cli_exit code = policy_subject_set(&s, &policy_explain, argv[first + 1], argv[first + 2]);
    return code != CLI_EXIT_OK ? code : ask(cli, &s, argv + first, argc - first);
}

const struct verb policy_explain = {
    .name = "policy explain",
    .synopsis = "[OPTION...] POLICY IDENTITY VM COMMAND [KEY=VALUE | KEY:=JSON | JSON]...",
    .summary = "Say whether somebody may run a command, by which rule, and what is missing",
    .help =
        "  --attribute A   something that is known of him: x509-uri:URI, unix-group:GROUP\n"
        "  --label K=V     a label of the VM; both may be given several times\n"
        "  --uuid UUID     the VM's\n"
        "  --schema FILE   what query-qmp-schema returns there\n"
        "\n"
        "VM is a name, or NAME:agent for its guest's agent.\n"
        "\n"
        "Without arguments the command is judged by its name: it is allowed if there are any with\n"
        "which it is, and \"depends\" says so. Of a refusal it tells the rule that came nearest,\n"
        "and the condition that does not hold. The exit code is 0 if it is allowed and 3 if it is\n"
        "refused.\n"
        "\n"
        "Example:\n"
        "  qmpgate policy explain policy.conf unix:alice web1 blockdev-add \\\n"
        "      driver=file filename=/srv/acme/a.img node-name=a --label tenant=acme\n",
    .run = run,
};
