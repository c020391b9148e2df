/* qmpgate: the command line of the gateway. One file a verb; here are the table of verbs, the
 * options of the program, and the help. */
#include "config.h"
#include "cli/cli.h"

#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_SECONDS 30
#define TIMEOUT_MAX_SECONDS     86400

static const struct verb *const verbs[] = {
    &verb_exec, &verb_shell,  &verb_events, &verb_vms,   &verb_whoami, &verb_explain,
    &verb_ctl,  &verb_bridge, &verb_policy, &verb_audit, &verb_label,  &verb_devices,
};

static const struct {
    enum cli_exit code;
    const char *meaning;
} exit_codes[] = {
    { CLI_EXIT_OK, "done" },
    { CLI_EXIT_QMP_ERROR,
      "the VM or the gateway answered with an error; policy, audit: see there" },
    { CLI_EXIT_USAGE, "the command line is at fault" },
    { CLI_EXIT_DENIED, "the gateway refuses: by its policy, or the login" },
    { CLI_EXIT_UNREACHABLE, "no connection: address, TLS, no such VM, no reply in time" },
    { CLI_EXIT_LOCAL, "a file, socket or terminal on this side" },
    { CLI_EXIT_POLICY, "policy: there are errors in it" },
};

enum {
    OPTION_CERT = 256,
    OPTION_KEY,
    OPTION_CA,
    OPTION_SERVER_NAME,
    OPTION_USER,
    OPTION_MECHANISM,
    OPTION_PASSWORD_FILE,
    OPTION_ACT_AS,
    OPTION_TIMEOUT,
    OPTION_JSON,
    OPTION_PRETTY,
    OPTION_VERSION
};

static const struct option options[] = {
    { "connect", required_argument, NULL, 'c' },
    { "cert", required_argument, NULL, OPTION_CERT },
    { "key", required_argument, NULL, OPTION_KEY },
    { "ca", required_argument, NULL, OPTION_CA },
    { "server-name", required_argument, NULL, OPTION_SERVER_NAME },
    { "user", required_argument, NULL, OPTION_USER },
    { "mechanism", required_argument, NULL, OPTION_MECHANISM },
    { "password-file", required_argument, NULL, OPTION_PASSWORD_FILE },
    { "act-as", required_argument, NULL, OPTION_ACT_AS },
    { "timeout", required_argument, NULL, OPTION_TIMEOUT },
    { "json", no_argument, NULL, OPTION_JSON },
    { "pretty", no_argument, NULL, OPTION_PRETTY },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, OPTION_VERSION },
    { 0 },
};

static const char usage_head[] =
    "Usage: qmpgate [-c URI] [OPTION...] VERB [ARGUMENT...]\n"
    "Talks to QEMU's QMP monitors, through a qmpgate gateway or directly.\n"
    "\n"
    "Verbs (qmpgate VERB --help says more):\n";

static const char usage_options[] =
    "\n"
    "Options, before the verb:\n"
    "  -c, --connect URI     where: qmps://HOST[:PORT]/VM   a VM behind a gateway, over TLS\n"
    "                               qmps://HOST[:PORT]/     the gateway itself\n"
    "                               unix:PATH               a QEMU socket, or a gateway's\n"
    "                               unix:PATH?vm=NAME       a VM behind a gateway's socket\n"
    "      --cert FILE       client certificate, PEM\n"
    "      --key FILE        its private key, PEM or pkcs11: URI\n"
    "      --ca FILE         who vouches for the gateway, PEM\n"
    "      --server-name N   ask for and verify this name instead of HOST\n"
    "      --user NAME       log in as this user; the password is asked for on the terminal\n"
    "      --password-file F the first line of F is the password; for you alone (mode 0600)\n"
    "      --mechanism M     log in by this one, and not by the strongest: GSSAPI (Kerberos),\n"
    "                        SCRAM-SHA-256-PLUS, SCRAM-SHA-256, EXTERNAL, PLAIN\n"
    "      --act-as IDENTITY act for somebody else, as sasl:bob@example.com\n"
    "      --timeout S       seconds to connect, and to wait for each reply; 0: for ever\n"
    "                        (30)\n"
    "      --json            one JSON text a line, also on a terminal\n"
    "      --pretty          laid out for people, also into a file\n"
    "  -h, --help            this text\n"
    "      --version         the version\n"
    "\n"
    "Environment: QMPGATE_URI, QMPGATE_CERT, QMPGATE_KEY, QMPGATE_CA, QMPGATE_USER,\n"
    "QMPGATE_PASSWORD_FILE and QMPGATE_MECHANISM stand for the options of these names;\n"
    "NO_COLOR, if set, turns colours off.\n"
    "\n"
    "Exit codes:\n";

