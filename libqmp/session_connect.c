/* From a URI to a stream of bytes. */
#include "config.h"
#include "libqmp/session_internal.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "libqmp/libvirt.h"
#include "net/address.h"
#include "qmp/uri.h"

/* "HOST:PORT" or "[HOST]:PORT"; `text` is changed. */
static int connect_loopback(char *text, struct error *err)
{
    struct sockaddr_storage a;
    socklen_t len;
    char *colon = strrchr(text, ':'), *end;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || port == 0 || port > UINT16_MAX || *end || colon[1] < '0' || colon[1] > '9')
        return error_set(err, ERROR_INVALID, "a tcp URI is tcp:HOST:PORT");
    *colon = '\0';
    if (*text == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        text++;
    }
    int rc = address_parse(text, (unsigned)port, &a, &len, err);
    if (rc < 0)
        return rc;
    if (!address_is_loopback(&a))
        return error_set(err, ERROR_DENIED,
                         "%s is another machine: nothing would be encrypted on the way", text);
    return connect_tcp(&a, len, err);
}

static int open_tcp(const char *text, struct session_way *way, struct error *err)
{
    CLEANUP_FREE char *copy = mem_strdup(text);
    int fd = connect_loopback(copy, err);
    if (fd < 0)
        return fd;
    way->stream = stream_new_plain(fd);
    return 0;
}

static int open_tls(const struct uri *uri, const struct qmp_settings *settings, int64_t deadline,
                    struct session_way *way, struct error *err)
{
    bool reached;
    const struct connect_tls_settings tls = {
        .host = uri->host,
        .port = uri->port,
        .ca = settings_or_environment(settings->ca, "QMPGATE_CA"),
        .cert = settings_or_environment(settings->cert, "QMPGATE_CERT"),
        .key = settings_or_environment(settings->key, "QMPGATE_KEY"),
        .server_name = settings_or_environment(settings->server_name, "QMPGATE_SERVER_NAME"),
    };
    if (!uri->vm)
        return error_set(err, ERROR_INVALID, "which VM? A gateway's URI is qmps://HOST[:PORT]/VM");
    if (!tls.ca)
        return error_set(err, ERROR_INVALID,
                         "which certificate authority vouches for the gateway? None is set, nor is "
                         "QMPGATE_CA");
    if (!tls.cert != !tls.key)
        return error_set(err, ERROR_INVALID, "certificate and key go together: there is no %s",
                         tls.cert ? "key" : "certificate");
    return connect_tls_wait(&tls, deadline, &way->stream, &reached, err);
}

static int open_unix(const struct uri *uri, int64_t deadline, struct session_way *way,
                     struct error *err)
{
    int fd = connect_unix_wait(uri->path, deadline, err);
    if (fd < 0)
        return fd;
    way->stream = stream_new_plain(fd);
    way->passes_fds = true;
    return 0;
}

int session_connect(const char *text, const struct qmp_settings *settings, int64_t deadline,
                    struct session_way *way, struct error *err)
{
    CLEANUP_URI struct uri uri = { 0 };
    *way = (struct session_way){ 0 };
    if (strncmp(text, "tcp:", 4) == 0)
        return open_tcp(text + 4, way, err);
    if (strncmp(text, "libvirt:", 8) == 0)
        return libvirt_stream_new(text + 8, &way->stream, err);
    if (strncmp(text, "unix:", 5) != 0 && strncmp(text, "qmps:", 5) != 0)
        return error_set(err, ERROR_INVALID,
                         "a URI is unix:PATH, tcp:HOST:PORT, qmps://HOST[:PORT]/VM or "
                         "libvirt:VM?uri=URI");
    int rc = uri_parse(text, &uri, err);
    if (rc == 0)
        rc = uri.kind == URI_TLS ? open_tls(&uri, settings, deadline, way, err)
                                 : open_unix(&uri, deadline, way, err);
    if (rc == 0)
        way->vm = TAKE_PTR(uri.vm);
    return rc;
}
