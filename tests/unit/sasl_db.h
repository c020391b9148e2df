/* A sasldb of the test's own, made by the real saslpasswd2; and logins against it. What goes wrong
 * here ends the test program. */
#ifndef TESTS_UNIT_SASL_DB_H
#define TESTS_UNIT_SASL_DB_H

#include "auth/sasl.h"
#include "auth/sasl_client.h"

#define REALM "example.com"

/* In a new directory. false: saslpasswd2 is not installed. */
bool sasl_db_make(void);
void sasl_db_remove(void);
const char *sasl_db_path(void);
void sasl_db_add(const char *user, const char *realm, const char *password);
void sasl_db_disable(const char *user, const char *realm);

/* Both halves in one process. Zeroed: SCRAM-SHA-256 of alice with her password. */
struct exchange {
    struct sasl_login_settings server;
    struct sasl_caller_settings client;
    const char *struck_out; /* of the list that the client sees; or NULL */
    /* results */
    const char *mechanism;
    enum sasl_login_status status;
    int client_rc;            /* of the last thing that the client did */
    unsigned steps;           /* calls of the server */
    struct sasl_login *login; /* for its outcome; sasl_login_free */
    struct error err;
};
void exchange_run(struct exchange *x);

extern struct sasl_settings sasl_db_settings;
extern const char *exchange_password; /* what the client gives */

#endif
