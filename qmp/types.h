/* The types of a VM's schema: what a command's arguments look like. To be walked in step with the
 * tape: by validation (validate.h), and by whoever judges arguments.
 *
 * A type is a number below qmp_schema_n_types, an object's member or an enum's value a number
 * within its type; all names are proper C strings. What belongs to another kind of type must not
 * be asked for. Everything lives as long as the schema, nothing changes, any thread may read.
 *
 * A schema that contradicts itself was refused when it was parsed. What is of a form that this code
 * does not know (a meta-type of a newer QEMU) is *opaque*: QEMU takes there what it takes.
 * Source: QEMU, qapi/introspect.json. */
#ifndef QMP_TYPES_H
#define QMP_TYPES_H

#include "qmp/schema.h"
#include "qmp/tape.h"

enum qmp_type_kind {
    QMP_TYPE_STRING,
    QMP_TYPE_BOOL,
    QMP_TYPE_INT, /* of a width and sign that the schema does not tell */
    QMP_TYPE_NUMBER,
    QMP_TYPE_NULL,
    QMP_TYPE_ANY,
    QMP_TYPE_OPAQUE,
    QMP_TYPE_ENUM,
    QMP_TYPE_ARRAY,
    QMP_TYPE_OBJECT,    /* with a tag and branches: a flat union */
    QMP_TYPE_ALTERNATE, /* what it is depends on the JSON kind of the value */
};

#define QMP_TYPE_NONE UINT32_MAX

/* A member of an object or a value of an enum. */
struct qmp_type_part {
    struct span name; /* ends with NUL */
    uint32_t type;    /* of a member */
    bool optional;    /* member */
    bool deprecated;  /* features, of both */
    bool unstable;
};

uint32_t qmp_schema_n_types(const struct qmp_schema *s);
enum qmp_type_kind qmp_type_kind(const struct qmp_schema *s, uint32_t type);

/* What command number i takes: an object or opaque. */
uint32_t qmp_command_arguments(const struct qmp_schema *s, unsigned i);
/* It takes members that its type does not have, and converts values instead of checking them: the
 * schema does not say so, types.c has a table. */
bool qmp_command_is_open(const struct qmp_schema *s, unsigned i);

/* What command number i returns, and what event number i carries; QMP_TYPE_NONE if the schema does
 * not say. Nothing is judged by these: they tell whether a path leads anywhere. */
uint32_t qmp_command_returns(const struct qmp_schema *s, unsigned i);
uint32_t qmp_event_data(const struct qmp_schema *s, unsigned i);

/* An array's. */
uint32_t qmp_type_element(const struct qmp_schema *s, uint32_t type);

/* An object's members without those of its branches, or an enum's values; shortest name first. */
uint32_t qmp_type_n_parts(const struct qmp_schema *s, uint32_t type);
struct qmp_type_part qmp_type_part(const struct qmp_schema *s, uint32_t type, uint32_t part);
/* By binary search; QMP_NONE if there is none. */
uint32_t qmp_type_find(const struct qmp_schema *s, uint32_t type, struct span name);

/* An object's member that chooses the branch; QMP_NONE if it has no branches. */
uint32_t qmp_type_tag(const struct qmp_schema *s, uint32_t type);
/* The object (or opaque) type whose members join in if the tag has this value of its enum;
 * QMP_TYPE_NONE if none do. */
uint32_t qmp_type_branch(const struct qmp_schema *s, uint32_t type, uint32_t value);

/* What an alternate is if the value is of this kind; QMP_TYPE_NONE if it cannot be. Not again an
 * alternate. */
uint32_t qmp_type_of_kind(const struct qmp_schema *s, uint32_t type, enum qmp_kind kind);

/* Which members a given object may have. Branches may have branches (QEMU 8.1 and later), and the
 * members of all of them stand side by side in one JSON object. */
#define QMP_SHAPE_MAX 4u /* types at most; 7.2 has 2, later releases 3 */

enum qmp_shape_status {
    QMP_SHAPE_WHOLE,
    QMP_SHAPE_NO_TAG,  /* the last type's tag is missing */
    QMP_SHAPE_BAD_TAG, /* it is no string, or none of the enum's values */
};

struct qmp_shape {
    uint32_t n;
    uint32_t types[QMP_SHAPE_MAX]; /* the type itself, its branch, that one's branch */
    bool open;                     /* one more of them is opaque: other members may be there */
};

/* `object`: a token of kind object; `type`: an object. The shape is filled as far as it is known.
 */
enum qmp_shape_status qmp_shape_find(const struct qmp_schema *s, uint32_t type,
                                     const struct qmp_tape *t, uint32_t object,
                                     struct qmp_shape *shape);

#endif
