/* A stream over GnuTLS, which drives the non-blocking descriptor itself and keeps no more than a
 * record. It asks for a record's five bytes of header and then for the rest; we read ahead of it,
 * so that a record, or several small ones, cost one system call. */
#include "config.h"
#include "net/tls_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/mem.h"
#include "base/secret.h"
#include "net/stream_ops.h"

#define SNI_MAX 255 /* bytes of a DNS name */
#define HANDSHAKE_BYTES \
    (32u << 10)             /* of one handshake message: a chain of 8 certificates, generously */
#define TICKET_SECONDS 3600 /* how long a ticket spares the full handshake */
#define WARNINGS_MAX   8u   /* harmless interruptions in one call; more is a peer at play */
#define AHEAD_BYTES    (16u << 10) /* of one read ahead */
#define RECORD_HEADER  5u          /* bytes: type, version, length */
#define SESSION_FLAGS  (GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL)

/* TLS 1.2 tickets would give away the session's own master secret with the ticket key; those of
 * TLS 1.3 come with a fresh key exchange. */
#define SERVER_FLAGS (GNUTLS_SERVER | GNUTLS_NO_TICKETS_TLS12 | SESSION_FLAGS)
#define CLIENT_FLAGS (GNUTLS_CLIENT | SESSION_FLAGS)

struct tls_session {
    struct stream base;
    gnutls_session_t session;
    struct tls_context *context; /* a reference: GnuTLS has none on its credentials */
    const char *ca;              /* section of the verified peer, borrowed from the context */
    time_t until;                /* that it verified holds so long */
    char *name;                  /* server: the SNI; client: whom to verify. Owned */
    char *ticket_scope;          /* server, until the handshake is over. Owned */
    size_t interrupted;          /* bytes of the send that GnuTLS still holds */
    const unsigned char *ahead;  /* read, not yet asked for: in the thread's scratch during a
                                  * read, between reads in ahead_kept */
    size_t ahead_len;
    unsigned char *ahead_kept;        /* owned, NULL if nothing is left over */
    struct error *err;                /* of the handshake call that is running, for the hook */
    gnutls_alert_description_t alert; /* what a refused peer is told; 0: nothing of ours */
    enum tls_client_cert client_cert;
    bool server;
    bool tickets_on;
    bool verified;    /* in this handshake already */
    bool established; /* handshake and verification are over */
    bool failed;
};

static struct tls_session *session_of(struct stream *s)
{
    return container_of(s, struct tls_session, base);
}

static enum stream_status fail(struct tls_session *t)
{
    t->failed = true;
    return STREAM_FAILED;
}

static enum stream_status wanted(const struct tls_session *t)
{
    return gnutls_record_get_direction(t->session) ? STREAM_WANT_WRITE : STREAM_WANT_READ;
}

/* --- the ClientHello -------------------------------------------------------------------------- */

/* RFC 6066, section 3: a list of (type, name); type 0 is a host name, and there is at most one. */
static int parse_sni(struct tls_session *t, const unsigned char *p, unsigned len)
{
    if (len < 5 || ((unsigned)p[0] << 8 | p[1]) != len - 2 || p[2] != 0)
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    unsigned size = (unsigned)p[3] << 8 | p[4];
    if (size == 0 || size > SNI_MAX || size != len - 5 || memchr(p + 5, '\0', size))
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    /* a second ClientHello (after a retry request) must ask for the same */
    if (t->name && (strlen(t->name) != size || memcmp(t->name, p + 5, size) != 0))
        return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
    if (!t->name)
        t->name = mem_strndup((const char *)p + 5, size);
    return 0;
}

static int on_extension(void *arg, unsigned id, const unsigned char *data, unsigned len)
{
    enum { EXTENSION_SERVER_NAME = 0 };
    return id == EXTENSION_SERVER_NAME ? parse_sni(arg, data, len) : 0;
}

/* A ticket opens only where it was issued: same context, listener, demand for a certificate, and
 * SNI. */
