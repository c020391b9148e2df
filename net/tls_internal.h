/* What the parts of TLS share: tls_context.c loads, tls_verify.c judges peers, tls_session.c is the
 * stream. Private to net/. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include "net/tls.h"
#include "net/tls_known.h"

#define TLS_KEY_ID_BYTES     32 /* SHA-256 of a public key */
#define TLS_TICKET_KEY_BYTES 64 /* what GnuTLS wants for a ticket's master key */

/* A `ca` section: its own list of trust anchors and CRLs, so that no section speaks for another. */
struct tls_ca {
    char *name;                                 /* owned */
    gnutls_x509_trust_list_t trust;             /* owned, with the certificates and CRLs in it */
    unsigned char (*key_ids)[TLS_KEY_ID_BYTES]; /* of its CA certificates; owned */
    size_t n_key_ids;
    struct tls_validity *terms; /* of each CA certificate in `trust`; owned */
    size_t n_terms;
};

struct tls_expiry_entry {
    char *what; /* owned */
    time_t when;
};

struct tls_context {
    atomic_uint refs;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
    struct tls_ca *cas; /* in the order of the configuration */
    size_t n_cas;
    struct tls_known *known; /* clients' chains that verified: the one thing that changes */
    struct tls_expiry_entry *expiry;
    size_t n_expiry, cap_expiry;
    /* Tickets of one scope are sealed with a key derived from this one. It lives as long as the
     * context: after a reload a ticket means a full handshake. */
    unsigned char ticket_master[TLS_TICKET_KEY_BYTES];
};

void tls_context_add_expiry(struct tls_context *c, time_t when, const char *fmt, ...) PRINTF(3, 4);

/* Certificates of a PEM file. */
struct tls_crt_list {
    gnutls_x509_crt_t *crts; /* owned; NULL where one has been handed on */
    unsigned n;
};
int tls_crt_list_load(const char *file, struct tls_crt_list *out, struct error *err) MUST_CHECK;
void tls_crt_list_clear(struct tls_crt_list *l);
struct tls_validity tls_crt_validity(gnutls_x509_crt_t crt);

/* One `ca` section, its files read and checked (tls_ca.c). */
int tls_ca_load(struct tls_context *c, const struct tls_ca_settings *settings, struct tls_ca *out,
                struct error *err) MUST_CHECK;
void tls_ca_clear(struct tls_ca *ca);

/* "RFC 4514 name", with what a terminal would act on escaped. */
#define TLS_NAME_TEXT 256
const char *tls_subject_text(gnutls_x509_crt_t crt, char text[TLS_NAME_TEXT]);
const char *tls_issuer_text(gnutls_x509_crt_t crt, char text[TLS_NAME_TEXT]);
/* Escapes and frees what GnuTLS gave. */
const char *tls_name_text(gnutls_datum_t *take_name, char text[TLS_NAME_TEXT]);

/* error_set with what GnuTLS says behind it. */
int tls_error(struct error *err, enum error_code code, int gnutls_code, const char *fmt, ...)
    PRINTF(4, 5);

/* Who the peer must be. */
struct tls_expected {
    bool client;      /* a TLS client, and nothing more; otherwise a server of this name: */
    const char *host; /* a DNS name or an address */
};

struct tls_verdict {
    const char *ca;                   /* name of the section, borrowed from the context */
    time_t until;                     /* it holds so long; then ask again */
    gnutls_alert_description_t alert; /* what to tell a peer that was refused */
};

/* Verifies the chain, leaf first, against each section, by now: signatures, times, CRLs, purpose,
 * name. */
int tls_verify_chain(const struct tls_context *c, const gnutls_datum_t *chain, unsigned n,
                     const struct tls_expected *expected, struct tls_verdict *out,
                     struct error *err) MUST_CHECK;

#endif
