#include "config.h"
#include "audit/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include "audit/line.h"
#include "audit/reserve.h"
#include "base/mem.h"

#define BLOCK        (64u << 10) /* bytes a read */
#define DOUBTFUL_MAX (64u << 20) /* bytes at the end that may not have reached the disk */
#define TORN_TRIES   100u        /* names that a torn line may take */
#define FILE_MODE    0640        /* logs are for the daemon and a group that may read them */

void file_tail_clear(struct file_tail *tail)
{
    free(tail->torn_path);
    *tail = (struct file_tail){ 0 };
}

void audit_file_free(struct audit_file *f)
{
    if (!f)
        return;
    reserve_free(f);
    cleanup_fd(&f->fd);
    cleanup_fd(&f->directory);
    buf_free(&f->unsynced);
    free(f);
}

int audit_read_at(int fd, const char *path, void *data, size_t len, uint64_t offset,
                  struct error *err)
{
    char *p = data;
    while (len > 0) {
        ssize_t n = pread(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, "audit log %s", path);
        if (n == 0)
            return error_set(err, ERROR_STATE, "audit log %s: it became shorter while it was read",
                             path);
        p += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

int audit_find_line_start(int fd, const char *path, uint64_t from, uint64_t end, uint64_t *out,
                          struct error *err)
{
    CLEANUP_FREE char *block = mem_alloc(BLOCK);
    while (end > from) {
        size_t n = end - from < BLOCK ? (size_t)(end - from) : BLOCK;
        int rc = audit_read_at(fd, path, block, n, end - n, err);
        if (rc < 0)
            return rc;
        const char *feed = memrchr(block, '\n', n);
        if (feed) {
            *out = end - n + (uint64_t)(feed - block) + 1;
            return 0;
        }
        end -= n;
    }
    *out = from;
    return 0;
}

int audit_check_owner(const struct stat *st, const char *path, struct error *err)
{
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return error_set(err, ERROR_DENIED,
                         "audit log %s: it belongs to another user (%u), who can change it: make "
                         "it the gateway's, or move it away",
                         path, (unsigned)st->st_uid);
    if (st->st_mode & S_IWOTH)
        return error_set(err, ERROR_DENIED,
                         "audit log %s: anybody may write to it: take that right away", path);
    return 0;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return mem_strdup(".");
    return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* -1 in *out for a directory that we may write to but not read, which is no failure. */
static int open_directory(const char *path, int *out, struct error *err)
{
    CLEANUP_FREE char *directory = directory_of(path);
    *out = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out < 0 && errno != EACCES)
        return error_set_errno(err, "directory %s", directory);
    return 0;
}

static int sync_directory(int fd, const char *path, struct error *err)
{
    if (fd < 0 || fsync(fd) == 0 || errno == EINVAL || errno == EROFS)
        return 0;
    CLEANUP_FREE char *directory = directory_of(path);
    return error_set_errno(err, "directory %s", directory);
}

int audit_sync_directory(const char *path, struct error *err)
{
    CLEANUP_FD int fd = -1;
    int rc = open_directory(path, &fd, err);
    return rc < 0 ? rc : sync_directory(fd, path, err);
}

int audit_file_sync_entry(const struct audit_file *f, const char *path, struct error *err)
{
    return sync_directory(f->directory, path, err);
}

void audit_file_forget_directory(struct audit_file *f)
{
    f->fresh = false;
    cleanup_fd(&f->directory);
    f->directory = -1;
}

/* --- the end of a file that is there ---------------------------------------------------------- */

static int not_a_log(const char *path, struct error *err)
{
    return error_set(
        err, ERROR_INVALID,
        "audit log %s: the file does not end in an audit record; is the path right? If "
        "so, move the file away",
        path);
}

static int copy_range(int from_fd, const char *path, uint64_t from, uint64_t end, int to_fd,
                      const char *to_path, struct error *err)
{
    CLEANUP_FREE char *block = mem_alloc(BLOCK);
    while (from < end) {
        size_t n = end - from < BLOCK ? (size_t)(end - from) : BLOCK;
        int rc = audit_read_at(from_fd, path, block, n, from, err);
        if (rc < 0)
            return rc;
        for (size_t done = 0; done < n;) {
            ssize_t w = write(to_fd, block + done, n - done);
            if (w < 0 && errno != EINTR)
                return error_set_errno(err, "%s", to_path);
            done += w > 0 ? (size_t)w : 0;
        }
        from += n;
    }
    if (fsync(to_fd) < 0)
        return error_set_errno(err, "%s", to_path);
    return 0;
}

static int make_torn_file(const char *path, uint64_t seq, char **out_path, struct error *err)
{
    for (unsigned i = 0; i < TORN_TRIES; i++) {
        CLEANUP_FREE char *torn =
            i == 0 ? mem_printf("%s.torn.%llu", path, (unsigned long long)seq)
                   : mem_printf("%s.torn.%llu.%u", path, (unsigned long long)seq, i);
        int fd = open(torn, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
        if (fd >= 0) {
            *out_path = TAKE_PTR(torn);
            return fd;
        }
        if (errno != EEXIST)
            return error_set_errno(err, "%s", torn);
    }
    return error_set(err, ERROR_LIMIT, "%s.torn.%llu*: too many such files are there", path,
                     (unsigned long long)seq);
}

/* Puts what is past `from` into a file of its own, on disk, before it is cut off here. */
static int set_aside(int fd, const char *path, uint64_t from, uint64_t end, struct file_tail *tail,
                     struct error *err)
{
    CLEANUP_FREE char *torn = NULL;
    CLEANUP_FD int torn_fd = make_torn_file(path, tail->chain.seq + 1, &torn, err);
    if (torn_fd < 0)
        return torn_fd;
    int rc = copy_range(fd, path, from, end, torn_fd, torn, err);
    if (rc == 0)
        rc = audit_sync_directory(torn, err);
    if (rc < 0) {
        unlink(torn);
        return rc;
    }
    if (ftruncate(fd, (off_t)from) < 0 || fdatasync(fd) < 0)
        return error_set_errno(err, "audit log %s", path);
    tail->torn_path = TAKE_PTR(torn);
    tail->torn_bytes = end - from;
    return 0;
}

/* A file without one whole line is ours only if it begins as a record does, or with the zeros that
 * a crash can leave. */
static int check_first_torn(int fd, const char *path, uint64_t size, struct error *err)
{
    char start[sizeof(AUDIT_LINE_START) - 1];
    size_t n = size < sizeof(start) ? (size_t)size : sizeof(start);
    int rc = audit_read_at(fd, path, start, n, 0, err);
    if (rc < 0)
        return rc;
    if (start[0] != '\0' && memcmp(start, AUDIT_LINE_START, n) != 0)
        return not_a_log(path, err);
    return 0;
}

int audit_read_last_line(int fd, const char *path, uint64_t end, struct audit_chain *out,
                         struct error *err)
{
    uint64_t from = end > AUDIT_LINE_MAX ? end - AUDIT_LINE_MAX : 0;
    uint64_t start;
    int rc = audit_find_line_start(fd, path, from, end - 1, &start, err);
    if (rc < 0)
        return rc;
    if (start == from && from > 0)
        return not_a_log(path, err);
    CLEANUP_FREE char *line = mem_alloc((size_t)(end - start));
    rc = audit_read_at(fd, path, line, (size_t)(end - start), start, err);
    if (rc < 0)
        return rc;
    struct line_ends ends;
    if (!line_parse_ends((struct span){ line, (size_t)(end - start) }, &ends))
        return not_a_log(path, err);
    out->seq = ends.seq;
    memcpy(out->hash, ends.hash, AUDIT_HASH_BYTES);
    return 0;
}

/* Where the power went, blocks that did not reach the disk may lie before others that did, and hold
 * zeros. No record holds any: the log ends before the first. */
static int find_hole(int fd, const char *path, uint64_t size, uint64_t *out, struct error *err)
{
    CLEANUP_FREE char *block = mem_alloc(BLOCK);
    *out = size;
    for (uint64_t at = size > DOUBTFUL_MAX ? size - DOUBTFUL_MAX : 0; at < size; at += BLOCK) {
        size_t n = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
        int rc = audit_read_at(fd, path, block, n, at, err);
        if (rc < 0)
            return rc;
        const char *zero = memchr(block, '\0', n);
        if (zero) {
            *out = at + (uint64_t)(zero - block);
            return 0;
        }
    }
    return 0;
}

/* Finds the chain's end; afterwards the file ends there. */
static int find_tail(int fd, const char *path, uint64_t *size, struct file_tail *tail,
                     struct error *err)
{
    uint64_t hole, end;
    int rc = find_hole(fd, path, *size, &hole, err);
    if (rc == 0)
        rc = audit_find_line_start(fd, path, 0, hole, &end, err);
    if (rc < 0)
        return rc;
    if (end > 0)
        rc = audit_read_last_line(fd, path, end, &tail->chain, err);
    else if (*size > 0)
        rc = check_first_torn(fd, path, *size, err);
    if (rc < 0 || end == *size)
        return rc;
    rc = set_aside(fd, path, end, *size, tail, err);
    if (rc == 0)
        *size = end;
    return rc;
}

/* Whatever is in it: who made it may have ended before its directory was synced. */
static struct audit_file *new_file(int take_fd, int take_directory, const struct stat *st,
                                   uint64_t size, const struct audit_chain *end)
{
    struct audit_file *f = MEM_NEW(struct audit_file);
    f->fd = take_fd;
    f->directory = take_directory;
    f->fresh = true;
    f->dev = st->st_dev;
    f->ino = st->st_ino;
    f->offset = f->synced = size;
    f->end = *end;
    return f;
}

int audit_file_open(const char *path, struct audit_file **out, struct file_tail *tail,
                    struct error *err)
{
    CLEANUP_FD int fd =
        open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, FILE_MODE);
    if (fd < 0 && errno == ELOOP)
        return error_set(err, ERROR_INVALID, "audit log %s: it is a symbolic link", path);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, "audit log %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "audit log %s: it is not a regular file", path);
    if (audit_check_owner(&st, path, err) < 0)
        return ERROR_DENIED;

    uint64_t size = (uint64_t)st.st_size;
    *tail = (struct file_tail){ 0 };
    CLEANUP_FD int directory = -1;
    int rc = open_directory(path, &directory, err);
    if (rc == 0)
        rc = find_tail(fd, path, &size, tail, err);
    if (rc < 0) {
        file_tail_clear(tail);
        return rc;
    }
    *out = new_file(TAKE_FD(fd), TAKE_FD(directory), &st, size, &tail->chain);
    return 0;
}

int audit_file_make(const char *path, struct audit_file **out, struct error *err)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set_errno(err, "%s", path);
    CLEANUP_FD int fd =
        open(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, "%s", path);
    CLEANUP_FD int directory = -1;
    int rc = open_directory(path, &directory, err);
    if (rc < 0)
        return rc;
    *out = new_file(TAKE_FD(fd), TAKE_FD(directory), &st, 0, &(struct audit_chain){ 0 });
    return 0;
}

/* --- appending -------------------------------------------------------------------------------- */

/* Goes on after a short write: the next one tells why. */
static int write_all(int fd, struct span data, size_t *written)
{
    *written = 0;
    while (data.len > 0) {
        ssize_t n = write(fd, data.data, data.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return -1;
        *written += (size_t)n;
        data.data += n;
        data.len -= (size_t)n;
    }
    return 0;
}

int audit_file_mend(struct audit_file *f, const char *path, struct error *err)
{
    if (!f->dirty_end)
        return 0;
    f->allocated = 0; /* what is behind the end goes, too */
    if (ftruncate(f->fd, (off_t)f->offset) < 0)
        return error_set_errno(err, "audit log %s: taking back an unfinished write", path);
    f->dirty_end = false;
    return 0;
}

int audit_file_append(struct audit_file *f, const char *path, struct span data, struct error *err)
{
    size_t written;
    if (write_all(f->fd, data, &written) < 0) {
        int rc = error_set_errno(err, "audit log %s", path);
        if (written > 0) { /* if this fails too, it is tried again before the next append */
            f->allocated = 0;
            f->dirty_end = ftruncate(f->fd, (off_t)f->offset) < 0;
        }
        return rc;
    }
    f->offset += data.len;
    return 0;
}

/* The pages after a sync that failed count as lost, whatever a read of them shows: written again
 * from memory they are dirty, and the next sync has to bring them to the disk. That is done in
 * their place and nothing is cut off before: who is killed in the midst of it leaves in the kernel
 * what was promised to be there. Nobody appends meanwhile (the writer's mutex). */
int audit_file_rewrite(struct audit_file *f, const char *path, struct error *err)
{
    const struct span lines = { buf_data(&f->unsynced), buf_len(&f->unsynced) };
    size_t written;
    int rc = 0, flags = fcntl(f->fd, F_GETFL);
    if (flags < 0 || fcntl(f->fd, F_SETFL, flags & ~O_APPEND) < 0)
        return error_set_errno(err, "audit log %s: writing it again", path);
    if (lseek(f->fd, (off_t)f->synced, SEEK_SET) < 0 || write_all(f->fd, lines, &written) < 0)
        rc = error_set_errno(err, "audit log %s", path);
    if (fcntl(f->fd, F_SETFL, flags) < 0)
        rc = error_set_errno(err, "audit log %s: writing it again", path);
    return rc;
}
