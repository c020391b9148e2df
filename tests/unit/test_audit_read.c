/* Reading a log back. */
#include "tests/unit/log_fixture.h"

static void write_numbered(const char *path, unsigned from, unsigned to)
{
    struct audit *a = open_audit(path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    for (unsigned i = from; i <= to; i++) {
        CLEANUP_FREE char *words = mem_printf("number %u", i);
        add_simple(b, AUDIT_OUTCOME, words);
    }
    commit(b);
    audit_batch_free(b);
    audit_close(a);
}

/* --- one line --------------------------------------------------------------------------------- */

static void assert_span(struct span s, const char *want)
{
    if (s.len != strlen(want) || (s.len && memcmp(s.data, want, s.len) != 0))
        fail_msg("\"%.*s\" is not \"%s\"", (int)s.len, s.data, want);
}

static void a_line_comes_apart(void **state)
{
    struct audit_line line;
    static const char text[] = "{\"v\":1,\"seq\":42,\"time\":\"T\",\"type\":\"intent\","
                               "\"identity\":\"x509:CN=\\\"a\\\",O=b\","
                               "\"vm\":\"web1\",\"uuid\":\"u\",\"command\":\"stop\",\"arguments\":{"
                               "\"vm\":\"other\",\"x\":[\"]}\"]},"
                               "\"hash\":\"00\"}\n";
    assert_true(audit_line_parse((struct span){ text, sizeof(text) - 1 }, &line));
    assert_int_equal(line.seq, 42);
    assert_span(line.time, "T");
    assert_span(line.type, "intent");
    assert_span(line.identity, "x509:CN=\\\"a\\\",O=b");
    assert_span(line.vm, "web1"); /* not that of the arguments */
    assert_span(line.uuid, "u");
    assert_span(line.command, "stop");
    assert_span(line.result, "");
    assert_int_equal(line.text.len, sizeof(text) - 2);
}

static void what_is_no_line_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "{}",
        "{\"v\":1,\"seq\":1",
        "{\"v\":1,\"seq\":1}",
        "{\"v\":1,\"seq\":0,\"type\":\"x\"}",
        "{\"v\":2,\"seq\":1,\"type\":\"x\"}",
        "{\"v\":1,\"seq\":99999999999999999999,\"type\":\"x\"}",
        "{\"v\":1,\"seq\":1,\"type\":\"x\"",
        "{\"v\":1,\"seq\":1,\"type\":\"x}",
        "{\"v\":1,\"seq\":1,\"type\":\"x\\",
        "{\"v\":1,\"seq\":1,\"type\":}",
        "{\"v\":1,\"seq\":1,\"type\":\"x\"}}",
        "{\"v\":1,\"seq\":1,\"type\":\"x\",\"a\":{\"b\"}",
        "{\"v\":1,\"seq\":1,\"type\":\"x\",\"a\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct audit_line line;
        if (audit_line_parse((struct span){ texts[i], strlen(texts[i]) }, &line))
            fail_msg("taken: %s", texts[i]);
    }
}

/* --- the tail --------------------------------------------------------------------------------- */

struct seen {
    uint64_t first, last, n, every;
};

static bool see(void *opaque, const struct audit_line *line)
{
    struct seen *s = opaque;
    if (s->n && line->seq >= s->last)
        fail_msg("not newest first");
    if (s->n == 0)
        s->first = line->seq;
    s->last = line->seq;
    s->n++;
    return s->every == 0 || line->seq % s->every == 0;
}

