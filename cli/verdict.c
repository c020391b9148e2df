#include "config.h"
#include "cli/verdict.h"

#include <json-c/json.h>
#include <string.h>

enum cli_exit verdict_tell(const struct cli *cli, struct json_object *verdict)
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
