#include "config.h"
#include "audit/recover.h"

#include <errno.h>
#include <sys/stat.h>
#include <uthash.h>
#include "audit/read.h"
#include "audit/record.h"
#include "audit/segment.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define READ_MAX 1073741824u /* bytes looked through: one or two seconds at the start */
#define OPEN_MAX 16384u      /* commands and sessions that are closed one by one */

static const char why[] = "the gateway stopped before the answer came";
static const char session_why[] = "the gateway stopped";

/* Seen on the way back: a command's outcome, whose intent is further up, or a session's end. */
struct closed {
    struct {
        uint64_t number;
        uint64_t session; /* 1: the number is a connection's */
    } key;
    UT_hash_handle hh;
};

struct search {
    struct audit_recovery *out;
    struct closed *closed;
    struct audit_recovery found; /* newest first */
    uint64_t commands, sessions; /* left open */
    uint64_t last_seq;           /* of the record looked at last */
    bool gap;                    /* what came before it is not there */
    bool complete;               /* all of the run was seen */
    uint64_t left;               /* bytes that may still be looked through */
};

void audit_recovery_clear(struct audit_recovery *r)
{
    buf_free(&r->bodies);
    free(r->entries);
    *r = (struct audit_recovery){ 0 };
}

/* --- what is written -------------------------------------------------------------------------- */

static struct batch_entry *new_entry(struct audit_recovery *r)
{
    void *entries = r->entries;
    mem_grow(&entries, &r->cap, r->n + 1, sizeof(*r->entries));
    r->entries = entries;
    struct batch_entry *e = &r->entries[r->n++];
    *e = (struct batch_entry){ .offset = buf_len(&r->bodies) };
    return e;
}

static void end_entry(struct audit_recovery *r, struct batch_entry *e)
{
    e->len = buf_len(&r->bodies) - e->offset;
}

/* A text of the log, as it stands there. */
static void copy_member(struct buf *out, const char *name, struct span raw)
{
    if (raw.len == 0)
        return;
    buf_printf(out, ",\"%s\":\"", name);
    buf_add_span(out, raw);
    buf_add_char(out, '"');
}

static void write_text(struct buf *out, const char *text)
{
    record_write_member(out, "text", (struct span){ text, strlen(text) });
}

static void write_code(struct buf *out)
{
    const char *word = audit_code_word(AUDIT_CODE_CRASHED);
    record_write_member(out, "code", (struct span){ word, strlen(word) });
}

static void close_command(struct search *s, const struct audit_line *intent)
{
    if (s->commands++ >= OPEN_MAX)
        return;
    struct buf *out = &s->found.bodies;
    struct batch_entry *e = new_entry(&s->found);
    record_write_head(out, "outcome", clock_utc_us());
    record_write_member(out, "result", SPAN_LIT("unknown"));
    write_code(out);
    record_write_count(out, "connection", intent->connection);
    record_write_count(out, "request", intent->request);
    copy_member(out, "vm", intent->vm);
    copy_member(out, "command", intent->command);
    write_text(out, why);
    record_write_count(out, "intent", intent->seq);
    end_entry(&s->found, e);
}

static void close_session(struct search *s, const struct audit_line *opened)
{
    if (s->sessions++ >= OPEN_MAX)
        return;
    struct buf *out = &s->found.bodies;
    struct batch_entry *e = new_entry(&s->found);
    record_write_head(out, "session-close", clock_utc_us());
    write_code(out);
    record_write_count(out, "connection", opened->connection);
    copy_member(out, "peer", opened->peer);
    copy_member(out, "identity", opened->identity);
    write_text(out, session_why);
    end_entry(&s->found, e);
}

/* Says what was found, then closes what was open, in the order in which it began. */
static void compose(struct search *s)
{
    struct audit_recovery *r = s->out;
    struct batch_entry *e = new_entry(r);
    record_write_head(&r->bodies, "recovered", clock_utc_us());
    record_write_count(&r->bodies, "since", s->last_seq);
    record_write_count(&r->bodies, "intents", s->commands);
    record_write_count(&r->bodies, "sessions", s->sessions);
    if (!s->complete)
        write_text(&r->bodies, "not all of what came before was looked through");
    else if (s->commands > OPEN_MAX || s->sessions > OPEN_MAX)
        write_text(&r->bodies, "not all of them are closed one by one");
    end_entry(r, e);
    for (size_t i = s->found.n; i-- > 0;) {
        struct batch_entry *from = &s->found.entries[i];
        e = new_entry(r);
        buf_add(&r->bodies, buf_data(&s->found.bodies) + from->offset, from->len);
        end_entry(r, e);
    }
}

