/* To a receiver on this machine: journald, or a syslog daemon, by a UNIX socket. The kernel counts
 * what the receiver has not read yet (SIOCOUTQ), so that it is known what it has. */
#include "config.h"
#include "audit/sink_transport.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "audit/journal_format.h"
#include "base/clock.h"
#include "base/mem.h"

/* A record, escaped, with its fields: the kernel must take it as one datagram. */
#define SEND_BUFFER_BYTES (256 << 10)

struct unix_transport {
    struct sink_transport base;
    const char *path;
    const struct syslog_format *format; /* NULL: journald's */
    const char *identifier;             /* journald's */
    int type;                           /* SOCK_DGRAM or SOCK_STREAM */
    uint64_t sent, taken;               /* bytes */
};

static struct unix_transport *unix_of(struct sink_transport *t)
{
    return container_of(t, struct unix_transport, base);
}

enum sink_waited sink_wait(int stop_fd, int fd, short events, int64_t until_us)
{
    struct pollfd p[2] = { { .fd = stop_fd, .events = POLLIN }, { .fd = fd, .events = events } };
    for (;;) {
        int64_t left = until_us - clock_monotonic_us();
        int ms = left <= 0 ? 0 : left > 3600 * USEC_PER_SEC ? 3600000 : (int)((left + 999) / 1000);
        int n = poll(p, 2, ms);
        if (n > 0 && p[0].revents)
            return SINK_STOPPED;
        if (n > 0)
            return SINK_READY;
        if (n == 0 && left <= 0)
            return SINK_TIMEOUT;
    }
}

/* --- connecting ------------------------------------------------------------------------------- */

static int connect_as(struct unix_transport *u, int type, struct error *err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int size = SEND_BUFFER_BYTES;
    if (strlen(u->path) >= sizeof(a.sun_path))
        return error_set(err, ERROR_INVALID, "the path %s is too long for a socket", u->path);
    memcpy(a.sun_path, u->path, strlen(u->path));
    CLEANUP_FD int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(err, "cannot make a socket");
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        int saved = errno;
        error_set_errno(err, "cannot connect to %s", u->path);
        return saved == EPROTOTYPE ? ERROR_STATE : ERROR_PEER;
    }
    u->type = type;
    return TAKE_FD(fd);
}

