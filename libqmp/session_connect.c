/* From a URI to a stream of bytes. */
#include "config.h"
#include "libqmp/session_internal.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "libqmp/libvirt.h"
#include "libqmp/login.h"
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
        return error_set(err, ERROR_INVALID,
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

static int tls_settings_of(const struct uri *uri, const struct qmp_settings *s,
                           struct connect_tls_settings *out, struct error *err)
{
    *out = (struct connect_tls_settings){
        .host = uri->host,
        .port = uri->port,
        .ca = settings_or_environment(s->ca, "QMPGATE_CA"),
        .cert = settings_or_environment(s->cert, "QMPGATE_CERT"),
        .key = settings_or_environment(s->key, "QMPGATE_KEY"),
        .server_name = settings_or_environment(s->server_name, "QMPGATE_SERVER_NAME"),
    };
    if (!out->ca)
        return error_set(err, ERROR_INVALID,
                         "which certificate authority vouches for the gateway? %s says it",
                         settings_name(s, QMP_SETTING_CA));
    if (!out->cert != !out->key)
        return error_set(err, ERROR_INVALID, "certificate and key go together: there is no %s (%s)",
                         out->cert ? "key" : "certificate",
                         settings_name(s, out->cert ? QMP_SETTING_KEY : QMP_SETTING_CERTIFICATE));
    return 0;
}

/* TLS 1.3 tells a client that it should have shown a certificate only after the handshake, and not
 * every server says it at all. */
static char *certificate_advice(const struct qmp_settings *s)
{
    return mem_printf("no client certificate was shown: %s %s",
                      settings_name(s, QMP_SETTING_CERTIFICATE), settings_name(s, QMP_SETTING_KEY));
}

static int open_tls(const struct uri *uri, const struct qmp_settings *settings, int64_t deadline,
                    struct session_way *way, struct error *err)
{
    bool reached = false;
    struct connect_tls_settings tls;
    if (!uri->vm && settings->target == QMP_TARGET_VM)
        return error_set(err, ERROR_INVALID, "which VM? A gateway's URI is qmps://HOST[:PORT]/VM");
    int rc = tls_settings_of(uri, settings, &tls, err);
    if (rc < 0)
        return rc;
    if (!tls.cert)
        way->advice = certificate_advice(settings);
    rc = connect_tls_wait(&tls, deadline, &way->stream, &reached, err);
    if (rc < 0 && reached && way->advice) {
        CLEANUP_FREE char *text = mem_strdup(err->text);
        return error_set(err, err->code, "%s (%s)", text, way->advice);
    }
    way->tls = true;
    way->certificate = tls.cert != NULL;
    way->server = mem_strdup(tls.server_name ? tls.server_name : uri->host);
    return rc;
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

void session_way_clear(struct session_way *way)
{
    stream_free(way->stream);
    free(way->vm);
    free(way->server);
    free(way->advice);
    *way = (struct session_way){ 0 };
}

/* unix: or qmps: into its parts; of the others *uri stays empty. */
static int read_uri(const char *text, struct uri *uri, bool *parsed, struct error *err)
{
    *parsed = strncmp(text, "unix:", 5) == 0 || strncmp(text, "qmps:", 5) == 0;
    if (*parsed)
        return uri_parse(text, uri, err);
    if (strncmp(text, "tcp:", 4) == 0 || strncmp(text, "libvirt:", 8) == 0)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "a URI is qmps://HOST[:PORT]/VM, unix:PATH, unix:PATH?vm=VM, tcp:HOST:PORT or "
                     "libvirt:VM?uri=URI");
}

int qmp_settings_check(const struct qmp_settings *settings, const char *text,
                       struct qmp_error **err)
{
    struct error e;
    struct login login;
    struct connect_tls_settings tls;
    CLEANUP_URI struct uri uri = { 0 };
    bool parsed;
    if (login_init(&login, settings, err) < 0)
        return -1;
    login_clear(&login);
    int rc = read_uri(text, &uri, &parsed, &e);
    if (rc == 0 && parsed && uri.kind == URI_TLS) {
        rc = tls_settings_of(&uri, settings, &tls, &e);
        if (rc == 0)
            rc = connect_tls_check(&tls, &e);
    }
    return rc == 0 ? 0 : problem_from(err, &e, QMP_ERROR_KIND_LOCAL, QMP_OUTCOME_NOT_SENT);
}

int session_connect(const char *text, const struct qmp_settings *settings, int64_t deadline,
                    struct session_way *way, struct error *err)
{
    CLEANUP_URI struct uri uri = { 0 };
    bool parsed;
    *way = (struct session_way){ 0 };
    int rc = read_uri(text, &uri, &parsed, err);
    if (rc == 0 && !parsed)
        return *text == 't' ? open_tcp(text + strlen("tcp:"), way, err)
                            : libvirt_stream_new(text + strlen("libvirt:"), &way->stream, err);
    if (rc == 0)
        rc = uri.kind == URI_TLS ? open_tls(&uri, settings, deadline, way, err)
                                 : open_unix(&uri, deadline, way, err);
    if (rc == 0)
        way->vm = TAKE_PTR(uri.vm);
    else
        session_way_clear(way);
    return rc;
}
