/* What the tests of audit/ share: a directory of their own, records from JSON text, the log as
 * text. */
#ifndef TESTS_UNIT_AUDIT_FIXTURE_H
#define TESTS_UNIT_AUDIT_FIXTURE_H

#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/audit.h"
#include "audit/read.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "qmp/scan.h"
#include "tests/unit/verify_chain.h"

#define TEST_TIME 1790000000123456 /* 2026-09-21T14:13:20.123456Z */

struct fixture {
    char directory[64];
    char path[96];
};

static inline int fixture_setup(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);
    snprintf(f->directory, sizeof(f->directory), "/tmp/qmpgate-audit-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/log", f->directory);
    *state = f;
    return 0;
}

static inline void remove_files(const char *directory)
{
    DIR *d = opendir(directory);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    remove_files(f->directory);
    rmdir(f->directory);
    free(f);
    return 0;
}

#define AUDIT_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* --- files ------------------------------------------------------------------------------------ */

static inline char *read_text(const char *path)
{
    struct buf b = { 0 };
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n;
    while ((n = read(fd, buf_reserve(&b, 4096), 4096)) > 0)
        buf_commit(&b, (size_t)n);
    buf_add_char(&b, '\0');
    return b.mem;
}

static inline void append_text(const char *path, const char *text, size_t len)
{
    CLEANUP_FD int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
}

static inline unsigned count_text(const char *path, const char *what)
{
    CLEANUP_FREE char *text = read_text(path);
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what))
        n++;
    return n;
}

static inline void assert_chain(const char *path, uint64_t first, uint64_t last)
{
    struct audit_chain_summary summary;
    struct error err = { 0 };
    if (audit_verify_chain(path, &summary, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(summary.first_seq, first);
    assert_int_equal(summary.last_seq, last);
}

/* --- the writer ------------------------------------------------------------------------------- */

static inline struct audit *open_audit(const char *path, enum audit_sync sync)
{
    struct audit_settings settings = { .path = path, .sync = sync };
    struct audit *a;
    struct error err;
    if (audit_open(&settings, &a, &err) < 0)
        fail_msg("%s", err.text);
    return a;
}

static inline void add_simple(struct audit_batch *b, enum audit_type type, const char *text)
{
    struct audit_record r = {
        .type = type,
        .utc_us = TEST_TIME,
        .vm = "web1",
        .identity = "x509:CN=alice",
        .command = SPAN_LIT("query-status"),
        .arguments = QMP_NONE,
        .text = { text, strlen(text) },
        .latency_us = -1,
    };
    audit_batch_add(b, &r);
}

static inline uint64_t commit(struct audit_batch *b)
{
    struct error err;
    uint64_t ticket;
    if (audit_batch_commit(b, &ticket, &err) < 0)
        fail_msg("%s", err.text);
    return ticket;
}

static inline void commit_fails(struct audit_batch *b, const char *words)
{
    struct error err = { 0 };
    uint64_t ticket = 0;
    assert_true(audit_batch_commit(b, &ticket, &err) < 0);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static inline struct audit_stats stats_of(struct audit *a)
{
    struct audit_stats stats;
    audit_get_stats(a, &stats);
    return stats;
}

#define WAIT_FOR(condition)                                        \
    do {                                                           \
        int64_t until_ = clock_monotonic_us() + 20 * USEC_PER_SEC; \
        while (!(condition)) {                                     \
            if (clock_monotonic_us() > until_)                     \
                fail_msg("waited in vain for %s", #condition);     \
            usleep(1000);                                          \
        }                                                          \
    } while (0)

/* --- arguments -------------------------------------------------------------------------------- */

static const struct qmp_scan_limits fixture_limits = {
    .max_bytes = 4u << 20,
    .max_depth = 64,
    .max_tokens = 65536,
};

/* The tape of a JSON text, freed with free(). */
static inline struct qmp_tape *make_tape(const char *json)
{
    struct qmp_scanner *s = qmp_scanner_new(&fixture_limits);
    assert_int_equal(qmp_scanner_feed(s, json, strlen(json)), QMP_SCAN_DONE);
    struct qmp_tape *t = qmp_tape_copy(qmp_scanner_tape(s));
    qmp_scanner_free(s);
    return t;
}

#endif
