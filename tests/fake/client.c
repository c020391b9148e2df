#include "config.h"
#include "tests/fake/monitor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <utlist.h>
#include "base/mem.h"

#define READ_BYTES    (64u << 10)
#define OUT_BYTES_MAX (1u << 20) /* more unread than that, and no more is read, as QEMU does */
#define ENDLESS_BYTES (64u << 10)

static bool time_matters(const struct client *c)
{
    return buf_len(&c->held) > 0 || buf_len(&c->late) > 0;
}

static void client_update(struct client *c)
{
    bool leaving = c->closing && !time_matters(c);
    uint32_t want = buf_len(&c->out) > 0 || c->endless || leaving ? EPOLLOUT : 0u;
    if (buf_len(&c->out) < OUT_BYTES_MAX && !c->closing)
        want |= EPOLLIN;
    if (want != c->interest) {
        c->interest = want;
        monitor_watch(c->vm->monitor, &c->watch, want, true);
    }
}

/* Something was put into its output from outside its own turn. */
void client_wake(struct client *c)
{
    client_update(c);
}

void client_close(struct client *c)
{
    struct vm *vm = c->vm;
    if (!vm)
        return;
    DL_DELETE(vm->clients, c);
    close(c->watch.fd);
    c->vm = NULL;
    c->next = vm->monitor->closed;
    vm->monitor->closed = c;
    vm_client_gone(vm, c);
}

void client_free(struct client *c)
{
    buf_free(&c->in);
    buf_free(&c->out);
    buf_free(&c->held);
    buf_free(&c->late);
    free(c);
}

/* Writes what goes; closes a client that is to be closed, or is gone. */
void client_flush(struct client *c)
{
    bool bytewise = c->vm->monitor->options.reply_bytewise;
    if (c->endless && buf_len(&c->out) == 0) {
        memset(buf_reserve(&c->out, ENDLESS_BYTES), 'x', ENDLESS_BYTES);
        buf_commit(&c->out, ENDLESS_BYTES);
    }
    while (buf_len(&c->out) > 0) {
        ssize_t n = write(c->watch.fd, buf_data(&c->out), bytewise ? 1 : buf_len(&c->out));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n < 0) {
            client_close(c);
            return;
        }
        buf_consume(&c->out, (size_t)n);
    }
    if (buf_len(&c->out) == 0 && c->closing && !time_matters(c)) {
        client_close(c);
        return;
    }
    client_update(c);
}

/* Junk costs the rest of its line. False if the line has no end yet. */
static bool skip_line(struct client *c)
{
    char *end = memchr(buf_data(&c->in), '\n', buf_len(&c->in));
    if (!end)
        return false;
    command_junk(c);
    buf_consume(&c->in, (size_t)(end - buf_data(&c->in)) + 1);
    return true;
}

static void skip_space(struct client *c)
{
    while (c->scan.offset == 0 && buf_len(&c->in) > 0 && strchr(" \t\r\n", *buf_data(&c->in)))
        buf_consume(&c->in, 1);
}

static void client_handle_input(struct client *c)
{
    while (c->vm && !c->closing) {
        skip_space(c);
        if (buf_len(&c->in) == 0)
            return;
        switch (fake_scan_feed(&c->scan, buf_data(&c->in), buf_len(&c->in))) {
        case FAKE_SCAN_MORE:
            return;
        case FAKE_SCAN_JUNK:
            if (!skip_line(c))
                return;
            break;
        case FAKE_SCAN_OBJECT:
            command_handle(c, (struct span){ buf_data(&c->in), c->scan.offset });
            buf_consume(&c->in, c->scan.offset);
            c->scan = (struct fake_scan){ 0 };
            break;
        }
    }
}

static void client_read(struct client *c)
{
    ssize_t n = read(c->watch.fd, buf_reserve(&c->in, READ_BYTES), READ_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_close(c);
        return;
    }
    buf_commit(&c->in, (size_t)n);
    client_handle_input(c);
}

static void client_ready(struct watch *w, uint32_t events)
{
    struct client *c = container_of(w, struct client, watch);
    if (c->vm && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        client_read(c);
    if (c->vm)
        client_flush(c);
}

static void release(struct client *c, struct buf *answers)
{
    buf_add(&c->out, buf_data(answers), buf_len(answers));
    buf_clear(answers);
}

static void client_storm(struct client *c, int64_t elapsed_us)
{
    const struct fake_options *o = &c->vm->monitor->options;
    c->storm_due += (double)o->event_storm * (double)elapsed_us / 1e6;
    for (; c->storm_due >= 1; c->storm_due--) {
        char data[64];
        snprintf(data, sizeof(data), "{\"actual\": %llu}", (unsigned long long)c->events++);
        if (buf_len(&c->out) < OUT_BYTES_MAX)
            command_event(&c->out, o->event, data);
    }
}

void client_tick(struct client *c, int64_t elapsed_us)
{
    struct monitor *m = c->vm->monitor;
    if (buf_len(&c->late) > 0 && m->now_us >= c->late_until_us)
        release(c, &c->late);
    if (buf_len(&c->held) > 0 && m->now_us >= c->held_until_us)
        release(c, &c->held);
    if (m->options.event_storm && c->negotiated)
        client_storm(c, elapsed_us);
    client_flush(c);
}

void client_new(struct vm *vm, int take_fd)
{
    struct client *c = MEM_NEW(struct client);
    c->watch = (struct watch){ .ready = client_ready, .fd = take_fd };
    c->vm = vm;
    c->interest = EPOLLIN;
    DL_APPEND(vm->clients, c);
    monitor_watch(vm->monitor, &c->watch, c->interest, false);
    command_greet(c);
    client_flush(c);
}
