#include "config.h"
#include "cli/audit_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/decimal.h"
#include "base/mem.h"

#define RUNS_TOLD 20u /* of those that a number can mean */

/* Connections are numbered anew at each start of the gateway: a run is what lies between two
 * starts. The records of the connection in one run. */
struct run {
    uint64_t first; /* number of the session's first record */
    int64_t first_us;
    struct buf who; /* of the first record that tells */
};

struct audit_session {
    uint64_t connection, within;
    enum audit_format format;
    const struct output *o; /* borrowed */
    struct audit_pairs *pairs;

    struct run *runs; /* owned: those in which there is such a connection */
    size_t n_runs, cap_runs;
    bool here;       /* the run that is being read is one of them */
    struct buf text; /* the transcript of the last of them */
    unsigned long ok, error, denied, other;
};

static bool take_number(const char **p, const char *end, uint64_t *out)
{
    return **p >= '1' && decimal_take(p, end, out);
}

bool audit_session_parse(const char *text, uint64_t *connection, uint64_t *within)
{
    const char *end = text + strlen(text);
    *within = 0;
    if (!take_number(&text, end, connection))
        return false;
    if (*text == '@') {
        text++;
        if (!take_number(&text, end, within))
            return false;
    }
    return text == end;
}

struct audit_session *audit_session_new(uint64_t connection, uint64_t within,
                                        enum audit_format format, const struct output *o)
{
    struct audit_session *s = MEM_NEW(struct audit_session);
    *s = (struct audit_session){
        .connection = connection, .within = within, .format = format, .o = o
    };
    s->pairs = audit_pairs_new();
    return s;
}

void audit_session_free(struct audit_session *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_runs; i++)
        buf_free(&s->runs[i].who);
    free(s->runs);
    buf_free(&s->text);
    audit_pairs_free(s->pairs);
    free(s);
}

/* --- the transcript --------------------------------------------------------------------------- */

static void add_time(struct buf *out, const struct audit_record_view *v)
{
    char time[CLOCK_UTC_TEXT];
    clock_format_utc(v->utc_us, time);
    buf_printf(out, "  %.10s %.12s  ", time, time + 11);
}

static void add_named(struct buf *out, const char *before, const struct audit_record_view *v,
                      enum audit_member m, const char *after)
{
    if (!v->at[m].len)
        return;
    buf_add_str(out, before);
    audit_print_text(out, v, m);
    buf_add_str(out, after);
}

static void add_what(struct buf *out, const struct audit_record_view *v)
{
    if (v->at[AUDIT_MEMBER_COMMAND].len) {
        audit_print_text(out, v, AUDIT_MEMBER_COMMAND);
        add_named(out, " ", v, AUDIT_MEMBER_ARGUMENTS, "");
        add_named(out, " ", v, AUDIT_MEMBER_SHAPE, "");
    } else {
        audit_print_text(out, v, AUDIT_MEMBER_TYPE);
        add_named(out, " ", v, AUDIT_MEMBER_VM, "");
        add_named(out, " (", v, AUDIT_MEMBER_UUID, ")");
    }
}

static void add_result(struct audit_session *s, const struct audit_record_view *v)
{
    CLEANUP_BUF struct buf out = { 0 };
    bool bad = !audit_view_is(v, AUDIT_MEMBER_RESULT, "ok");
    audit_print_text(&out, v, AUDIT_MEMBER_RESULT);
    if (v->at[AUDIT_MEMBER_LATENCY].len) {
        BUF_ADD_LIT(&out, ", ");
        audit_print_latency(&out, audit_view_number(v, AUDIT_MEMBER_LATENCY));
    }
    add_named(&out, ", ", v, AUDIT_MEMBER_CODE, "");
    add_named(&out, ", ", v, AUDIT_MEMBER_ERROR_CLASS, "");
    add_named(&out, ": ", v, AUDIT_MEMBER_TEXT, "");
    buf_add_char(&out, '\0');
    output_add_painted(s->o, &s->text, bad ? PAINT_ERROR : PAINT_STRING, buf_data(&out));
}

/* A command is told where its outcome is, with the arguments of its intent; and where it was sent,
 * if none came. */
