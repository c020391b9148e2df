/* Seals that stand far behind what they seal: further than the verifier keeps hashes in memory. */
#include "tests/unit/log_fixture.h"

#include "audit/seal_keys.h"
#include "audit/segment.h"
#include "audit/verify.h"
#include "audit/verify_internal.h"

#define FAR   RECENT /* records between a seal and what it seals */
#define FRAME (1u << 20)

struct verdict {
    struct audit_verify_summary summary;
    unsigned n, kinds[32]; /* faults, and of which kind */
    uint64_t first_seq;
    enum audit_fault_kind first;
    char text[ERROR_TEXT_MAX];
    const char *remove; /* as soon as something was read */
};

static void note_fault(void *opaque, const struct audit_fault *fault)
{
    struct verdict *v = opaque;
    v->kinds[fault->kind]++;
    if (v->n++ > 0)
        return;
    v->first = fault->kind;
    v->first_seq = fault->seq;
    snprintf(v->text, sizeof(v->text), "%s", fault->text);
}

static void note_progress(void *opaque, uint64_t done, uint64_t total)
{
    struct verdict *v = opaque;
    assert_true(done <= total);
    if (v->remove)
        unlink(v->remove);
}

static void verify_log(struct log_maker *m, const char *directory, struct verdict *v)
{
    CLEANUP_SEAL_KEYS struct seal_keys keys = { 0 };
    struct error err;
    seal_keys_add(&keys, &m->key.public);
    const struct audit_verify_settings settings = {
        .paths = &directory,
        .n_paths = 1,
        .keys = &keys,
        .fault = note_fault,
        .progress = note_progress,
        .opaque = v,
    };
    if (audit_verify(&settings, &v->summary, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_good(const struct verdict *v)
{
    if (v->n > 0)
        fail_msg("record %llu: %s", (unsigned long long)v->first_seq, v->text);
}

/* --- a log ------------------------------------------------------------------------------------ */

static void begin(struct log_maker *m)
{
    log_init(m);
    log_add_segment(m, SEGMENT_FIRST);
    log_add(m, "start", "");
    log_add_seal(m, SEAL_START);
}

/* A seal through a record that came before; where the log is does not matter to it. */
static void write_seal_of(struct log_maker *m, const struct audit_chain *end, struct buf *body)
{
    struct seal s = { .utc_us = m->utc_us,
                      .segment = m->segment,
                      .reason = SEAL_SECONDS,
                      .through = end->seq,
                      .every = 10000,
                      .within = 60 };
    memcpy(s.digest, end->hash, sizeof(s.digest));
    sign_seal(&s, &m->key);
    seal_write_body(&s, body);
}

/* All of one time: no seal is late by it. */
static void add_filler(struct log_maker *m, unsigned n)
{
    int64_t us = m->utc_us;
    for (unsigned i = 0; i < n; i++) {
        m->utc_us = us;
        log_add(m, "x", "");
    }
}

/* What a slow token makes: its seal comes when much else was written. */
static struct audit_chain add_a_sealed_record(struct log_maker *m, struct buf *seal)
{
    log_add(m, "outcome", ",\"text\":\"this is what happened\"");
    write_seal_of(m, &m->chain, seal);
    return m->chain;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_seal_that_came_late_is_good(void **state)
{
    struct fixture *f = *state;
    struct log_maker m;
    struct verdict v = { 0 };
    CLEANUP_BUF struct buf seal = { 0 };
    begin(&m);
    struct audit_chain sealed = add_a_sealed_record(&m, &seal);
    add_filler(&m, FAR);
    log_add_body(&m, &seal);
    log_write(&m, f->path);
    verify_log(&m, f->directory, &v);
    assert_good(&v);
    assert_int_equal(v.summary.seals_good, 2);
    assert_int_equal(v.summary.sealed_through, sealed.seq);
    audit_verify_summary_clear(&v.summary);
    log_clear(&m);
}

/* The sealed record is in a segment that was closed since, and compressed. */
static void a_seal_that_came_segments_late_is_good(bool compressed, bool with_table,
                                                   const struct fixture *f)
{
    struct log_maker m;
    struct verdict v = { 0 };
    CLEANUP_BUF struct buf seal = { 0 };
    CLEANUP_FREE char *first = mem_printf("%s.1", f->path), *second = mem_printf("%s.2", f->path);
    begin(&m);
    struct audit_chain sealed = add_a_sealed_record(&m, &seal);
    log_add_many(&m, 3);
    log_write_compressed(&m, first, FRAME, with_table);
    log_add_segment(&m, SEGMENT_ROTATED);
    add_filler(&m, FAR);
    if (compressed)
        log_write_compressed(&m, second, FRAME, with_table);
    else
        log_write(&m, second);
    log_add_segment(&m, SEGMENT_ROTATED);
    log_add_body(&m, &seal);
    log_write(&m, f->path);
    verify_log(&m, f->directory, &v);
    assert_good(&v);
    assert_int_equal(v.summary.sealed_through, sealed.seq);
    audit_verify_summary_clear(&v.summary);
    log_clear(&m);
}

static void what_is_sealed_is_found_in_a_closed_segment(void **state)
{
    a_seal_that_came_segments_late_is_good(false, true, *state);
}

static void what_is_sealed_is_found_in_a_file_that_was_compressed_by_something_else(void **state)
{
    a_seal_that_came_segments_late_is_good(true, false, *state);
}

/* The file that is being read is the one in which the record is. */
static void what_is_sealed_is_found_in_the_compressed_file_of_the_seal(void **state)
{
    struct fixture *f = *state;
    struct log_maker m;
    struct verdict v = { 0 };
    CLEANUP_BUF struct buf seal = { 0 };
    begin(&m);
    struct audit_chain sealed = add_a_sealed_record(&m, &seal);
    add_filler(&m, FAR);
    log_add_body(&m, &seal);
    log_add_many(&m, 20000); /* more frames come after it */
    uint64_t last = m.chain.seq;
    log_write_compressed(&m, f->path, FRAME, true);
    verify_log(&m, f->directory, &v);
    assert_good(&v);
    assert_int_equal(v.summary.sealed_through, sealed.seq);
    assert_int_equal(v.summary.last_seq, last);
    audit_verify_summary_clear(&v.summary);
    log_clear(&m);
}

/* Who has seals and no key: what lies between them is written anew, and so much put before the
 * later ones that they stand far behind what they seal. */
static struct audit_chain forge(struct log_maker *m, unsigned n_seals)
{
    struct buf seals[3] = { 0 };
    begin(m);
    struct log_maker fork = *m; /* what the gateway wrote */
    fork.text = (struct buf){ 0 };
    for (unsigned i = 0; i < n_seals; i++) {
        add_a_sealed_record(&fork, &seals[i]);
        log_add_body(&fork, &seals[i]);
    }
    struct audit_chain begun = m->chain;
    log_add(m, "outcome", ",\"text\":\"nothing happened at all\"");
    add_filler(m, FAR + 2 * n_seals);
    for (unsigned i = 0; i < n_seals; i++)
        log_add_body(m, &seals[i]);
    buf_free(&fork.text);
    for (unsigned i = 0; i < ARRAY_SIZE(seals); i++)
        buf_free(&seals[i]);
    return begun;
}

static void a_history_that_was_rewritten_far_before_its_seals_is_found(void **state)
{
    struct fixture *f = *state;
    struct log_maker m;
    struct verdict v = { 0 };
    struct audit_chain begun = forge(&m, 3);
    log_write(&m, f->path);
    verify_log(&m, f->directory, &v);
    assert_int_equal(v.n, 3);
    assert_int_equal(v.kinds[AUDIT_FAULT_SEAL_DIGEST], 3);
    assert_int_equal(v.first_seq, m.chain.seq - 2);
    assert_non_null(strstr(v.text, "the log was rewritten before it"));
    assert_int_equal(v.summary.seals_good, 1);
    assert_int_equal(v.summary.sealed_through, begun.seq - 1);
    audit_verify_summary_clear(&v.summary);
    log_clear(&m);
}

static void a_seal_that_is_about_something_else_promises_nothing(void **state)
{
    struct fixture *f = *state;
    struct log_maker m;
    struct verdict v = { 0 };
    forge(&m, 1);
    m.utc_us = TEST_TIME + 121 * USEC_PER_SEC; /* past what the first seal promised */
    log_add_many(&m, 2);
    log_write(&m, f->path);
    verify_log(&m, f->directory, &v);
    assert_int_equal(v.kinds[AUDIT_FAULT_SEAL_DIGEST], 1);
    assert_int_equal(v.kinds[AUDIT_FAULT_SEAL_LATE], 1);
    audit_verify_summary_clear(&v.summary);
    log_clear(&m);
}

/* Of these a gateway makes few, since it signs one after the other. */
static void seals_that_came_late_beyond_number_are_not_good(void **state)
{
    enum { MANY = 100 };
    struct fixture *f = *state;
    struct log_maker m;
    struct verdict v = { 0 };
    static struct buf seals[MANY];
    begin(&m);
    for (unsigned i = 0; i < MANY; i++)
        add_a_sealed_record(&m, &seals[i]);
    add_filler(&m, FAR);
    for (unsigned i = 0; i < MANY; i++) {
        log_add_body(&m, &seals[i]);
        buf_free(&seals[i]);
    }
    log_write(&m, f->path);
    verify_log(&m, f->directory, &v);
    assert_true(v.n > 0 && v.n < MANY);
    assert_int_equal(v.kinds[AUDIT_FAULT_SEAL_DIGEST], v.n);
    assert_int_equal(v.summary.seals_good, 1 + MANY - v.n);
    assert_non_null(strstr(v.text, "more seals"));
    audit_verify_summary_clear(&v.summary);
    log_clear(&m);
}

static void a_seal_whose_record_cannot_be_read_again_is_not_good(void **state)
{
    struct fixture *f = *state;
    struct log_maker m;
    CLEANUP_FREE char *first = mem_printf("%s.1", f->path);
    struct verdict v = { .remove = first };
    CLEANUP_BUF struct buf seal = { 0 };
    begin(&m);
    add_a_sealed_record(&m, &seal);
    log_write(&m, first);
    log_add_segment(&m, SEGMENT_ROTATED);
    add_filler(&m, FAR);
    log_add_body(&m, &seal);
    log_write(&m, f->path);
    verify_log(&m, f->directory, &v);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.first, AUDIT_FAULT_SEAL_DIGEST);
    assert_int_equal(v.first_seq, m.chain.seq);
    assert_non_null(strstr(v.text, "No such file"));
    assert_int_equal(v.summary.seals_good, 1);
    audit_verify_summary_clear(&v.summary);
    log_clear(&m);
}

/* As retention leaves it. */
static void a_seal_of_what_was_removed_is_no_fault(void **state)
{
    struct fixture *f = *state;
    struct log_maker m;
    struct verdict v = { 0 };
    CLEANUP_BUF struct buf seal = { 0 };
    begin(&m);
    add_a_sealed_record(&m, &seal);
    log_add_many(&m, 3);
    buf_clear(&m.text);
    log_add_segment(&m, SEGMENT_ROTATED);
    log_add_body(&m, &seal);
    log_add_seal(&m, SEAL_SECONDS);
    log_write(&m, f->path);
    verify_log(&m, f->directory, &v);
    assert_good(&v);
    assert_int_equal(v.summary.seals, 2);
    assert_int_equal(v.summary.seals_good, 1);
    audit_verify_summary_clear(&v.summary);
    log_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(a_seal_that_came_late_is_good),
        AUDIT_TEST(what_is_sealed_is_found_in_a_closed_segment),
        AUDIT_TEST(what_is_sealed_is_found_in_a_file_that_was_compressed_by_something_else),
        AUDIT_TEST(what_is_sealed_is_found_in_the_compressed_file_of_the_seal),
        AUDIT_TEST(a_history_that_was_rewritten_far_before_its_seals_is_found),
        AUDIT_TEST(a_seal_that_is_about_something_else_promises_nothing),
        AUDIT_TEST(seals_that_came_late_beyond_number_are_not_good),
        AUDIT_TEST(a_seal_whose_record_cannot_be_read_again_is_not_good),
        AUDIT_TEST(a_seal_of_what_was_removed_is_no_fault),
    };
    return cmocka_run_group_tests_name("audit_verify", tests, NULL, NULL);
}
