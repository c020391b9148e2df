/* A sink's thread: log -> queue -> receiver -> position. */
#include "config.h"
#include "audit/sink.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include "audit/follow.h"
#include "audit/line.h"
#include "audit/sink_flight.h"
#include "audit/sink_position.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define LOOK_LOG_US      (100 * USEC_PER_MSEC) /* how often it is asked for new records */
#define LOOK_PEER_US     (250 * USEC_PER_MSEC) /* ... the receiver, while something is under way */
#define LOOK_PROGRESS_US (20 * USEC_PER_MSEC)
#define SAVE_US          USEC_PER_SEC          /* the position is saved at most so often */
#define BARRIER_US       (100 * USEC_PER_MSEC) /* then nothing more is sent until all is taken */
#define RETRY_FIRST_US   (200 * USEC_PER_MSEC)
#define SEND_BYTES       (64u << 10) /* handed to a stream at once */

/* A record in the queue: its bytes are in the buffer, in the same order. */
struct unit {
    struct audit_chain at;
    int64_t utc_us;
    size_t len;
};

struct audit_sink {
    struct audit_sink_settings settings;
    struct sink_transport *transport;
    struct sink_place *place;
    struct sink_parser *parser;
    int stop_fd;
    pthread_t thread;
    bool started;

    /* the thread's */
    struct audit_follow *log;
    struct audit_chain position; /* the last record that the receiver has */
    struct audit_chain saved;    /* as on the disk */
    int64_t saved_us;
    uint64_t next;      /* number of the record that is due from the log */
    struct unit *units; /* a ring of settings.queue */
    unsigned first, n;
    struct buf bytes;
    size_t unit_done; /* bytes of the first unit that are sent */
    struct sink_flight flight;
    int64_t looked_us, alive_us;
    int64_t barrier_wait_us;
    int64_t retry_us;
    bool lagging;

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t ended;
    bool over;            /* the thread is at its end */
    struct audit *audit;  /* NULL: detached */
    uint64_t last_record; /* then */
    int64_t until_us;     /* the end; 0: not asked for */
    uint64_t sent_seq;    /* the highest number that was ever sent */
    int64_t sent_utc_us;  /* time of the record that was sent last */
    int64_t caught_up_us; /* when nothing was waiting, UTC */
    struct audit_sink_stats stats;
};

/* --- what others know of it ------------------------------------------------------------------- */

/* Under the lock. Records up to it may be sent: they are in the log for good. */
static uint64_t last_record(const struct audit_sink *s)
{
    return s->audit ? audit_durable(s->audit) : s->last_record;
}

/* Under the lock. How long the first record that was not sent has been waiting: no longer than
 * since nothing was waiting, nor than since the one before it was recorded. */
static void measure_lag(struct audit_sink *s)
{
    uint64_t last = last_record(s);
    int64_t now = clock_utc_us();
    s->stats.lag_records = last > s->sent_seq ? last - s->sent_seq : 0;
    if (s->stats.lag_records == 0)
        s->caught_up_us = now;
    int64_t since = s->sent_utc_us > s->caught_up_us ? s->sent_utc_us : s->caught_up_us;
    s->stats.lag_seconds = now > since ? (uint64_t)((now - since) / USEC_PER_SEC) : 0;
}

void audit_sink_get_stats(struct audit_sink *s, struct audit_sink_stats *out)
{
    pthread_mutex_lock(&s->lock);
    measure_lag(s);
    *out = s->stats;
    out->unconfirmed = s->sent_seq > out->shipped ? s->sent_seq - out->shipped : 0;
    pthread_mutex_unlock(&s->lock);
}

static uint64_t get_last_record(void *opaque)
{
    struct audit_sink *s = opaque;
    pthread_mutex_lock(&s->lock);
    uint64_t last = last_record(s);
    pthread_mutex_unlock(&s->lock);
    return last;
}

/* When it has to end; 0: not yet. */
static int64_t get_until(struct audit_sink *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t until = s->until_us;
    pthread_mutex_unlock(&s->lock);
    return until;
}

