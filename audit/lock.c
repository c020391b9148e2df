#include "config.h"
#include "audit/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include "base/log.h"
#include "base/mem.h"

/* One line of fixed length, written over the old one in place: needs no room on a full disk. */
#define STATE_OPEN   "qmpgate-audit 1 open   "
#define STATE_CLOSED "qmpgate-audit 1 closed "
#define WORDS_LEN    (sizeof(STATE_OPEN) - 1)
#define SEQ_DIGITS   20u
#define STATE_LEN    (WORDS_LEN + SEQ_DIGITS + 1 + AUDIT_HASH_TEXT + 1)

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
    for (unsigned i = 0; i < SEQ_DIGITS; i++) {
        if (p[i] < '0' || p[i] > '9' ||
            __builtin_mul_overflow(out->chain.seq, 10u, &out->chain.seq) ||
            __builtin_add_overflow(out->chain.seq, (uint64_t)(p[i] - '0'), &out->chain.seq))
            return false;
    }
    out->known = true;
    return p[SEQ_DIGITS] == ' ' && text.data[STATE_LEN - 1] == '\n' &&
           audit_hash_parse((struct span){ p + SEQ_DIGITS + 1, AUDIT_HASH_TEXT }, out->chain.hash);
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

void audit_lock_write(int fd, const struct audit_chain *chain, bool clean)
{
    char text[STATE_LEN + 1];
    snprintf(text, sizeof(text), "%s%0*llu ", clean ? STATE_CLOSED : STATE_OPEN, (int)SEQ_DIGITS,
             (unsigned long long)chain->seq);
    audit_hash_format(chain->hash, text + WORDS_LEN + SEQ_DIGITS + 1);
    text[STATE_LEN - 1] = '\n';
    if (pwrite(fd, text, STATE_LEN, 0) != (ssize_t)STATE_LEN)
        log_warning("the audit log's lock could not be brought up to date: %m");
}
