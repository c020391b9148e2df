/* The inside of a schema, shared by schema.c (life, look-up, output), schema_parse.c (elements),
 * types_parse.c and types.c (what the elements mean). */
#ifndef QMP_SCHEMA_INTERNAL_H
#define QMP_SCHEMA_INTERNAL_H

#include <string.h>
#include <uthash.h>
#include "qmp/schema.h"
#include "qmp/types.h"

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

/* A type by its number. Which members count depends on its kind. */
struct schema_type {
    uint8_t kind;          /* enum qmp_type_kind */
    uint8_t layers;        /* object: types in its longest shape; 1 without branches */
    uint16_t n_needed;     /* object: members that are not optional */
    uint32_t first;        /* object, enum: of n in parts. array: the element's type.
                            * alternate: of N_KINDS in by_kind */
    uint32_t n;            /* object, enum: parts */
    uint32_t tag;          /* object: member, or QMP_NONE */
    uint32_t first_branch; /* object: of n_branches in branches */
    uint32_t n_branches;
};

/* A member or an enum's value; those of a type are in the order of schema_compare_names. */
struct schema_part {
    uint32_t name; /* offset in names; ends with NUL */
    uint32_t type; /* a member's */
    uint16_t name_len;
    uint16_t flags;
};

#define PART_OPTIONAL   1u
#define PART_DEPRECATED 2u
#define PART_UNSTABLE   4u

/* Of a union, in the order of the values. */
struct schema_branch {
    uint32_t value; /* of the tag's enum */
    uint32_t type;
};

struct schema_arguments {
    uint32_t type;
    uint32_t returns; /* or QMP_TYPE_NONE */
    bool open;
};

#define N_KINDS (QMP_KIND_NULL + 1)

struct schema_types {
    struct schema_type *types;          /* owned; by number: n_numbered[SCHEMA_TYPE] of them */
    struct schema_part *parts;          /* owned */
    struct schema_branch *branches;     /* owned */
    uint32_t *by_kind;                  /* owned; N_KINDS types an alternate */
    char *names;                        /* owned; of the parts */
    struct schema_arguments *arguments; /* owned; by number of command */
    uint32_t *data;                     /* owned; by number of event: a type, or QMP_TYPE_NONE */
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
    struct schema_types model;
};

/* Fills an empty schema from JSON text; on failure what is there is for schema_free. */
int schema_parse(struct qmp_schema *s, const char *json, size_t len, struct error *err) MUST_CHECK;

/* Its second half: fills s->model. Elements are read, indexed and numbered; each type that they
 * mention is there. */
int schema_parse_types(struct qmp_schema *s, const struct qmp_tape *t,
                       struct error *err) MUST_CHECK;
void schema_free_types(struct schema_types *m);

/* What both halves read. A name of the VM's is shown, logged and compared as a C string. */
bool schema_is_proper_name(struct span name);
bool schema_has_feature(const struct qmp_tape *t, uint32_t element, struct span feature);

/* Shorter names first: most comparisons are of two numbers. */
static inline int schema_compare_names(struct span a, struct span b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.data, b.data, a.len);
}

/* The element, or -1. */
int64_t schema_find(const struct qmp_schema *s, enum schema_sort sort, struct span name);

#endif
