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
#include "base/clock.h"
#include "cli/password.h"

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
    "                               tcp:HOST:PORT           a QEMU socket of this machine\n"
    "                               libvirt:VM[?uri=URI]    a VM of a libvirt\n"
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

/* How errors call what can be set. */
static const struct {
    enum qmp_setting setting;
    const char *name;
} names[] = {
    { QMP_SETTING_CA, "--ca FILE" },
    { QMP_SETTING_CERTIFICATE, "--cert FILE" },
    { QMP_SETTING_KEY, "--key FILE" },
    { QMP_SETTING_USER, "--user NAME" },
    { QMP_SETTING_MECHANISM, "--mechanism M" },
    { QMP_SETTING_PASSWORD_FILE, "--password-file FILE" },
    { QMP_SETTING_ACT_AS, "--act-as" },
};

static void set_defaults(struct cli *cli)
{
    const char *term = getenv("TERM");
    bool terminal = isatty(STDOUT_FILENO);
    *cli = (struct cli){
        .settings = qmp_settings_new(),
        .uri = environment("QMPGATE_URI"),
        .timeout_us = TIMEOUT_DEFAULT_SECONDS * USEC_PER_SEC,
        .names_user = environment("QMPGATE_USER"),
        .names_login = environment("QMPGATE_MECHANISM"),
        .output = {
            .pretty = terminal,
            .color = terminal && !environment("NO_COLOR") && term && strcmp(term, "dumb") != 0,
        },
    };
    qmp_settings_set_target(cli->settings, QMP_TARGET_ANY);
    qmp_settings_set_password_function(cli->settings, cli_ask_password, cli);
    if (environment("QMPGATE_PASSWORD_FILE"))
        password_leave_no_core();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        qmp_settings_set_name(cli->settings, names[i].setting, names[i].name);
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
        cli->uri = value;
        break;
    case OPTION_CERT:
        cli->cert = value;
        break;
    case OPTION_KEY:
        cli->key = value;
        break;
    case OPTION_CA:
        qmp_settings_set_ca(cli->settings, value);
        break;
    case OPTION_SERVER_NAME:
        qmp_settings_set_server_name(cli->settings, value);
        break;
    case OPTION_USER:
        qmp_settings_set_user(cli->settings, value);
        cli->names_user = true;
        break;
    case OPTION_MECHANISM:
        qmp_settings_set_mechanism(cli->settings, value);
        cli->names_login = true;
        break;
    case OPTION_PASSWORD_FILE:
        qmp_settings_set_password_file(cli->settings, value);
        password_leave_no_core();
        break;
    case OPTION_ACT_AS:
        qmp_settings_set_act_as(cli->settings, value);
        break;
    case OPTION_TIMEOUT:
        if (!parse_timeout(value, &cli->timeout_us))
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
    qmp_settings_set_certificate(cli->settings, cli->cert, cli->key);
    qmp_settings_set_timeout(cli->settings,
                             (int)((cli->timeout_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC));
    return run_verb(cli, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
    struct cli cli;
    setlocale(LC_CTYPE, "");  /* characters, but no decimal commas */
    signal(SIGPIPE, SIG_IGN); /* a broken pipe is seen where it is written to */
    set_defaults(&cli);
    enum cli_exit code = run(&cli, argc, argv);
    enum cli_exit flushed = cli_flush();
    qmp_settings_free(cli.settings);
    return code != CLI_EXIT_OK ? code : flushed;
}
