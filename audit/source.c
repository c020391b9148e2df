#include "config.h"
#include "audit/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <zstd.h>
#include "base/mem.h"

#define CHUNK       (256u << 10) /* bytes at once where there is no table */
#define FRAME_MAX   (64u << 20)  /* bytes of a frame, either way; ours have one MiB */
#define FRAMES_MAX  (1u << 22)   /* of a file; ours would have 4 TiB then */
#define WINDOW_LOG  27           /* memory that a frame may ask for: what zstd -d allows */
#define TABLE_MAGIC 0x8F92EAB1u
#define SKIP_MAGIC  0x184D2A5Eu
#define FOOTER_LEN  9u
#define SKIP_HEAD   8u

struct frame {
    uint64_t at;    /* in the file */
    uint64_t start; /* in the text */
};

struct audit_source {
    int fd;
    char *name;
    struct stat st;
    bool compressed;
    bool table_is_bad;
    uint64_t position; /* in the file */

    /* compressed */
    ZSTD_DCtx *zstd;
    char *in;   /* compressed bytes */
    char *text; /* of the frame, or the chunk, that was read last */
    size_t in_cap, text_cap;
    uint64_t text_start; /* offset of text[0] */
    size_t text_len;

    /* with a table */
    struct frame *frames; /* one more than there are: where the last one ends */
    size_t n_frames;

    /* without */
    size_t in_len, in_at; /* bytes there, bytes taken */
    bool frame_open;      /* in the midst of one */
};

const char *audit_source_name(const struct audit_source *s)
{
    return s->name;
}

const struct stat *audit_source_stat(const struct audit_source *s)
{
    return &s->st;
}

bool audit_source_is_compressed(const struct audit_source *s)
{
    return s->compressed;
}

bool audit_source_can_seek(const struct audit_source *s)
{
    return !s->compressed || s->frames;
}

bool audit_source_table_is_bad(const struct audit_source *s)
{
    return s->table_is_bad;
}

uint64_t audit_source_size(const struct audit_source *s)
{
    struct stat st;
    if (s->compressed)
        return s->frames ? s->frames[s->n_frames].start : UINT64_MAX;
    return fstat(s->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

uint64_t audit_source_file_position(const struct audit_source *s)
{
    return s->position;
}

static int broken(const struct audit_source *s, const char *how, struct error *err)
{
    return error_set(err, ERROR_INVALID, "%s: the compressed file is damaged: %s", s->name, how);
}

/* As many bytes as there are, up to `len`. */
static int64_t read_file(struct audit_source *s, void *data, size_t len, uint64_t offset,
                         struct error *err)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(s->fd, (char *)data + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, "%s", s->name);
        if (n == 0)
            break;
        got += (size_t)n;
    }
    s->position = offset + got;
    return (int64_t)got;
}

static void make_room(char **memory, size_t *cap, size_t need)
{
    if (*cap >= need)
        return;
    free(*memory);
    *memory = mem_alloc(need);
    *cap = need;
}

/* --- the table -------------------------------------------------------------------------------- */

static uint32_t get_u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The entries fill the file up to the table, and say nothing impossible. */
static bool take_entries(struct audit_source *s, const unsigned char *entries, size_t n,
                         size_t size, uint64_t table_at)
{
    s->frames = mem_realloc_array(NULL, n + 1, sizeof(*s->frames));
    uint64_t at = 0, start = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t packed = get_u32(entries + i * size), plain = get_u32(entries + i * size + 4);
        s->frames[i] = (struct frame){ at, start };
        if (packed == 0 || packed > FRAME_MAX || plain > FRAME_MAX)
            return false;
        at += packed;
        start += plain;
    }
    s->frames[n] = (struct frame){ at, start };
    s->n_frames = n;
    return at == table_at;
}

