/* qmpgate policy test: does a policy answer what a table says? */
#include "config.h"
#include "cli/policy.h"
#include "cli/policy_cases.h"

static const struct option options[] = {
    { "schema", required_argument, NULL, 's' },
    { 0 },
};

static bool take_option(void *opaque, int option, const char *value)
{
    (void)option;
    *(const char **)opaque = value;
    return true;
}

static void tell(void *opaque, const char *line)
{
    CLEANUP_BUF struct buf out = { 0 };
    (void)opaque;
    output_add_text(&out, line);
    buf_add_char(&out, '\n');
    fwrite(buf_data(&out), 1, buf_len(&out), stdout);
}

static enum cli_exit test(const struct cli *cli, struct policy_cases *c, const char *path)
{
    CLEANUP_BUF struct buf text = { 0 };
    enum cli_exit code = cli_read_file(path, &text);
    if (code != CLI_EXIT_OK)
        return code;
    if (strlen(buf_data(&text)) != buf_len(&text)) {
        printf("%s: there is a NUL in it\n", path);
        return CLI_EXIT_FOUND;
    }
    policy_cases_run(c, buf_data(&text));
    if (c->n_run == 0 && c->n_failed == 0) {
        printf("%s: there is no case in it\n", path);
        return CLI_EXIT_FOUND;
    }
    if (cli->output.pretty)
        printf("%u case%s, %u failed\n", c->n_run, c->n_run == 1 ? "" : "s", c->n_failed);
    return c->n_failed ? CLI_EXIT_FOUND : CLI_EXIT_OK;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    CLEANUP_SCHEMAS struct policy_schemas schemas = { 0 };
    CLEANUP_POLICY struct acl_policy *policy = NULL;
    const char *schema = NULL;
    int first = cli_options_anywhere(&policy_test, argc, argv, options, take_option, &schema);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (argc - first != 2)
        return cli_usage(&policy_test, "policy test: which policy, and which table?");
    enum cli_exit code = policy_load(argv[first], &policy);
    if (code == CLI_EXIT_OK)
        code = schema ? policy_schemas_load(&schemas, schema) : policy_schemas_default(&schemas);
    if (code != CLI_EXIT_OK)
        return code;
    struct policy_cases cases = {
        .file = argv[first + 1],
        .policy = policy,
        .schema = schemas.at[0].schema,
        .proper_names = true,
        .report = tell,
    };
    return test(cli, &cases, argv[first + 1]);
}

const struct verb policy_test = {
    .name = "policy test",
    .synopsis = "[--schema FILE] POLICY TABLE",
    .summary = "Compare what a policy answers with what a table says",
    .help =
        "A line of the table is a case; policy.conf(5) has all forms:\n"
        "  \"unix:alice\" web1 stop -> allow\n"
        "  \"unix:alice\" web1 blockdev-add {\"driver\": \"file\", \"filename\": \"/etc/x\"} -> "
        "deny\n"
        "\n"
        "Each case that comes out otherwise is told as TABLE:LINE:, and the exit code is 1 then.\n"
        "\n"
        "Example:\n"
        "  qmpgate policy test /etc/qmpgate/policy.conf /etc/qmpgate/policy.cases\n",
    .run = run,
};
