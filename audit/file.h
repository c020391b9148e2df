/* One log file: opening it at its end, appending all or nothing, and what is not yet on disk. */
#ifndef AUDIT_FILE_H
#define AUDIT_FILE_H

#include <sys/stat.h>
#include <sys/types.h>
#include "audit/chain.h"

struct audit_file {
    int fd;
    dev_t dev;
    ino_t ino;
    uint64_t offset; /* bytes that count; what is past them is the rest of a write that failed */
    bool dirty_end;  /* there may be such a rest */

    uint64_t allocated; /* bytes that the disk has set aside, from the beginning; 0: not known */
    bool no_reserve;    /* the filesystem cannot do that */

    uint64_t synced;        /* bytes that are on disk */
    struct buf unsynced;    /* the others, to be written again after a sync that failed */
    bool uncopied;          /* they are too many to be kept there (not with AUDIT_SYNC_DATA) */
    struct audit_chain end; /* its last record, whose number is the ticket for all in it */
    uint64_t segment;       /* that it lies in */
    bool fresh;             /* its directory entry may not be on disk yet */
    int directory;          /* to sync that; held open while it is fresh: descriptors may run out */
    bool suspect;           /* a sync failed: the bytes past `synced` may not be what was written */
    uint64_t waits_for;     /* the segment that has its name until that is on disk; 0: none */
    bool busy;              /* the flusher is syncing it without the lock */
    bool dropped;           /* no longer in use; the flusher frees it when it is done */
    struct audit_file *next;
};

/* What was found at a file's end. */
struct file_tail {
    struct audit_chain chain; /* of the last whole line; zero for an empty file */
    char *torn_path;          /* owned: where a torn line was put, or NULL */
    uint64_t torn_bytes;
};
void file_tail_clear(struct file_tail *tail);

/* Nobody but the gateway's user, and root, can write it anew. */
int audit_check_owner(const struct stat *st, const char *path, struct error *err) MUST_CHECK;

/* Opens or makes the file. A torn last line is set aside in PATH.torn.SEQ first. */
int audit_file_open(const char *path, struct audit_file **out, struct file_tail *tail,
                    struct error *err) MUST_CHECK;
/* Makes an empty file under a name that nobody else uses; what has the name is removed first. */
int audit_file_make(const char *path, struct audit_file **out, struct error *err) MUST_CHECK;
void audit_file_free(struct audit_file *f);

/* Appends all of it, or nothing: on failure the file ends where it did. */
int audit_file_append(struct audit_file *f, const char *path, struct span data,
                      struct error *err) MUST_CHECK;

/* Cuts off the rest of a failed append, if there is one. */
int audit_file_mend(struct audit_file *f, const char *path, struct error *err) MUST_CHECK;

/* Writes again what is not on disk, in its place, after a sync that failed. */
int audit_file_rewrite(struct audit_file *f, const char *path, struct error *err) MUST_CHECK;

/* The file's entry in its directory is on disk. `f` may be in use by others meanwhile. */
int audit_file_sync_entry(const struct audit_file *f, const char *path,
                          struct error *err) MUST_CHECK;
/* From then on it is no longer fresh. */
void audit_file_forget_directory(struct audit_file *f);

/* fsync of the directory that `path` is in. */
int audit_sync_directory(const char *path, struct error *err) MUST_CHECK;

/* Reads exactly; a file that ends early is an error. */
int audit_read_at(int fd, const char *path, void *data, size_t len, uint64_t offset,
                  struct error *err) MUST_CHECK;

/* Offset just past the last line feed in [from, end), or `from` if there is none. */
int audit_find_line_start(int fd, const char *path, uint64_t from, uint64_t end, uint64_t *out,
                          struct error *err) MUST_CHECK;

/* Number and hash of the record that ends just before `end`. */
int audit_read_last_line(int fd, const char *path, uint64_t end, struct audit_chain *out,
                         struct error *err) MUST_CHECK;

#endif
