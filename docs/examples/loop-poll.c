/* Two VMs in one thread by poll(2), and nothing waits: of each the status is asked for, and the
 * events that come are told, until each has said STOP.
 *
 *   cc loop-poll.c $(pkg-config --cflags --libs libqmp) -o loop-poll
 *   ./loop-poll URI URI
 */
#include <qmp.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

struct vm {
    const char *uri;
    struct qmp_session *session; /* NULL: it is over */
};

static void close_vm(struct vm *vm)
{
    qmp_close(vm->session);
    vm->session = NULL;
}

static int open_vm(struct vm *vm)
{
    struct qmp_error *err = NULL;
    uint64_t id;
    struct qmp_msg *msg = qmp_msg_new();
    int rc = qmp_open(vm->uri, 5000, &vm->session, &err);
    if (rc == 0)
        rc = qmp_query_status_build(NULL, msg, &err);
    if (rc == 0)
        rc = qmp_session_submit(vm->session, msg, &id, &err);
    if (rc < 0)
        fprintf(stderr, "loop-poll: %s: %s\n", vm->uri, qmp_error_text(err));
    qmp_error_free(err);
    qmp_msg_free(msg);
    return rc;
}

static void take_replies(struct vm *vm)
{
    char *json;
    for (uint64_t id = 0; qmp_session_take_reply(vm->session, &id, &json) == 1; id = 0) {
        struct qmp_status_info *info = NULL;
        if (qmp_query_status_parse_reply(json, &info, NULL) == 0)
            printf("%s is %s\n", vm->uri, qmp_run_state_to_string(info->status));
        qmp_status_info_free(info);
        free(json);
    }
}

static void take_events(struct vm *vm)
{
    struct qmp_event *event;
    while (vm->session && qmp_session_wait_event(vm->session, 0, &event, NULL) == 1) {
        printf("%s: %s\n", vm->uri, event->name);
        if (event->kind == QMP_EVENT_KIND_STOP)
            close_vm(vm);
        qmp_event_free(event);
    }
}

static void serve(struct vm *vm)
{
    struct qmp_error *err = NULL;
    int rc = qmp_session_notify(vm->session, &err);
    take_replies(vm);
    take_events(vm);
    fflush(stdout);
    if (rc < 0 && vm->session) {
        fprintf(stderr, "loop-poll: %s: %s\n", vm->uri, qmp_error_text(err));
        close_vm(vm);
    }
    qmp_error_free(err);
}

static struct pollfd watch(const struct vm *vm)
{
    unsigned wants = vm->session ? qmp_session_wants(vm->session) : 0;
    return (struct pollfd){ .fd = vm->session ? qmp_session_fd(vm->session) : -1,
                            .events = (short)((wants & QMP_WANTS_READ ? POLLIN : 0) |
                                              (wants & QMP_WANTS_WRITE ? POLLOUT : 0)) };
}

int main(int argc, char **argv)
{
    struct vm vms[2] = { { NULL, NULL }, { NULL, NULL } };
    for (int i = 0; i < 2; i++) {
        vms[i].uri = argc == 3 ? argv[1 + i] : "";
        if (open_vm(&vms[i]) < 0)
            return 1;
    }
    while (vms[0].session || vms[1].session) {
        struct pollfd fds[2] = { watch(&vms[0]), watch(&vms[1]) };
        poll(fds, 2, -1);
        for (int i = 0; i < 2; i++) {
            if (vms[i].session && fds[i].revents)
                serve(&vms[i]);
        }
    }
    return 0;
}
