/* Text that may be part of a name, wherever the name comes from. */
#ifndef AUTH_NAME_TEXT_H
#define AUTH_NAME_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Not empty, UTF-8, and without C0, DEL or C1 controls: those have no business in a name, and a log
 * or a terminal might act on them. */
bool name_text_is_clean(const unsigned char *s, size_t len);

#endif
