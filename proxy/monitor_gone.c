/* What becomes of a monitor whose VM has left its directory: of one that nobody is connected to
 * nothing stays; one that is connected gets the time for a QEMU's last words (it removes its socket
 * before the reply to `quit` is read), and then ends, though it may still answer: a VM is who has
 * its socket in the directory. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "proxy/attach.h"
#include "proxy/daemon.h"
#include "proxy/monitor.h"
#include "proxy/monitor_start.h"

/* Takes leave of what the name stood for, if it is not there any more. */
static void look_again(struct monitor *m)
{
    struct vm *now = vms_find_name(m->loop->daemon->vms, m->name);
    if (!now)
        monitor_kill(m, AUDIT_CODE_VM_REMOVED, "its socket was removed");
    else if (!vm_same_target(now, m->vm))
        monitor_lost(m, AUDIT_CODE_VM_REMOVED, "another socket has its place");
    vm_unref(now);
}

static void on_gone(evutil_socket_t fd, short what, void *opaque)
{
    (void)fd, (void)what;
    look_again(opaque);
}

void monitor_gone_init(struct monitor *m)
{
    event_assign(&m->gone_timer, m->loop->base, -1, 0, on_gone, m);
}

struct left_message {
    struct loop_message message;
    char vm[];
};

static void run_left(struct loop *loop, struct loop_message *message)
{
    struct left_message *left = container_of(message, struct left_message, message);
    struct timeval tv = { .tv_sec = LIMIT_GONE_MS / 1000, .tv_usec = LIMIT_GONE_MS % 1000 * 1000 };
    struct monitor *m;
    HASH_FIND(hh, loop->monitors, left->vm, strlen(left->vm), m);
    if (m && m->state == MONITOR_IDLE)
        look_again(m);
    else if (m && !event_pending(&m->gone_timer, EV_TIMEOUT, NULL))
        event_add(&m->gone_timer, &tv);
    free(left);
}

void monitor_post_left(struct daemon *daemon, const char *vm)
{
    size_t len = strlen(vm);
    struct left_message *left = mem_zalloc(sizeof(*left) + len + 1);
    left->message.run = run_left;
    memcpy(left->vm, vm, len + 1);
    loop_post(attach_loop_of(daemon, vm), &left->message);
}
