/* What could stand at the cursor of a shell line: a command, an argument's name, a word of its
 * type. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "cli/catalogue.h"

#define COMPLETION_MAX 1024u /* candidates; a QEMU has some 220 commands */

struct completion {
    char *
        *candidates; /* sorted, each once, with the character that follows (space, = or .); owned */
    size_t n;
    size_t partial_len; /* bytes before the cursor that every candidate begins with */
    size_t common_len;  /* bytes that all candidates have in common */
};

/* `line`: what stands before the cursor. `builtins` ends with NULL. */
void complete_line(const struct catalogue *c, const char *const builtins[], const char *line,
                   struct completion *out);
void completion_clear(struct completion *c);
#define CLEANUP_COMPLETION CLEANUP(completion_clear)

#endif
