#include "config.h"
#include "cli/connect.h"

#include <stdbool.h>
#include <stdlib.h>
#include "base/mem.h"

#define RECEIVE_BYTES (64u << 10) /* a read; a schema of 0.2 MB comes in a few */

struct transport {
    struct stream *stream;
    const sigset_t *wait_mask; /* borrowed; NULL: signals stay as they are */
    bool anonymous;            /* TLS without a client certificate, and nothing has come yet */
};

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
        if (!stream_wanted_events(status))
            return ended(status, err);
        /* no signal here: a request that was sent in part would break the connection */
        int rc =
            wait_for_fd(stream_fd(t->stream), stream_wanted_events(status), deadline, NULL, err);
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
        if (!stream_wanted_events(status)) {
            int failure = ended(status, err);
            if (t->anonymous)
                suggest_certificate(err);
            return failure;
        }
        int rc = wait_for_fd(stream_fd(t->stream), stream_wanted_events(status), deadline,
                             t->wait_mask, err);
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

static int tls_settings_of(const struct transport_settings *s, struct connect_tls_settings *out,
                           struct error *err)
{
    if (!s->ca)
        return error_set(err, ERROR_INVALID,
                         "which certificate authority vouches for the server? Give --ca FILE or "
                         "set QMPGATE_CA");
    if (!s->cert != !s->key)
        return error_set(err, ERROR_INVALID, "--cert and --key go together: %s is missing",
                         s->cert ? "--key (QMPGATE_KEY)" : "--cert (QMPGATE_CERT)");
    *out = (struct connect_tls_settings){ .host = s->uri->host,
                                          .port = s->uri->port,
                                          .cert = s->cert,
                                          .key = s->key,
                                          .ca = s->ca,
                                          .server_name = s->server_name };
    return 0;
}

int transport_check(const struct transport_settings *settings, struct error *err)
{
    struct connect_tls_settings tls;
    if (settings->uri->kind != URI_TLS)
        return 0;
    int rc = tls_settings_of(settings, &tls, err);
    return rc < 0 ? rc : connect_tls_check(&tls, err);
}

static int open_tls(const struct transport_settings *s, int64_t deadline, struct stream **out,
                    struct error *err)
{
    struct connect_tls_settings tls;
    bool reached = false;
    int rc = tls_settings_of(s, &tls, err);
    if (rc == 0)
        rc = connect_tls_wait(&tls, deadline, out, &reached, err);
    if (rc < 0 && reached && !s->cert)
        suggest_certificate(err);
    return rc;
}

static int open_unix(const struct transport_settings *s, int64_t deadline, struct stream **out,
                     struct error *err)
{
    int fd = connect_unix_wait(s->uri->path, deadline, err);
    if (fd < 0)
        return fd;
    *out = stream_new_plain(fd);
    return 0;
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
