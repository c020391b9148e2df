/* Following a log: each record once, whatever becomes of the files. */
#include "tests/unit/log_fixture.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include "audit/follow.h"

struct scene {
    struct fixture f; /* first: its setup and teardown are used */
    struct log_maker m;
    struct audit_follow *follow;
    uint64_t limit;
    int wake_fd;
    bool pass_over;
};

static int setup(void **state)
{
    void *fixture;
    struct scene *s = MEM_NEW(struct scene);
    fixture_setup(&fixture);
    s->f = *(struct fixture *)fixture;
    free(fixture);
    log_init(&s->m);
    s->wake_fd = -1;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    audit_follow_close(s->follow);
    log_clear(&s->m);
    if (s->wake_fd >= 0)
        close(s->wake_fd);
    remove_files(s->f.directory);
    rmdir(s->f.directory);
    free(s);
    return 0;
}

static uint64_t ask_limit(void *opaque)
{
    return ((struct scene *)opaque)->limit;
}

static void start(struct scene *s, uint64_t from)
{
    struct error err;
    struct audit_follow_settings settings = { .path = s->f.path,
                                              .from = from,
                                              .wake_fd = s->wake_fd,
                                              .opaque = s,
                                              .pass_over = s->pass_over };
    if (s->limit)
        settings.limit = ask_limit;
    if (audit_follow_open(&settings, &s->follow, &err) < 0)
        fail_msg("%s", err.text);
}

static struct audit_follow_item next(struct scene *s, int timeout_ms)
{
    struct audit_follow_item item;
    struct error err;
    if (audit_follow_next(s->follow, timeout_ms, &item, &err) < 0)
        fail_msg("%s", err.text);
    return item;
}

static void expect(struct scene *s, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++) {
        struct audit_follow_item item = next(s, 2000);
        if (item.event != AUDIT_FOLLOW_RECORD || item.seq != seq)
            fail_msg("event %d with record %llu where %llu is due", item.event,
                     (unsigned long long)item.seq, (unsigned long long)seq);
        CLEANUP_FREE char *begins = mem_printf("{\"v\":1,\"seq\":%llu,", (unsigned long long)seq);
        assert_memory_equal(item.line.data, begins, strlen(begins));
        assert_int_equal(item.line.data[item.line.len - 1], '\n');
    }
}

static void expect_nothing(struct scene *s)
{
    assert_int_equal(next(s, 0).event, AUDIT_FOLLOW_IDLE);
}

static char *named(struct scene *s, const char *tail)
{
    return mem_printf("%s%s", s->f.path, tail);
}

static void move(struct scene *s, const char *tail)
{
    CLEANUP_FREE char *to = named(s, tail);
    assert_int_equal(rename(s->f.path, to), 0);
}

/* `n` records in all, a segment record first. */
static void segment(struct scene *s, unsigned n, const char *reason)
{
    log_add_segment(&s->m, reason);
    log_add_many(&s->m, n - 1);
}

static void what_is_there_comes_and_then_what_is_written(void **state)
{
    struct scene *s = *state;
    segment(s, 3, "first");
    log_write(&s->m, s->f.path);
    start(s, 0);
    expect(s, 1, 3);
    expect_nothing(s);
    log_add_many(&s->m, 2);
    log_write(&s->m, s->f.path);
    expect(s, 4, 5);
    expect_nothing(s);
}

static void it_begins_where_it_was_told_to(void **state)
{
    struct scene *s = *state;
    segment(s, 5000, "first"); /* to be halved */
    log_write(&s->m, s->f.path);
    start(s, 4321);
    expect(s, 4321, 5000);
    expect_nothing(s);
}

static void what_is_to_come_is_waited_for(void **state)
{
    struct scene *s = *state;
    segment(s, 3, "first");
    log_write(&s->m, s->f.path);
    start(s, 5);
    expect_nothing(s);
    log_add_many(&s->m, 2);
    log_write(&s->m, s->f.path);
    expect(s, 5, 5);
}

static void only_what_is_new_comes_if_that_is_wanted(void **state)
{
    struct scene *s = *state;
    segment(s, 2000, "first");
    log_write(&s->m, s->f.path);
    start(s, AUDIT_FOLLOW_NEW);
    expect_nothing(s);
    log_add_many(&s->m, 1);
    log_write(&s->m, s->f.path);
    expect(s, 2001, 2001);
}

