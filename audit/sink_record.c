#include "config.h"
#include "audit/sink_record.h"

#include <string.h>
#include "audit/line.h"
#include "base/mem.h"
#include "qmp/scan.h"

#define LINE_DEPTH  80u  /* of a request's arguments, and the record around them */
#define LINE_TOKENS 256u /* of the top level: a record has some 30 members */
#define TYPE_MAX    32u  /* bytes: RFC 5424 allows so many for MSGID */

const char *const sink_field_members[SINK_N_FIELDS] = {
#define X(id, member, field) [SINK_##id] = member,
    SINK_FIELDS(X)
#undef X
};

const char *const sink_field_journal[SINK_N_FIELDS] = {
#define X(id, member, field) [SINK_##id] = field,
    SINK_FIELDS(X)
#undef X
};

struct sink_parser {
    struct qmp_scanner *scanner;
};

struct sink_parser *sink_parser_new(void)
{
    static const struct qmp_scan_limits limits = {
        .max_bytes = AUDIT_LINE_MAX,
        .max_depth = LINE_DEPTH,
        .max_tokens = LINE_TOKENS,
        .top_level_only = true,
    };
    struct sink_parser *p = MEM_NEW(struct sink_parser);
    p->scanner = qmp_scanner_new(&limits);
    return p;
}

void sink_parser_free(struct sink_parser *p)
{
    if (!p)
        return;
    qmp_scanner_free(p->scanner);
    free(p);
}

/* --- how grave -------------------------------------------------------------------------------- */

static const struct {
    const char *type;   /* NULL: any */
    const char *member; /* `result` or `reason`; NULL: whatever they are */
    enum sink_severity severity;
} severities[] = {
    /* something is wrong with the log itself */
    { "torn", NULL, SINK_SEVERITY_ERROR },
    { "unrecorded", NULL, SINK_SEVERITY_ERROR },
    { "segment", "removed", SINK_SEVERITY_ERROR },
    { "segment", "changed", SINK_SEVERITY_ERROR },
    { "segment", "missing", SINK_SEVERITY_ERROR },
    /* somebody tried what he may not, or it is not known what came of it */
    { "refused", NULL, SINK_SEVERITY_WARNING },
    { "suppressed", NULL, SINK_SEVERITY_WARNING },
    { "recovered", NULL, SINK_SEVERITY_WARNING },
    { "event-delivery-lost", NULL, SINK_SEVERITY_WARNING },
    { NULL, "denied", SINK_SEVERITY_WARNING },
    { NULL, "unknown", SINK_SEVERITY_WARNING },
    /* worth a look */
    { NULL, "error", SINK_SEVERITY_NOTICE },
    { NULL, "cancelled", SINK_SEVERITY_NOTICE },
    { NULL, "unacknowledged", SINK_SEVERITY_NOTICE },
    { "start", NULL, SINK_SEVERITY_NOTICE },
    { "stop", NULL, SINK_SEVERITY_NOTICE },
    { "admin", NULL, SINK_SEVERITY_NOTICE },
    { "policy-load", NULL, SINK_SEVERITY_NOTICE },
    { "config-load", NULL, SINK_SEVERITY_NOTICE },
};

static bool span_is(struct span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.data, word, s.len) == 0;
}

static enum sink_severity severity_of(const struct sink_record *r)
{
    for (size_t i = 0; i < ARRAY_SIZE(severities); i++) {
        const char *type = severities[i].type, *member = severities[i].member;
        if ((!type || span_is(r->type, type)) &&
            (!member || span_is(r->fields[SINK_RESULT], member) ||
             span_is(r->fields[SINK_REASON], member)))
            return severities[i].severity;
    }
    return SINK_SEVERITY_INFO;
}

/* --- members ---------------------------------------------------------------------------------- */

static struct span value_of(const struct qmp_tape *t, uint32_t token)
{
    switch (qmp_tape_kind(t, token)) {
    case QMP_KIND_STRING:
        return qmp_tape_string(t, token);
    case QMP_KIND_NUMBER:
        return qmp_tape_raw(t, token);
    case QMP_KIND_OBJECT:
    case QMP_KIND_ARRAY:
    case QMP_KIND_TRUE:
    case QMP_KIND_FALSE:
    case QMP_KIND_NULL:
        break;
    }
    return (struct span){ NULL, 0 };
}

