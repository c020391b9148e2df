/* qmpgate whoami: who the gateway takes the caller for. */
#include "config.h"
#include "cli/cli.h"

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    CLEANUP_DOCUMENT struct json_object *info = NULL;
    int first = cli_no_options(&verb_whoami, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first < argc)
        return cli_usage(&verb_whoami, "whoami takes no arguments");
    enum cli_exit code = cli_ask_gateway(cli, "gateway-info", NULL, &info);
    if (code == CLI_EXIT_OK)
        output_members(&cli->output, stdout, info);
    return code;
}

const struct verb verb_whoami = {
    .name = "whoami",
    .synopsis = "",
    .summary = "Show who the gateway takes you for",
    .help = "The identity is what the policy's grants name: x509:DN for a client certificate,\n"
            "unix:USER on a local socket.\n"
            "\n"
            "Example:\n"
            "  qmpgate -c qmps://gateway.example.com/ --json whoami | jq -r .identity\n",
    .run = run,
};
