/* Sockets that listen, and sockets that connect. */
#include "config.h"
#include "net/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/util.h"

#define SOCKET_FLAGS (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

static int set_flag(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof(on));
}

/* --- TCP -------------------------------------------------------------------------------------- */

int listen_tcp(const char *host, unsigned port, struct error *err)
{
    struct sockaddr_storage a;
    socklen_t len;
    int rc = address_parse(host, port, &a, &len, err);
    if (rc < 0)
        return rc;
    CLEANUP_FD int fd = socket(a.ss_family, SOCKET_FLAGS, 0);
    if (fd < 0)
        return error_set_errno(err, "cannot make a socket for %s port %u", host, port);
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    /* accepted sockets inherit these two */
    set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
    set_flag(fd, SOL_SOCKET, SO_KEEPALIVE);
    if (a.ss_family == AF_INET6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0)
        return error_set_errno(err, "cannot make %s take IPv6 only", host);
    if (bind(fd, (struct sockaddr *)&a, len) < 0 || listen(fd, SOMAXCONN) < 0)
        return error_set_errno(err, "cannot listen on %s port %u", host, port);
    return TAKE_FD(fd);
}

int connect_tcp(const struct sockaddr_storage *a, socklen_t len, struct error *err)
{
    char text[ADDRESS_TEXT_MAX];
    CLEANUP_FD int fd = socket(a->ss_family, SOCKET_FLAGS, 0);
    if (fd < 0)
        return error_set_errno(err, "cannot make a socket for %s", address_format(a, text));
    set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
    set_flag(fd, SOL_SOCKET, SO_KEEPALIVE);
    if (connect(fd, (const struct sockaddr *)a, len) < 0 && errno != EINPROGRESS)
        return error_set_errno(err, "cannot connect to %s", address_format(a, text));
    return TAKE_FD(fd);
}

/* --- UNIX ------------------------------------------------------------------------------------- */

static int unix_address(const char *path, struct sockaddr_un *out, struct error *err)
{
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(out->sun_path))
        return error_set(err, ERROR_INVALID, "a socket's path has 1 to %zu bytes: '%.200s'",
                         sizeof(out->sun_path) - 1, path);
    memcpy(out->sun_path, path, len);
    return 0;
}

int connect_unix(const char *path, struct error *err)
{
    struct sockaddr_un a;
    int rc = unix_address(path, &a, err);
    if (rc < 0)
        return rc;
    CLEANUP_FD int fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
    if (fd < 0)
        return error_set_errno(err, "cannot make a socket for %s", path);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
        /* a UNIX socket does not go on connecting by itself, as TCP does */
        if (errno == EAGAIN)
            return error_set(err, ERROR_STATE, "cannot connect to %s: too many are waiting there",
                             path);
        return error_set_errno(err, "cannot connect to %s", path);
    }
    return TAKE_FD(fd);
}

int connect_result(int fd, struct error *err)
{
    int failure = 0;
    socklen_t len = sizeof(failure);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) < 0)
        failure = errno;
    return failure == 0 ? 0 : error_set(err, ERROR_PEER, "%s", strerror(failure));
}

/* Removes a socket that a dead process left behind; anything else in the way is an error. */
static int remove_stale(const char *path, const struct sockaddr_un *a, struct error *err)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : error_set_errno(err, "cannot look at %s", path);
    if (!S_ISSOCK(st.st_mode))
        return error_set(err, ERROR_STATE, "%s exists and is not a socket", path);
    CLEANUP_FD int probe = socket(AF_UNIX, SOCKET_FLAGS, 0);
    if (probe < 0)
        return error_set_errno(err, "cannot make a socket");
    if (connect(probe, (const struct sockaddr *)a, sizeof(*a)) == 0 || errno == EAGAIN)
        return error_set(err, ERROR_STATE, "%s: another process listens there", path);
    if (errno != ECONNREFUSED)
        return error_set_errno(err, "cannot tell whether anybody listens on %s", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set_errno(err, "cannot remove the stale socket %s", path);
    return 0;
}

/* By a descriptor of the file itself: a path could be swapped for a link between two calls. */
static int set_owner_and_mode(const struct listen_unix_settings *s, struct error *err)
{
    CLEANUP_FD int fd = open(s->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, "cannot open %s", s->path);
    if (!S_ISSOCK(st.st_mode))
        return error_set(err, ERROR_STATE, "%s is not the socket any more", s->path);
    if ((s->owner != (uid_t)-1 || s->group != (gid_t)-1) &&
        fchownat(fd, "", s->owner, s->group, AT_EMPTY_PATH) < 0)
        return error_set_errno(err, "cannot set the owner of %s", s->path);
    char proc[32];
    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    if (chmod(proc, s->mode) < 0)
        return error_set_errno(err, "cannot set the mode of %s", s->path);
    return 0;
}

int listen_unix(const struct listen_unix_settings *settings, struct error *err)
{
    struct sockaddr_un a;
    int rc = unix_address(settings->path, &a, err);
    if (rc == 0)
        rc = remove_stale(settings->path, &a, err);
    if (rc < 0)
        return rc;
    CLEANUP_FD int fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
    if (fd < 0)
        return error_set_errno(err, "cannot make a socket for %s", settings->path);
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return error_set_errno(err, "cannot bind %s", settings->path);
    /* bound but not listening: nobody gets in before owner and mode are right */
    rc = set_owner_and_mode(settings, err);
    if (rc == 0 && listen(fd, SOMAXCONN) < 0)
        rc = error_set_errno(err, "cannot listen on %s", settings->path);
    if (rc < 0) {
        unlink(settings->path);
        return rc;
    }
    return TAKE_FD(fd);
}

int peer_credentials_get(int fd, struct peer_credentials *out, struct error *err)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return error_set_errno(err, "cannot tell who is at the other end of the socket");
    *out = (struct peer_credentials){ .pid = cred.pid, .uid = cred.uid, .gid = cred.gid };
    return 0;
}
