#include "config.h"
#include "cli/devices.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "cli/file.h"

/* --- options ---------------------------------------------------------------------------------- */

const struct option devices_option_list[] = {
    { "file", required_argument, NULL, 'f' },
    { "objects", no_argument, NULL, 'o' },
    { 0 },
};

bool devices_take_option(void *opaque, int option, const char *value)
{
    struct devices_options *o = opaque;
    if (option == 'f')
        o->file = value;
    else
        o->kind = QDEV_OBJECT;
    return true;
}

/* --- a catalogue ------------------------------------------------------------------------------ */

void devices_tell(struct qdev_error *err)
{
    fprintf(stderr, "qmpgate: %s\n", err ? qdev_error_text(err) : "that cannot be");
    qdev_error_free(err);
}

struct asker {
    struct session *session;
    enum cli_exit code; /* of what was told already */
};

static int ask(void *opaque, const char *command, const char *arguments, char **result)
{
    struct asker *a = opaque;
    struct error err;
    CLEANUP_REPLY struct session_reply reply = { 0 };
    CLEANUP_DOCUMENT struct json_object *document =
        arguments ? json_tokener_parse(arguments) : NULL;
    const struct session_request request = { .command = command, .arguments = document };
    if (session_call(a->session, &request, &reply, &err) < 0) {
        a->code = cli_fail(&err);
        return -1;
    }
    if (reply.error_desc) {
        if (session_reply_is_denied(&reply) && strcmp(command, "human-monitor-command") != 0)
            a->code = cli_fail_reply(&reply);
        return 1;
    }
    *result = mem_strdup(json_object_to_json_string_ext(
        reply.value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    return 0;
}

static enum cli_exit ask_vm(struct cli *cli, struct qdev_catalogue **out)
{
    CLEANUP_SESSION struct session *session = NULL;
    struct qdev_error *err = NULL;
    enum cli_exit code = cli_open(cli, &session);
    if (code != CLI_EXIT_OK)
        return code;
    if (qmp_session_is_gateway(session_qmp(session)))
        return cli_usage(NULL, "no VM is chosen: put its name into the URI, as in qmps://HOST/VM");
    struct asker a = { session, CLI_EXIT_OK };
    *out = qdev_catalogue_ask(ask, &a, &err);
    if (*out)
        return CLI_EXIT_OK;
    if (a.code != CLI_EXIT_OK) {
        qdev_error_free(err);
        return a.code;
    }
    devices_tell(err);
    return CLI_EXIT_QMP_ERROR;
}

static enum cli_exit read_file(const char *path, struct qdev_catalogue **out)
{
    CLEANUP_BUF struct buf text = { 0 };
    struct qdev_error *err = NULL;
    enum cli_exit code = cli_read_file(path, &text);
    if (code != CLI_EXIT_OK)
        return code;
    *out = qdev_catalogue_parse(buf_data(&text), &err);
    if (*out)
        return CLI_EXIT_OK;
    fprintf(stderr, "qmpgate: %s: %s\n", path, qdev_error_text(err));
    qdev_error_free(err);
    return CLI_EXIT_LOCAL;
}

enum cli_exit devices_load(struct cli *cli, const char *file, struct qdev_catalogue **out)
{
    *out = NULL;
    return file ? read_file(file, out) : ask_vm(cli, out);
}
