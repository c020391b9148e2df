#include "config.h"
#include "audit/sink_flight.h"

static struct flight_mark *mark_at(struct sink_flight *f, unsigned i)
{
    return &f->marks[(f->first + i) % FLIGHT_MARKS_MAX];
}

void flight_clear(struct sink_flight *f)
{
    f->first = f->n = 0;
}

void flight_add(struct sink_flight *f, const struct audit_chain *at, uint64_t target,
                int64_t now_us)
{
    struct flight_mark *last = f->n ? mark_at(f, f->n - 1) : NULL;
    if (last && (f->n == FLIGHT_MARKS_MAX ||
                 (last->taken_us == 0 && now_us - last->sent_us < FLIGHT_MARK_US))) {
        last->at = *at;
        last->target = target;
        last->taken_us = 0;
        return;
    }
    *mark_at(f, f->n) = (struct flight_mark){ .at = *at, .target = target, .sent_us = now_us };
    f->n++;
}

void flight_progress(struct sink_flight *f, const struct sink_progress *p, int64_t now_us)
{
    for (unsigned i = 0; i < f->n; i++) {
        struct flight_mark *m = mark_at(f, i);
        if (m->taken_us == 0 && (p->all || m->target <= p->taken))
            m->taken_us = now_us;
    }
}

bool flight_settle(struct sink_flight *f, int64_t alive_us, int64_t settle_us,
                   struct audit_chain *at)
{
    bool any = false;
    while (f->n > 0) {
        const struct flight_mark *m = mark_at(f, 0);
        if (m->taken_us == 0 || alive_us - m->taken_us < settle_us)
            break;
        *at = m->at;
        any = true;
        f->first = (f->first + 1) % FLIGHT_MARKS_MAX;
        f->n--;
    }
    return any;
}

int64_t flight_waiting_since(const struct sink_flight *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        const struct flight_mark *m = &f->marks[(f->first + i) % FLIGHT_MARKS_MAX];
        if (m->taken_us == 0)
            return m->sent_us;
    }
    return 0;
}
