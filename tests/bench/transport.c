#include "config.h"
#include "tests/bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static _Noreturn void die_tls(const char *what)
{
    unsigned long e = ERR_peek_last_error();
    die("%s: %s", what, e ? ERR_reason_error_string(e) : strerror(errno));
}

SSL_CTX *transport_new_tls(const struct load_options *o)
{
    SSL_CTX *t = SSL_CTX_new(TLS_client_method());
    if (!t || !SSL_CTX_load_verify_locations(t, o->ca, NULL) ||
        !SSL_CTX_use_certificate_chain_file(t, o->cert) ||
        !SSL_CTX_use_PrivateKey_file(t, o->key, SSL_FILETYPE_PEM) ||
        !SSL_CTX_set_min_proto_version(t, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(t, o->ciphersuites) || !SSL_CTX_set1_groups_list(t, o->groups))
        die_tls("TLS settings");
    SSL_CTX_set_verify(t, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(t, SSL_SESS_CACHE_OFF); /* each handshake is a full one */
    SSL_CTX_set_mode(t, SSL_MODE_RELEASE_BUFFERS);
    return t;
}

static int connect_unix(const struct load_options *o, unsigned vm)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int n = snprintf(a.sun_path, sizeof(a.sun_path), "%s/vm%u.qmp", o->unix_directory, vm);
    if (n < 0 || (size_t)n >= sizeof(a.sun_path))
        die("path too long: %s", o->unix_directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* a UNIX socket connects at once, or waits for room in the backlog: so block for it */
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        die("%s: %s", a.sun_path, strerror(errno));
    return fd;
}

static int connect_tcp(const struct load_options *o)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)o->port) };
    if (inet_pton(AF_INET, o->host, &a.sin_addr) != 1)
        die("no IPv4 address: %s", o->host);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    return fd;
}

int transport_connect(const struct load *l, unsigned vm)
{
    return l->tls ? connect_tcp(&l->options) : connect_unix(&l->options, vm);
}

void transport_new_ssl(struct client *c)
{
    char name[256];
    snprintf(name, sizeof(name), "vm%u%s", c->vm, c->load->options.sni_suffix);
    c->ssl = SSL_new(c->load->tls);
    if (!c->ssl || !SSL_set_fd(c->ssl, c->fd) || !SSL_set_tlsext_host_name(c->ssl, name) ||
        !SSL_set1_host(c->ssl, name))
        die_tls("TLS session");
    SSL_set_connect_state(c->ssl);
}

static long outcome(struct client *c, int n, const char *what)
{
    switch (SSL_get_error(c->ssl, n)) {
    case SSL_ERROR_NONE:
        return n;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        die_tls(what);
    }
}

long transport_read(struct client *c, void *data, size_t len)
{
    if (c->ssl) {
        ERR_clear_error();
        return outcome(c, SSL_read(c->ssl, data, (int)len), "read");
    }
    ssize_t n = recv(c->fd, data, len, MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        die("read: %s", strerror(errno));
    return n;
}

long transport_write(struct client *c, const void *data, size_t len)
{
    if (c->ssl) {
        ERR_clear_error();
        return outcome(c, SSL_write(c->ssl, data, (int)len), "write");
    }
    ssize_t n = send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        die("write: %s", strerror(errno));
    return n;
}

void transport_describe(struct client *c, char *out, size_t size)
{
    int group = (int)SSL_get_negotiated_group(c->ssl);
    const char *name = SSL_group_to_name(c->ssl, group);
    snprintf(out, size, "%s %s %s", SSL_get_version(c->ssl), SSL_get_cipher_name(c->ssl),
             name ? name : "?");
}
