#include "config.h"
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "cli/password.h"

/* --- errors ----------------------------------------------------------------------------------- */

enum cli_exit cli_exit_of_error(const struct error *err)
{
    switch (err->code) {
    case ERROR_INVALID:
    case ERROR_LIMIT:
        return CLI_EXIT_USAGE;
    case ERROR_DENIED:
        return CLI_EXIT_DENIED;
    case ERROR_STATE:
        return CLI_EXIT_LOCAL;
    case ERROR_SYSTEM:
    case ERROR_PEER:
        break;
    }
    return CLI_EXIT_UNREACHABLE;
}

enum cli_exit cli_exit_of_reply(const struct session_reply *reply)
{
    if (!reply->error_desc)
        return CLI_EXIT_OK;
    return session_reply_is_denied(reply) ? CLI_EXIT_DENIED : CLI_EXIT_QMP_ERROR;
}

/* Half of a text may be a peer's: it must not act on the terminal. Its further lines (a reload has
 * one for each error) are indented, so that none looks as if we said it. */
static void tell(const char *text)
{
    CLEANUP_BUF struct buf out = { 0 };
    for (const char *line = text;;) {
        size_t len = strcspn(line, "\n");
        CLEANUP_FREE char *one = mem_strndup(line, len);
        output_add_text(&out, one);
        if (line[len] == '\0')
            break;
        BUF_ADD_LIT(&out, "\n    ");
        line += len + 1;
    }
    fflush(stdout);
    fprintf(stderr, "qmpgate: %.*s\n", (int)buf_len(&out), buf_len(&out) ? buf_data(&out) : "");
}

enum cli_exit cli_fail(const struct error *err)
{
    tell(err->text);
    return cli_exit_of_error(err);
}

enum cli_exit cli_fail_local(const struct error *err)
{
    tell(err->text);
    return CLI_EXIT_LOCAL;
}

enum cli_exit cli_fail_reply(const struct session_reply *reply)
{
    if (session_reply_is_denied(reply)) {
        tell(reply->error_desc);
    } else {
        CLEANUP_FREE char *text = mem_printf("%s: %s", reply->error_class, reply->error_desc);
        tell(text);
    }
    return cli_exit_of_reply(reply);
}

enum cli_exit cli_usage(const struct verb *verb, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    tell(text);
    fprintf(stderr, "Try: qmpgate%s%s --help\n", verb ? " " : "", verb ? verb->name : "");
    return CLI_EXIT_USAGE;
}

enum cli_exit cli_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return CLI_EXIT_OK;
    /* a reader that has had enough, as head has, is no fault */
    if (errno != EPIPE)
        fprintf(stderr, "qmpgate: cannot write the output: %s\n", strerror(errno));
    return CLI_EXIT_LOCAL;
}

void cli_print_help(const struct verb *verb)
{
    printf("Usage: qmpgate [-c URI] [OPTION...] %s%s%s\n%s.\n\n%s", verb->name,
           verb->synopsis[0] ? " " : "", verb->synopsis, verb->summary, verb->help);
}

/* --- command lines ---------------------------------------------------------------------------- */

static int read_options(const struct verb *verb, const char *order, int argc, char **argv,
                        const struct option *long_options, cli_option_fn *handle, void *opaque)
{
    optind = 0; /* the GNU way to begin again with another argv */
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, order, long_options, NULL)) != -1;) {
        if (c == '?' || c == ':') {
            cli_usage(verb, c == ':' ? "%s: %s needs a value" : "%s has no option %s", verb->name,
                      argv[optind - 1]);
            return -1;
        }
        if (!handle(opaque, c, optarg))
            return -1;
    }
    return optind;
}

int cli_options(const struct verb *verb, int argc, char **argv, const struct option *long_options,
                cli_option_fn *handle, void *opaque)
{
    return read_options(verb, "+:", argc, argv, long_options, handle, opaque);
}

int cli_options_anywhere(const struct verb *verb, int argc, char **argv,
                         const struct option *long_options, cli_option_fn *handle, void *opaque)
{
    return read_options(verb, ":", argc, argv, long_options, handle, opaque);
}

static bool no_option(void *opaque, int option, const char *value)
{
    return false;
}

int cli_no_options(const struct verb *verb, int argc, char **argv)
{
    static const struct option none[] = { { 0 } };
    return cli_options(verb, argc, argv, none, no_option, NULL);
}

