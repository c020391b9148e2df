/* Any command with any arguments makes one record that is one line of strict JSON. The input's
 * first line is the command, what follows the arguments. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "audit/line.h"
#include "audit/read.h"
#include "audit/record.h"
#include "audit/secrets.h"
#include "qmp/scan.h"

static const struct qmp_scan_limits limits = {
    .max_bytes = 1u << 20,
    .max_depth = 64,
    .max_tokens = 65536,
};

static void check_line(struct buf *body, gnutls_hash_hd_t hasher)
{
    CLEANUP_BUF struct buf out = { 0 };
    struct audit_chain chain = { .seq = 41 };
    FUZZ_ASSERT(audit_chain_append(&chain, hasher, (struct span){ buf_data(body), buf_len(body) },
                                   &out) == 0);
    struct span text = { buf_data(&out), buf_len(&out) };
    struct audit_line line;
    struct line_ends ends;
    FUZZ_ASSERT(line_parse_ends(text, &ends) && ends.seq == 42);
    FUZZ_ASSERT(audit_line_parse(text, &line) && line.seq == 42);
    FUZZ_ASSERT(memchr(text.data, '\n', text.len) == text.data + text.len - 1);

    struct qmp_scanner *s = qmp_scanner_new(&limits);
    FUZZ_ASSERT(qmp_scanner_feed(s, text.data, text.len) == QMP_SCAN_DONE);
    qmp_scanner_free(s);
}

static void check_scrub(struct span text)
{
    CLEANUP_BUF struct buf out = { 0 };
    if (!secret_scrub(text, &out))
        FUZZ_ASSERT(buf_len(&out) == 0);
    buf_clear(&out);
    if (!secret_scrub_line(text, &out))
        FUZZ_ASSERT(buf_len(&out) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static gnutls_hash_hd_t hasher;
    struct error err;
    if (!hasher)
        FUZZ_ASSERT(audit_hasher_new(&hasher, &err) == 0);

    const uint8_t *feed = size ? memchr(data, '\n', size) : NULL;
    struct span command = { (const char *)data, feed ? (size_t)(feed - data) : size };
    struct span rest = { (const char *)data + command.len + 1, feed ? size - command.len - 1 : 0 };
    check_scrub(command);

    CLEANUP_BUF struct buf body = { 0 };
    struct arguments_writer w = { .out = &body, .hasher = hasher };
    struct audit_record r = {
        .type = AUDIT_OUTCOME,
        .command = command,
        .arguments = QMP_NONE,
        .error_class = command,
        .text = rest,
        .latency_us = 1,
    };
    record_write(&w, &r);
    check_line(&body, hasher);

    struct qmp_scanner *s = qmp_scanner_new(&limits);
    if (rest.len && qmp_scanner_feed(s, rest.data, rest.len) == QMP_SCAN_DONE) {
        r.tape = qmp_scanner_tape(s);
        r.arguments = 0;
        for (int shape = 0; shape <= 1; shape++) {
            r.shape_only = shape;
            buf_clear(&body);
            record_write(&w, &r);
            check_line(&body, hasher);
        }
    }
    qmp_scanner_free(s);
    buf_free(&w.scratch);
    return 0;
}
