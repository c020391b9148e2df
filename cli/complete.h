/* What could stand at the cursor of a shell line: a command, an argument's name, a word of its
 * type. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "cli/catalogue.h"

#define COMPLETION_MAX 1024u /* candidates; a QEMU has some 220 commands */

/* The words of a line, for the key=value among them. */
struct given {
    struct buf words; /* each ended by a NUL */
};
void given_collect(const char *text, struct given *out);
void given_clear(struct given *g);
/* The value given for the key, up to the word's end, or NULL; borrowed. */
const char *given_find(const struct given *g, const char *key);

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
