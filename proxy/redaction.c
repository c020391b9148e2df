#include "config.h"
#include "proxy/redaction.h"

#include "proxy/client.h"
#include "proxy/loop.h"
#include "proxy/request.h"
#include "proxy/session.h"
#include "proxy/snapshot.h"
#include "qmp/scan.h"

#define TOKENS_MAX (4u << 20) /* of a reply with parts that are not shown */

/* The number of the request's command if parts of its reply are not shown, or -1. */
static int find_command(const struct monitor *m, const struct request *r)
{
    const struct session *s = r->session;
    if (!s || !s->rights || !acl_redacts(s->rights) || !m->schema)
        return -1;
    int command = qmp_schema_find_command(m->schema, request_command(r));
    return command >= 0 && acl_redaction(s->rights, (unsigned)command, 0) ? command : -1;
}

/* Scanned in depth, as a value in an array: it need not be an object. */
static bool redact(const struct session *s, unsigned command, struct span value, struct buf *out)
{
    const struct qmp_scan_limits limits = {
        .max_bytes = s->client->loop->snapshot->conf->limits.reply_bytes + 2,
        .max_depth = ACL_PATH_DEPTH_MAX,
        .max_tokens = TOKENS_MAX,
    };
    CLEANUP_BUF struct buf text = { 0 };
    buf_add_char(&text, '[');
    buf_add_span(&text, value);
    buf_add_char(&text, ']');
    struct qmp_scanner *scanner = qmp_scanner_new(&limits);
    bool good = qmp_scanner_feed(scanner, buf_data(&text), buf_len(&text)) == QMP_SCAN_DONE &&
                acl_redact(s->rights, command, qmp_scanner_tape(scanner), 1, out);
    qmp_scanner_free(scanner);
    return good;
}

void redaction_return(struct monitor *m, struct request *r, struct span value)
{
    int command = find_command(m, r);
    if (command < 0) {
        session_return(r, value);
        return;
    }
    CLEANUP_BUF struct buf shown = { 0 };
    if (redact(r->session, (unsigned)command, value, &shown))
        session_return(r, (struct span){ buf_data(&shown), buf_len(&shown) });
    else
        session_error(r, QMP_ERROR_GENERIC,
                      "the command was run; parts of its reply may not be shown, and it is too "
                      "deep or too large to take them out");
}
