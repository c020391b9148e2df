/* `device_add`: what its members reach on the host. The schema names driver, bus and id; every
 * other member is a property of the driver, untyped. The table (device.def) knows every driver that
 * a user of QEMU 7.2 can add, with all its properties; what it does not know is ACL_REACH_UNKNOWN.
 *
 * QEMU 7.2 turns numbers and booleans into text before the driver reads them, so that "4" and 4 are
 * the same to it; members of other types it passes over in silence. Names are compared byte by
 * byte: QEMU makes no difference away, neither of case nor of `_` and `-`. */
#ifndef ACL_DEVICE_H
#define ACL_DEVICE_H

#include <stddef.h>
#include <stdint.h>
#include "acl/reach.h"
#include "base/util.h"

struct qmp_schema;
struct qmp_tape;

/* What QEMU takes `virtio-net` for is the machine's usual transport of virtio. */
enum acl_virtio {
    ACL_VIRTIO_UNKNOWN,
    ACL_VIRTIO_PCI,
    ACL_VIRTIO_CCW,
    ACL_VIRTIO_MMIO,
    ACL_N_VIRTIOS,
};

/* By the commands that QEMU 7.2 has for one architecture only. A QEMU that has those of several, or
 * of none, is ACL_VIRTIO_UNKNOWN. */
enum acl_virtio acl_device_usual_virtio(const struct qmp_schema *schema);

/* The driver's own name: what an alias stands for, or `driver` itself if it is none. Empty (len 0)
 * if the alias may stand for more than one driver, or for none: no condition on `driver` may hold
 * then. */
struct span acl_device_canonical(struct span driver, enum acl_virtio usual);

/* What a client may write in place of an alias, NULL-terminated; NULL if it is none. */
const char *const *acl_device_alias_targets(struct span driver);

/* What the driver reaches by being there. `driver` is canonical: an alias is unknown. */
enum acl_reach acl_device_driver_reach(struct span driver);

/* What its property reaches; for `driver` see above. Nothing is known of an unknown driver's. */
enum acl_reach acl_device_property_reach(struct span driver, struct span property);

/* What a device_add's arguments reach, added to `out` in text order: of the driver and of each
 * member that reaches anything the token of its value. A value that is not a string, number or
 * boolean is UNKNOWN, as is everything but bus and id where the driver is; without `driver` the
 * arguments' own token is. */
void acl_device_find(const struct qmp_tape *tape, uint32_t arguments, enum acl_virtio usual,
                     struct acl_reached_list *out);

/* The table, for listing: drivers in the order of names, each with its properties by group. A
 * property whose name ends in `[*]` stands for one for each number. */
size_t acl_device_n_drivers(void);
const char *acl_device_driver(size_t i);
void acl_device_each_property(size_t driver,
                              void (*show)(void *opaque, const char *group, const char *property,
                                           enum acl_reach reach),
                              void *opaque);
size_t acl_device_n_aliases(void);
const char *acl_device_alias(size_t i);

#endif
