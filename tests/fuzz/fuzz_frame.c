/* Framing. However a stream is cut into reads, the same messages and errors come out of it. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "qmp/frame.h"

static const struct qmp_scan_limits limits = { .max_bytes = 200, .max_depth = 4, .max_tokens = 40 };

/* One letter a result, and a message's text behind it. */
static void note(struct buf *log, enum qmp_frame_status status, const struct qmp_framer *f,
                 const struct qmp_scanner *s)
{
    buf_add_char(log, "-MBGC"[status]);
    if (status == QMP_FRAME_MESSAGE || status == QMP_FRAME_BROKEN) {
        buf_add_span(log, qmp_tape_raw(qmp_scanner_tape(s), 0));
    }
    if (status == QMP_FRAME_GARBAGE || status == QMP_FRAME_BROKEN)
        buf_printf(log, " %s %zu\n", f->fault.text, f->fault.offset);
}

static bool drain(struct qmp_framer *f, struct qmp_scanner *s, struct buf *in, struct buf *log)
{
    for (;;) {
        size_t consumed;
        enum qmp_frame_status status = qmp_framer_next(f, s, buf_data(in), buf_len(in), &consumed);
        FUZZ_ASSERT(consumed <= buf_len(in));
        FUZZ_ASSERT(!qmp_framer_skipping(f) || !qmp_framer_mid_message(f));
        if (status != QMP_FRAME_MORE)
            note(log, status, f, s);
        bool held = buf_len(in) - consumed <= limits.max_bytes;
        buf_consume(in, consumed);
        if (status == QMP_FRAME_MORE) {
            FUZZ_ASSERT(held); /* a peer cannot make us keep more than a message */
            return true;
        }
        if (status == QMP_FRAME_CLOSE)
            return false;
    }
}

static void run(const uint8_t *data, size_t size, size_t piece, struct buf *log)
{
    struct qmp_scanner *s = qmp_scanner_new(&limits);
    struct qmp_framer f = { 0 };
    struct buf in = { 0 };
    bool open = true;
    buf_reserve(&in, 1);
    for (size_t at = 0; at < size && open; at += piece) {
        buf_add(&in, data + at, at + piece < size ? piece : size - at);
        open = drain(&f, s, &in, log);
    }
    buf_free(&in);
    qmp_scanner_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = { 1, 2, 7, 64 };
    struct buf whole = { 0 };
    if (size == 0)
        return 0;
    run(data, size, size, &whole);
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        struct buf log = { 0 };
        run(data, size, pieces[i], &log);
        FUZZ_ASSERT(buf_len(&log) == buf_len(&whole));
        FUZZ_ASSERT(buf_len(&log) == 0 ||
                    memcmp(buf_data(&log), buf_data(&whole), buf_len(&log)) == 0);
        buf_free(&log);
    }
    buf_free(&whole);
    return 0;
}
