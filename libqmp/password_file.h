/* A password in a file. */
#ifndef LIBQMP_PASSWORD_FILE_H
#define LIBQMP_PASSWORD_FILE_H

#include "base/error.h"

#define PASSWORD_MAX 1023u /* bytes; libsasl2 and the gateway's limits are far above it */

/* The first line of a file (or of a pipe: <(pass show gateway)), without its end; owned, to be
 * wiped. A file that is another user's, or that others may read or write, is refused, as is a
 * terminal, which would show what is typed. Errors are ERROR_STATE. */
int password_file_read(const char *path, char **out, struct error *err) MUST_CHECK;

#endif
