/* drive: asks libqmp about lines of standard input, by its public functions alone.
 *
 *   args COMMAND JSON    the message that these arguments make
 *   reply COMMAND JSON   what the command returns by this reply
 *   event - JSON         kind, and data
 *   commands - -, events - -    the names of all
 *
 * Each is answered by a line: "ok TEXT", or "error KIND OUTCOME TEXT". */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/libqmp/probe.h"

static void answer(int rc, struct probe_result *result)
{
    if (rc == 0)
        printf("ok %s\n", result->json);
    else
        printf("error %d %d %s\n", (int)qmp_error_kind(result->err),
               (int)qmp_error_outcome(result->err), qmp_error_text(result->err));
    free(result->json);
    qmp_error_free(result->err);
}

static void list_names(bool events)
{
    for (size_t i = 0; !events && probe_commands[i].name; i++)
        printf("%s ", probe_commands[i].name);
    for (size_t i = 0; events && probe_events[i].name; i++)
        printf("%s ", probe_events[i].name);
    putchar('\n');
}

static void run_line(char *line, struct qmp_msg *msg)
{
    struct probe_result result = { 0 };
    char *what = strtok(line, " "), *name = strtok(NULL, " "), *json = strtok(NULL, "\n");
    if (!what || !name || !json)
        probe_fail("a line must be: WHAT NAME JSON");
    const struct probe_command *command = probe_find_command(name);
    if (!command && strcmp(name, "-") != 0)
        probe_fail("no such command");
    if (strcmp(what, "args") == 0)
        answer(command->args(json, msg, &result), &result);
    else if (strcmp(what, "reply") == 0)
        answer(command->reply(json, &result), &result);
    else if (strcmp(what, "event") == 0)
        answer(probe_run_event(json, &result), &result);
    else
        list_names(strcmp(what, "events") == 0);
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    struct qmp_msg *msg = qmp_msg_new();
    setvbuf(stdout, NULL, _IOLBF, 0); /* whoever asks may wait for the answer */
    while (getline(&line, &capacity, stdin) > 0)
        run_line(line, msg);
    free(line);
    qmp_msg_free(msg);
    return 0;
}