static void a_log_that_is_not_there_yet_is_waited_for(void **state)
{
    struct scene *s = *state;
    start(s, AUDIT_FOLLOW_NEW);
    expect_nothing(s);
    segment(s, 2, "first");
    log_write(&s->m, s->f.path);
    expect(s, 1, 2);
}

static void a_log_without_records_yet_is_waited_for(void **state)
{
    struct scene *s = *state;
    append_text(s->f.path, "", 0);
    start(s, AUDIT_FOLLOW_NEW);
    expect_nothing(s);
    segment(s, 2, "first");
    log_write(&s->m, s->f.path);
    expect(s, 1, 2);
}

static void half_a_line_is_not_handed_out(void **state)
{
    struct scene *s = *state;
    segment(s, 2, "first");
    append_text(s->f.path, buf_data(&s->m.text), buf_len(&s->m.text) - 10);
    start(s, 0);
    expect(s, 1, 1);
    expect_nothing(s);
    append_text(s->f.path, buf_data(&s->m.text) + buf_len(&s->m.text) - 10, 10);
    expect(s, 2, 2);
}

static void rotation_loses_and_doubles_nothing(void **state)
{
    struct scene *s = *state;
    segment(s, 3, "first");
    log_write(&s->m, s->f.path);
    start(s, 0);
    expect(s, 1, 2);
    log_add_many(&s->m, 2); /* 4 and 5 are written after the reader has looked */
    log_write(&s->m, s->f.path);
    move(s, ".0000000001.jsonl");
    segment(s, 3, "rotated");
    log_write(&s->m, s->f.path);
    move(s, ".0000000002.jsonl");
    segment(s, 2, "rotated");
    log_write(&s->m, s->f.path);
    expect(s, 3, 10);
    expect_nothing(s);
}

static void logrotate_may_rename_the_files(void **state)
{
    struct scene *s = *state;
    segment(s, 3, "first");
    log_write(&s->m, s->f.path);
    start(s, 2);
    expect(s, 2, 3);
    move(s, ".1");
    segment(s, 3, "rotated");
    log_write(&s->m, s->f.path);
    CLEANUP_FREE char *one = named(s, ".1"), *two = named(s, ".2");
    assert_int_equal(rename(one, two), 0);
    move(s, ".1");
    segment(s, 1, "rotated");
    log_write(&s->m, s->f.path);
    expect(s, 4, 7);
}

static void compressed_segments_are_read(void **state)
{
    struct scene *s = *state;
    CLEANUP_FREE char *one = named(s, ".0000000001.jsonl.zst");
    CLEANUP_FREE char *two = named(s, ".0000000002.jsonl.zst");
    segment(s, 500, "first");
    log_write_compressed(&s->m, one, 4096, true);
    segment(s, 500, "rotated");
    log_write_compressed(&s->m, two, 4096, false); /* as zstd(1) makes it */
    segment(s, 10, "rotated");
    log_write(&s->m, s->f.path);
    start(s, 250);
    expect(s, 250, 1010);
    audit_follow_close(s->follow);
    start(s, 999);
    expect(s, 999, 1010);
    expect_nothing(s);
}

static void a_file_may_give_way_to_its_compressed_form(void **state)
{
    struct scene *s = *state;
    CLEANUP_FREE char *plain = named(s, ".0000000001.jsonl");
    CLEANUP_FREE char *packed = named(s, ".0000000001.jsonl.zst");
    CLEANUP_BUF struct buf text = { 0 };
    segment(s, 500, "first");
    log_compress(&s->m.text, 4096, true, &text);
    log_write(&s->m, s->f.path);
    start(s, 0);
    expect(s, 1, 100);
    move(s, ".0000000001.jsonl");
    append_text(packed, buf_data(&text), buf_len(&text)); /* both are there for a while */
    expect(s, 101, 200);
    unlink(plain);
    expect(s, 201, 500);
    segment(s, 2, "rotated");
    log_write(&s->m, s->f.path);
    expect(s, 501, 502);
    expect_nothing(s);
}

