/* Requests. What is parsed is written as a line that parses to the same request; what is refused
 * is answered with a line that is JSON, whatever the client put into names and id. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "qmp/scan.h"
#include "qmp/write.h"

static const struct qmp_scan_limits limits = { .max_bytes = 65536,
                                               .max_depth = 10,
                                               .max_tokens = 200 };
/* what is written is longer where bytes became escapes, and holds the id a level deeper */
static const struct qmp_scan_limits output_limits = { .max_bytes = 1u << 20,
                                                      .max_depth = 11,
                                                      .max_tokens = 300 };

static struct span span_of(const struct buf *b)
{
    return (struct span){ b->mem ? buf_data(b) : "", buf_len(b) };
}

/* One message, and then only the line's end. */
static const struct qmp_tape *rescan(struct qmp_scanner *s, const struct buf *line, const char *end)
{
    size_t len = buf_len(line), end_len = strlen(end);
    qmp_scanner_reset(s);
    FUZZ_ASSERT(len > end_len && memcmp(buf_data(line) + len - end_len, end, end_len) == 0);
    FUZZ_ASSERT(!memchr(buf_data(line), '\n', len - 1));
    FUZZ_ASSERT(qmp_scanner_feed(s, buf_data(line), len) == QMP_SCAN_DONE);
    FUZZ_ASSERT(qmp_scanner_consumed(s) == len - end_len);
    return qmp_scanner_tape(s);
}

static void check_request(struct qmp_scanner *again, const struct qmp_tape *t,
                          const struct qmp_request *r)
{
    struct buf line = { 0 };
    struct qmp_request copy;
    qmp_write_request(&line, t, r, 7);
    const struct qmp_tape *u = rescan(again, &line, "\n");
    for (size_t i = 0; i + 1 < buf_len(&line); i++)
        FUZZ_ASSERT(buf_data(&line)[i] >= ' ' && buf_data(&line)[i] < 0x7f);
    FUZZ_ASSERT(qmp_request_parse(u, &copy, NULL) == 0);
    FUZZ_ASSERT(copy.oob == r->oob);
    FUZZ_ASSERT(qmp_tape_string_is(u, copy.command, qmp_tape_string(t, r->command)));
    FUZZ_ASSERT((copy.arguments == QMP_NONE) == (r->arguments == QMP_NONE));
    FUZZ_ASSERT(qmp_tape_raw(u, copy.id).len == 1 && *qmp_tape_raw(u, copy.id).data == '7');
    if (r->arguments != QMP_NONE)
        FUZZ_ASSERT(u->tokens[copy.arguments].count == t->tokens[r->arguments].count);
    buf_free(&line);
}

static void check_replies(struct qmp_scanner *again, const struct qmp_tape *t, uint32_t id,
                          const char *text)
{
    struct buf raw_id = { 0 }, line = { 0 };
    if (id != QMP_NONE)
        qmp_write_verbatim(&raw_id, t, id);
    qmp_write_error(&line, QMP_ERROR_GENERIC, (struct span){ text, strlen(text) },
                    span_of(&raw_id));
    const struct qmp_tape *u = rescan(again, &line, "\r\n");
    FUZZ_ASSERT(u->tokens[0].count == (id == QMP_NONE ? 1 : 2));
    buf_clear(&line);
    qmp_write_return(&line, SPAN_LIT("{}"), span_of(&raw_id));
    u = rescan(again, &line, "\r\n");
    FUZZ_ASSERT((qmp_find_id(u) == QMP_NONE) == (id == QMP_NONE));
    buf_free(&raw_id);
    buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qmp_scanner *s = qmp_scanner_new(&limits);
    struct qmp_scanner *again = qmp_scanner_new(&output_limits);
    enum qmp_scan_status status = qmp_scanner_feed(s, (const char *)data, size);
    const struct qmp_tape *t = qmp_scanner_tape(s);

    if (status == QMP_SCAN_DONE) {
        struct qmp_request r;
        struct error err = { .text = "" };
        if (qmp_request_parse(t, &r, &err) == 0)
            check_request(again, t, &r);
        else
            FUZZ_ASSERT(err.text[0] != '\0');
        FUZZ_ASSERT(r.id == qmp_find_id(t));
        check_replies(again, t, r.id, err.text);
    } else if (status == QMP_SCAN_RULE) {
        check_replies(again, t, qmp_find_id(t), qmp_scan_fault(s).text);
    }
    qmp_scanner_free(s);
    qmp_scanner_free(again);
    return 0;
}