/* --- the way back ----------------------------------------------------------------------------- */

static struct closed *find_closed(struct search *s, uint64_t number, bool session)
{
    struct closed *c, probe = { .key = { number, session } };
    HASH_FIND(hh, s->closed, &probe.key, sizeof(probe.key), c);
    return c;
}

static void note_end(struct search *s, uint64_t number, bool session)
{
    if (number == 0 || HASH_COUNT(s->closed) >= 2 * OPEN_MAX || find_closed(s, number, session))
        return;
    struct closed *c = MEM_NEW(struct closed);
    c->key.number = number;
    c->key.session = session;
    HASH_ADD(hh, s->closed, key, sizeof(c->key), c);
}

/* True if its end was seen. */
static bool note_begin(struct search *s, uint64_t number, bool session)
{
    struct closed *c = number ? find_closed(s, number, session) : NULL;
    if (!c)
        return number == 0;
    HASH_DELETE(hh, s->closed, c);
    free(c);
    return true;
}

static bool is_type(const struct audit_line *line, const char *type)
{
    return line->type.len == strlen(type) && memcmp(line->type.data, type, line->type.len) == 0;
}

/* True where the search ends. */
static bool look(void *opaque, const struct audit_line *line)
{
    struct search *s = opaque;
    if (s->last_seq && line->seq != s->last_seq - 1)
        return s->gap = true;
    s->last_seq = line->seq;
    if (is_type(line, "start") || is_type(line, "stop"))
        s->complete = true;
    else if (is_type(line, "outcome"))
        note_end(s, line->request, false);
    else if (is_type(line, "session-close"))
        note_end(s, line->connection, true);
    else if (is_type(line, "intent") && !note_begin(s, line->request, false))
        close_command(s, line);
    else if (is_type(line, "session-open") && !note_begin(s, line->connection, true))
        close_session(s, line);
    return s->complete;
}

static void free_closed(struct search *s)
{
    struct closed *c, *next;
    HASH_ITER (hh, s->closed, c, next) {
        HASH_DELETE(hh, s->closed, c);
        free(c);
    }
    audit_recovery_clear(&s->found);
}

/* One file, from its end. */
static int search_file(struct search *s, const char *path)
{
    struct stat st;
    struct error err;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : -1;
    if (audit_tail(path, 1, s->left, look, s, &err) < 0) {
        log_warning("what the last run left open: %s", err.text);
        return -1;
    }
    s->left -= (uint64_t)st.st_size < s->left ? (uint64_t)st.st_size : s->left;
    s->complete |= s->last_seq == 1;
    return s->complete || s->gap || s->left == 0 ? -1 : st.st_size > 0;
}

/* The log, which may be empty, and what was closed before it. */
static void search(struct search *s, const char *path, uint64_t segment)
{
    int rc = search_file(s, path);
    for (unsigned missing = 0; rc >= 0 && segment > 0 && missing < 2; segment--) {
        CLEANUP_FREE char *closed = segment_closed_path(path, segment, 0);
        CLEANUP_FREE char *packed = mem_printf("%s.zst", closed);
        rc = search_file(s, closed);
        if (rc == 0)
            rc = search_file(s, packed);
        missing = rc == 0 ? missing + 1 : 0;
    }
}

void audit_recover(const char *path, uint64_t segment, struct audit_recovery *out)
{
    struct search s = { .out = out, .left = READ_MAX };
    search(&s, path, segment);
    if (!s.complete && s.last_seq)
        log_warning("audit log %s: the run that crashed was looked through back to record %llu "
                    "only: commands before it may have no outcome",
                    path, (unsigned long long)s.last_seq);
    if (s.commands || s.sessions || (!s.complete && s.last_seq)) {
        log_warning("the gateway was not stopped orderly: %llu commands have no outcome, %llu "
                    "sessions no end; the audit log says so",
                    (unsigned long long)s.commands, (unsigned long long)s.sessions);
        compose(&s);
    }
    free_closed(&s);
}
