/* The tree of a description, and the one way by which anything gets into it. */
#ifndef LIBQDEV_VALUE_H
#define LIBQDEV_VALUE_H

#include <qdev.h>
#include "base/buf.h"

struct qdev_value {
    enum qdev_value_kind kind;
    unsigned depth;     /* the members' object: 0 */
    struct qdev *owner; /* whose values are counted */
    char *name;         /* owned; NULL: an element, or the members' object */
    union {
        char *text; /* owned; string, enum, untyped */
        bool boolean;
        int64_t integer;
        uint64_t uinteger; /* uint, size */
        struct {
            struct qdev_value **items; /* owned */
            size_t n, cap;
        } parts; /* object, list */
    } u;
};

struct qdev {
    enum qdev_kind kind;
    char *type; /* owned; NULL: a drive */
    char *id;   /* owned; NULL: none */
    struct qdev_value *members;
    size_t n_values;
};

struct qdev_value *value_new(struct qdev *owner, enum qdev_value_kind kind, unsigned depth);
void value_free(struct qdev_value *v);
void cleanup_qdev(struct qdev **q);

static inline bool value_has_parts(const struct qdev_value *v)
{
    return v->kind == QDEV_OBJECT_VALUE || v->kind == QDEV_LIST;
}

static inline bool value_has_text(const struct qdev_value *v)
{
    return v->kind == QDEV_STRING || v->kind == QDEV_ENUM || v->kind == QDEV_UNTYPED;
}

/* The member, or NULL. */
struct qdev_value *value_find(const struct qdev_value *object, struct span name);

/* A new value of the kind, with all that must hold checked; a member of that name is replaced.
 * `name.data` is NULL for an element. NULL: see err. */
struct qdev_value *value_put(struct qdev_value *in, struct span name, enum qdev_value_kind kind,
                             struct qdev_error **err);
/* With this text. */
struct qdev_value *value_put_text(struct qdev_value *in, struct span name,
                                  enum qdev_value_kind kind, struct span text,
                                  struct qdev_error **err);
/* A copy of a value and of all that is in it; `in` may be of another description. */
struct qdev_value *value_put_copy(struct qdev_value *in, struct span name,
                                  const struct qdev_value *from, struct qdev_error **err);
bool value_equal(const struct qdev_value *a, const struct qdev_value *b);

/* A scalar as a command line has it; false of what is none. */
bool value_add_text(const struct qdev_value *v, struct buf *out);

static inline struct span span_of(const char *s)
{
    return (struct span){ s, s ? strlen(s) : 0 };
}
#define NO_NAME ((struct span){ NULL, 0 })

/* By spans; what qdev_new and qdev_set_id do. */
struct qdev *device_new(enum qdev_kind kind, struct span type, struct span id,
                        struct qdev_error **err);
int device_set_id(struct qdev *q, struct span id, struct qdev_error **err);
/* Has it the id that QEMU wants in every form? */
int device_check_id(const struct qdev *q, enum qdev_error_kind kind, struct qdev_error **err);

#endif
