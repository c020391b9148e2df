/* A command to a guest's agent, by way of libvirt. Part of libvirt_calls; for nobody else. */
#ifndef PROXY_LIBVIRT_AGENT_H
#define PROXY_LIBVIRT_AGENT_H

#include <libvirt/libvirt.h>
#include "proxy/libvirt_hosts.h"

/* Blocks, and fills the call's result. */
void libvirt_agent_call(virDomainPtr domain, struct libvirt_call *call);

#endif
