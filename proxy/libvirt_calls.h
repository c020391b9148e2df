/* Commands to the monitors of one libvirtd. Threads make the calls, which block, each by a
 * connection of its own. Who submits sends one command a VM at a time.
 *
 * A VM that hangs keeps a call, and no call can be taken back. So that such VMs cannot take them
 * all, the last third is for VMs that have answered lately. */
#ifndef PROXY_LIBVIRT_CALLS_H
#define PROXY_LIBVIRT_CALLS_H

#include "proxy/libvirt_hosts.h"

struct libvirt_calls;

/* How the threads are counted, which may outlive everybody who waits for them. */
struct libvirt_threads;
struct libvirt_threads *libvirt_threads_new(void);
/* A detached thread; false if there can be none. */
bool libvirt_threads_start(struct libvirt_threads *t, const char *name, void *(*run)(void *),
                           void *opaque);
/* The last thing that such a thread does. */
void libvirt_threads_leave(struct libvirt_threads *t);
/* Waits until there are none, but not past a (monotonic) time; false if there are some then. */
bool libvirt_threads_wait(struct libvirt_threads *t, int64_t deadline_us);
void libvirt_threads_free(struct libvirt_threads *t);

struct libvirt_calls *libvirt_calls_new(struct libvirt_threads *threads, const char *uri,
                                        unsigned max_calls);
/* What waits is not sent; what runs ends by itself. */
void libvirt_calls_stop(struct libvirt_calls *calls);
/* Who made it lets go; the last thread frees it. */
void libvirt_calls_unref(struct libvirt_calls *calls);

void libvirt_calls_submit(struct libvirt_calls *calls, struct libvirt_call *take_call);
/* Sends home what has waited for too long; to be called once a second or so, since every thread may
 * hang. */
void libvirt_calls_expire(struct libvirt_calls *calls);
/* Home, without having been sent. */
void libvirt_call_refuse(struct libvirt_call *call, const char *why);

#endif