static int read_table(struct audit_source *s, struct error *err)
{
    unsigned char footer[FOOTER_LEN];
    uint64_t size = (uint64_t)s->st.st_size;
    if (size < FOOTER_LEN + SKIP_HEAD)
        return 0;
    int64_t got = read_file(s, footer, FOOTER_LEN, size - FOOTER_LEN, err);
    if (got < 0)
        return (int)got;
    if (got < (int64_t)FOOTER_LEN || get_u32(footer + 5) != TABLE_MAGIC)
        return 0; /* compressed by something else */
    size_t n = get_u32(footer);
    size_t entry = footer[4] & 0x80 ? 12 : 8;
    s->table_is_bad = true;
    if (n == 0 || n > FRAMES_MAX || (footer[4] & 0x7c) || size < SKIP_HEAD + n * entry + FOOTER_LEN)
        return 0;
    size_t len = SKIP_HEAD + n * entry;
    CLEANUP_FREE unsigned char *table = mem_alloc(len);
    got = read_file(s, table, len, size - FOOTER_LEN - len, err);
    if (got < 0)
        return (int)got;
    bool good = (size_t)got == len && get_u32(table) == SKIP_MAGIC &&
                get_u32(table + 4) == n * entry + FOOTER_LEN &&
                take_entries(s, table + SKIP_HEAD, n, entry, size - FOOTER_LEN - len);
    s->table_is_bad = !good;
    if (!good) {
        free(s->frames);
        s->frames = NULL;
    }
    return 0;
}