static void tell_lag(struct audit_sink *s)
{
    struct audit_sink_stats now;
    if (get_until(s))
        return;
    audit_sink_get_stats(s, &now);
    bool lagging = now.lag_seconds >= s->settings.lag_seconds;
    if (lagging && !s->lagging)
        log_warning("audit sink %s: it is behind by %llu records and %llu s%s%s", now.name,
                    (unsigned long long)now.lag_records, (unsigned long long)now.lag_seconds,
                    now.reason[0] ? ": " : "", now.reason);
    if (!lagging && s->lagging && now.lag_records == 0)
        log_info("audit sink %s: it is up to date again", now.name);
    if (lagging || now.lag_records == 0)
        s->lagging = lagging;
}

static void note_connected(struct audit_sink *s)
{
    pthread_mutex_lock(&s->lock);
    bool told = s->stats.reason[0] != '\0';
    s->stats.connected = true;
    s->stats.connections++;
    pthread_mutex_unlock(&s->lock);
    if (told)
        log_info("audit sink %s: connected", s->settings.name);
}

/* Each reason is told once, until it is another. */
static void note_failure(struct audit_sink *s, const struct error *why)
{
    pthread_mutex_lock(&s->lock);
    bool same = !s->stats.connected && strcmp(s->stats.reason, why->text) == 0;
    s->stats.connected = false;
    memcpy(s->stats.reason, why->text, sizeof(s->stats.reason));
    pthread_mutex_unlock(&s->lock);
    if (!same)
        log_warning("audit sink %s: %s", s->settings.name, why->text);
}

/* --- the position ----------------------------------------------------------------------------- */

/* Behind by records that nobody will send: they are not there, or not of this log. */
static void note_skipped(struct audit_sink *s, uint64_t records)
{
    pthread_mutex_lock(&s->lock);
    s->stats.skipped += records;
    pthread_mutex_unlock(&s->lock);
}

/* Under the lock. */
static void hold_retention(struct audit_sink *s, uint64_t shipped)
{
    if (s->audit)
        audit_hold_retention(s->audit, s->settings.number, shipped);
}

/* What the file says is believed, and told to retention, when its record was found in the log: the
 * log may have been begun anew since, and all of it be still to be sent. */
static void confirm_position(struct audit_sink *s)
{
    if (!audit_chain_equal(&s->position, &s->saved))
        return;
    pthread_mutex_lock(&s->lock);
    hold_retention(s, s->saved.seq);
    pthread_mutex_unlock(&s->lock);
}

/* A position that could not be saved is tried again, and more is sent twice after a restart. */
static void save_position(struct audit_sink *s, bool now)
{
    struct error err;
    int64_t time = clock_monotonic_us();
    if (audit_chain_equal(&s->position, &s->saved) || (!now && time - s->saved_us < SAVE_US))
        return;
    s->saved_us = time;
    if (sink_place_save(s->place, &s->position, &err) < 0) {
        log_warning("audit sink %s: its position is not saved: %s", s->settings.name, err.text);
        return;
    }
    s->saved = s->position;
    pthread_mutex_lock(&s->lock);
    s->stats.shipped = s->saved.seq;
    hold_retention(s, s->saved.seq);
    pthread_mutex_unlock(&s->lock);
}

/* --- the log ---------------------------------------------------------------------------------- */

static void queue_clear(struct audit_sink *s)
{
    s->first = s->n = 0;
    s->unit_done = 0;
    buf_clear(&s->bytes);
    buf_trim(&s->bytes, SEND_BYTES);
}

static bool queue_has_room(const struct audit_sink *s)
{
    return s->n < s->settings.queue && buf_len(&s->bytes) < AUDIT_SINK_QUEUE_BYTES;
}

