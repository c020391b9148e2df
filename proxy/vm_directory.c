#include "config.h"
#include "proxy/vm_directory.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/glob.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/vms.h"

#define RETRY_SECONDS 2 /* for a directory that is not there yet, or cannot be read now */
#define WATCH_MASK                                                                      \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | \
     IN_MOVE_SELF | IN_ONLYDIR)

struct watch {
    const struct conf_vm_directory *conf; /* in directories->conf */
    uid_t *owners;
    int wd;       /* -1: not watched yet */
    bool is_late; /* could not be read when something changed */
};

struct vm_directories {
    struct vms *vms;
    vm_left_fn *left;
    void *opaque;
    struct conf *conf;
    struct watch *watches;
    size_t n_watches;
    int fd;
    struct event *event, *retry;
};

static uid_t *look_up_owners(const struct conf_vm_directory *dir)
{
    uid_t *uids = MEM_NEW_N(uid_t, dir->n_owners);
    for (size_t i = 0; i < dir->n_owners; i++) {
        struct passwd *pw = getpwnam(dir->owners[i]);
        uids[i] = pw ? pw->pw_uid : (uid_t)-1;
        if (!pw)
            log_warning("vm_directory %s: owners: no user \"%s\"", dir->path, dir->owners[i]);
    }
    return uids;
}

static bool owner_fits(const struct watch *w, uid_t uid)
{
    for (size_t i = 0; i < w->conf->n_owners; i++) {
        if (w->owners[i] == uid)
            return true;
    }
    return w->conf->n_owners == 0;
}

/* A socket by its own name, not by a link, and of somebody who may put one there. */
static bool is_vm_socket(const struct watch *w, int dir, const char *name, struct vm_socket *at)
{
    const char *pattern = w->conf->pattern;
    if (!glob_match(pattern, strlen(pattern), name, strlen(name)) ||
        vm_socket_look(dir, name, at) < 0)
        return false;
    if (!S_ISSOCK(at->mode)) {
        if (S_ISLNK(at->mode))
            log_warning("%s/%s: is a link: ignored", w->conf->path, name);
        return false;
    }
    if (!owner_fits(w, at->owner)) {
        log_warning("%s/%s: its owner (uid %u) is not among `owners`: ignored", w->conf->path, name,
                    (unsigned)at->owner);
        return false;
    }
    return true;
}

static void retry_later(struct vm_directories *d)
{
    struct timeval tv = { .tv_sec = RETRY_SECONDS };
    event_add(d->retry, &tv);
}

struct found {
    struct vm_file *files;
    size_t n, cap;
};

static void add_found(const struct watch *w, int dir, const char *name, struct found *found)
{
    struct vm_socket at;
    if (!is_vm_socket(w, dir, name, &at))
        return;
    mem_grow((void **)&found->files, &found->cap, found->n + 1, sizeof(*found->files));
    found->files[found->n++] = (struct vm_file){ mem_strdup(name), at };
}

/* False if nothing can be said of it now: want of descriptors or memory does not mean that every VM
 * has gone. A directory that is not there, or that we may not read, has none. */
static bool read_directory(const struct watch *w, struct found *found)
{
    DIR *dir = opendir(w->conf->path);
    if (!dir)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP;
    struct dirent *e;
    for (errno = 0; (e = readdir(dir)) != NULL; errno = 0)
        add_found(w, dirfd(dir), e->d_name, found);
    bool whole = errno == 0;
    closedir(dir);
    return whole;
}

static void set_vms(struct vm_directories *d, const struct watch *w, const struct found *found)
{
    struct vm_names left = { 0 };
    vms_set_directory(d->vms, w->conf, w->owners, found->files, found->n, &left);
    for (size_t i = 0; i < left.n; i++)
        d->left(d->opaque, left.items[i]);
    vm_names_free(&left);
}

