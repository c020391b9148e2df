/* Randomness of the kernel's. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Does not fail: a process that cannot have it ends. */
void random_bytes(void *out, size_t len);

/* An id for a request that nothing else is taken for: ten digits. */
static inline uint32_t random_id(void)
{
    uint32_t id;
    random_bytes(&id, sizeof(id));
    return id | UINT32_C(1) << 31;
}

#endif
