#include "config.h"
#include "audit/syslog_format.h"

#include <string.h>

#define SYSLOG_VERSION "1"

bool syslog_is_printable(const char *s, size_t max)
{
    size_t n = 0;
    for (; s[n]; n++) {
        if (n == max || s[n] < 0x21 || s[n] > 0x7e)
            return false;
    }
    return n > 0;
}

/* RFC 5424, section 6.3.3: '"', '\' and ']' are escaped. */
static void add_value(struct buf *out, struct span value)
{
    CLEANUP_BUF struct buf text = { 0 };
    sink_text_add(&text, value, SYSLOG_VALUE_MAX);
    const char *p = buf_data(&text);
    for (size_t i = 0; i < buf_len(&text); i++) {
        if (p[i] == '"' || p[i] == '\\' || p[i] == ']')
            buf_add_char(out, '\\');
        buf_add_char(out, p[i]);
    }
}

static void add_parameter(struct buf *out, const char *name, struct span value)
{
    buf_add_char(out, ' ');
    buf_add_str(out, name);
    BUF_ADD_LIT(out, "=\"");
    add_value(out, value);
    buf_add_char(out, '"');
}

static void add_count(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, " %s=\"%llu\"", name, (unsigned long long)value);
}

static void add_header(struct buf *out, const struct syslog_format *f, const struct sink_record *r)
{
    buf_printf(out, "<%u>" SYSLOG_VERSION " ", f->facility * 8 + (unsigned)r->severity);
    buf_add_span(out, r->time);
    buf_add_char(out, ' ');
    buf_add_str(out, f->hostname);
    buf_add_char(out, ' ');
    buf_add_str(out, f->app_name);
    BUF_ADD_LIT(out, " - ");
    buf_add_span(out, r->type);
    BUF_ADD_LIT(out, " [");
    buf_add_str(out, f->sd_id);
    add_count(out, "seq", r->seq);
    for (unsigned i = 0; i < SINK_N_FIELDS; i++) {
        if (r->fields[i].len)
            add_parameter(out, sink_field_members[i], r->fields[i]);
    }
}

void syslog_format_add(struct buf *out, const struct syslog_format *f, const struct sink_record *r)
{
    size_t before = buf_len(out);
    add_header(out, f, r);
    struct span record = r->line;
    if (buf_len(out) - before + 2 + record.len > f->message_bytes) {
        add_count(out, "cut", record.len);
        size_t used = buf_len(out) - before + 2;
        record.len = used < f->message_bytes ? f->message_bytes - used : 0;
    }
    BUF_ADD_LIT(out, "] ");
    buf_add_span(out, record);
}

void syslog_frame_add(struct buf *out, struct span message)
{
    buf_add_uint(out, message.len);
    buf_add_char(out, ' ');
    buf_add_span(out, message);
}
