/* A hash for tables of a peer's names: whoever does not know the seed cannot make names collide.
 * SipHash-1-3 (Aumasson and Bernstein), in the machine's own byte order: a value never leaves it.
 */
#ifndef QMP_SIPHASH_H
#define QMP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t qmp_siphash(const uint64_t seed[2], const char *data, size_t len);

/* A new secret seed. */
void qmp_siphash_seed(uint64_t seed[2]);

#endif
