#include "config.h"
#include "proxy/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include "base/log.h"
#include "base/mem.h"
#include "net/address.h"
#include "proxy/client_admit.h"
#include "proxy/daemon.h"

#define ACCEPTS_A_TURN 64  /* so that signals and reloads get their turn in a flood */
#define PAUSE_MS       100 /* when the process has no descriptor left */

struct listening {
    struct listening *next;
    struct listeners *owner;
    char *name;
    char *place; /* what it listens on, as text: what makes it another one */
    char *path;  /* UNIX: removed at the end if it is ours */
    int fd;
    bool inherited;
    struct event *event, *pause;
};

struct listeners {
    struct listening *all;
    struct listening *prepared; /* opened by a reload that is not in force yet */
    struct daemon *daemon;      /* NULL until started */
    unsigned next_loop;
};

/* --- accepting -------------------------------------------------------------------------------- */

struct accepted {
    struct loop_message message;
    int fd;
    struct sockaddr_storage peer;
    char listener[];
};

static void run_accepted(struct loop *loop, struct loop_message *message)
{
    struct accepted *a = container_of(message, struct accepted, message);
    if (loop->draining)
        close(a->fd);
    else
        client_admit(loop, a->listener, a->fd, &a->peer);
    free(a);
}

static void hand_out(struct listening *l, int fd, const struct sockaddr_storage *peer)
{
    struct daemon *d = l->owner->daemon;
    size_t len = strlen(l->name) + 1;
    struct accepted *a = mem_zalloc(sizeof(*a) + len);
    a->message.run = run_accepted;
    a->fd = fd;
    a->peer = *peer;
    memcpy(a->listener, l->name, len);
    loop_post(d->front_loops[l->owner->next_loop++ % d->n_front_loops], &a->message);
}

static void on_pause_over(evutil_socket_t fd, short what, void *opaque)
{
    struct listening *l = opaque;
    (void)fd, (void)what;
    event_add(l->event, NULL);
}

