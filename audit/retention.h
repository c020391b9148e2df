/* What becomes of closed segments: they are compressed, and the oldest go when they are too old or
 * too many. Never one that no seal covers (where there is a key), or that a sink has not shipped.
 */
#ifndef AUDIT_RETENTION_H
#define AUDIT_RETENTION_H

#include "audit/audit.h"

/* One round through the directory. `go_on` is asked now and then, and ends it by false. Fills the
 * figures. What cannot be done is an error, and the rest is done nevertheless. */
int retention_round(struct audit *a, bool (*go_on)(void *opaque), void *opaque,
                    struct error *err) MUST_CHECK;

/* The number in the name of a closed segment of the log `path`, compressed or not; 0: it is none of
 * those that the gateway names. */
uint64_t retention_number(const char *path, const char *file);

#endif
