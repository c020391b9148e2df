/* What is known of each kind of description: one table. */
#ifndef LIBQDEV_KINDS_H
#define LIBQDEV_KINDS_H

#include <qdev.h>
#include "base/util.h"

struct kind_facts {
    const char *option;
    const char *command;  /* or NULL: none */
    const char *type_key; /* the type's name among members, or NULL: it has none */
    const char *id_key;
    bool id_needed;
    size_t id_max; /* bytes of an id, or 0: no limit */
    bool json;     /* QEMU takes JSON in its place on a command line */
};

/* NULL for a kind that there is not. */
const struct kind_facts *kind_facts(enum qdev_kind kind);
/* The kind of "-device"; QDEV_KIND_UNKNOWN for any other word. */
enum qdev_kind kind_of_option(struct span word);

/* How QEMU reads the word: as options, flat; or as keyval, whose dotted keys are a tree. */
bool kind_is_keyval(enum qdev_kind kind, const char *type);
/* In options: does a name that comes again make a list? Of a netdev its elements are {"str": X}. */
bool kind_has_list(enum qdev_kind kind, const char *name);

#endif
