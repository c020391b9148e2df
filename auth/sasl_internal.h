/* What the parts of SASL share: sasl_process.c sets libsasl2 up once, sasl_decoy.c gives unknown
 * users a password, sasl_server.c is one login. Private to auth/. */
#ifndef AUTH_SASL_INTERNAL_H
#define AUTH_SASL_INTERNAL_H

#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include "auth/sasl.h"

/* Before sasl_server_init or sasl_client_init: locks, and memory that is wiped when it is freed
 * (libsasl2 copies passwords). Once for both, whoever comes first. */
void sasl_prepare_library(void);

/* For SASL_CB_VERIFYFILE: loads the plugins that are needed, and no others. */
int sasl_choose_plugin(void *context, const char *file, sasl_verify_type_t type);

/* Of those that libsasl2 has loaded; read-only after the start. */
bool sasl_has_plugin(const char *mechanism);

/* --- options of libsasl2 ---------------------------------------------------------------------- */

/* SASL_CB_GETOPT's work. Every option that decides who may log in is answered here, so that a file
 * under /etc/sasl2 cannot. `mechanisms`: separated by spaces, NULL for none. */
int sasl_option(const struct sasl_settings *settings, const char *mechanisms, const char *option,
                const char **result, unsigned *len);

/* --- the decoy -------------------------------------------------------------------------------- */

#define SASL_DECOY_PLUGIN "qmpgate-decoy"

int sasl_decoy_add(struct error *err) MUST_CHECK;

/* sasl_server.c: the login whose user has no password; the decoy tells it. */
void sasl_login_has_no_user(const sasl_utils_t *utils);

#endif
