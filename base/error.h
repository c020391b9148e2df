/* What went wrong, as a sentence that a user can act on.
 * A function that can fail returns 0 or a negative enum error_code and fills the error it was
 * given (which may be NULL where the caller does not want the words). */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/util.h"

enum error_code {
    ERROR_INVALID = -1, /* the input breaks a rule */
    ERROR_SYSTEM = -2,  /* a system call failed */
    ERROR_LIMIT = -3,   /* a limit was reached */
    ERROR_DENIED = -4,  /* refused */
    ERROR_PEER = -5,    /* the other side misbehaved or went away */
    ERROR_STATE = -6,   /* not possible now */
};

#define ERROR_TEXT_MAX 512 /* bytes with the final NUL; longer texts are cut */

struct error {
    enum error_code code;
    char text[ERROR_TEXT_MAX];
};

/* Sets the text; returns `code`, so that `return error_set(...)` reads well. */
int error_set(struct error *err, enum error_code code, const char *fmt, ...) PRINTF(3, 4);

/* error_set(ERROR_SYSTEM) with ": strerror(errno)" behind the text. */
int error_set_errno(struct error *err, const char *fmt, ...) PRINTF(2, 3);

/* Puts "prefix: " before the text that is there. */
void error_prefix(struct error *err, const char *fmt, ...) PRINTF(2, 3);

#endif
