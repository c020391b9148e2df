/* To preload (LD_PRELOAD) into the daemon: writes down, in order, what it does to the files below
 * the directory $QMPGATE_TEST_POWERCUT, and what it sends to VMs, into that directory's name with
 * ".ops" behind it. tests/e2e/harness/powercut.py makes of it what a disk may hold after the power
 * went at any of these instants.
 *
 * A line each, files by number: create ID NAME, write ID OFFSET LENGTH (then the bytes and a line
 * feed), truncate ID LENGTH, sync ID (it begins), synced ID (all that was before it began is on
 * disk), rename OLD NEW, link OLD NEW, unlink NAME, dirsync, dirsynced, sent PATH (as in the
 * commands of tests/e2e/harness/storm.py). What counts from its return on (a sync) is written after
 * it, what counts from its beginning on (sending) before it, the rest under one lock with it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 1024 /* descriptors that are looked at */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int ops = -1;
static struct {
    ino_t file; /* number, 0: none of ours */
    bool directory;
} fds[FDS];

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

static const char *place(void)
{
    static const char *path;
    if (!path)
        path = getenv("QMPGATE_TEST_POWERCUT");
    return path ? path : "/nowhere";
}

/* --- writing down ----------------------------------------------------------------------------- */

static void put(const void *data, size_t len)
{
    if (ops < 0) {
        char path[4096];
        snprintf(path, sizeof(path), "%s.ops", place());
        ops = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                           0600);
    }
    if (syscall(SYS_write, ops, data, len) != (long)len)
        abort();
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    char line[8192];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    put(line, (size_t)n);
}

static void note_write(unsigned long long file, off_t offset, const void *data, size_t len)
{
    note("write %llu %lld %zu\n", file, (long long)offset, len);
    put(data, len);
    put("\n", 1);
}

/* --- which files ------------------------------------------------------------------------------ */

static bool is_ours(const char *path)
{
    size_t len = strlen(place());
    return strncmp(path, place(), len) == 0 && (path[len] == '/' || !path[len]);
}

static unsigned long long file_of(int fd)
{
    return fd >= 0 && fd < FDS ? fds[fd].file : 0;
}

/* Under the lock: `fd` is `path`, which was not there before if `made`. Its number is the inode's:
 * two runs of a daemon write down one after the other. */
static void know(int fd, const char *path, bool made)
{
    struct stat st;
    if (fd < 0 || fd >= FDS || fstat(fd, &st) < 0)
        return;
    fds[fd].directory = S_ISDIR(st.st_mode);
    fds[fd].file = st.st_ino;
    if (made && !fds[fd].directory)
        note("create %llu %s\n", (unsigned long long)st.st_ino, path);
}

static int open_noted(int at, const char *path, int flags, mode_t mode)
{
    struct stat st;
    if (!is_ours(path))
        return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&lock);
    bool there = lstat(path, &st) == 0;
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    int code = errno;
    if (fd >= 0) {
        know(fd, path, !there);
        if ((flags & O_TRUNC) && there)
            note("truncate %llu 0\n", file_of(fd));
    }
    pthread_mutex_unlock(&lock);
    errno = code;
    return fd;
}

#define MODE_OF(flags)                         \
    ({                                         \
        mode_t mode_ = 0;                      \
        if ((flags) & (O_CREAT | O_TMPFILE)) { \
            va_list ap_;                       \
            va_start(ap_, flags);              \
            mode_ = va_arg(ap_, mode_t);       \
            va_end(ap_);                       \
        }                                      \
        mode_;                                 \
    })

int open(const char *path, int flags, ...)
{
    return open_noted(AT_FDCWD, path, flags, MODE_OF(flags));
}

int open64(const char *path, int flags, ...)
{
    return open_noted(AT_FDCWD, path, flags, MODE_OF(flags));
}

int openat(int at, const char *path, int flags, ...)
{
    return open_noted(at, path, flags, MODE_OF(flags));
}

int openat64(int at, const char *path, int flags, ...)
{
    return open_noted(at, path, flags, MODE_OF(flags));
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open_noted(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
    return open_noted(AT_FDCWD, path, flags, 0);
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS)
        fds[fd].file = 0;
    return (int)syscall(SYS_close, fd);
}

/* --- what is sent ----------------------------------------------------------------------------- */