static int open_log(struct audit_sink *s, uint64_t from, struct error *err)
{
    struct audit_follow_settings settings = {
        .path = s->settings.log,
        .from = from,
        .wake_fd = -1,
        .limit = get_last_record,
        .opaque = s,
        .pass_over = true,
    };
    audit_follow_close(TAKE_PTR(s->log));
    s->next = from;
    return audit_follow_open(&settings, &s->log, err);
}

/* The position is in a log that this one does not go on from: it was taken away, and a new chain
 * was begun. */
static int begin_anew(struct audit_sink *s, struct error *err)
{
    log_warning("audit sink %s: the log is another than the one whose record %llu was shipped: all "
                "of it is sent",
                s->settings.name, (unsigned long long)s->position.seq);
    s->position = (struct audit_chain){ .seq = 0 };
    pthread_mutex_lock(&s->lock);
    s->sent_seq = s->stats.shipped = 0;
    hold_retention(s, 0);
    pthread_mutex_unlock(&s->lock);
    return open_log(s, 0, err);
}

/* From the record of the position on, which is read again, to see that it is the one it was. */
static int resume(struct audit_sink *s, struct error *err)
{
    queue_clear(s);
    flight_clear(&s->flight);
    if (s->position.seq > get_last_record(s))
        return begin_anew(s, err);
    return open_log(s, s->position.seq, err);
}

static void enqueue(struct audit_sink *s, const struct sink_record *r,
                    const unsigned char hash[AUDIT_HASH_BYTES])
{
    struct unit *u = &s->units[(s->first + s->n++) % s->settings.queue];
    size_t before = buf_len(&s->bytes);
    s->transport->ops->encode(s->transport, r, &s->bytes);
    *u = (struct unit){ .at.seq = r->seq, .len = buf_len(&s->bytes) - before };
    memcpy(u->at.hash, hash, AUDIT_HASH_BYTES);
    if (!clock_parse_utc(r->time.data, r->time.len, &u->utc_us))
        u->utc_us = 0;
}

/* Records that nobody can send any more. That of the position itself is not missed. */
static void take_gap(struct audit_sink *s, const struct audit_follow_item *gap)
{
    uint64_t first = gap->seq > s->position.seq ? gap->seq : s->position.seq + 1;
    s->next = gap->last + 1;
    if (first > gap->last)
        return;
    log_warning("audit sink %s: records %llu to %llu are damaged, or not in the log any more, and "
                "were not shipped",
                s->settings.name, (unsigned long long)first, (unsigned long long)gap->last);
    note_skipped(s, gap->last - first + 1);
}

static int take_record(struct audit_sink *s, const struct audit_follow_item *item,
                       struct error *err)
{
    struct line_ends ends;
    struct sink_record r;
    bool shipped = item->seq == s->position.seq && s->next == item->seq;
    s->next = item->seq + 1;
    if (!line_parse_ends(item->line, &ends) || !sink_record_parse(s->parser, item->line, &r)) {
        log_warning("audit sink %s: record %llu cannot be read, and is not shipped",
                    s->settings.name, (unsigned long long)item->seq);
        note_skipped(s, shipped ? 0 : 1);
    } else if (!shipped) {
        enqueue(s, &r, ends.hash);
    } else if (memcmp(ends.hash, s->position.hash, AUDIT_HASH_BYTES) != 0) {
        return begin_anew(s, err);
    } else {
        confirm_position(s);
    }
    return 0;
}

