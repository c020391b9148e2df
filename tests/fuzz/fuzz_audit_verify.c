/* A log that may be anything, verified; seals that somebody kept, read; records as they are shown.
 * What is called good is read again with a byte changed, and must not be. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "audit/members.h"
#include "audit/verify.h"

static void ignore(void *opaque, const struct audit_fault *fault)
{
    FUZZ_ASSERT(fault->text && strlen(fault->text) > 0 && audit_fault_word(fault->kind));
}

/* How many faults; -1 if it could not be read. */
static int64_t verify(const uint8_t *data, size_t size, const struct seal *outside, size_t n,
                      uint64_t *records)
{
    CLEANUP_VERIFY_SUMMARY struct audit_verify_summary summary = { 0 };
    char path[64];
    const char *paths[] = { path };
    const struct audit_verify_settings settings = {
        .paths = paths,
        .n_paths = 1,
        .outside = outside,
        .n_outside = n,
        .fault = ignore,
        .note = ignore,
    };
    int64_t faults = -1;
    struct error err;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (audit_verify(&settings, &summary, &err) == 0)
        faults = (int64_t)summary.faults;
    *records = summary.records;
    close(fd);
    return faults;
}

static void walk_members(struct span text)
{
    struct member_walk w;
    struct member m;
    if (!member_walk_start(&w, text))
        return;
    while (member_walk_next(&w, &m) > 0) {
        CLEANUP_BUF struct buf decoded = { 0 };
        FUZZ_ASSERT(m.name.data > text.data && m.value.data > m.name.data);
        FUZZ_ASSERT(m.value.data + m.value.len <= text.data + text.len);
        if (member_decode(m.value, &decoded))
            FUZZ_ASSERT(2 * buf_len(&decoded) <= 3 * m.value.len); /* an escape that is none */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    struct seal *seals;
    size_t n;
    uint64_t records, again;
    walk_members(text);
    if (audit_read_seals("fuzz", text, &seals, &n, NULL) < 0)
        n = 0;
    int64_t faults = verify(data, size, seals, n, &records);
    free(seals);
    if (faults == 0 && records > 0 && size < 65536) {
        /* the first byte of a record is one that the hash is made of */
        uint8_t *changed = malloc(size);
        memcpy(changed, data, size);
        uint8_t *quote = memchr(changed, '"', size);
        if (quote && size > 4 && changed[0] == '{') {
            quote[1] ^= 1;
            FUZZ_ASSERT(verify(changed, size, NULL, 0, &again) != 0);
        }
        free(changed);
    }
    return 0;
}
