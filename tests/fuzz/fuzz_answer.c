/* Answers of a VM, scanned at top level. What is taken is passed on in lines that are JSON again.
 */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "base/buf.h"
#include "base/limits.h"
#include "qmp/scan.h"
#include "qmp/write.h"

static const struct qmp_scan_limits limits = { .max_bytes = 65536,
                                               .max_depth = LIMIT_REPLY_DEPTH,
                                               .max_tokens = LIMIT_REPLY_TOKENS,
                                               .top_level_only = true,
                                               .one_line = true };

static void pass_on(const struct qmp_tape *t, const struct qmp_answer *a, struct buf *line)
{
    static const struct span none = { "", 0 };
    switch (a->kind) {
    case QMP_ANSWER_GREETING:
        qmp_write_verbatim(line, t, 0);
        BUF_ADD_LIT(line, "\r\n");
        break;
    case QMP_ANSWER_RETURN:
        qmp_write_return(line, qmp_tape_raw(t, a->body), SPAN_LIT("\"x\""));
        break;
    case QMP_ANSWER_ERROR:
        qmp_write_error_object(line, qmp_tape_raw(t, a->body), none);
        break;
    case QMP_ANSWER_EVENT:
        qmp_write_event(
            line, a->timestamp == QMP_NONE ? SPAN_LIT("{}") : qmp_tape_raw(t, a->timestamp),
            qmp_tape_raw(t, a->event), a->body == QMP_NONE ? none : qmp_tape_raw(t, a->body));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qmp_scanner *s = qmp_scanner_new(&limits);
    struct qmp_answer a, b;
    struct error err;
    if (qmp_scanner_feed(s, (const char *)data, size) == QMP_SCAN_DONE &&
        qmp_answer_parse(qmp_scanner_tape(s), QMP_UNKNOWN_REFUSED, &a, &err) == 0) {
        struct buf line = { 0 };
        pass_on(qmp_scanner_tape(s), &a, &line);
        qmp_scanner_reset(s);
        FUZZ_ASSERT(qmp_scanner_feed(s, buf_data(&line), buf_len(&line)) == QMP_SCAN_DONE);
        FUZZ_ASSERT(qmp_scanner_consumed(s) == buf_len(&line) - 2);
        FUZZ_ASSERT(qmp_answer_parse(qmp_scanner_tape(s), QMP_UNKNOWN_REFUSED, &b, &err) == 0);
        FUZZ_ASSERT(a.kind == b.kind);
        buf_free(&line);
    }
    qmp_scanner_free(s);
    return 0;
}
