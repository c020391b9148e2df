/* Files of a log as bytes, lines and segments: found again wherever they are, and nothing believed.
 */
#include "tests/unit/log_fixture.h"

#include "audit/lines.h"
#include "audit/members.h"
#include "audit/segments.h"
#include "audit/source.h"

struct scene {
    struct fixture f; /* first: its setup and teardown are used */
    struct log_maker m;
};

static int setup(void **state)
{
    void *fixture;
    struct scene *s = MEM_NEW(struct scene);
    fixture_setup(&fixture);
    s->f = *(struct fixture *)fixture;
    free(fixture);
    log_init(&s->m);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    log_clear(&s->m);
    remove_files(s->f.directory);
    rmdir(s->f.directory);
    free(s);
    return 0;
}

static void records(struct scene *s, unsigned n)
{
    log_add_segment(&s->m, "first");
    log_add_many(&s->m, n - 1);
}

static struct audit_source *open_source(const struct scene *s)
{
    struct audit_source *source;
    struct error err;
    if (audit_source_open(s->f.path, false, &source, &err) < 0)
        fail_msg("%s", err.text);
    return source;
}

static void assert_same(const struct scene *s, const struct buf *want)
{
    CLEANUP_SOURCE struct audit_source *source = open_source(s);
    CLEANUP_FREE char *memory = mem_alloc(buf_len(want) + 1);
    struct error err;
    static const size_t offsets[] = { 0, 1, 4095, 4096, 70000, 30000, 5 }; /* back, too */
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        int64_t n = audit_source_read(source, memory, buf_len(want) + 1, offsets[i], &err);
        assert_int_equal(n, buf_len(want) - offsets[i]);
        assert_memory_equal(memory, buf_data(want) + offsets[i], (size_t)n);
    }
    assert_int_equal(audit_source_read(source, memory, 1, buf_len(want), &err), 0);
    assert_int_equal(audit_source_read(source, memory, 1, 1ull << 40, &err), 0);
}

static void keep_text(const struct scene *s, struct buf *copy)
{
    buf_add(copy, buf_data(&s->m.text), buf_len(&s->m.text));
}

static void plain_and_compressed_read_the_same(void **state)
{
    struct scene *s = *state;
    CLEANUP_BUF struct buf text = { 0 };
    records(s, 500);
    keep_text(s, &text);
    log_write(&s->m, s->f.path);
    assert_same(s, &text);
    for (int table = 0; table < 2; table++) {
        unlink(s->f.path);
        buf_add(&s->m.text, buf_data(&text), buf_len(&text));
        log_write_compressed(&s->m, s->f.path, 4096, table);
        assert_same(s, &text);
        CLEANUP_SOURCE struct audit_source *source = open_source(s);
        assert_true(audit_source_is_compressed(source));
        assert_int_equal(audit_source_can_seek(source), table);
        assert_false(audit_source_table_is_bad(source));
        assert_true(audit_source_size(source) == (table ? buf_len(&text) : UINT64_MAX));
    }
}

/* Whatever becomes of a byte: the text is as it was, or an error is told; never other text. */
static void any_changed_byte_of_a_compressed_file_is_noticed(void **state)
{
    struct scene *s = *state;
    CLEANUP_BUF struct buf text = { 0 }, packed = { 0 };
    struct error err;
    records(s, 60);
    keep_text(s, &text);
    log_compress(&s->m.text, 4096, true, &packed);
    CLEANUP_FREE char *memory = mem_alloc(buf_len(&text) + 1);
    unsigned refused = 0;
    for (size_t i = 0; i < buf_len(&packed); i += 3) {
        buf_data(&packed)[i] ^= 0x55;
        unlink(s->f.path);
        append_text(s->f.path, buf_data(&packed), buf_len(&packed));
        buf_data(&packed)[i] ^= 0x55;
        struct audit_source *source;
        if (audit_source_open(s->f.path, false, &source, &err) < 0) {
            refused++;
            continue;
        }
        /* zstd without checksums may decode a changed literal: the chain finds that */
        int64_t n = audit_source_read(source, memory, buf_len(&text) + 1, 0, &err);
        assert_true(n <= (int64_t)buf_len(&text));
        refused += n < (int64_t)buf_len(&text) || audit_source_table_is_bad(source);
        audit_source_close(source);
    }
    assert_in_range(refused, 10, buf_len(&packed));
}

