/* A line of the log to what the sinks ship: fields, a message of syslog, an entry of journald. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "audit/journal_format.h"
#include "audit/sink_record.h"
#include "audit/syslog_format.h"

static const struct syslog_format format = {
    .facility = 23,
    .hostname = "host",
    .app_name = "app",
    .sd_id = SYSLOG_SD_ID_DEFAULT,
    .message_bytes = SYSLOG_MESSAGE_MIN,
};

/* Past the structured data: quotes closed, brackets closed. */
static const char *skip_data(const char *p, const char *end)
{
    bool quoted = false;
    for (; p < end; p++) {
        if (quoted && *p == '\\')
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (!quoted && *p == ']')
            return p + 1;
    }
    return NULL;
}

static void check_syslog(const struct sink_record *r)
{
    CLEANUP_BUF struct buf text = { 0 };
    syslog_format_add(&text, &format, r);
    const char *p = buf_data(&text), *end = p + buf_len(&text);
    FUZZ_ASSERT(buf_len(&text) <= SYSLOG_MESSAGE_MIN);
    for (const char *q = p; q < end; q++)
        FUZZ_ASSERT((unsigned char)*q >= 0x20 && *q != 0x7f);
    const char *data = memchr(p, '[', buf_len(&text));
    FUZZ_ASSERT(data != NULL);
    const char *rest = skip_data(data, end);
    FUZZ_ASSERT(rest && rest + 1 < end && rest[0] == ' ' && rest[1] == '{');
}

/* Every line has a name of ours before its '='. */
static void check_journal(const struct sink_record *r)
{
    CLEANUP_BUF struct buf text = { 0 };
    journal_format_add(&text, "app", r);
    const char *p = buf_data(&text), *end = p + buf_len(&text);
    while (p < end) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        size_t name = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        FUZZ_ASSERT(feed != NULL && name > 0 && p[name] == '=');
        p = feed + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sink_parser *parser = sink_parser_new();
    struct sink_record r;
    if (sink_record_parse(parser, (struct span){ (const char *)data, size }, &r)) {
        check_syslog(&r);
        check_journal(&r);
    }
    sink_parser_free(parser);
    return 0;
}
