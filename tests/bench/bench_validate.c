/* What validation costs, and what a schema holds: ns for a query-status, a usual blockdev-add, and
 * quorums of 10 to 10,000 children, which must cost the same a child; bytes of a parsed schema.
 * `make tests/bench/bench_validate && tests/bench/bench_validate SCHEMA`
 * (tests/data/schema-7.2.json)
 */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/clock.h"
#include "qmp/message.h"
#include "qmp/scan.h"
#include "qmp/validate.h"
#include "tests/qmp/schema_file.h"

#define RUN_US 300000 /* microseconds that each line takes */

static const struct qmp_scan_limits limits = { .max_bytes = 64u << 20,
                                               .max_depth = 64,
                                               .max_tokens = 1u << 22 };

static void die(const char *what)
{
    fprintf(stderr, "bench_validate: %s\n", what);
    exit(1);
}

static void run(const struct qmp_schema *s, const char *what, const struct buf *text, bool good)
{
    struct qmp_scanner *scanner =
        qmp_scan_object(&limits, (struct span){ buf_data(text), buf_len(text) });
    struct qmp_request r;
    struct qmp_argument_fault fault;
    if (!scanner || qmp_request_parse(qmp_scanner_tape(scanner), &r, NULL) < 0)
        die("bad request");
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint64_t rounds = 0;
    int64_t begin = clock_monotonic_us(), now;
    do {
        for (int i = 0; i < 64; i++, rounds++) {
            int command = qmp_schema_find_command(s, qmp_tape_string(t, r.command));
            if (command < 0 || qmp_validate(s, (unsigned)command, t, r.arguments, &fault) != good)
                die(what);
        }
        now = clock_monotonic_us();
    } while (now - begin < RUN_US);
    double ns = (double)(now - begin) * 1000 / (double)rounds;
    printf("%-38s %8u tokens %12.0f ns %8.1f ns a token\n", what, t->n_tokens, ns,
           ns / t->n_tokens);
    qmp_scanner_free(scanner);
}

static void run_text(const struct qmp_schema *s, const char *what, const char *text, bool good)
{
    CLEANUP_BUF struct buf b = { 0 };
    buf_add_str(&b, text);
    run(s, what, &b, good);
}

static void run_quorum(const struct qmp_schema *s, unsigned n)
{
    CLEANUP_BUF struct buf b = { 0 };
    char what[64];
    BUF_ADD_LIT(&b, "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"quorum\","
                    "\"node-name\":\"q\",\"vote-threshold\":1,\"children\":[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&b,
                   "%s{\"driver\":\"qcow2\",\"node-name\":\"n%u\",\"file\":{\"driver\":\"file\","
                   "\"filename\":\"/srv/%u.qcow2\",\"read-only\":true}}",
                   i ? "," : "", i, i);
    BUF_ADD_LIT(&b, "]}}");
    snprintf(what, sizeof(what), "blockdev-add, quorum of %u", n);
    run(s, what, &b, true);
}

/* Its text goes again, so that what is left is the model. */
static struct qmp_schema *measure_schema(const char *path)
{
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    int64_t begin = clock_monotonic_us();
    struct qmp_schema *s = schema_file_read(path);
    int64_t end = clock_monotonic_us();
    printf("the schema: %zu bytes of memory, read and parsed in %.1f ms\n",
           mallinfo2().uordblks + mallinfo2().hblkhd - before, (double)(end - begin) / 1000);
    return s;
}

int main(int argc, char **argv)
{
    static const char usual[] =
        "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"qcow2\",\"node-name\":\"disk1\","
        "\"read-only\":false,\"discard\":\"unmap\",\"cache\":{\"direct\":true,\"no-flush\":false},"
        "\"file\":{\"driver\":\"file\",\"filename\":\"/srv/vm/disk1.qcow2\",\"aio\":\"threads\","
        "\"auto-read-only\":true}}}";
    static const char wrong[] =
        "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"qcow2\",\"node-name\":\"disk1\","
        "\"file\":{\"driver\":\"file\",\"filename\":\"/srv/vm/disk1.qcow2\",\"aio\":\"thread\"}}}";
    static const char device_add[] =
        "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-net-pci\",\"id\":\"hot-1\","
        "\"bus\":\"pci.0\",\"netdev\":\"n1\",\"mac\":\"52:54:00:12:34:56\",\"mq\":true}}";
    if (argc != 2)
        die("usage: bench_validate SCHEMA");
    struct qmp_schema *s = measure_schema(argv[1]);
    run_text(s, "query-status", "{\"execute\":\"query-status\"}", true);
    run_text(s, "device_add", device_add, true);
    run_text(s, "blockdev-add, qcow2 on a file", usual, true);
    run_text(s, "the same, refused for a wrong value", wrong, false);
    for (unsigned n = 10; n <= 10000; n *= 10)
        run_quorum(s, n);
    qmp_schema_unref(s);
    return 0;
}
