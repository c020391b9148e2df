/* The server's half of a login by SASL (RFC 4422), by libsasl2. What goes over the wire, and how
 * often somebody may try, is the caller's; here are the mechanisms, the names, and the limits of
 * one exchange.
 *
 * Mechanisms: SCRAM-SHA-256-PLUS, SCRAM-SHA-256 (RFC 7677), PLAIN (RFC 4616), GSSAPI (RFC 4752) and
 * EXTERNAL (RFC 4422, appendix A); no others exist here, whatever plugins the machine has. No SASL
 * security layer is negotiated.
 *
 * No oracle: a wrong password, an unknown user, one whose account was taken away and a name of a
 * foreign realm all end as SASL_LOGIN_FAILED without data, after the same number of steps and the
 * same work. What the work depends on beyond that (a saslauthd) sasl_failure_wait_us hides.
 *
 * All of it blocks: sasldb is a file, saslauthd a socket, Kerberos may ask DNS. So never on a loop.
 * Threads: sasl_process_start once, before threads. Different logins may be used in different
 * threads at the same time; one login by one thread at a time, and not always the same one. */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include <stdbool.h>
#include <stdint.h>
#include "auth/identity.h"
#include "base/error.h"
#include "base/util.h"

#define SASL_LOGIN_DATA_MAX                                                                \
    (64u << 10)                  /* bytes of one step, decoded; Kerberos tickets are large \
                                  */
#define SASL_LOGIN_STEPS_MAX 16u /* of the client; GSSAPI takes 3 */
#define SASL_LOGIN_BINDING   32u /* bytes of tls-exporter, RFC 9266 */

/* --- the process ------------------------------------------------------------------------------ */

enum sasl_pwcheck { SASL_PWCHECK_SASLDB, SASL_PWCHECK_SASLAUTHD };

/* The configuration's section `sasl`. Borrowed during a call only. */
struct sasl_settings {
    const char *service;       /* "qmpgate": for saslauthd, and in Kerberos' service/hostname */
    const char *hostname;      /* likewise; NULL: the machine's */
    const char *realm;         /* lower case; NULL: hostname */
    const char *db;            /* sasldb; of SCRAM always */
    enum sasl_pwcheck pwcheck; /* who judges a password of PLAIN */
    const char *saslauthd;     /* its socket; NULL: Debian's */
    const char *keytab;        /* of Kerberos; NULL: its own */
};

/* Loads libsasl2's plugins. The keytab stays this one until the end, all else each login brings
 * along. A second call is an error. */
int sasl_process_start(const struct sasl_settings *settings, struct error *err) MUST_CHECK;
/* After it, and before a reload: is what these mechanisms (of all listeners) need there and
 * readable? Without its means a mechanism would refuse everybody. */
int sasl_settings_check(const struct sasl_settings *settings, const char *const *mechanisms,
                        size_t n_mechanisms, struct error *err) MUST_CHECK;
bool sasl_process_is_started(void);
void sasl_process_stop(void);

/* --- one login -------------------------------------------------------------------------------- */

enum sasl_over { SASL_OVER_TLS, SASL_OVER_UNIX }; /* over anything else there is no login */

/* Borrowed during the call only; `external` is referenced. */
struct sasl_login_settings {
    const struct sasl_settings *sasl;
    const char *const *mechanisms; /* what the listener offers, in full names */
    size_t n_mechanisms;
    enum sasl_over over;
    unsigned ssf;                 /* of the TLS session: bits of its cipher */
    const unsigned char *binding; /* tls-exporter, SASL_LOGIN_BINDING bytes; NULL: there is none,
                                   * and no SCRAM-SHA-256-PLUS */
    struct identity *external;    /* by certificate or peer credentials; NULL: there is none, and no
                                   * EXTERNAL */
};

struct sasl_login;

int sasl_login_new(const struct sasl_login_settings *settings, struct sasl_login **out,
                   struct error *err) MUST_CHECK;
/* Wipes what it knew. NULL is fine. */
void sasl_login_free(struct sasl_login *l);

/* The mechanisms that this login would start: what the listener offers without those that lack a
 * plugin, a binding or an external identity. The i-th; NULL past the last. */
const char *sasl_login_mechanism(const struct sasl_login *l, size_t i);

enum sasl_login_status {
    SASL_LOGIN_MORE,   /* the answer's data goes to the client, whose next step is awaited */
    SASL_LOGIN_DONE,   /* the answer's data, if any, goes to the client with the success */
    SASL_LOGIN_FAILED, /* "authentication failed", and no more than that; see sasl_login_why */
};

/* An answer without data and one with empty data are different things (RFC 4422, section 3.6). */
struct sasl_answer {
    bool has_data;
    struct span data; /* borrowed until the next call */
};

/* `data` NULL: the client sent none. A mechanism that is not offered fails at once. Each is an
 * error of the caller's client, and FAILED: a second start, a step before a start or after the end,
 * more than the limits above. After FAILED the login is only good for being asked why. */
enum sasl_login_status sasl_login_start(struct sasl_login *l, struct span mechanism,
                                        const struct span *data,
                                        struct sasl_answer *out) MUST_CHECK;
enum sasl_login_status sasl_login_step(struct sasl_login *l, const struct span *data,
                                       struct sasl_answer *out) MUST_CHECK;

/* Asked in a start or step before a password is put to saslauthd, where a guess may cost an account
 * more than a failure: false, and it is not, and the login fails. NULL: always. */
void sasl_login_set_gate(struct sasl_login *l, bool (*gate)(void *opaque, const char *name),
                         void *opaque);

/* --- after it --------------------------------------------------------------------------------- */

/* Who it is: sasl:user@realm, or for EXTERNAL the external identity itself. Borrowed; NULL unless
 * DONE. */
struct identity *sasl_login_identity(const struct sasl_login *l);

/* Whom the client wants to act for (RFC 4422: the authorization identity), in the form of an
 * identity's name; not judged. NULL: nobody but itself. Only after DONE. */
const char *sasl_login_authzid(const struct sasl_login *l);

/* For log and audit, never for the client: the mechanism that was started, "" before that; the name
 * that was claimed, proven or not, NULL if it was not told or was unfit; why it failed. Fit for a
 * line, without secrets. */
const char *sasl_login_started(const struct sasl_login *l);
const char *sasl_login_claimed(const struct sasl_login *l);
const char *sasl_login_why(const struct sasl_login *l);

/* Was a proof looked at? Not if whoever judges passwords could not be asked: then a failure is
 * nobody's guess. */
bool sasl_login_is_judged(const struct sasl_login *l);

/* Do its steps wait for somebody else (a saslauthd, Kerberos)? `mechanism`: one that it would
 * start. */
bool sasl_login_asks_others(const struct sasl_login *l, const char *mechanism);

/* How long to hold back the answer to a failure so that its time tells nothing: it goes out at the
 * next multiple of the delay after the client's message came. */
uint64_t sasl_failure_wait_us(uint64_t elapsed_us, uint64_t delay_us);

#endif
