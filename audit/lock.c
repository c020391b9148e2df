#include "config.h"
#include "audit/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "audit/file.h"
#include "base/decimal.h"
#include "base/log.h"
#include "base/mem.h"

/* One line of fixed length, written over the old one in place: needs no room on a full disk.
 * STATE SEQ SEGMENT SEALED HASH KEY */
#define STATE_OPEN   "qmpgate-audit 2 open   "
#define STATE_CLOSED "qmpgate-audit 2 closed "
#define WORDS_LEN    (sizeof(STATE_OPEN) - 1)
#define SEQ_DIGITS   20u
#define STATE_LEN    (WORDS_LEN + 3 * (SEQ_DIGITS + 1) + 2 * (AUDIT_HASH_TEXT + 1))

/* SEQ_DIGITS digits and the space behind them. */
static bool take_count(const char **p, uint64_t *out)
{
    return decimal_take_fixed(p, SEQ_DIGITS, out) && *(*p)++ == ' ';
}

static bool take_hash(const char **p, char after, unsigned char out[AUDIT_HASH_BYTES])
{
    if (!audit_hash_parse((struct span){ *p, AUDIT_HASH_TEXT }, out))
        return false;
    *p += AUDIT_HASH_TEXT;
    return *(*p)++ == after;
}

bool lock_state_parse(struct span text, struct lock_state *out)
{
    *out = (struct lock_state){ 0 };
    if (text.len == 0 || text.data[0] == '\0') /* new, or made just before a crash */
        return true;
    if (text.len != STATE_LEN)
        return false;
    out->clean = memcmp(text.data, STATE_CLOSED, WORDS_LEN) == 0;
    if (!out->clean && memcmp(text.data, STATE_OPEN, WORDS_LEN) != 0)
        return false;
    const char *p = text.data + WORDS_LEN;
    out->known = true;
    return take_count(&p, &out->chain.seq) && take_count(&p, &out->segment) &&
           take_count(&p, &out->sealed) && take_hash(&p, ' ', out->chain.hash) &&
           take_hash(&p, '\n', out->key);
}

/* Where anybody may remove and rename, the log is whose it pleases. */
static int check_place(const char *path, int lock_fd, const char *lock, struct error *err)
{
    const char *slash = strrchr(path, '/');
    CLEANUP_FREE char *directory =
        slash ? mem_strndup(path, (size_t)(slash + 1 - path)) : mem_strdup(".");
    struct stat st;
    if (stat(directory, &st) < 0)
        return error_set_errno(err, "directory %s", directory);
    if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
        return error_set(err, ERROR_DENIED,
                         "audit log %s: anybody may write to its directory: take that right away",
                         path);
    if (fstat(lock_fd, &st) < 0)
        return error_set_errno(err, "audit log's lock %s", lock);
    return audit_check_owner(&st, lock, err);
}

int audit_lock_take(const char *path, struct lock_state *state, struct error *err)
{
    CLEANUP_FREE char *lock = mem_printf("%s.lock", path);
    CLEANUP_FD int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0 && errno == ENOENT)
        return error_set(
            err, ERROR_SYSTEM,
            "audit log %s: its directory is not there: make it, owned by the gateway's "
            "user",
            path);
    if (fd < 0)
        return error_set_errno(err, "audit log's lock %s", lock);
    int rc = check_place(path, fd, lock, err);
    if (rc < 0)
        return rc;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return error_set(err, ERROR_STATE,
                             "audit log %s: another process writes it (it holds %s)", path, lock);
        return error_set_errno(err, "audit log's lock %s", lock);
    }
    char text[STATE_LEN + 1];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    if (n < 0)
        return error_set_errno(err, "audit log's lock %s", lock);
    if (!lock_state_parse((struct span){ text, (size_t)n }, state))
        return error_set(err, ERROR_INVALID,
                         "audit log's lock %s: it holds something else; remove it if the path is "
                         "right",
                         lock);
    return TAKE_FD(fd);
}

void audit_lock_write(int fd, const struct lock_state *state)
{
    char text[STATE_LEN + 1];
    int n = snprintf(
        text, sizeof(text), "%s%0*llu %0*llu %0*llu ", state->clean ? STATE_CLOSED : STATE_OPEN,
        (int)SEQ_DIGITS, (unsigned long long)state->chain.seq, (int)SEQ_DIGITS,
        (unsigned long long)state->segment, (int)SEQ_DIGITS, (unsigned long long)state->sealed);
    char *p = text + n;
    audit_hash_format(state->chain.hash, p);
    p[AUDIT_HASH_TEXT] = ' ';
    p += AUDIT_HASH_TEXT + 1;
    audit_hash_format(state->key, p);
    p[AUDIT_HASH_TEXT] = '\n';
    if (pwrite(fd, text, STATE_LEN, 0) != (ssize_t)STATE_LEN)
        log_warning("the audit log's lock could not be brought up to date: %m");
}
