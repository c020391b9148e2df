/* Framing: where one message ends and the next begins, and how a stream goes on after an error.
 *
 * After a lexical error the input is skipped to the next line feed; LIMIT_RESYNC_BYTES without one,
 * or LIMIT_LEXICAL_ERRORS errors in a row, end the connection. (LIMIT_RESYNC_SECONDS is the
 * caller's to watch, by qmp_framer_skipping: nothing here knows the time.) Nothing inside a bad
 * message is ever taken for a message.
 *
 * A framer is a few bytes for each connection; the scanner with its memory is lent by the caller
 * and only has to be the same one from a message's first byte to its last (qmp_framer_mid_message).
 */
#ifndef QMP_FRAME_H
#define QMP_FRAME_H

#include "qmp/scan.h"

enum qmp_frame_status {
    QMP_FRAME_MORE,    /* nothing whole yet; keep data[*consumed..] and come again with more */
    QMP_FRAME_MESSAGE, /* one message, its tape in the scanner until it is used again */
    QMP_FRAME_BROKEN, /* one message that breaks a rule: answer it (qmp_scan_fault; tape for the id)
                       */
    QMP_FRAME_GARBAGE, /* lexical error: answer it once; what follows is skipped */
    QMP_FRAME_CLOSE,   /* too much garbage: answer with f->fault's text if it is set, and close */
};

struct qmp_framer {
    uint32_t skipped;       /* bytes thrown away since the last lexical error */
    uint8_t errors;         /* lexical errors in a row */
    bool skipping;          /* to the next line feed */
    bool mid_message;       /* the scanner holds the beginning of a message */
    struct qmp_fault fault; /* after QMP_FRAME_GARBAGE or QMP_FRAME_BROKEN or _CLOSE */
};

/* Zeroed memory is a framer at the start of a stream. */

/* Takes from data[0..len): *consumed bytes are done with and may be dropped (for MESSAGE and
 * BROKEN: after the tape was read, for it borrows them: data[*consumed - length .. *consumed)). */
enum qmp_frame_status qmp_framer_next(struct qmp_framer *f, struct qmp_scanner *s, const char *data,
                                      size_t len, size_t *consumed);

static inline bool qmp_framer_skipping(const struct qmp_framer *f)
{
    return f->skipping;
}

static inline bool qmp_framer_mid_message(const struct qmp_framer *f)
{
    return f->mid_message;
}

#endif
