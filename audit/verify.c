#include "config.h"
#include "audit/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "audit/lines.h"
#include "audit/members.h"
#include "audit/segment.h"
#include "audit/segments.h"
#include "audit/verify_internal.h"
#include "base/mem.h"

#define PROGRESS_BYTES (4u << 20) /* between two calls of it */
#define LIST_TRIES     5u         /* a rotation may come between listing and opening */

const char *audit_fault_word(enum audit_fault_kind kind)
{
    static const char *const words[] = {
#define X(name, word) [AUDIT_FAULT_##name] = (word),
        AUDIT_FAULTS(X)
#undef X
    };
    return words[kind];
}

void audit_verify_summary_clear(struct audit_verify_summary *s)
{
    free(s->keys);
    *s = (struct audit_verify_summary){ 0 };
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell(struct verify *v, void (*fn)(void *, const struct audit_fault *),
                 enum audit_fault_kind kind, const struct verify_line *at, const char *fmt,
                 va_list ap)
{
    char text[ERROR_TEXT_MAX];
    vsnprintf(text, sizeof(text), fmt, ap);
    struct audit_fault fault = {
        .kind = kind,
        .file = at ? at->file : NULL,
        .line = at ? at->number : 0,
        .seq = at ? at->ends.seq : 0,
        .text = text,
    };
    if (fn)
        fn(v->settings->opaque, &fault);
}

void verify_fault(struct verify *v, enum audit_fault_kind kind, const struct verify_line *at,
                  const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    v->out->faults++;
    tell(v, v->settings->fault, kind, at, fmt, ap);
    va_end(ap);
}

void verify_note(struct verify *v, const struct verify_line *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tell(v, v->settings->note, AUDIT_FAULT_LINE, at, fmt, ap);
    va_end(ap);
}

/* --- a line that is no record ----------------------------------------------------------------- */

static const char *what_it_is(struct span line)
{
    static const struct span start = SPAN_LIT(AUDIT_LINE_START);
    const size_t end = sizeof(AUDIT_LINE_HASH) - 1 + AUDIT_HASH_TEXT + sizeof(AUDIT_LINE_END) - 1;
    if (line.len <= 1)
        return "an empty line";
    if (line.data[line.len - 2] == '\r')
        return "a line that ends with CR LF: the file was saved by an editor, or was carried as "
               "text";
    if (memchr(line.data, '\0', line.len))
        return "no record, but a line with zeros in it";
    if (line.len < start.len || memcmp(line.data, start.data, start.len) != 0)
        return "no record: it does not begin as one";
    if (line.len < start.len + end)
        return "no record: it is too short for one";
    struct span tail = { line.data + line.len - end, end };
    if (memcmp(tail.data, AUDIT_LINE_HASH, sizeof(AUDIT_LINE_HASH) - 1) != 0)
        return "no record: it does not end with its hash";
    for (size_t i = 0; i < AUDIT_HASH_TEXT; i++)
        if (tail.data[sizeof(AUDIT_LINE_HASH) - 1 + i] >= 'A' &&
            tail.data[sizeof(AUDIT_LINE_HASH) - 1 + i] <= 'F')
            return "a record whose hash was rewritten in capital letters";
    return "no record: its number or its hash is not in the form that the gateway writes";
}

/* Time and type stand behind the number; where they do not, it is left to others to complain. */
static void find_head(struct verify_line *at)
{
    static const struct span time = SPAN_LIT(",\"time\":\"");
    static const struct span type = SPAN_LIT("\",\"type\":\"");
    const size_t need = time.len + CLOCK_UTC_TEXT - 1 + type.len;
    const char *p = at->line.data + sizeof(AUDIT_LINE_START) - 1,
               *end = at->line.data + at->ends.hashed;
    while (*p != ',')
        p++;
    at->time = NULL;
    at->type = (struct span){ 0 };
    if ((size_t)(end - p) <= need || memcmp(p, time.data, time.len) != 0 ||
        memcmp(p + need - type.len, type.data, type.len) != 0)
        return;
    at->time = p + time.len;
    const char *quote = memchr(p + need, '"', (size_t)(end - p) - need);
    if (quote)
        at->type = (struct span){ p + need, (size_t)(quote - (p + need)) };
}

/* --- the chain -------------------------------------------------------------------------------- */

static void note_first(struct verify *v, const struct verify_line *at)
{
    v->begun = true;
    v->first_file = at->file;
    v->out->first_seq = at->ends.seq;
    if (!at->time || !clock_parse_utc(at->time, CLOCK_UTC_TEXT - 1, &v->out->first_us))
        v->out->first_us = 0;
    v->recent_from = at->ends.seq;
}

/* `last` is a time. Most records are of its minute. */
static bool is_time(const char *text, const char *last)
{
    enum { MINUTE = sizeof("2026-09-21T14:13") - 1 };
    int64_t us;
    if (memcmp(text, last, MINUTE) != 0)
        return clock_parse_utc(text, CLOCK_UTC_TEXT - 1, &us);
    const char *p = text + MINUTE; /* :20.123456Z */
    bool good = p[0] == ':' && p[1] >= '0' && p[1] <= '5' && p[2] >= '0' && p[2] <= '9' &&
                p[3] == '.' && p[10] == 'Z';
    for (size_t i = 4; i < 10; i++)
        good &= p[i] >= '0' && p[i] <= '9';
    return good;
}

/* When the next seal is due hangs on the latest time, so none is taken that is none. */
static void take_time(struct verify *v, const struct verify_line *at)
{
    if (!at->time || !is_time(at->time, v->last_time))
        verify_fault(v, AUDIT_FAULT_LINE, at, "its time is none, or it is not where it belongs");
    else if (memcmp(at->time, v->last_time, CLOCK_UTC_TEXT - 1) > 0)
        memcpy(v->last_time, at->time, CLOCK_UTC_TEXT - 1);
}

static void move_on(struct verify *v, const struct verify_line *at)
{
    if (v->known ? at->ends.seq != v->chain.seq + 1 : v->recent_from != at->ends.seq)
        v->recent_from = at->ends.seq;
    v->chain.seq = at->ends.seq;
    memcpy(v->chain.hash, at->ends.hash, AUDIT_HASH_BYTES);
    memcpy(v->recent[at->ends.seq % RECENT], at->ends.hash, AUDIT_HASH_BYTES);
    v->known = true;
    v->out->records++;
    take_time(v, at);
}

/* The line's hash, if it follows from `before`. */
static bool hash_fits(struct verify *v, const struct verify_line *at,
                      const unsigned char before[AUDIT_HASH_BYTES])
{
    unsigned char digest[AUDIT_HASH_BYTES];
    /* in one piece: the reader has room for it before the line */
    char *start = (char *)at->line.data - AUDIT_HASH_BYTES;
    memcpy(start, before, AUDIT_HASH_BYTES);
    if (gnutls_hash(v->hasher, start, AUDIT_HASH_BYTES + at->ends.hashed) < 0)
        return false;
    gnutls_hash_output(v->hasher, digest);
    return memcmp(digest, at->ends.hash, AUDIT_HASH_BYTES) == 0;
}

static const char *why_gone(const struct segment_start *s)
{
    static const struct {
        const char *reason, *words;
    } reasons[] = {
        { SEGMENT_REMOVED, ": the gateway noted that its file was removed while it was written" },
        { SEGMENT_CHANGED,
          ": the gateway noted that somebody else had changed or shortened its file" },
        { SEGMENT_MISSING, ": the gateway noted at its start that they were not there" },
    };
    for (size_t i = 0; s && i < ARRAY_SIZE(reasons); i++)
        if (s->reason.len == strlen(reasons[i].reason) &&
            memcmp(s->reason.data, reasons[i].reason, s->reason.len) == 0)
            return reasons[i].words;
    return "";
}

static void tell_missing(struct verify *v, const struct verify_line *at,
                         const struct segment_start *s)
{
    uint64_t from = v->chain.seq + 1, to = at->ends.seq - 1;
    if (from == to)
        verify_fault(v, AUDIT_FAULT_MISSING, at, "record %" PRIu64 " is missing before it%s", from,
                     why_gone(s));
    else
        verify_fault(v, AUDIT_FAULT_MISSING, at,
                     "records %" PRIu64 " to %" PRIu64 " are missing before it%s", from, to,
                     why_gone(s));
}

/* The first record of all that is there. */
static void check_beginning(struct verify *v, const struct verify_line *at,
                            const struct segment_start *s)
{
    static const unsigned char zeros[AUDIT_HASH_BYTES];
    note_first(v, at);
    if (s) {
        memcpy(v->before_first, s->previous, AUDIT_HASH_BYTES);
        v->before_known = true;
    }
    bool first = at->ends.seq == 1;
    if (first && s && memcmp(s->previous, zeros, sizeof(zeros)) != 0)
        verify_fault(v, AUDIT_FAULT_SEGMENT, at,
                     "it has number 1 and says that another record came before it");
    /* whether it may be the first one here is known at the end */
    if ((first || s) && !hash_fits(v, at, first ? zeros : s->previous))
        verify_fault(v, AUDIT_FAULT_HASH, at,
                     "its text is not what its hash was made of: the record was changed");
}

static void check_segment(struct verify *v, const struct verify_line *at,
                          const struct segment_start *s)
{
    if (v->segment && s->number != v->segment + 1)
        verify_fault(v, AUDIT_FAULT_SEGMENT, at,
                     "it begins segment %" PRIu64 ", where segment %" PRIu64 " is due", s->number,
                     v->segment + 1);
    void *marks = v->marks;
    mem_grow(&marks, &v->cap_marks, v->n_marks + 1, sizeof(*v->marks));
    v->marks = marks;
    v->marks[v->n_marks++] = (struct segment_mark){ s->seq, s->number };
    v->segment = s->number;
    v->out->segments++;
}

/* A number that is no higher than the last. True if the line is to be passed over. */
static bool is_out_of_order(struct verify *v, const struct verify_line *at)
{
    if (!v->known || at->ends.seq > v->chain.seq)
        return false;
    verify_fault(v, AUDIT_FAULT_ORDER, at,
                 at->ends.seq == v->chain.seq
                     ? "its number is that of the record before it, where %" PRIu64 " is due"
                     : "its number is lower than that of the record before it: %" PRIu64 " is due",
                 v->chain.seq + 1);
    return true;
}

/* How the record follows from the one before, as far as that is there. */
static void check_link(struct verify *v, const struct verify_line *at,
                       const struct segment_start *s)
{
    bool gap = v->known && at->ends.seq > v->chain.seq + 1;
    const unsigned char *before = v->chain.hash;
    if (gap)
        tell_missing(v, at, s);
    if (s) {
        if (v->known && !gap && memcmp(s->previous, v->chain.hash, AUDIT_HASH_BYTES) != 0)
            verify_fault(v, AUDIT_FAULT_SEGMENT, at,
                         "it says that it follows another record than the one before it: the "
                         "records before it were changed, or the file is of another chain");
        before = s->previous;
    } else if (gap || !v->known) {
        return; /* what it follows is not there */
    }
    if (!hash_fits(v, at, before))
        verify_fault(v, AUDIT_FAULT_HASH, at,
                     "its text, or that of the record before it, is not what its hash was made of: "
                     "a record was changed, put in or taken out");
}

static void take_record(struct verify *v, struct verify_line *at)
{
    struct segment_start start;
    find_head(at);
    bool segment = verify_type_is(at, "segment");
    const struct segment_start *s = NULL;
    if (segment && segment_parse(at->line, &start))
        s = &start;
    if (is_out_of_order(v, at))
        return;
    if (segment && !s)
        verify_fault(v, AUDIT_FAULT_SEGMENT, at,
                     "it is no segment record as the gateway writes it");
    if (at->number == 1 && !segment)
        verify_fault(v, AUDIT_FAULT_CUT_FILE, at,
                     "the file does not begin with a segment record: its beginning was cut off");
    if (!v->begun)
        check_beginning(v, at, s);
    else
        check_link(v, at, s);
    if (s)
        check_segment(v, at, s);
    move_on(v, at);
    if (verify_type_is(at, "seal"))
        verify_seal(v, at);
    else
        verify_record(v, at);
    if (v->outside_at < v->settings->n_outside)
        verify_outside(v, at);
}

/* --- files ------------------------------------------------------------------------------------ */

struct progress {
    uint64_t before; /* bytes of the files that were read */
    uint64_t told;
    uint64_t total;
};

static void tell_progress(struct verify *v, struct progress *p, uint64_t position)
{
    if (!v->settings->progress || p->before + position < p->told + PROGRESS_BYTES)
        return;
    p->told = p->before + position;
    v->settings->progress(v->settings->opaque, p->told < p->total ? p->told : p->total, p->total);
}

/* An error in the midst of a file: its form is a fault, that it cannot be read is none. */
static int take_error(struct verify *v, const struct verify_line *at, const struct error *err)
{
    v->known = false;
    if (err->code == ERROR_LIMIT)
        verify_fault(v, AUDIT_FAULT_LINE, at, "a line that is longer than any record");
    else if (err->code == ERROR_INVALID)
        verify_fault(v, AUDIT_FAULT_DAMAGED, at, "%s", err->text);
    else
        return err->code;
    return 0;
}

static int check_rest(struct verify *v, struct line_reader *r, struct verify_line *at, bool last,
                      struct error *err)
{
    int64_t rest = line_reader_rest(r, err);
    if (rest < 0)
        return take_error(v, at, err);
    at->number++;
    at->ends.seq = 0;
    if (rest > 0 && !last)
        verify_fault(v, AUDIT_FAULT_CUT_FILE, at,
                     "the file ends in the midst of a record: its end was cut off");
    else if (rest > 0)
        v->out->torn = (uint64_t)rest;
    return 0;
}

/* True if the file begins with what was read already; then all of that is passed over. */
static void check_overlap(struct verify *v, const struct audit_segment *g)
{
    if (!v->known || g->first_seq == 0 || g->first_seq > v->chain.seq)
        return;
    struct verify_line at = { .file = g->path, .number = 1, .ends.seq = g->first_seq };
    verify_fault(v, AUDIT_FAULT_OVERLAP, &at,
                 "it begins with record %" PRIu64 ", and the records up to %" PRIu64
                 " are in the files before it: it is a copy, or was put in",
                 g->first_seq, v->chain.seq);
}

static int read_file(struct verify *v, const struct audit_segment *g, struct audit_source *source,
                     bool last, struct progress *p, struct error *err)
{
    CLEANUP_LINE_READER struct line_reader r;
    struct verify_line at = { .file = g->path };
    uint64_t again = v->known && g->first_seq <= v->chain.seq ? v->chain.seq : 0;
    bool bad_before = false;
    int rc;
    check_overlap(v, g);
    line_reader_init(&r, source, 0);
    while ((rc = line_reader_next(&r, &at.line, err)) > 0) {
        at.number++;
        if (line_parse_ends(at.line, &at.ends)) {
            bad_before = false;
            if (at.ends.seq > again)
                take_record(v, &at);
        } else {
            at.ends.seq = 0;
            if (!bad_before)
                verify_fault(v, AUDIT_FAULT_LINE, &at, "%s", what_it_is(at.line));
            bad_before = true;
            v->known = false;
        }
        if ((at.number & 1023) == 0)
            tell_progress(v, p, audit_source_file_position(source));
    }
    v->out->bytes += r.offset;
    if (rc < 0) {
        at.number++;
        at.ends.seq = 0;
        return take_error(v, &at, err);
    }
    return check_rest(v, &r, &at, last, err);
}

int verify_open(const struct audit_segment *g, struct audit_source **out, struct error *err)
{
    int rc = audit_source_open(g->path, true, out, err);
    if (rc == ERROR_SYSTEM && errno == ENOENT && !g->compressed) {
        CLEANUP_FREE char *packed = mem_printf("%s.zst", g->path);
        struct error ignored;
        if (audit_source_open(packed, true, out, &ignored) == 0)
            return 0;
    }
    return rc;
}

/* A file and what it was compressed to say the same. */
static int check_twin(struct verify *v, const struct audit_segment *plain,
                      const struct audit_segment *packed, struct error *err)
{
    enum { BLOCK = 1 << 20 };
    CLEANUP_SOURCE struct audit_source *a = NULL, *b = NULL;
    CLEANUP_FREE char *memory = mem_alloc(2 * BLOCK);
    if (audit_source_open(plain->path, true, &a, err) < 0 ||
        audit_source_open(packed->path, true, &b, err) < 0)
        return 0; /* the keeper has removed one meanwhile */
    struct verify_line at = { .file = packed->path };
    for (uint64_t offset = 0;; offset += BLOCK) {
        int64_t n = audit_source_read(a, memory, BLOCK, offset, err);
        int64_t m = n < 0 ? n : audit_source_read(b, memory + BLOCK, BLOCK, offset, err);
        if (m < 0)
            return take_error(v, &at, err);
        if (n != m || memcmp(memory, memory + BLOCK, (size_t)n) != 0) {
            verify_fault(v, AUDIT_FAULT_DAMAGED, &at, "it is not what %s was compressed to",
                         plain->path);
            return 0;
        }
        if (n < BLOCK)
            return 0;
    }
}

static int open_and_read(struct verify *v, const struct audit_segment *g,
                         struct audit_source *opened, bool last, struct progress *p,
                         struct error *err)
{
    CLEANUP_SOURCE struct audit_source *source = NULL;
    struct verify_line at = { .file = g->path };
    v->out->files++;
    if (!opened) {
        int rc = verify_open(g, &source, err);
        if (rc < 0)
            return rc;
        opened = source;
    }
    if (audit_source_table_is_bad(opened))
        verify_fault(v, AUDIT_FAULT_DAMAGED, &at,
                     "the compressed file's table of frames does not fit the file");
    v->file = g;
    v->source = opened;
    int rc = read_file(v, g, opened, last && !audit_source_is_compressed(opened), p, err);
    v->file = NULL;
    v->source = NULL;
    p->before += g->size;
    return rc;
}

static int read_all(struct verify *v, const struct audit_segments *all,
                    struct audit_source *last_source, struct error *err)
{
    struct progress p = { 0 };
    size_t last = all->n - 1;
    while (last > 0 && all->at[last].twin)
        last--;
    for (size_t i = 0; i < all->n; i++)
        p.total += all->at[i].twin ? 0 : all->at[i].size;
    for (size_t i = 0; i < all->n; i++) {
        const struct audit_segment *g = &all->at[i];
        int rc = g->twin ? check_twin(v, &all->at[i - 1], g, err)
                         : open_and_read(v, g, i == last ? last_source : NULL, i == last, &p, err);
        if (rc < 0)
            return rc;
    }
    if (v->settings->progress)
        v->settings->progress(v->settings->opaque, p.total, p.total);
    return 0;
}

/* Lists the files, and opens the last one, which may be renamed at any time; as they belong
 * together. */
static int list_files(const struct audit_verify_settings *settings, struct audit_segments *all,
                      struct audit_source **last, struct error *err)
{
    for (unsigned i = 0; i < LIST_TRIES; i++) {
        audit_segments_clear(all);
        audit_source_close(TAKE_PTR(*last));
        for (size_t k = 0; k < settings->n_paths; k++) {
            int rc = audit_segments_add_path(all, settings->paths[k], err);
            if (rc < 0)
                return rc;
        }
        audit_segments_sort(all);
        if (all->n == 0)
            return 0;
        const struct audit_segment *g = &all->at[all->n - 1];
        if (g->twin)
            g--;
        int rc = audit_source_open(g->path, true, last, err);
        if (rc == 0 && audit_source_stat(*last)->st_ino == g->ino)
            return 0;
        if (rc < 0 && errno != ENOENT)
            return rc;
    }
    return error_set(err, ERROR_STATE, "the files change faster than they can be listed");
}

/* --- the end ---------------------------------------------------------------------------------- */

/* A log whose first part is not there: who vouches for what the rest follows? */
static void judge_beginning(struct verify *v)
{
    const struct audit_verify_summary *out = v->out;
    struct verify_line at = { .file = v->first_file, .number = 1, .ends.seq = out->first_seq };
    if (out->first_seq <= 1)
        return;
    bool vouched = v->before_known && out->sealed_through >= out->first_seq - 1;
    if (vouched)
        verify_note(v, &at,
                    "records 1 to %" PRIu64
                    " are not here: removed by retention, or by somebody. A "
                    "seal vouches for what this record follows",
                    out->first_seq - 1);
    else if (v->settings->partial)
        verify_note(v, &at, "records 1 to %" PRIu64 " are not here", out->first_seq - 1);
    else
        verify_fault(v, AUDIT_FAULT_BEGINNING, &at,
                     "records 1 to %" PRIu64
                     " are not here, and no seal that was checked vouches for them",
                     out->first_seq - 1);
}

/* A file with records behind something else may be all there is of them: to pass it over without a
 * word would be to call a log good whose last file has one bad byte. What the gateway set aside is
 * known by its name. */
static void judge_strangers(struct verify *v, const struct audit_segments *all)
{
    for (size_t i = 0; i < all->n_strangers; i++) {
        const struct audit_stranger *s = &all->strangers[i];
        struct verify_line at = { .file = s->path };
        if (s->has_records && !strstr(s->path, ".torn.")) {
            at.number = 1;
            verify_fault(v, AUDIT_FAULT_LINE, &at,
                         "no record, though records come after it: the file was passed over");
        } else if (v->out->faults > 0) {
            verify_note(v, &at, "it was passed over: its first line is no record");
        }
    }
}

static void finish(struct verify *v, const struct audit_segments *all)
{
    struct audit_verify_summary *out = v->out;
    if (v->begun) {
        out->last_seq = v->chain.seq;
        if (!clock_parse_utc(v->last_time, CLOCK_UTC_TEXT - 1, &out->last_us))
            out->last_us = 0;
        audit_hash_format(v->chain.hash, out->last_hash);
    }
    verify_seals_end(v);
    judge_beginning(v);
    judge_strangers(v, all);
}

int audit_verify(const struct audit_verify_settings *settings, struct audit_verify_summary *out,
                 struct error *err)
{
    CLEANUP_SEGMENTS struct audit_segments all = { 0 };
    CLEANUP_SOURCE struct audit_source *last = NULL;
    *out = (struct audit_verify_summary){ 0 };
    struct verify v = { .settings = settings, .out = out, .files = &all };
    int rc = list_files(settings, &all, &last, err);
    if (rc == 0 && all.n == 0)
        rc = error_set(err, ERROR_STATE, "%s: no records of an audit log are in it",
                       settings->n_paths ? settings->paths[0] : "");
    if (rc == 0)
        rc = audit_hasher_new(&v.hasher, err);
    if (rc < 0)
        return rc;
    v.recent = mem_realloc_array(NULL, RECENT, sizeof(*v.recent));
    verify_seals_start(&v);
    rc = read_all(&v, &all, last, err);
    if (rc == 0)
        finish(&v, &all);
    audit_hasher_free(&v.hasher);
    free(v.recent);
    free(v.marks);
    free(v.outside);
    return rc;
}
