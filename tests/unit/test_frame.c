#include "config.h"
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/limits.h"
#include "qmp/frame.h"

static const struct qmp_scan_limits limits = { .max_bytes = 1024,
                                               .max_depth = 8,
                                               .max_tokens = 1024 };

struct fixture {
    struct qmp_scanner *scanner;
    struct qmp_framer framer;
    struct buf log; /* one letter a result, a message's text in angle brackets */
};

static int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->scanner = qmp_scanner_new(&limits);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    qmp_scanner_free(f->scanner);
    buf_free(&f->log);
    test_free(f);
    return 0;
}

/* Feeds all of `in`, as a connection would; true while it stays open. */
static bool drain(struct fixture *f, struct buf *in)
{
    for (;;) {
        size_t consumed;
        enum qmp_frame_status status = qmp_framer_next(
            &f->framer, f->scanner, in->mem ? buf_data(in) : NULL, buf_len(in), &consumed);
        const struct qmp_tape *t = qmp_scanner_tape(f->scanner);
        switch (status) {
        case QMP_FRAME_MORE:
            buf_consume(in, consumed);
            return true;
        case QMP_FRAME_MESSAGE:
            buf_add_char(&f->log, '<');
            buf_add_span(&f->log, qmp_tape_raw(t, 0));
            buf_add_char(&f->log, '>');
            break;
        case QMP_FRAME_BROKEN:
            buf_add_char(&f->log, 'B');
            break;
        case QMP_FRAME_GARBAGE:
            buf_add_char(&f->log, 'G');
            break;
        case QMP_FRAME_CLOSE:
            buf_add_char(&f->log, 'C');
            return false;
        }
        buf_consume(in, consumed);
    }
}

static void assert_frames(struct fixture *f, const char *text, size_t len, const char *expected)
{
    for (size_t piece = len ? len : 1; piece > 0; piece = piece == 1 ? 0 : piece / 3 + 1) {
        CLEANUP_BUF struct buf in = { 0 };
        f->framer = (struct qmp_framer){ 0 };
        buf_clear(&f->log);
        bool open = true;
        for (size_t at = 0; at < len && open; at += piece) {
            buf_add(&in, text + at, at + piece < len ? piece : len - at);
            open = drain(f, &in);
        }
        buf_add_char(&f->log, '\0');
        assert_string_equal(buf_data(&f->log), expected);
    }
}

#define ASSERT_FRAMES(state, lit, expected) assert_frames(*(state), lit, sizeof(lit) - 1, expected)

static void messages_need_nothing_between_them(void **state)
{
    ASSERT_FRAMES(state, "{\"a\":1}{\"b\":2}[3]", "<{\"a\":1}><{\"b\":2}><[3]>");
}

static void white_space_between_messages_is_dropped(void **state)
{
    ASSERT_FRAMES(state, " \r\n\t{} \n\n {\n}\r\n  ", "<{}><{\n}>");
    ASSERT_FRAMES(state, "   \n", "");
}

static void a_beginning_waits_for_its_end(void **state)
{
    struct fixture *f = *state;
    ASSERT_FRAMES(state, "{}{\"a\":", "<{}>");
    assert_true(qmp_framer_mid_message(&f->framer));
}

static void a_broken_rule_keeps_the_framing(void **state)
{
    ASSERT_FRAMES(state, "{\"a\":1,\"a\":2}{\"b\":1}", "B<{\"b\":1}>");
    ASSERT_FRAMES(state, "[[[[[[[[[[1]]]]]]]]]]{\"b\":1}", "B<{\"b\":1}>");
}

static void after_garbage_a_new_line_is_judged_afresh(void **state)
{
    ASSERT_FRAMES(state, "{\"a\":'x'}\n{\"b\":1}", "G<{\"b\":1}>");
    ASSERT_FRAMES(state, "{\"a\"\x01\n{\"b\":1}", "G<{\"b\":1}>");
    ASSERT_FRAMES(state, "{\"a\":\"x\n{\"b\":1}", "G<{\"b\":1}>"); /* the line feed is the error */
}

