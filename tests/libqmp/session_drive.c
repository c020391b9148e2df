/* session_drive URI TIMEOUT_MS [SETTING=VALUE]...: a session of libqmp, told what to do by lines of
 * standard input.
 *
 *   execute COMMAND JSON    by its name; JSON "-": no arguments
 *   call COMMAND JSON       by the typed function
 *   pipeline COMMAND N      so many at once, without waiting, then all their replies
 *   submit COMMAND -        without waiting for the reply
 *   event MS -              the next event
 *   lost - -                how many events were lost
 *   handle - -              events go to a callback from now on, which asks for the status
 *   told - -                the events that it was given, and what it was answered
 *   pass FILE -             a descriptor goes along with the next command
 *   interrupt MS -          the next event, without end, but for another thread after so long
 *   greeting - -            the monitor's
 *   login - -               the VM's name, "gateway" if it is one, and the mechanism
 *   timeout MS -            for what comes
 *
 * Each is answered by a line: "ok TEXT", or "error KIND OUTCOME TEXT". */
#include "config.h"

#include <fcntl.h>
#include <libqmp/run-state.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "tests/libqmp/probe.h"

static void answer(int rc, struct probe_result *result)
{
    if (rc >= 0)
        printf("ok %s\n", result->json ? result->json : "");
    else
        printf("error %d %d %s\n", (int)qmp_error_kind(result->err),
               (int)qmp_error_outcome(result->err), qmp_error_text(result->err));
    fflush(stdout);
    free(result->json);
    qmp_error_free(result->err);
}

static int submit(struct qmp_session *s, const char *command, struct probe_result *r, uint64_t *id)
{
    struct qmp_msg *msg = qmp_msg_new();
    int rc = probe_find_command(command)->args("{}", msg, r);
    free(TAKE_PTR(r->json));
    if (rc == 0)
        rc = qmp_session_submit(s, msg, id, &r->err);
    qmp_msg_free(msg);
    return rc;
}

/* As a program with a loop of its own does it. */
static int pipeline(struct qmp_session *s, const char *command, int n, struct probe_result *r)
{
    int got = 0;
    uint64_t id, first = 0;
    for (int i = 0; i < n; i++) {
        if (submit(s, command, r, &id) < 0)
            return -1;
        first = first ? first : id;
    }
    while (got < n) {
        unsigned wants = qmp_session_wants(s);
        struct pollfd p = { .fd = qmp_session_fd(s),
                            .events = (short)((wants & QMP_WANTS_READ ? POLLIN : 0) |
                                              (wants & QMP_WANTS_WRITE ? POLLOUT : 0)) };
        char *json;
        poll(&p, 1, -1);
        if (qmp_session_notify(s, &r->err) < 0)
            return -1;
        for (id = 0; qmp_session_take_reply(s, &id, &json) == 1; id = 0, got++) {
            if (id != first + (uint64_t)got)
                probe_fail("replies are not in order");
            free(json);
        }
    }
    r->json = mem_printf("%d", got);
    return 0;
}

static int wait_event(struct qmp_session *s, int timeout_ms, struct probe_result *r)
{
    struct qmp_event *event = NULL;
    int rc = qmp_session_wait_event(s, timeout_ms, &event, &r->err);
    if (rc > 0)
        r->json = mem_strdup(event->name);
    qmp_event_free(event);
    return rc;
}

static struct buf told;

static void on_event(void *opaque, struct qmp_session *s, const struct qmp_event *event)
{
    struct qmp_status_info *info = NULL;
    int rc = qmp_query_status(s, NULL, &info, NULL);
    buf_printf(&told, "%s:%s ", event->name, rc < 0 ? "?" : qmp_run_state_to_string(info->status));
    qmp_status_info_free(info);
}

static int pass(struct qmp_session *s, const char *path, struct probe_result *r)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    return qmp_session_pass_fd(s, fd, &r->err);
}

struct interrupter {
    struct qmp_session *session;
    int after_ms;
};

static void *interrupt(void *opaque)
{
    struct interrupter *i = opaque;
    poll(NULL, 0, i->after_ms);
    qmp_session_interrupt(i->session);
    return NULL;
}

static int interrupted(struct qmp_session *s, int after_ms, struct probe_result *r)
{
    struct interrupter i = { s, after_ms };
    pthread_t thread;
    if (pthread_create(&thread, NULL, interrupt, &i) != 0)
        probe_fail("no thread");
    int rc = wait_event(s, -1, r);
    pthread_join(thread, NULL);
    return rc;
}

