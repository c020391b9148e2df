/* Seals handed out as they are made, to a program that brings them to where the host cannot rewrite
 * them. One at a time, in a thread of its own: the program may be slow, hang or fail. */
#ifndef AUDIT_SEAL_COMMAND_H
#define AUDIT_SEAL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include "base/util.h"

#define SEAL_COMMAND_SECONDS 10   /* a run that takes longer is killed, with all that it started */
#define SEAL_COMMAND_QUEUE   256u /* seals that wait at most; then the oldest is dropped */

struct seal_command;

/* Starts no thread until there is a command. */
struct seal_command *seal_command_new(void);
/* After seal_command_stop, or without a thread. */
void seal_command_free(struct seal_command *c);

/* NULL or empty: none. For /bin/sh. */
void seal_command_configure(struct seal_command *c, const char *command);

/* An exported seal, with its line feed. */
void seal_command_give(struct seal_command *c, struct span seal);

/* What waits is given one more try. */
void seal_command_stop(struct seal_command *c);

struct seal_command_stats {
    uint64_t runs, failures, dropped;
    bool failing;
};
void seal_command_get_stats(struct seal_command *c, struct seal_command_stats *out);

#endif
