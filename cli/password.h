/* A password from somebody at the terminal. Never from the command line, which every user of the
 * machine can read, and never from the environment, which every program that is started inherits.
 * Whoever gets one keeps it in memory that is wiped. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "base/error.h"

#define PASSWORD_MAX 1023u /* bytes; libsasl2 and the gateway's limits are far above it */

/* Asks at the terminal of this process, wherever standard input comes from, and shows nothing of
 * what is typed. Signals find the terminal as it was; from now on this process leaves no core.
 * ERROR_STATE: there is none, or nothing was typed. `prompt` must be harmless for a terminal. */
int password_ask(const char *prompt, char **out, struct error *err) MUST_CHECK;

/* For who gets one elsewhere. */
void password_leave_no_core(void);

#endif
