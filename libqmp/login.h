/* Who we are, where a gateway wants a login: what the program said, the password, and the exchange
 * by SASL (RFC 4422) in gateway-auth-start and gateway-auth-step. Over TLS the server is always
 * verified before this begins; over a UNIX socket nobody knows who is behind it, and no password is
 * handed over (PLAIN). */
#ifndef LIBQMP_LOGIN_H
#define LIBQMP_LOGIN_H

#include <string.h>
#include "base/error.h"
#include "base/util.h"
#include "libqmp/settings.h"

struct login {
    const struct qmp_settings *settings; /* borrowed, as all that was said is; NULL: it was not */
    const char *user;
    const char *mechanism; /* in its proper spelling */
    const char *password_file;
    bool demanded; /* and not by the environment: not to be asked for a login is an error then */

    /* of the connection that is tried */
    char *server;     /* owned: the name that is verified, or this machine's */
    bool tls;         /* the server was verified */
    bool certificate; /* and knows ours */

    /* what came of it */
    char *password;             /* owned, wiped */
    bool wants_password;        /* it failed for this alone: login_ask */
    struct error file;          /* why there is none in the file; "": that is not it */
    const char *mechanism_used; /* NULL: it was not needed */
    bool failed, succeeded;
};

/* QMP_ERROR_KIND_ARGUMENT: what was said makes no sense. Nothing is owned yet. */
int login_init(struct login *l, const struct qmp_settings *settings,
               struct qmp_error **err) MUST_CHECK;
/* Wipes the password, unless it was good and is to be kept with the settings. */
void login_clear(struct login *l);

/* Logs in to a gateway whose gateway-info is `info`. *reply: what the gateway returned at its end,
 * owned, with the VM's greeting if it attached one. */
int login_run(struct login *l, struct qmp_session *s, const char *info, char **reply,
              struct qmp_error **err) MUST_CHECK;

/* Asks the program for the password, with no connection waiting: a gateway gives a login half a
 * minute. */
int login_ask(struct login *l, struct qmp_error **err) MUST_CHECK;

/* For who leaves words out: the first word of a setting's name. "%.*s" */
#define LOGIN_NAME_ARGS(l, setting)                             \
    (int)strcspn(settings_name((l)->settings, (setting)), " "), \
        settings_name((l)->settings, (setting))

#endif