static int enable_tickets(struct tls_session *t)
{
    const struct {
        const char *data;
        size_t len;
    } parts[] = {
        { (char[]){ (char)t->client_cert }, 1 },
        { t->ticket_scope, strlen(t->ticket_scope) + 1 },
        { t->name ? t->name : "", t->name ? strlen(t->name) : 0 },
    };
    gnutls_hmac_hd_t mac;
    int rc =
        gnutls_hmac_init(&mac, GNUTLS_MAC_SHA512, t->context->ticket_master, TLS_TICKET_KEY_BYTES);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < ARRAY_SIZE(parts) && rc >= 0; i++)
        rc = gnutls_hmac(mac, parts[i].data, parts[i].len);
    unsigned char key[TLS_TICKET_KEY_BYTES]; /* exactly what SHA-512 gives */
    gnutls_hmac_deinit(mac, key);
    if (rc >= 0)
        rc = gnutls_session_ticket_enable_server(t->session, &(gnutls_datum_t){ key, sizeof(key) });
    secret_wipe(key, sizeof(key));
    return rc;
}

/* The name is taken from this very message, never from a ticket. */
static int on_client_hello(struct tls_session *t, const gnutls_datum_t *message)
{
    int rc = gnutls_ext_raw_parse(t, on_extension, message, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
    if (rc < 0 || t->tickets_on)
        return rc;
    t->tickets_on = true;
    return enable_tickets(t);
}

/* --- the peer --------------------------------------------------------------------------------- */

static struct tls_expected expected_peer(const struct tls_session *t)
{
    return (struct tls_expected){ .client = t->server, .host = t->server ? NULL : t->name };
}

static int verify_peer(const struct tls_session *t, struct tls_context *c,
                       struct tls_verdict *verdict, struct error *err)
{
    unsigned n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(t->session, &n);
    *verdict = (struct tls_verdict){
        .ca = NULL,
        .until = TLS_VALID_ALWAYS.until, /* of nothing */
        .alert = GNUTLS_A_CERTIFICATE_REQUIRED,
    };
    if (!chain || n == 0) {
        if (t->server && t->client_cert != TLS_CLIENT_CERT_REQUIRED)
            return 0;
        return error_set(err, ERROR_DENIED, "the %s presented no certificate",
                         t->server ? "client" : "server");
    }
    struct tls_expected expected = expected_peer(t);
    return tls_verify_chain(c, chain, n, &expected, verdict, err);
}

static int verify_now(struct tls_session *t, struct error *err)
{
    struct tls_verdict verdict;
    int rc = verify_peer(t, t->context, &verdict, err);
    t->verified = rc == 0;
    t->ca = verdict.ca;
    t->until = verdict.until;
    t->alert = rc < 0 ? verdict.alert : 0;
    return rc;
}

/* Runs before GnuTLS reads a message of the client's: the ticket key is there before tickets are
 * looked at, and the client's signature is not, before its certificate is known to be good: a
 * stranger may bring a key as large as he likes, and a signature by it costs us seconds. */
static int on_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                      const gnutls_datum_t *message)
{
    struct tls_session *t = gnutls_session_get_ptr(session);
    if (!incoming || t->established)
        return 0;
    if (type == GNUTLS_HANDSHAKE_CLIENT_HELLO)
        return on_client_hello(t, message);
    if (type == GNUTLS_HANDSHAKE_CERTIFICATE_VERIFY)
        return verify_now(t, t->err) < 0 ? GNUTLS_E_CERTIFICATE_ERROR : 0;
    return 0;
}

/* A resumed session comes here with the certificate from its ticket, not verified yet. */
static enum stream_status finish_handshake(struct tls_session *t, struct error *err)
{
    free(TAKE_PTR(t->ticket_scope));
    if (!t->verified && verify_now(t, err) < 0) {
        gnutls_alert_send(t->session, GNUTLS_AL_FATAL, t->alert);
        return fail(t);
    }
    t->established = true;
    return STREAM_OK;
}

/* --- what went wrong -------------------------------------------------------------------------- */

static const struct {
    int code;
    const char *words;
} failures[] = {
    { GNUTLS_E_CERTIFICATE_REQUIRED, "the client presented no certificate" },
    { GNUTLS_E_NO_CERTIFICATE_FOUND, "the client presented no certificate" },
    { GNUTLS_E_UNSUPPORTED_VERSION_PACKET, "the peer speaks neither TLS 1.2 nor TLS 1.3" },
    { GNUTLS_E_PREMATURE_TERMINATION, "the peer closed the connection without ending TLS" },
    { GNUTLS_E_REHANDSHAKE, "the peer asked for renegotiation, which is not offered" },
    { GNUTLS_E_UNEXPECTED_PACKET, "the peer does not speak TLS, or not now" },
    { GNUTLS_E_UNEXPECTED_PACKET_LENGTH, "the peer does not speak TLS" },
    { GNUTLS_E_RECORD_OVERFLOW, "the peer does not speak TLS, or sent a record that is too long" },
    { GNUTLS_E_NO_CIPHER_SUITES, "no cipher suite in common with the peer" },
    { GNUTLS_E_DECRYPTION_FAILED, "a record from the peer does not decrypt" },
};

