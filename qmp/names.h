/* Finds a member name that an object has twice, in time linear in the names: small objects by
 * comparison, larger ones in a hash table whose secret seed keeps a peer from making collisions.
 * One table serves all objects of a message. */
#ifndef QMP_NAMES_H
#define QMP_NAMES_H

#include "qmp/tape.h"

struct qmp_names_entry {
    uint32_t name; /* token; 0 (the root, never a name) is an empty slot */
    uint32_t object;
    uint32_t hash;
};

struct qmp_names {
    struct qmp_names_entry *slots; /* owned; open addressing, n_slots is a power of two or 0 */
    uint32_t n_slots;
    uint32_t n_used;
    uint64_t seed[2];
};

void qmp_names_init(struct qmp_names *n);
void qmp_names_free(struct qmp_names *n);

/* Forgets all names; keeps memory up to a bound. */
void qmp_names_reset(struct qmp_names *n);

/* `name` comes after the `count` members that the still open object has so far: is it one of
 * theirs? Calls for one object come in the order of its members, none left out. */
bool qmp_names_repeats(struct qmp_names *n, const struct qmp_tape *t, uint32_t object,
                       uint32_t name);

#endif
