#include "config.h"
#include "net/connect.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "net/address.h"
#include "net/tls.h"

/* --- waiting ---------------------------------------------------------------------------------- */

int wait_for_fd(int fd, short events, int64_t deadline, const sigset_t *wait_mask,
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

short stream_wanted_events(enum stream_status status)
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

/* --- connecting ------------------------------------------------------------------------------- */

/* Waits until a descriptor that connects is connected. */
static int finish_connect(int fd, int64_t deadline, struct error *err)
{
    int rc = wait_for_fd(fd, POLLOUT, deadline, NULL, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return error_set(err, ERROR_PEER, "no answer in time");
    return connect_result(fd, err);
}

int connect_unix_wait(const char *path, int64_t deadline, struct error *err)
{
    CLEANUP_FD int fd = connect_unix(path, err);
    int rc = fd < 0 ? fd : finish_connect(fd, deadline, err);
    return rc < 0 ? rc : TAKE_FD(fd);
}

static int connect_address(const struct addrinfo *ai, int64_t deadline, struct error *err)
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
    return TAKE_FD(fd);
}

/* Each of the addresses that are left gets its share of the time that is left. */
static int64_t share_deadline(int64_t deadline, unsigned n_left)
{
    int64_t now = clock_monotonic_us();
    if (deadline == DEADLINE_NEVER || deadline <= now)
        return deadline;
    return now + (deadline - now) / n_left;
}

int connect_host_wait(const char *host, unsigned port, int64_t deadline, struct error *err)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    char service[16];
    snprintf(service, sizeof(service), "%u", port);
    int failure = getaddrinfo(host, service, &hints, &list);
    if (failure)
        return error_set(err, ERROR_PEER, "the name \"%s\" has no address: %s", host,
                         failure == EAI_SYSTEM ? strerror(errno) : gai_strerror(failure));
    unsigned n_left = 0;
    for (struct addrinfo *ai = list; ai; ai = ai->ai_next)
        n_left++;
    int rc = ERROR_PEER;
    for (struct addrinfo *ai = list; ai && rc < 0; ai = ai->ai_next)
        rc = connect_address(ai, share_deadline(deadline, n_left--), err);
    freeaddrinfo(list);
    return rc;
}

/* --- TLS -------------------------------------------------------------------------------------- */

static int make_context(const struct connect_tls_settings *s, struct tls_context **out,
                        struct error *err)
{
    const struct tls_ca_settings ca = { .name = "", .file = s->ca };
    const struct tls_settings settings = {
        .cert = s->cert,
        .key = s->key,
        .cas = &ca,
        .n_cas = 1,
    };
    if (tls_init(err) == 0 && tls_context_new(&settings, out, err) == 0)
        return 0;
    err->code = ERROR_STATE;
    return ERROR_STATE;
}

int connect_tls_check(const struct connect_tls_settings *settings, struct error *err)
{
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
        if (!stream_wanted_events(status)) {
            if (status == STREAM_EOF)
                return error_set(err, ERROR_PEER, "the other side closed the connection");
            err->code = ERROR_PEER;
            return ERROR_PEER;
        }
        int rc = wait_for_fd(stream_fd(stream), stream_wanted_events(status), deadline, NULL, err);
        if (rc == 0)
            return error_set(err, ERROR_PEER, "the TLS handshake does not end");
        if (rc < 0)
            return rc;
    }
}

int connect_tls_wait(const struct connect_tls_settings *s, int64_t deadline, struct stream **out,
                     bool *reached, struct error *err)
{
    struct tls_context *context = NULL;
    int rc = make_context(s, &context, err);
    if (rc < 0)
        return rc;
    int fd = rc = connect_host_wait(s->host, s->port, deadline, err);
    *reached = rc >= 0;
    if (*reached) {
        /* an address' zone says which interface it is on, not whose it is */
        CLEANUP_FREE char *name = mem_strdup(s->server_name ? s->server_name : s->host);
        name[strcspn(name, "%")] = '\0';
        struct stream *stream = stream_new_tls_client(context, fd, name, NULL);
        rc = shake_hands(stream, deadline, err);
        if (rc == 0)
            *out = stream;
        else
            stream_free(stream);
    }
    tls_context_unref(context);
    return rc;
}
