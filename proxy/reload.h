/* Reload: configuration, policy, certificates, key and CRL are read and checked as a whole on a
 * worker; only if all of it is good it is swapped in. */
#ifndef PROXY_RELOAD_H
#define PROXY_RELOAD_H

#include "proxy/daemon.h"

struct reload_result {
    bool ok;
    const char *text;   /* lines: errors, or what a restart is needed for; may be empty */
    const char *policy; /* SHA-256 of what serves now, in hexadecimal */
};

/* Embedded by who waits; done() runs on the main thread and owns it. */
struct reload_waiter {
    struct reload_waiter *next;
    void (*done)(struct reload_waiter *w, const struct reload_result *result);
};

/* Main thread. waiter may be NULL. */
void reload_start(struct daemon *d, struct reload_waiter *take_waiter);

/* VMs with hold = true: their loops connect to them. */
void reload_hold_vms(struct loop *loop);
void reload_hold_everywhere(struct daemon *d);

/* From any thread. */
void reload_request(struct daemon *d, struct reload_waiter *take_waiter);

#endif