static size_t find_frame(const struct audit_source *s, uint64_t offset)
{
    size_t low = 0, high = s->n_frames;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->frames[middle].start <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int load_frame(struct audit_source *s, size_t i, struct error *err)
{
    size_t packed = (size_t)(s->frames[i + 1].at - s->frames[i].at);
    size_t plain = (size_t)(s->frames[i + 1].start - s->frames[i].start);
    s->text_len = 0;
    make_room(&s->in, &s->in_cap, packed);
    make_room(&s->text, &s->text_cap, plain + 1);
    int64_t got = read_file(s, s->in, packed, s->frames[i].at, err);
    if (got < 0)
        return (int)got;
    if ((size_t)got < packed)
        return broken(s, "it became shorter", err);
    /* one frame, the whole frame */
    size_t found = ZSTD_findFrameCompressedSize(s->in, packed);
    if (ZSTD_isError(found) || found != packed)
        return broken(s, "a frame is not where the table says", err);
    size_t n = ZSTD_decompressDCtx(s->zstd, s->text, plain + 1, s->in, packed);
    if (ZSTD_isError(n))
        return broken(s, ZSTD_getErrorName(n), err);
    if (n != plain)
        return broken(s, "a frame holds less, or more, than the table says", err);
    s->text_start = s->frames[i].start;
    s->text_len = n;
    return 0;
}

/* --- without a table -------------------------------------------------------------------------- */

static void start_again(struct audit_source *s)
{
    ZSTD_DCtx_reset(s->zstd, ZSTD_reset_session_only);
    s->in_len = s->in_at = 0;
    s->text_start = 0;
    s->text_len = 0;
    s->position = 0;
    s->frame_open = false;
}

static int fill_in(struct audit_source *s, struct error *err)
{
    make_room(&s->in, &s->in_cap, CHUNK);
    int64_t got = read_file(s, s->in, CHUNK, s->position, err);
    if (got < 0)
        return (int)got;
    s->in_at = 0;
    s->in_len = (size_t)got;
    return 0;
}

/* The chunk after the one that is there; an empty one at the end. */
static int next_chunk(struct audit_source *s, struct error *err)
{
    make_room(&s->text, &s->text_cap, CHUNK);
    s->text_start += s->text_len;
    s->text_len = 0;
    while (s->text_len == 0) {
        if (s->in_at == s->in_len) {
            int rc = fill_in(s, err);
            if (rc < 0)
                return rc;
        }
        ZSTD_inBuffer in = { s->in, s->in_len, s->in_at };
        ZSTD_outBuffer out = { s->text, CHUNK, 0 };
        size_t n = ZSTD_decompressStream(s->zstd, &out, &in);
        if (ZSTD_isError(n))
            return broken(s, ZSTD_getErrorName(n), err);
        bool idle = in.pos == s->in_at && out.pos == 0;
        s->in_at = in.pos;
        s->text_len = out.pos;
        if (!idle)
            s->frame_open = n != 0;
        else if (s->in_len == 0)
            return s->frame_open ? broken(s, "it is cut short", err) : 0;
    }
    return 0;
}

/* --- opening and reading ---------------------------------------------------------------------- */

static bool begins_as_zstd(const unsigned char head[4])
{
    uint32_t magic = get_u32(head);
    return magic == ZSTD_MAGICNUMBER ||
           (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

static int open_compressed(struct audit_source *s, struct error *err)
{
    s->compressed = true;
    s->zstd = ZSTD_createDCtx();
    if (!s->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, WINDOW_LOG)))
        return error_set(err, ERROR_SYSTEM, "%s: no memory to decompress it", s->name);
    int rc = read_table(s, err);
    if (rc == 0)
        start_again(s);
    return rc;
}

static int open_all(struct audit_source *s, bool follow, struct error *err)
{
    unsigned char head[4];
    s->fd = open(s->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    if (s->fd < 0 || fstat(s->fd, &s->st) < 0)
        return error_set_errno(err, "%s", s->name);
    if (!S_ISREG(s->st.st_mode))
        return error_set(err, ERROR_INVALID, "%s: it is not a regular file", s->name);
    int64_t got = read_file(s, head, sizeof(head), 0, err);
    if (got < 0)
        return (int)got;
    return got == sizeof(head) && begins_as_zstd(head) ? open_compressed(s, err) : 0;
}

int audit_source_open(const char *name, bool follow, struct audit_source **out, struct error *err)
{
    struct audit_source *s = MEM_NEW(struct audit_source);
    s->name = mem_strdup(name);
    int rc = open_all(s, follow, err);
    if (rc < 0) {
        int keep = errno; /* whether it is gone matters to who opens */
        audit_source_close(s);
        errno = keep;
        return rc;
    }
    *out = s;
    return 0;
}

void audit_source_close(struct audit_source *s)
{
    if (!s)
        return;
    cleanup_fd(&s->fd);
    ZSTD_freeDCtx(s->zstd);
    free(s->frames);
    free(s->in);
    free(s->text);
    free(s->name);
    free(s);
}

/* Brings the text at `offset` into s->text, unless the offset is past the end. */
static int load(struct audit_source *s, uint64_t offset, struct error *err)
{
    if (offset >= s->text_start && offset - s->text_start < s->text_len)
        return 0;
    if (s->frames) {
        if (offset >= s->frames[s->n_frames].start)
            return 0;
        return load_frame(s, find_frame(s, offset), err);
    }
    if (offset < s->text_start)
        start_again(s);
    do {
        int rc = next_chunk(s, err);
        if (rc < 0)
            return rc;
    } while (s->text_len > 0 && offset - s->text_start >= s->text_len);
    return 0;
}

int64_t audit_source_read(struct audit_source *s, void *data, size_t len, uint64_t offset,
                          struct error *err)
{
    if (!s->compressed)
        return read_file(s, data, len, offset, err);
    size_t got = 0;
    while (got < len) {
        int rc = load(s, offset + got, err);
        if (rc < 0)
            return got > 0 ? (int64_t)got : rc; /* what is good first */
        if (offset + got < s->text_start || offset + got - s->text_start >= s->text_len)
            break;
        size_t from = (size_t)(offset + got - s->text_start);
        size_t n = s->text_len - from < len - got ? s->text_len - from : len - got;
        memcpy((char *)data + got, s->text + from, n);
        got += n;
    }
    return (int64_t)got;
}
