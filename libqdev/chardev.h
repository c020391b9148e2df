/* A chardev's options on a command line, and what they are in chardev-add: two trees that differ in
 * names, places and defaults. By tables (chardev.c), for the backends of QEMU 7.2. */
#ifndef LIBQDEV_CHARDEV_H
#define LIBQDEV_CHARDEV_H

#include "libqdev/value.h"

/* `data` of chardev-add as the members of a description of its own, all typed. The type is the
 * backend's name there. NULL: see err. */
struct qdev *chardev_to_data(const struct qdev *q, struct qdev_error **err);
/* The other way: from such a description to one with a command line's options. */
struct qdev *chardev_from_data(const struct qdev *data, struct qdev_error **err);

#endif
