#include "config.h"
#include "cli/password.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/secret.h"

/* Best effort: what stands in the way of it is no reason to do without a login. */
void password_leave_no_core(void)
{
    const struct rlimit none = { 0, 0 };
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return;
    /* a program that takes cores by a pipe does not care for the limit */
    CLEANUP_FD int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "0", 1) < 0)
        return;
}

/* --- somebody --------------------------------------------------------------------------------- */

/* More than a terminal takes for a line: what is too long is seen, and not cut. */
#define TYPED_SIZE 4100

struct terminal {
    int fd;
    int signal_fd; /* tells of signals that wait, and leaves them where they are */
    sigset_t saved_mask;
    struct termios saved;
};

/* Blocked, they are seen beside the terminal, and no moment is left in which one is lost. */
static int hold_signals(struct terminal *t)
{
    static const int held[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGALRM };
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(held); i++)
        sigaddset(&set, held[i]);
    sigprocmask(SIG_BLOCK, &set, &t->saved_mask);
    t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return t->signal_fd;
}

static int hide_typing(struct terminal *t, const char *prompt)
{
    struct termios quiet;
    if (tcgetattr(t->fd, &t->saved) < 0)
        return -1;
    quiet = t->saved;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    if (tcsetattr(t->fd, TCSAFLUSH, &quiet) < 0)
        return -1;
    return write(t->fd, prompt, strlen(prompt)) < 0 ? -1 : 0;
}

static void show_typing(struct terminal *t)
{
    tcsetattr(t->fd, TCSANOW, &t->saved);
    if (write(t->fd, "\n", 1) < 0)
        return; /* it is gone */
}

/* The bytes of a line, 0 if a signal waits, or -1. */
static ssize_t wait_for_line(struct terminal *t, char line[TYPED_SIZE])
{
    struct pollfd p[] = {
        { .fd = t->fd, .events = POLLIN },
        { .fd = t->signal_fd, .events = POLLIN },
    };
    if (poll(p, ARRAY_SIZE(p), -1) < 0)
        return errno == EINTR ? 0 : -1;
    if (p[1].revents)
        return 0;
    ssize_t n = read(t->fd, line, TYPED_SIZE - 1);
    return n == 0 ? -1 : n; /* end of file: nobody types any more */
}

/* Signals find the terminal as it was, and do what they do; who comes back from one is asked again.
 */
static ssize_t read_typed(struct terminal *t, const char *prompt, char line[TYPED_SIZE])
{
    ssize_t n = 0;
    while (n == 0) {
        if (hold_signals(t) < 0)
            return -1;
        n = hide_typing(t, prompt) < 0 ? -1 : wait_for_line(t, line);
        show_typing(t);
        close(t->signal_fd);
        sigprocmask(SIG_SETMASK, &t->saved_mask, NULL); /* here they are let go */
    }
    return n;
}

int password_ask(const char *prompt, char **out, struct error *err)
{
    struct terminal t = { .signal_fd = -1 };
    char line[TYPED_SIZE];
    password_leave_no_core();
    t.fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (t.fd < 0)
        return error_set(err, ERROR_STATE,
                         "a password is needed, and there is no terminal to ask for it: give "
                         "--password-file FILE");
    ssize_t n = read_typed(&t, prompt, line);
    close(t.fd);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (len > 0 && line[len - 1] == '\n')
        len--;
    int rc = 0;
    if (len == 0)
        rc = error_set(err, ERROR_STATE, "no password was typed");
    else if (len > PASSWORD_MAX || memchr(line, '\0', len))
        rc = error_set(err, ERROR_STATE, "the password is longer than %u bytes, or has a NUL in it",
                       PASSWORD_MAX);
    else
        *out = mem_strndup(line, len);
    secret_wipe(line, sizeof(line));
    return rc;
}
