/* Base64 as RFC 4648 has it (section 4), and nothing else: padded, no white space, no stray bits in
 * the last character, so that every run of bytes has one text. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/error.h"
#include "base/util.h"

/* Bytes of text that n bytes make, without a final NUL. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Writes BASE64_LEN(len) characters and no NUL. */
void base64_encode(const void *data, size_t len, char *out);

/* Decodes at most `max` bytes to memory of its own, with a NUL behind them that does not count; an
 * empty text gives no bytes. *out_len is set. Free by secret_free: it may be a password. */
int base64_decode(const char *text, size_t len, size_t max, unsigned char **out, size_t *out_len,
                  struct error *err) MUST_CHECK;

#endif
