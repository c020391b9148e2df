/* Events of monitors, from the thread of libvirt's events to the loops that have somebody to tell.
 */
#ifndef PROXY_LIBVIRT_TAP_H
#define PROXY_LIBVIRT_TAP_H

#include "proxy/libvirt_hosts.h"

struct libvirt_taps;
struct libvirt_taps *libvirt_taps_new(void);
void libvirt_taps_unref(struct libvirt_taps *taps);

struct libvirt_tap *libvirt_taps_open(struct libvirt_taps *taps, const char *uuid,
                                      const struct libvirt_tap_owner *owner);
/* `details`: JSON text of the event's data, or NULL. */
void libvirt_taps_tell(struct libvirt_taps *taps, const char *uuid, const char *event,
                       long long seconds, unsigned micros, const char *details);

#endif