static int run(struct qmp_session *s, const char *what, const char *name, const char *json,
               struct probe_result *r)
{
    uint64_t id;
    const char *arguments = strcmp(json, "-") == 0 ? NULL : json;
    if (strcmp(what, "execute") == 0)
        return qmp_execute(s, name, arguments, &r->json, &r->err);
    if (strcmp(what, "call") == 0)
        return probe_find_command(name)->call(s, arguments, r);
    if (strcmp(what, "pipeline") == 0)
        return pipeline(s, name, (int)strtol(json, NULL, 10), r);
    if (strcmp(what, "submit") == 0)
        return submit(s, name, r, &id) < 0 ? -1 : qmp_session_notify(s, &r->err);
    if (strcmp(what, "event") == 0)
        return wait_event(s, (int)strtol(name, NULL, 10), r);
    if (strcmp(what, "pass") == 0)
        return pass(s, name, r);
    if (strcmp(what, "interrupt") == 0)
        return interrupted(s, (int)strtol(name, NULL, 10), r);
    if (strcmp(what, "handle") == 0)
        qmp_session_set_event_handler(s, on_event, NULL);
    else if (strcmp(what, "told") == 0)
        r->json = mem_strndup(buf_data(&told), buf_len(&told));
    else if (strcmp(what, "greeting") == 0)
        r->json = mem_strdup(qmp_session_greeting(s));
    else if (strcmp(what, "login") == 0)
        r->json = mem_printf("%s %s %s", qmp_session_vm(s) ? qmp_session_vm(s) : "-",
                             qmp_session_is_gateway(s) ? "gateway" : "vm",
                             qmp_session_mechanism(s) ? qmp_session_mechanism(s) : "-");
    else if (strcmp(what, "lost") == 0)
        r->json = mem_printf("%llu", (unsigned long long)qmp_session_events_lost(s));
    else
        qmp_session_set_timeout(s, (int)strtol(name, NULL, 10));
    return 0;
}

/* --- settings --------------------------------------------------------------------------------- */

static char *password_of(void *opaque, const char *user, const char *server)
{
    fprintf(stderr, "asked for the password of %s for %s\n", user, server);
    return mem_strdup(opaque);
}

static void set_password(struct qmp_settings *s, const char *password)
{
    static char kept[64];
    snprintf(kept, sizeof(kept), "%s", password);
    qmp_settings_set_password_function(s, password_of, kept);
}

static void set_target(struct qmp_settings *s, const char *number)
{
    qmp_settings_set_target(s, (enum qmp_target)strtol(number, NULL, 10));
}

static void set(struct qmp_settings *s, const char *word)
{
    static const struct {
        const char *name;
        void (*set)(struct qmp_settings *s, const char *value);
    } settings[] = {
        { "user", qmp_settings_set_user },
        { "mechanism", qmp_settings_set_mechanism },
        { "password-file", qmp_settings_set_password_file },
        { "password", set_password },
        { "act-as", qmp_settings_set_act_as },
        { "target", set_target },
    };
    size_t len = strcspn(word, "=");
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        if (strlen(settings[i].name) == len && strncmp(settings[i].name, word, len) == 0) {
            settings[i].set(s, word + len + 1);
            return;
        }
    }
    probe_fail("no such setting");
}

static int open_session(int argc, char **argv, struct qmp_session **s, struct qmp_error **err)
{
    int timeout_ms = (int)strtol(argv[2], NULL, 10);
    if (argc == 3)
        return qmp_open(argv[1], timeout_ms, s, err);
    struct qmp_settings *settings = qmp_settings_new();
    qmp_settings_set_timeout(settings, timeout_ms);
    for (int i = 3; i < argc; i++)
        set(settings, argv[i]);
    int rc = qmp_open_with(argv[1], settings, s, err);
    qmp_settings_free(settings);
    return rc;
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t capacity = 0;
    struct qmp_session *s = NULL;
    struct probe_result opened = { 0 };
    if (argc < 3)
        probe_fail("usage: session_drive URI TIMEOUT_MS [SETTING=VALUE]...");
    int rc = open_session(argc, argv, &s, &opened.err);
    if (rc == 0)
        opened.json = mem_strdup(qmp_session_has_oob(s) ? "oob" : "");
    answer(rc, &opened);
    while (rc == 0 && getline(&line, &capacity, stdin) > 0) {
        struct probe_result r = { 0 };
        char *what = strtok(line, " "), *name = strtok(NULL, " "), *json = strtok(NULL, "\n");
        if (!what || !name || !json)
            probe_fail("a line must be: WHAT NAME JSON");
        answer(run(s, what, name, json, &r), &r);
    }
    free(line);
    qmp_close(s);
    buf_free(&told);
    return 0;
}
