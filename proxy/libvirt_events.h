/* libvirt's event loop: one for all connections, on a thread of its own. Its callbacks copy and
 * post, and never call libvirt. */
#ifndef PROXY_LIBVIRT_EVENTS_H
#define PROXY_LIBVIRT_EVENTS_H

#include "base/error.h"

/* Before the first connection; does nothing if it runs already. On the main thread. */
int libvirt_events_start(struct error *err) MUST_CHECK;
/* After the last connection was closed. */
void libvirt_events_stop(void);

#endif
