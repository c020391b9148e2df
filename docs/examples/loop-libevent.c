/* A VM in a program of libevent: its status is asked for, and events are told by a callback, until
 * one says STOP.
 *
 *   cc loop-libevent.c $(pkg-config --cflags --libs libqmp libevent_core) -o loop-libevent
 *   ./loop-libevent URI
 */
#include <event2/event.h>
#include <qmp.h>

#include <stdio.h>
#include <stdlib.h>

struct vm {
    struct qmp_session *session;
    struct event_base *base;
    struct event *event; /* watches the session's descriptor, once */
    int rc;
};

/* What the session wants changes with each turn. */
static void watch(struct vm *vm)
{
    unsigned wants = qmp_session_wants(vm->session);
    short what =
        (short)((wants & QMP_WANTS_READ ? EV_READ : 0) | (wants & QMP_WANTS_WRITE ? EV_WRITE : 0));
    event_assign(vm->event, vm->base, qmp_session_fd(vm->session), what,
                 event_get_callback(vm->event), vm);
    event_add(vm->event, NULL);
}

static void take_replies(struct vm *vm)
{
    char *json;
    for (uint64_t id = 0; qmp_session_take_reply(vm->session, &id, &json) == 1; id = 0) {
        struct qmp_status_info *info = NULL;
        if (qmp_query_status_parse_reply(json, &info, NULL) == 0)
            printf("it is %s\n", qmp_run_state_to_string(info->status));
        qmp_status_info_free(info);
        free(json);
    }
}

static void on_vm_event(void *opaque, struct qmp_session *session, const struct qmp_event *event)
{
    struct vm *vm = opaque;
    (void)session;
    printf("%s\n", event->name);
    if (event->kind == QMP_EVENT_KIND_STOP)
        event_base_loopbreak(vm->base);
}

static void on_ready(evutil_socket_t fd, short what, void *opaque)
{
    struct vm *vm = opaque;
    struct qmp_error *err = NULL;
    (void)fd, (void)what;
    vm->rc = qmp_session_notify(vm->session, &err);
    take_replies(vm);
    fflush(stdout);
    if (vm->rc < 0) {
        fprintf(stderr, "loop-libevent: %s\n", qmp_error_text(err));
        qmp_error_free(err);
        event_base_loopbreak(vm->base);
        return;
    }
    watch(vm);
}

int main(int argc, char **argv)
{
    struct qmp_error *err = NULL;
    struct vm vm = { .base = event_base_new(), .rc = 0 };
    struct qmp_msg *msg = qmp_msg_new();
    uint64_t id;
    int rc = qmp_open(argc == 2 ? argv[1] : "", 5000, &vm.session, &err);
    if (rc == 0)
        rc = qmp_query_status_build(NULL, msg, &err);
    if (rc == 0)
        rc = qmp_session_submit(vm.session, msg, &id, &err);
    qmp_msg_free(msg);
    if (rc < 0) {
        fprintf(stderr, "loop-libevent: %s\n", qmp_error_text(err));
        qmp_error_free(err);
    } else {
        qmp_session_set_event_handler(vm.session, on_vm_event, &vm);
        vm.event = event_new(vm.base, -1, 0, on_ready, &vm);
        watch(&vm);
        event_base_dispatch(vm.base);
        event_free(vm.event);
    }
    qmp_close(vm.session);
    event_base_free(vm.base);
    return rc < 0 || vm.rc < 0;
}
