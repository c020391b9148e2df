#include "config.h"
#include "audit/read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/file.h"
#include "audit/line.h"
#include "audit/members.h"
#include "audit/segment.h"
#include "audit/segments.h"
#include "audit/source.h"
#include "base/decimal.h"
#include "base/log.h"
#include "base/mem.h"

#define START_LEN (sizeof(AUDIT_LINE_START) - 1)
#define WINDOW    (2 * AUDIT_LINE_MAX) /* bytes read at once: a whole line is always in it */

/* --- one line --------------------------------------------------------------------------------- */

static void take_count(struct audit_line *out, struct span name, uint64_t value)
{
    if (name.len == 10 && memcmp(name.data, "connection", 10) == 0)
        out->connection = value;
    else if (name.len == 7 && memcmp(name.data, "request", 7) == 0)
        out->request = value;
}

static void take_string(struct audit_line *out, struct span name, struct span value)
{
    static const struct {
        struct span name;
        size_t offset;
    } members[] = {
        { SPAN_LIT("time"), offsetof(struct audit_line, time) },
        { SPAN_LIT("type"), offsetof(struct audit_line, type) },
        { SPAN_LIT("result"), offsetof(struct audit_line, result) },
        { SPAN_LIT("peer"), offsetof(struct audit_line, peer) },
        { SPAN_LIT("identity"), offsetof(struct audit_line, identity) },
        { SPAN_LIT("vm"), offsetof(struct audit_line, vm) },
        { SPAN_LIT("uuid"), offsetof(struct audit_line, uuid) },
        { SPAN_LIT("command"), offsetof(struct audit_line, command) },
    };
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (name.len == members[i].name.len &&
            memcmp(name.data, members[i].name.data, name.len) == 0)
            *(struct span *)((char *)out + members[i].offset) = value;
    }
}

/* False for a number that is too large. */
static bool take(struct audit_line *out, const struct member *m)
{
    const char *p = m->value.data, *end = p + m->value.len;
    uint64_t number;
    if (*p == '"') {
        take_string(out, m->name, (struct span){ p + 1, m->value.len - 2 });
    } else if (*p >= '0' && *p <= '9') {
        if (!decimal_take(&p, end, &number))
            return false;
        take_count(out, m->name, number);
    }
    return true;
}

