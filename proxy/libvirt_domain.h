/* What a connection to libvirt says: domains, and errors. */
#ifndef PROXY_LIBVIRT_DOMAIN_H
#define PROXY_LIBVIRT_DOMAIN_H

#include <libvirt/libvirt.h>
#include "base/error.h"
#include "proxy/libvirt_hosts.h"

struct vm_domain;

/* libvirt's last error on this thread, in words for who runs the gateway. */
int libvirt_error(struct error *err, const char *what);

/* Why a command failed at libvirt, in words for clients (no URI, no path, no host), and whether it
 * is certain that the VM did not get it. */
enum libvirt_result libvirt_call_error(struct error *err);

/* The domain's state: `power`, `incarnation`, `arriving` and `came`. -1: cannot be told now. */
int libvirt_domain_look(virDomainPtr domain, struct vm_domain *out);
/* The same of a state that is known already. */
void libvirt_domain_state(virDomainPtr domain, int state, int reason, struct vm_domain *out);
/* Is libvirt about to move it to another host? `was`: what it is taken for if that cannot be told.
 */
bool libvirt_domain_is_leaving(virDomainPtr domain, bool was);

#endif