static void what_is_gone_is_said(void **state)
{
    struct scene *s = *state;
    segment(s, 10, "first");
    buf_clear(&s->m.text); /* by retention */
    segment(s, 5, "rotated");
    log_write(&s->m, s->f.path);
    start(s, 4);
    struct audit_follow_item item = next(s, 0);
    assert_int_equal(item.event, AUDIT_FOLLOW_GAP);
    assert_int_equal(item.seq, 4);
    assert_int_equal(item.last, 10);
    expect(s, 11, 15);
    /* and in the midst: the file was removed while it was written */
    log_add_many(&s->m, 3);
    buf_clear(&s->m.text);
    unlink(s->f.path);
    segment(s, 2, "removed");
    log_write(&s->m, s->f.path);
    item = next(s, 2000);
    assert_int_equal(item.event, AUDIT_FOLLOW_GAP);
    assert_int_equal(item.seq, 16);
    assert_int_equal(item.last, 18);
    expect(s, 19, 20);
}

static void a_file_that_was_cut_to_nothing_is_begun_again(void **state)
{
    struct scene *s = *state;
    segment(s, 10, "first");
    log_write(&s->m, s->f.path);
    start(s, 0);
    expect(s, 1, 10);
    assert_int_equal(truncate(s->f.path, 0), 0); /* logrotate's copytruncate */
    segment(s, 3, "changed");
    log_write(&s->m, s->f.path);
    struct audit_follow_item item;
    for (int i = 0; (item = next(s, 100)).event == AUDIT_FOLLOW_IDLE && i < 100; i++)
        ;
    assert_int_equal(item.event, AUDIT_FOLLOW_RECORD);
    assert_int_equal(item.seq, 11);
    expect(s, 12, 13);
}

static void other_files_are_left_alone(void **state)
{
    struct scene *s = *state;
    CLEANUP_FREE char *torn = named(s, ".torn.4"), *lock = named(s, ".lock");
    CLEANUP_FREE char *notes = named(s, ".notes"),
                      *hidden = mem_printf("%s/.log.tmp", s->f.directory);
    CLEANUP_FREE char *other = named(s, "2"); /* another log */
    segment(s, 3, "first");
    append_text(other, buf_data(&s->m.text), buf_len(&s->m.text));
    append_text(hidden, buf_data(&s->m.text), buf_len(&s->m.text));
    log_write(&s->m, s->f.path);
    append_text(torn, "{\"v\":1,\"seq\":4,\"time\":\"2026", 27);
    append_text(lock, "qmpgate-audit 1 open", 20);
    append_text(notes, "hello\n", 6);
    start(s, 0);
    expect(s, 1, 3);
    expect_nothing(s);
}

static void nothing_past_the_limit_is_handed_out(void **state)
{
    struct scene *s = *state;
    segment(s, 10, "first");
    log_write(&s->m, s->f.path);
    s->limit = 4;
    start(s, 0);
    expect(s, 1, 4);
    expect_nothing(s);
    s->limit = 6;
    expect(s, 5, 6);
    expect_nothing(s);
}

static void what_a_writer_took_back_is_read_again(void **state)
{
    struct scene *s = *state;
    struct stat st;
    segment(s, 4, "first");
    log_write(&s->m, s->f.path);
    stat(s->f.path, &st);
    struct audit_chain before = s->m.chain;
    log_add(&s->m, "intent", ",\"text\":\"taken back\"");
    log_write(&s->m, s->f.path);
    s->limit = 4;
    start(s, 0);
    expect(s, 1, 4);
    expect_nothing(s); /* it has seen the fifth */
    assert_int_equal(truncate(s->f.path, st.st_size), 0);
    s->m.chain = before;
    log_add(&s->m, "intent", ",\"text\":\"instead\"");
    log_write(&s->m, s->f.path);
    s->limit = 5;
    struct audit_follow_item item = next(s, 2000);
    assert_int_equal(item.seq, 5);
    assert_non_null(memmem(item.line.data, item.line.len, "instead", 7));
}

static void a_line_that_is_no_record_is_an_error_once(void **state)
{
    struct scene *s = *state;
    struct audit_follow_item item;
    struct error err;
    segment(s, 3, "first");
    log_write(&s->m, s->f.path);
    append_text(s->f.path, "hello\n", 6);
    log_add_many(&s->m, 1);
    log_write(&s->m, s->f.path);
    start(s, 0);
    expect(s, 1, 3);
    assert_int_equal(audit_follow_next(s->follow, 0, &item, &err), ERROR_INVALID);
    assert_non_null(strstr(err.text, "no record at byte"));
    expect(s, 4, 4);
}

