/* arguments.def as look-ups. Made once a process, at the first use; any thread may ask. */
#ifndef ACL_SHAPE_TABLE_H
#define ACL_SHAPE_TABLE_H

#include "acl/reach.h"
#include "acl/shape.h"
#include "base/util.h"

/* A verdict is a way to reach the host, and whoever else judges, in a byte. */
#define VERDICT(reach, owner)   ((uint8_t)((unsigned)(reach) | (unsigned)(owner) << 4))
#define VERDICT_REACH(verdict)  ((enum acl_reach)((verdict)&15u))
#define VERDICT_OWNER(verdict)  ((enum acl_owner)((verdict) >> 4))
#define VERDICT_OF_OWNER(owner) VERDICT(ACL_REACH_UNKNOWN, owner)

enum shape_sort { SHAPE_OBJECT, SHAPE_ENUM, SHAPE_ALTERNATE };

/* Numbers of shapes. Those with a name have constants, but only shape_table.c needs them. */
enum {
    SHAPE_EMPTY,    /* that nothing is known of */
    SHAPE_COMMANDS, /* whose members are the commands */
    SHAPE_FIRST,
};

/* What the table expects where a word stands. */
enum expected {
    EXPECT_TEXT,
    EXPECT_NUMBER,
    EXPECT_FLAG,
    EXPECT_NIL,
    EXPECT_ANY,      /* of no type */
    EXPECT_SIMPLE,   /* text, number or flag */
    EXPECT_ANYTHING, /* the same, or of no type */
    EXPECT_SHAPE,
    EXPECT_TAG,
    EXPECT_OWNED, /* whatever it is */
    EXPECT_VALUE,
    EXPECT_FURTHER, /* no word */
};

struct table_word {
    struct span text;
    uint16_t shape; /* whose word it is */
    uint16_t
        target; /* of a member: its shape; of a value: its branch's; of a command: arguments' */
    uint8_t expected; /* enum expected; values sort after members */
    uint8_t verdict;
};

uint16_t shape_table_size(void); /* numbers are below */
const char *shape_table_name(uint16_t shape);
enum shape_sort shape_table_sort(uint16_t shape);
/* The verdict on members that no schema tells. */
uint8_t shape_table_further(uint16_t shape);

/* NULL if the shape has no such word. */
const struct table_word *shape_table_member(uint16_t shape, struct span name);
const struct table_word *shape_table_value(uint16_t shape, struct span name);

/* All words of a shape. */
const struct table_word *shape_table_words(uint16_t shape, size_t *n);

#endif
