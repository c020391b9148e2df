#include "config.h"
#include "cli/connect.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "net/address.h"
#include "net/tls.h"

#define RECEIVE_BYTES (64u << 10) /* a read; a schema of 0.2 MB comes in a few */

struct transport {
    struct stream *stream;
    const sigset_t *wait_mask; /* borrowed; NULL: signals stay as they are */
    bool anonymous;            /* TLS without a client certificate, and nothing has come yet */
};

int64_t deadline_after(int64_t timeout_us)
{
    return timeout_us <= 0 ? DEADLINE_NEVER : clock_monotonic_us() + timeout_us;
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* 1: ready; 0: the deadline passed; negative: interrupted or failed. */
static int wait_for(int fd, short events, int64_t deadline, const sigset_t *wait_mask,
                    struct error *err)
{
    struct pollfd p = { .fd = fd, .events = events };
    for (;;) {
        struct timespec left, *timeout = NULL;
        if (deadline != DEADLINE_NEVER) {
            int64_t us = deadline - clock_monotonic_us();
            if (us < 0)
                us = 0;
            left = (struct timespec){ .tv_sec = us / USEC_PER_SEC,
                                      .tv_nsec = us % USEC_PER_SEC * 1000 };
            timeout = &left;
        }
        int n = ppoll(&p, 1, timeout, wait_mask);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return error_set_errno(err, "cannot wait for the connection");
        if (wait_mask)
            return error_set(err, ERROR_STATE, "interrupted");
    }
}

/* The poll events for what a stream call asked for; 0 if it asked for nothing. */
static short wanted_events(enum stream_status status)
{
    switch (status) {
    case STREAM_WANT_READ:
        return POLLIN;
    case STREAM_WANT_WRITE:
        return POLLOUT;
    case STREAM_OK:
    case STREAM_EOF:
    case STREAM_FAILED:
        break;
    }
    return 0;
}

/* --- sending and receiving -------------------------------------------------------------------- */

static int ended(enum stream_status status, struct error *err)
{
    if (status == STREAM_EOF)
        return error_set(err, ERROR_PEER, "the other side closed the connection");
    if (err)
        err->code = ERROR_PEER;
    return ERROR_PEER;
}

/* TLS 1.3 tells a client that it should have shown a certificate only after the handshake, and not
 * every server says it at all. */
static void suggest_certificate(struct error *err)
{
    CLEANUP_FREE char *text = mem_strdup(err->text);
    error_set(err, err->code, "%s (no client certificate was shown: --cert FILE --key FILE)", text);
}

int transport_send(struct transport *t, const void *data, size_t len, int64_t deadline,
                   struct error *err)
{
    const char *p = data;
    while (len > 0) {
        size_t n = 0;
        enum stream_status status = stream_write(t->stream, p, len, &n, err);
        if (status == STREAM_OK) {
            p += n;
            len -= n;
            continue;
        }
        if (!wanted_events(status))
            return ended(status, err);
        /* no signal here: a request that was sent in part would break the connection */
        int rc = wait_for(stream_fd(t->stream), wanted_events(status), deadline, NULL, err);
        if (rc == 0)
            return error_set(err, ERROR_PEER, "the other side takes no more data");
        if (rc < 0)
            return rc;
    }
    return 0;
}

int transport_receive(struct transport *t, struct buf *in, int64_t deadline, struct error *err)
{
    for (;;) {
        size_t n = 0;
        char *room = buf_reserve(in, RECEIVE_BYTES);
        enum stream_status status = stream_read(t->stream, room, RECEIVE_BYTES, &n, err);
        if (status == STREAM_OK) {
            buf_commit(in, n);
            t->anonymous = false;
            return 1;
        }
        if (!wanted_events(status)) {
            int failure = ended(status, err);
            if (t->anonymous)
                suggest_certificate(err);
            return failure;
        }
        int rc = wait_for(stream_fd(t->stream), wanted_events(status), deadline, t->wait_mask, err);
        if (rc <= 0)
            return rc;
    }
}

void transport_watch_signals(struct transport *t, const sigset_t *wait_mask)
{
    t->wait_mask = wait_mask;
}

struct stream *transport_stream(struct transport *t)
{
    return t->stream;
}

/* --- connecting ------------------------------------------------------------------------------- */

/* Waits until a descriptor that connects is connected. */
static int finish_connect(int fd, int64_t deadline, struct error *err)
{
    int rc = wait_for(fd, POLLOUT, deadline, NULL, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return error_set(err, ERROR_PEER, "no answer in time");
    int failure = 0;
    socklen_t len = sizeof(failure);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) < 0)
        return error_set_errno(err, "getsockopt");
    if (failure)
        return error_set(err, ERROR_PEER, "%s", strerror(failure));
    return 0;
}

static int connect_path(const char *path, int64_t deadline, int *out, struct error *err)
{
    CLEANUP_FD int fd = connect_unix(path, err);
    if (fd < 0)
        return fd;
    int rc = finish_connect(fd, deadline, err);
    if (rc < 0)
        return rc;
    *out = TAKE_FD(fd);
    return 0;
}

