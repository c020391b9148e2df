/* UTF-8 as RFC 3629 has it: shortest form, no surrogates, up to U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one sequence of at most len > 0 bytes; its length, or 0 where it is not UTF-8. */
size_t utf8_decode(const unsigned char *s, size_t len, uint32_t *out);

bool utf8_is_valid(const char *s, size_t len);

/* A peer's bytes in a sentence: what could move a terminal's cursor does not get there, nor half a
 * character; each such byte becomes a question mark. */
void utf8_make_printable(char *text);

#endif
