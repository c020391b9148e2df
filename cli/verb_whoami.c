/* qmpgate whoami: who the gateway takes the caller for. */
#include "config.h"
#include "cli/cli.h"

#include <json-c/json.h>

/* How it was proved is known here; the gateway does not say. */
static void add_mechanism(struct json_object *info, const char *mechanism)
{
    if (mechanism)
        json_object_object_add(info, "mechanism", json_object_new_string(mechanism));
}

static enum cli_exit show(struct cli *cli, struct session *s)
{
    CLEANUP_DOCUMENT struct json_object *info = NULL;
    enum cli_exit code = cli_call(s, "gateway-info", NULL, &info);
    if (code != CLI_EXIT_OK)
        return code;
    add_mechanism(info, qmp_session_mechanism(session_qmp(s)));
    output_members(&cli->output, stdout, info);
    return CLI_EXIT_OK;
}

/* Nothing says who we are: what the gateway tells everybody, such as how to log in. */
static void show_nobody(struct cli *cli)
{
    CLEANUP_SESSION struct session *s = NULL;
    struct error err;
    qmp_settings_set_target(cli->settings, QMP_TARGET_DOOR);
    if (cli_try_open(cli, &s, &err) == 0)
        show(cli, s);
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    CLEANUP_SESSION struct session *s = NULL;
    struct error err;
    int first = cli_no_options(&verb_whoami, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first < argc)
        return cli_usage(&verb_whoami, "whoami takes no arguments");
    qmp_settings_set_target(cli->settings, QMP_TARGET_GATEWAY);
    enum cli_exit code = cli_check_uri(cli);
    if (code != CLI_EXIT_OK)
        return code;
    if (cli_try_open(cli, &s, &err) == 0)
        return show(cli, s);
    if (err.code == ERROR_DENIED && !cli->names_user && !cli->names_login)
        show_nobody(cli);
    cli_tell_unreachable(cli, &err);
    return cli_exit_of_error(&err);
}

const struct verb verb_whoami = {
    .name = "whoami",
    .synopsis = "",
    .summary = "Show who the gateway takes you for",
    .help =
        "The identity is what the policy's grants name: x509:DN for a client certificate,\n"
        "unix:USER on a local socket, sasl:USER@REALM after a login; acting-for is whom --act-as\n"
        "named. Where a login is needed and nothing says who you are, it shows the mechanisms\n"
        "that there are and says how to log in, with exit code 3.\n"
        "\n"
        "Example:\n"
        "  qmpgate -c qmps://gateway.example.com/ --json whoami | jq -r .identity\n",
    .run = run,
};
