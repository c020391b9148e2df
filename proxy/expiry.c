#include "config.h"
#include "proxy/expiry.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/tls.h"
#include "proxy/snapshot.h"

#define SECONDS_A_DAY      86400
#define SECONDS_A_LOOK     3600
#define FIRST_WARNING_DAYS 30

struct expiry_watch {
    struct event *timer;
    struct snapshot *snapshot;
    unsigned *warned; /* for each thing, how many of the thresholds were told */
    size_t n_warned;
};

static const int thresholds[] = { FIRST_WARNING_DAYS, 7, 1, 0 }; /* days */

static unsigned thresholds_passed(time_t when)
{
    unsigned n = 0;
    time_t left = when - time(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(thresholds); i++)
        n += left <= (time_t)thresholds[i] * SECONDS_A_DAY;
    return n;
}

static void warn(const struct tls_expiry *e)
{
    char text[CLOCK_UTC_TEXT];
    clock_format_utc((int64_t)e->when * USEC_PER_SEC, text);
    time_t left = e->when - time(NULL);
    if (left <= 0)
        log_error("%s expired at %s: connections that need it are refused", e->what, text);
    else
        log_warning("%s expires at %s, in %lld day%s", e->what, text,
                    (long long)(left / SECONDS_A_DAY), left / SECONDS_A_DAY == 1 ? "" : "s");
}

static void look(struct expiry_watch *w)
{
    struct tls_expiry e;
    for (size_t i = 0;
         w->snapshot && w->snapshot->tls && tls_context_expiry(w->snapshot->tls, i, &e); i++) {
        if (i >= w->n_warned) {
            w->warned = mem_realloc_array(w->warned, i + 1, sizeof(*w->warned));
            w->warned[w->n_warned++] = 0;
        }
        unsigned passed = thresholds_passed(e.when);
        if (passed > w->warned[i])
            warn(&e);
        w->warned[i] = passed;
    }
}

static void on_timer(evutil_socket_t fd, short what, void *opaque)
{
    (void)fd, (void)what;
    look(opaque);
}

struct expiry_watch *expiry_new(struct event_base *base)
{
    struct expiry_watch *w = MEM_NEW(struct expiry_watch);
    struct timeval tv = { .tv_sec = SECONDS_A_LOOK };
    w->timer = event_new(base, -1, EV_PERSIST, on_timer, w);
    event_add(w->timer, &tv);
    return w;
}

void expiry_free(struct expiry_watch *w)
{
    if (!w)
        return;
    event_free(w->timer);
    snapshot_unref(w->snapshot);
    free(w->warned);
    free(w);
}

void expiry_check(struct expiry_watch *w, struct snapshot *s)
{
    snapshot_ref(s);
    snapshot_unref(w->snapshot);
    w->snapshot = s;
    w->n_warned = 0;
    look(w);
}

void expiry_write(struct buf *out, const struct snapshot *s)
{
    struct tls_expiry e;
    bool first = true;
    BUF_ADD_LIT(out, "[");
    for (size_t i = 0; s->tls && tls_context_expiry(s->tls, i, &e); i++) {
        char text[CLOCK_UTC_TEXT];
        if (!thresholds_passed(e.when))
            continue;
        clock_format_utc((int64_t)e.when * USEC_PER_SEC, text);
        buf_add_str(out, first ? "{\"what\": " : ", {\"what\": ");
        buf_add_json_string(out, e.what, strlen(e.what));
        buf_printf(out, ", \"expires\": \"%s\", \"days\": %lld}", text,
                   (long long)((e.when - time(NULL)) / SECONDS_A_DAY));
        first = false;
    }
    BUF_ADD_LIT(out, "]");
}
