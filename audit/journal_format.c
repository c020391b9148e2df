#include "config.h"
#include "audit/journal_format.h"

#include <string.h>

/* No value has a line feed: those that could are cleaned of control characters. */
static void add_field(struct buf *out, const char *name, struct span value)
{
    buf_add_str(out, name);
    buf_add_char(out, '=');
    buf_add_span(out, value);
    buf_add_char(out, '\n');
}

static void add_text(struct buf *out, const char *name, struct span value)
{
    BUF_ADD_LIT(out, "QMPGATE_");
    buf_add_str(out, name);
    buf_add_char(out, '=');
    sink_text_add(out, value, JOURNAL_VALUE_MAX);
    buf_add_char(out, '\n');
}

static void add_count(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, "%s=%llu\n", name, (unsigned long long)value);
}

void journal_format_add(struct buf *out, const char *identifier, const struct sink_record *r)
{
    BUF_ADD_LIT(out, "MESSAGE=");
    sink_message_add(out, r); /* no control characters, so no line feed */
    BUF_ADD_LIT(out, "\nMESSAGE_ID=" JOURNAL_MESSAGE_ID "\n");
    add_count(out, "PRIORITY", (uint64_t)r->severity);
    add_field(out, "SYSLOG_IDENTIFIER", (struct span){ identifier, strlen(identifier) });
    add_count(out, "QMPGATE_SEQ", r->seq);
    add_field(out, "QMPGATE_TIME", r->time);
    add_field(out, "QMPGATE_TYPE", r->type);
    for (unsigned i = 0; i < SINK_N_FIELDS; i++) {
        if (r->fields[i].len)
            add_text(out, sink_field_journal[i], r->fields[i]);
    }
    add_field(out, "QMPGATE_RECORD", r->line);
}