static void note_sent(const char *data, size_t len)
{
    static const char mark[] = "\"path\":\"/storm-";
    for (const char *p = data; (p = memmem(p, len - (size_t)(p - data), mark, sizeof(mark) - 1));) {
        p += 8;
        const char *end = memchr(p, '"', len - (size_t)(p - data));
        if (!end)
            return;
        pthread_mutex_lock(&lock);
        note("sent %.*s\n", (int)(end - p), p);
        pthread_mutex_unlock(&lock);
        p = end;
    }
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    note_sent(data, len);
    return REAL(send)(fd, data, len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    for (size_t i = 0; i < m->msg_iovlen; i++)
        note_sent(m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
    return REAL(sendmsg)(fd, m, flags);
}

/* --- what files hold -------------------------------------------------------------------------- */

ssize_t write(int fd, const void *data, size_t len)
{
    unsigned long long file = file_of(fd);
    if (!file) {
        note_sent(data, len);
        return syscall(SYS_write, fd, data, len);
    }
    pthread_mutex_lock(&lock);
    struct stat st;
    off_t at =
        fcntl(fd, F_GETFL) & O_APPEND ? (fstat(fd, &st), st.st_size) : lseek(fd, 0, SEEK_CUR);
    ssize_t n = syscall(SYS_write, fd, data, len);
    int code = errno;
    if (n > 0)
        note_write(file, at, data, (size_t)n);
    pthread_mutex_unlock(&lock);
    errno = code;
    return n;
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    if (file_of(fd))
        abort(); /* nobody does it so far */
    for (int i = 0; i < n; i++)
        note_sent(v[i].iov_base, v[i].iov_len);
    return syscall(SYS_writev, fd, v, n);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    unsigned long long file = file_of(fd);
    pthread_mutex_lock(&lock);
    ssize_t n = syscall(SYS_pwrite64, fd, data, len, offset);
    int code = errno;
    if (n > 0 && file)
        note_write(file, offset, data, (size_t)n);
    pthread_mutex_unlock(&lock);
    errno = code;
    return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t offset)
{
    return pwrite(fd, data, len, offset);
}

int ftruncate(int fd, off_t len)
{
    unsigned long long file = file_of(fd);
    pthread_mutex_lock(&lock);
    int rc = (int)syscall(SYS_ftruncate, fd, len);
    int code = errno;
    if (rc == 0 && file)
        note("truncate %llu %lld\n", file, (long long)len);
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

int ftruncate64(int fd, off_t len)
{
    return ftruncate(fd, len);
}

/* --- what is on disk -------------------------------------------------------------------------- */

static int sync_noted(int fd, long number)
{
    unsigned long long file = file_of(fd);
    bool directory = file && fds[fd].directory;
    if (!file)
        return (int)syscall(number, fd);
    pthread_mutex_lock(&lock);
    if (directory)
        note("dirsync\n");
    else
        note("sync %llu\n", file);
    pthread_mutex_unlock(&lock);
    int rc = (int)syscall(number, fd);
    int code = errno;
    pthread_mutex_lock(&lock);
    if (rc == 0 && directory)
        note("dirsynced\n");
    else if (rc == 0)
        note("synced %llu\n", file);
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

int fsync(int fd)
{
    return sync_noted(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_noted(fd, SYS_fdatasync);
}

/* --- names ------------------------------------------------------------------------------------ */

static int renamed(const char *from, const char *to, unsigned flags)
{
    pthread_mutex_lock(&lock);
    int rc = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
    int code = errno;
    if (rc == 0 && (is_ours(from) || is_ours(to)))
        note("rename %s %s\n", from, to);
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

int rename(const char *from, const char *to)
{
    return renamed(from, to, 0);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    if (from_at != AT_FDCWD || to_at != AT_FDCWD)
        abort();
    return renamed(from, to, flags);
}

int link(const char *from, const char *to)
{
    pthread_mutex_lock(&lock);
    int rc = (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    int code = errno;
    if (rc == 0 && (is_ours(from) || is_ours(to)))
        note("link %s %s\n", from, to);
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}

int unlink(const char *path)
{
    pthread_mutex_lock(&lock);
    int rc = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    int code = errno;
    if (rc == 0 && is_ours(path))
        note("unlink %s\n", path);
    pthread_mutex_unlock(&lock);
    errno = code;
    return rc;
}
