/* A QMP monitor without a VM behind it: for speed, and for what a real QEMU never does. */
#include "config.h"
#include "tests/fake/monitor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <utlist.h>
#include "base/clock.h"
#include "base/mem.h"

#define EVENTS_A_TURN 64
#define BACKLOG       128

static void die(const char *what)
{
    perror(what);
    exit(1);
}

void monitor_watch(struct monitor *m, struct watch *w, uint32_t events, bool known)
{
    struct epoll_event e = { .events = events, .data.ptr = w };
    if (epoll_ctl(m->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &e) < 0)
        die("epoll_ctl");
}

/* --- VMs -------------------------------------------------------------------------------------- */

/* One client at a time, as QEMU does it: the next one waits, connected and without a greeting. */
static void vm_listen(struct vm *vm, bool on)
{
    if (vm->watch.fd >= 0 && vm->listening != on)
        monitor_watch(vm->monitor, &vm->watch, on ? EPOLLIN : 0, true);
    vm->listening = on;
}

static void vm_ready(struct watch *w, uint32_t events)
{
    struct vm *vm = container_of(w, struct vm, watch);
    if (vm->watch.fd < 0 || !vm->listening)
        return;
    int fd = accept4(vm->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (!vm->monitor->options.multi)
        vm_listen(vm, false);
    client_new(vm, fd);
}

void vm_client_gone(struct vm *vm, struct client *c)
{
    if (!vm->monitor->options.multi)
        vm_listen(vm, true);
}

void vm_quit(struct vm *vm)
{
    if (vm->watch.fd < 0)
        return;
    close(vm->watch.fd);
    vm->watch.fd = -1;
    unlink(vm->path);
    vm->monitor->n_vms_up--;
}

static void vm_open(struct monitor *m, struct vm *vm, const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(a.sun_path)) {
        fprintf(stderr, "fake_monitor: path too long: %s\n", path);
        exit(2);
    }
    memcpy(a.sun_path, path, strlen(path));
    unlink(path);
    *vm = (struct vm){ .monitor = m, .path = path, .listening = true };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, BACKLOG) < 0)
        die(path);
    vm->watch = (struct watch){ .ready = vm_ready, .fd = fd };
    monitor_watch(m, &vm->watch, EPOLLIN, false);
    m->n_vms_up++;
}

/* --- the loop --------------------------------------------------------------------------------- */

static bool needs_ticks(const struct fake_options *o)
{
    return o->event_storm > 0 || o->slow_reply > 0 || o->out_of_order;
}

static void free_closed(struct monitor *m)
{
    while (m->closed) {
        struct client *c = m->closed;
        m->closed = c->next;
        client_free(c);
    }
}

static void tick(struct monitor *m)
{
    int64_t now = clock_monotonic_us(), elapsed = now - m->now_us;
    if (elapsed < FAKE_TICK_MS * USEC_PER_MSEC)
        return;
    m->now_us = now;
    for (size_t i = 0; i < m->options.n_listen; i++) {
        struct client *c, *next;
        DL_FOREACH_SAFE (m->vms[i].clients, c, next)
            client_tick(c, elapsed);
    }
}

static bool has_clients(const struct monitor *m)
{
    for (size_t i = 0; i < m->options.n_listen; i++)
        if (m->vms[i].clients)
            return true;
    return false;
}

static void run(struct monitor *m, const struct watch *stop)
{
    struct epoll_event events[EVENTS_A_TURN];
    bool ticks = needs_ticks(&m->options);
    m->now_us = clock_monotonic_us();
    while (m->n_vms_up > 0 || has_clients(m)) {
        int n = epoll_wait(m->epoll, events, EVENTS_A_TURN, ticks ? FAKE_TICK_MS : -1);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct watch *w = events[i].data.ptr;
            if (w == stop)
                return;
            w->ready(w, events[i].events);
        }
        if (ticks)
            tick(m);
        free_closed(m);
    }
}

static void watch_signals(struct monitor *m, struct watch *stop)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    stop->fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (stop->fd < 0)
        die("signalfd");
    monitor_watch(m, stop, EPOLLIN, false);
}

static void tear_down(struct monitor *m, struct watch *stop)
{
    for (size_t i = 0; i < m->options.n_listen; i++) {
        while (m->vms[i].clients)
            client_close(m->vms[i].clients);
        vm_quit(&m->vms[i]);
    }
    free_closed(m);
    free(m->vms);
    free(m->names);
    buf_free(&m->schema);
    buf_free(&m->commands);
    if (m->record)
        fclose(m->record);
    close(stop->fd);
    close(m->epoll);
}

int main(int argc, char **argv)
{
    struct monitor m = { 0 };
    struct watch stop = { 0 };
    fake_options_parse(argc, argv, &m.options);
    schema_load(&m);
    if (m.options.record && !(m.record = fopen(m.options.record, "a")))
        die(m.options.record);
    m.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (m.epoll < 0)
        die("epoll_create1");
    watch_signals(&m, &stop);
    m.vms = MEM_NEW_N(struct vm, m.options.n_listen);
    for (size_t i = 0; i < m.options.n_listen; i++)
        vm_open(&m, &m.vms[i], m.options.listen[i]);
    puts("ready");
    fflush(stdout);
    run(&m, &stop);
    tear_down(&m, &stop);
    return 0;
}
