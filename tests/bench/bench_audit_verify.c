/* bench_audit_verify [MEGABYTES [DIRECTORY]]: how fast a log is verified, on one core, and how soon
 * a point in time is found in it. The log has segments of 256 MiB and a seal each 10,000 records;
 * it is made in DIRECTORY (the working directory), 10 GiB of it or a quarter of what is free there,
 * and removed again. */
#include "config.h"

#include <fcntl.h>
#include <gnutls/abstract.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>
#include "audit/lines.h"
#include "audit/segment.h"
#include "audit/segments.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/mem.h"

#define SEGMENT_BYTES (256ull << 20)
#define FRAME_BYTES   (1u << 20)
#define EVERY         10000u
#define BEGIN_US      1790000000000000
#define SEEKS         100u

struct maker {
    const char *directory;
    struct audit_chain chain;
    gnutls_hash_hd_t hasher;
    struct buf out;
    uint64_t segment, in_segment;
    int64_t utc_us;
    gnutls_privkey_t secret;
    struct seal_public public;
    int fd;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_audit_verify: %s\n", what);
    exit(1);
}

static double seconds(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* --- the log ---------------------------------------------------------------------------------- */

static void append(struct maker *m, const struct buf *body)
{
    size_t before = buf_len(&m->out);
    if (audit_chain_append(&m->chain, m->hasher, (struct span){ buf_data(body), buf_len(body) },
                           &m->out) < 0)
        fail("SHA-256 failed");
    m->in_segment += buf_len(&m->out) - before;
    m->utc_us += 100;
}

static void flush(struct maker *m)
{
    const char *p = buf_data(&m->out);
    for (size_t left = buf_len(&m->out); left > 0;) {
        ssize_t n = write(m->fd, p, left);
        if (n <= 0)
            fail("cannot write the log");
        p += n;
        left -= (size_t)n;
    }
    buf_clear(&m->out);
}

static char *path_of(const struct maker *m, uint64_t segment)
{
    return mem_printf("%s/log.%010llu.jsonl", m->directory, (unsigned long long)segment);
}

static void begin_segment(struct maker *m)
{
    CLEANUP_BUF struct buf body = { 0 };
    if (m->fd >= 0)
        close(m->fd);
    CLEANUP_FREE char *path = path_of(m, ++m->segment);
    m->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (m->fd < 0)
        fail("cannot make the log");
    m->in_segment = 0;
    segment_write(&body, m->utc_us, m->segment, m->segment == 1 ? SEGMENT_FIRST : SEGMENT_ROTATED,
                  m->chain.hash);
    append(m, &body);
}

static void add_seal(struct maker *m)
{
    CLEANUP_BUF struct buf text = { 0 };
    struct seal s = { .utc_us = m->utc_us,
                      .segment = m->segment,
                      .reason = SEAL_RECORDS,
                      .through = m->chain.seq,
                      .every = EVERY,
                      .within = 60 };
    memcpy(s.digest, m->chain.hash, sizeof(s.digest));
    memcpy(s.key, m->public.id, sizeof(s.key));
    seal_write_signed(&s, &text);
    const gnutls_datum_t data = { (unsigned char *)buf_data(&text), (unsigned)buf_len(&text) };
    gnutls_datum_t signature;
    if (gnutls_privkey_sign_data2(m->secret, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &signature) < 0)
        fail("cannot sign");
    memcpy(s.signature, signature.data, sizeof(s.signature));
    gnutls_free(signature.data);
    buf_clear(&text);
    seal_write_body(&s, &text);
    append(m, &text);
}

/* Pairs as a gateway writes them. */
static void add_pair(struct maker *m)
{
    static const char *const vms[] = { "web1", "web2", "db1", "build-7" };
    CLEANUP_BUF struct buf body = { 0 };
    char time[CLOCK_UTC_TEXT];
    const char *vm = vms[m->chain.seq / 2 % ARRAY_SIZE(vms)];
    unsigned long long request = m->chain.seq;
    clock_format_utc(m->utc_us, time);
    buf_printf(
        &body,
        ",\"time\":\"%s\",\"type\":\"intent\",\"connection\":1234,\"request\":%llu,\"peer\":"
        "\"192.0.2.1:50000\",\"identity\":\"x509:CN=alice,O=Example\",\"vm\":\"%s\",\"uuid\":"
        "\"5f2b2f50-5d3b-4f2a-9d7e-0d9f7a3b1c11\",\"command\":\"device_add\",\"arguments\":{"
        "\"driver\":\"virtio-net-pci\",\"id\":\"hot-%llu\",\"netdev\":\"net1\"},\"rule\":"
        "\"operator/hotplug-nic\"",
        time, request, vm, request);
    append(m, &body);
    buf_clear(&body);
    clock_format_utc(m->utc_us, time);
    buf_printf(&body,
               ",\"time\":\"%s\",\"type\":\"outcome\",\"result\":\"ok\",\"connection\":1234,"
               "\"request\":%llu,\"vm\":\"%s\",\"command\":\"device_add\",\"latency-us\":%llu",
               time, request, vm, request % 1000);
    append(m, &body);
}

static void make_log(struct maker *m, uint64_t bytes)
{
    uint64_t done = 0;
    begin_segment(m);
    for (uint64_t sealed = 0; done + m->in_segment < bytes;) {
        add_pair(m);
        if (m->chain.seq - sealed > EVERY - 4) {
            add_seal(m);
            sealed = m->chain.seq;
        }
        if (buf_len(&m->out) > FRAME_BYTES)
            flush(m);
        if (m->in_segment > SEGMENT_BYTES) {
            flush(m);
            done += m->in_segment;
            begin_segment(m);
        }
    }
    flush(m);
}

/* The first segment as the gateway compresses it, in place of the plain one. */
static uint64_t compress_first(const struct maker *m)
{
    CLEANUP_FREE char *path = path_of(m, 1);
    CLEANUP_FREE char *packed_path = mem_printf("%s.zst", path);
    CLEANUP_BUF struct buf table = { 0 }, out = { 0 };
    CLEANUP_SOURCE struct audit_source *source = NULL;
    CLEANUP_FREE char *block = mem_alloc(FRAME_BYTES);
    struct error err;
    if (audit_source_open(path, false, &source, &err) < 0)
        fail(err.text);
    CLEANUP_FD int fd = open(packed_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    uint64_t at = 0;
    uint32_t frames = 0;
    int64_t n;
    while ((n = audit_source_read(source, block, FRAME_BYTES, at, &err)) > 0) {
        const char *feed = memrchr(block, '\n', (size_t)n);
        uint32_t len = (uint32_t)(feed + 1 - block);
        size_t bound = ZSTD_compressBound(len);
        uint32_t packed = (uint32_t)ZSTD_compress(buf_reserve(&out, bound), bound, block, len, 3);
        buf_commit(&out, packed);
        buf_add(&table, &packed, sizeof(packed));
        buf_add(&table, &len, sizeof(len));
        at += len;
        frames++;
    }
    const uint32_t head[2] = { 0x184D2A5Eu, (uint32_t)buf_len(&table) + 9 }, magic = 0x8F92EAB1u;
    buf_add(&out, head, sizeof(head));
    buf_add(&out, buf_data(&table), buf_len(&table));
    buf_add(&out, &frames, sizeof(frames));
    buf_add_char(&out, 0);
    buf_add(&out, &magic, sizeof(magic));
    if (fd < 0 || write(fd, buf_data(&out), buf_len(&out)) != (ssize_t)buf_len(&out))
        fail("cannot write the compressed segment");
    printf("compressed %.1f to 1\n", (double)at / (double)buf_len(&out));
    unlink(path);
    return at;
}

static void remove_log(const struct maker *m)
{
    for (uint64_t i = 1; i <= m->segment; i++) {
        CLEANUP_FREE char *path = path_of(m, i);
        CLEANUP_FREE char *packed = mem_printf("%s.zst", path);
        unlink(path);
        unlink(packed);
    }
    rmdir(m->directory);
}

/* --- what is measured ------------------------------------------------------------------------- */

static void tell(void *opaque, const struct audit_fault *fault)
{
    printf("%s:%llu: %s\n", fault->file ? fault->file : "", (unsigned long long)fault->line,
           fault->text);
}

static void bench_hash(const struct maker *m)
{
    enum { PIECE = 340 };
    static char memory[PIECE];
    unsigned char digest[AUDIT_HASH_BYTES];
    const unsigned rounds = 1000000;
    double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned i = 0; i < rounds; i++) {
        if (gnutls_hash(m->hasher, memory, PIECE) < 0)
            fail("SHA-256 failed");
        gnutls_hash_output(m->hasher, digest);
    }
    double took = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    printf("SHA-256 of %d bytes at a time      %8.0f MB/s\n", PIECE, PIECE * (rounds / 1e6) / took);
}

static void bench_verify(const struct maker *m, const char *what, const char *path)
{
    CLEANUP_VERIFY_SUMMARY struct audit_verify_summary summary = { 0 };
    CLEANUP_SEAL_KEYS struct seal_keys keys = { 0 };
    struct error err;
    seal_keys_add(&keys, &m->public);
    const struct audit_verify_settings settings = {
        .paths = &path, .n_paths = 1, .keys = &keys, .partial = true, .fault = tell
    };
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    if (audit_verify(&settings, &summary, &err) < 0)
        fail(err.text);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = seconds(CLOCK_MONOTONIC) - wall;
    printf("verify, %-25s %8.0f MB/s of CPU, %.0f MB/s, %llu records, %llu faults\n", what,
           (double)summary.bytes / 1e6 / cpu, (double)summary.bytes / 1e6 / wall,
           (unsigned long long)summary.records, (unsigned long long)summary.faults);
    if (summary.faults > 0)
        fail("the log is not good");
}

/* From nothing to the first record of a time, anywhere in the log. */
static void bench_seek(const struct maker *m)
{
    double worst = 0, start = seconds(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < SEEKS; i++) {
        double one = seconds(CLOCK_MONOTONIC);
        CLEANUP_SEGMENTS struct audit_segments all = { 0 };
        CLEANUP_SOURCE struct audit_source *source = NULL;
        struct error err;
        uint64_t offset;
        int64_t wanted = BEGIN_US + (m->utc_us - BEGIN_US) / SEEKS * i;
        if (audit_segments_add_directory(&all, m->directory, NULL, &err) < 0)
            fail(err.text);
        audit_segments_sort(&all);
        size_t at = 0;
        while (at + 1 < all.n && all.at[at + 1].first_us <= wanted)
            at++;
        if (audit_source_open(all.at[at].path, false, &source, &err) < 0 ||
            lines_find_time(source, wanted, &offset, &err) < 0)
            fail(err.text);
        one = seconds(CLOCK_MONOTONIC) - one;
        worst = one > worst ? one : worst;
    }
    printf("a time found, of %u             %8.2f ms on average, %.2f ms at worst\n", SEEKS,
           (seconds(CLOCK_MONOTONIC) - start) * 1e3 / SEEKS, worst * 1e3);
}

static uint64_t default_bytes(const char *directory)
{
    struct statvfs fs;
    uint64_t most = 10ull << 30;
    if (statvfs(directory, &fs) < 0)
        fail("no such directory");
    uint64_t quarter = (uint64_t)fs.f_bavail * fs.f_frsize / 4;
    return quarter < most ? quarter : most;
}

static void make_key(struct maker *m)
{
    struct error err;
    gnutls_pubkey_t public;
    if (gnutls_privkey_init(&m->secret) < 0 ||
        gnutls_privkey_generate(m->secret, GNUTLS_PK_EDDSA_ED25519, 0, 0) < 0 ||
        gnutls_pubkey_init(&public) < 0 ||
        gnutls_pubkey_import_privkey(public, m->secret, 0, 0) < 0 ||
        seal_public_from_gnutls(public, &m->public, &err) < 0)
        fail("cannot make a key");
    gnutls_pubkey_deinit(public);
}

int main(int argc, char **argv)
{
    CLEANUP_FREE char *directory = mem_printf("%s/bench-audit-XXXXXX", argc > 2 ? argv[2] : ".");
    struct maker m = { .utc_us = BEGIN_US, .fd = -1 };
    struct error err;
    if (!mkdtemp(directory) || audit_hasher_new(&m.hasher, &err) < 0)
        fail("no directory");
    m.directory = directory;
    uint64_t bytes = argc > 1 ? strtoull(argv[1], NULL, 10) << 20 : default_bytes(directory);
    make_key(&m);
    bench_hash(&m);
    double start = seconds(CLOCK_MONOTONIC);
    make_log(&m, bytes);
    printf("a log of %.1f GB, %llu segments, made in %.0f s\n", (double)bytes / 1e9,
           (unsigned long long)m.segment, seconds(CLOCK_MONOTONIC) - start);
    CLEANUP_FREE char *first = path_of(&m, 1);
    CLEANUP_FREE char *packed = mem_printf("%s.zst", first);
    bench_seek(&m);
    bench_verify(&m, "one segment", first);
    bench_verify(&m, "all", directory);
    compress_first(&m);
    bench_verify(&m, "one segment, compressed", packed);
    bench_seek(&m);
    remove_log(&m);
    close(m.fd);
    buf_free(&m.out);
    gnutls_privkey_deinit(m.secret);
    audit_hasher_free(&m.hasher);
    return 0;
}