static void on_accept(evutil_socket_t fd, short what, void *opaque)
{
    struct listening *l = opaque;
    static const struct timeval pause_time = { .tv_usec = PAUSE_MS * 1000 };
    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage peer = { 0 };
        socklen_t len = sizeof(peer);
        int c = accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (c >= 0) {
            hand_out(l, c, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error("listener %s: cannot accept: %s", l->name, strerror(errno));
            event_del(l->event);
            event_add(l->pause, &pause_time);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

/* --- opening ---------------------------------------------------------------------------------- */

static int look_up_owner(const struct conf_listener *c, uid_t *uid, gid_t *gid, struct error *err)
{
    *uid = (uid_t)-1;
    *gid = (gid_t)-1;
    if (c->owner) {
        struct passwd *pw = getpwnam(c->owner);
        if (!pw)
            return error_set(err, ERROR_INVALID, "listener %s: no user \"%s\"", c->name, c->owner);
        *uid = pw->pw_uid;
    }
    if (c->group) {
        struct group *gr = getgrnam(c->group);
        if (!gr)
            return error_set(err, ERROR_INVALID, "listener %s: no group \"%s\"", c->name, c->group);
        *gid = gr->gr_gid;
    }
    return 0;
}

static int open_socket(const struct conf_listener *c, struct error *err)
{
    if (c->address)
        return listen_tcp(c->address, c->port, err);
    struct listen_unix_settings settings = { .path = c->path, .mode = c->mode };
    int rc = look_up_owner(c, &settings.owner, &settings.group, err);
    return rc < 0 ? rc : listen_unix(&settings, err);
}

static char *place_of(const struct conf_listener *c)
{
    return c->address ? mem_printf("%s port %u", c->address, c->port) : mem_strdup(c->path);
}

/* A socket that the service manager holds for this listener; -1 if there is none. */
static int inherited_socket(const struct conf_listener *c, char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        bool by_name = strcmp(names[i], c->name) == 0;
        bool by_path = c->path && sd_is_socket_unix(fd, SOCK_STREAM, 1, c->path, 0) > 0;
        if (by_name || by_path)
            return fd;
    }
    return -1;
}

static struct listening *open_one(const struct conf_listener *c, char *const *names,
                                  int n_inherited, struct error *err)
{
    int fd = inherited_socket(c, names, n_inherited);
    bool inherited = fd >= 0;
    if (!inherited)
        fd = open_socket(c, err);
    if (fd < 0) {
        error_prefix(err, "listener %s", c->name);
        return NULL;
    }
    struct listening *l = MEM_NEW(struct listening);
    l->name = mem_strdup(c->name);
    l->place = place_of(c);
    l->path = inherited ? NULL : mem_strdup(c->path);
    l->fd = fd;
    l->inherited = inherited;
    evutil_make_socket_nonblocking(fd);
    return l;
}

static void free_one(struct listening *l)
{
    if (l->event)
        event_free(l->event);
    if (l->pause)
        event_free(l->pause);
    close(l->fd);
    if (l->path)
        unlink(l->path);
    free(l->name);
    free(l->place);
    free(l->path);
    free(l);
}

static void start_one(struct listeners *ls, struct listening *l)
{
    l->owner = ls;
    l->event = event_new(ls->daemon->base, l->fd, EV_READ | EV_PERSIST, on_accept, l);
    l->pause = event_new(ls->daemon->base, -1, 0, on_pause_over, l);
    event_add(l->event, NULL);
    log_info("listener %s: %s%s", l->name, l->place,
             l->inherited ? " (socket from the service manager)" : "");
}

/* A socket that was passed and that nothing in the configuration wants is a mistake of whoever set
 * it up. */
static int check_all_wanted(const struct listeners *ls, char *const *names, int n,
                            struct error *err)
{
    for (int i = 0; i < n; i++) {
        bool wanted = false;
        for (const struct listening *l = ls->all; l && !wanted; l = l->next)
            wanted = l->fd == SD_LISTEN_FDS_START + i;
        if (!wanted)
            return error_set(err, ERROR_INVALID,
                             "the service manager passed a socket \"%s\" that no listener has the "
                             "name or the path of",
                             names[i]);
    }
    return 0;
}

static int open_all(struct listeners *ls, const struct conf *conf, char *const *names, int n,
                    struct error *err)
{
    for (size_t i = 0; i < conf->n_listeners; i++) {
        struct listening *l = open_one(&conf->listeners[i], names, n, err);
        if (!l)
            return ERROR_SYSTEM;
        l->next = ls->all;
        ls->all = l;
    }
    return check_all_wanted(ls, names, n, err);
}

int listeners_open(const struct conf *conf, struct listeners **out, struct error *err)
{
    char **names = NULL;
    struct listeners *ls = MEM_NEW(struct listeners);
    int n = sd_listen_fds_with_names(1, &names);
    int rc = n < 0
                 ? error_set(err, ERROR_INVALID,
                             "the sockets of the service manager cannot be taken: %s", strerror(-n))
                 : open_all(ls, conf, names, n, err);
    for (int i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
    if (rc < 0) {
        listeners_close(ls);
        return rc;
    }
    *out = ls;
    return 0;
}

void listeners_start(struct listeners *ls, struct daemon *daemon)
{
    ls->daemon = daemon;
    for (struct listening *l = ls->all; l; l = l->next)
        start_one(ls, l);
}

static bool is_configured(const struct listening *l, const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_listeners; i++) {
        CLEANUP_FREE char *place = place_of(&conf->listeners[i]);
        if (strcmp(l->name, conf->listeners[i].name) == 0 && strcmp(l->place, place) == 0)
            return true;
    }
    return false;
}

static void close_removed(struct listeners *ls, const struct conf *conf)
{
    for (struct listening **p = &ls->all; *p;) {
        struct listening *l = *p;
        if (is_configured(l, conf)) {
            p = &l->next;
        } else {
            log_info("listener %s: closed", l->name);
            *p = l->next;
            free_one(l);
        }
    }
}

static bool is_open(const struct listeners *ls, const struct conf_listener *c)
{
    CLEANUP_FREE char *place = place_of(c);
    for (const struct listening *l = ls->all; l; l = l->next) {
        if (strcmp(l->name, c->name) == 0 && strcmp(l->place, place) == 0)
            return true;
    }
    return false;
}

static void free_list(struct listening **list)
{
    while (*list) {
        struct listening *l = *list;
        *list = l->next;
        free_one(l);
    }
}

int listeners_prepare(struct listeners *ls, const struct conf *conf, struct error *err)
{
    free_list(&ls->prepared);
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (is_open(ls, &conf->listeners[i]))
            continue;
        struct listening *l = open_one(&conf->listeners[i], NULL, 0, err);
        if (!l) {
            free_list(&ls->prepared);
            return ERROR_SYSTEM;
        }
        l->next = ls->prepared;
        ls->prepared = l;
    }
    return 0;
}

void listeners_commit(struct listeners *ls, const struct conf *conf)
{
    close_removed(ls, conf);
    while (ls->prepared) {
        struct listening *l = ls->prepared;
        ls->prepared = l->next;
        l->next = ls->all;
        ls->all = l;
        start_one(ls, l);
    }
}

void listeners_close(struct listeners *ls)
{
    if (!ls)
        return;
    free_list(&ls->all);
    free_list(&ls->prepared);
    free(ls);
}
