/* What becomes of a monitor whose libvirt cannot be reached: for a while it keeps its clients,
 * whose commands are refused; if the connection comes back and the VM is still the one it was, they
 * go on. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/daemon.h"
#include "proxy/libvirt_hosts.h"
#include "proxy/monitor.h"
#include "proxy/monitor_start.h"

struct connection_message {
    struct loop_message message;
    bool up;
    char connection[];
};

static void cut_off(struct monitor *m)
{
    struct error words;
    if (m->cut_off_us || m->state != MONITOR_READY)
        return;
    m->cut_off_us = clock_monotonic_us();
    error_set(&words, ERROR_PEER, "VM '%s' is unreachable: no connection to its libvirt",
              m->vm->name);
    memcpy(m->last_error, words.text, sizeof(m->last_error));
    log_warning("%s", words.text);
    monitor_show(m, "unreachable");
}

static void reach_again(struct monitor *m)
{
    if (!m->cut_off_us)
        return;
    m->cut_off_us = 0;
    log_info("VM %s: its libvirt can be reached again", m->vm->name);
    monitor_show(m, "connected");
    monitor_events_lost(m, 1); /* there may have been any number */
    monitor_mark_dirty(m);
}

static void run_connection(struct loop *loop, struct loop_message *message)
{
    struct connection_message *c = container_of(message, struct connection_message, message);
    struct monitor *m, *next;
    HASH_ITER (hh, loop->monitors, m, next) {
        if (!m->vm->connection || strcmp(m->vm->connection, c->connection) != 0)
            continue;
        if (c->up)
            reach_again(m);
        else
            cut_off(m);
    }
    free(c);
}

void monitor_post_connection(struct daemon *daemon, const char *connection, bool up)
{
    size_t len = strlen(connection);
    for (unsigned i = 0; i < daemon->n_vm_loops; i++) {
        struct connection_message *c = mem_zalloc(sizeof(*c) + len + 1);
        c->message.run = run_connection;
        c->up = up;
        memcpy(c->connection, connection, len + 1);
        loop_post(daemon->vm_loops[i], &c->message);
    }
}

void monitor_check_cut_off(struct monitor *m, int64_t now)
{
    if (!m->cut_off_us)
        return;
    int64_t grace = libvirt_hosts_grace_seconds(m->loop->daemon->libvirt, m->vm->connection);
    if (now - m->cut_off_us > grace * USEC_PER_SEC)
        monitor_lost(m, AUDIT_CODE_VM_UNREACHABLE, "the connection to its libvirt was lost");
}