static void explain(struct tls_session *t, int code, int saved_errno, struct error *err)
{
    if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        const char *name = gnutls_alert_get_name(gnutls_alert_get(t->session));
        error_set(err, ERROR_PEER, "the peer refused: TLS alert '%s'", name ? name : "unknown");
        return;
    }
    if (code == GNUTLS_E_PULL_ERROR || code == GNUTLS_E_PUSH_ERROR) {
        errno = saved_errno;
        error_set_errno(err, "the connection broke");
        if (err)
            err->code = ERROR_PEER;
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        if (failures[i].code == code) {
            error_set(err, ERROR_PEER, "%s", failures[i].words);
            return;
        }
    }
    error_set(err, ERROR_PEER, "TLS: %s", gnutls_strerror(code));
}

static bool is_harmless(int code)
{
    return code == GNUTLS_E_INTERRUPTED || code == GNUTLS_E_WARNING_ALERT_RECEIVED;
}

static enum stream_status check_usable(struct tls_session *t, struct error *err)
{
    if (t->established && !t->failed)
        return STREAM_OK;
    error_set(err, ERROR_STATE, "the TLS session is not open");
    return fail(t);
}

/* --- reading ahead ---------------------------------------------------------------------------- */

static _Thread_local unsigned char scratch[AHEAD_BYTES];

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
    struct tls_session *t = ptr;
    if (!t->established) /* the handshake ends at an exact byte */
        return recv(t->base.fd, data, len, 0);
    if (t->ahead_len == 0) {
        ssize_t got = recv(t->base.fd, scratch, sizeof(scratch), 0);
        if (got <= 0)
            return got;
        t->ahead = scratch;
        t->ahead_len = (size_t)got;
    }
    size_t n = len < t->ahead_len ? len : t->ahead_len;
    memcpy(data, t->ahead, n);
    t->ahead += n;
    t->ahead_len -= n;
    return (ssize_t)n;
}

/* Nothing waits here: the descriptor is non-blocking, and deadlines are the caller's. */
static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
    (void)ptr, (void)ms;
    return 1;
}

/* The scratch is the thread's: what is left over moves out of it before anybody else reads. */
static void keep_ahead(struct tls_session *t)
{
    if (t->ahead_len == 0) {
        free(TAKE_PTR(t->ahead_kept));
    } else if (t->ahead >= scratch && t->ahead < scratch + sizeof(scratch)) {
        unsigned char *kept = mem_dup(t->ahead, t->ahead_len);
        free(t->ahead_kept);
        t->ahead_kept = kept;
        t->ahead = kept;
    }
}

/* Bytes of a whole record that lies here, which poll does not tell of; 0 if there is none. */
static size_t record_ahead(const struct tls_session *t)
{
    if (t->ahead_len < RECORD_HEADER)
        return 0;
    size_t len = RECORD_HEADER + ((size_t)t->ahead[3] << 8 | t->ahead[4]);
    return t->ahead_len >= len ? len : 0;
}

/* --- the operations of a stream --------------------------------------------------------------- */

static enum stream_status tls_handshake(struct stream *s, struct error *err)
{
    struct tls_session *t = session_of(s);
    if (t->established && !t->failed)
        return STREAM_OK;
    if (t->failed)
        return check_usable(t, err);

    int rc = GNUTLS_E_INTERRUPTED;
    t->err = err;
    for (unsigned i = 0; i < WARNINGS_MAX && is_harmless(rc); i++)
        rc = gnutls_handshake(t->session);
    int saved_errno = errno;
    t->err = NULL;
    if (rc == GNUTLS_E_AGAIN)
        return wanted(t);
    if (rc == GNUTLS_E_SUCCESS)
        return finish_handshake(t, err);
    if (rc == GNUTLS_E_PREMATURE_TERMINATION) { /* it went away: no fault of its credentials */
        explain(t, rc, saved_errno, err);
        t->failed = true;
        return STREAM_EOF;
    }
    if (t->alert) {
        gnutls_alert_send(t->session, GNUTLS_AL_FATAL, t->alert);
        return fail(t);
    }
    explain(t, rc, saved_errno, err);
    if (rc != GNUTLS_E_FATAL_ALERT_RECEIVED)
        gnutls_alert_send_appropriate(t->session, rc);
    return fail(t);
}

