/* qmpgate audit: tools for who reads the log of what was done. They work on its files, and ask no
 * gateway; each is in a file of its own. */
#include "config.h"
#include "cli/audit.h"

#include "cli/tool.h"

static const struct verb *const tools[] = { &audit_verify_tool, &audit_show };

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    return cli_run_tool(&verb_audit, tools, ARRAY_SIZE(tools), "verify or show?", cli, argc, argv);
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
