#include "config.h"
#include "proxy/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/log.h"

void privileges_dump_no_core(void)
{
    struct rlimit none = { 0, 0 };
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        log_warning("core dumps stay possible: %s", strerror(errno));
    CLEANUP_FD int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) < 0)
        log_debug("core dumps by a pipe stay possible: %s", strerror(errno));
}

struct ids {
    uid_t uid;
    gid_t gid;
};

static int find_ids(const struct conf *conf, struct ids *out, struct error *err)
{
    struct passwd *pw = getpwnam(conf->user);
    if (!pw)
        return error_set(err, ERROR_INVALID, "%s: user: no user \"%s\"", conf->file, conf->user);
    *out = (struct ids){ .uid = pw->pw_uid, .gid = pw->pw_gid };
    if (conf->group) {
        struct group *gr = getgrnam(conf->group);
        if (!gr)
            return error_set(err, ERROR_INVALID, "%s: group: no group \"%s\"", conf->file,
                             conf->group);
        out->gid = gr->gr_gid;
    }
    return 0;
}

int privileges_check(const struct conf *conf, struct error *err)
{
    if (geteuid() != 0) {
        struct passwd *pw = conf->user ? getpwnam(conf->user) : NULL;
        if (conf->user && (!pw || pw->pw_uid != geteuid()))
            log_warning("user = \"%s\" needs a start as root: stays uid %u", conf->user,
                        (unsigned)geteuid());
        return 0;
    }
    if (!conf->user)
        return error_set(
            err, ERROR_DENIED,
            "started as root: say whom to run as (user = \"qmpgate\" in %s), or user = \"root\"",
            conf->file);
    struct ids ids;
    return find_ids(conf, &ids, err);
}

static int become(const struct ids *ids, const char *user, struct error *err)
{
    uid_t uid = ids->uid;
    gid_t gid = ids->gid;
    if (initgroups(user, gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return error_set_errno(err, "cannot become user \"%s\"", user);
    if (setuid(0) == 0)
        return error_set(err, ERROR_SYSTEM, "giving up root did not hold");
    return 0;
}

int privileges_drop(const struct conf *conf, struct error *err)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (geteuid() != 0)
        return 0;
    if (strcmp(conf->user, "root") == 0) {
        log_warning("runs as root, as user = \"root\" says: a user of its own is safer");
        return 0;
    }
    struct ids ids;
    int rc = find_ids(conf, &ids, err);
    return rc < 0 ? rc : become(&ids, conf->user, err);
}
