#include "config.h"
#include "audit/follow.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include "audit/lines.h"
#include "audit/segments.h"
#include "base/clock.h"
#include "base/mem.h"

#define LOOK_MS      200  /* where nothing tells of changes, and for limits that grow silently */
#define DIRECTORY_MS 5000 /* how often the files are looked for again though nothing told */

struct audit_follow {
    char *path; /* owned; of the log, or of its directory */
    bool whole_directory;
    int wake_fd;
    uint64_t (*limit)(void *opaque);
    void *opaque;
    bool pass_over;

    int inotify;                 /* watches the directory; -1 if that cannot be */
    bool changed;                /* the directory has other files than when it was listed */
    int64_t listed_us;           /* monotonic; when that was */
    struct audit_segments files; /* as listed last */

    uint64_t next; /* number that is due; 0: that of the first record there is */
    struct audit_source
        *source; /* the file that `next` is in, or before its end; NULL: to be found */
    struct line_reader reader; /* of it */
    bool drained;              /* the file was read to its end after the last listing */
    bool spoiled;              /* what follows in it is damaged */
    uint64_t doubtful;         /* lines that begin before this offset were read again */

    struct span held; /* a line that was read and is not handed out yet */
    uint64_t held_seq;
    uint64_t allowed; /* what the limit was before the reader's bytes were read */
    bool blocked;     /* there is more, past the limit */
};

/* --- which file ------------------------------------------------------------------------------- */

static void leave_file(struct audit_follow *f)
{
    if (!f->source)
        return;
    line_reader_clear(&f->reader);
    audit_source_close(TAKE_PTR(f->source));
    f->held = (struct span){ 0 };
    f->changed = true; /* what to read is to be found */
}

static int list(struct audit_follow *f, struct error *err)
{
    struct audit_segments old = f->files;
    f->changed = false;
    f->listed_us = clock_monotonic_us();
    f->files = (struct audit_segments){ .known = &old };
    int rc;
    if (f->whole_directory)
        rc = audit_segments_add_directory(&f->files, f->path, NULL, err);
    else
        rc = audit_segments_of_log(&f->files, f->path, err);
    audit_segments_sort(&f->files);
    f->files.known = NULL;
    audit_segments_clear(&old);
    return rc;
}

static bool is_ours(const struct audit_follow *f, const struct audit_segment *g)
{
    const struct stat *st = f->source ? audit_source_stat(f->source) : NULL;
    return st && st->st_dev == g->dev && st->st_ino == g->ino;
}

/* The file was renamed, or gave way to its compressed form, since it was listed: to be found again.
 */
static bool is_gone(int rc)
{
    return rc == ERROR_SYSTEM && errno == ENOENT;
}

/* Nothing mends it; it is passed over where that is wanted. */
static bool is_damage(const struct audit_follow *f, int rc)
{
    return f->pass_over && (rc == ERROR_INVALID || rc == ERROR_LIMIT);
}

static int enter_file(struct audit_follow *f, const struct audit_segment *g, struct error *err)
{
    struct audit_source *source;
    uint64_t offset = 0;
    int rc = audit_source_open(g->path, false, &source, err);
    if (rc < 0) {
        f->changed = true;
        return is_gone(rc) ? 0 : rc;
    }
    if (f->next > g->first_seq)
        rc = lines_find_seq(source, f->next, &offset, err);
    if (is_damage(f, rc)) { /* as far as it can be read, then */
        offset = 0;
        rc = 0;
    }
    if (rc < 0) {
        audit_source_close(source);
        return rc;
    }
    leave_file(f);
    f->changed = true; /* at its end, look again: another file may come after it */
    if (f->limit)
        f->allowed = f->limit(f->opaque);
    f->source = source;
    line_reader_init(&f->reader, source, offset);
    f->drained = f->spoiled = false;
    f->doubtful = 0;
    return 0;
}

/* The first one that begins after what is due. */
static const struct audit_segment *find_later(const struct audit_follow *f)
{
    for (size_t i = 0; i < f->files.n; i++)
        if (f->files.at[i].first_seq > f->next && !f->files.at[i].twin)
            return &f->files.at[i];
    return NULL;
}

