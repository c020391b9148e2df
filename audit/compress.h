/* A closed segment, compressed: frames of Zstandard, each of about 1 MiB of whole lines, and at the
 * end the table of the seekable format (facebook/zstd, contrib/seekable_format), so that `zstd -d`
 * reads it and a reader can seek. */
#ifndef AUDIT_COMPRESS_H
#define AUDIT_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

#define COMPRESS_FRAME (1u << 20) /* bytes of text a frame, at most */
#define COMPRESS_LEVEL 1 /* of a log smaller than 3, the default, makes it, at twice the speed */

/* Between frames: false to give up. */
typedef bool compress_go_on_fn(void *opaque);

/* Makes PATH.zst of PATH, on the disk, and reads it back to see that it holds the same; then
 * removes PATH. It is made as ".NAME.zst" beside it, which no reader looks at, and whatever comes
 * between the steps leaves PATH, or PATH.zst, or both. A PATH.zst that is there already and holds
 * the same is taken; one that does not is left alone, an error. 1: given up, because `go_on` said
 * so. */
int compress_segment(const char *path, compress_go_on_fn *go_on, void *opaque,
                     struct error *err) MUST_CHECK;

#endif