/* A bit of the file falls over, at the beginning of what is found. */
static void spoil(const char *path, const char *what)
{
    CLEANUP_FREE char *text = read_text(path);
    const char *found = strstr(text, what);
    assert_non_null(found);
    CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "?", 1, found - text), 1);
}

static void expect_gap(struct scene *s, uint64_t first, uint64_t last)
{
    struct audit_follow_item item = next(s, 2000);
    assert_int_equal(item.event, AUDIT_FOLLOW_GAP);
    assert_int_equal(item.seq, first);
    assert_int_equal(item.last, last);
}

static void a_damaged_line_may_be_passed_over(void **state)
{
    struct scene *s = *state;
    segment(s, 8, "first");
    log_write(&s->m, s->f.path);
    spoil(s->f.path, "\"seq\":5,");
    s->pass_over = true;
    start(s, 0);
    expect(s, 1, 4);
    expect_gap(s, 5, 5);
    expect(s, 6, 8);
    expect_nothing(s);
}

static void the_last_line_of_a_segment_too(void **state)
{
    struct scene *s = *state;
    CLEANUP_FREE char *first = named(s, ".0000000001");
    segment(s, 5, "first");
    log_write(&s->m, first);
    spoil(first, "\"seq\":5,");
    segment(s, 3, "rotated");
    log_write(&s->m, s->f.path);
    s->pass_over = true;
    start(s, 0);
    expect(s, 1, 4);
    expect_gap(s, 5, 5);
    expect(s, 6, 8);
}

static void a_line_without_end_too(void **state)
{
    struct scene *s = *state;
    CLEANUP_FREE char *endless = mem_alloc(300000);
    memset(endless, 'x', 300000);
    endless[299999] = '\n';
    segment(s, 4, "first");
    log_write(&s->m, s->f.path);
    append_text(s->f.path, endless, 300000);
    log_add_many(&s->m, 1);
    buf_clear(&s->m.text);
    log_add_many(&s->m, 2);
    log_write(&s->m, s->f.path);
    s->pass_over = true;
    start(s, 0);
    expect(s, 1, 4);
    expect_gap(s, 5, 5);
    expect(s, 6, 7);
}

/* 3000 records in frames, of which one is damaged, and five. */
static void write_damaged(struct scene *s, bool with_table)
{
    CLEANUP_BUF struct buf packed = { 0 };
    CLEANUP_FREE char *first = named(s, ".0000000001.zst");
    segment(s, 3000, "first");
    log_compress(&s->m.text, 100000, with_table, &packed);
    buf_clear(&s->m.text);
    size_t half = buf_len(&packed) / 2;
    const char *frame = memmem(buf_data(&packed) + half, half, "\x28\xb5\x2f\xfd", 4);
    assert_non_null(frame);
    append_text(first, buf_data(&packed), buf_len(&packed));
    CLEANUP_FD int fd = open(first, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "damage", 6, frame - buf_data(&packed)), 6);
    segment(s, 5, "rotated");
    log_write(&s->m, s->f.path);
}

static void expect_rest_of(struct scene *s, uint64_t from)
{
    struct audit_follow_item item = next(s, 2000);
    for (; item.event == AUDIT_FOLLOW_RECORD; item = next(s, 2000))
        assert_int_equal(item.seq, from++);
    assert_int_equal(item.event, AUDIT_FOLLOW_GAP);
    assert_int_equal(item.seq, from);
    assert_int_equal(item.last, 3000);
    expect(s, 3001, 3005);
}

static void so_is_the_rest_of_a_damaged_compressed_file(void **state)
{
    struct scene *s = *state;
    write_damaged(s, true);
    s->pass_over = true;
    start(s, 0);
    expect(s, 1, 100);
    expect_rest_of(s, 101);
}

static void and_of_one_without_a_table(void **state)
{
    struct scene *s = *state;
    write_damaged(s, false);
    s->pass_over = true;
    start(s, 0);
    expect_rest_of(s, 1);
}

static void a_place_behind_the_damage_is_found(void **state)
{
    struct scene *s = *state;
    write_damaged(s, true);
    s->pass_over = true;
    start(s, 2990);
    struct audit_follow_item item = next(s, 2000);
    if (item.event == AUDIT_FOLLOW_RECORD)
        expect(s, 2991, 3005);
    else /* it was found by reading from the front */
        expect(s, 3001, 3005);
}

