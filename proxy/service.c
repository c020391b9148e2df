#include "config.h"
#include "proxy/service.h"

#include <event2/event.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/daemon.h"
#include "proxy/registry.h"

#define STATUS_SECONDS 5

struct service {
    struct daemon *daemon;
    struct event *status_timer;
    struct event *watchdog_timer; /* NULL: none asked for */
    int64_t watchdog_us;
};

static void send_status(struct service *s)
{
    struct registry_totals totals;
    registry_get_totals(s->daemon->registry, &totals);
    sd_notifyf(0, "STATUS=%u connections, %u identities", totals.connections, totals.identities);
}

static void on_status(evutil_socket_t fd, short what, void *opaque)
{
    (void)fd, (void)what;
    send_status(opaque);
}

static bool all_live(const struct service *s, struct loop *const *loops, unsigned n)
{
    int64_t now = clock_monotonic_us();
    for (unsigned i = 0; i < n; i++) {
        int64_t beat = atomic_load_explicit(&loops[i]->heartbeat_us, memory_order_relaxed);
        if (beat && now - beat > s->watchdog_us) {
            log_error("loop %s has been stuck for %lld ms", loops[i]->name,
                      (long long)((now - beat) / 1000));
            return false;
        }
    }
    return true;
}

/* Silence is what makes the service manager act: a loop that is stuck is not covered up by this
 * thread. */
static void on_watchdog(evutil_socket_t fd, short what, void *opaque)
{
    struct service *s = opaque;
    struct daemon *d = s->daemon;
    (void)fd, (void)what;
    if (all_live(s, d->vm_loops, d->n_vm_loops) && all_live(s, d->front_loops, d->n_front_loops))
        sd_notify(0, "WATCHDOG=1");
}

static struct event *every(struct service *s, int64_t us, event_callback_fn fn)
{
    struct timeval tv = { .tv_sec = us / USEC_PER_SEC, .tv_usec = us % USEC_PER_SEC };
    struct event *e = event_new(s->daemon->base, -1, EV_PERSIST, fn, s);
    event_add(e, &tv);
    return e;
}

struct service *service_new(struct daemon *d)
{
    struct service *s = MEM_NEW(struct service);
    uint64_t watchdog;
    s->daemon = d;
    s->status_timer = every(s, STATUS_SECONDS * USEC_PER_SEC, on_status);
    if (sd_watchdog_enabled(0, &watchdog) > 0) {
        s->watchdog_us = (int64_t)watchdog;
        s->watchdog_timer = every(s, s->watchdog_us / 3, on_watchdog);
    }
    return s;
}

void service_free(struct service *s)
{
    if (!s)
        return;
    event_free(s->status_timer);
    if (s->watchdog_timer)
        event_free(s->watchdog_timer);
    free(s);
}

void service_ready(struct service *s)
{
    sd_notify(0, "READY=1");
    send_status(s);
}

void service_reloading(struct service *s)
{
    (void)s;
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic_us());
}

void service_stopping(struct service *s)
{
    (void)s;
    sd_notify(0, "STOPPING=1\nSTATUS=finishing commands in flight");
}