static void a_table_that_does_not_fit_is_not_believed(void **state)
{
    struct scene *s = *state;
    CLEANUP_BUF struct buf text = { 0 }, packed = { 0 };
    struct error err;
    records(s, 200);
    keep_text(s, &text);
    log_compress(&s->m.text, 4096, true, &packed);
    char *end = buf_data(&packed) + buf_len(&packed);
    /* the number of frames; a reserved bit; a frame's length; one frame longer and another shorter
     */
    static const struct {
        size_t back;
        unsigned char by;
        size_t back2;
        unsigned char by2;
    } changes[] = { { 9, 1, 9, 0 },   { 6, 0x80, 6, 0 }, { 5, 4, 5, 0 },
                    { 17, 1, 17, 0 }, { 13, 1, 13, 0 },  { 17, 1, 25, 1 } };
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        CLEANUP_FREE char *memory = mem_alloc(buf_len(&text) + 1);
        end[-(ptrdiff_t)changes[i].back] ^= (char)changes[i].by;
        end[-(ptrdiff_t)changes[i].back2] ^= (char)changes[i].by2;
        unlink(s->f.path);
        append_text(s->f.path, buf_data(&packed), buf_len(&packed));
        end[-(ptrdiff_t)changes[i].back] ^= (char)changes[i].by;
        end[-(ptrdiff_t)changes[i].back2] ^= (char)changes[i].by2;
        CLEANUP_SOURCE struct audit_source *source = open_source(s);
        int64_t n = audit_source_read(source, memory, buf_len(&text), 0, &err);
        bool noticed = audit_source_table_is_bad(source) || n < (int64_t)buf_len(&text);
        if (!noticed)
            fail_msg("change %zu was not noticed", i);
    }
}

static void what_is_no_regular_file_is_refused(void **state)
{
    struct scene *s = *state;
    struct audit_source *source;
    struct error err;
    CLEANUP_FREE char *link = mem_printf("%s.link", s->f.path);
    assert_true(audit_source_open(s->f.directory, true, &source, &err) < 0);
    assert_true(audit_source_open("/dev/zero", true, &source, &err) < 0);
    assert_true(audit_source_open(s->f.path, true, &source, &err) < 0);
    records(s, 1);
    log_write(&s->m, s->f.path);
    assert_int_equal(symlink(s->f.path, link), 0);
    assert_true(audit_source_open(link, false, &source, &err) < 0);
    assert_int_equal(audit_source_open(link, true, &source, &err), 0);
    audit_source_close(source);
}

/* --- lines ------------------------------------------------------------------------------------ */

static uint64_t seq_at(struct audit_source *source, uint64_t offset)
{
    CLEANUP_LINE_READER struct line_reader r;
    struct span line;
    struct error err;
    uint64_t seq;
    int64_t utc_us;
    line_reader_init(&r, source, offset);
    int rc = line_reader_next(&r, &line, &err);
    if (rc == 0)
        return 0;
    assert_int_equal(rc, 1);
    assert_true(line_parse_head(line, &seq, &utc_us));
    return seq;
}

static void assert_found(const struct scene *s, unsigned n)
{
    CLEANUP_SOURCE struct audit_source *source = open_source(s);
    struct error err;
    uint64_t offset;
    for (unsigned seq = 1; seq <= n; seq += n / 50 + 1) {
        assert_int_equal(lines_find_seq(source, seq, &offset, &err), 0);
        assert_int_equal(seq_at(source, offset), seq);
        /* records are a millisecond apart, the first at TEST_TIME */
        assert_int_equal(lines_find_time(source, TEST_TIME + (seq - 1) * 1000, &offset, &err), 0);
        assert_int_equal(seq_at(source, offset), seq);
        assert_int_equal(lines_find_time(source, TEST_TIME + (seq - 1) * 1000 - 999, &offset, &err),
                         0);
        assert_int_equal(seq_at(source, offset), seq);
    }
    assert_int_equal(lines_find_seq(source, n + 1, &offset, &err), 0);
    assert_int_equal(seq_at(source, offset), 0);
    assert_int_equal(lines_find_time(source, INT64_MAX, &offset, &err), 0);
    assert_int_equal(seq_at(source, offset), 0);
    assert_int_equal(lines_find_time(source, -5, &offset, &err), 0);
    assert_int_equal(seq_at(source, offset), 1);
}

