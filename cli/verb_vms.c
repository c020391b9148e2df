/* qmpgate vms: the VMs that the caller may see. */
#include "config.h"
#include "cli/cli.h"

static const struct output_column columns[] = {
    { "NAME", "name" },     { "STATE", "state" }, { "UUID", "uuid" },
    { "LABELS", "labels" }, { "SNI", "sni" },     { "REASON", "reason" },
};

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    CLEANUP_DOCUMENT struct json_object *list = NULL;
    int first = cli_no_options(&verb_vms, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first < argc)
        return cli_usage(&verb_vms, "vms takes no arguments");
    enum cli_exit code = cli_ask_gateway(cli, "gateway-list-vms", NULL, &list);
    if (code == CLI_EXIT_OK)
        output_list(&cli->output, stdout, list, columns, ARRAY_SIZE(columns),
                    "There is no VM that you may see here.");
    return code;
}

const struct verb verb_vms = {
    .name = "vms",
    .synopsis = "",
    .summary = "List the VMs that you may see",
    .help =
        "A table on a terminal, otherwise one JSON object a VM. A VM without SNI cannot be chosen\n"
        "by the TLS server name; qmps://HOST/VM reaches every one. REASON says why one is\n"
        "unreachable.\n"
        "\n"
        "Examples:\n"
        "  qmpgate -c qmps://gateway.example.com/ vms\n"
        "  qmpgate -c unix:/run/qmpgate/control.sock vms | jq -r .name\n",
    .run = run,
};
