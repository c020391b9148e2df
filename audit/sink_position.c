#include "config.h"
#include "audit/sink_position.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "base/decimal.h"
#include "base/mem.h"

#define WORDS      "qmpgate-sink 1 "
#define WORDS_LEN  (sizeof(WORDS) - 1)
#define SEQ_DIGITS 20u

_Static_assert(SINK_POSITION_LEN == WORDS_LEN + SEQ_DIGITS + 1 + AUDIT_HASH_TEXT + 2,
               "the line's parts, ';' and the line feed");

struct sink_place {
    char *path; /* for people */
    char *name; /* of the file in the directory */
    char *new_name;
    int directory;
    int lock;
};

/* --- the text --------------------------------------------------------------------------------- */

bool sink_position_parse(struct span text, struct audit_chain *out)
{
    *out = (struct audit_chain){ .seq = 0 };
    if (text.len != SINK_POSITION_LEN || memcmp(text.data, WORDS, WORDS_LEN) != 0)
        return false;
    const char *p = text.data + WORDS_LEN;
    return decimal_take_fixed(&p, SEQ_DIGITS, &out->seq) && p[0] == ' ' &&
           audit_hash_parse((struct span){ p + 1, AUDIT_HASH_TEXT }, out->hash) &&
           memcmp(p + 1 + AUDIT_HASH_TEXT, ";\n", 2) == 0;
}

void sink_position_format(const struct audit_chain *at, char text[SINK_POSITION_LEN + 1])
{
    char hash[AUDIT_HASH_TEXT + 1] = "";
    audit_hash_format(at->hash, hash);
    snprintf(text, SINK_POSITION_LEN + 1, WORDS "%0*llu %.*s;\n", (int)SEQ_DIGITS,
             (unsigned long long)at->seq, (int)AUDIT_HASH_TEXT, hash);
}

/* --- the directory ---------------------------------------------------------------------------- */

static int open_directory(const char *directory, struct error *err)
{
    struct stat st;
    CLEANUP_FD int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERROR_SYSTEM,
                         "state_dir %s is not there: make it, owned by the gateway's user (a sink "
                         "keeps its position there)",
                         directory);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, "state_dir %s", directory);
    if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
        return error_set(err, ERROR_DENIED,
                         "state_dir %s: anybody may write to it: take that right away", directory);
    if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        return error_set_errno(err, "state_dir %s: the gateway's user cannot write to it",
                               directory);
    return TAKE_FD(fd);
}

int sink_place_check(const char *directory, struct error *err)
{
    CLEANUP_FD int fd = open_directory(directory, err);
    return fd < 0 ? fd : 0;
}

/* --- the file --------------------------------------------------------------------------------- */

static int take_lock(struct sink_place *p, struct error *err)
{
    CLEANUP_FREE char *name = mem_printf("%s.lock", p->name);
    p->lock = openat(p->directory, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (p->lock < 0)
        return error_set_errno(err, "%s.lock", p->path);
    if (flock(p->lock, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? error_set(err, ERROR_STATE, "%s: another gateway has a sink of this name",
                               p->path)
                   : error_set_errno(err, "%s.lock", p->path);
    return 0;
}

static int read_position(const struct sink_place *p, struct audit_chain *at, bool *fresh,
                         struct error *err)
{
    char text[SINK_POSITION_LEN + 1];
    CLEANUP_FD int fd =
        openat(p->directory, p->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    *at = (struct audit_chain){ .seq = 0 };
    *fresh = fd < 0 && errno == ENOENT;
    if (*fresh)
        return 0;
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (n < 0)
        return error_set_errno(err, "%s", p->path);
    if (!sink_position_parse((struct span){ text, (size_t)n }, at))
        return error_set(err, ERROR_INVALID,
                         "%s: it holds no position of a sink; remove it, and the sink begins with "
                         "the log's first record",
                         p->path);
    return 0;
}

int sink_place_open(const char *directory, const char *name, struct sink_place **out,
                    struct audit_chain *at, bool *fresh, struct error *err)
{
    struct sink_place *p = MEM_NEW(struct sink_place);
    p->lock = -1;
    p->name = mem_printf("sink-%s", name);
    p->new_name = mem_printf("sink-%s.new", name);
    p->path = mem_printf("%s/sink-%s", directory, name);
    p->directory = open_directory(directory, err);
    int rc = p->directory < 0 ? p->directory : take_lock(p, err);
    if (rc == 0)
        rc = read_position(p, at, fresh, err);
    if (rc == 0) /* so that what forbids it is told at the start */
        rc = sink_place_save(p, at, err);
    if (rc < 0) {
        sink_place_close(p);
        return rc;
    }
    *out = p;
    return 0;
}

static int write_new(const struct sink_place *p, const char *text)
{
    CLEANUP_FD int fd = openat(p->directory, p->new_name,
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, SINK_POSITION_LEN);
    if (n >= 0 && n != (ssize_t)SINK_POSITION_LEN)
        errno = ENOSPC;
    return n == (ssize_t)SINK_POSITION_LEN ? fsync(fd) : -1;
}

int sink_place_save(struct sink_place *p, const struct audit_chain *at, struct error *err)
{
    char text[SINK_POSITION_LEN + 1];
    sink_position_format(at, text);
    if (write_new(p, text) < 0 || renameat(p->directory, p->new_name, p->directory, p->name) < 0 ||
        fsync(p->directory) < 0)
        return error_set_errno(err, "%s", p->path);
    return 0;
}

void sink_place_close(struct sink_place *p)
{
    if (!p)
        return;
    if (p->lock >= 0)
        close(p->lock);
    if (p->directory >= 0)
        close(p->directory);
    free(p->path);
    free(p->name);
    free(p->new_name);
    free(p);
}
