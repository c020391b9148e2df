/* Opening a log that holds anything at all: it is refused and left alone, or goes on as one chain
 * with nothing lost of what was there. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "audit/audit.h"
#include "audit/read.h"
#include "tests/unit/verify_chain.h"
#include "base/buf.h"
#include "base/mem.h"

static char directory[32];
static char path[64];

static void empty_directory(void)
{
    DIR *d = opendir(directory);
    FUZZ_ASSERT(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
}

static void remove_directory(void)
{
    empty_directory();
    rmdir(directory);
}

static void prepare(const uint8_t *data, size_t size)
{
    if (!directory[0]) {
        snprintf(directory, sizeof(directory), "/tmp/qmpgate-fuzz-XXXXXX");
        FUZZ_ASSERT(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/log", directory);
        atexit(remove_directory);
    }
    empty_directory();
    CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FUZZ_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
}

static void read_file(const char *name, struct buf *out)
{
    CLEANUP_FD int fd = open(name, O_RDONLY | O_CLOEXEC);
    FUZZ_ASSERT(fd >= 0);
    ssize_t n;
    while ((n = read(fd, buf_reserve(out, 4096), 4096)) > 0)
        buf_commit(out, (size_t)n);
}

/* The torn line's file, if there is one, behind the log's first `kept` bytes is what was there. */
static void check_nothing_lost(const uint8_t *data, size_t size, size_t kept)
{
    CLEANUP_BUF struct buf all = { 0 };
    read_file(path, &all);
    FUZZ_ASSERT(buf_len(&all) >= kept);
    buf_truncate(&all, kept);
    DIR *d = opendir(directory);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (!strstr(e->d_name, ".torn."))
            continue;
        CLEANUP_FREE char *name = mem_printf("%s/%s", directory, e->d_name);
        read_file(name, &all);
    }
    closedir(d);
    FUZZ_ASSERT(buf_len(&all) == size && (size == 0 || memcmp(buf_data(&all), data, size) == 0));
}

static void append_record(struct audit *a)
{
    struct audit_batch *b = audit_batch_new(a);
    struct audit_record r = { .type = AUDIT_START, .arguments = QMP_NONE };
    struct error err;
    uint64_t ticket;
    audit_batch_add(b, &r);
    FUZZ_ASSERT(audit_batch_commit(b, &ticket, &err) == 0);
    audit_batch_free(b);
}

static bool take_all(void *opaque, const struct audit_line *line)
{
    ++*(unsigned *)opaque;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct audit_settings settings = { .path = path };
    struct audit *a;
    struct error err;
    struct audit_chain_summary before, after;
    unsigned lines = 0;

    prepare(data, size);
    int tail_rc = audit_tail(path, 100, UINT64_MAX, take_all, &lines, &err);
    FUZZ_ASSERT(tail_rc < 0 || lines <= 100);
    int verify_rc = audit_verify_chain(path, &before, &err);

    const uint8_t *feed = size ? memrchr(data, '\n', size) : NULL;
    size_t kept = feed ? (size_t)(feed + 1 - data) : 0;
    if (audit_open(&settings, &a, &err) < 0) {
        check_nothing_lost(data, size, size);
        return 0;
    }
    check_nothing_lost(data, size, kept);
    append_record(a);
    audit_close(a);
    if (verify_rc == 0)
        FUZZ_ASSERT(audit_verify_chain(path, &after, &err) == 0);
    return 0;
}
