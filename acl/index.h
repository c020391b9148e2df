/* From a subject (an identity, a VM) to what is given to it: what has no wildcards is found by a
 * hash of its key, each different pattern is tried once, however often it was added. */
#ifndef ACL_INDEX_H
#define ACL_INDEX_H

#include <stdint.h>
#include "acl/bits.h"

struct acl_index {
    bool (*match)(const void *pattern, const void *subject); /* given by the owner */
    void (*free_pattern)(void *pattern);
    struct index_entry *entries;  /* private: a hash by key; owned */
    struct index_entry *patterns; /* private: those of them that have wildcards */
};

/* `key`: of an exact thing its key, of a pattern its text. `take_pattern`: NULL of an exact one. */
void acl_index_add(struct acl_index *x, const char *key, void *take_pattern, uint32_t target);
void acl_index_fini(struct acl_index *x);

/* Sets the bits of all targets of that key, and of all patterns that match. */
void acl_index_find_key(const struct acl_index *x, const char *key, uint64_t *targets);
void acl_index_find_patterns(const struct acl_index *x, const void *subject, uint64_t *targets);

#endif
