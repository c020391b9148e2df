#include "config.h"
#include "proxy/libvirt_hosts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/daemon.h"
#include "proxy/libvirt_calls.h"
#include "proxy/libvirt_events.h"
#include "proxy/libvirt_host.h"
#include "proxy/libvirt_tap.h"
#include "proxy/monitor.h"
#include "proxy/vms.h"

#define STOP_SECONDS 2 /* at the end: who has not come back by then hangs in libvirt */

struct libvirt_hosts {
    struct daemon *daemon;
    struct libvirt_threads *threads;
    pthread_mutex_t lock; /* of the list */
    struct libvirt_host **items;
    size_t n;
};

struct libvirt_hosts *libvirt_hosts_new(struct daemon *daemon)
{
    struct libvirt_hosts *hosts = MEM_NEW(struct libvirt_hosts);
    hosts->daemon = daemon;
    hosts->threads = libvirt_threads_new();
    pthread_mutex_init(&hosts->lock, NULL);
    return hosts;
}

/* With a reference, or NULL. */
static struct libvirt_host *find(struct libvirt_hosts *hosts, const char *connection)
{
    struct libvirt_host *found = NULL;
    pthread_mutex_lock(&hosts->lock);
    for (size_t i = 0; i < hosts->n && !found; i++) {
        if (strcmp(libvirt_host_name(hosts->items[i]), connection) == 0)
            found = libvirt_host_ref(hosts->items[i]);
    }
    pthread_mutex_unlock(&hosts->lock);
    return found;
}

/* --- which there are -------------------------------------------------------------------------- */

static bool keep_none(void *opaque, const char *uuid)
{
    (void)opaque, (void)uuid;
    return false;
}

/* What it brought goes with it. */
static void let_go(struct libvirt_hosts *hosts, struct libvirt_host *take_host)
{
    struct vm_names changed = { 0 };
    libvirt_host_stop(take_host);
    vms_keep_domains(hosts->daemon->vms, libvirt_host_name(take_host), keep_none, NULL, &changed);
    for (size_t i = 0; i < changed.n; i++)
        monitor_post_changed(hosts->daemon, changed.items[i]);
    vm_names_free(&changed);
    libvirt_host_unref(take_host);
}

static struct libvirt_host *take_out(struct libvirt_hosts *hosts, const char *name)
{
    for (size_t i = 0; i < hosts->n; i++) {
        struct libvirt_host *h = hosts->items[i];
        if (strcmp(libvirt_host_name(h), name) != 0)
            continue;
        hosts->items[i] = hosts->items[--hosts->n];
        return h;
    }
    return NULL;
}

static struct libvirt_host *begin(struct libvirt_hosts *hosts, struct conf *conf,
                                  const struct conf_libvirt *section)
{
    struct error err;
    struct libvirt_host *h =
        libvirt_events_start(&err) < 0
            ? NULL
            : libvirt_host_new(hosts->daemon, hosts->threads, conf, section, &err);
    if (!h)
        log_error("%s", err.text);
    return h;
}

void libvirt_hosts_apply(struct libvirt_hosts *hosts, struct conf *conf)
{
    size_t n_old, n = 0;
    struct libvirt_host **items = MEM_NEW_N(struct libvirt_host *, conf->n_libvirts + 1);
    struct libvirt_host **old = NULL;
    pthread_mutex_lock(&hosts->lock);
    for (size_t i = 0; i < conf->n_libvirts; i++) {
        struct libvirt_host *h = take_out(hosts, conf->libvirts[i].name);
        if (h && libvirt_host_reconfigure(h, conf, &conf->libvirts[i])) {
            items[n++] = h;
        } else if (h) { /* it goes below */
            hosts->items[hosts->n++] = h;
        }
    }
    old = hosts->items;
    n_old = hosts->n;
    hosts->items = items;
    hosts->n = n;
    pthread_mutex_unlock(&hosts->lock);
    for (size_t i = 0; i < n_old; i++)
        let_go(hosts, old[i]);
    free(old);
    for (size_t i = 0; i < conf->n_libvirts; i++) {
        struct libvirt_host *there = find(hosts, conf->libvirts[i].name);
        struct libvirt_host *h = there ? NULL : begin(hosts, conf, &conf->libvirts[i]);
        libvirt_host_unref(there);
        if (!h)
            continue;
        pthread_mutex_lock(&hosts->lock);
        hosts->items[hosts->n++] = h;
        pthread_mutex_unlock(&hosts->lock);
    }
}

bool libvirt_hosts_stop(struct libvirt_hosts *hosts)
{
    if (!hosts)
        return true;
    pthread_mutex_lock(&hosts->lock);
    for (size_t i = 0; i < hosts->n; i++)
        libvirt_host_stop(hosts->items[i]);
    pthread_mutex_unlock(&hosts->lock);
    bool done =
        libvirt_threads_wait(hosts->threads, clock_monotonic_us() + STOP_SECONDS * USEC_PER_SEC);
    if (!done)
        log_warning("a call to libvirt does not come back");
    return done;
}

void libvirt_hosts_free(struct libvirt_hosts *hosts)
{
    if (!hosts)
        return;
    for (size_t i = 0; i < hosts->n; i++)
        libvirt_host_unref(hosts->items[i]);
    libvirt_events_stop();
    libvirt_threads_free(hosts->threads);
    pthread_mutex_destroy(&hosts->lock);
    free(hosts->items);
    free(hosts);
}

/* --- by name ---------------------------------------------------------------------------------- */

static void say_gone(char *why)
{
    struct error words;
    error_set(&words, ERROR_STATE, "its libvirt is not configured any more");
    memcpy(why, words.text, ERROR_TEXT_MAX);
}

bool libvirt_hosts_is_up(struct libvirt_hosts *hosts, const char *connection, char *why)
{
    struct libvirt_host *h = find(hosts, connection);
    bool up = h && libvirt_host_is_up(h, why);
    if (!h)
        say_gone(why);
    libvirt_host_unref(h);
    return up;
}

char *libvirt_hosts_describe(struct libvirt_hosts *hosts, const char *connection)
{
    struct libvirt_host *h = find(hosts, connection);
    char *text = h ? libvirt_host_describe(h) : NULL;
    libvirt_host_unref(h);
    return text;
}

unsigned libvirt_hosts_grace_seconds(struct libvirt_hosts *hosts, const char *connection)
{
    struct libvirt_host *h = find(hosts, connection);
    unsigned seconds = h ? libvirt_host_grace_seconds(h) : 0;
    libvirt_host_unref(h);
    return seconds;
}

void libvirt_hosts_submit(struct libvirt_hosts *hosts, struct libvirt_call *take_call)
{
    struct libvirt_host *h = find(hosts, take_call->connection);
    if (h)
        libvirt_host_submit(h, take_call);
    else
        libvirt_call_refuse(take_call, "its libvirt is not configured any more");
    libvirt_host_unref(h);
}

struct libvirt_tap *libvirt_tap_open(struct libvirt_hosts *hosts, const char *connection,
                                     const char *uuid, const struct libvirt_tap_owner *owner)
{
    struct libvirt_host *h = find(hosts, connection);
    struct libvirt_tap *tap = h ? libvirt_host_tap(h, uuid, owner) : NULL;
    libvirt_host_unref(h);
    return tap;
}