bool cli_parse_number(const char *text, uint64_t max, uint64_t *out)
{
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return errno == 0 && *out <= max;
}

/* --- sessions --------------------------------------------------------------------------------- */

enum cli_exit cli_check_uri(const struct cli *cli)
{
    if (cli->uri && cli->uri[0])
        return CLI_EXIT_OK;
    return cli_usage(NULL, "say which VM or gateway: -c URI, or set QMPGATE_URI "
                           "(qmps://HOST/VM, unix:PATH or unix:PATH?vm=NAME)");
}

char *cli_ask_password(void *opaque, const char *user, const char *server)
{
    struct cli *cli = opaque;
    CLEANUP_BUF struct buf prompt = { 0 };
    char *password = NULL;
    if (cli->cannot_ask)
        return NULL;
    BUF_ADD_LIT(&prompt, "Password of ");
    output_add_text(&prompt, user);
    BUF_ADD_LIT(&prompt, " for ");
    output_add_text(&prompt, server);
    BUF_ADD_LIT(&prompt, ": ");
    buf_add_char(&prompt, '\0');
    if (password_ask(buf_data(&prompt), &password, &cli->no_password) < 0)
        return NULL;
    cli->no_password.text[0] = '\0';
    return password;
}

void cli_tell_unreachable(const struct cli *cli, struct error *err)
{
    if (err->code != ERROR_STATE) /* it may be the other side's fault */
        error_prefix(err, "%s", cli->uri);
    tell(err->text);
}

int cli_try_open(struct cli *cli, struct session **out, struct error *err)
{
    struct qmp_session *qmp;
    struct qmp_error *why;
    *out = NULL;
    cli->no_password.text[0] = '\0';
    if (qmp_open_with(cli->uri, cli->settings, &qmp, &why) < 0) {
        int code = session_error(why, err);
        if (!cli->no_password.text[0])
            return code;
        *err = cli->no_password;
        return (int)err->code;
    }
    *out = session_wrap(qmp, cli->timeout_us);
    if (!cli->oob || qmp_session_has_oob(qmp))
        return 0;
    session_free(TAKE_PTR(*out));
    return error_set(err, ERROR_PEER, "the VM offers no out-of-band commands here");
}

enum cli_exit cli_open(struct cli *cli, struct session **out)
{
    struct error err;
    *out = NULL;
    enum cli_exit code = cli_check_uri(cli);
    if (code != CLI_EXIT_OK)
        return code;
    if (cli_try_open(cli, out, &err) == 0)
        return CLI_EXIT_OK;
    cli_tell_unreachable(cli, &err);
    return cli_exit_of_error(&err);
}

enum cli_exit cli_call(struct session *s, const char *command, struct json_object *take_arguments,
                       struct json_object **value)
{
    CLEANUP_DOCUMENT struct json_object *arguments = take_arguments;
    CLEANUP_REPLY struct session_reply reply = { 0 };
    const struct session_request request = { .command = command, .arguments = arguments };
    struct error err;
    *value = NULL;
    if (session_call(s, &request, &reply, &err) < 0) {
        error_prefix(&err, "%s", command);
        return cli_fail(&err);
    }
    if (reply.error_desc) {
        if (strncmp(command, "gateway-", strlen("gateway-")) == 0 &&
            strcmp(reply.error_class, "CommandNotFound") == 0)
            fprintf(stderr,
                    "qmpgate: this takes a gateway that knows %s; a VM's own socket does "
                    "not\n",
                    command);
        return cli_fail_reply(&reply);
    }
    *value = reply.value;
    reply.value = NULL;
    return CLI_EXIT_OK;
}

enum cli_exit cli_ask_about_vm(struct cli *cli, const char *command,
                               struct json_object *take_arguments, struct json_object **value)
{
    CLEANUP_DOCUMENT struct json_object *arguments = take_arguments;
    CLEANUP_SESSION struct session *s = NULL;
    *value = NULL;
    enum cli_exit code = cli_open(cli, &s);
    return code != CLI_EXIT_OK ? code : cli_call(s, command, json_object_get(arguments), value);
}

enum cli_exit cli_ask_gateway(struct cli *cli, const char *command,
                              struct json_object *take_arguments, struct json_object **value)
{
    qmp_settings_set_target(cli->settings, QMP_TARGET_GATEWAY);
    return cli_ask_about_vm(cli, command, take_arguments, value);
}
