/* Where a password comes from: a file, or somebody at the terminal. Never the command line, which
 * every user of the machine can read, and never the environment, which every program that is
 * started inherits. Whoever gets one keeps it in memory that is wiped; from the first one on this
 * process leaves no core. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "base/error.h"

#define PASSWORD_MAX 1023u /* bytes; libsasl2 and the gateway's limits are far above it */

/* The first line of a file (or of a pipe: <(pass show gateway)), without its end. A file that is
 * another user's, or that others may read or write, is refused, as is a terminal, which would show
 * what is typed. Errors are ERROR_STATE. */
int password_read_file(const char *path, char **out, struct error *err) MUST_CHECK;

/* Asks at the terminal of this process, wherever standard input comes from, and shows nothing of
 * what is typed. Signals find the terminal as it was. ERROR_STATE: there is none, or nothing was
 * typed. `prompt` must be harmless for a terminal. */
int password_ask(const char *prompt, char **out, struct error *err) MUST_CHECK;

/* Wipes; NULL is fine. */
void password_free(char *password);

#endif
