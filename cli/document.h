/* JSON documents: the strict scanner says what is JSON, json-c holds it. */
#ifndef CLI_DOCUMENT_H
#define CLI_DOCUMENT_H

#include <json-c/json_object.h>
#include "base/error.h"

/* One JSON value that a user wrote, white space around it allowed. On top of the scanner's rules:
 * whole numbers fit 64 bits and names have no NUL, because json-c would change both. */
int document_parse(const char *text, size_t len, struct json_object **out,
                   struct error *err) MUST_CHECK;

/* A value that the scanner has passed already. */
int document_from_scanned(struct span text, struct json_object **out, struct error *err) MUST_CHECK;

/* The member's text, or NULL if there is no such member or it is no string; borrowed. */
const char *document_string(struct json_object *object, const char *name);

static inline void document_cleanup(struct json_object **doc)
{
    json_object_put(*doc);
}
#define CLEANUP_DOCUMENT CLEANUP(document_cleanup)

#endif