static void take_member(struct sink_record *out, struct span name, struct span value)
{
    if (span_is(name, "time"))
        out->time = value;
    else if (span_is(name, "type"))
        out->type = value;
    else if (span_is(name, "text"))
        out->text = value;
    for (unsigned i = 0; i < SINK_N_FIELDS; i++) {
        if (span_is(name, sink_field_members[i]))
            out->fields[i] = value;
    }
}

static bool parse_seq(const struct qmp_tape *t, struct sink_record *out)
{
    int64_t seq;
    uint32_t token = qmp_tape_find(t, 0, SPAN_LIT("seq"));
    if (token == QMP_NONE || qmp_tape_kind(t, token) != QMP_KIND_NUMBER ||
        !qmp_tape_int64(t, token, &seq) || seq <= 0)
        return false;
    out->seq = (uint64_t)seq;
    return true;
}

/* They go into a header without quotes. */
static bool is_word(struct span s, size_t max)
{
    if (s.len == 0 || s.len > max)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

/* 2026-09-21T14:13:20.123456Z */
static bool is_time(struct span s)
{
    static const char form[] = "0000-00-00T00:00:00.000000Z";
    if (s.len != sizeof(form) - 1)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (form[i] == '0' ? s.data[i] < '0' || s.data[i] > '9' : s.data[i] != form[i])
            return false;
    }
    return true;
}

bool sink_record_parse(struct sink_parser *p, struct span line, struct sink_record *out)
{
    *out = (struct sink_record){ .seq = 0 };
    if (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    out->line = line;
    qmp_scanner_reset(p->scanner);
    if (line.len == 0 || line.data[0] != '{' ||
        qmp_scanner_feed(p->scanner, line.data, line.len) != QMP_SCAN_DONE ||
        qmp_scanner_consumed(p->scanner) != line.len)
        return false;
    for (size_t i = 0; i < line.len; i++) { /* it becomes a message as it is */
        if (line.data[i] < 0x20 || line.data[i] > 0x7e)
            return false;
    }
    const struct qmp_tape *t = qmp_scanner_tape(p->scanner);
    QMP_TAPE_MEMBERS (t, 0, name, value)
        take_member(out, qmp_tape_string(t, name), value_of(t, value));
    out->severity = severity_of(out);
    return parse_seq(t, out) && is_time(out->time) && is_word(out->type, TYPE_MAX);
}

/* --- text for others -------------------------------------------------------------------------- */

/* Bytes of the character at s, which is UTF-8 (the scanner saw to that); 1 where it is not. */
static size_t character_bytes(struct span s)
{
    unsigned char c = (unsigned char)s.data[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n <= s.len ? n : 1;
}

/* C0, DEL, and C1 (U+0080 to U+009F) */
static bool is_control(const char *p, size_t bytes)
{
    unsigned char c = (unsigned char)p[0];
    return c < 0x20 || c == 0x7f ||
           (bytes == 2 && c == 0xc2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] < 0xa0);
}

void sink_text_add(struct buf *out, struct span text, size_t max)
{
    size_t before = buf_len(out);
    while (text.len > 0) {
        size_t n = character_bytes(text);
        struct span shown = { text.data, n };
        if (is_control(text.data, n))
            shown = SPAN_LIT("\xef\xbf\xbd");
        if (buf_len(out) - before + shown.len > max) {
            BUF_ADD_LIT(out, "...");
            return;
        }
        buf_add_span(out, shown);
        text.data += n;
        text.len -= n;
    }
}

static void add_part(struct buf *out, const char *before, struct span value, const char *after)
{
    if (value.len == 0)
        return;
    buf_add_str(out, before);
    sink_text_add(out, value, SINK_MESSAGE_VALUE_MAX);
    buf_add_str(out, after);
}

void sink_message_add(struct buf *out, const struct sink_record *r)
{
    const struct span *f = r->fields;
    buf_add_span(out, r->type);
    add_part(out, " ", f[SINK_RESULT], "");
    add_part(out, " ", f[SINK_REASON], "");
    add_part(out, ": ", f[SINK_COMMAND], "");
    add_part(out, " on ", f[SINK_VM], "");
    add_part(out, " by ", f[SINK_IDENTITY], "");
    add_part(out, " for ", f[SINK_ACTING_FOR], "");
    add_part(out, " (", f[SINK_RULE], ")");
    add_part(out, ": ", r->text, "");
}
