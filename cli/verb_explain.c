/* qmpgate explain: would this command be allowed, and by which rule? */
#include "config.h"
#include "cli/cli.h"

#include <json-c/json.h>
#include "cli/arguments.h"
#include "cli/verdict.h"

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    CLEANUP_DOCUMENT struct json_object *verdict = NULL;
    struct json_object *arguments = NULL;
    struct error err;
    int first = cli_no_options(&verb_explain, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first >= argc)
        return cli_usage(&verb_explain, "explain: which command?");
    if (arguments_parse(argc - first - 1, argv + first + 1, &arguments, &err) < 0)
        return cli_fail(&err);
    struct json_object *question = json_object_new_object();
    json_object_object_add(question, "execute", json_object_new_string(argv[first]));
    if (arguments)
        json_object_object_add(question, "arguments", arguments);
    enum cli_exit code = cli_ask_about_vm(cli, "gateway-explain", question, &verdict);
    return code != CLI_EXIT_OK ? code : verdict_tell(cli, verdict);
}

const struct verb verb_explain = {
    .name = "explain",
    .synopsis = "COMMAND [KEY=VALUE | KEY:=JSON | JSON]...",
    .summary = "Say whether you may run a command, and which rule decides",
    .help =
        "Nothing is run. Arguments are written as for exec. The exit code is 0 if it is allowed\n"
        "and 3 if it is refused.\n"
        "\n"
        "Example:\n"
        "  qmpgate -c qmps://gateway.example.com/web1 explain system_powerdown\n",
    .run = run,
};
