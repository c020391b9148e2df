#include "config.h"
#include "audit/compress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>
#include "audit/file.h"
#include "audit/source.h"
#include "base/buf.h"
#include "base/mem.h"

#define TABLE_MAGIC 0x8F92EAB1u
#define SKIP_MAGIC  0x184D2A5Eu

struct compressor {
    const char *path; /* of the segment */
    char *made;       /* owned: where the new file is made */
    char *result;     /* owned: what it will be called */
    int in, out;      /* owned */
    uint64_t size;    /* of the segment */
    ZSTD_CCtx *zstd;
    struct buf packed;
    struct buf table;
    uint32_t frames;
    char *text; /* owned, COMPRESS_FRAME bytes */
    compress_go_on_fn *go_on;
    void *opaque;
};

/* --- one file to the other -------------------------------------------------------------------- */

static void add_u32(struct buf *b, uint32_t n)
{
    const unsigned char bytes[4] = { (unsigned char)n, (unsigned char)(n >> 8),
                                     (unsigned char)(n >> 16), (unsigned char)(n >> 24) };
    buf_add(b, (const char *)bytes, sizeof(bytes));
}

static int write_out(struct compressor *c, struct error *err)
{
    const char *p = buf_data(&c->packed);
    size_t len = buf_len(&c->packed);
    while (len > 0) {
        ssize_t n = write(c->out, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set_errno(err, "%s", c->made);
        p += n;
        len -= (size_t)n;
    }
    buf_clear(&c->packed);
    return 0;
}

static int write_frame(struct compressor *c, size_t len, struct error *err)
{
    size_t bound = ZSTD_compressBound(len);
    size_t n = ZSTD_compress2(c->zstd, buf_reserve(&c->packed, bound), bound, c->text, len);
    if (ZSTD_isError(n))
        return error_set(err, ERROR_SYSTEM, "%s: %s", c->made, ZSTD_getErrorName(n));
    buf_commit(&c->packed, n);
    add_u32(&c->table, (uint32_t)n);
    add_u32(&c->table, (uint32_t)len);
    c->frames++;
    return write_out(c, err);
}

static int write_table(struct compressor *c, struct error *err)
{
    add_u32(&c->packed, SKIP_MAGIC);
    add_u32(&c->packed, (uint32_t)buf_len(&c->table) + 9);
    buf_add(&c->packed, buf_data(&c->table), buf_len(&c->table));
    add_u32(&c->packed, c->frames);
    buf_add_char(&c->packed, 0); /* no checksums here: each frame has its own */
    add_u32(&c->packed, TABLE_MAGIC);
    return write_out(c, err);
}

/* Whole lines, as many as fit; a file that has none so short is taken as it comes. */
static size_t whole_lines(const char *text, size_t len)
{
    const char *feed = memrchr(text, '\n', len);
    return feed ? (size_t)(feed + 1 - text) : len;
}

static int pack(struct compressor *c, struct error *err)
{
    for (uint64_t at = 0; at < c->size;) {
        if (!c->go_on(c->opaque))
            return 1;
        size_t len = c->size - at < COMPRESS_FRAME ? (size_t)(c->size - at) : COMPRESS_FRAME;
        int rc = audit_read_at(c->in, c->path, c->text, len, at, err);
        if (rc < 0)
            return rc;
        if (at + len < c->size)
            len = whole_lines(c->text, len);
        rc = write_frame(c, len, err);
        if (rc < 0)
            return rc;
        at += len;
    }
    return write_table(c, err);
}

/* --- read back -------------------------------------------------------------------------------- */

/* Reads the file with the reader's own code, and compares. */
static int compare(struct compressor *c, const char *packed, struct error *err)
{
    CLEANUP_SOURCE struct audit_source *source = NULL;
    CLEANUP_FREE char *block = mem_alloc(COMPRESS_FRAME);
    int rc = audit_source_open(packed, false, &source, err);
    if (rc < 0)
        return rc;
    for (uint64_t at = 0; at <= c->size;) {
        if (!c->go_on(c->opaque))
            return 1;
        int64_t n = audit_source_read(source, block, COMPRESS_FRAME, at, err);
        if (n < 0)
            return (int)n;
        if (n == 0 && at == c->size)
            return 0;
        if (n == 0 || (uint64_t)n > c->size - at)
            break;
        rc = audit_read_at(c->in, c->path, c->text, (size_t)n, at, err);
        if (rc < 0)
            return rc;
        if (memcmp(block, c->text, (size_t)n) != 0)
            break;
        at += (uint64_t)n;
    }
    return error_set(err, ERROR_INVALID, "%s does not hold what %s does", packed, c->path);
}

/* --- all of it -------------------------------------------------------------------------------- */

static int open_files(struct compressor *c, struct error *err)
{
    struct stat st;
    c->in = open(c->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (c->in < 0 || fstat(c->in, &st) < 0)
        return error_set_errno(err, "%s", c->path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "%s: it is not a regular file", c->path);
    c->size = (uint64_t)st.st_size;
    if (unlink(c->made) < 0 && errno != ENOENT)
        return error_set_errno(err, "%s", c->made);
    c->out = open(c->made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (c->out < 0 || fchmod(c->out, st.st_mode & 0777) < 0)
        return error_set_errno(err, "%s", c->made);
    return 0;
}

/* Its time is that of the segment, so that a list of the directory tells when it was written. */
static int bring_to_disk(struct compressor *c, struct error *err)
{
    struct stat st;
    if (fstat(c->in, &st) == 0) {
        const struct timespec times[2] = { st.st_atim, st.st_mtim };
        (void)!futimens(c->out, times);
    }
    return fsync(c->out) < 0 ? error_set_errno(err, "%s", c->made) : 0;
}

static int make(struct compressor *c, struct error *err)
{
    int rc = open_files(c, err);
    if (rc == 0)
        rc = pack(c, err);
    if (rc == 0)
        rc = bring_to_disk(c, err);
    if (rc == 0)
        rc = compare(c, c->made, err);
    if (rc == 0 && rename(c->made, c->result) < 0)
        rc = error_set_errno(err, "%s", c->result);
    if (rc != 0)
        unlink(c->made);
    return rc;
}

static int take_what_is_there(struct compressor *c, struct error *err)
{
    struct stat st;
    c->in = open(c->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (c->in < 0 || fstat(c->in, &st) < 0)
        return error_set_errno(err, "%s", c->path);
    c->size = (uint64_t)st.st_size;
    return compare(c, c->result, err);
}

static int replace(struct compressor *c, struct error *err)
{
    struct stat st;
    int rc = lstat(c->result, &st) == 0 ? take_what_is_there(c, err) : make(c, err);
    if (rc == 0)
        rc = audit_sync_directory(c->path, err);
    if (rc == 0 && unlink(c->path) < 0)
        rc = error_set_errno(err, "%s", c->path);
    return rc;
}

static ZSTD_CCtx *new_context(void)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (zstd) {
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, COMPRESS_LEVEL);
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    }
    return zstd;
}

int compress_segment(const char *path, compress_go_on_fn *go_on, void *opaque, struct error *err)
{
    const char *slash = strrchr(path, '/');
    int directory = slash ? (int)(slash + 1 - path) : 0;
    struct compressor c = { .path = path, .in = -1, .out = -1, .go_on = go_on, .opaque = opaque };
    c.made = mem_printf("%.*s.%s.zst", directory, path, path + directory);
    c.result = mem_printf("%s.zst", path);
    c.text = mem_alloc(COMPRESS_FRAME);
    c.zstd = new_context();
    int rc = c.zstd ? replace(&c, err) : error_set(err, ERROR_SYSTEM, "no memory for zstd");
    ZSTD_freeCCtx(c.zstd);
    cleanup_fd(&c.in);
    cleanup_fd(&c.out);
    buf_free(&c.packed);
    buf_free(&c.table);
    free(c.text);
    free(c.made);
    free(c.result);
    return rc;
}
