/* To a syslog daemon elsewhere, by TLS over TCP (RFC 5425). The protocol has no acknowledgement:
 * what is known is what the receiver's kernel has acknowledged. */
#include "config.h"
#include "audit/sink_transport.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include "base/clock.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/tls.h"

#define CONNECT_US   (10 * USEC_PER_SEC) /* for TCP, and again for TLS */
#define STALLED_MS   30000u /* unacknowledged, or with the window shut, for so long: over */
#define KEEPALIVE_S  30     /* of silence, then probes */
#define PROBE_S      10
#define PROBES       3
#define READS_A_LOOK 16u /* what a receiver says is passed over, but not without end */
#define TCP_CLOSE_WAIT_STATE \
    8 /* it ended in order: Linux' TCP_CLOSE_WAIT, not in a header for us */

struct tls_transport {
    struct sink_transport base;
    const struct sink_tls_settings *settings;
    const struct syslog_format *format;
    struct stream *stream;
    uint64_t taken;
    uint32_t window_max; /* the widest that this receiver has offered */
};

static struct tls_transport *tls_of(struct sink_transport *t)
{
    return container_of(t, struct tls_transport, base);
}

/* --- connecting ------------------------------------------------------------------------------- */

static int load_context(const struct sink_tls_settings *s, struct tls_context **out,
                        struct error *err)
{
    struct tls_ca_settings ca = { .name = "", .file = s->ca };
    struct tls_settings settings = {
        .cert = s->cert,
        .key = s->key,
        .priority = s->priority,
        .cas = &ca,
        .n_cas = 1,
    };
    return tls_context_new(&settings, out, err);
}

int sink_tls_check(const struct sink_tls_settings *settings, struct error *err)
{
    struct tls_context *c;
    int rc = load_context(settings, &c, err);
    if (rc == 0)
        tls_context_unref(c);
    return rc;
}

static void set_option(int fd, int option, int value)
{
    setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value));
}

/* A peer that is gone without a word, or that reads no more, is found out. */
static void watch_over(int fd)
{
    set_option(fd, TCP_USER_TIMEOUT, (int)STALLED_MS);
    set_option(fd, TCP_KEEPIDLE, KEEPALIVE_S);
    set_option(fd, TCP_KEEPINTVL, PROBE_S);
    set_option(fd, TCP_KEEPCNT, PROBES);
}

static int wait_connected(int fd, int stop_fd, struct error *err)
{
    int failed = 0;
    socklen_t len = sizeof(failed);
    switch (sink_wait(stop_fd, fd, POLLOUT, clock_monotonic_us() + CONNECT_US)) {
    case SINK_STOPPED:
        return error_set(err, ERROR_STATE, "stopped");
    case SINK_TIMEOUT:
        return error_set(err, ERROR_PEER, "no answer within %lld s",
                         (long long)(CONNECT_US / USEC_PER_SEC));
    case SINK_READY:
        break;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) < 0)
        failed = errno;
    errno = failed;
    return failed ? error_set_errno(err, "cannot connect") : 0;
}

static int connect_one(const struct addrinfo *a, int stop_fd, struct error *err)
{
    struct sockaddr_storage address = { .ss_family = 0 };
    memcpy(&address, a->ai_addr, a->ai_addrlen);
    CLEANUP_FD int fd = connect_tcp(&address, a->ai_addrlen, err);
    if (fd < 0)
        return fd;
    watch_over(fd);
    int rc = wait_connected(fd, stop_fd, err);
    return rc < 0 ? rc : TAKE_FD(fd);
}

static void cleanup_addresses(struct addrinfo **list)
{
    if (*list)
        freeaddrinfo(*list);
}

static int connect_any(const struct sink_tls_settings *s, int stop_fd, struct error *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    CLEANUP(cleanup_addresses) struct addrinfo *list = NULL;
    char port[8];
    snprintf(port, sizeof(port), "%u", s->port);
    int rc = getaddrinfo(s->address, port, &hints, &list);
    if (rc != 0)
        return error_set(err, ERROR_PEER, "no address is known: %s", gai_strerror(rc));
    int fd = ERROR_PEER;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_one(a, stop_fd, err);
    return fd;
}

static int shake_hands(struct stream *s, int stop_fd, struct error *err)
{
    int64_t until = clock_monotonic_us() + CONNECT_US;
    for (;;) {
        short events = POLLIN;
        switch (stream_handshake(s, err)) {
        case STREAM_OK:
            return 0;
        case STREAM_WANT_WRITE:
            events = POLLOUT;
            break;
        case STREAM_WANT_READ:
            break;
        case STREAM_EOF:
            return error_set(err, ERROR_PEER, "the receiver left during the TLS handshake");
        case STREAM_FAILED:
            return ERROR_PEER;
        }
        switch (sink_wait(stop_fd, stream_fd(s), events, until)) {
        case SINK_READY:
            break;
        case SINK_TIMEOUT:
            return error_set(err, ERROR_PEER, "the TLS handshake takes too long");
        case SINK_STOPPED:
            return error_set(err, ERROR_STATE, "stopped");
        }
    }
}

static void cleanup_context(struct tls_context **c)
{
    tls_context_unref(*c);
}

static int open_stream(struct tls_transport *t, int stop_fd, struct error *err)
{
    const struct sink_tls_settings *s = t->settings;
    CLEANUP(cleanup_context) struct tls_context *context = NULL;
    int rc = load_context(s, &context, err); /* as the files are now: certificates are renewed */
    if (rc < 0)
        return rc;
    int fd = connect_any(s, stop_fd, err);
    if (fd < 0)
        return fd;
    struct stream *stream = stream_new_tls_client(context, fd, s->server_name, NULL);
    rc = shake_hands(stream, stop_fd, err);
    if (rc < 0) {
        stream_free(stream);
        return rc;
    }
    t->stream = stream;
    t->base.fd = fd;
    return 0;
}

