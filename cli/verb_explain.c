/* qmpgate explain: would this command be allowed, and by which rule? */
#include "config.h"
#include "cli/cli.h"

#include <json-c/json.h>
#include <string.h>
#include "cli/arguments.h"

static enum cli_exit tell_verdict(struct cli *cli, struct json_object *verdict)
{
    struct json_object *member;
    bool allowed =
        json_object_object_get_ex(verdict, "allowed", &member) && json_object_get_boolean(member);
    const char *rule = document_string(verdict, "rule");
    const char *reason = document_string(verdict, "reason");
    const char *detail = document_string(verdict, "detail");
    if (cli->output.pretty) {
        CLEANUP_BUF struct buf line = { 0 };
        output_add_painted(&cli->output, &line, allowed ? PAINT_STRING : PAINT_ERROR,
                           allowed ? "allowed" : "refused");
        if (reason) {
            buf_add_str(&line, ": ");
            output_add_text(&line, reason);
        }
        if (rule && !(reason && strstr(reason, rule))) {
            buf_add_str(&line, "\nby: ");
            output_add_text(&line, rule);
        }
        if (detail) {
            buf_add_str(&line, "\nin detail: ");
            output_add_text(&line, detail);
        }
        buf_add_char(&line, '\n');
        fwrite(buf_data(&line), 1, buf_len(&line), stdout);
    } else {
        output_document(&cli->output, stdout, verdict);
    }
    return allowed ? CLI_EXIT_OK : CLI_EXIT_DENIED;
}

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
    return code != CLI_EXIT_OK ? code : tell_verdict(cli, verdict);
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
