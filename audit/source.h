/* A file of the log as bytes that can be read from any offset, plain or compressed. Compressed is
 * what begins as Zstandard (RFC 8878): if it ends with the table of the seekable format
 * (facebook/zstd, contrib/seekable_format) a read costs one frame; without it, all that is before.
 * Nothing is believed: a table that does not fit its frames is an error where it is seen. */
#ifndef AUDIT_SOURCE_H
#define AUDIT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "base/error.h"

struct audit_source;

/* Regular files only. Without `follow`, a symbolic link is an error. `name` is kept for words. */
int audit_source_open(const char *name, bool follow, struct audit_source **out,
                      struct error *err) MUST_CHECK;
void audit_source_close(struct audit_source *s);

const char *audit_source_name(const struct audit_source *s);
/* Of the file, when it was opened. */
const struct stat *audit_source_stat(const struct audit_source *s);
bool audit_source_is_compressed(const struct audit_source *s);

/* True if reading at an offset costs little. */
bool audit_source_can_seek(const struct audit_source *s);

/* Compressed, and its table of frames is there but does not fit the file: it is read from front to
 * back. */
bool audit_source_table_is_bad(const struct audit_source *s);

/* How many bytes there are now: a plain file may grow. Only if it can seek; UINT64_MAX if not. */
uint64_t audit_source_size(const struct audit_source *s);

/* Bytes of the file itself that were read to get as far as the last read, for progress. */
uint64_t audit_source_file_position(const struct audit_source *s);

/* Reads up to `len` bytes from `offset`; returns how many, 0 past the end, or a negative code. */
int64_t audit_source_read(struct audit_source *s, void *data, size_t len, uint64_t offset,
                          struct error *err) MUST_CHECK;

static inline void cleanup_source(struct audit_source **s)
{
    audit_source_close(*s);
}
#define CLEANUP_SOURCE CLEANUP(cleanup_source)

#endif
