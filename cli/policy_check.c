/* qmpgate policy check: errors, and what cannot be meant. */
#include "config.h"
#include "cli/policy_lint.h"

struct check {
    struct cli *cli;
    struct policy_schemas schemas;
    const char *vm;
    bool strict;
    enum cli_exit code; /* of an option */
};

enum { OPTION_SCHEMA = 256, OPTION_VM, OPTION_STRICT };

static const struct option options[] = {
    { "schema", required_argument, NULL, OPTION_SCHEMA },
    { "vm", required_argument, NULL, OPTION_VM },
    { "strict", no_argument, NULL, OPTION_STRICT },
    { 0 },
};

static bool take_option(void *opaque, int option, const char *value)
{
    struct check *c = opaque;
    if (option == OPTION_SCHEMA)
        c->code = policy_schemas_load(&c->schemas, value);
    else if (option == OPTION_VM)
        c->code = policy_schemas_ask(&c->schemas, c->cli, value);
    else
        c->strict = true;
    return c->code == CLI_EXIT_OK;
}

/* What stands in a policy moves no terminal's cursor either. */
static void print_finding(const char *path, const struct policy_finding *f)
{
    CLEANUP_BUF struct buf text = { 0 };
    output_add_text(&text, f->text);
    printf("%s:%u: %s: %.*s\n", path, f->line, f->severity == POLICY_WARNING ? "warning" : "note",
           (int)buf_len(&text), buf_data(&text));
}

static enum cli_exit check(struct check *c, const char *path)
{
    CLEANUP_POLICY struct acl_policy *policy = NULL;
    CLEANUP_FINDINGS struct policy_findings findings = { 0 };
    enum cli_exit code = policy_load(path, &policy);
    if (code == CLI_EXIT_OK)
        code = policy_schemas_default(&c->schemas);
    if (code != CLI_EXIT_OK)
        return code;
    if (policy_has_agents(policy))
        policy_schemas_add_agent(&c->schemas);
    policy_lint(policy, &c->schemas, &findings);
    for (size_t i = 0; i < findings.n; i++)
        print_finding(path, &findings.at[i]);
    return c->strict && findings.n_warnings > 0 ? CLI_EXIT_FOUND : CLI_EXIT_OK;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct check c = { .cli = cli };
    int first = cli_options_anywhere(&policy_check, argc, argv, options, take_option, &c);
    enum cli_exit code;
    if (first < 0)
        code = c.code != CLI_EXIT_OK ? c.code : CLI_EXIT_USAGE;
    else if (argc - first != 1)
        code = cli_usage(&policy_check, "policy check: which policy?");
    else
        code = check(&c, argv[first]);
    policy_schemas_clear(&c.schemas);
    return code;
}

const struct verb policy_check = {
    .name = "policy check",
    .synopsis = "[--schema FILE]... [--vm unix:PATH]... [--strict] POLICY",
    .summary = "Tell what is wrong with a policy, and what cannot be meant",
    .help =
        "  --schema FILE   what query-qmp-schema returns at a VM that the policy is for\n"
        "  --vm unix:PATH  ask a running VM, by its own socket\n"
        "  --strict        exit with 1 if there are warnings\n"
        "\n"
        "Errors are told on standard error, and the exit code is 78: such a policy is refused by\n"
        "qmpgated as well. Warnings are lines FILE:LINE: warning: on standard output: names and\n"
        "paths that no schema has, values that nothing takes, conditions that never hold, rules\n"
        "that others make superfluous or close.\n"
        "\n"
        "Example:\n"
        "  qmpgate policy check --strict /etc/qmpgate/policy.conf\n",
    .run = run,
};
