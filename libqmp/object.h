/* Members of small JSON objects (a greeting, a gateway's answers), by name. */
#ifndef LIBQMP_OBJECT_H
#define LIBQMP_OBJECT_H

#include <stdbool.h>
#include "qmp/scan.h"
#include "qmp/tape.h"

/* The value of the member; QMP_NONE: there is none, or `in` is no object (or QMP_NONE itself). */
uint32_t object_find(const struct qmp_tape *t, uint32_t in, const char *name);
/* The same, of this kind only. */
uint32_t object_find_kind(const struct qmp_tape *t, uint32_t in, const char *name,
                          enum qmp_kind kind);

/* A string's text; owned; NULL: there is none, or it has a NUL in it. */
char *object_text(const struct qmp_tape *t, uint32_t in, const char *name);

/* An object as text, scanned: NULL: it is none. Freed by qmp_scanner_free. */
struct qmp_scanner *object_scan(const char *json);

static inline void object_free_scanner(struct qmp_scanner **s)
{
    qmp_scanner_free(*s);
}
#define CLEANUP_SCANNER CLEANUP(object_free_scanner)

#endif
