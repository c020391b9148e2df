/* bench_audit [PATH]: what a record costs, in nanoseconds; the median of several runs. The log is
 * PATH, or one in the working directory, and is removed again. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "audit/audit.h"
#include "audit/chain.h"
#include "audit/record.h"
#include "base/mem.h"
#include "qmp/scan.h"

#define RUNS    7
#define RECORDS 40000u

static const char arguments_text[] = "{\"driver\":\"virtio-net-pci\",\"id\":\"hot-1\",\"netdev\":"
                                     "\"net1\",\"mac\":\"52:54:00:12:34:56\"}";

static const struct audit_record intent = {
    .type = AUDIT_INTENT,
    .utc_us = 1790000000123456,
    .connection = 1234,
    .request = 56789,
    .peer = "192.0.2.1:50000",
    .identity = "x509:CN=alice,O=Example",
    .vm = "web1",
    .uuid = "5f2b2f50-5d3b-4f2a-9d7e-0d9f7a3b1c11",
    .command = SPAN_LIT("device_add"),
    .rule = "operator/hotplug-nic",
};

static const struct audit_record outcome = {
    .type = AUDIT_OUTCOME,
    .result = AUDIT_OK,
    .utc_us = 1790000000123789,
    .connection = 1234,
    .request = 56789,
    .identity = "x509:CN=alice,O=Example",
    .vm = "web1",
    .command = SPAN_LIT("device_add"),
    .arguments = QMP_NONE,
    .latency_us = 245,
};

struct bench {
    struct audit_record records[2]; /* in turn */
    struct audit *a;
    gnutls_hash_hd_t hasher;
    unsigned batch; /* records a commit */
};

static int64_t cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, void (*run)(const struct bench *b), const struct bench *b)
{
    double ns[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        int64_t start = cpu_ns();
        run(b);
        ns[i] = (double)(cpu_ns() - start) / RECORDS;
    }
    qsort(ns, RUNS, sizeof(ns[0]), compare);
    printf("%-36s %8.0f ns a record (%.0f to %.0f)\n", name, ns[RUNS / 2], ns[0], ns[RUNS - 1]);
}

static void run_text(const struct bench *b)
{
    CLEANUP_BUF struct buf out = { 0 };
    struct arguments_writer w = { .out = &out, .hasher = b->hasher };
    for (unsigned i = 0; i < RECORDS; i++) {
        buf_clear(&out);
        record_write(&w, &b->records[i % 2]);
    }
    buf_free(&w.scratch);
}

static void run_chain(const struct bench *b)
{
    CLEANUP_BUF struct buf out = { 0 };
    CLEANUP_BUF struct buf body = { 0 };
    struct arguments_writer w = { .out = &body, .hasher = b->hasher };
    struct audit_chain chain = { 0 };
    record_write(&w, &b->records[0]);
    for (unsigned i = 0; i < RECORDS; i++) {
        buf_clear(&out);
        if (audit_chain_append(&chain, b->hasher, (struct span){ buf_data(&body), buf_len(&body) },
                               &out) < 0)
            abort();
    }
    buf_free(&w.scratch);
}

static void run_commits(const struct bench *b)
{
    struct audit_batch *batch = audit_batch_new(b->a);
    for (unsigned i = 0; i < RECORDS;) {
        struct error err;
        uint64_t ticket;
        for (unsigned n = 0; n < b->batch && i < RECORDS; n++, i++)
            audit_batch_add(batch, &b->records[i % 2]);
        if (audit_batch_commit(batch, &ticket, &err) < 0) {
            fprintf(stderr, "bench_audit: %s\n", err.text);
            exit(1);
        }
    }
    audit_batch_free(batch);
}

static void remove_log(const char *path)
{
    CLEANUP_FREE char *lock = mem_printf("%s.lock", path);
    unlink(path);
    unlink(lock);
}

static void bench_commits(struct bench *b, const char *path, enum audit_sync sync)
{
    static const unsigned sizes[] = { 1, 2, 8, 64 };
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct audit_settings settings = { .path = path, .sync = sync };
        struct error err;
        char name[64];
        if (audit_open(&settings, &b->a, &err) < 0) {
            fprintf(stderr, "bench_audit: %s\n", err.text);
            exit(1);
        }
        b->batch = sizes[i];
        snprintf(name, sizeof(name), "in all, %u to a commit", sizes[i]);
        report(name, run_commits, b);
        audit_close(b->a);
        remove_log(path);
    }
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "bench_audit.log";
    static const struct qmp_scan_limits limits = {
        .max_bytes = 1u << 16,
        .max_depth = 64,
        .max_tokens = 1000,
    };
    struct bench b = { .records = { intent, outcome } };
    struct error err;
    struct qmp_scanner *s = qmp_scanner_new(&limits);
    if (qmp_scanner_feed(s, arguments_text, sizeof(arguments_text) - 1) != QMP_SCAN_DONE ||
        audit_hasher_new(&b.hasher, &err) < 0)
        return 1;
    b.records[0].tape = qmp_scanner_tape(s);

    report("text", run_text, &b);
    report("number, hash, line", run_chain, &b);
    bench_commits(&b, path, AUDIT_SYNC_WRITE);

    audit_hasher_free(&b.hasher);
    qmp_scanner_free(s);
    return 0;
}
