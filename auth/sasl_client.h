/* The client's half of a login by SASL (RFC 4422): from what a server offers to the strongest
 * mechanism that both have, and through its steps. Prompts, and what goes over the wire, are the
 * caller's. For the command line and for libraries; it knows nothing of the rest of auth/.
 *
 * In this order: GSSAPI if Kerberos has a ticket, SCRAM-SHA-256-PLUS, SCRAM-SHA-256, EXTERNAL,
 * PLAIN. PLAIN hands the password over, so only to a server that is known (enum sasl_peer). The
 * server must prove itself where the mechanism can (SCRAM, GSSAPI): a server that says "complete"
 * before that is refused.
 *
 * May block: Kerberos may ask DNS and its KDC. Different callers may be used in different threads
 * at the same time. */
#ifndef AUTH_SASL_CLIENT_H
#define AUTH_SASL_CLIENT_H

#include <stdbool.h>
#include "base/error.h"
#include "base/util.h"

#define SASL_CALLER_BINDING 32u /* bytes of tls-exporter, RFC 9266 */

/* Once, before threads. */
int sasl_caller_process_start(struct error *err) MUST_CHECK;

enum sasl_peer {
    SASL_PEER_UNKNOWN,  /* nobody has verified who it is */
    SASL_PEER_VERIFIED, /* by its certificate, over TLS */
    SASL_PEER_LOCAL,    /* at the other end of a UNIX socket */
};

/* Asked for at most once, and only if the mechanism needs it. Memory of malloc, which is wiped and
 * freed; NULL: there is none, and the login ends. */
typedef char *sasl_password_fn(void *opaque);

/* Borrowed during the call only. */
struct sasl_caller_settings {
    const char *service;   /* "qmpgate" */
    const char *hostname;  /* the server's, as it was asked for; of Kerberos' principal */
    const char *user;      /* NULL: no mechanism with a password */
    const char *authzid;   /* whom to act for; NULL: nobody else */
    const char *mechanism; /* this one or none; NULL: the strongest */
    enum sasl_peer peer;
    const unsigned char *binding; /* tls-exporter, SASL_CALLER_BINDING bytes; NULL: none */
    bool external;                /* the server knows us: by certificate, or on a UNIX socket */
    sasl_password_fn *password;   /* may be NULL */
    void *opaque;
};

struct sasl_caller;
int sasl_caller_new(const struct sasl_caller_settings *settings, struct sasl_caller **out,
                    struct error *err) MUST_CHECK;
/* Wipes the password. NULL is fine. */
void sasl_caller_free(struct sasl_caller *c);

/* What to send; without data and with empty data are different things. */
struct sasl_said {
    bool has_data;
    struct span data; /* borrowed until the next call */
};

/* Chooses among what the server offers. *mechanism is one of the strings of this room. */
int sasl_caller_start(struct sasl_caller *c, const char *const *offered, size_t n_offered,
                      const char **mechanism, struct sasl_said *out, struct error *err) MUST_CHECK;
/* The server wants to hear more. */
int sasl_caller_step(struct sasl_caller *c, struct span data, struct sasl_said *out,
                     struct error *err) MUST_CHECK;
/* The server says that it is complete, with data or (NULL) without: 0 if it is for us too. */
int sasl_caller_finish(struct sasl_caller *c, const struct span *data,
                       struct error *err) MUST_CHECK;

#endif
