/* The tape: what the scanner makes of one JSON text. A flat array of tokens in text order; a
 * container is followed by its parts, so a walk is an index that goes up. Nobody but the scanner
 * writes a tape; everyone else reads it through the functions below, which do no checks that the
 * scanner did already: every name is unique in its object, every string is UTF-8, every number is
 * a JSON number that a double holds.
 *
 * Ownership: a scanner's tape borrows the text that was scanned and is good until the scanner is
 * fed or reset again. qmp_tape_copy makes one that stands alone.
 * Source: RFC 8259; QMP specification, section 2. */
#ifndef QMP_TAPE_H
#define QMP_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/util.h"

enum qmp_kind {
    QMP_KIND_OBJECT,
    QMP_KIND_ARRAY,
    QMP_KIND_STRING, /* also an object's member name */
    QMP_KIND_NUMBER,
    QMP_KIND_TRUE,
    QMP_KIND_FALSE,
    QMP_KIND_NULL,
};

#define QMP_NONE UINT32_MAX /* no token */

struct qmp_token {
    uint8_t kind;    /* enum qmp_kind */
    uint8_t escaped; /* a string with escapes: its bytes are in tape->decoded */
    uint8_t folded;  /* a container whose parts are not on the tape (top_level_only) */
    uint8_t
        faulty; /* a value of the outermost object that breaks a rule, in a part or as a whole */
    uint32_t offset; /* of the lexeme in tape->text, a string's opening quote included */
    uint32_t length; /* of the lexeme; a container's covers both brackets */
    uint32_t next;   /* container: index past its last part; escaped string: offset in decoded */
    uint32_t count;  /* object: members; array: elements; escaped string: decoded length */
};

struct qmp_tape {
    const char *text;
    const char *decoded;
    const struct qmp_token *tokens;
    uint32_t n_tokens;
    uint32_t text_len;
    uint32_t decoded_len;
};

static inline enum qmp_kind qmp_tape_kind(const struct qmp_tape *t, uint32_t token)
{
    return (enum qmp_kind)t->tokens[token].kind;
}

/* The token after this value and everything in it: the next member's name, element, or past the
 * container's end. */
static inline uint32_t qmp_tape_next(const struct qmp_tape *t, uint32_t token)
{
    return t->tokens[token].kind <= QMP_KIND_ARRAY ? t->tokens[token].next : token + 1;
}

/* A string's bytes, decoded; may contain NUL. */
static inline struct span qmp_tape_string(const struct qmp_tape *t, uint32_t token)
{
    const struct qmp_token *k = &t->tokens[token];
    if (k->escaped)
        return (struct span){ t->decoded + k->next, k->count };
    return (struct span){ t->text + k->offset + 1, k->length - 2 };
}

/* The lexeme as it was written. */
static inline struct span qmp_tape_raw(const struct qmp_tape *t, uint32_t token)
{
    return (struct span){ t->text + t->tokens[token].offset, t->tokens[token].length };
}

bool qmp_tape_string_is(const struct qmp_tape *t, uint32_t token, struct span text);

/* Value of the member `name` of an object, or QMP_NONE. */
uint32_t qmp_tape_find(const struct qmp_tape *t, uint32_t object, struct span name);

/* Integer value of a number token written without fraction or exponent that fits; false if not. */
bool qmp_tape_int64(const struct qmp_tape *t, uint32_t token, int64_t *out);

/* for each (name token, value token) of an object, in text order */
#define QMP_TAPE_MEMBERS(t, object, name, value)                                          \
    for (uint32_t name = (object) + 1, value = name + 1; name < (t)->tokens[object].next; \
         name = qmp_tape_next(t, value), value = name + 1)

#define QMP_TAPE_ELEMENTS(t, array, element)                                \
    for (uint32_t element = (array) + 1; element < (t)->tokens[array].next; \
         element = qmp_tape_next(t, element))

/* Bytes that a copy needs, and the copy itself, made in `memory` (aligned as malloc's, of that many
 * bytes): text, decoded and tokens are inside; `memory` begins with the struct qmp_tape. */
size_t qmp_tape_copy_size(const struct qmp_tape *t);
struct qmp_tape *qmp_tape_copy_into(const struct qmp_tape *t, void *memory);

/* The same in memory of its own, freed with free(). */
struct qmp_tape *qmp_tape_copy(const struct qmp_tape *t);

#endif
