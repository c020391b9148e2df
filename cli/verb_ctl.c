/* qmpgate ctl: administration of the gateway. */
#include "config.h"
#include "cli/cli.h"

#include <json-c/json.h>
#include <string.h>
#include "cli/arguments.h"

#define AUDIT_TAIL_MAX 100000u

/* One thing that can be done. */
struct action {
    const char *name;
    const char *command;
    const char *member;      /* of the arguments, for the number; NULL: takes none */
    const char *text_member; /* for what is no number; NULL: it has to be one */
    const char *what;        /* what the number is */
    bool needs_word;
    bool takes_pairs; /* KEY=VALUE as for exec, and no number */
    uint64_t max;
    void (*show)(struct cli *cli, struct json_object *value);
};

static void show_document(struct cli *cli, struct json_object *value)
{
    output_document(&cli->output, stdout, value);
}

/* How many it was: none is no error, and should be noticed. */
static void show_count(struct cli *cli, struct json_object *value)
{
    if (cli->output.pretty)
        output_members(&cli->output, stdout, value);
    else
        output_document(&cli->output, stdout, value);
}

static void show_sessions(struct cli *cli, struct json_object *value)
{
    static const struct output_column columns[] = {
        { "ID", "connection" },   { "IDENTITY", "identity" }, { "FOR", "acting-for" },
        { "PEER", "peer" },       { "LISTENER", "listener" }, { "VM", "vm" },
        { "PHASE", "phase" },     { "SINCE", "since" },       { "COMMANDS", "commands" },
        { "REFUSED", "refused" }, { "QUEUED", "queued" },
    };
    output_list(&cli->output, stdout, value, columns, ARRAY_SIZE(columns), "There is no session.");
}

/* Records are lines in the audit file, and lines they stay. */
static void show_records(struct cli *cli, struct json_object *value)
{
    if (!json_object_is_type(value, json_type_array)) {
        show_document(cli, value);
        return;
    }
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        CLEANUP_BUF struct buf line = { 0 };
        output_compact(&cli->output, &line, json_object_array_get_idx(value, i));
        buf_add_char(&line, '\n');
        fwrite(buf_data(&line), 1, buf_len(&line), stdout);
    }
}

static const struct action actions[] = {
    {
        .name = "reload",
        .command = "gateway-reload",
        .show = show_document,
    },
    {
        .name = "sessions",
        .command = "gateway-sessions",
        .show = show_sessions,
    },
    {
        .name = "close",
        .command = "gateway-session-close",
        .member = "connection",
        .text_member = "identity",
        .what = "the ID of a session (qmpgate ctl sessions lists them), or an identity",
        .needs_word = true,
        .max = INT64_MAX,
        .show = show_count,
    },
    {
        .name = "login-release",
        .command = "gateway-login-release",
        .takes_pairs = true,
        .show = show_count,
    },
    {
        .name = "stats",
        .command = "gateway-stats",
        .show = show_document,
    },
    {
        .name = "audit-tail",
        .command = "gateway-audit-tail",
        .member = "count",
        .what = "how many records, at least 1",
        .max = AUDIT_TAIL_MAX,
        .show = show_records,
    },
    {
        .name = "rotate",
        .command = "gateway-audit-rotate",
        .show = show_document,
    },
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

/* *out: NULL if there are no words. */
static enum cli_exit read_words(const struct action *a, int n_words, char **words,
                                struct json_object **out)
{
    struct error err;
    uint64_t number;
    *out = NULL;
    if (a->takes_pairs)
        return arguments_parse(n_words, words, out, &err) < 0 ? cli_fail(&err) : CLI_EXIT_OK;
    if (n_words > (a->member ? 1 : 0))
        return cli_usage(&verb_ctl, "ctl %s: too many arguments", a->name);
    if (n_words == 0 && a->needs_word)
        return cli_usage(&verb_ctl, "ctl %s takes %s", a->name, a->what);
    if (n_words == 0)
        return CLI_EXIT_OK;
    bool is_number = cli_parse_number(words[0], a->max, &number) && number > 0;
    if (!is_number && !(a->text_member && strchr(words[0], ':')))
        return cli_usage(&verb_ctl, "ctl %s takes %s, not \"%s\"", a->name, a->what, words[0]);
    *out = json_object_new_object();
    if (is_number)
        json_object_object_add(*out, a->member, json_object_new_int64((int64_t)number));
    else
        json_object_object_add(*out, a->text_member, json_object_new_string(words[0]));
    return CLI_EXIT_OK;
}

static enum cli_exit run_action(struct cli *cli, const struct action *a, int n_words, char **words)
{
    CLEANUP_DOCUMENT struct json_object *value = NULL;
    struct json_object *arguments;
    enum cli_exit code = read_words(a, n_words, words, &arguments);
    if (code != CLI_EXIT_OK)
        return code;
    code = cli_ask_gateway(cli, a->command, arguments, &value);
    if (code == CLI_EXIT_OK)
        a->show(cli, value);
    return code;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    int first = cli_no_options(&verb_ctl, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first >= argc)
        return cli_usage(
            &verb_ctl, "ctl: reload, sessions, close, login-release, stats, audit-tail or rotate?");
    const struct action *a = find_action(argv[first]);
    if (!a)
        return cli_usage(&verb_ctl,
                         "ctl has no \"%s\": there are reload, sessions, close, "
                         "login-release, stats, audit-tail and rotate",
                         argv[first]);
    return run_action(cli, a, argc - first - 1, argv + first + 1);
}

const struct verb verb_ctl = {
    .name = "ctl",
    .synopsis = "reload | sessions | close ID | close IDENTITY | login-release [KEY=VALUE]... | "
                "stats | audit-tail [N] | rotate",
    .summary = "Administer the gateway",
    .help =
        "  reload          read configuration, policy, certificates and CRL again; if anything\n"
        "                  is wrong, all stays as it was and the error says where\n"
        "  sessions        who is connected\n"
        "  close ID        end a session; close IDENTITY: all of that identity, as "
        "sasl:bob@example.com\n"
        "  login-release   forget failed logins: of name=NAME, from address=ADDRESS, or of all\n"
        "  stats           numbers\n"
        "  audit-tail [N]  the last records of the audit, a line each\n"
        "  rotate          close the audit log as a segment, and go on in a new one\n"
        "\n"
        "Each of them must be granted by name (admin in a grant of the policy).\n"
        "\n"
        "Example:\n"
        "  qmpgate -c unix:/run/qmpgate/control.sock ctl reload\n",
    .run = run,
};
