/* qmpgate exec: one command, its reply, and an exit code. */
#include "config.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/limits.h"
#include "base/mem.h"
#include "cli/arguments.h"

struct exec_options {
    bool oob;
};

static const struct option options[] = {
    { "oob", no_argument, NULL, 'o' },
    { 0 },
};

static bool take_option(void *opaque, int option, const char *value)
{
    struct exec_options *o = opaque;
    o->oob = option == 'o';
    return true;
}

/* Everything on standard input: for arguments that others must not see in the process list. */
static int read_input(struct buf *out, struct error *err)
{
    size_t n;
    do {
        n = fread(buf_reserve(out, 4096), 1, 4096, stdin);
        buf_commit(out, n);
        if (buf_len(out) > LIMIT_REQUEST_BYTES_MAX)
            return error_set(err, ERROR_LIMIT, "standard input is longer than %u bytes",
                             LIMIT_REQUEST_BYTES_MAX);
    } while (n > 0);
    if (ferror(stdin))
        return error_set_errno(err, "cannot read standard input");
    if (memchr(buf_data(out), '\0', buf_len(out)))
        return error_set(err, ERROR_INVALID, "standard input has a NUL byte: JSON has none");
    buf_add_char(out, '\0');
    return 0;
}

/* A word "-" stands for standard input. */
static int read_arguments(int n_words, char **words, struct json_object **out, struct error *err)
{
    CLEANUP_BUF struct buf input = { 0 };
    for (int i = 0; i < n_words; i++) {
        if (strcmp(words[i], "-") != 0)
            continue;
        if (buf_len(&input) > 0)
            return error_set(err, ERROR_INVALID, "standard input can be read once");
        int rc = read_input(&input, err);
        if (rc < 0)
            return rc;
        words[i] = buf_data(&input);
    }
    return arguments_parse(n_words, words, out, err);
}

/* What the gateway answers by itself while no VM is attached. */
static bool is_for_gateway(const char *command)
{
    return strncmp(command, "gateway-", strlen("gateway-")) == 0 ||
           strcmp(command, "qmp_capabilities") == 0;
}

/* QEMU says what type it wants; this says how to give it. */
static void tell_how_to_fix(const struct session_reply *reply)
{
    if (strstr(reply->error_desc, "expected: string"))
        fprintf(stderr, "qmpgate: to send a number or true or false as a string, write "
                        "key:='\"1\"'\n");
}

static enum cli_exit call(struct cli *cli, struct session *s, const struct session_request *request)
{
    CLEANUP_REPLY struct session_reply reply = { 0 };
    struct error err;
    if (qmp_session_is_gateway(session_qmp(s)) && !is_for_gateway(request->command))
        return cli_usage(&verb_exec, "no VM is chosen: put its name into the URI, as in "
                                     "qmps://HOST/VM (qmpgate vms lists them)");
    if (session_call(s, request, &reply, &err) < 0) {
        error_prefix(&err, "%s", request->command);
        return cli_fail(&err);
    }
    if (reply.error_desc) {
        enum cli_exit code = cli_fail_reply(&reply);
        tell_how_to_fix(&reply);
        return code;
    }
    output_document(&cli->output, stdout, reply.value);
    return CLI_EXIT_OK;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct exec_options o = { 0 };
    CLEANUP_DOCUMENT struct json_object *arguments = NULL;
    CLEANUP_SESSION struct session *s = NULL;
    struct error err;
    int first = cli_options(&verb_exec, argc, argv, options, take_option, &o);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first >= argc)
        return cli_usage(&verb_exec, "exec: which command? For example: query-status");
    if (read_arguments(argc - first - 1, argv + first + 1, &arguments, &err) < 0)
        return cli_fail(&err);
    cli->oob = o.oob;
    enum cli_exit code = cli_open(cli, &s);
    if (code != CLI_EXIT_OK)
        return code;
    const struct session_request request = {
        .command = argv[first],
        .arguments = arguments,
        .oob = o.oob,
    };
    return call(cli, s, &request);
}

const struct verb verb_exec = {
    .name = "exec",
    .synopsis = "[--oob] COMMAND [KEY=VALUE | KEY:=JSON | JSON | -]...",
    .summary = "Run one command and print what it returns",
    .help = "  KEY=VALUE    whole numbers, true, false and what begins with { or [ are taken as\n"
            "               JSON, all else as a string\n"
            "  KEY:=JSON    the JSON value as it is: id:='\"1\"' is the string 1\n"
            "  A.B.C=VALUE  members of members; numbers count the elements of a list from 0\n"
            "  JSON         an object, whose members are arguments\n"
            "  -            the same, from standard input: for what must not be seen in the\n"
            "               list of processes, such as passwords\n"
            "\n"
            "  --oob        run it out of band, for the few commands that allow this\n"
            "\n"
            "Examples:\n"
            "  qmpgate exec query-status\n"
            "  qmpgate exec device_add driver=virtio-net-pci id=hot-1\n"
            "  qmpgate exec blockdev-add driver=raw node-name=d0 file.driver=null-co "
            "file.size=1048576\n"
            "  qmpgate exec set_password - < password.json\n",
    .run = run,
};