static void a_record_is_found_by_number_and_by_time(void **state)
{
    struct scene *s = *state;
    CLEANUP_BUF struct buf text = { 0 };
    records(s, 3000);
    keep_text(s, &text);
    log_write(&s->m, s->f.path);
    assert_found(s, 3000);
    for (int table = 0; table < 2; table++) {
        unlink(s->f.path);
        buf_add(&s->m.text, buf_data(&text), buf_len(&text));
        log_write_compressed(&s->m, s->f.path, 16384, table);
        assert_found(s, 3000);
    }
}

static void what_is_no_record_is_passed_over_when_one_is_looked_for(void **state)
{
    struct scene *s = *state;
    CLEANUP_FREE char *junk = mem_alloc(100000);
    struct error err;
    uint64_t offset;
    memset(junk, 'x', 100000);
    for (size_t i = 99; i < 100000; i += 100)
        junk[i] = '\n';
    records(s, 500);
    log_write(&s->m, s->f.path);
    append_text(s->f.path, junk, 100000);
    log_add_many(&s->m, 500);
    log_write(&s->m, s->f.path);
    append_text(s->f.path, junk, 100000);
    CLEANUP_SOURCE struct audit_source *source = open_source(s);
    for (unsigned seq = 1; seq <= 1000; seq += 111) {
        assert_int_equal(lines_find_seq(source, seq, &offset, &err), 0);
        CLEANUP_LINE_READER struct line_reader r;
        struct span line;
        uint64_t found = 0;
        int64_t utc_us;
        line_reader_init(&r, source, offset);
        while (found == 0 && line_reader_next(&r, &line, &err) > 0)
            if (!line_parse_head(line, &found, &utc_us))
                found = 0;
        assert_int_equal(found, seq);
    }
}

static void a_line_that_is_too_long_is_an_error(void **state)
{
    struct scene *s = *state;
    CLEANUP_FREE char *junk = mem_alloc(AUDIT_LINE_MAX + 1);
    CLEANUP_LINE_READER struct line_reader r;
    struct span line;
    struct error err;
    memset(junk, 'x', AUDIT_LINE_MAX + 1);
    append_text(s->f.path, junk, AUDIT_LINE_MAX - 1);
    append_text(s->f.path, "\n", 1);
    append_text(s->f.path, junk, AUDIT_LINE_MAX + 1);
    append_text(s->f.path, "\n", 1);
    CLEANUP_SOURCE struct audit_source *source = open_source(s);
    line_reader_init(&r, source, 0);
    assert_int_equal(line_reader_next(&r, &line, &err), 1);
    assert_int_equal(line.len, AUDIT_LINE_MAX);
    assert_int_equal(line_reader_next(&r, &line, &err), ERROR_LIMIT);
}

/* --- segments --------------------------------------------------------------------------------- */

static void files_come_in_the_order_of_their_records(void **state)
{
    struct scene *s = *state;
    static const char *const names[] = { "z", "audit.jsonl.2.zst", "log.0000000009.jsonl" };
    CLEANUP_SEGMENTS struct audit_segments all = { 0 };
    struct error err;
    for (unsigned i = 0; i < 3; i++) {
        CLEANUP_FREE char *path = mem_printf("%s/%s", s->f.directory, names[i]);
        records(s, 100);
        if (i == 1)
            log_write_compressed(&s->m, path, 4096, true);
        else
            log_write(&s->m, path);
    }
    assert_int_equal(audit_segments_add_directory(&all, s->f.directory, NULL, &err), 0);
    audit_segments_sort(&all);
    assert_int_equal(all.n, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(strrchr(all.at[i].path, '/') + 1, names[i]);
        assert_int_equal(all.at[i].first_seq, 1 + 100 * i);
        assert_int_equal(all.at[i].number, i + 1);
        assert_int_equal(all.at[i].first_us, TEST_TIME + (int64_t)i * 100000);
    }
    assert_ptr_equal(audit_segments_find(&all, 100), &all.at[0]);
    assert_ptr_equal(audit_segments_find(&all, 101), &all.at[1]);
    assert_ptr_equal(audit_segments_find(&all, UINT64_MAX), &all.at[2]);
    assert_null(audit_segments_find(&all, 0));
}

