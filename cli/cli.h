/* What the verbs share: settings, exit codes, how errors are told. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <getopt.h>
#include "base/error.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/session.h"

/* Part of the interface: scripts tell by them what happened. The words are in main.c. */
enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_QMP_ERROR = 1,   /* the command was answered with an error */
    CLI_EXIT_USAGE = 2,       /* the command line is at fault */
    CLI_EXIT_DENIED = 3,      /* the policy refuses, or the login is refused */
    CLI_EXIT_UNREACHABLE = 4, /* no connection, TLS, no reply */
    CLI_EXIT_LOCAL = 5,       /* a file, socket or terminal on this side */
    CLI_EXIT_POLICY = 78,     /* a policy is refused, as by qmpgated --check */
};

/* Of the tools of policy: the answer is no, or there is something to look at. */
#define CLI_EXIT_FOUND CLI_EXIT_QMP_ERROR

struct cli {
    struct qmp_settings *settings; /* owned */
    const char *uri;               /* NULL: not given */
    const char *cert, *key;        /* likewise */
    int64_t timeout_us;            /* 0: for ever */
    bool oob;                      /* out-of-band commands are wanted: an error if there are none */
    bool names_user;               /* --user, or the environment */
    bool names_login;              /* or --mechanism */
    bool cannot_ask;               /* nobody is there to type a password */
    struct error no_password;      /* why none was typed; "": that is not it */
    struct output output;
};

struct verb {
    const char *name;
    const char *synopsis; /* what follows the verb */
    const char *summary;  /* a line */
    const char *help;     /* paragraphs, each line ended */
    /* argv[0] is the verb; the result is the exit code. */
    enum cli_exit (*run)(struct cli *cli, int argc, char **argv);
};

extern const struct verb verb_audit;
extern const struct verb verb_bridge;
extern const struct verb verb_ctl;
extern const struct verb verb_devices;
extern const struct verb verb_events;
extern const struct verb verb_exec;
extern const struct verb verb_explain;
extern const struct verb verb_label;
extern const struct verb verb_policy;
extern const struct verb verb_shell;
extern const struct verb verb_vms;
extern const struct verb verb_whoami;

/* --- errors, told on stderr ------------------------------------------------------------------- */

/* The exit code that says what sort of failure this is. */
enum cli_exit cli_exit_of_error(const struct error *err);
enum cli_exit cli_exit_of_reply(const struct session_reply *reply);

/* Tell, and return the exit code. */
enum cli_exit cli_fail(const struct error *err);
enum cli_exit cli_fail_reply(const struct session_reply *reply);
enum cli_exit cli_fail_local(const struct error *err);
enum cli_exit cli_usage(const struct verb *verb, const char *fmt, ...) PRINTF(2, 3);

/* What was printed so far really went out: CLI_EXIT_OK or CLI_EXIT_LOCAL. */
enum cli_exit cli_flush(void);

/* What there is to know about a verb. */
void cli_print_help(const struct verb *verb);

/* --- a verb's command line -------------------------------------------------------------------- */

/* Options up to the first operand; `long_options` ends with a zeroed entry. `handle` gets each one;
 * false is an error that it has told. The result is the first operand's index, or -1 after an
 * error. */
typedef bool cli_option_fn(void *opaque, int option, const char *value);
int cli_options(const struct verb *verb, int argc, char **argv, const struct option *long_options,
                cli_option_fn *handle, void *opaque);

/* The same for options that may stand between operands and behind them; argv is put in order. */
int cli_options_anywhere(const struct verb *verb, int argc, char **argv,
                         const struct option *long_options, cli_option_fn *handle, void *opaque);

/* The same for a verb without options. */
int cli_no_options(const struct verb *verb, int argc, char **argv);

/* Decimal, whole text, at most `max`. */
bool cli_parse_number(const char *text, uint64_t max, uint64_t *out);

/* --- sessions --------------------------------------------------------------------------------- */

/* Says so if no URI was given. */
enum cli_exit cli_check_uri(const struct cli *cli);

/* Opens what the URI names; failures are told. */
enum cli_exit cli_open(struct cli *cli, struct session **out);
/* The same, for who tells them. */
int cli_try_open(struct cli *cli, struct session **out, struct error *err) MUST_CHECK;
void cli_tell_unreachable(const struct cli *cli, struct error *err);

/* For qmp_settings_set_password_function: asks on the terminal. `opaque`: the cli. */
char *cli_ask_password(void *opaque, const char *user, const char *server);

/* One call; failures and error replies are told. `take_arguments` may be NULL. */
enum cli_exit cli_call(struct session *s, const char *command, struct json_object *take_arguments,
                       struct json_object **value);

/* cli_open, one call to the gateway itself whatever VM the URI names, and the end of the session.
 */
enum cli_exit cli_ask_gateway(struct cli *cli, const char *command,
                              struct json_object *take_arguments, struct json_object **value);
/* The same, about the VM that the URI names. */
enum cli_exit cli_ask_about_vm(struct cli *cli, const char *command,
                               struct json_object *take_arguments, struct json_object **value);

static inline void cli_close(struct session **s)
{
    session_free(*s);
}
#define CLEANUP_SESSION CLEANUP(cli_close)

#endif
