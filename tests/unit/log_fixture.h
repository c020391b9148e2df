/* Logs as the gateway writes them, made in memory: segments, seals, compressed files; for tests of
 * what reads them. */
#ifndef TESTS_UNIT_LOG_FIXTURE_H
#define TESTS_UNIT_LOG_FIXTURE_H

#include "tests/unit/audit_fixture.h"
#include "tests/unit/seal_fixture.h"

#include <zstd.h>
#include "audit/chain.h"
#include "base/clock.h"

struct log_maker {
    struct audit_chain chain;
    gnutls_hash_hd_t hasher;
    struct buf text; /* of the file that is being made */
    uint64_t segment;
    int64_t utc_us;       /* of the next record */
    struct seal_pair key; /* made when it is first needed */
};

static inline void log_init(struct log_maker *m)
{
    *m = (struct log_maker){ .utc_us = TEST_TIME };
    assert_int_equal(audit_hasher_new(&m->hasher, NULL), 0);
}

static inline void log_clear(struct log_maker *m)
{
    audit_hasher_free(&m->hasher);
    buf_free(&m->text);
    if (m->key.secret)
        free_pair(&m->key);
}

static inline void log_add_body(struct log_maker *m, const struct buf *body)
{
    assert_int_equal(audit_chain_append(&m->chain, m->hasher,
                                        (struct span){ buf_data(body), buf_len(body) }, &m->text),
                     0);
    m->utc_us += 1000;
}

static inline void log_add_head(struct log_maker *m, struct buf *body, const char *type)
{
    char time[CLOCK_UTC_TEXT];
    clock_format_utc(m->utc_us, time);
    buf_printf(body, ",\"time\":\"%s\",\"type\":\"%s\"", time, type);
}

static inline void log_add_segment(struct log_maker *m, const char *reason)
{
    CLEANUP_BUF struct buf body = { 0 };
    char previous[AUDIT_HASH_TEXT];
    audit_hash_format(m->chain.hash, previous);
    log_add_head(m, &body, "segment");
    buf_printf(&body, ",\"segment\":%llu,\"reason\":\"%s\",\"previous\":\"%.64s\"",
               (unsigned long long)++m->segment, reason, previous);
    log_add_body(m, &body);
}

static inline void log_add(struct log_maker *m, const char *type, const char *members)
{
    CLEANUP_BUF struct buf body = { 0 };
    log_add_head(m, &body, type);
    buf_add_str(&body, members);
    log_add_body(m, &body);
}

static inline void log_add_many(struct log_maker *m, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        log_add(m, "intent", ",\"connection\":1,\"request\":1,\"vm\":\"web1\"");
}

/* Seals all that there is. */
static inline void log_add_seal(struct log_maker *m, enum seal_reason reason)
{
    CLEANUP_BUF struct buf body = { 0 };
    if (!m->key.secret)
        m->key = make_pair();
    struct seal s = { .utc_us = m->utc_us,
                      .segment = m->segment,
                      .reason = reason,
                      .through = m->chain.seq,
                      .every = 10000,
                      .within = 60 };
    memcpy(s.digest, m->chain.hash, sizeof(s.digest));
    sign_seal(&s, &m->key);
    seal_write_body(&s, &body);
    log_add_body(m, &body);
}

static inline void log_put_u32(struct buf *out, uint32_t value)
{
    const unsigned char bytes[4] = { (unsigned char)value, (unsigned char)(value >> 8),
                                     (unsigned char)(value >> 16), (unsigned char)(value >> 24) };
    buf_add(out, bytes, sizeof(bytes));
}

/* Frames of about `frame` bytes of whole lines, and their table. */
static inline void log_compress(const struct buf *text, size_t frame, bool with_table,
                                struct buf *out)
{
    CLEANUP_BUF struct buf entries = { 0 };
    uint32_t n = 0;
    for (size_t at = 0; at < buf_len(text); n++) {
        size_t len = buf_len(text) - at;
        if (len > frame) {
            const char *feed = memrchr(buf_data(text) + at, '\n', frame);
            len = feed ? (size_t)(feed + 1 - (buf_data(text) + at)) : frame;
        }
        size_t bound = ZSTD_compressBound(len);
        size_t packed = ZSTD_compress(buf_reserve(out, bound), bound, buf_data(text) + at, len, 3);
        assert_false(ZSTD_isError(packed));
        buf_commit(out, packed);
        log_put_u32(&entries, (uint32_t)packed);
        log_put_u32(&entries, (uint32_t)len);
        at += len;
    }
    if (!with_table)
        return;
    log_put_u32(out, 0x184D2A5Eu);
    log_put_u32(out, (uint32_t)buf_len(&entries) + 9);
    buf_add(out, buf_data(&entries), buf_len(&entries));
    log_put_u32(out, n);
    buf_add_char(out, 0);
    log_put_u32(out, 0x8F92EAB1u);
}

/* Appends what was made since the last call. */
static inline void log_write(struct log_maker *m, const char *path)
{
    append_text(path, buf_data(&m->text), buf_len(&m->text));
    buf_clear(&m->text);
}

static inline void log_write_compressed(struct log_maker *m, const char *path, size_t frame,
                                        bool with_table)
{
    CLEANUP_BUF struct buf packed = { 0 };
    log_compress(&m->text, frame, with_table, &packed);
    append_text(path, buf_data(&packed), buf_len(&packed));
    buf_clear(&m->text);
}

#endif
