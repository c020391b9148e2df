#include "config.h"
#include "qmp/frame.h"

#include <string.h>
#include "base/limits.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Throws away up to the next line feed; returns the bytes to drop. */
static size_t skip_line(struct qmp_framer *f, const char *data, size_t len)
{
    const char *lf = len ? memchr(data, '\n', len) : NULL;
    size_t n = lf ? (size_t)(lf - data) + 1 : len;
    if (n > LIMIT_RESYNC_BYTES - f->skipped)
        n = LIMIT_RESYNC_BYTES - f->skipped;
    else if (lf)
        f->skipping = false;
    f->skipped += (uint32_t)n;
    return n;
}

static enum qmp_frame_status garbage(struct qmp_framer *f)
{
    f->errors++;
    f->skipped = 0;
    f->skipping = true;
    return f->errors < LIMIT_LEXICAL_ERRORS ? QMP_FRAME_GARBAGE : QMP_FRAME_CLOSE;
}

static enum qmp_frame_status scan(struct qmp_framer *f, struct qmp_scanner *s, const char *data,
                                  size_t len, size_t *consumed)
{
    if (!f->mid_message)
        qmp_scanner_reset(s);
    enum qmp_scan_status status = qmp_scanner_feed(s, data, len);
    f->mid_message = status == QMP_SCAN_MORE;
    if (f->mid_message)
        return QMP_FRAME_MORE;
    *consumed += qmp_scanner_consumed(s);
    f->fault = qmp_scan_fault(s);
    if (status == QMP_SCAN_LEXICAL)
        return garbage(f);
    f->errors = 0;
    return status == QMP_SCAN_DONE ? QMP_FRAME_MESSAGE : QMP_FRAME_BROKEN;
}

enum qmp_frame_status qmp_framer_next(struct qmp_framer *f, struct qmp_scanner *s, const char *data,
                                      size_t len, size_t *consumed)
{
    *consumed = 0;
    if (f->skipping) {
        *consumed = skip_line(f, data, len);
        if (f->skipping && f->skipped == LIMIT_RESYNC_BYTES) {
            f->fault = (struct qmp_fault){ 0 }; /* the error was answered when it came */
            return QMP_FRAME_CLOSE;
        }
    }
    if (!f->mid_message) {
        while (*consumed < len && is_space(data[*consumed]))
            ++*consumed;
    }
    if (f->skipping || *consumed == len)
        return QMP_FRAME_MORE;
    return scan(f, s, data + *consumed, len - *consumed, consumed);
}
