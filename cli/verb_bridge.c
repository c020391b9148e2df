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
#include "cli/relay.h"
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

/* What a gateway would have said: the client sees why there is no greeting. */
static void refuse(struct stream *client, const struct error *why)
{
    CLEANUP_BUF struct buf line = { 0 };
    size_t n;
    struct error ignored;
    BUF_ADD_LIT(&line, "{\"error\": {\"class\": \"GenericError\", \"desc\": ");
    buf_add_json_string(&line, why->text, strlen(why->text));
    BUF_ADD_LIT(&line, "}}\r\n");
    if (stream_write(client, buf_data(&line), buf_len(&line), &n, &ignored) == STREAM_OK)
        stream_shutdown(client);
}

/* The client has heard it; whoever looks at the bridge wants to know too. */
static void tell_last_words(const struct buf *last)
{
    CLEANUP_DOCUMENT struct json_object *event = NULL;
    struct error err;
    size_t end = buf_len(last);
    while (end > 0 && strchr("\r\n", buf_data(last)[end - 1]))
        end--;
    if (end == 0)
        return;
    size_t start = end;
    while (start > 0 && buf_data(last)[start - 1] != '\n')
        start--;
    if (document_parse(buf_data(last) + start, end - start, &event, &err) < 0)
        return;
    const char *reason = session_closing_reason(event);
    if (reason) {
        session_tell_closed(reason, &err);
        cli_fail(&err);
    }
}

static enum cli_exit serve(struct cli *cli, struct stream *client)
{
    struct session *session = NULL;
    struct error err;
    if (session_open(&cli->settings, &session, &err) < 0) {
        cli_tell_unreachable(cli, &err);
        refuse(client, &err);
        return cli_exit_of_error(&err);
    }
    CLEANUP_BUF struct buf rest = { 0 }, last = { 0 };
    struct transport *server = session_take_transport(session, &rest);
    const struct span first = { buf_data(&rest), buf_len(&rest) };
    int rc = relay_run(client, transport_stream(server), first, &last, &err);
    transport_free(server);
    tell_last_words(&last);
    return rc < 0 ? cli_fail(&err) : CLI_EXIT_OK;
}

static void run_child(struct bridge *b, int take_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != b->pid)
        _exit(CLI_EXIT_OK);
    sigprocmask(SIG_SETMASK, &b->saved_mask, NULL);
    close(b->listen_fd);
    close(b->signal_fd);
    struct stream *client = stream_new_plain(take_fd);
    enum cli_exit code = serve(b->cli, client);
    stream_free(client);
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
    cli->login.keeps_password = true;
    if (cli->login.user) {
        cli->settings.stay_unattached = true;
        enum cli_exit code = cli_open(cli, &session);
        if (code != CLI_EXIT_OK)
            return code;
        session_free(session);
        cli->settings.stay_unattached = false;
    }
    cli->login.cannot_ask = true;
    return CLI_EXIT_OK;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct bridge b = { .cli = cli, .listen_fd = -1, .signal_fd = -1, .pid = getpid() };
    struct error err;
    int first = cli_options(&verb_bridge, argc, argv, options, take_option, &b);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first < argc)
        return cli_usage(&verb_bridge, "bridge takes no arguments but --listen PATH");
    if (!b.path)
        return cli_usage(&verb_bridge, "bridge: on which path? --listen PATH");
    enum cli_exit code = cli_read_uri(cli);
    if (code != CLI_EXIT_OK)
        return code;
    if (transport_check(&cli->settings.transport, &err) < 0)
        return cli_fail(&err);
    cli->settings.leave_negotiation = true;
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
