#include "config.h"
#include "proxy/audit_watch.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sysexits.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/daemon.h"
#include "proxy/snapshot.h"

struct audit_watch {
    struct daemon *daemon;
    struct event *timer;
};

static void on_look(evutil_socket_t fd, short what, void *opaque)
{
    struct audit_watch *w = opaque;
    struct daemon *d = w->daemon;
    const struct conf *conf = d->snapshot->conf;
    struct audit_stats stats;
    (void)fd, (void)what;
    audit_retry(d->audit);
    audit_get_stats(d->audit, &stats);
    if (!stats.failing || d->draining || conf->audit.on_failure != CONF_ON_FAILURE_DRAIN ||
        stats.failing_us < conf->audit.on_failure_seconds * USEC_PER_SEC)
        return;
    log_error("the audit log has failed for %lld s: the gateway ends, as on_failure says: %s",
              (long long)(stats.failing_us / USEC_PER_SEC), stats.last_error);
    daemon_drain(d, EX_IOERR);
}

struct audit_watch *audit_watch_new(struct daemon *d)
{
    struct audit_watch *w = MEM_NEW(struct audit_watch);
    struct timeval tv = { .tv_sec = 1 };
    w->daemon = d;
    w->timer = event_new(d->base, -1, EV_PERSIST, on_look, w);
    event_add(w->timer, &tv);
    return w;
}

void audit_watch_free(struct audit_watch *w)
{
    if (!w)
        return;
    event_free(w->timer);
    free(w);
}
