#include "config.h"
#include "libqmp/password_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/secret.h"

#define LINE_SIZE (PASSWORD_MAX + 3) /* with the longest end of a line, and a NUL */

static int check_file(int fd, const char *path, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_set(err, ERROR_STATE, "password file %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        return error_set(err, ERROR_STATE, "password file %s: it is neither a file nor a pipe",
                         path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return error_set(err, ERROR_STATE,
                         "password file %s belongs to another user: it must be yours", path);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return error_set(err, ERROR_STATE,
                         "password file %s is open to others (mode %04o): chmod 600 %s", path,
                         (unsigned)st.st_mode & 07777u, path);
    return 0;
}

/* Up to a line feed, the end, or until there is no more room. */
static ssize_t read_line(int fd, char line[LINE_SIZE])
{
    size_t len = 0;
    while (len < LINE_SIZE - 1 && !memchr(line, '\n', len)) {
        ssize_t n = read(fd, line + len, LINE_SIZE - 1 - len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n == 0)
            break;
        if (n > 0)
            len += (size_t)n;
    }
    return (ssize_t)len;
}

static int take_line(char line[LINE_SIZE], size_t len, const char *path, char **out,
                     struct error *err)
{
    char *end = memchr(line, '\n', len);
    size_t n = end ? (size_t)(end - line) : len;
    if (end && n > 0 && line[n - 1] == '\r')
        n--;
    if (n > PASSWORD_MAX)
        return error_set(err, ERROR_STATE,
                         "password file %s: its first line is longer than %u bytes", path,
                         PASSWORD_MAX);
    if (n == 0)
        return error_set(err, ERROR_STATE, "password file %s: its first line is empty", path);
    if (memchr(line, '\0', n))
        return error_set(err, ERROR_STATE, "password file %s: its first line has a NUL byte", path);
    *out = mem_strndup(line, n);
    return 0;
}

int password_file_read(const char *path, char **out, struct error *err)
{
    char line[LINE_SIZE];
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_set(err, ERROR_STATE, "password file %s: %s", path, strerror(errno));
    int rc = check_file(fd, path, err);
    if (rc < 0)
        return rc;
    ssize_t len = read_line(fd, line);
    if (len < 0)
        rc = error_set(err, ERROR_STATE, "password file %s: %s", path, strerror(errno));
    else
        rc = take_line(line, (size_t)len, path, out, err);
    secret_wipe(line, sizeof(line));
    return rc;
}
