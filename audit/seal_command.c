#include "config.h"
#include "audit/seal_command.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define RETRY_US (5 * USEC_PER_SEC)   /* after a run that failed */
#define LOOK_US  (10 * USEC_PER_MSEC) /* how often the end of a run is looked for */

struct seal_command {
    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t wake;
    char *command; /* NULL: none */
    char *queue[SEAL_COMMAND_QUEUE];
    unsigned n; /* queued, oldest first */
    int64_t retry_us;
    struct seal_command_stats stats;
    bool stop;
    bool running;
    pthread_t thread;
};

struct seal_command *seal_command_new(void)
{
    struct seal_command *c = MEM_NEW(struct seal_command);
    pthread_mutex_init(&c->mutex, NULL);
    thread_cond_init(&c->wake);
    return c;
}

static void drop_oldest(struct seal_command *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        free(c->queue[i]);
    memmove(c->queue, c->queue + n, (c->n - n) * sizeof(*c->queue));
    c->n -= n;
}

void seal_command_free(struct seal_command *c)
{
    if (!c)
        return;
    drop_oldest(c, c->n);
    pthread_mutex_destroy(&c->mutex);
    pthread_cond_destroy(&c->wake);
    free(c->command);
    free(c);
}

/* --- one run ---------------------------------------------------------------------------------- */

static void sleep_us(int64_t us)
{
    struct timespec t = { .tv_sec = us / USEC_PER_SEC, .tv_nsec = us % USEC_PER_SEC * 1000 };
    nanosleep(&t, NULL);
}

/* A seal is shorter than what a pipe holds, so that writing never waits for the program. */
static int make_input(const char *seal, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(err, "seal_command: pipe");
    size_t len = strlen(seal);
    ssize_t n = write(ends[1], seal, len);
    close(ends[1]);
    if (n == (ssize_t)len)
        return ends[0];
    close(ends[0]);
    return error_set(err, ERROR_SYSTEM, "seal_command: a seal does not go into a pipe");
}

/* What the service manager meant for the daemon alone. */
static bool is_withheld(const char *variable)
{
    static const char *const names[] = { "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=",
                                         "LISTEN_PID=",    "LISTEN_FDS=",   "LISTEN_FDNAMES=" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static char **make_environment(void)
{
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **copy = MEM_NEW_N(char *, n + 1);
    for (size_t i = 0; i < n; i++)
        if (!is_withheld(environ[i]))
            copy[kept++] = environ[i];
    return copy;
}

/* The program gets nothing of the daemon's but its rights, its environment and its log. */
static int start(const char *command, int input, pid_t *pid, struct error *err)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    char shell[] = "sh", option[] = "-c";
    char *argv[] = { shell, option, (char *)command, NULL };
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    char **environment = make_environment();
    int rc = posix_spawn(pid, "/bin/sh", &files, &attr, argv, environment);
    free(environment);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    if (rc == 0)
        return 0;
    errno = rc;
    return error_set_errno(err, "seal_command: /bin/sh");
}

static int judge(int status, struct error *err)
{
    if (WIFSIGNALED(status))
        return error_set(err, ERROR_PEER, "seal_command was killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return error_set(err, ERROR_PEER, "seal_command ended with status %d", WEXITSTATUS(status));
    return 0;
}

static int await(pid_t pid, struct error *err)
{
    int64_t until = clock_monotonic_us() + SEAL_COMMAND_SECONDS * USEC_PER_SEC;
    int status;
    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return judge(status, err);
        if (ended < 0 && errno != EINTR)
            return error_set_errno(err, "seal_command");
        if (clock_monotonic_us() >= until)
            break;
        sleep_us(LOOK_US);
    }
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return error_set(err, ERROR_PEER, "seal_command did not end within %d s, and was killed",
                     SEAL_COMMAND_SECONDS);
}

static int run_once(const char *command, const char *seal, struct error *err)
{
    pid_t pid;
    CLEANUP_FD int input = make_input(seal, err);
    if (input < 0)
        return input;
    int rc = start(command, input, &pid, err);
    return rc < 0 ? rc : await(pid, err);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Under the mutex, which it gives up for the run. The oldest seal first; after a failure only the
 * newest, which vouches for all that the others did. */
static void serve(struct seal_command *c)
{
    struct error err;
    CLEANUP_FREE char *command = mem_strdup(c->command);
    if (c->stats.failing || c->stop) {
        c->stats.dropped += c->n - 1;
        drop_oldest(c, c->n - 1);
    }
    char *seal = c->queue[0];
    c->queue[0] = NULL;
    drop_oldest(c, 1);

    pthread_mutex_unlock(&c->mutex);
    int rc = run_once(command, seal, &err);
    pthread_mutex_lock(&c->mutex);

    c->stats.runs++;
    if (rc == 0) {
        if (c->stats.failing)
            log_info("seal_command works again");
        c->stats.failing = false;
        free(seal);
        return;
    }
    c->stats.failures++;
    if (!c->stats.failing)
        log_error("seals do not leave this host, and it is tried again: %s", err.text);
    c->stats.failing = true;
    c->retry_us = clock_monotonic_us() + RETRY_US;
    if (c->n == 0 && !c->stop)
        c->queue[c->n++] = seal; /* the newest still */
    else
        free(seal);
}

static void wait_for_work(struct seal_command *c, int64_t now)
{
    if (c->n == 0 || !c->command) {
        pthread_cond_wait(&c->wake, &c->mutex);
        return;
    }
    (void)thread_wait_until(&c->wake, &c->mutex, c->retry_us > now ? c->retry_us : now);
}

static void *run(void *opaque)
{
    struct seal_command *c = opaque;
    pthread_mutex_lock(&c->mutex);
    for (;;) {
        int64_t now = clock_monotonic_us();
        bool ready = c->n > 0 && c->command;
        if (c->stop && !ready)
            break;
        if (ready && (c->stop || now >= c->retry_us))
            serve(c);
        else
            wait_for_work(c, now);
    }
    pthread_mutex_unlock(&c->mutex);
    return NULL;
}

/* Under the mutex. */
static void start_thread(struct seal_command *c)
{
    int rc = thread_start(&c->thread, run, c);
    if (rc != 0)
        log_error("seal_command: its thread does not start: %s", strerror(rc));
    else
        c->running = true;
}

void seal_command_configure(struct seal_command *c, const char *command)
{
    bool given = command && *command;
    pthread_mutex_lock(&c->mutex);
    free(c->command);
    c->command = given ? mem_strdup(command) : NULL;
    c->retry_us = 0;
    if (!given)
        drop_oldest(c, c->n);
    else if (!c->running && !c->stop)
        start_thread(c);
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mutex);
}

void seal_command_give(struct seal_command *c, struct span seal)
{
    pthread_mutex_lock(&c->mutex);
    if (c->command && c->running) {
        if (c->n == SEAL_COMMAND_QUEUE) {
            drop_oldest(c, 1);
            c->stats.dropped++;
        }
        c->queue[c->n++] = mem_strndup(seal.data, seal.len);
        pthread_cond_signal(&c->wake);
    }
    pthread_mutex_unlock(&c->mutex);
}

void seal_command_stop(struct seal_command *c)
{
    pthread_mutex_lock(&c->mutex);
    bool running = c->running;
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mutex);
    if (running)
        pthread_join(c->thread, NULL);
    c->running = false;
}

void seal_command_get_stats(struct seal_command *c, struct seal_command_stats *out)
{
    pthread_mutex_lock(&c->mutex);
    *out = c->stats;
    pthread_mutex_unlock(&c->mutex);
}
