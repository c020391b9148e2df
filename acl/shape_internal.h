/* The inside of a map, shared by shape.c (building), shape_find.c and shape_review.c. */
#ifndef ACL_SHAPE_INTERNAL_H
#define ACL_SHAPE_INTERNAL_H

#include "acl/shape.h"
#include "acl/shape_table.h"

#define NODE_NONE UINT32_MAX

/* What is said of a place: below PLACE_NODE a verdict on whatever stands there; from it on, a node
 * that says more. 0: nothing there reaches anything. */
#define PLACE_NODE    256u
#define PLACE_UNKNOWN ((uint32_t)VERDICT(ACL_REACH_UNKNOWN, ACL_OWNER_NONE))

static inline bool place_is_node(uint32_t place)
{
    return place >= PLACE_NODE;
}

/* A type, judged by a shape (or, an array, by one verdict on each element): the same two are one
 * node wherever they meet, so that types that contain themselves end. */
struct shape_node {
    uint32_t type;
    uint32_t shape; /* or SHAPE_IS_VERDICT + the verdict */
    uint8_t kind;   /* enum qmp_type_kind: object, enum, array, alternate */
    bool reaches;   /* something in it, or below */
    uint32_t first; /* of the places: an object's parts and then its tag's values (the branches);
                     * an enum's values; an array's element; an alternate's kinds */
    uint32_t next;  /* of the same type */
    uint32_t up;    /* where it was first met: the node, or NODE_NONE: a command's arguments */
    uint32_t at;    /* in places; or the command's number */
};

#define SHAPE_IS_VERDICT 0x10000u

struct acl_reach_map {
    const struct qmp_schema *schema; /* borrowed */
    struct shape_node *nodes;        /* owned */
    uint32_t *places;                /* owned */
    uint32_t *commands;              /* owned; by number, the place of the arguments */
    size_t n_nodes, nodes_cap;
    size_t n_places, places_cap;
};

/* What the table knows a command's arguments by. */
uint16_t shape_of_command(const struct qmp_schema *s, unsigned command);

/* How many values the tag of an object has; 0 without branches. */
uint32_t shape_n_branches(const struct qmp_schema *s, uint32_t type);
/* How many places a node of this type has. */
uint32_t shape_n_places(const struct qmp_schema *s, uint32_t type);

/* What the table calls the choice of an alternate. */
struct span shape_kind_name(enum qmp_kind kind);
#define SHAPE_N_KINDS (QMP_KIND_NULL + 1u)

#endif