/* After a record without data (a ticket, a key update) GnuTLS says AGAIN, as if poll knew of the
 * next one. Each round takes at least one record of what lies here. */
static ssize_t receive(struct tls_session *t, void *data, size_t len)
{
    ssize_t rc = GNUTLS_E_INTERRUPTED;
    size_t before;
    for (unsigned i = 0; i < WARNINGS_MAX && is_harmless((int)rc); i++) {
        do {
            before = t->ahead_len;
            rc = gnutls_record_recv(t->session, data, len);
        } while (rc == GNUTLS_E_AGAIN && record_ahead(t) > 0 && t->ahead_len != before);
    }
    return rc;
}

static enum stream_status tls_read(struct stream *s, void *data, size_t len, size_t *n,
                                   struct error *err)
{
    struct tls_session *t = session_of(s);
    if (UNLIKELY(!t->established || t->failed))
        return check_usable(t, err);

    ssize_t rc = receive(t, data, len);
    int saved_errno = errno;
    keep_ahead(t);
    if (rc > 0) {
        *n = (size_t)rc;
        return STREAM_OK;
    }
    if (rc == GNUTLS_E_AGAIN)
        return wanted(t);
    if (rc == 0)
        return STREAM_EOF;
    explain(t, (int)rc, saved_errno, err);
    return fail(t);
}

static enum stream_status tls_write(struct stream *s, const void *data, size_t len, size_t *n,
                                    struct error *err)
{
    struct tls_session *t = session_of(s);
    if (UNLIKELY(!t->established || t->failed))
        return check_usable(t, err);
    if (len == 0)
        return STREAM_OK;

    ssize_t rc = GNUTLS_E_INTERRUPTED;
    for (unsigned i = 0; i < WARNINGS_MAX && is_harmless((int)rc); i++) {
        /* GnuTLS keeps the record of an interrupted send: (NULL, 0) goes on with it, and the answer
         * is the length of the first call. Given the bytes again it would send them twice. */
        rc = t->interrupted ? gnutls_record_send(t->session, NULL, 0)
                            : gnutls_record_send(t->session, data, len);
        if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
            t->interrupted = t->interrupted ? t->interrupted : len;
    }
    if (rc > 0) {
        t->interrupted = 0;
        *n = (size_t)rc;
        return STREAM_OK;
    }
    if (rc == GNUTLS_E_AGAIN)
        return wanted(t);
    explain(t, (int)rc, errno, err);
    return fail(t);
}

static size_t tls_pending(const struct stream *s)
{
    const struct tls_session *t = container_of(s, const struct tls_session, base);
    return t->established ? gnutls_record_check_pending(t->session) + record_ahead(t) : 0;
}

static void tls_shutdown(struct stream *s)
{
    struct tls_session *t = session_of(s);
    if (t->established && !t->failed)
        gnutls_bye(t->session, GNUTLS_SHUT_WR);
}

static struct tls_session *tls_tls(struct stream *s)
{
    return session_of(s);
}

static void tls_free(struct stream *s)
{
    struct tls_session *t = session_of(s);
    if (t->session)
        gnutls_deinit(t->session);
    tls_context_unref(t->context);
    free(t->ahead_kept);
    free(t->name);
    free(t->ticket_scope);
    free(t);
}

static const struct stream_ops tls_ops = {
    .handshake = tls_handshake,
    .read = tls_read,
    .write = tls_write,
    .pending = tls_pending,
    .shutdown = tls_shutdown,
    .tls = tls_tls,
    .free = tls_free,
};

/* --- making one ------------------------------------------------------------------------------- */

static struct tls_session *session_new(struct tls_context *c, int take_fd, unsigned flags)
{
    struct tls_session *t = MEM_NEW(struct tls_session);
    stream_init(&t->base, &tls_ops, take_fd);
    t->context = tls_context_ref(c);
    int rc = gnutls_init(&t->session, flags);
    if (rc < 0) {
        t->session = NULL;
        t->failed = true;
        return t;
    }
    gnutls_session_set_ptr(t->session, t);
    gnutls_transport_set_int(t->session, take_fd);
    gnutls_transport_set_ptr2(t->session, t, (gnutls_transport_ptr_t)(intptr_t)take_fd);
    gnutls_transport_set_pull_function(t->session, pull);
    gnutls_transport_set_pull_timeout_function(t->session, pull_timeout);
    gnutls_handshake_set_max_packet_length(t->session, HANDSHAKE_BYTES);
    if (gnutls_priority_set(t->session, c->priority) < 0 ||
        gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, c->credentials) < 0)
        t->failed = true;
    return t;
}

