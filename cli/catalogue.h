/* The commands that a VM (or a gateway) lists, and their arguments, for completion and help. Names
 * only: what the server says is not checked for more than it takes to read it safely. Source: QEMU,
 * docs/devel/qapi-code-gen, "Client JSON Protocol introspection". */
#ifndef CLI_CATALOGUE_H
#define CLI_CATALOGUE_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include "base/buf.h"

struct catalogue;

/* `commands`: what query-commands returns; `schema`: what query-qmp-schema returns. Either may be
 * NULL; both are borrowed for the call. */
struct catalogue *catalogue_new(struct json_object *commands, struct json_object *schema);
void catalogue_free(struct catalogue *c);

/* Names in order; NULL past the last. */
const char *catalogue_command(const struct catalogue *c, size_t i);

struct catalogue_member {
    const char *name;               /* borrowed */
    const struct json_object *type; /* an entity of the schema, or NULL; borrowed */
    bool optional;
};

/* Which members, and who wants them. */
struct catalogue_query {
    const char *command;
    const char *path; /* "": the command's arguments; "file": the members of its argument file */
    /* The value that is given already for the member with this dotted name, or NULL: where it is a
     * union's discriminator, only the branch that it chooses is visited. */
    const char *(*given)(void *opaque, const char *name);
    bool all_branches; /* where nothing chooses: visit all of them, or none */
    void (*visit)(void *opaque, const struct catalogue_member *m);
    void *opaque;
};

/* Calls `visit` for each member that can stand there; a name may come more than once. */
void catalogue_members(const struct catalogue *c, const struct catalogue_query *q);

/* The argument that says which others there are (qom-type of object-add), or NULL; borrowed. */
const char *catalogue_discriminator(const struct catalogue *c, const char *command);

/* True if a value of the type may be an object or a list: its parts have dotted names. */
bool catalogue_type_has_parts(const struct catalogue *c, const struct json_object *type);

/* The words that a value of the type can be, NULL past the last: enum values, true and false. */
const char *catalogue_type_word(const struct json_object *type, size_t i);

/* "string", "int", "on|off|auto", "{...}", "[string]". */
void catalogue_type_describe(const struct catalogue *c, const struct json_object *type,
                             struct buf *out);

#endif
