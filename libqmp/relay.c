#include "config.h"
#include "libqmp/relay.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define RELAY_BYTES (64u << 10) /* held for a reader that is slower than its writer */

/* One direction. */
struct relay_lane {
    struct stream *from, *to;
    const char *from_name;
    struct buf held;    /* read and not yet written */
    struct buf *last;   /* borrowed; NULL: nobody wants to know */
    bool skip_space;    /* the end of a line that was taken already comes first */
    bool read_ended;    /* `from` has said goodbye */
    bool write_ended;   /* and so have we, to `to` */
    short read_events;  /* what `from` waits for; 0: nothing to wait for */
    short write_events; /* likewise `to` */
};

static short events_for(enum stream_status status)
{
    return status == STREAM_WANT_WRITE ? POLLOUT : POLLIN;
}

/* Moves the bytes after leading white space to the front; how many there are. */
static size_t drop_space(struct relay_lane *l, char *data, size_t len)
{
    size_t space = 0;
    while (space < len && (data[space] == '\r' || data[space] == '\n' || data[space] == ' '))
        space++;
    memmove(data, data + space, len - space);
    l->skip_space = space == len;
    return len - space;
}

static void keep_last(struct relay_lane *l, const char *data, size_t len)
{
    if (!l->last)
        return;
    size_t keep = len < RELAY_LAST_MAX ? len : RELAY_LAST_MAX;
    size_t all = buf_len(l->last) + keep;
    if (all > RELAY_LAST_MAX)
        buf_consume(l->last, all - RELAY_LAST_MAX);
    buf_add(l->last, data + len - keep, keep);
}

static int fill(struct relay_lane *l, bool *progress, struct error *err)
{
    l->read_events = 0;
    while (!l->read_ended && buf_len(&l->held) < RELAY_BYTES) {
        size_t n = 0;
        char *room = buf_reserve(&l->held, RELAY_BYTES);
        switch (stream_read(l->from, room, RELAY_BYTES, &n, err)) {
        case STREAM_OK:
            keep_last(l, room, n);
            buf_commit(&l->held, l->skip_space ? drop_space(l, room, n) : n);
            *progress = true;
            break;
        case STREAM_WANT_READ:
            l->read_events = POLLIN;
            return 0;
        case STREAM_WANT_WRITE:
            l->read_events = POLLOUT;
            return 0;
        case STREAM_EOF:
            l->read_ended = true;
            *progress = true;
            break;
        case STREAM_FAILED:
            error_prefix(err, "%s", l->from_name);
            return ERROR_PEER;
        }
    }
    return 0;
}

static int drain(struct relay_lane *l, bool *progress, struct error *err)
{
    l->write_events = 0;
    while (buf_len(&l->held) > 0) {
        size_t n = 0;
        enum stream_status status =
            stream_write(l->to, buf_data(&l->held), buf_len(&l->held), &n, err);
        if (status == STREAM_OK) {
            buf_consume(&l->held, n);
            *progress = true;
        } else if (status == STREAM_WANT_READ || status == STREAM_WANT_WRITE) {
            l->write_events = events_for(status);
            return 0;
        } else {
            error_prefix(err, "to %s", l->from_name);
            return ERROR_PEER;
        }
    }
    if (l->read_ended && !l->write_ended) {
        stream_shutdown(l->to);
        l->write_ended = true;
    }
    return 0;
}

static int wait_for_either(const struct relay_lane *up, const struct relay_lane *down,
                           struct error *err)
{
    struct pollfd p[] = {
        { .fd = stream_fd(up->from), .events = (short)(up->read_events | down->write_events) },
        { .fd = stream_fd(up->to), .events = (short)(up->write_events | down->read_events) },
    };
    for (size_t i = 0; i < ARRAY_SIZE(p); i++)
        if (p[i].events == 0)
            p[i].fd = -1; /* or its hang-up would wake us for ever */
    if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
        return error_set_errno(err, "cannot wait");
    return 0;
}

static int move(struct relay_lane *lane, bool *progress, struct error *err)
{
    int rc = fill(lane, progress, err);
    return rc < 0 ? rc : drain(lane, progress, err);
}

int relay_run(struct stream *a, struct stream *b, struct span first, struct buf *last,
              struct error *err)
{
    struct relay_lane up = { .from = a, .to = b, .from_name = "the client" };
    struct relay_lane down = { .from = b, .to = a, .from_name = "the server", .last = last };
    int rc = 0;
    buf_add_span(&down.held, first);
    down.skip_space = first.len > 0;
    /* when the server has ended there is nothing left to say to it */
    while (rc == 0 && !down.write_ended) {
        bool progress = false;
        rc = move(&down, &progress, err);
        if (rc == 0)
            rc = move(&up, &progress, err);
        if (rc == 0 && !progress && !down.write_ended)
            rc = wait_for_either(&up, &down, err);
    }
    buf_free(&up.held);
    buf_free(&down.held);
    return rc;
}
