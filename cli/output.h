/* What goes to people and to programs: JSON in lines, or laid out and coloured for a terminal.
 * Nothing that a VM or a gateway says can move a terminal's cursor: control characters come out as
 * escapes. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdio.h>
#include "base/buf.h"

struct output {
    bool pretty; /* for people: indented, tables; otherwise one JSON text a line */
    bool color;
};

/* A colour of a terminal, by what it stands for. */
enum output_paint { PAINT_NONE, PAINT_KEY, PAINT_STRING, PAINT_SCALAR, PAINT_FAINT, PAINT_ERROR };

/* The document and a line feed. */
void output_document(const struct output *o, FILE *to, struct json_object *doc);

/* The document on one line whatever the style (for events), without a line feed. */
void output_compact(const struct output *o, struct buf *out, struct json_object *doc);

/* Text of a peer's, for a terminal: UTF-8 stays, control characters become \uHHHH. */
void output_add_text(struct buf *out, const char *text);
void output_add_painted(const struct output *o, struct buf *out, enum output_paint paint,
                        const char *text);

struct output_column {
    const char *title;
    const char *member;
};

/* A list of objects: a table for people, otherwise an object a line. `empty` is said to people when
 * there is nothing to list. */
void output_list(const struct output *o, FILE *to, struct json_object *list,
                 const struct output_column *columns, size_t n_columns, const char *empty);

/* An object's members, "name: value" a line, or the object on one line. */
void output_members(const struct output *o, FILE *to, struct json_object *object);

#endif