static int unix_open(struct sink_transport *t, int stop_fd, struct error *err)
{
    struct unix_transport *u = unix_of(t);
    (void)stop_fd;
    t->fd = connect_as(u, SOCK_DGRAM, err);
    if (t->fd == ERROR_STATE && u->format) /* as found; journald has no other kind */
        t->fd = connect_as(u, SOCK_STREAM, err);
    if (t->fd < 0)
        return ERROR_PEER;
    u->sent = u->taken = 0;
    return 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

static void syslog_encode(const struct sink_transport *t, const struct sink_record *r,
                          struct buf *out)
{
    const struct unix_transport *u = container_of(t, const struct unix_transport, base);
    syslog_format_add(out, u->format, r);
    if (u->type == SOCK_STREAM)
        buf_add_char(out, '\n'); /* where a message ends; it has none within */
}

static void journal_encode(const struct sink_transport *t, const struct sink_record *r,
                           struct buf *out)
{
    const struct unix_transport *u = container_of(t, const struct unix_transport, base);
    journal_format_add(out, u->identifier, r);
}

/* An entry that is too long for a datagram goes to journald as a sealed file. */
static int send_file(int fd, struct span bytes)
{
    CLEANUP_FD int file = memfd_create("qmpgate-sink", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0 || write(file, bytes.data, bytes.len) != (ssize_t)bytes.len ||
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -1;
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { .room = { 0 } };
    struct msghdr m = { .msg_control = control.room, .msg_controllen = sizeof(control.room) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &file, sizeof(int));
    return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static ssize_t send_bytes(const struct unix_transport *u, struct span bytes)
{
    ssize_t n = send(u->base.fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    if (n < 0 && errno == EMSGSIZE && !u->format && send_file(u->base.fd, bytes) == 0)
        return (ssize_t)bytes.len;
    return n;
}

static enum sink_sent unix_send(struct sink_transport *t, struct span bytes, size_t *n,
                                struct error *err)
{
    struct unix_transport *u = unix_of(t);
    ssize_t rc = send_bytes(u, bytes);
    if (rc >= 0) {
        *n = (size_t)rc;
        u->sent += (uint64_t)rc;
        return SINK_SENT;
    }
    t->events = POLLOUT;
    if (errno == EAGAIN || errno == EINTR)
        return SINK_WAIT;
    if (errno == ENOBUFS) { /* the kernel is short of memory: no event tells when it is not */
        t->events = 0;
        return SINK_WAIT;
    }
    if (errno == EMSGSIZE)
        error_set(err, ERROR_LIMIT, "%s takes no message of %zu bytes: lower message_bytes",
                  u->path, bytes.len);
    else
        error_set_errno(err, "cannot send to %s", u->path);
    return SINK_BROKEN;
}

/* --- who is there ----------------------------------------------------------------------------- */

/* A receiver of datagrams that ends is not told of by any event, and what it had not read counts as
 * read then. An empty datagram finds out; receivers pass over it. */
static int look_datagram(struct unix_transport *u, struct error *err)
{
    if (send(u->base.fd, "", 0, MSG_NOSIGNAL) == 0 || errno == EAGAIN || errno == ENOBUFS)
        return 0;
    return error_set_errno(err, "%s", u->path);
}

static int look_stream(struct unix_transport *u, struct error *err)
{
    char scratch[4096];
    ssize_t n = recv(u->base.fd, scratch, sizeof(scratch), MSG_DONTWAIT);
    if (n > 0 || (n < 0 && errno == EAGAIN))
        return 0;
    return n == 0 ? error_set(err, ERROR_PEER, "%s: the receiver closed the connection", u->path)
                  : error_set_errno(err, "%s", u->path);
}

static int unix_look(struct sink_transport *t, struct error *err)
{
    struct unix_transport *u = unix_of(t);
    return u->type == SOCK_DGRAM ? look_datagram(u, err) : look_stream(u, err);
}

static struct sink_progress unix_progress(struct sink_transport *t)
{
    struct unix_transport *u = unix_of(t);
    int unread = 1;
    bool all = ioctl(t->fd, SIOCOUTQ, &unread) == 0 && unread == 0;
    if (all)
        u->taken = u->sent;
    return (struct sink_progress){ .sent = u->sent, .taken = u->taken, .all = all };
}

#define FINISH_LOOK_US (10 * USEC_PER_MSEC)

static bool unix_finish(struct sink_transport *t, int64_t until_us)
{
    while (!unix_progress(t).all) {
        int64_t now = clock_monotonic_us();
        if (now >= until_us)
            return false;
        sink_wait(-1, -1, 0, now + FINISH_LOOK_US);
    }
    return unix_look(t, NULL) == 0;
}

static void unix_close(struct sink_transport *t)
{
    if (t->fd >= 0)
        close(TAKE_FD(t->fd));
}

static void unix_free(struct sink_transport *t)
{
    unix_close(t);
    free(unix_of(t));
}

/* --- the two of them -------------------------------------------------------------------------- */

#define UNIX_OPS                                                                             \
    .whole = true, .barrier = true, .open = unix_open, .send = unix_send, .look = unix_look, \
    .progress = unix_progress, .finish = unix_finish, .close = unix_close, .free = unix_free

static const struct sink_transport_ops journal_ops = { UNIX_OPS, .encode = journal_encode };
static const struct sink_transport_ops syslog_ops = { UNIX_OPS, .encode = syslog_encode };

struct sink_transport *sink_transport_new_journal(const char *path, const char *identifier)
{
    struct unix_transport *u = MEM_NEW(struct unix_transport);
    u->base = (struct sink_transport){ .ops = &journal_ops, .fd = -1 };
    u->path = path;
    u->identifier = identifier;
    return &u->base;
}

struct sink_transport *sink_transport_new_unix(const char *path, const struct syslog_format *format)
{
    struct unix_transport *u = MEM_NEW(struct unix_transport);
    u->base = (struct sink_transport){ .ops = &syslog_ops, .fd = -1 };
    u->path = path;
    u->format = format;
    return &u->base;
}
