/* Numbers as JSON has them, whatever the locale is. */
#ifndef LIBQMP_NUMBER_H
#define LIBQMP_NUMBER_H

#include <stdbool.h>
#include "base/buf.h"
#include "libqmp/codec.h"

/* An integer of this kind at `place`; false if it is not written as one or does not fit. */
bool number_read_integer(struct span lexeme, enum codec_kind kind, void *place);
void number_write_integer(struct buf *out, enum codec_kind kind, const void *place);

/* Any JSON number that a double holds. */
bool number_read_double(struct span lexeme, double *out);
/* The shortest text that reads back as the same; false if it is not finite. */
bool number_write_double(struct buf *out, double value);

#endif
