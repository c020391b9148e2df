/* To preload (LD_PRELOAD): calls that block in real life block while a file says so. In the
 * directory $QMPGATE_TEST_STALL a file NAME holds every call of the function NAME up for as long
 * as it is there, and NAME.waits appears when one is held up.
 *
 *   getpwuid_r   a directory service that does not answer
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
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
