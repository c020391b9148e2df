/* Which files a log has, in the order of their records. Names say nothing: a file belongs to the
 * log if records are in it, whatever logrotate(8) or somebody else called it. Names that begin with
 * a dot are passed over (they are being made), and so are symbolic links. */
#ifndef AUDIT_SEGMENTS_H
#define AUDIT_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include "base/error.h"

struct audit_segment {
    char *path;         /* owned */
    uint64_t first_seq; /* of its first record; 0 if it has none */
    int64_t first_us;   /* time of that */
    uint64_t number;    /* of the segment, if its first line tells; else 0 */
    uint64_t size;      /* bytes of the file */
    struct timespec written;
    dev_t dev;
    ino_t ino;
    bool compressed;
    bool damaged;   /* compressed, and what it begins with cannot be read */
    bool blemished; /* lines that are no records come before the first record */
    bool twin;      /* the segment before it in the list has the same records: one is the other,
                     * compressed or copied */
};

/* A regular file of a directory that does not begin with a record. */
struct audit_stranger {
    char *path;       /* owned */
    bool has_records; /* behind something else */
};

/* Zeroed memory is an empty list. */
struct audit_segments {
    struct audit_segment *at; /* owned, in order of first_seq */
    size_t n, cap;
    struct audit_stranger *strangers; /* owned */
    size_t n_strangers, cap_strangers;
    /* An older list, to save looking into compressed files that have not changed since; or NULL. */
    const struct audit_segments *known;
};

/* Adds the files of a directory. `log`: only those that can belong to the log with this path, by
 * its name without .jsonl and a dot or hyphen behind it; NULL: all. */
int audit_segments_add_directory(struct audit_segments *s, const char *directory, const char *log,
                                 struct error *err) MUST_CHECK;
/* Adds a file that somebody named, records or not; or a directory. */
int audit_segments_add_path(struct audit_segments *s, const char *path,
                            struct error *err) MUST_CHECK;
/* The log with this path, in its directory. */
int audit_segments_of_log(struct audit_segments *s, const char *path, struct error *err) MUST_CHECK;

/* After the last add: puts them in order. */
void audit_segments_sort(struct audit_segments *s);

/* The last segment that begins with record `seq` or before it, no twin; NULL if all begin later. */
const struct audit_segment *audit_segments_find(const struct audit_segments *s, uint64_t seq);

/* The one with the lowest numbers; NULL if there is none. */
const struct audit_segment *audit_segments_first(const struct audit_segments *s);

void audit_segments_clear(struct audit_segments *s);
#define CLEANUP_SEGMENTS CLEANUP(audit_segments_clear)

#endif
