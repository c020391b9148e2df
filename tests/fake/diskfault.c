/* To preload (LD_PRELOAD) into the daemon: a disk that is slow, or fails, as a test asks.
 *
 * $QMPGATE_TEST_SYNC_US: each fdatasync takes so many microseconds, and nothing else.
 * $QMPGATE_TEST_FAULTS: a directory in which a file NAME makes the function NAME (write, fdatasync,
 * fsync, ftruncate, fallocate, open, renameat2) fail while it is there, for regular files (open,
 * renameat2: names) below $QMPGATE_TEST_FAULTS_ON. It holds the error's number; for write, a second
 * number may tell how many bytes are written all the same, each time. While there is a file
 * `hold` there, a sync of such a file waits, and is what it is to be when that is gone. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The error's number that is asked for, or 0. */
static int fault_of(const char *function, size_t *first)
{
    char path[512], text[64] = "";
    const char *directory = getenv("QMPGATE_TEST_FAULTS");
    *first = 0;
    if (!directory)
        return 0;
    snprintf(path, sizeof(path), "%s/%s", directory, function);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    syscall(SYS_close, fd);
    unsigned long code = 0;
    return n > 0 && sscanf(text, "%lu %zu", &code, first) >= 1 ? (int)code : 0;
}

static bool is_there(const char *path)
{
    const char *place = getenv("QMPGATE_TEST_FAULTS_ON");
    size_t len = place ? strlen(place) : 0;
    return len && strncmp(path, place, len) == 0 && path[len] == '/';
}

static bool is_of_log(int fd)
{
    char link[64], path[4096];
    struct stat st;
    int code = errno;
    if (!getenv("QMPGATE_TEST_FAULTS") || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    errno = code;
    if (n < 0)
        return false;
    path[n] = '\0';
    return is_there(path);
}

/* True, with errno set, if the call is to fail. */
static bool fails(const char *function, int fd)
{
    size_t first;
    int code = is_of_log(fd) ? fault_of(function, &first) : 0;
    if (code)
        errno = code;
    return code != 0;
}

ssize_t write(int fd, const void *data, size_t len)
{
    size_t first;
    int code = is_of_log(fd) ? fault_of("write", &first) : 0;
    if (!code)
        return syscall(SYS_write, fd, data, len);
    if (first && first < len)
        return syscall(SYS_write, fd, data, first);
    errno = code;
    return -1;
}

static int sync_file(const char *function, long number, int fd)
{
    static __thread bool exact;
    const char *us = getenv("QMPGATE_TEST_SYNC_US");
    if (us) {
        struct timespec t = { .tv_nsec = strtol(us, NULL, 10) * 1000 };
        if (!exact)
            exact = prctl(PR_SET_TIMERSLACK, 1) == 0;
        return nanosleep(&t, NULL);
    }
    while (fails("hold", fd))
        usleep(2000);
    return fails(function, fd) ? -1 : (int)syscall(number, fd);
}

int fdatasync(int fd)
{
    return sync_file("fdatasync", SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return sync_file("fsync", SYS_fsync, fd);
}

int ftruncate(int fd, off_t len)
{
    return fails("ftruncate", fd) ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    return fails("fallocate", fd) ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

static int open_unless(const char *path, int flags, mode_t mode)
{
    size_t first;
    int code = is_there(path) ? fault_of("open", &first) : 0;
    if (!code)
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    errno = code;
    return -1;
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list ap;
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    return open_unless(path, flags, mode);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open_unless(path, flags, 0);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    size_t first;
    int code = is_there(from) ? fault_of("renameat2", &first) : 0;
    if (!code)
        return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    errno = code;
    return -1;
}
