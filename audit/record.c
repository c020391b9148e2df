#include "config.h"
#include "audit/record.h"

#include "base/clock.h"

static const char *const type_names[] = {
    [AUDIT_START] = "start",
    [AUDIT_STOP] = "stop",
    [AUDIT_SESSION_OPEN] = "session-open",
    [AUDIT_SESSION_CLOSE] = "session-close",
    [AUDIT_AUTH] = "auth",
    [AUDIT_ATTACH] = "attach",
    [AUDIT_DETACH] = "detach",
    [AUDIT_INTENT] = "intent",
    [AUDIT_OUTCOME] = "outcome",
    [AUDIT_REFUSED] = "refused",
    [AUDIT_EVENTS_LOST] = "event-delivery-lost",
    [AUDIT_POLICY_LOAD] = "policy-load",
    [AUDIT_CONFIG_LOAD] = "config-load",
    [AUDIT_ADMIN] = "admin",
};

static const char *const result_names[] = {
    [AUDIT_RESULT_NONE] = NULL,
    [AUDIT_OK] = "ok",
    [AUDIT_ERROR] = "error",
    [AUDIT_UNKNOWN] = "unknown",
    [AUDIT_CANCELLED] = "cancelled",
    [AUDIT_DENIED] = "denied",
    [AUDIT_UNACKNOWLEDGED] = "unacknowledged",
};

/* Inlined, so that a literal's length is known where it is written. */
static inline void write_name(struct buf *out, const char *name)
{
    size_t len = strlen(name);
    char *p = buf_reserve(out, len + 4);
    p[0] = ',';
    p[1] = '"';
    memcpy(p + 2, name, len);
    p[len + 2] = '"';
    p[len + 3] = ':';
    buf_commit(out, len + 4);
}

static inline void write_member(struct buf *out, const char *name, struct span value)
{
    write_name(out, name);
    buf_add_json_string(out, value.data, value.len > AUDIT_FIELD_MAX ? AUDIT_FIELD_MAX : value.len);
}

void record_write_member(struct buf *out, const char *name, struct span value)
{
    write_member(out, name, value);
}

static inline void write_count(struct buf *out, const char *name, uint64_t value)
{
    write_name(out, name);
    buf_add_uint(out, value);
}

void record_write_count(struct buf *out, const char *name, uint64_t value)
{
    write_count(out, name, value);
}

static inline void write_optional(struct buf *out, const char *name, const char *value)
{
    if (value)
        write_member(out, name, (struct span){ value, strlen(value) });
}

static inline void write_optional_count(struct buf *out, const char *name, uint64_t value)
{
    if (value)
        write_count(out, name, value);
}

static inline void write_optional_span(struct buf *out, const char *name, struct span value)
{
    if (value.len)
        write_member(out, name, value);
}

static void write_time(struct buf *out, const char *name, int64_t utc_us)
{
    write_name(out, name);
    buf_add_char(out, '"');
    clock_format_utc(utc_us, buf_reserve(out, CLOCK_UTC_TEXT));
    buf_commit(out, CLOCK_UTC_TEXT - 1);
    buf_add_char(out, '"');
}

void record_write_head(struct buf *out, const char *type, int64_t utc_us)
{
    BUF_ADD_LIT(out, ",\"time\":\"");
    clock_format_utc(utc_us, buf_reserve(out, CLOCK_UTC_TEXT));
    buf_commit(out, CLOCK_UTC_TEXT - 1);
    BUF_ADD_LIT(out, "\",\"type\":\"");
    buf_add_str(out, type);
    buf_add_char(out, '"');
}

void record_write(struct arguments_writer *w, const struct audit_record *r)
{
    struct buf *out = w->out;
    w->redacted = w->cut = 0;

    record_write_head(out, type_names[r->type], r->utc_us);
    write_optional(out, "result", result_names[r->result]);
    write_optional(out, "code", audit_code_word(r->code));
    write_optional_count(out, "connection", r->connection);
    write_optional_count(out, "request", r->request);
    write_optional(out, "peer", r->peer);
    write_optional(out, "identity", r->identity);
    write_optional(out, "acting-for", r->acting_for);
    write_optional(out, "external", r->external);
    write_optional(out, "mechanism", r->mechanism);
    write_optional(out, "claimed", r->claimed);
    write_optional(out, "vm", r->vm);
    write_optional(out, "uuid", r->uuid);
    if (r->command.data) /* an empty name is a name, too */
        write_member(out, "command", r->command);
    if (r->oob)
        BUF_ADD_LIT(out, ",\"oob\":true");
    if (r->tape && r->arguments != QMP_NONE && r->type != AUDIT_OUTCOME) {
        write_name(out, r->shape_only ? "shape" : "arguments");
        if (r->shape_only)
            arguments_write_shape(w, r->tape, r->arguments);
        else
            arguments_write(w, r->command, r->tape, r->arguments);
    }
    write_optional(out, "subject", r->subject);
    write_optional_count(out, "subject-connection", r->subject_connection);
    write_optional_count(out, "count", r->count);
    if (r->since_us)
        write_time(out, "since", r->since_us);
    write_optional(out, "rule", r->rule);
    write_optional(out, "shadow", result_names[r->shadow]);
    write_optional(out, "shadow-rule", r->shadow_rule);
    write_optional_span(out, "error-class", r->error_class);
    if (r->text.len) {
        write_name(out, "text");
        if (r->type == AUDIT_AUTH) /* no VM's words, and what they say of passwords are no values */
            arguments_write_words(w, r->text);
        else
            arguments_write_text(w, r->command, r->tape, r->arguments, r->text);
    }
    if (r->type == AUDIT_OUTCOME && r->latency_us >= 0)
        write_count(out, "latency-us", (uint64_t)r->latency_us);
    write_optional_count(out, "redacted", w->redacted);
    write_optional_count(out, "cut", w->cut);
}