/* 1: there is a file to read on in (or the old one is to be read once more); 0: not now. */
static int look_for_file(struct audit_follow *f, struct error *err)
{
    int rc = list(f, err);
    if (rc < 0)
        return rc;
    const struct audit_segment *g = audit_segments_find(&f->files, f->next);
    if (!g)
        g = audit_segments_first(
            &f->files); /* what is due is in no file: go on where the log does */
    if (g && is_ours(f, g) && find_later(f))
        g = find_later(f); /* and so, if it is not in ours when that was read to its end */
    if (!g || (is_ours(f, g) && audit_source_size(f->source) >= f->reader.offset))
        return 0;
    if (f->source && !f->drained) {
        /* what was written before the other file was made is in ours by now */
        f->drained = f->changed = true;
        return 1;
    }
    rc = enter_file(f, g, err);
    return rc < 0 ? rc : f->source != NULL && is_ours(f, g);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* The line is no record, but may be one if it is read again: a writer took something back. */
static void look_again(struct audit_follow *f)
{
    uint64_t at = f->reader.offset - f->held.len;
    if (f->doubtful > at)
        return;
    f->doubtful = at + 1;
    line_reader_seek(&f->reader, at);
}

/* As line_reader_next, but past what is damaged, where that is wanted. */
static int next_line(struct audit_follow *f, struct error *err)
{
    while (!f->spoiled) {
        int rc = line_reader_next(&f->reader, &f->held, err);
        if (!is_damage(f, rc))
            return rc;
        if (rc == ERROR_INVALID)
            f->spoiled = true;
        else /* on in a line without end */
            line_reader_seek(&f->reader, f->reader.offset + AUDIT_LINE_MAX);
    }
    return 0;
}

/* 1: f->held is a record that is due, or comes after a gap; 0: no such line now. */
static int read_line(struct audit_follow *f, struct error *err)
{
    int rc;
    if (f->held.len)
        return 1;
    if (!f->source)
        return 0;
    while ((rc = next_line(f, err)) > 0) {
        int64_t utc_us;
        bool good = line_parse_head(f->held, &f->held_seq, &utc_us);
        if (!good && f->pass_over)
            look_again(f);
        else if (!good)
            rc = error_set(err, ERROR_INVALID, "%s: no record at byte %llu",
                           audit_source_name(f->source),
                           (unsigned long long)(f->reader.offset - f->held.len));
        else if (f->held_seq >= f->next)
            return 1;
        f->held = (struct span){ 0 };
        if (rc < 0)
            return rc;
    }
    return rc;
}

/* Numbers that are missing here may be in another file that came back, or was found late. */
static int look_elsewhere(struct audit_follow *f, struct error *err)
{
    int rc = list(f, err);
    if (rc < 0)
        return rc;
    const struct audit_segment *g = audit_segments_find(&f->files, f->next);
    if (!g || is_ours(f, g))
        return 0;
    struct audit_source *source;
    struct span line;
    uint64_t offset, seq = 0;
    int64_t utc_us;
    rc = audit_source_open(g->path, false, &source, err);
    if (rc < 0)
        return is_gone(rc) ? 0 : rc;
    rc = lines_find_seq(source, f->next, &offset, err);
    if (rc == 0) {
        CLEANUP_LINE_READER struct line_reader r;
        line_reader_init(&r, source, offset);
        rc = line_reader_next(&r, &line, err);
        if (rc > 0 && !line_parse_head(line, &seq, &utc_us))
            seq = 0;
    }
    audit_source_close(source);
    if (is_damage(f, rc))
        return 0;
    if (rc < 0 || seq != f->next)
        return rc < 0 ? rc : 0;
    rc = enter_file(f, g, err);
    return rc < 0 ? rc : 1;
}

static void hand_out(struct audit_follow *f, struct audit_follow_item *out)
{
    *out = (struct audit_follow_item){ AUDIT_FOLLOW_RECORD, f->held_seq, f->held_seq, f->held };
    f->next = f->held_seq + 1;
    f->held = (struct span){ 0 };
}

/* True if the line that was read may be handed out. What was read before the limit was as high as
 * that may have been another line, which a writer took back: it is read again. */
static bool is_allowed(struct audit_follow *f)
{
    if (!f->limit || f->held_seq <= f->allowed)
        return true;
    line_reader_seek(&f->reader, f->reader.offset - f->held.len);
    f->held = (struct span){ 0 };
    return false;
}

/* 1: *out is set; 0: nothing now. */
static int take(struct audit_follow *f, struct audit_follow_item *out, struct error *err)
{
    int rc = read_line(f, err);
    if (rc > 0 && !is_allowed(f)) {
        f->allowed = f->limit(f->opaque);
        rc = read_line(f, err);
        if (rc > 0 && !is_allowed(f)) {
            f->blocked = true;
            return 0;
        }
    }
    if (rc < 0)
        leave_file(f); /* and find the place again by its number */
    if (rc <= 0)
        return rc;
    if (f->next && f->held_seq > f->next) {
        rc = look_elsewhere(f, err);
        if (rc != 0)
            return rc < 0 ? rc : take(f, out, err);
        *out = (struct audit_follow_item){ AUDIT_FOLLOW_GAP, f->next, f->held_seq - 1, { 0 } };
        f->next = f->held_seq;
        return 1;
    }
    hand_out(f, out);
    return 1;
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Reads what the directory's watch has to tell. */
static void read_watch(struct audit_follow *f)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;
    while ((n = read(f->inotify, events, sizeof(events))) > 0) {
        for (char *p = events; p < events + n;) {
            const struct inotify_event *e = (const struct inotify_event *)p;
            /* a file without records that gets its first is as good as new */
            if (!f->source || (e->mask & ~(uint32_t)IN_MODIFY))
                f->changed = true;
            p += sizeof(*e) + e->len;
        }
    }
}

/* True if wake_fd is readable. */
static bool wait(struct audit_follow *f, int timeout_ms)
{
    struct pollfd fds[2] = {
        { .fd = f->wake_fd, .events = POLLIN },
        { .fd = f->inotify, .events = POLLIN },
    };
    int at_most = f->inotify < 0 || f->limit ? LOOK_MS : DIRECTORY_MS;
    if (timeout_ms < 0 || timeout_ms > at_most)
        timeout_ms = at_most;
    if (poll(fds, ARRAY_SIZE(fds), timeout_ms) > 0 && fds[1].revents)
        read_watch(f);
    return fds[0].revents != 0;
}

static bool is_due(const struct audit_follow *f)
{
    int64_t every = f->inotify < 0 ? LOOK_MS : DIRECTORY_MS;
    return f->changed || clock_monotonic_us() - f->listed_us > every * USEC_PER_MSEC;
}

/* Reads, and looks for the file that comes after; 1: *out is set, 0: nothing now. */
static int try_all(struct audit_follow *f, struct audit_follow_item *out, struct error *err)
{
    f->blocked = false;
    for (;;) {
        int rc = take(f, out, err);
        if (rc != 0 || f->blocked || !is_due(f))
            return rc;
        rc = look_for_file(f, err);
        if (rc <= 0)
            return rc;
    }
}

int audit_follow_next(struct audit_follow *f, int timeout_ms, struct audit_follow_item *out,
                      struct error *err)
{
    int64_t end = timeout_ms < 0 ? INT64_MAX : clock_monotonic_us() + timeout_ms * USEC_PER_MSEC;
    for (;;) {
        int rc = try_all(f, out, err);
        if (rc != 0)
            return rc < 0 ? rc : 0;
        int64_t left = end == INT64_MAX ? -1 : (end - clock_monotonic_us()) / USEC_PER_MSEC;
        if (end != INT64_MAX && left < 0)
            left = 0;
        *out = (struct audit_follow_item){ .event = AUDIT_FOLLOW_IDLE, .seq = f->next };
        if (wait(f, left < 0 || left > INT32_MAX ? -1 : (int)left)) {
            out->event = AUDIT_FOLLOW_WOKEN;
            return 0;
        }
        if (end != INT64_MAX && clock_monotonic_us() >= end) {
            rc = try_all(f, out, err);
            return rc < 0 ? rc : 0;
        }
    }
}

uint64_t audit_follow_position(const struct audit_follow *f)
{
    return f->next;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void watch(struct audit_follow *f)
{
    const char *slash = f->whole_directory ? NULL : strrchr(f->path, '/');
    CLEANUP_FREE char *directory =
        f->whole_directory ? mem_strdup(f->path)
        : !slash           ? mem_strdup(".")
                           : mem_strndup(f->path, slash == f->path ? 1 : (size_t)(slash - f->path));
    f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (f->inotify >= 0 &&
        inotify_add_watch(f->inotify, directory,
                          IN_MODIFY | IN_CREATE | IN_MOVE | IN_DELETE | IN_ONLYDIR) < 0) {
        close(f->inotify);
        f->inotify = -1;
    }
}

/* The number after the last one that there is. */
static int find_end(struct audit_follow *f, struct error *err)
{
    CLEANUP_SOURCE struct audit_source *source = NULL;
    CLEANUP_LINE_READER struct line_reader r = { 0 };
    struct span line;
    uint64_t offset = 0, seq;
    int64_t utc_us;
    f->next = 0;
    int rc = list(f, err);
    const struct audit_segment *g = rc == 0 ? audit_segments_find(&f->files, UINT64_MAX) : NULL;
    if (!g)
        return rc;
    rc = audit_source_open(g->path, false, &source, err);
    if (rc < 0)
        return rc;
    uint64_t size = audit_source_size(source);
    if (audit_source_can_seek(source) && size > 2 * AUDIT_LINE_MAX)
        offset = size - 2 * AUDIT_LINE_MAX;
    line_reader_init(&r, source, offset);
    while ((rc = line_reader_next(&r, &line, err)) > 0)
        if (line_parse_head(line, &seq, &utc_us))
            f->next = seq + 1;
    return rc;
}

int audit_follow_open(const struct audit_follow_settings *settings, struct audit_follow **out,
                      struct error *err)
{
    struct stat st;
    struct audit_follow *f = MEM_NEW(struct audit_follow);
    f->path = mem_strdup(settings->path);
    f->whole_directory = stat(f->path, &st) == 0 && S_ISDIR(st.st_mode);
    f->wake_fd = settings->wake_fd;
    f->limit = settings->limit;
    f->opaque = settings->opaque;
    f->pass_over = settings->pass_over;
    f->next = settings->from;
    watch(f); /* first, so that nothing goes by between */
    int rc = settings->from == AUDIT_FOLLOW_NEW ? find_end(f, err) : 0;
    if (rc == 0)
        rc = look_for_file(f, err);
    if (rc < 0) {
        audit_follow_close(f);
        return rc;
    }
    *out = f;
    return 0;
}

void audit_follow_close(struct audit_follow *f)
{
    if (!f)
        return;
    leave_file(f);
    audit_segments_clear(&f->files);
    cleanup_fd(&f->inotify);
    free(f->path);
    free(f);
}
