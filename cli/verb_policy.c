/* qmpgate policy: tools for who writes a policy. They work on files, and ask no gateway; each is in
 * a file of its own. */
#include "config.h"
#include "cli/policy.h"

static const struct verb *const tools[] = {
    &policy_check, &policy_test,  &policy_explain, &policy_effective,
    &policy_diff,  &policy_drift, &policy_learn,
};

static const struct verb *find_tool(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
        if (strcmp(strchr(tools[i]->name, ' ') + 1, name) == 0)
            return tools[i];
    return NULL;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    int first = cli_no_options(&verb_policy, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    const struct verb *tool = first < argc ? find_tool(argv[first]) : NULL;
    if (first >= argc)
        return cli_usage(&verb_policy,
                         "policy: check, test, explain, effective, diff, drift or learn?");
    if (!tool)
        return cli_usage(&verb_policy, "policy has no \"%s\"", argv[first]);
    argc -= first;
    argv += first;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        cli_print_help(tool);
        return CLI_EXIT_OK;
    }
    return tool->run(cli, argc, argv);
}

const struct verb verb_policy = {
    .name = "policy",
    .synopsis = "check | test | explain | effective | diff | drift | learn [ARGUMENT...]",
    .summary = "Check a policy, ask it, compare it, or make one; without a gateway",
    .help =
        "  check POLICY               errors, and what cannot be meant\n"
        "  test POLICY FILE           does it answer what a table says?\n"
        "  explain POLICY IDENTITY VM COMMAND\n"
        "                             may he run it, by which rule, what is missing\n"
        "  effective POLICY IDENTITY [VM]\n"
        "                             all that he may do there\n"
        "  diff OLD NEW               who gains what, who loses what\n"
        "  drift OLD NEW [POLICY]     what another QEMU has that this one has not\n"
        "  learn AUDIT...             a policy for what was done\n"
        "\n"
        "qmpgate policy TOOL --help says more. What commands there are, and what they take, is\n"
        "read from a schema: the file of --schema, else of QMPGATE_SCHEMA, else QEMU 7.2's.\n",
    .run = run,
};