static void add_record(struct audit_session *s, const struct audit_record_view *v,
                       const struct audit_record_view *intent)
{
    struct buf *out = &s->text;
    if (s->format == AUDIT_FORMAT_JSON) {
        buf_add_span(out, v->line);
        return;
    }
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "intent")) {
        add_time(out, v);
        buf_printf(out, "%4" PRIu64 "> ", audit_view_number(v, AUDIT_MEMBER_REQUEST));
        add_what(out, v);
        add_named(out, "   (rule ", v, AUDIT_MEMBER_RULE, ")");
    } else if (audit_view_is(v, AUDIT_MEMBER_TYPE, "outcome")) {
        add_time(out, v);
        buf_printf(out, "%4" PRIu64 "< ", audit_view_number(v, AUDIT_MEMBER_REQUEST));
        audit_print_text(out, v, AUDIT_MEMBER_COMMAND);
        buf_add_str(out, ": ");
        add_result(s, v);
        if (!intent->line.len)
            buf_add_str(out, "   (its intent is not in what was read)");
    } else {
        add_time(out, v);
        buf_add_str(out, audit_view_is(v, AUDIT_MEMBER_TYPE, "refused") ? "   x  " : "      ");
        add_what(out, v);
        if (v->at[AUDIT_MEMBER_RESULT].len || v->at[AUDIT_MEMBER_CODE].len) {
            buf_add_str(out, ": ");
            add_result(s, v);
        } else {
            add_named(out, ": ", v, AUDIT_MEMBER_TEXT, "");
        }
        add_named(out, "   (rule ", v, AUDIT_MEMBER_RULE, ")");
    }
    buf_add_char(out, '\n');
}

static void count(struct audit_session *s, const struct audit_record_view *v)
{
    bool outcome = audit_view_is(v, AUDIT_MEMBER_TYPE, "outcome");
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "refused"))
        s->denied++;
    else if (outcome && audit_view_is(v, AUDIT_MEMBER_RESULT, "ok"))
        s->ok++;
    else if (outcome && audit_view_is(v, AUDIT_MEMBER_RESULT, "error"))
        s->error++;
    else if (outcome)
        s->other++;
}

/* --- which run -------------------------------------------------------------------------------- */

static void begin_here(struct audit_session *s, const struct audit_record_view *v)
{
    void *runs = s->runs;
    mem_grow(&runs, &s->cap_runs, s->n_runs + 1, sizeof(*s->runs));
    s->runs = runs;
    s->runs[s->n_runs++] = (struct run){ .first = v->seq, .first_us = v->utc_us };
    s->here = true;
    buf_clear(&s->text);
    s->ok = s->error = s->denied = s->other = 0;
}

bool audit_session_take(struct audit_session *s, struct audit_record_view *v)
{
    struct audit_record_view intent;
    audit_pairs_take(s->pairs, v, &intent);
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "start")) {
        if (s->within && s->within < v->seq)
            return false; /* the run that it is in was read */
        s->here = false;
    }
    if (audit_view_number(v, AUDIT_MEMBER_CONNECTION) != s->connection)
        return true;
    if (!s->here)
        begin_here(s, v);
    struct run *run = &s->runs[s->n_runs - 1];
    if (buf_len(&run->who) == 0 && v->at[AUDIT_MEMBER_IDENTITY].len) {
        audit_print_who(&run->who, v);
        add_named(&run->who, " from ", v, AUDIT_MEMBER_PEER, "");
    }
    count(s, v);
    add_record(s, v, &intent);
    return true;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void tell_choice(const struct audit_session *s)
{
    fprintf(stderr,
            "qmpgate: connection %" PRIu64 " is %zu sessions, for numbers begin anew when the "
            "gateway starts; say which:\n",
            s->connection, s->n_runs);
    for (size_t i = 0; i < s->n_runs && i < RUNS_TOLD; i++) {
        const struct run *run = &s->runs[i];
        char time[CLOCK_UTC_TEXT];
        clock_format_utc(run->first_us, time);
        fprintf(stderr, "  --session %" PRIu64 "@%" PRIu64 "   %s  %.*s\n", s->connection,
                run->first, time, (int)buf_len(&run->who),
                buf_len(&run->who) ? buf_data(&run->who) : "");
    }
}

bool audit_session_end(struct audit_session *s)
{
    const struct run *run = s->n_runs ? &s->runs[s->n_runs - 1] : NULL;
    if (!run || (s->within && !s->here)) {
        fprintf(stderr, "qmpgate: there is no connection %" PRIu64 " in what was read%s\n",
                s->connection, s->within ? ", in the run of the gateway with that record" : "");
        return false;
    }
    if (!s->within && s->n_runs > 1) {
        tell_choice(s);
        return false;
    }
    if (s->format != AUDIT_FORMAT_JSON)
        printf("Session %" PRIu64 "@%" PRIu64 ": %.*s\n", s->connection, run->first,
               (int)buf_len(&run->who), buf_len(&run->who) ? buf_data(&run->who) : "");
    if (buf_len(&s->text) > 0)
        fwrite(buf_data(&s->text), 1, buf_len(&s->text), stdout);
    if (s->format != AUDIT_FORMAT_JSON)
        printf("%lu ok, %lu with an error, %lu refused, %lu unknown or cancelled\n", s->ok,
               s->error, s->denied, s->other);
    return true;
}
