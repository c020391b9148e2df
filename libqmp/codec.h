/* The heart of libqmp: tables that say what QEMU's types look like in C, and the functions that
 * read, write, copy, compare and free any value by them. The generator makes the tables and thin
 * typed functions around these.
 *
 * A *place* is where a value is: a structure's member, an element of a list, what a branch of a
 * union points to. What is there depends on the kind: the value itself, or an owned pointer that
 * is NULL where the value is absent. A place of zero bytes is empty. */
#ifndef LIBQMP_CODEC_H
#define LIBQMP_CODEC_H

#include <libqmp/base.h>
#include "base/buf.h"
#include "libqmp/limits.h"
#include "libqmp/problem.h"
#include "qmp/tape.h"

enum codec_kind {
    CODEC_BOOL, /* bool */
    CODEC_INT8,
    CODEC_INT16,
    CODEC_INT32,
    CODEC_INT64,
    CODEC_UINT8,
    CODEC_UINT16,
    CODEC_UINT32,
    CODEC_UINT64,
    CODEC_DOUBLE,
    CODEC_ENUM,      /* enum, 4 bytes */
    CODEC_NULL,      /* nothing at all; only a choice of an alternate */
    CODEC_STRING,    /* char *; from here on kinds are pointers */
    CODEC_ANY,       /* char *, JSON text in canonical form */
    CODEC_LIST,      /* struct codec_list *, as every qmp_X_list */
    CODEC_OBJECT,    /* a structure */
    CODEC_ALTERNATE, /* a structure that begins with its kind, a uint32_t: 0, or choice + 1 */
};

#define CODEC_NONE UINT16_MAX /* no offset, no index */

enum codec_flag {
    CODEC_OPTIONAL = 1, /* need not be there */
    CODEC_LOOSE = 2, /* always written, and need not be there: a later release made it optional */
};

struct codec_type;

struct codec_member {
    const char *name; /* in JSON */
    const struct codec_type *type;
    uint16_t offset;
    uint16_t has; /* offset of has_NAME, or CODEC_NONE */
    uint8_t length;
    uint8_t flags; /* enum codec_flag */
};

struct codec_type {
    const char *name; /* in QAPI, for errors */
    enum codec_kind kind;
    uint16_t size;       /* object, alternate: of the structure */
    uint16_t n;          /* object: members; enum: values with UNKNOWN; alternate: choices */
    uint16_t tag;        /* object: index of the member that chooses the branch, or CODEC_NONE */
    uint16_t u;          /* object with a tag, alternate: offset of the union */
    uint16_t open;       /* object: offset of the JSON text with more members, or CODEC_NONE */
    uint16_t n_branches; /* length of branches: the values of the tag's enum as it was generated */
    const struct codec_member *members;       /* object */
    const struct codec_type *const *branches; /* object with a tag: by the tag's value, or NULL */
    const char *const *values;                /* enum: names, that of UNKNOWN is NULL */
    const struct codec_type *const *choices;  /* alternate: kind - 1 -> type */
    const struct codec_type *element;         /* list */
};

struct codec_list {
    size_t n;
    void *items; /* owned; n places */
};

/* Where part of a structure is. */
static inline void *codec_at(const void *structure, uint16_t offset)
{
    return (char *)(uintptr_t)structure + offset;
}

/* The type of an object's branch by its tag, or of an alternate's choice; NULL if there is none. */
const struct codec_type *codec_branch(const struct codec_type *type, const void *structure);

/* Are optional members told by their pointer? */
static inline bool codec_is_pointer(const struct codec_type *type)
{
    return type->kind >= CODEC_STRING;
}

/* Bytes of a place. */
size_t codec_place_size(const struct codec_type *type);

/* --- memory ----------------------------------------------------------------------------------- */

void *codec_new(const struct codec_type *type);
/* Frees what the place owns, and empties it. */
void codec_clear(const struct codec_type *type, void *place);
/* `to` is empty. */
void codec_copy(const struct codec_type *type, const void *from, void *to);
bool codec_equal(const struct codec_type *type, const void *a, const void *b);
/* Takes over what is in the place. */
void codec_append(const struct codec_type *list_type, struct codec_list *list, void *place);

/* --- JSON ------------------------------------------------------------------------------------- */

/* A JSON text as a tape, strictly; white space around it is fine. `kind`: what went wrong is of. */
struct qmp_scanner *codec_scan(const char *json, enum qmp_error_kind kind, struct qmp_error **err);

/* `place` is empty, and is so again where the result is -1. `what` names the value in errors, which
 * are of `kind`. Members that the type does not have are passed over; of a newer QEMU's enumeration
 * and union the value is unknown, and so is a choice of an alternate. */
int codec_read(const struct codec_type *type, const struct qmp_tape *t, uint32_t token, void *place,
               const char *what, enum qmp_error_kind kind, struct qmp_error **err);

/* Appends; what is in the buffer after a failure is not to be used. */
int codec_write(const struct codec_type *type, const void *place, const char *what, struct buf *out,
                struct qmp_error **err);

#endif
