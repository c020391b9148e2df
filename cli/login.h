/* Who we are, where a gateway wants a login: what the user said, the password, and the exchange by
 * SASL (RFC 4422) in gateway-auth-start and gateway-auth-step. Over TLS the server is always
 * verified before this begins; over a UNIX socket nobody knows who is behind it, and no password is
 * handed over (PLAIN). */
#ifndef CLI_LOGIN_H
#define CLI_LOGIN_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include "base/error.h"

struct session;
struct transport_settings;

struct login {
    /* said by the user, borrowed; NULL: not */
    const char *user;
    const char *mechanism; /* one that login_mechanism returned */
    const char *password_file;
    const char *act_as;   /* an identity of the policy's: sasl:bob@tenants */
    bool demanded;        /* by an option: not to be asked for a login is an error then */
    bool keeps_password;  /* for sessions to come; otherwise it is wiped when a session is open */
    bool cannot_ask;      /* nobody is there to type a password */
    bool may_stay_nobody; /* with no way to log in said and none found, go on without */

    /* what came of it */
    char *password;             /* owned, wiped */
    bool wants_password;        /* the latest session failed for this alone: login_ask */
    const char *mechanism_used; /* of the latest session; NULL: it was not needed */
    struct error obstacle;      /* why it stayed nobody; "": it did not */
};

/* The name in its proper spelling; NULL: there is none such. */
const char *login_mechanism(const char *text);

/* Wipes the password. */
void login_clear(struct login *l);

/* Logs in to a gateway whose gateway-info is `info`. *reply: what the gateway returned at its end,
 * owned, with the VM's greeting if it attached one; NULL: stayed nobody. ERROR_DENIED: refused, or
 * there is no way; ERROR_STATE: the password cannot be had here. */
int login_run(struct login *l, struct session *s, const struct transport_settings *transport,
              struct json_object *info, struct json_object **reply, struct error *err) MUST_CHECK;

/* Asks for the password, with no connection waiting: a gateway gives a login half a minute. */
int login_ask(struct login *l, const struct transport_settings *transport,
              struct error *err) MUST_CHECK;

#endif