static void a_file_beside_its_compressed_form_counts_once(void **state)
{
    struct scene *s = *state;
    CLEANUP_SEGMENTS struct audit_segments all = { 0 };
    CLEANUP_BUF struct buf packed = { 0 };
    CLEANUP_FREE char *path = mem_printf("%s.zst", s->f.path);
    struct error err;
    records(s, 100);
    log_compress(&s->m.text, 4096, true, &packed);
    log_write(&s->m, s->f.path);
    append_text(path, buf_data(&packed), buf_len(&packed));
    assert_int_equal(audit_segments_of_log(&all, s->f.path, &err), 0);
    assert_int_equal(all.n, 2);
    assert_false(all.at[0].twin || all.at[0].compressed);
    assert_true(all.at[1].twin && all.at[1].compressed);
    assert_ptr_equal(audit_segments_find(&all, UINT64_MAX), &all.at[0]);
}

/* --- members ---------------------------------------------------------------------------------- */

static void assert_decoded(const char *value, const char *want)
{
    CLEANUP_BUF struct buf out = { 0 };
    assert_true(member_decode((struct span){ value, strlen(value) }, &out));
    buf_add_char(&out, '\0');
    assert_string_equal(buf_data(&out), want);
}

static void a_members_text_is_decoded(void **state)
{
    assert_decoded("\"a\\\"b\\\\c\\/\\n\"", "a\"b\\c/\n");
    assert_decoded("\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_decoded("\"\\ud83d x \\ude00 \\ud83d\"", "\xef\xbf\xbd x \xef\xbf\xbd \xef\xbf\xbd");
    assert_decoded("\"\\q\\u12\"", "\xef\xbf\xbd\xef\xbf\xbd"
                                   "12");
    CLEANUP_BUF struct buf out = { 0 };
    assert_false(member_decode(SPAN_LIT("12"), &out));
    assert_false(member_decode(SPAN_LIT("\""), &out));
    assert_int_equal(buf_len(&out), 0);
}

static void members_are_found_at_the_top_only(void **state)
{
    static const struct span line = SPAN_LIT("{\"v\":1,\"seq\":7,\"a\":{\"b\":1,\"c\":\"}\"},\"b\":"
                                             "\"x,\\\"y\",\"n\":[1,{}],\"hash\":\"0\"}\n");
    struct span b = member_find(line, "b"), n = member_find(line, "n");
    uint64_t seq;
    assert_memory_equal(b.data, "\"x,\\\"y\"", b.len);
    assert_memory_equal(n.data, "[1,{}]", n.len);
    assert_true(member_number(member_find(line, "seq"), &seq) && seq == 7);
    assert_int_equal(member_find(line, "c").len, 0);
    assert_false(member_number(SPAN_LIT("99999999999999999999"), &seq));
    assert_false(member_number(SPAN_LIT("1x"), &seq));
    assert_false(member_number(SPAN_LIT(""), &seq));
}

int main(void)
{
#define SOURCE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(what_is_no_regular_file_is_refused),
        SOURCE_TEST(any_changed_byte_of_a_compressed_file_is_noticed),
        SOURCE_TEST(a_table_that_does_not_fit_is_not_believed),
        SOURCE_TEST(plain_and_compressed_read_the_same),
        SOURCE_TEST(a_line_that_is_too_long_is_an_error),
        SOURCE_TEST(what_is_no_record_is_passed_over_when_one_is_looked_for),
        SOURCE_TEST(a_record_is_found_by_number_and_by_time),
        SOURCE_TEST(files_come_in_the_order_of_their_records),
        SOURCE_TEST(a_file_beside_its_compressed_form_counts_once),
        cmocka_unit_test(a_members_text_is_decoded),
        cmocka_unit_test(members_are_found_at_the_top_only),
    };
    return cmocka_run_group_tests_name("audit_source", tests, NULL, NULL);
}