static void nothing_inside_a_bad_line_is_a_message(void **state)
{
    ASSERT_FRAMES(state, "{\"a\":\"\x01{\"execute\":\"quit\"}\"}{\"execute\":\"quit\"}\n{}",
                  "G<{}>");
    ASSERT_FRAMES(state, "\xff{\"execute\":\"quit\"}\n{}", "G<{}>");
    ASSERT_FRAMES(state, "\xef\xbb\xbf{\"execute\":\"quit\"}\n{}", "G<{}>");
    ASSERT_FRAMES(state, "{\"a\":\"\xff\"}{\"execute\":\"quit\"}\n{}", "G<{}>");
    ASSERT_FRAMES(state, "{'execute':'quit'}{\"execute\":\"quit\"}", "G");
}

static void three_errors_in_a_row_close(void **state)
{
    struct fixture *f = *state;
    ASSERT_FRAMES(state, "x\nx\nx\n{}", "GGC");
    assert_non_null(f->framer.fault.text);
    ASSERT_FRAMES(state, "x\nx\n{}\nx\nx\n{}", "GG<{}>GG<{}>");
    ASSERT_FRAMES(state, "x\nx\n{\"a\":1,\"a\":1}x\nx\nx\n", "GGBGGC");
}

static void garbage_without_end_closes(void **state)
{
    struct fixture *f = *state;
    CLEANUP_BUF struct buf in = { 0 };
    memset(buf_reserve(&in, LIMIT_RESYNC_BYTES + 1), 'x', LIMIT_RESYNC_BYTES);
    buf_commit(&in, LIMIT_RESYNC_BYTES);
    assert_false(drain(f, &in));
    assert_int_equal(buf_len(&f->log), 2);
    assert_memory_equal(buf_data(&f->log), "GC", 2);
    assert_null(f->framer.fault.text); /* the error was answered once */
}

static void garbage_that_ends_in_time_does_not_close(void **state)
{
    struct fixture *f = *state;
    CLEANUP_BUF struct buf in = { 0 };
    memset(buf_reserve(&in, LIMIT_RESYNC_BYTES), 'x', LIMIT_RESYNC_BYTES);
    buf_commit(&in, LIMIT_RESYNC_BYTES);
    buf_data(&in)[LIMIT_RESYNC_BYTES - 1] = '\n';
    assert_true(drain(f, &in));
    assert_false(qmp_framer_skipping(&f->framer));
}

static void each_error_may_skip_as_much_again(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        CLEANUP_BUF struct buf in = { 0 };
        memset(buf_reserve(&in, LIMIT_RESYNC_BYTES), 'x', LIMIT_RESYNC_BYTES / 2);
        buf_commit(&in, LIMIT_RESYNC_BYTES / 2);
        buf_add_str(&in, "\n{}");
        assert_true(drain(f, &in));
    }
    assert_int_equal(buf_len(&f->log), 5 * 5); /* G<{}> */
}

static void a_message_over_the_limit_is_skipped_to_its_line_end(void **state)
{
    struct fixture *f = *state;
    CLEANUP_BUF struct buf in = { 0 };
    buf_add_str(&in, "{\"a\":\"");
    memset(buf_reserve(&in, 2000), 'x', 2000);
    buf_commit(&in, 2000);
    buf_add_str(&in, "\"}{\"execute\":\"quit\"}\n{}");
    assert_true(drain(f, &in));
    assert_int_equal(buf_len(&f->log), 5);
    assert_memory_equal(buf_data(&f->log), "G<{}>", 5);
    assert_int_equal(buf_len(&in), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(messages_need_nothing_between_them),
        T(white_space_between_messages_is_dropped),
        T(a_beginning_waits_for_its_end),
        T(a_broken_rule_keeps_the_framing),
        T(after_garbage_a_new_line_is_judged_afresh),
        T(nothing_inside_a_bad_line_is_a_message),
        T(three_errors_in_a_row_close),
        T(garbage_without_end_closes),
        T(garbage_that_ends_in_time_does_not_close),
        T(each_error_may_skip_as_much_again),
        T(a_message_over_the_limit_is_skipped_to_its_line_end),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
