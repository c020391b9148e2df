/* Bytes between two streams, both ways, until both have ended. */
#ifndef CLI_RELAY_H
#define CLI_RELAY_H

#include "base/buf.h"
#include "net/stream.h"

/* `first`, whole lines, goes to `a` before anything of b's; white space between the two is dropped.
 * 0 when both sides ended properly; an error's text says which side broke. Blocks. */
int relay_run(struct stream *a, struct stream *b, struct span first, struct error *err) MUST_CHECK;

#endif
