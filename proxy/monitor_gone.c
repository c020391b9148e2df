/* What becomes of a monitor whose VM has left its directory: of one that nobody is connected to
 * nothing stays; one that is connected gets the time for a QEMU's last words (it removes its socket
 * before the reply to `quit` is read), and then ends, though it may still answer: a VM is who has
 * its socket in the directory. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "proxy/attach.h"
#include "proxy/daemon.h"
#include "proxy/monitor.h"
#include "proxy/monitor_start.h"

static const char *why_gone(const struct vm *vm)
{
    return vm->connection ? "libvirt has it no more, or by another name" : "its socket was removed";
}

static const char *why_another(const struct vm *before, const struct vm *now)
{
    if (!now->connection || !before->connection)
        return "another socket has its place";
    if (strcmp(before->uuid, now->uuid) != 0 || strcmp(before->connection, now->connection) != 0)
        return "another VM has its name now";
    if (now->contested)
        return "two VMs that run claim its UUID";
    return now->incarnation ? "it was started anew" : "it does not run any more";
}

/* Takes leave of what the name stood for, if it is not there any more. */
void monitor_look_again(struct monitor *m)
{
    struct vm *now = vms_find_name(m->loop->daemon->vms, m->name);
    if (monitor_follow(m, now)) {
        vm_unref(now);
        return;
    }
    if (!now) {
        monitor_kill(m, AUDIT_CODE_VM_REMOVED, why_gone(m->vm));
    } else if (!vm_same_target(now, m->vm)) {
        monitor_lost(m, now->contested ? AUDIT_CODE_VM_IDENTITY : AUDIT_CODE_VM_REMOVED,
                     why_another(m->vm, now));
        if (now->connection) { /* what it failed for may be over */
            m->retry_us = 0;
            monitor_take_vm(m, now);
            monitor_show(m, "idle");
            return;
        }
    } else if (now->connection) {
        monitor_take_vm(m, now);
        return;
    }
    vm_unref(now);
}

static void on_gone(evutil_socket_t fd, short what, void *opaque)
{
    (void)fd, (void)what;
    monitor_look_again(opaque);
}

void monitor_gone_init(struct monitor *m)
{
    event_assign(&m->gone_timer, m->loop->base, -1, 0, on_gone, m);
}

struct left_message {
    struct loop_message message;
    char vm[];
};

static struct monitor *find(struct loop *loop, const struct left_message *left)
{
    struct monitor *m;
    HASH_FIND(hh, loop->monitors, left->vm, strlen(left->vm), m);
    return m;
}

/* After a while, and only once. */
static void look_again_later(struct monitor *m)
{
    struct timeval tv = { .tv_sec = LIMIT_GONE_MS / 1000, .tv_usec = LIMIT_GONE_MS % 1000 * 1000 };
    if (!event_pending(&m->gone_timer, EV_TIMEOUT, NULL))
        event_add(&m->gone_timer, &tv);
}

static void run_left(struct loop *loop, struct loop_message *message)
{
    struct left_message *left = container_of(message, struct left_message, message);
    struct monitor *m = find(loop, left);
    if (m && m->state == MONITOR_IDLE)
        monitor_look_again(m);
    else if (m)
        look_again_later(m);
    free(left);
}

/* libvirt tells of an end when it is over; the reply to what ended it may still be on its way.
 * Until then nothing new is sent: the domain may have been started anew, and would get it. */
static void run_changed(struct loop *loop, struct loop_message *message)
{
    struct left_message *left = container_of(message, struct left_message, message);
    struct monitor *m = find(loop, left);
    struct vm *now = m && m->n_window ? vms_find_name(loop->daemon->vms, left->vm) : NULL;
    if (m && m->n_window && !monitor_follow(m, now) && (!now || !vm_same_target(now, m->vm))) {
        if (!m->cut_off_us)
            m->cut_off_us = clock_monotonic_us();
        look_again_later(m);
    } else if (m) {
        monitor_look_again(m);
    }
    vm_unref(now);
    free(left);
}

static void post(struct daemon *daemon, const char *vm,
                 void (*run)(struct loop *loop, struct loop_message *message))
{
    size_t len = strlen(vm);
    struct left_message *left = mem_zalloc(sizeof(*left) + len + 1);
    left->message.run = run;
    memcpy(left->vm, vm, len + 1);
    loop_post(attach_loop_of(daemon, vm), &left->message);
}

void monitor_post_left(struct daemon *daemon, const char *vm)
{
    post(daemon, vm, run_left);
}

void monitor_post_changed(struct daemon *daemon, const char *vm)
{
    CLEANUP_FREE char *agent = mem_printf("%s" ACL_AGENT_SUFFIX, vm);
    post(daemon, vm, run_changed);
    post(daemon, agent, run_changed);
}
