/* For libqmp: a command's name, a line feed, and a reply to it; or, where the name has a '<' before
 * it, its arguments. Checked besides memory, and what the probes check: what was read and written
 * is the same when it is read again. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "tests/libqmp/probe.h"

static char *settle(int rc, struct probe_result *r)
{
    FUZZ_ASSERT((rc < 0) == (r->err != NULL));
    qmp_error_free(r->err);
    if (rc == 0)
        return r->json;
    free(r->json);
    return NULL;
}

static char *reply(const struct probe_command *command, const char *json)
{
    struct probe_result r = { 0 };
    int rc = command->reply(json, &r);
    return settle(rc, &r);
}

static char *arguments(const struct probe_command *command, const char *json)
{
    struct probe_result r = { 0 };
    struct qmp_msg *msg = qmp_msg_new();
    int rc = command->args(json, msg, &r);
    qmp_msg_free(msg);
    return settle(rc, &r);
}

static void check_reply(const struct probe_command *command, const char *json)
{
    CLEANUP_FREE char *said = reply(command, json);
    if (!said)
        return;
    CLEANUP_FREE char *again = mem_printf("{\"return\":%s}", said);
    CLEANUP_FREE char *said_again = reply(command, again);
    FUZZ_ASSERT(said_again && strcmp(said, said_again) == 0);
}

static void check_arguments(const struct probe_command *command, const char *json)
{
    static const char before[] = ",\"arguments\":";
    CLEANUP_FREE char *said = arguments(command, json);
    char *inner = said ? strstr(said, before) : NULL;
    if (!inner)
        return;
    CLEANUP_FREE char *again =
        mem_strndup(inner + strlen(before), strlen(inner + strlen(before)) - 1);
    CLEANUP_FREE char *said_again = arguments(command, again);
    FUZZ_ASSERT(said_again && strcmp(said, said_again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *text = mem_strndup((const char *)data, size);
    bool args = *text == '<';
    char *line = strchr(text, '\n');
    if (!line)
        return 0;
    *line = '\0';
    const struct probe_command *command = probe_find_command(text + args);
    if (!command)
        return 0;
    if (args)
        check_arguments(command, line + 1);
    else
        check_reply(command, line + 1);
    return 0;
}