static void print_usage(void)
{
    fputs(usage_head, stdout);
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        printf("  %-8s %s\n", verbs[i]->name, verbs[i]->summary);
    fputs(usage_options, stdout);
    for (size_t i = 0; i < ARRAY_SIZE(exit_codes); i++)
        printf("  %-2d %s\n", exit_codes[i].code, exit_codes[i].meaning);
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

static void set_defaults(struct cli *cli)
{
    const char *term = getenv("TERM");
    bool terminal = isatty(STDOUT_FILENO);
    *cli = (struct cli){
        .uri_text = environment("QMPGATE_URI"),
        .login = {
            .user = environment("QMPGATE_USER"),
            .mechanism = environment("QMPGATE_MECHANISM"), /* checked before the verb runs */
            .password_file = environment("QMPGATE_PASSWORD_FILE"),
        },
        .settings = {
            .login = &cli->login,
            .timeout_us = TIMEOUT_DEFAULT_SECONDS * USEC_PER_SEC,
            .transport = {
                .cert = environment("QMPGATE_CERT"),
                .key = environment("QMPGATE_KEY"),
                .ca = environment("QMPGATE_CA"),
            },
        },
        .output = {
            .pretty = terminal,
            .color = terminal && !environment("NO_COLOR") && term && strcmp(term, "dumb") != 0,
        },
    };
}

static bool parse_timeout(const char *text, int64_t *us)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= TIMEOUT_MAX_SECONDS))
        return false;
    *us = (int64_t)ceil(seconds * (double)USEC_PER_SEC);
    return true;
}

/* CLI_EXIT_OK: go on with the verb. */
static enum cli_exit take_option(struct cli *cli, int option, const char *value)
{
    switch (option) {
    case 'c':
        cli->uri_text = value;
        break;
    case OPTION_CERT:
        cli->settings.transport.cert = value;
        break;
    case OPTION_KEY:
        cli->settings.transport.key = value;
        break;
    case OPTION_CA:
        cli->settings.transport.ca = value;
        break;
    case OPTION_SERVER_NAME:
        cli->settings.transport.server_name = value;
        break;
    case OPTION_USER:
        cli->login.user = value;
        cli->login.demanded = true;
        break;
    case OPTION_MECHANISM:
        cli->login.mechanism = value;
        cli->login.demanded = true;
        break;
    case OPTION_PASSWORD_FILE:
        cli->login.password_file = value;
        break;
    case OPTION_ACT_AS:
        cli->login.act_as = value;
        break;
    case OPTION_TIMEOUT:
        if (!parse_timeout(value, &cli->settings.timeout_us))
            return cli_usage(NULL, "--timeout takes seconds, from 0 (for ever) to %d",
                             TIMEOUT_MAX_SECONDS);
        break;
    case OPTION_JSON:
        cli->output.pretty = cli->output.color = false;
        break;
    case OPTION_PRETTY:
        cli->output.pretty = true;
        break;
    }
    return CLI_EXIT_OK;
}

static enum cli_exit run_verb(struct cli *cli, int argc, char **argv)
{
    if (argc == 0)
        return cli_usage(NULL, "a verb is missing: exec, shell, events, vms, ...");
    const struct verb *verb = find_verb(argv[0]);
    if (!verb)
        return cli_usage(NULL, "there is no verb \"%s\"", argv[0]);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        cli_print_help(verb);
        return CLI_EXIT_OK;
    }
    return verb->run(cli, argc, argv);
}

static enum cli_exit check_login(struct login *l)
{
    if (l->user && l->user[0] == '\0')
        return cli_usage(NULL, "--user takes a name");
    if (l->act_as && l->act_as[0] == '\0')
        return cli_usage(NULL, "--act-as takes an identity, as sasl:bob@example.com");
    const char *mechanism = l->mechanism ? login_mechanism(l->mechanism) : NULL;
    if (l->mechanism && !mechanism)
        return cli_usage(NULL,
                         "there is no mechanism \"%s\": GSSAPI, SCRAM-SHA-256-PLUS, "
                         "SCRAM-SHA-256, EXTERNAL or PLAIN",
                         l->mechanism);
    l->mechanism = mechanism;
    return CLI_EXIT_OK;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "+:c:h", options, NULL)) != -1;) {
        if (c == 'h') {
            print_usage();
            return CLI_EXIT_OK;
        }
        if (c == OPTION_VERSION) {
            puts("qmpgate " PACKAGE_VERSION);
            return CLI_EXIT_OK;
        }
        if (c == ':')
            return cli_usage(NULL, "%s needs a value", argv[optind - 1]);
        if (c == '?')
            return cli_usage(NULL,
                             "there is no option %s (a verb's own options come after the "
                             "verb)",
                             argv[optind - 1]);
        enum cli_exit code = take_option(cli, c, optarg);
        if (code != CLI_EXIT_OK)
            return code;
    }
    enum cli_exit code = check_login(&cli->login);
    return code != CLI_EXIT_OK ? code : run_verb(cli, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
    struct cli cli;
    setlocale(LC_CTYPE, "");  /* characters, but no decimal commas */
    signal(SIGPIPE, SIG_IGN); /* a broken pipe is seen where it is written to */
    set_defaults(&cli);
    enum cli_exit code = run(&cli, argc, argv);
    enum cli_exit flushed = cli_flush();
    login_clear(&cli.login);
    uri_clear(&cli.uri);
    return code != CLI_EXIT_OK ? code : flushed;
}
