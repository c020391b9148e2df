/* qmpgate bridge: a local socket on which stock QMP clients find a VM that is far away. Each client
 * gets a connection of its own, served by a process of its own: none can hold up another. */
#include "config.h"
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "net/address.h"

#define BRIDGE_CLIENTS_MAX 64 /* at a time; the next ones wait in the socket's queue */

struct bridge {
    struct cli *cli;
    const char *path;
    int listen_fd;
    int signal_fd;
    sigset_t saved_mask;
    pid_t pid; /* ours, as the children check that we are still there */
    unsigned n_clients;
    bool stop;
};

static const struct option options[] = {
    { "listen", required_argument, NULL, 'l' },
    { 0 },
};

static bool take_option(void *opaque, int option, const char *value)
{
    struct bridge *b = opaque;
    b->path = value;
    return true;
}

/* --- a client, in a process of its own -------------------------------------------------------- */

static enum cli_exit serve(struct cli *cli, int client)
{
    struct qmp_error *why;
    struct error err;
    if (qmp_tunnel(cli->uri, cli->settings, client, &why) == 0)
        return CLI_EXIT_OK;
    bool opened = qmp_error_outcome(why) != QMP_OUTCOME_NOT_SENT;
    session_error(why, &err);
    if (opened)
        return cli_fail(&err);
    cli_tell_unreachable(cli, &err);
    return cli_exit_of_error(&err);
}

static void run_child(struct bridge *b, int take_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != b->pid)
        _exit(CLI_EXIT_OK);
    sigprocmask(SIG_SETMASK, &b->saved_mask, NULL);
    close(b->listen_fd);
    close(b->signal_fd);
    enum cli_exit code = serve(b->cli, take_fd);
    close(take_fd);
    fflush(stderr);
    _exit((int)code);
}

/* --- the listener ----------------------------------------------------------------------------- */

static void accept_client(struct bridge *b)
{
    CLEANUP_FD int fd = accept4(b->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return; /* gone again, or out of descriptors: poll comes back to it */
    pid_t pid = fork();
    if (pid == 0)
        run_child(b, TAKE_FD(fd));
    else if (pid < 0)
        fprintf(stderr, "qmpgate: cannot start a process for a client: %s\n", strerror(errno));
    else
        b->n_clients++;
}

static void take_signal(struct bridge *b)
{
    struct signalfd_siginfo info;
    if (read(b->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo != SIGCHLD)
        b->stop = true;
    while (b->n_clients > 0 && waitpid(-1, NULL, WNOHANG) > 0)
        b->n_clients--;
}

static enum cli_exit serve_listener(struct bridge *b)
{
    fprintf(stderr, "qmpgate: bridge ready on %s\n", b->path);
    while (!b->stop) {
        bool full = b->n_clients >= BRIDGE_CLIENTS_MAX;
        struct pollfd p[] = {
            { .fd = b->signal_fd, .events = POLLIN },
            { .fd = full ? -1 : b->listen_fd, .events = POLLIN },
        };
        if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR) {
            fprintf(stderr, "qmpgate: cannot wait for clients: %s\n", strerror(errno));
            return CLI_EXIT_LOCAL;
        }
        if (p[0].revents)
            take_signal(b);
        if (p[1].revents)
            accept_client(b);
    }
    return CLI_EXIT_OK;
}

static int open_signals(struct bridge *b, struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &b->saved_mask);
    b->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return b->signal_fd < 0 ? error_set_errno(err, "cannot watch signals") : 0;
}

static int open_listener(struct bridge *b, struct error *err)
{
    const struct listen_unix_settings settings = {
        .path = b->path,
        .mode = 0600,
        .owner = (uid_t)-1,
        .group = (gid_t)-1,
    };
    b->listen_fd = listen_unix(&settings, err);
    return b->listen_fd < 0 ? b->listen_fd : 0;
}

/* Clients cannot be asked for a password: whatever it takes is found out now, and kept. A wrong one
 * is told here and not to each client. */
static enum cli_exit try_login(struct cli *cli)
{
    struct session *session;
    qmp_settings_keep_password(cli->settings);
    if (cli->names_user) {
        qmp_settings_set_target(cli->settings, QMP_TARGET_GATEWAY);
        enum cli_exit code = cli_open(cli, &session);
        if (code != CLI_EXIT_OK)
            return code;
        session_free(session);
        qmp_settings_set_target(cli->settings, QMP_TARGET_ANY);
    }
    cli->cannot_ask = true;
    return CLI_EXIT_OK;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct bridge b = { .cli = cli, .listen_fd = -1, .signal_fd = -1, .pid = getpid() };
    struct qmp_error *why;
    struct error err;
    int first = cli_options(&verb_bridge, argc, argv, options, take_option, &b);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first < argc)
        return cli_usage(&verb_bridge, "bridge takes no arguments but --listen PATH");
    if (!b.path)
        return cli_usage(&verb_bridge, "bridge: on which path? --listen PATH");
    enum cli_exit code = cli_check_uri(cli);
    if (code != CLI_EXIT_OK)
        return code;
    if (qmp_settings_check(cli->settings, cli->uri, &why) < 0) {
        session_error(why, &err);
        return cli_fail(&err);
    }
    code = try_login(cli);
    if (code != CLI_EXIT_OK)
        return code;
    code = CLI_EXIT_LOCAL;
    if (open_signals(&b, &err) < 0 || open_listener(&b, &err) < 0) {
        cli_fail_local(&err);
    } else {
        code = serve_listener(&b);
        unlink(b.path);
    }
    cleanup_fd(&b.listen_fd);
    cleanup_fd(&b.signal_fd);
    return code;
}

const struct verb verb_bridge = {
    .name = "bridge",
    .synopsis = "--listen PATH",
    .summary = "Give stock QMP clients a local socket that leads to the VM",
    .help =
        "Makes a UNIX socket for you alone (mode 0600). Whoever connects to it gets a connection\n"
        "to the VM of the URI, made with your certificate or login, and finds what a QEMU socket\n"
        "gives: the VM's greeting, and then its own negotiation. With --user it logs in once\n"
        "before it is ready, asks for the password then, and keeps it. Ends by Ctrl-C and takes "
        "the socket\n"
        "away. A line on standard error says when it is ready.\n"
        "\n"
        "Example:\n"
        "  qmpgate -c qmps://gateway.example.com/web1 bridge --listen /tmp/web1.qmp &\n"
        "  qmp-shell /tmp/web1.qmp\n",
    .run = run,
};
