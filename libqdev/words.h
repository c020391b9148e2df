/* The small texts: ids, names, numbers, and what text may be at all. */
#ifndef LIBQDEV_WORDS_H
#define LIBQDEV_WORDS_H

#include <stdbool.h>
#include "base/util.h"

/* UTF-8 without NUL. */
bool word_is_text(struct span s);
/* QEMU's id_wellformed (util/id.c). */
bool word_is_id(struct span s);
/* A name of QAPI, which is what a part of a dotted key is (qapi/qapi-util.c, parse_qapi_name). */
bool word_is_qapi_name(struct span s);
/* Letters, digits, '-', '_', '.', '+'. */
bool word_is_enum(struct span s);
/* Decimal digits without zeros before them. */
bool word_is_index(struct span s);
/* What makes QEMU print help in place of doing what it was told. */
bool word_is_help(struct span s);

bool word_to_bool(struct span s, bool *out);
/* Decimal. */
bool word_to_uint(struct span s, uint64_t *out);
bool word_to_int(struct span s, int64_t *out);
bool word_to_size(struct span s, uint64_t *out);

static inline bool word_is(struct span s, const char *text)
{
    return s.len == __builtin_strlen(text) && __builtin_memcmp(s.data, text, s.len) == 0;
}

#endif
