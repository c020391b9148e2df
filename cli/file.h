/* Files that a command line names. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include "base/buf.h"
#include "cli/cli.h"

#define CLI_FILE_MAX (256u << 20) /* bytes; a text that is longer is not what was meant */

/* The whole file, with a NUL behind it that is not counted. Failures are told. */
enum cli_exit cli_read_file(const char *path, struct buf *out);

#endif
