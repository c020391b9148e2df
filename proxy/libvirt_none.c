/* A build without libvirt: conf/check.c refuses its sections, so that nothing here is asked for. */
#include "config.h"
#include "proxy/libvirt_hosts.h"

#include <stddef.h>
#include <stdlib.h>
#include "proxy/backend.h"

struct libvirt_hosts *libvirt_hosts_new(struct daemon *daemon)
{
    (void)daemon;
    return NULL;
}

void libvirt_hosts_apply(struct libvirt_hosts *hosts, struct conf *conf)
{
    (void)hosts, (void)conf;
}

bool libvirt_hosts_stop(struct libvirt_hosts *hosts)
{
    (void)hosts;
    return true;
}

void libvirt_hosts_free(struct libvirt_hosts *hosts)
{
    (void)hosts;
}

bool libvirt_hosts_is_up(struct libvirt_hosts *hosts, const char *connection, char *why)
{
    (void)hosts, (void)connection;
    *why = '\0';
    return false;
}

char *libvirt_hosts_describe(struct libvirt_hosts *hosts, const char *connection)
{
    (void)hosts, (void)connection;
    return NULL;
}

unsigned libvirt_hosts_grace_seconds(struct libvirt_hosts *hosts, const char *connection)
{
    (void)hosts, (void)connection;
    return 0;
}

static struct backend *open_none(struct loop *loop, struct monitor *monitor, const struct vm *vm,
                                 struct error *err)
{
    (void)loop, (void)monitor, (void)vm;
    error_set(err, ERROR_STATE, "this qmpgated was built without libvirt");
    return NULL;
}

const struct backend_ops backend_libvirt = { .name = "libvirt", .open = open_none };
const struct backend_ops backend_agent = { .name = "agent", .open = open_none };