static struct seen tail(const char *path, uint64_t max_records, uint64_t max_bytes, uint64_t every)
{
    struct seen s = { .every = every };
    struct error err;
    if (audit_tail(path, max_records, max_bytes, see, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static void the_tail_is_the_newest_first(void **state)
{
    struct fixture *f = *state;
    write_numbered(f->path, 1, 10);
    struct seen s = tail(f->path, 3, UINT64_MAX, 0);
    assert_int_equal(s.first, 11);
    assert_int_equal(s.last, 9);
}

static void the_tail_reaches_the_beginning_of_a_large_log(void **state)
{
    struct fixture *f = *state;
    write_numbered(f->path, 1, 5000); /* more than two windows */
    struct seen s = tail(f->path, UINT64_MAX, UINT64_MAX, 0);
    assert_int_equal(s.n, 5001);
    assert_int_equal(s.last, 1);
}

static void the_tail_goes_on_until_enough_were_wanted(void **state)
{
    struct fixture *f = *state;
    write_numbered(f->path, 1, 5000);
    struct seen s = tail(f->path, 4, UINT64_MAX, 1000);
    assert_int_equal(s.last, 2000);
}

static void the_tail_reads_no_more_than_it_may(void **state)
{
    struct fixture *f = *state;
    write_numbered(f->path, 1, 5000);
    struct seen s = tail(f->path, UINT64_MAX, 1000, 0);
    assert_in_range(s.n, 3, 2000); /* a window at a time */
}

static void the_tail_passes_over_a_line_that_is_being_written(void **state)
{
    struct fixture *f = *state;
    write_numbered(f->path, 1, 3);
    append_text(f->path, "{\"v\":1,\"seq\":5,\"ti", 19);
    assert_int_equal(tail(f->path, 1, UINT64_MAX, 0).first, 4);
}

static void the_tail_of_nothing_is_empty(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct seen s = { 0 };
    append_text(f->path, "", 0);
    assert_int_equal(tail(f->path, 10, UINT64_MAX, 0).n, 0);
    assert_int_equal(tail(f->path, 0, UINT64_MAX, 0).n, 0);
    unlink(f->path);
    assert_true(audit_tail(f->path, 10, UINT64_MAX, see, &s, &err) < 0);
}

static void a_line_that_is_no_record_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct seen s = { 0 };
    struct error err;
    write_numbered(f->path, 1, 3);
    append_text(f->path, "hello\n", 6);
    assert_int_equal(audit_tail(f->path, 10, UINT64_MAX, see, &s, &err), ERROR_INVALID);
    CLEANUP_FREE char *line = mem_alloc(400u << 10);
    memset(line, 'x', 400u << 10);
    line[(400u << 10) - 1] = '\n';
    append_text(f->path, line, 400u << 10);
    assert_int_equal(audit_tail(f->path, 10, UINT64_MAX, see, &s, &err), ERROR_INVALID);
    assert_non_null(strstr(err.text, "too long"));
}

/* --- through all files
 * ---------------------------------------------------------------------------- */

/* Records 1 to 100, 101 to 200 and 201 to 300: compressed, closed, open. */
static void write_three_files(const struct fixture *f, bool with_table)
{
    struct log_maker m;
    CLEANUP_FREE char *first = mem_printf("%s.1.zst", f->path);
    CLEANUP_FREE char *second = mem_printf("%s.2", f->path);
    log_init(&m);
    log_add_segment(&m, "first");
    log_add_many(&m, 99);
    log_write_compressed(&m, first, 4096, with_table);
    log_add_segment(&m, "rotated");
    log_add_many(&m, 99);
    log_write(&m, second);
    log_add_segment(&m, "rotated");
    log_add_many(&m, 99);
    log_write(&m, f->path);
    log_clear(&m);
}

static struct seen tail_log(const char *path, uint64_t max_records, uint64_t max_bytes)
{
    struct seen s = { .every = 0 };
    struct error err;
    if (audit_tail_log(path, max_records, max_bytes, see, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static void assert_seen(struct seen s, uint64_t first, uint64_t last)
{
    assert_int_equal(s.first, first);
    assert_int_equal(s.last, last);
    assert_int_equal(s.n, first - last + 1);
}

static void the_tail_goes_on_in_the_files_before(void **state)
{
    struct fixture *f = *state;
    write_three_files(f, true);
    assert_seen(tail_log(f->path, 50, UINT64_MAX), 300, 251);
    assert_seen(tail_log(f->path, 150, UINT64_MAX), 300, 151);
    assert_seen(tail_log(f->path, 250, UINT64_MAX), 300, 51);
    assert_seen(tail_log(f->path, UINT64_MAX, UINT64_MAX), 300, 1);
    assert_seen(tail_log(f->path, UINT64_MAX, 10000), 300,
                201); /* no more than the bytes, and a window */
}

static void a_file_in_two_forms_is_told_once(void **state)
{
    struct fixture *f = *state;
    write_three_files(f, true);
    CLEANUP_FREE char *second = mem_printf("%s.2", f->path);
    CLEANUP_FREE char *copy = mem_printf("%s.copy", f->path);
    CLEANUP_FREE char *text = read_text(second);
    append_text(copy, text, strlen(text));
    assert_seen(tail_log(f->path, UINT64_MAX, UINT64_MAX), 300, 1);
}

static void what_cannot_be_read_backwards_ends_it(void **state)
{
    struct fixture *f = *state;
    write_three_files(f, false);
    assert_seen(tail_log(f->path, UINT64_MAX, UINT64_MAX), 300, 101);
}

static void a_log_that_is_just_being_rotated_has_its_closed_files(void **state)
{
    struct fixture *f = *state;
    write_three_files(f, true);
    unlink(f->path);
    assert_seen(tail_log(f->path, 10, UINT64_MAX), 200, 191);
}

static void without_any_file_it_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct seen s = { 0 };
    struct error err;
    assert_true(audit_tail_log(f->path, 10, UINT64_MAX, see, &s, &err) < 0);
}

/* --- the chain -------------------------------------------------------------------------------- */

static void rewrite(const char *path, const char *text, size_t len)
{
    assert_int_equal(truncate(path, 0), 0);
    append_text(path, text, len);
}

static void assert_broken(const char *path, const char *words)
{
    struct audit_chain_summary summary;
    struct error err = { 0 };
    assert_int_equal(audit_verify_chain(path, &summary, &err), ERROR_INVALID);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static void any_changed_byte_is_found(void **state)
{
    struct fixture *f = *state;
    write_numbered(f->path, 1, 3);
    CLEANUP_FREE char *text = read_text(f->path);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        struct audit_chain_summary summary;
        struct error err;
        text[i] ^= 1;
        rewrite(f->path, text, len);
        text[i] ^= 1;
        if (audit_verify_chain(f->path, &summary, &err) == 0)
            fail_msg("a change of byte %zu was not found", i);
    }
    rewrite(f->path, text, len);
    assert_chain(f->path, 1, 4);
}

static void a_line_taken_out_doubled_or_moved_is_found(void **state)
{
    struct fixture *f = *state;
    write_numbered(f->path, 1, 4);
    CLEANUP_FREE char *text = read_text(f->path);
    size_t at[5] = { 0 };
    for (unsigned i = 1; i < 5; i++)
        at[i] = (size_t)(strchr(text + at[i - 1], '\n') + 1 - text);

    CLEANUP_FREE char *without = mem_printf("%.*s%s", (int)at[1], text, text + at[2]);
    rewrite(f->path, without, strlen(without));
    assert_broken(f->path, "line 2: record 3: record 2 is missing before it");

    CLEANUP_FREE char *twice = mem_printf("%.*s%s", (int)at[2], text, text + at[1]);
    rewrite(f->path, twice, strlen(twice));
    assert_broken(f->path, "line 3: record 2: its number is that of the record before it");

    rewrite(f->path, text + at[1], strlen(text + at[1]));
    assert_broken(f->path, "line 1: record 2: the file does not begin with a segment record");

    rewrite(f->path, text, strlen(text) - 1);
    assert_broken(f->path, "the last line is torn");
}

static void a_continued_log_stands_by_itself(void **state)
{
    struct fixture *f = *state;
    write_numbered(f->path, 1, 3);
    unlink(f->path);
    write_numbered(f->path, 5, 6);
    assert_chain(f->path, 5, 7);
    CLEANUP_FREE char *text = read_text(f->path);
    char *previous = strstr(text, "\"previous\":\"") + 12;
    *previous = *previous == '0' ? '1' : '0';
    rewrite(f->path, text, strlen(text));
    assert_broken(f->path, "line 1: record 5: its text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_comes_apart),
        cmocka_unit_test(what_is_no_line_is_refused),
        AUDIT_TEST(the_tail_is_the_newest_first),
        AUDIT_TEST(the_tail_reaches_the_beginning_of_a_large_log),
        AUDIT_TEST(the_tail_goes_on_until_enough_were_wanted),
        AUDIT_TEST(the_tail_reads_no_more_than_it_may),
        AUDIT_TEST(the_tail_passes_over_a_line_that_is_being_written),
        AUDIT_TEST(the_tail_of_nothing_is_empty),
        AUDIT_TEST(a_line_that_is_no_record_is_an_error),
        AUDIT_TEST(the_tail_goes_on_in_the_files_before),
        AUDIT_TEST(a_file_in_two_forms_is_told_once),
        AUDIT_TEST(what_cannot_be_read_backwards_ends_it),
        AUDIT_TEST(a_log_that_is_just_being_rotated_has_its_closed_files),
        AUDIT_TEST(without_any_file_it_is_an_error),
        AUDIT_TEST(any_changed_byte_is_found),
        AUDIT_TEST(a_line_taken_out_doubled_or_moved_is_found),
        AUDIT_TEST(a_continued_log_stands_by_itself),
    };
    return cmocka_run_group_tests_name("audit_read", tests, NULL, NULL);
}