bool audit_line_parse(struct span line, struct audit_line *out)
{
    struct member_walk walk;
    struct member m;
    *out = (struct audit_line){ 0 };
    if (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    if (line.len < START_LEN || memcmp(line.data, AUDIT_LINE_START, START_LEN) != 0)
        return false;
    const char *seq = line.data + START_LEN;
    if (!decimal_take(&seq, line.data + line.len, &out->seq) || out->seq == 0 ||
        !member_walk_start(&walk, line))
        return false;
    out->text = line;
    int more;
    while ((more = member_walk_next(&walk, &m)) > 0)
        if (!take(out, &m))
            return false;
    return more == 0 && out->type.len > 0;
}

/* --- backwards -------------------------------------------------------------------------------- */

struct tail {
    struct audit_source *source;
    char *window;      /* owned, WINDOW bytes */
    uint64_t position; /* what is before it is still to be handed out */
    uint64_t lowest;   /* nothing before it is read */
    uint64_t wanted;   /* records still to come */
    audit_tail_fn *fn;
    void *opaque;
};

/* [from, to) into the window: all of it. */
static int fill_window(struct tail *t, uint64_t from, uint64_t to, struct error *err)
{
    size_t len = (size_t)(to - from), got = 0;
    while (got < len) {
        int64_t n = audit_source_read(t->source, t->window + got, len - got, from + got, err);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return error_set(err, ERROR_STATE, "audit log %s: it was cut while it was read",
                             audit_source_name(t->source));
        got += (size_t)n;
    }
    return 0;
}

/* A torn line at the end is not ours to judge: the daemon may be writing it. */
static int find_end(struct tail *t, uint64_t size, struct error *err)
{
    for (t->position = size; t->position > t->lowest;) {
        uint64_t room = t->position - t->lowest;
        uint64_t from = t->position - (room < WINDOW ? room : WINDOW);
        int rc = fill_window(t, from, t->position, err);
        if (rc < 0)
            return rc;
        const char *feed = memrchr(t->window, '\n', (size_t)(t->position - from));
        t->position = feed ? from + (uint64_t)(feed - t->window) + 1 : from;
        if (feed)
            break;
    }
    return 0;
}

/* Hands out the whole lines at the end of [from, t->position), newest first. */
static int hand_out(struct tail *t, uint64_t from, struct error *err)
{
    size_t len = (size_t)(t->position - from);
    size_t end = len;
    while (end > 0 && t->wanted > 0) {
        const char *feed = memrchr(t->window, '\n', end - 1);
        if (!feed && from > 0)
            break; /* its beginning is in the next window */
        size_t start = feed ? (size_t)(feed - t->window) + 1 : 0;
        struct audit_line line;
        if (!audit_line_parse((struct span){ t->window + start, end - start }, &line))
            return error_set(err, ERROR_INVALID, "audit log %s: no record at byte %llu",
                             audit_source_name(t->source), (unsigned long long)(from + start));
        if (t->fn(t->opaque, &line))
            t->wanted--;
        end = start;
    }
    if (end == len && t->wanted > 0)
        return error_set(err, ERROR_INVALID, "audit log %s: a line is too long, before byte %llu",
                         audit_source_name(t->source), (unsigned long long)t->position);
    t->position = from + end;
    return 0;
}

static int read_backwards(struct tail *t, struct error *err)
{
    while (t->position > t->lowest && t->wanted > 0) {
        uint64_t from = t->position > WINDOW ? t->position - WINDOW : 0;
        int rc = fill_window(t, from, t->position, err);
        if (rc == 0)
            rc = hand_out(t, from, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int audit_tail(const char *path, uint64_t max_records, uint64_t max_bytes, audit_tail_fn *fn,
               void *opaque, struct error *err)
{
    CLEANUP_SOURCE struct audit_source *source = NULL;
    int rc = audit_source_open(path, false, &source, err);
    if (rc < 0)
        return rc;
    if (!audit_source_can_seek(source))
        return error_set(err, ERROR_INVALID, "audit log %s: it can be read forward only", path);
    CLEANUP_FREE char *window = mem_alloc(WINDOW);
    struct tail t = { source, window, 0, 0, max_records, fn, opaque };
    uint64_t size = audit_source_size(source);
    t.lowest = size > max_bytes ? size - max_bytes : 0;
    rc = find_end(&t, size, err);
    return rc < 0 ? rc : read_backwards(&t, err);
}

/* --- backwards through all files
 * ------------------------------------------------------------------ */

struct log_tail {
    uint64_t before; /* only records with lower numbers are still to be handed out */
    uint64_t wanted, bytes;
    audit_tail_fn *fn;
    void *opaque;
};

static bool take_older(void *opaque, const struct audit_line *line)
{
    struct log_tail *t = opaque;
    if (line->seq >= t->before)
        return false;
    t->before = line->seq;
    t->bytes -= line->text.len < t->bytes ? line->text.len : t->bytes;
    bool wanted = t->fn(t->opaque, line);
    t->wanted -= wanted;
    return wanted;
}

/* The closed ones, as long as they reach without a gap. */
static int read_closed(struct log_tail *t, const char *path, struct error *err)
{
    CLEANUP_SEGMENTS struct audit_segments all = { 0 };
    int rc = audit_segments_of_log(&all, path, err);
    if (rc < 0)
        return rc;
    for (size_t i = all.n; i-- > 0 && t->wanted > 0 && t->bytes > 0;) {
        const struct audit_segment *s = &all.at[i];
        if (s->twin || !s->first_seq || s->first_seq >= t->before)
            continue;
        rc = audit_tail(s->path, t->wanted, t->bytes, take_older, t, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int audit_tail_log(const char *path, uint64_t max_records, uint64_t max_bytes, audit_tail_fn *fn,
                   void *opaque, struct error *err)
{
    struct log_tail t = { UINT64_MAX, max_records, max_bytes, fn, opaque };
    struct error older;
    int rc = audit_tail(path, max_records, max_bytes, take_older, &t, err);
    if (rc < 0 && access(path, F_OK) == 0)
        return rc; /* otherwise it is being rotated */
    bool more = t.wanted > 0 && t.bytes > 0 && t.before > 1;
    /* if older files cannot be read, what there is before them is told all the same */
    if (more && read_closed(&t, path, &older) < 0)
        log_warning("audit tail: %s", older.text);
    return t.before == UINT64_MAX ? rc : 0;
}
