/* To preload (LD_PRELOAD): calls that block in real life block while a file says so. In the
 * directory $QMPGATE_TEST_STALL a file NAME holds every call of the function NAME up for as long
 * as it is there, and NAME.waits appears when one is held up. While there is a file C_Sign.fails,
 * the token counts as unplugged.
 *
 *   C_Sign       a token (SoftHSM) that does not answer
 *   getaddrinfo  a name server that does not answer
 *   getpwuid_r   a directory service that does not answer
 *
 * And a file `clock` there sets the clock of the day by the seconds that it holds, as somebody with
 * date(1) would: the clocks that only go on are what they were.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LOOK_US 2000 /* how often is looked whether the file is gone */

static void hold_up(const char *name)
{
    char path[512], waits[520];
    const char *directory = getenv("QMPGATE_TEST_STALL");
    if (!directory)
        return;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    snprintf(waits, sizeof(waits), "%s.waits", path);
    if (access(path, F_OK) == 0)
        close(open(waits, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    while (access(path, F_OK) == 0)
        usleep(LOOK_US);
}

typedef int getpwuid_r_fn(uid_t, struct passwd *, char *, size_t, struct passwd **);

int getpwuid_r(uid_t uid, struct passwd *entry, char *memory, size_t size, struct passwd **found)
{
    getpwuid_r_fn *real = (getpwuid_r_fn *)dlsym(RTLD_NEXT, "getpwuid_r");
    hold_up("getpwuid_r");
    return real(uid, entry, memory, size, found);
}

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found)
{
    getaddrinfo_fn *real = (getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
    hold_up("getaddrinfo");
    return real(host, port, hints, found);
}

/* As in the PKCS#11 specification, section 5.13 (version 2.40), but for the names of the types. */
typedef unsigned long sign_fn(unsigned long, unsigned char *, unsigned long, unsigned char *,
                              unsigned long *);

static int fails(const char *name)
{
    char path[512];
    const char *directory = getenv("QMPGATE_TEST_STALL");
    if (!directory)
        return 0;
    snprintf(path, sizeof(path), "%s/%s.fails", directory, name);
    return access(path, F_OK) == 0;
}

unsigned long C_Sign(unsigned long session, unsigned char *data, unsigned long data_len,
                     unsigned char *signature, unsigned long *signature_len)
{
    enum { CKR_GENERAL_ERROR = 5, CKR_DEVICE_REMOVED = 0x32 };
    void *module = dlopen(getenv("QMPGATE_TEST_MODULE"), RTLD_NOW | RTLD_NOLOAD);
    sign_fn *real = module ? (sign_fn *)dlsym(module, "C_Sign") : NULL;
    hold_up("C_Sign");
    if (fails("C_Sign"))
        return CKR_DEVICE_REMOVED;
    return real ? real(session, data, data_len, signature, signature_len) : CKR_GENERAL_ERROR;
}

typedef int clock_gettime_fn(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *out)
{
    clock_gettime_fn *real = (clock_gettime_fn *)dlsym(RTLD_NEXT, "clock_gettime");
    int rc = real(clock, out);
    const char *directory = getenv("QMPGATE_TEST_STALL");
    char path[512], text[32] = "";
    if (rc < 0 || clock != CLOCK_REALTIME || !directory)
        return rc;
    snprintf(path, sizeof(path), "%s/clock", directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rc;
    if (read(fd, text, sizeof(text) - 1) > 0)
        out->tv_sec += strtol(text, NULL, 10);
    close(fd);
    return rc;
}
