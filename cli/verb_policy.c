/* qmpgate policy: tools for who writes a policy. They work on files, and ask no gateway; each is in
 * a file of its own. */
#include "config.h"
#include "cli/policy.h"

#include "cli/tool.h"

static const struct verb *const tools[] = {
    &policy_check, &policy_test,  &policy_explain, &policy_effective,
    &policy_diff,  &policy_drift, &policy_learn,
};

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    return cli_run_tool(&verb_policy, tools, ARRAY_SIZE(tools),
                        "check, test, explain, effective, diff, drift or learn?", cli, argc, argv);
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
