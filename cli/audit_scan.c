#include "config.h"
#include "cli/audit_scan.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include "audit/line.h"
#include "audit/lines.h"
#include "audit/segments.h"
#include "base/mem.h"

#define SHOWN_BEFORE 10u /* records that were there already, when following */

/* --- signals ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;
static int signal_fd = -1;

static void note_signal(int number)
{
    const uint64_t one = 1;
    int keep = errno;
    interrupted = number;
    if (write(signal_fd, &one, sizeof(one)) < 0)
        interrupted = number; /* the flag is enough */
    errno = keep;
}

void audit_scan_catch_signals(void)
{
    struct sigaction action = { .sa_handler = note_signal };
    signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool audit_scan_interrupted(void)
{
    return interrupted != 0;
}

int audit_scan_signal_fd(void)
{
    return signal_fd;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* 1: go on, 0: enough. */
static int read_lines(struct audit_scan *s, struct line_reader *r, struct error *err)
{
    struct audit_record_view view;
    struct span line;
    uint64_t seq;
    int64_t utc_us;
    int rc;
    while ((rc = line_reader_next(r, &line, err)) > 0) {
        if (audit_scan_interrupted())
            return 0;
        if (line_parse_head(line, &seq, &utc_us) && utc_us >= s->until) {
            if (utc_us - AUDIT_SCAN_SLACK_US > s->until)
                return 0;
            continue; /* a later one may be of an earlier time */
        }
        if (!audit_view_parse(line, &view)) {
            s->passed_over++;
            continue;
        }
        if (!s->each(s->opaque, &view))
            return 0;
    }
    return rc < 0 ? rc : 1;
}

static bool is_gone(int rc)
{
    return rc == ERROR_SYSTEM && errno == ENOENT;
}

static int open_segment(const struct audit_segment *g, struct audit_source **out, struct error *err)
{
    int rc = audit_source_open(g->path, true, out, err);
    if (is_gone(rc) && !g->compressed) { /* it was compressed since it was listed */
        CLEANUP_FREE char *packed = mem_printf("%s.zst", g->path);
        rc = audit_source_open(packed, true, out, err);
    }
    return rc;
}

static int read_segment(struct audit_scan *s, const struct audit_segment *g, struct error *err)
{
    CLEANUP_SOURCE struct audit_source *source = NULL;
    CLEANUP_LINE_READER struct line_reader r = { 0 };
    uint64_t offset = 0;
    int rc = open_segment(g, &source, err);
    if (rc == 0 && s->since > g->first_us + AUDIT_SCAN_SLACK_US)
        rc = lines_find_time(source, s->since - AUDIT_SCAN_SLACK_US, &offset, err);
    if (rc < 0)
        return rc;
    line_reader_init(&r, source, offset);
    return read_lines(s, &r, err);
}

/* The first file that can have a record of `since`: the one after it begins later. */
static size_t first_wanted(const struct audit_segments *all, int64_t since)
{
    size_t first = 0;
    for (size_t i = 1; i < all->n; i++)
        if (since != INT64_MIN && all->at[i].first_us <= since - AUDIT_SCAN_SLACK_US)
            first = i;
    return first;
}

static int list(const char *const *paths, size_t n, struct audit_segments *all, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        int rc = audit_segments_add_path(all, paths[i], err);
        if (rc < 0)
            return rc;
    }
    audit_segments_sort(all);
    if (!audit_segments_first(all))
        return error_set(err, ERROR_STATE, "%s: no records of an audit log are in it",
                         n ? paths[0] : "");
    return 0;
}

int audit_scan_run(struct audit_scan *s, struct error *err)
{
    CLEANUP_SEGMENTS struct audit_segments all = { 0 };
    int rc = list(s->paths, s->n_paths, &all, err);
    if (rc < 0)
        return rc;
    for (size_t i = first_wanted(&all, s->since); i < all.n; i++) {
        const struct audit_segment *g = &all.at[i];
        if (g->twin)
            continue;
        if (s->until != INT64_MAX && g->first_us > s->until + AUDIT_SCAN_SLACK_US)
            break;
        rc = read_segment(s, g, err);
        if (rc <= 0)
            return rc;
    }
    return 0;
}

/* --- where to begin following ----------------------------------------------------------------- */

struct last {
    uint64_t seqs[SHOWN_BEFORE];
    size_t n;
};

static int find_last(struct audit_source *source, struct last *last, struct error *err)
{
    CLEANUP_LINE_READER struct line_reader r;
    struct span line;
    uint64_t size = audit_source_size(source), seq, offset = 0;
    int64_t utc_us;
    int rc;
    if (audit_source_can_seek(source) && size > 4 * AUDIT_LINE_MAX)
        offset = size - 4 * AUDIT_LINE_MAX;
    line_reader_init(&r, source, offset);
    while ((rc = line_reader_next(&r, &line, err)) > 0)
        if (line_parse_head(line, &seq, &utc_us))
            last->seqs[last->n++ % SHOWN_BEFORE] = seq;
    return rc;
}

static int find_since(struct audit_source *source, int64_t since, uint64_t *seq, struct error *err)
{
    CLEANUP_LINE_READER struct line_reader r;
    struct span line;
    uint64_t offset;
    int64_t utc_us;
    int rc = lines_find_time(source, since - AUDIT_SCAN_SLACK_US, &offset, err);
    if (rc < 0)
        return rc;
    line_reader_init(&r, source, offset);
    while ((rc = line_reader_next(&r, &line, err)) > 0)
        if (line_parse_head(line, seq, &utc_us))
            return 0;
    return rc;
}

int audit_scan_start(const char *path, int64_t since, uint64_t *seq, struct error *err)
{
    CLEANUP_SEGMENTS struct audit_segments all = { 0 };
    CLEANUP_SOURCE struct audit_source *source = NULL;
    struct stat st;
    *seq = 0;
    int rc = stat(path, &st) == 0 && S_ISDIR(st.st_mode)
                 ? audit_segments_add_directory(&all, path, NULL, err)
                 : audit_segments_of_log(&all, path, err);
    audit_segments_sort(&all);
    if (rc < 0 || !audit_segments_first(&all))
        return rc;
    size_t i = since == INT64_MIN ? all.n - 1 : first_wanted(&all, since);
    rc = open_segment(&all.at[i], &source, err);
    if (rc < 0)
        return rc;
    if (since != INT64_MIN)
        return find_since(source, since, seq, err);
    struct last last = { 0 };
    rc = find_last(source, &last, err);
    if (last.n > 0)
        *seq = last.n < SHOWN_BEFORE ? last.seqs[0] : last.seqs[last.n % SHOWN_BEFORE];
    return rc;
}
