/* A file that may be a compressed segment: read from front to back, and from the middle. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "audit/lines.h"
#include "audit/segments.h"
#include "base/mem.h"

#define TEXT_MAX (4u << 20) /* bytes that are looked at: a small file may be large inside */

static size_t read_all(struct audit_source *s, char *text)
{
    size_t len = 0;
    int64_t n;
    while (len < TEXT_MAX && (n = audit_source_read(s, text + len, TEXT_MAX - len, len, NULL)) > 0)
        len += (size_t)n;
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct audit_source *source;
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (audit_source_open(path, true, &source, NULL) == 0) {
        CLEANUP_FREE char *text = mem_alloc(TEXT_MAX);
        CLEANUP_FREE char *again = mem_alloc(TEXT_MAX);
        CLEANUP_SEGMENTS struct audit_segments all = { 0 };
        uint64_t offset;
        size_t len = read_all(source, text);
        FUZZ_ASSERT(audit_source_is_compressed(source) || len == size || len == TEXT_MAX);
        /* what is read from the middle is what was there */
        int64_t n = audit_source_read(source, again, len - len / 2, len / 2, NULL);
        FUZZ_ASSERT(n <= (int64_t)(len - len / 2));
        if (n > 0)
            FUZZ_ASSERT(memcmp(again, text + len / 2, (size_t)n) == 0);
        if (len < TEXT_MAX && lines_find_seq(source, 2, &offset, NULL) == 0)
            FUZZ_ASSERT(offset <= len);
        if (audit_segments_add_path(&all, path, NULL) == 0)
            FUZZ_ASSERT(all.n == 1);
        audit_source_close(source);
    }
    close(fd);
    return 0;
}
