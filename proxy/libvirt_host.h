/* One libvirtd, by its section of the configuration: connected, lost, connected again, on a thread
 * of its own. That thread enumerates the domains, then looks at each one that libvirt's events
 * name, and tells vms what it found. */
#ifndef PROXY_LIBVIRT_HOST_H
#define PROXY_LIBVIRT_HOST_H

#include "proxy/libvirt_calls.h"
#include "proxy/libvirt_hosts.h"

struct libvirt_host;

/* Starts; NULL if there can be no thread. Takes a reference on conf, which `section` is in. */
struct libvirt_host *libvirt_host_new(struct daemon *daemon, struct libvirt_threads *threads,
                                      struct conf *conf, const struct conf_libvirt *section,
                                      struct error *err);
struct libvirt_host *libvirt_host_ref(struct libvirt_host *h);
void libvirt_host_unref(struct libvirt_host *h);
/* Ends its thread, in its own time, and its calls. What it says from now on is not heard. */
void libvirt_host_stop(struct libvirt_host *h);
/* Another configuration for the same place; false if it is another place. */
bool libvirt_host_reconfigure(struct libvirt_host *h, struct conf *conf,
                              const struct conf_libvirt *section);

const char *libvirt_host_name(const struct libvirt_host *h);
bool libvirt_host_is_up(struct libvirt_host *h, char *why);
char *libvirt_host_describe(struct libvirt_host *h);
unsigned libvirt_host_grace_seconds(struct libvirt_host *h);
void libvirt_host_submit(struct libvirt_host *h, struct libvirt_call *take_call);
struct libvirt_tap *libvirt_host_tap(struct libvirt_host *h, const char *uuid,
                                     const struct libvirt_tap_owner *owner);

#endif
