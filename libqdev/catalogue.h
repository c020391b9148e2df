/* The inside of a catalogue. Properties that are alike (name, type, description, default) are
 * kept once: most devices have the same forty of their bus. */
#ifndef LIBQDEV_CATALOGUE_H
#define LIBQDEV_CATALOGUE_H

#include <qdev.h>
#include <uthash.h>
#include "base/util.h"
#include "qmp/scan.h"

struct qdev_property {
    UT_hash_handle hh; /* by key */
    char *key;         /* owned; all that follows, which are parts of it or NULL */
    const char *name;
    const char *type;
    const char *description;
    const char *default_; /* JSON text */
    char *values;         /* owned, or NULL */
    size_t index;
};

struct qdev_driver {
    char *name; /* owned, and so are the others; NULL: none */
    char *alias;
    char *bus;
    char *description;
    bool internal;
    bool opaque;
    const struct qdev_property **properties; /* by name */
    size_t n, cap;
};

struct driver_list {
    struct qdev_driver **items; /* owned; by name */
    size_t n, cap;
};

struct qdev_catalogue {
    char *qemu;
    struct driver_list devices, objects;
    struct qdev_property *properties; /* uthash, in the order of `index` */
};

struct qdev_catalogue *devcat_new(void);
void cleanup_devcat(struct qdev_catalogue **c);

/* A driver at the end; afterwards devcat_sort. */
struct qdev_driver *devcat_add(struct qdev_catalogue *c, enum qdev_kind kind, struct span name);
/* Texts that have a length of 0 are NULL. */
const struct qdev_property *devcat_property(struct qdev_catalogue *c, struct span name,
                                            struct span type, struct span description,
                                            struct span default_);
void driver_add_property(struct qdev_driver *d, const struct qdev_property *p);
/* -1: a name comes twice. */
int devcat_sort(struct qdev_catalogue *c, struct qdev_error **err) MUST_CHECK;

/* A text from a peer or a file: its scanner, or NULL with an error that begins with `what`. */
struct qmp_scanner *devcat_scan(const char *what, const char *text, enum qdev_error_kind kind,
                                struct qdev_error **err);
void cleanup_scan(struct qmp_scanner **s);

/* A member of an object that is a string; of length 0 with no data if it is not there or another.
 */
struct span member_text(const struct qmp_tape *t, uint32_t object, struct span name);
/* A name without control bytes, of a length that may be. */
bool is_catalogue_name(struct span s);

/* The nearest of the names, if it is near enough to have been meant; NULL. */
const char *nearest_name(const char *name, const char *(*at)(const void *in, size_t i),
                         const void *in, size_t n);

#endif
