/* The inside of a schema, shared by schema.c (life, look-up, output) and schema_parse.c. */
#ifndef QMP_SCHEMA_INTERNAL_H
#define QMP_SCHEMA_INTERNAL_H

#include <uthash.h>
#include "qmp/schema.h"

/* Three sorts of name; types are everything that is neither command nor event. */
enum schema_sort { SCHEMA_COMMAND, SCHEMA_EVENT, SCHEMA_TYPE, N_SCHEMA_SORTS };

struct schema_element {
    enum schema_sort sort;
    uint32_t number;  /* among those of its sort; commands and events in the order of their names */
    const char *name; /* ends with NUL, has none inside */
    size_t name_len;
    struct span text;   /* the element as canonical JSON */
    uint32_t first_ref; /* types that it mentions: refs[first_ref .. first_ref + n_refs) */
    uint32_t n_refs;
};

/* Name -> element, by a hash with a secret seed. */
struct schema_index {
    uint32_t *slots; /* owned; element + 1, or 0; n_slots is a power of two */
    uint32_t n_slots;
};

struct qmp_schema {
    unsigned users; /* references; guarded by the lock of schema.c, as is hh */
    UT_hash_handle hh;
    char hash[65];
    uint64_t seed[2];
    char *memory;                    /* owned; names and texts of all elements */
    struct schema_element *elements; /* owned, in the VM's order */
    uint32_t n_elements;
    uint32_t *refs; /* owned; element numbers */
    struct schema_index index[N_SCHEMA_SORTS];
    uint32_t *numbered[N_SCHEMA_SORTS]; /* owned; number -> element */
    uint32_t n_numbered[N_SCHEMA_SORTS];
    struct qmp_schema_command *commands; /* owned, by number */
};

/* Fills an empty schema from JSON text; on failure what is there is for schema_free. */
int schema_parse(struct qmp_schema *s, const char *json, size_t len, struct error *err) MUST_CHECK;

/* The element, or -1. */
int64_t schema_find(const struct qmp_schema *s, enum schema_sort sort, struct span name);

#endif
