#include "config.h"
#include "cli/file.h"

#include <errno.h>

static enum cli_exit read_stream(const char *path, FILE *f, struct buf *out)
{
    struct error err;
    size_t n;
    errno = 0;
    while ((n = fread(buf_reserve(out, 65536), 1, 65536, f)) > 0) {
        buf_commit(out, n);
        if (buf_len(out) > CLI_FILE_MAX) {
            error_set(&err, ERROR_STATE, "%s is longer than %u MiB", path, CLI_FILE_MAX >> 20);
            return cli_fail_local(&err);
        }
    }
    if (ferror(f)) {
        error_set_errno(&err, "%s", path);
        return cli_fail_local(&err);
    }
    *buf_reserve(out, 1) = '\0';
    return CLI_EXIT_OK;
}

enum cli_exit cli_read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rbe");
    if (!f) {
        struct error err;
        error_set_errno(&err, "%s", path);
        return cli_fail_local(&err);
    }
    enum cli_exit code = read_stream(path, f, out);
    fclose(f);
    return code;
}