static int tls_open(struct sink_transport *base, int stop_fd, struct error *err)
{
    struct tls_transport *t = tls_of(base);
    t->taken = 0;
    t->window_max = 0;
    int rc = open_stream(t, stop_fd, err);
    if (rc < 0)
        error_prefix(err, "%s port %u", t->settings->address, t->settings->port);
    return rc;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void tls_encode(const struct sink_transport *base, const struct sink_record *r,
                       struct buf *out)
{
    const struct tls_transport *t = container_of(base, const struct tls_transport, base);
    CLEANUP_BUF struct buf message = { 0 };
    syslog_format_add(&message, t->format, r);
    syslog_frame_add(out, (struct span){ buf_data(&message), buf_len(&message) });
}

static enum sink_sent tls_send(struct sink_transport *base, struct span bytes, size_t *n,
                               struct error *err)
{
    struct tls_transport *t = tls_of(base);
    switch (stream_write(t->stream, bytes.data, bytes.len, n, err)) {
    case STREAM_OK:
        return SINK_SENT;
    case STREAM_WANT_READ:
        base->events = POLLIN;
        return SINK_WAIT;
    case STREAM_WANT_WRITE:
        base->events = POLLOUT;
        return SINK_WAIT;
    case STREAM_EOF:
        error_set(err, ERROR_PEER, "the receiver closed the connection");
        break;
    case STREAM_FAILED:
        break;
    }
    return SINK_BROKEN;
}

/* --- who is there ----------------------------------------------------------------------------- */

static int tls_look(struct sink_transport *base, struct error *err)
{
    struct tls_transport *t = tls_of(base);
    char scratch[4096];
    if (time(NULL) > tls_session_verified_until(stream_tls(t->stream)))
        return error_set(err, ERROR_DENIED, "the receiver's certificate is not valid any more");
    for (unsigned i = 0; i < READS_A_LOOK; i++) {
        size_t n;
        switch (stream_read(t->stream, scratch, sizeof(scratch), &n, err)) {
        case STREAM_OK:
            continue;
        case STREAM_WANT_READ:
        case STREAM_WANT_WRITE:
            return 0;
        case STREAM_EOF:
            return error_set(err, ERROR_PEER, "the receiver closed the connection");
        case STREAM_FAILED:
            return ERROR_PEER;
        }
    }
    return 0;
}

static bool get_info(const struct tls_transport *t, struct tcp_info *out)
{
    socklen_t len = sizeof(*out);
    memset(out, 0, sizeof(*out));
    return getsockopt(t->base.fd, IPPROTO_TCP, TCP_INFO, out, &len) == 0;
}

/* A receiver that reads opens its window again as wide as it was; one that does not lets what comes
 * lie in its kernel, where it is lost if the receiver ends, and its window gets narrower. That
 * shows late (Linux offers 64 KiB at first, and has room for more), but whatever it shows, no more
 * than the widest window's worth can lie there. */
static bool is_reading(struct tls_transport *t, uint32_t window)
{
    if (window > t->window_max)
        t->window_max = window;
    return window >= t->window_max - t->window_max / 4;
}

/* The queue is looked at before the acknowledgements: what is acknowledged between the two makes
 * `sent` too large, which is the safe side. */
static struct sink_progress tls_progress(struct sink_transport *base)
{
    struct tls_transport *t = tls_of(base);
    struct sink_progress p = { .taken = t->taken };
    struct tcp_info info;
    int queued = 0;
    if (ioctl(base->fd, SIOCOUTQ, &queued) < 0 || !get_info(t, &info))
        return p;
    p.sent = info.tcpi_bytes_acked + (uint64_t)queued;
    if (is_reading(t, info.tcpi_snd_wnd)) {
        t->taken = info.tcpi_bytes_acked;
        p.all = queued == 0;
    } else if (info.tcpi_bytes_acked > t->taken + t->window_max) {
        t->taken = info.tcpi_bytes_acked - t->window_max;
    }
    p.taken = t->taken;
    return p;
}

/* Our close_notify is behind all records: who then ends the connection in order has read them. (Who
 * leaves with something unread resets it.) */
static bool tls_finish(struct sink_transport *base, int64_t until_us)
{
    struct tls_transport *t = tls_of(base);
    struct tcp_info info;
    stream_shutdown(t->stream);
    while (tls_look(base, NULL) == 0) {
        if (sink_wait(-1, base->fd, POLLIN, until_us) != SINK_READY)
            return false;
    }
    return get_info(t, &info) && info.tcpi_state == TCP_CLOSE_WAIT_STATE;
}

static void tls_close(struct sink_transport *base)
{
    stream_free(TAKE_PTR(tls_of(base)->stream));
    base->fd = -1;
}

static void tls_free(struct sink_transport *base)
{
    tls_close(base);
    free(tls_of(base));
}

static const struct sink_transport_ops tls_ops = {
    .open = tls_open,
    .encode = tls_encode,
    .send = tls_send,
    .look = tls_look,
    .progress = tls_progress,
    .finish = tls_finish,
    .close = tls_close,
    .free = tls_free,
};

struct sink_transport *sink_transport_new_tls(const struct sink_tls_settings *settings,
                                              const struct syslog_format *format)
{
    struct tls_transport *t = MEM_NEW(struct tls_transport);
    t->base = (struct sink_transport){ .ops = &tls_ops, .fd = -1 };
    t->settings = settings;
    t->format = format;
    return &t->base;
}
