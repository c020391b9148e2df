/* qmpgate shell: commands typed one after the other, events shown as they come. */
#include "config.h"
#include "cli/cli.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "cli/arguments.h"
#include "cli/catalogue.h"
#include "cli/event_line.h"
#include "cli/line_editor.h"
#include "cli/shell.h"

/* --- events ----------------------------------------------------------------------------------- */

static void print_text(struct shell *sh, const struct buf *text)
{
    if (sh->editor)
        line_editor_print(sh->editor, buf_data(text), buf_len(text));
    else
        fwrite(buf_data(text), 1, buf_len(text), stdout);
}

static void show_event(void *opaque, struct json_object *event)
{
    struct shell *sh = opaque;
    CLEANUP_BUF struct buf line = { 0 };
    if (!sh->show_events)
        return;
    event_line_add(&sh->cli->output, &line, event);
    print_text(sh, &line);
}

/* The connection has something to say while the prompt waits. */
static bool serve_connection(void *opaque)
{
    struct shell *sh = opaque;
    int rc;
    do
        rc = session_pump(sh->session, clock_monotonic_us(), &sh->lost);
    while (rc > 0);
    return rc == 0 || (int)sh->lost.code == ERROR_STATE;
}

/* --- what the server offers ------------------------------------------------------------------- */

static struct json_object *ask_quietly(struct shell *sh, const char *command)
{
    CLEANUP_REPLY struct session_reply reply = { 0 };
    const struct session_request request = { .command = command };
    struct error err;
    if (session_call(sh->session, &request, &reply, &err) < 0)
        return NULL;
    return json_object_get(reply.value);
}

void shell_learn_commands(struct shell *sh)
{
    CLEANUP_DOCUMENT struct json_object *commands = ask_quietly(sh, "query-commands");
    CLEANUP_DOCUMENT struct json_object *schema = ask_quietly(sh, "query-qmp-schema");
    catalogue_free(sh->catalogue);
    sh->catalogue = catalogue_new(commands, schema);
}

static void complete(void *opaque, const char *line, struct completion *out)
{
    struct shell *sh = opaque;
    complete_line(sh->catalogue, shell_builtin_names(), line, out);
}

/* --- commands --------------------------------------------------------------------------------- */

/* For the prompt: a VM's name may come from afar. */
static char *safe_name(const char *name)
{
    CLEANUP_BUF struct buf safe = { 0 };
    output_add_text(&safe, name);
    return mem_strndup(buf_data(&safe), buf_len(&safe));
}

/* After these the VM behind the session is another one. */
static void follow_attachment(struct shell *sh, const char *command, struct json_object *value)
{
    const char *vm = document_string(value, "vm");
    bool attached = strcmp(command, "gateway-attach") == 0;
    if (!attached && strcmp(command, "gateway-detach") != 0)
        return;
    free(sh->place);
    sh->place = safe_name(attached && vm ? vm : "gateway");
    if (sh->editor)
        shell_learn_commands(sh);
}

static enum cli_exit show_reply(struct shell *sh, const char *command,
                                const struct session_reply *reply)
{
    if (reply->error_desc)
        return cli_fail_reply(reply);
    output_document(&sh->cli->output, stdout, reply->value);
    follow_attachment(sh, command, reply->value);
    if (strcmp(command, "quit") == 0)
        sh->leave = true; /* the VM is about to go, and the connection with it */
    return CLI_EXIT_OK;
}

static enum cli_exit call(struct shell *sh, const char *command, struct json_object *arguments)
{
    CLEANUP_REPLY struct session_reply reply = { 0 };
    const struct session_request request = { .command = command, .arguments = arguments };
    struct error err;
    int rc = session_call(sh->session, &request, &reply, &err);
    if (rc == 0)
        return show_reply(sh, command, &reply);
    error_prefix(&err, "%s", command);
    if (rc == ERROR_STATE) {
        fprintf(stderr, "\nqmpgate: no longer waiting for %s; it may still run\n", command);
        return CLI_EXIT_LOCAL;
    }
    return cli_fail(&err);
}

/* `quit` is QEMU's, and somebody who wants to leave the shell types it. */
static bool quit_is_meant(struct shell *sh, const char *command)
{
    bool armed = sh->quit_armed;
    sh->quit_armed = false;
    if (!sh->editor || strcmp(command, "quit") != 0 || armed)
        return true;
    sh->quit_armed = true;
    puts("quit ends the virtual machine. Type it once more to do that, or .exit to leave the "
         "shell.");
    return false;
}

static enum cli_exit run_words(struct shell *sh, struct words *w)
{
    CLEANUP_DOCUMENT struct json_object *arguments = NULL;
    struct error err;
    if (w->n == 0)
        return CLI_EXIT_OK;
    const struct shell_builtin *builtin = shell_find_builtin(w->list[0]);
    if (builtin)
        return builtin->run(sh, w->n, w->list);
    if (arguments_parse(w->n - 1, w->list + 1, &arguments, &err) < 0)
        return cli_fail(&err);
    if (!quit_is_meant(sh, w->list[0]))
        return CLI_EXIT_OK;
    return call(sh, w->list[0], arguments);
}

static enum cli_exit run_line(struct shell *sh, const char *line)
{
    CLEANUP_WORDS struct words words = { 0 };
    struct error err;
    line += strspn(line, " \t");
    if (line[0] == '#')
        return CLI_EXIT_OK;
    if (words_split(line, &words, &err) < 0)
        return cli_fail(&err);
    enum cli_exit code = run_words(sh, &words);
    fflush(stdout);
    return code;
}

