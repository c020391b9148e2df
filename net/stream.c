#include "config.h"
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/stream_ops.h"

void stream_init(struct stream *s, const struct stream_ops *ops, int take_fd)
{
    s->ops = ops;
    s->fd = take_fd;
    int flags = fcntl(take_fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK))
        fcntl(take_fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(take_fd, F_SETFD, FD_CLOEXEC);
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    close(s->fd);
    s->ops->free(s);
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}

enum stream_status stream_handshake(struct stream *s, struct error *err)
{
    return s->ops->handshake(s, err);
}

enum stream_status stream_read(struct stream *s, void *data, size_t len, size_t *n,
                               struct error *err)
{
    *n = 0;
    return s->ops->read(s, data, len, n, err);
}

enum stream_status stream_write(struct stream *s, const void *data, size_t len, size_t *n,
                                struct error *err)
{
    *n = 0;
    return s->ops->write(s, data, len, n, err);
}

size_t stream_pending(const struct stream *s)
{
    return s->ops->pending(s);
}

void stream_shutdown(struct stream *s)
{
    s->ops->shutdown(s);
}

struct tls_session *stream_tls(struct stream *s)
{
    return s->ops->tls(s);
}

/* --- plain ------------------------------------------------------------------------------------ */

static enum stream_status plain_handshake(struct stream *s, struct error *err)
{
    return STREAM_OK;
}

/* A descriptor that comes along is closed by the kernel, since nobody asks for ancillary data. */
static enum stream_status plain_read(struct stream *s, void *data, size_t len, size_t *n,
                                     struct error *err)
{
    ssize_t got;
    do {
        got = recv(s->fd, data, len, 0);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        *n = (size_t)got;
        return STREAM_OK;
    }
    if (got == 0)
        return STREAM_EOF;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return STREAM_WANT_READ;
    error_set_errno(err, "cannot read");
    return STREAM_FAILED;
}

/* What came of a send; errno is still that of it. */
static enum stream_status sent(ssize_t put, size_t *n, struct error *err)
{
    if (put >= 0) {
        *n = (size_t)put;
        return STREAM_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return STREAM_WANT_WRITE;
    error_set_errno(err, "cannot write");
    return STREAM_FAILED;
}

static enum stream_status plain_write(struct stream *s, const void *data, size_t len, size_t *n,
                                      struct error *err)
{
    ssize_t put;
    do {
        put = send(s->fd, data, len, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    return sent(put, n, err);
}

static size_t plain_pending(const struct stream *s)
{
    return 0;
}

static void plain_shutdown(struct stream *s)
{
    shutdown(s->fd, SHUT_WR);
}

static struct tls_session *plain_tls(struct stream *s)
{
    return NULL;
}

static void plain_free(struct stream *s)
{
    free(s);
}

static const struct stream_ops plain_ops = {
    .handshake = plain_handshake,
    .read = plain_read,
    .write = plain_write,
    .pending = plain_pending,
    .shutdown = plain_shutdown,
    .tls = plain_tls,
    .free = plain_free,
};

enum stream_status stream_write_fd(struct stream *s, const void *data, size_t len, int fd,
                                   size_t *n, struct error *err)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { .room = { 0 } };
    struct iovec part = { .iov_base = (void *)data, .iov_len = len };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.room,
                              .msg_controllen = sizeof(control.room) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    ssize_t put;
    *n = 0;
    if (s->ops != &plain_ops) {
        error_set(err, ERROR_STATE, "no descriptor can go along on this way");
        return STREAM_FAILED;
    }
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    do {
        put = sendmsg(s->fd, &message, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    return sent(put, n, err);
}

struct stream *stream_new_plain(int take_fd)
{
    struct stream *s = MEM_NEW(struct stream);
    stream_init(s, &plain_ops, take_fd);
    return s;
}