static int connect_address(const struct addrinfo *ai, int64_t deadline, int *out, struct error *err)
{
    struct sockaddr_storage address = { 0 };
    char text[ADDRESS_TEXT_MAX];
    memcpy(&address, ai->ai_addr, ai->ai_addrlen);
    CLEANUP_FD int fd = connect_tcp(&address, ai->ai_addrlen, err);
    int rc = fd < 0 ? fd : finish_connect(fd, deadline, err);
    if (rc < 0) {
        error_prefix(err, "%s", address_format(&address, text));
        return rc;
    }
    *out = TAKE_FD(fd);
    return 0;
}

/* Each of the addresses that are left gets its share of the time that is left. */
static int64_t share_deadline(int64_t deadline, unsigned n_left)
{
    int64_t now = clock_monotonic_us();
    if (deadline == DEADLINE_NEVER || deadline <= now)
        return deadline;
    return now + (deadline - now) / n_left;
}

static int connect_host(const struct uri *uri, int64_t deadline, int *out, struct error *err)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    char service[16];
    snprintf(service, sizeof(service), "%u", uri->port);
    int failure = getaddrinfo(uri->host, service, &hints, &list);
    if (failure)
        return error_set(err, ERROR_PEER, "the name \"%s\" has no address: %s", uri->host,
                         failure == EAI_SYSTEM ? strerror(errno) : gai_strerror(failure));
    unsigned n_left = 0;
    for (struct addrinfo *ai = list; ai; ai = ai->ai_next)
        n_left++;
    int rc = ERROR_PEER;
    for (struct addrinfo *ai = list; ai && rc < 0; ai = ai->ai_next)
        rc = connect_address(ai, share_deadline(deadline, n_left--), out, err);
    freeaddrinfo(list);
    return rc;
}

/* --- TLS -------------------------------------------------------------------------------------- */

static int make_context(const struct transport_settings *s, struct tls_context **out,
                        struct error *err)
{
    if (!s->ca)
        return error_set(err, ERROR_INVALID,
                         "which certificate authority vouches for the server? Give --ca FILE or "
                         "set QMPGATE_CA");
    if (!s->cert != !s->key)
        return error_set(err, ERROR_INVALID, "--cert and --key go together: %s is missing",
                         s->cert ? "--key (QMPGATE_KEY)" : "--cert (QMPGATE_CERT)");
    const struct tls_ca_settings ca = { .name = "", .file = s->ca };
    const struct tls_settings settings = {
        .cert = s->cert,
        .key = s->key,
        .cas = &ca,
        .n_cas = 1,
    };
    if (tls_init(err) == 0 && tls_context_new(&settings, out, err) == 0)
        return 0;
    err->code = ERROR_STATE; /* files of this side: nobody else is at fault */
    return ERROR_STATE;
}

int transport_check(const struct transport_settings *settings, struct error *err)
{
    if (settings->uri->kind != URI_TLS)
        return 0;
    struct tls_context *context = NULL;
    int rc = make_context(settings, &context, err);
    if (rc == 0)
        tls_context_unref(context);
    return rc;
}

static int shake_hands(struct stream *stream, int64_t deadline, struct error *err)
{
    for (;;) {
        enum stream_status status = stream_handshake(stream, err);
        if (status == STREAM_OK)
            return 0;
        if (!wanted_events(status))
            return ended(status, err);
        int rc = wait_for(stream_fd(stream), wanted_events(status), deadline, NULL, err);
        if (rc == 0)
            return error_set(err, ERROR_PEER, "the TLS handshake does not end");
        if (rc < 0)
            return rc;
    }
}

static int open_tls(const struct transport_settings *s, int64_t deadline, struct stream **out,
                    struct error *err)
{
    struct tls_context *context = NULL;
    CLEANUP_FD int fd = -1;
    int rc = make_context(s, &context, err);
    if (rc < 0)
        return rc;
    rc = connect_host(s->uri, deadline, &fd, err);
    if (rc == 0) {
        /* an address' zone says which interface it is on, not whose it is */
        CLEANUP_FREE char *name = mem_strdup(s->server_name ? s->server_name : s->uri->host);
        name[strcspn(name, "%")] = '\0';
        struct stream *stream = stream_new_tls_client(context, TAKE_FD(fd), name, NULL);
        rc = shake_hands(stream, deadline, err);
        if (rc == 0)
            *out = stream;
        else
            stream_free(stream);
        if (rc < 0 && !s->cert)
            suggest_certificate(err);
    }
    tls_context_unref(context);
    return rc;
}

static int open_unix(const struct transport_settings *s, int64_t deadline, struct stream **out,
                     struct error *err)
{
    CLEANUP_FD int fd = -1;
    int rc = connect_path(s->uri->path, deadline, &fd, err);
    if (rc == 0)
        *out = stream_new_plain(TAKE_FD(fd));
    return rc;
}

int transport_open(const struct transport_settings *s, int64_t deadline, struct transport **out,
                   struct error *err)
{
    struct stream *stream = NULL;
    int rc = ERROR_INVALID;
    *out = NULL;
    switch (s->uri->kind) {
    case URI_TLS:
        rc = open_tls(s, deadline, &stream, err);
        break;
    case URI_UNIX:
        rc = open_unix(s, deadline, &stream, err);
        break;
    }
    if (rc < 0)
        return rc;
    *out = MEM_NEW(struct transport);
    (*out)->stream = stream;
    (*out)->anonymous = s->uri->kind == URI_TLS && !s->cert;
    return 0;
}

void transport_free(struct transport *t)
{
    if (!t)
        return;
    stream_shutdown(t->stream);
    stream_free(t->stream);
    free(t);
}