static void scan(struct vm_directories *d, struct watch *w)
{
    struct found found = { 0 };
    w->is_late = !read_directory(w, &found);
    if (w->is_late) {
        log_error("vm_directory %s: cannot be read: looking again in %d s", w->conf->path,
                  RETRY_SECONDS);
        retry_later(d);
    } else {
        set_vms(d, w, &found);
    }
    for (size_t i = 0; i < found.n; i++)
        free(found.files[i].name);
    free(found.files);
}

/* Watches first, then reads: what comes between is seen twice, never missed. */
static void start_watch(struct vm_directories *d, struct watch *w)
{
    w->wd = inotify_add_watch(d->fd, w->conf->path, WATCH_MASK);
    if (w->wd < 0)
        retry_later(d);
    scan(d, w);
}

static void on_retry(evutil_socket_t fd, short what, void *opaque)
{
    struct vm_directories *d = opaque;
    (void)fd, (void)what;
    for (size_t i = 0; i < d->n_watches; i++) {
        if (d->watches[i].wd < 0)
            start_watch(d, &d->watches[i]);
        else if (d->watches[i].is_late)
            scan(d, &d->watches[i]);
    }
}

static void changed(struct vm_directories *d, int wd, uint32_t mask)
{
    for (size_t i = 0; i < d->n_watches; i++) {
        struct watch *w = &d->watches[i];
        if (mask & IN_Q_OVERFLOW) {
            scan(d, w);
        } else if (w->wd == wd) {
            if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
                if (!(mask & IN_IGNORED))
                    inotify_rm_watch(d->fd, wd);
                start_watch(d, w); /* it may be there again under its name */
            } else {
                scan(d, w);
            }
        }
    }
}

static void on_change(evutil_socket_t fd, short what, void *opaque)
{
    struct vm_directories *d = opaque;
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    (void)what;
    for (;;) {
        ssize_t n = read(fd, events, sizeof(events));
        if (n <= 0)
            return;
        int last = -1;
        for (char *p = events; p < events + n;) {
            const struct inotify_event *e = (const struct inotify_event *)p;
            bool plain = !(e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW));
            if (!plain || e->wd != last) /* one look for a run of changes */
                changed(d, e->wd, e->mask);
            last = e->wd;
            p += sizeof(*e) + e->len;
        }
    }
}

static void drop_watches(struct vm_directories *d)
{
    for (size_t i = 0; i < d->n_watches; i++) {
        if (d->watches[i].wd >= 0)
            inotify_rm_watch(d->fd, d->watches[i].wd);
        free(d->watches[i].owners);
    }
    free(d->watches);
    d->watches = NULL;
    d->n_watches = 0;
    conf_unref(d->conf);
    d->conf = NULL;
}

void vm_directories_apply(struct vm_directories *d, struct conf *conf)
{
    drop_watches(d);
    d->conf = conf_ref(conf);
    vms_keep_directories(d->vms, conf);
    d->watches = MEM_NEW_N(struct watch, conf->n_directories);
    d->n_watches = conf->n_directories;
    for (size_t i = 0; i < conf->n_directories; i++) {
        struct watch *w = &d->watches[i];
        w->conf = &conf->directories[i];
        w->owners = look_up_owners(w->conf);
        start_watch(d, w);
        if (w->wd < 0)
            log_warning("vm_directory %s: %s: looking again every %d s", w->conf->path,
                        strerror(errno), RETRY_SECONDS);
    }
}

int vm_directories_new(struct event_base *base, struct vms *vms, vm_left_fn *left, void *opaque,
                       struct vm_directories **out, struct error *err)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, "cannot watch directories");
    struct vm_directories *d = MEM_NEW(struct vm_directories);
    d->vms = vms;
    d->left = left;
    d->opaque = opaque;
    d->fd = fd;
    d->event = event_new(base, fd, EV_READ | EV_PERSIST, on_change, d);
    d->retry = event_new(base, -1, 0, on_retry, d);
    event_add(d->event, NULL);
    *out = d;
    return 0;
}

void vm_directories_free(struct vm_directories *d)
{
    if (!d)
        return;
    drop_watches(d);
    event_free(d->event);
    event_free(d->retry);
    close(d->fd);
    free(d);
}
