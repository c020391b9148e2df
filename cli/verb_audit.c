/* qmpgate audit: tools for who reads the log of what was done. They work on its files, and ask no
 * gateway; each is in a file of its own. */
#include "config.h"
#include "cli/audit.h"

#include <string.h>

static const struct verb *const tools[] = { &audit_verify_tool, &audit_show };

static const struct verb *find_tool(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
        if (strcmp(strchr(tools[i]->name, ' ') + 1, name) == 0)
            return tools[i];
    return NULL;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    int first = cli_no_options(&verb_audit, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first >= argc)
        return cli_usage(&verb_audit, "audit: verify or show?");
    const struct verb *tool = find_tool(argv[first]);
    if (!tool)
        return cli_usage(&verb_audit, "audit has no \"%s\"", argv[first]);
    argc -= first;
    argv += first;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        cli_print_help(tool);
        return CLI_EXIT_OK;
    }
    return tool->run(cli, argc, argv);
}

const struct verb verb_audit = {
    .name = "audit",
    .synopsis = "verify | show [ARGUMENT...]",
    .summary = "Check the audit log, or read it; without a gateway",
    .help = "  verify DIR|FILE...         is it what was written: numbers, hashes, seals\n"
            "  show DIR|FILE...           who did what, when, and what came of it\n"
            "\n"
            "qmpgate audit TOOL --help says more; so does qmpgate-audit(1).\n",
    .run = run,
};
