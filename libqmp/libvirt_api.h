/* libvirt's own library, which is loaded when the first session asks for it, so that programs that
 * never do need not have it. */
#ifndef LIBQMP_LIBVIRT_API_H
#define LIBQMP_LIBVIRT_API_H

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include "base/library.h"

/* What is used of it. */
#define LIBVIRT_FUNCTIONS(X)              \
    X(virConnSetErrorFunc)                \
    X(virConnectClose)                    \
    X(virConnectDomainEventDeregisterAny) \
    X(virConnectDomainEventRegisterAny)   \
    X(virConnectOpen)                     \
    X(virConnectSetKeepAlive)             \
    X(virDomainFree)                      \
    X(virDomainLookupByName)              \
    X(virDomainLookupByUUIDString)        \
    X(virEventAddTimeout)                 \
    X(virEventRegisterDefaultImpl)        \
    X(virEventRemoveTimeout)              \
    X(virEventRunDefaultImpl)             \
    X(virGetLastError)                    \
    X(virGetLastErrorMessage)             \
    X(virInitialize)                      \
    X(virResetLastError)
#define LIBVIRT_QEMU_FUNCTIONS(X)                 \
    X(virConnectDomainQemuMonitorEventDeregister) \
    X(virConnectDomainQemuMonitorEventRegister)   \
    X(virDomainQemuMonitorCommand)

struct libvirt_api {
    LIBVIRT_FUNCTIONS(LIBRARY_MEMBER)
    LIBVIRT_QEMU_FUNCTIONS(LIBRARY_MEMBER)
};

/* Loaded, initialised, and with an event loop that runs: the program's own if it registered one
 * with libvirt before, or else libvirt's default in a thread of ours that never ends. libvirt has
 * one such loop a process. */
int libvirt_api_get(const struct libvirt_api **out, struct error *err) MUST_CHECK;

#endif