struct stream *stream_new_tls_server(struct tls_context *c, int take_fd,
                                     enum tls_client_cert client_cert, const char *ticket_scope)
{
    static const gnutls_certificate_request_t request[] = {
        [TLS_CLIENT_CERT_REQUIRED] = GNUTLS_CERT_REQUIRE,
        [TLS_CLIENT_CERT_OPTIONAL] = GNUTLS_CERT_REQUEST,
        [TLS_CLIENT_CERT_NONE] = GNUTLS_CERT_IGNORE,
    };
    struct tls_session *t = session_new(c, take_fd, SERVER_FLAGS);
    t->server = true;
    t->client_cert = client_cert;
    t->ticket_scope = mem_strdup(ticket_scope ? ticket_scope : "");
    if (t->session) {
        gnutls_certificate_server_set_request(t->session, request[client_cert]);
        gnutls_db_set_cache_expiration(t->session, TICKET_SECONDS);
        gnutls_handshake_set_hook_function(t->session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE,
                                           on_message);
    }
    return &t->base;
}

static bool is_address(const char *host)
{
    unsigned char ip[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
}

struct stream *stream_new_tls_client(struct tls_context *c, int take_fd, const char *sni,
                                     const char *verify_host)
{
    struct tls_session *t = session_new(c, take_fd, CLIENT_FLAGS);
    t->name = mem_strdup(verify_host ? verify_host : sni);
    if (t->session && sni && !is_address(sni) &&
        gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, sni, strlen(sni)) < 0)
        t->failed = true;
    return &t->base;
}

/* --- questions -------------------------------------------------------------------------------- */

const char *tls_session_sni(struct tls_session *t)
{
    return t->server ? t->name : NULL;
}

const char *tls_session_version(struct tls_session *t)
{
    return gnutls_protocol_get_name(gnutls_protocol_get_version(t->session));
}

const char *tls_session_cipher(struct tls_session *t)
{
    return gnutls_cipher_get_name(gnutls_cipher_get(t->session));
}

bool tls_session_resumed(struct tls_session *t)
{
    return gnutls_session_is_resumed(t->session) != 0;
}

unsigned tls_session_bits(struct tls_session *t)
{
    return t->established ? (unsigned)gnutls_cipher_get_key_size(gnutls_cipher_get(t->session)) * 8
                          : 0;
}

int tls_session_exporter(struct tls_session *t, unsigned char out[TLS_EXPORTER_BYTES],
                         struct error *err)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    if (!t->established || t->failed)
        return error_set(err, ERROR_STATE, "the TLS handshake is not over");
    if (gnutls_protocol_get_version(t->session) != GNUTLS_TLS1_3 &&
        !gnutls_session_ext_master_secret_status(t->session))
        return error_set(err, ERROR_DENIED,
                         "this TLS session has no extended master secret: nothing binds to it");
    int rc = gnutls_prf_rfc5705(t->session, sizeof(label) - 1, label, 0, NULL, TLS_EXPORTER_BYTES,
                                (char *)out);
    return rc < 0 ? tls_error(err, ERROR_SYSTEM, rc, "cannot export from the TLS session") : 0;
}

bool tls_session_peer(struct tls_session *t, struct tls_peer *out)
{
    unsigned n = 0;
    if (!t->established || !t->ca)
        return false;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(t->session, &n);
    if (!chain || n == 0)
        return false;
    *out = (struct tls_peer){ .der = chain[0].data, .der_len = chain[0].size, .ca = t->ca };
    return true;
}

time_t tls_session_verified_until(const struct tls_session *t)
{
    return t->until;
}

int tls_session_reverify(struct tls_session *t, struct tls_context *c, struct error *err)
{
    struct tls_verdict verdict;
    int rc = verify_peer(t, c, &verdict, err);
    if (rc < 0)
        return rc;
    /* the same certificate under another section's name is another identity */
    if (t->ca && (!verdict.ca || strcmp(t->ca, verdict.ca) != 0))
        return error_set(err, ERROR_DENIED,
                         "the certificate belongs to CA section '%s' now, not '%s'",
                         verdict.ca ? verdict.ca : "", t->ca);
    t->until = verdict.until;
    return 0;
}