static void a_readable_descriptor_ends_the_wait(void **state)
{
    struct scene *s = *state;
    segment(s, 2, "first");
    log_write(&s->m, s->f.path);
    s->wake_fd = eventfd(1, EFD_CLOEXEC);
    start(s, 0);
    expect(s, 1, 2); /* what is there comes first */
    assert_int_equal(next(s, -1).event, AUDIT_FOLLOW_WOKEN);
}

/* --- beside a writer -------------------------------------------------------------------------- */

#define RECORDS 20000u

/* Writes, rotates, renames, compresses, as fast as it can. */
static void *write_all(void *opaque)
{
    struct scene *s = opaque;
    unsigned file = 0;
    while (s->m.chain.seq < RECORDS) {
        log_add_segment(&s->m, file ? "rotated" : "first");
        CLEANUP_BUF struct buf whole = { 0 };
        for (unsigned i = 0; i < 50; i++) {
            log_add_many(&s->m, 20);
            buf_add(&whole, buf_data(&s->m.text), buf_len(&s->m.text));
            /* in two pieces, so that half a line is there at times */
            append_text(s->f.path, buf_data(&s->m.text), buf_len(&s->m.text) / 2);
            buf_consume(&s->m.text, buf_len(&s->m.text) / 2);
            log_write(&s->m, s->f.path);
        }
        CLEANUP_FREE char *plain = mem_printf("%s.%010u.jsonl", s->f.path, ++file);
        CLEANUP_FREE char *packed = mem_printf("%s.zst", plain);
        CLEANUP_FREE char *hidden = mem_printf("%s/.tmp", s->f.directory);
        CLEANUP_BUF struct buf text = { 0 };
        rename(s->f.path, plain);
        if (file % 2) {
            log_compress(&whole, 16384, true, &text);
            append_text(hidden, buf_data(&text), buf_len(&text));
            rename(hidden, packed);
            unlink(plain);
        }
    }
    return NULL;
}

static void a_writer_that_rotates_and_compresses_is_followed(void **state)
{
    struct scene *s = *state;
    pthread_t writer;
    start(s, 0);
    assert_int_equal(pthread_create(&writer, NULL, write_all, s), 0);
    expect(s, 1, RECORDS);
    pthread_join(writer, NULL);
}

int main(void)
{
#define FOLLOW_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        FOLLOW_TEST(half_a_line_is_not_handed_out),
        FOLLOW_TEST(nothing_past_the_limit_is_handed_out),
        FOLLOW_TEST(what_a_writer_took_back_is_read_again),
        FOLLOW_TEST(other_files_are_left_alone),
        FOLLOW_TEST(what_is_gone_is_said),
        FOLLOW_TEST(a_line_that_is_no_record_is_an_error_once),
        FOLLOW_TEST(a_damaged_line_may_be_passed_over),
        FOLLOW_TEST(the_last_line_of_a_segment_too),
        FOLLOW_TEST(a_line_without_end_too),
        FOLLOW_TEST(so_is_the_rest_of_a_damaged_compressed_file),
        FOLLOW_TEST(and_of_one_without_a_table),
        FOLLOW_TEST(a_place_behind_the_damage_is_found),
        FOLLOW_TEST(what_is_there_comes_and_then_what_is_written),
        FOLLOW_TEST(it_begins_where_it_was_told_to),
        FOLLOW_TEST(what_is_to_come_is_waited_for),
        FOLLOW_TEST(only_what_is_new_comes_if_that_is_wanted),
        FOLLOW_TEST(a_log_that_is_not_there_yet_is_waited_for),
        FOLLOW_TEST(a_log_without_records_yet_is_waited_for),
        FOLLOW_TEST(rotation_loses_and_doubles_nothing),
        FOLLOW_TEST(logrotate_may_rename_the_files),
        FOLLOW_TEST(compressed_segments_are_read),
        FOLLOW_TEST(a_file_may_give_way_to_its_compressed_form),
        FOLLOW_TEST(a_file_that_was_cut_to_nothing_is_begun_again),
        FOLLOW_TEST(a_readable_descriptor_ends_the_wait),
        FOLLOW_TEST(a_writer_that_rotates_and_compresses_is_followed),
    };
    return cmocka_run_group_tests_name("audit_follow", tests, NULL, NULL);
}
