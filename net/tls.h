/* TLS by GnuTLS: credentials that are built whole, validated, then swapped; streams over them.
 * TLS 1.2 and 1.3 only, no 0-RTT, no renegotiation. The peer is verified by ourselves in every
 * handshake, resumed or not: in a full one before its signature is looked at, in a resumed one by
 * the certificate in the ticket. Tickets (TLS 1.3 only) open where they were issued: same context,
 * listener, demand for a certificate, and SNI; so none survives a reload.
 *
 * A client's certificate must lead to a CA of one of the sections, be valid now, not be on that
 * section's CRL, be no CA's, and have an extended key usage that names TLS clients: without any it
 * is refused too. Where a certificate is optional, a bad one is refused all the same. An old CRL
 * still refuses whom it lists, and tls_context_expiry says that it is old. Source: RFC 5246, 8446,
 * 5280, 6066 (SNI), 5077, 9266. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdint.h>
#include <time.h>
#include "net/stream.h"

struct tls_ca_settings {
    const char *name; /* "" for the only, unnamed one */
    const char *file; /* PEM, one or more certificates */
    const char *crl;  /* PEM, may be NULL */
};

struct tls_settings {
    const char *cert; /* PEM chain; NULL for a client without a certificate */
    const char *key;  /* PEM file, or a pkcs11: URI */
    const char
        *priority; /* GnuTLS priority string; NULL: the default (SECURE256-like, TLS 1.2 and 1.3) */
    const struct tls_ca_settings *cas;
    size_t n_cas;
};

/* Immutable but for what GnuTLS locks itself, and for a small table of clients' chains that
 * verified (it has a lock); reference counted (atomic); each stream holds one. */
struct tls_context;

/* Loads and checks all of it (key fits certificate, files readable, CRL signed by its CA and not
 * older than its nextUpdate only warns by tls_context_expiry). */
int tls_context_new(const struct tls_settings *settings, struct tls_context **out,
                    struct error *err) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c);

/* What expires when: the i-th of (own certificate, CA certificates, CRLs); false past the last.
 * `what` is a sentence part such as "certificate /etc/.../server.crt". */
struct tls_expiry {
    const char *what; /* borrowed */
    time_t when;
};
bool tls_context_expiry(const struct tls_context *c, size_t i, struct tls_expiry *out);

enum tls_client_cert { TLS_CLIENT_CERT_REQUIRED, TLS_CLIENT_CERT_OPTIONAL, TLS_CLIENT_CERT_NONE };

/* A server's stream. `ticket_scope` (a listener's name) binds tickets: one issued by another
 * listener gives a full handshake. Takes the descriptor. */
struct stream *stream_new_tls_server(struct tls_context *c, int take_fd,
                                     enum tls_client_cert client_cert, const char *ticket_scope);

/* A client's stream: `host` is sent as SNI and verified against the certificate (an address is
 * verified as one and not sent). `verify_host` if not NULL is verified in its place. */
struct stream *stream_new_tls_client(struct tls_context *c, int take_fd, const char *sni,
                                     const char *verify_host);

/* --- after the handshake ---------------------------------------------------------------------- */

/* Name the client asked for, NULL if none; bytes as sent but never longer than 255 and no NUL. */
const char *tls_session_sni(struct tls_session *t);
const char *tls_session_version(struct tls_session *t); /* "TLS1.3" */
const char *tls_session_cipher(struct tls_session *t);
bool tls_session_resumed(struct tls_session *t);
/* Bits of the cipher's strength: what SASL calls an external security strength factor. */
unsigned tls_session_bits(struct tls_session *t);

/* What binds a login to this very session: tls-exporter by RFC 9266. Both ends have the same bytes,
 * nobody between them has. Refused for TLS 1.2 without the extended master secret (RFC 7627): there
 * somebody between two sessions can make both have the same. */
#define TLS_EXPORTER_BYTES 32
int tls_session_exporter(struct tls_session *t, unsigned char out[TLS_EXPORTER_BYTES],
                         struct error *err) MUST_CHECK;

/* A verified peer certificate: DER of the leaf (borrowed), and the name of the CA section that it
 * leads to. */
struct tls_peer {
    const unsigned char *der;
    size_t der_len;
    const char *ca;
};
/* false if the client gave no certificate. */
bool tls_session_peer(struct tls_session *t, struct tls_peer *out);

/* Past this, something has ended on which it rests that the peer verified (its certificate, or one
 * that leads to a CA): verify again. INT64_MAX if it gave no certificate. */
time_t tls_session_verified_until(const struct tls_session *t);

/* Is the peer of this live session still good by another context (after a reload: new CA files,
 * new CRL), or by the same at another time? 0, or negative with the reason. */
int tls_session_reverify(struct tls_session *t, struct tls_context *c,
                         struct error *err) MUST_CHECK;

/* Global start, once before threads. */
int tls_init(struct error *err) MUST_CHECK;

#endif
