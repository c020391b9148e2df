/* A verb that is a set of tools, each a verb of its own: `qmpgate policy check`. */
#ifndef CLI_TOOL_H
#define CLI_TOOL_H

#include "cli/cli.h"

/* Runs the one that argv names, or tells its help; a tool's name is the verb's and its own.
 * `which` asks for a tool when there is none: "check or test?". */
enum cli_exit cli_run_tool(const struct verb *verb, const struct verb *const *tools, size_t n_tools,
                           const char *which, struct cli *cli, int argc, char **argv);

#endif