/* --- history ---------------------------------------------------------------------------------- */

/* Parents too; what is there already is fine. */
static bool make_directories(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
        *p = '/';
        if (!ok)
            return false;
    }
    return true;
}

/* $QMPGATE_HISTORY, where empty means none, or the place that the XDG specification gives to state.
 */
static char *history_path(void)
{
    const char *own = getenv("QMPGATE_HISTORY");
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    if (own)
        return own[0] ? mem_strdup(own) : NULL;
    if (state && state[0] == '/')
        path = mem_printf("%s/qmpgate/history", state);
    else if (home && home[0] == '/')
        path = mem_printf("%s/.local/state/qmpgate/history", home);
    if (path && !make_directories(path)) {
        free(path);
        path = NULL;
    }
    return path;
}

/* Passwords do not belong in a file, nor does what begins with a space. */
static bool may_be_remembered(const char *line)
{
    static const char *const secrets[] = { "password", "secret",  "passwd",
                                           "key=",     "launch-", "gateway-auth-" };
    if (line[0] == '\0' || line[0] == ' ')
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
        if (strcasestr(line, secrets[i]))
            return false;
    return true;
}

/* --- the two ways to read lines --------------------------------------------------------------- */

static void greet(const struct shell *sh)
{
    printf("qmpgate %s, connected to %s. .help helps, .exit or Ctrl-D leaves, Tab completes.\n",
           PACKAGE_VERSION, sh->place);
}

static enum cli_exit run_interactive(struct shell *sh)
{
    const struct line_editor_hooks hooks = {
        .opaque = sh,
        .readable = serve_connection,
        .complete = complete,
    };
    CLEANUP_FREE char *history = history_path();
    enum cli_exit code = CLI_EXIT_OK;
    enum line_status status;
    const char *line;
    shell_learn_commands(sh);
    sh->editor = line_editor_new(&hooks, history);
    session_watch_signals(sh->session, line_editor_call_mask(sh->editor));
    greet(sh);
    do {
        CLEANUP_FREE char *prompt = mem_printf("%s> ", sh->place);
        status =
            line_editor_read(sh->editor, prompt, qmp_session_fd(session_qmp(sh->session)), &line);
        if (status == LINE_READ) {
            if (may_be_remembered(line))
                line_editor_remember(sh->editor, line);
            enum cli_exit last = run_line(sh, line);
            if (!session_is_alive(sh->session)) {
                status = LINE_EOF;
                code = last;
            }
        }
    } while (!sh->leave && (status == LINE_READ || status == LINE_INTERRUPTED));
    session_watch_signals(sh->session, NULL);
    line_editor_free(sh->editor);
    sh->editor = NULL;
    if (status == LINE_STOPPED)
        return cli_fail(&sh->lost);
    return code;
}

/* Lines of a file or a pipe: no prompt, no events; the first failure is the exit code. */
static enum cli_exit run_batch(struct shell *sh)
{
    enum cli_exit first = CLI_EXIT_OK;
    CLEANUP_FREE char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while (!sh->leave && (n = getline(&line, &size, stdin)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            line[n - 1] = '\0';
        enum cli_exit code = run_line(sh, line);
        if (first == CLI_EXIT_OK)
            first = code;
        if (!session_is_alive(sh->session))
            break;
    }
    return first;
}

/* What the prompt says: the VM, or what else is at the other end. */
static char *place_name(const struct qmp_session *s)
{
    const char *vm = qmp_session_vm(s);
    if (vm)
        return safe_name(vm);
    return safe_name(qmp_session_is_gateway(s) ? "gateway" : "qmp");
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    CLEANUP_SESSION struct session *session = NULL;
    struct shell sh = { .cli = cli };
    int first = cli_no_options(&verb_shell, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first < argc)
        return cli_usage(&verb_shell, "shell takes no arguments");
    enum cli_exit code = cli_open(cli, &session);
    if (code != CLI_EXIT_OK)
        return code;
    sh.session = session;
    sh.place = place_name(session_qmp(session));
    bool interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    sh.show_events = interactive;
    session_set_event_handler(session, show_event, &sh);
    code = interactive ? run_interactive(&sh) : run_batch(&sh);
    catalogue_free(sh.catalogue);
    free(sh.place);
    return code;
}

const struct verb verb_shell = {
    .name = "shell",
    .synopsis = "",
    .summary = "Type commands one after the other, and see events as they come",
    .help =
        "Lines are written as for exec: COMMAND KEY=VALUE ...; JSON needs no quotes. Tab "
        "completes\n"
        "commands and arguments that the VM (and the gateway's policy for you) offers, the arrow\n"
        "keys bring earlier lines back, Ctrl-C throws the line away or stops waiting for a reply.\n"
        "What begins with a dot is the shell's own: .help says what there is.\n"
        "\n"
        "If standard input is no terminal, its lines are run without a prompt and without events,\n"
        "and the exit code is that of the first line that failed.\n"
        "\n"
        "History is kept in $XDG_STATE_HOME/qmpgate/history, without lines that look like they\n"
        "hold a password or that begin with a space; QMPGATE_HISTORY names another file, or none\n"
        "if it is empty.\n"
        "\n"
        "Example:\n"
        "  printf 'query-status\\nquery-version\\n' | qmpgate -c unix:/run/qemu/web1.qmp shell\n",
    .run = run,
};