/* What is in the log for good, as far as there is room. 1: there is more. */
static int fill_queue(struct audit_sink *s, struct error *err)
{
    while (queue_has_room(s)) {
        struct audit_follow_item item;
        int rc = audit_follow_next(s->log, 0, &item, err);
        if (rc < 0)
            return rc;
        switch (item.event) {
        case AUDIT_FOLLOW_IDLE:
        case AUDIT_FOLLOW_WOKEN:
            return 0;
        case AUDIT_FOLLOW_GAP:
            take_gap(s, &item);
            break;
        case AUDIT_FOLLOW_RECORD:
            rc = take_record(s, &item, err);
            if (rc < 0)
                return rc;
            break;
        }
    }
    return 1;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void note_sent(struct audit_sink *s, const struct unit *u, unsigned records)
{
    pthread_mutex_lock(&s->lock);
    s->stats.sent += records;
    if (u->at.seq <= s->sent_seq)
        s->stats.resent += records;
    else
        s->sent_seq = u->at.seq;
    if (u->utc_us)
        s->sent_utc_us = u->utc_us;
    pthread_mutex_unlock(&s->lock);
}

/* n bytes of the buffer have gone. */
static void take_sent(struct audit_sink *s, size_t n)
{
    struct unit last = { .len = 0 };
    unsigned records = 0;
    buf_consume(&s->bytes, n);
    s->unit_done += n;
    while (s->n > 0 && s->unit_done >= s->units[s->first].len) {
        last = s->units[s->first];
        s->unit_done -= last.len;
        s->first = (s->first + 1) % s->settings.queue;
        s->n--;
        records++;
    }
    if (records == 0)
        return;
    struct sink_progress p = s->transport->ops->progress(s->transport);
    flight_add(&s->flight, &last.at, p.sent, clock_monotonic_us());
    note_sent(s, &last, records);
}

static struct span next_bytes(const struct audit_sink *s)
{
    size_t len = buf_len(&s->bytes);
    if (s->transport->ops->whole)
        len = s->units[s->first].len - s->unit_done;
    else if (len > SEND_BYTES)
        len = SEND_BYTES;
    return (struct span){ buf_data(&s->bytes), len };
}

/* True: what is under way must be taken first, because nothing else would tell that it was. */
static bool holds_back(struct audit_sink *s)
{
    int64_t since = flight_waiting_since(&s->flight);
    return s->transport->ops->barrier && since && clock_monotonic_us() - since > BARRIER_US;
}

/* SINK_SENT: nothing is left to be sent now. */
static enum sink_sent send_queue(struct audit_sink *s, struct error *err)
{
    while (s->n > 0 && !holds_back(s)) {
        size_t n = 0;
        enum sink_sent sent = s->transport->ops->send(s->transport, next_bytes(s), &n, err);
        if (sent != SINK_SENT)
            return sent;
        take_sent(s, n);
    }
    return SINK_SENT;
}

/* --- what has arrived ------------------------------------------------------------------------- */

static int look_at_peer(struct audit_sink *s, struct error *err)
{
    int64_t now = clock_monotonic_us();
    if (now - s->looked_us < LOOK_PEER_US)
        return 0;
    s->looked_us = now;
    int rc = s->transport->ops->look(s->transport, err);
    if (rc == 0)
        s->alive_us = now; /* as of before the question */
    return rc;
}

static int settle(struct audit_sink *s, struct error *err)
{
    struct sink_progress p = s->transport->ops->progress(s->transport);
    flight_progress(&s->flight, &p, clock_monotonic_us());
    bool looks = !flight_is_empty(&s->flight) || !s->transport->ops->whole;
    int rc = looks ? look_at_peer(s, err) : 0;
    if (rc == 0 && flight_settle(&s->flight, s->alive_us,
                                 (int64_t)s->settings.settle_seconds * USEC_PER_SEC, &s->position))
        s->retry_us = RETRY_FIRST_US; /* it works */
    save_position(s, false);
    return rc;
}

/* --- a connection ----------------------------------------------------------------------------- */

/* Until there is something to do. */
static int wait_for_work(struct audit_sink *s, enum sink_sent sent, bool more, struct error *err)
{
    const struct sink_transport *t = s->transport;
    int64_t wait = flight_is_empty(&s->flight) ? LOOK_LOG_US : LOOK_PROGRESS_US;
    short events = t->ops->whole ? 0 : POLLIN; /* what it says, and that it ends */
    if (sent == SINK_WAIT)
        events = (short)(events | t->events);
    else if (s->n == 0 && more)
        return 0;
    if (s->n > 0 && sent == SINK_SENT) { /* held back; a receiver that is stalled may stay so */
        s->barrier_wait_us = s->barrier_wait_us ? s->barrier_wait_us * 2 : USEC_PER_MSEC;
        wait = s->barrier_wait_us < LOOK_LOG_US ? s->barrier_wait_us : LOOK_LOG_US;
    } else {
        s->barrier_wait_us = 0;
    }
    int stop_fd = get_until(s) ? -1 : s->stop_fd;
    if (sink_wait(stop_fd, t->fd, events, clock_monotonic_us() + wait) == SINK_READY &&
        sent != SINK_WAIT)
        s->looked_us = 0;
    return s->looked_us == 0 ? look_at_peer(s, err) : 0;
}

/* Everything that is in the log was sent, and nothing more comes; or there is no time left. */
static bool is_at_end(struct audit_sink *s, bool more)
{
    int64_t until = get_until(s);
    return until && ((s->n == 0 && !more) || clock_monotonic_us() >= until);
}

static int serve(struct audit_sink *s, struct error *err)
{
    int rc = 0;
    s->looked_us = s->alive_us = clock_monotonic_us();
    while (rc == 0) {
        struct error unread;
        int more = fill_queue(s, &unread);
        enum sink_sent sent = send_queue(s, err);
        rc = sent == SINK_BROKEN ? ERROR_PEER : settle(s, err);
        tell_lag(s);
        if (rc == 0 && more < 0 && s->n == 0 && flight_is_empty(&s->flight)) {
            *err = unread; /* the log cannot be read, and what was read of it is there */
            rc = more;
        }
        if (rc == 0 && is_at_end(s, more > 0))
            return 0;
        if (rc == 0)
            rc = wait_for_work(s, sent, more > 0, err);
    }
    return rc;
}

/* All that was sent has been read, if the receiver ends the connection in order. */
static void finish(struct audit_sink *s)
{
    struct sink_flight *f = &s->flight;
    if (!flight_is_empty(f) && s->transport->ops->finish(s->transport, get_until(s)))
        s->position = f->marks[(f->first + f->n - 1) % FLIGHT_MARKS_MAX].at;
}

static void connect_and_serve(struct audit_sink *s)
{
    struct error err = { .text = "" };
    int rc = s->transport->ops->open(s->transport, s->stop_fd, &err);
    if (rc == 0) {
        rc = resume(s, &err);
        if (rc == 0) {
            note_connected(s);
            rc = serve(s, &err);
        }
        if (rc == 0)
            finish(s);
    }
    if (rc < 0 && !get_until(s))
        note_failure(s, &err);
    s->transport->ops->close(s->transport);
    save_position(s, true);
}

/* --- the thread ------------------------------------------------------------------------------- */

/* Half of it to all of it: what many senders lost at once they do not all come back for at once. */
static int64_t jitter(int64_t us)
{
    uint32_t random = 0;
    if (gnutls_rnd(GNUTLS_RND_NONCE, &random, sizeof(random)) < 0)
        random = (uint32_t)clock_monotonic_us();
    return us / 2 + (int64_t)(random % (uint64_t)(us / 2 + 1));
}

static void wait_to_retry(struct audit_sink *s)
{
    int64_t longest = (int64_t)s->settings.retry_seconds * USEC_PER_SEC;
    int64_t until = clock_monotonic_us() + jitter(s->retry_us);
    s->retry_us = s->retry_us * 2 < longest ? s->retry_us * 2 : longest;
    for (;;) {
        int64_t now = clock_monotonic_us();
        int64_t next = now + USEC_PER_SEC < until ? now + USEC_PER_SEC : until;
        if (now >= until || sink_wait(s->stop_fd, -1, 0, next) == SINK_STOPPED)
            return;
        tell_lag(s);
    }
}

static void *run(void *opaque)
{
    struct audit_sink *s = opaque;
    while (!get_until(s)) {
        connect_and_serve(s);
        if (!get_until(s))
            wait_to_retry(s);
    }
    pthread_mutex_lock(&s->lock);
    s->over = true;
    pthread_cond_signal(&s->ended);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

int audit_sink_start(struct audit_sink *s, struct error *err)
{
    char name[16];
    errno = thread_start(&s->thread, run, s);
    if (errno)
        return error_set_errno(err, "cannot start a thread for the audit sink %s",
                               s->settings.name);
    snprintf(name, sizeof(name), "sink-%.10s", s->settings.name);
    pthread_setname_np(s->thread, name);
    s->started = true;
    return 0;
}

void audit_sink_detach(struct audit_sink *s)
{
    pthread_mutex_lock(&s->lock);
    s->last_record = last_record(s);
    s->audit = NULL;
    pthread_mutex_unlock(&s->lock);
}

void audit_sink_end(struct audit_sink *s, int64_t until_us)
{
    uint64_t one = 1;
    pthread_mutex_lock(&s->lock);
    s->last_record = UINT64_MAX;
    s->until_us = until_us;
    pthread_mutex_unlock(&s->lock);
    if (write(s->stop_fd, &one, sizeof(one)) < 0)
        log_error("audit sink %s: cannot be woken: %m", s->settings.name);
}

bool audit_sink_join(struct audit_sink *s, int64_t until_us)
{
    bool in_time = true;
    if (!s->started)
        return true;
    pthread_mutex_lock(&s->lock);
    while (!s->over && in_time)
        in_time = thread_wait_until(&s->ended, &s->lock, until_us + USEC_PER_SEC);
    bool over = s->over;
    pthread_mutex_unlock(&s->lock);
    if (!over)
        return false;
    pthread_join(s->thread, NULL);
    s->started = false;
    return true;
}

/* --- life ------------------------------------------------------------------------------------- */

static int make_transport(struct audit_sink *s, struct error *err)
{
    const struct audit_sink_settings *c = &s->settings;
    int rc = 0;
    switch (c->type) {
    case AUDIT_SINK_JOURNALD:
        s->transport = sink_transport_new_journal(c->path, c->format.app_name);
        break;
    case AUDIT_SINK_SYSLOG_UNIX:
        s->transport = sink_transport_new_unix(c->path, &c->format);
        break;
    case AUDIT_SINK_SYSLOG_TLS:
        rc = sink_tls_check(&c->tls, err);
        s->transport = sink_transport_new_tls(&c->tls, &c->format);
        break;
    }
    return rc;
}

int audit_sink_new(const struct audit_sink_settings *settings, struct audit_sink **out,
                   struct error *err)
{
    struct audit_sink *s = MEM_NEW(struct audit_sink);
    bool fresh = false;
    s->settings = *settings;
    s->audit = settings->audit;
    s->stats.name = settings->name;
    s->retry_us = RETRY_FIRST_US;
    s->parser = sink_parser_new();
    s->units = MEM_NEW_N(struct unit, settings->queue);
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    thread_cond_init(&s->ended);
    pthread_mutex_init(&s->lock, NULL);
    int rc = s->stop_fd < 0 ? error_set_errno(err, "cannot make an event descriptor") : 0;
    if (rc == 0)
        rc = make_transport(s, err);
    if (rc == 0)
        rc = sink_place_open(settings->state_dir, settings->name, &s->place, &s->position, &fresh,
                             err);
    if (rc < 0) {
        error_prefix(err, "audit sink %s", settings->name);
        audit_sink_free(s);
        return rc;
    }
    s->saved = s->position;
    s->sent_seq = s->stats.shipped = s->position.seq;
    s->caught_up_us = clock_utc_us();
    *out = s;
    return 0;
}

void audit_sink_free(struct audit_sink *s)
{
    if (!s)
        return;
    audit_follow_close(s->log);
    if (s->transport)
        s->transport->ops->free(s->transport);
    sink_place_close(s->place);
    sink_parser_free(s->parser);
    if (s->stop_fd >= 0)
        close(s->stop_fd);
    buf_free(&s->bytes);
    free(s->units);
    pthread_cond_destroy(&s->ended);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
