/* libvirt's own library, for the verb that talks to libvirt. Loaded when that verb runs: linked to,
 * it would cost every other run more time than all that the program does itself. */
#ifndef CLI_LIBVIRT_H
#define CLI_LIBVIRT_H

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include "base/library.h"

#define LIBVIRT_FUNCTIONS(F)       \
    F(virConnectOpen)              \
    F(virConnectClose)             \
    F(virDomainLookupByName)       \
    F(virDomainLookupByUUIDString) \
    F(virDomainFree)               \
    F(virDomainIsActive)           \
    F(virDomainIsPersistent)       \
    F(virDomainGetMetadata)        \
    F(virDomainSetMetadata)        \
    F(virGetLastErrorCode)         \
    F(virGetLastErrorMessage)      \
    F(virSetErrorFunc)

struct libvirt {
    LIBVIRT_FUNCTIONS(LIBRARY_MEMBER)
};

/* As long as the process lives; NULL if it is not installed. */
const struct libvirt *libvirt_load(struct error *err);

#endif
