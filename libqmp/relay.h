/* Bytes between two streams, both ways, until both have ended. */
#ifndef LIBQMP_RELAY_H
#define LIBQMP_RELAY_H

#include "base/buf.h"
#include "net/stream.h"

#define RELAY_LAST_MAX 1024u /* bytes of b's last words that are kept */

/* `first`, whole lines, goes to `a` before anything of b's; white space between the two is dropped.
 * 0 when both sides ended properly; an error's text says which side broke. `last` gets the end of
 * what b said, RELAY_LAST_MAX bytes or a few more. Blocks. */
int relay_run(struct stream *a, struct stream *b, struct span first, struct buf *last,
              struct error *err) MUST_CHECK;

#endif
