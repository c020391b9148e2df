#include "config.h"
#include "cli/tool.h"

#include <string.h>

static const struct verb *find(const struct verb *const *tools, size_t n_tools, const char *name)
{
    for (size_t i = 0; i < n_tools; i++)
        if (strcmp(strchr(tools[i]->name, ' ') + 1, name) == 0)
            return tools[i];
    return NULL;
}

enum cli_exit cli_run_tool(const struct verb *verb, const struct verb *const *tools, size_t n_tools,
                           const char *which, struct cli *cli, int argc, char **argv)
{
    int first = cli_no_options(verb, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first >= argc)
        return cli_usage(verb, "%s: %s", verb->name, which);
    const struct verb *tool = find(tools, n_tools, argv[first]);
    if (!tool)
        return cli_usage(verb, "%s has no \"%s\"", verb->name, argv[first]);
    argc -= first;
    argv += first;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        cli_print_help(tool);
        return CLI_EXIT_OK;
    }
    return tool->run(cli, argc, argv);
}
