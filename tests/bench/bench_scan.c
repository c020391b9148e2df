/* How fast the scanner is: ns a message and MB/s, for a request, a long reply at top level, and
 * texts that are hard for it. `make tests/bench/bench_scan && tests/bench/bench_scan [FILE...]`;
 * a FILE is scanned at top level, as a VM's reply. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "qmp/message.h"
#include "qmp/scan.h"
#include "qmp/write.h"

#define RUN_US 300000 /* microseconds that each line takes */

static const struct qmp_scan_limits full = { .max_bytes = 64u << 20,
                                             .max_depth = 64,
                                             .max_tokens = 1u << 22 };
static const struct qmp_scan_limits top_level = {
    .max_bytes = 64u << 20, .max_depth = 1024, .max_tokens = 64, .top_level_only = true
};

static void scan_once(struct qmp_scanner *s, struct buf *text)
{
    qmp_scanner_reset(s);
    if (qmp_scanner_feed(s, buf_data(text), buf_len(text)) != QMP_SCAN_DONE) {
        fprintf(stderr, "bench_scan: %s\n", qmp_scan_fault(s).text);
        exit(1);
    }
}

static void run(const char *what, const struct qmp_scan_limits *limits, struct buf *text,
                bool whole_way)
{
    struct qmp_scanner *s = qmp_scanner_new(limits);
    CLEANUP_BUF struct buf out = { 0 };
    uint64_t rounds = 0;
    int64_t begin = clock_monotonic_us(), now;
    do {
        for (int i = 0; i < 16; i++, rounds++) {
            struct qmp_request r;
            scan_once(s, text);
            if (whole_way && qmp_request_parse(qmp_scanner_tape(s), &r, NULL) == 0) {
                buf_clear(&out);
                qmp_write_request(&out, qmp_scanner_tape(s), &r, 1);
            }
        }
        now = clock_monotonic_us();
    } while (now - begin < RUN_US);
    double ns = (double)(now - begin) * 1000 / (double)rounds;
    printf("%-34s %9zu bytes %12.0f ns %8.0f MB/s\n", what, buf_len(text), ns,
           (double)buf_len(text) * 1000 / ns);
    qmp_scanner_free(s);
}

static void run_text(const char *what, const char *text, bool whole_way)
{
    CLEANUP_BUF struct buf b = { 0 };
    buf_add_str(&b, text);
    run(what, &full, &b, whole_way);
}

/* Elements like those of a query-qmp-schema reply. */
static void run_reply(void)
{
    CLEANUP_BUF struct buf b = { 0 };
    BUF_ADD_LIT(&b, "{\"return\": [");
    for (unsigned i = 0; i < 2000; i++)
        buf_printf(
            &b,
            "%s{\"name\": \"%u\", \"members\": [{\"name\": \"filename\", \"type\": \"str\"}], "
            "\"meta-type\": \"object\"}",
            i ? ", " : "", i);
    BUF_ADD_LIT(&b, "], \"id\": 1}");
    run("reply, top level", &top_level, &b, false);
    run("reply, full tape", &full, &b, false);
}

static void run_members(void)
{
    CLEANUP_BUF struct buf b = { 0 };
    for (unsigned i = 0; i < 65536; i++)
        buf_printf(&b, "%s\"member-%u\":1", i ? "," : "{", i);
    buf_add_char(&b, '}');
    run("65,536 members of one object", &full, &b, false);
}

static void run_long_string(void)
{
    CLEANUP_BUF struct buf b = { 0 };
    BUF_ADD_LIT(&b, "{\"return\": \"");
    for (unsigned i = 0; i < 50000; i++)
        BUF_ADD_LIT(&b, "QmFzZTY0");
    BUF_ADD_LIT(&b, "\"}");
    run("one string", &top_level, &b, false);
}

static void run_file(const char *path)
{
    CLEANUP_BUF struct buf b = { 0 };
    FILE *f = fopen(path, "rb");
    size_t n = 0;
    if (!f) {
        perror(path);
        exit(1);
    }
    do {
        buf_commit(&b, n);
        n = fread(buf_reserve(&b, 65536), 1, 65536, f);
    } while (n > 0);
    fclose(f);
    run(path, &top_level, &b, false);
}

int main(int argc, char **argv)
{
    static const char request[] =
        "{\"execute\": \"query-status\", \"arguments\": {}, \"id\": 1234567890}";
    static const char device_add[] =
        "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-net-pci\",\"id\":\"hot-1\","
        "\"bus\":\"pci.0\",\"netdev\":\"n1\",\"mac\":\"52:54:00:12:34:56\",\"mq\":true,"
        "\"vectors\":10},\"id\":\"libvirt-1234\"}";
    run_text("request, scan", request, false);
    run_text("request, scan + parse + write", request, true);
    run_text("device_add, scan + parse + write", device_add, true);
    run_reply();
    run_members();
    run_long_string();
    for (int i = 1; i < argc; i++)
        run_file(argv[i]);
    return 0;
}
