/* A sink whole: from the log to a receiver. */
#include "config.h"
#include "tests/unit/audit_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>
#include "audit/line.h"
#include "audit/sink.h"
#include "audit/sink_position.h"

/* --- what a position is worth ----------------------------------------------------------------- */

/* A log with five records, and a sink that has a position. */
struct copying {
    struct audit *a;
    struct audit_batch *b;
    char directory[128], socket[128];
    int receiver;
    struct audit_sink *sink;
};

static struct audit_chain chain_of(const char *path, uint64_t seq)
{
    CLEANUP_FREE char *text = read_text(path);
    const char *line = text;
    struct line_ends ends;
    while (line_parse_ends((struct span){ line, strcspn(line, "\n") + 1 }, &ends) && ends.seq < seq)
        line += strcspn(line, "\n") + 1;
    struct audit_chain at = { .seq = ends.seq };
    assert_int_equal(at.seq, seq);
    memcpy(at.hash, ends.hash, sizeof(at.hash));
    return at;
}

static void begin_copying(struct copying *c, const struct fixture *f)
{
    struct audit_settings settings = { .path = f->path, .sinks = 1 };
    struct error err;
    *c = (struct copying){ .receiver = -1 };
    assert_int_equal(audit_open(&settings, &c->a, &err), 0);
    c->b = audit_batch_new(c->a);
    for (int i = 0; i < 4; i++)
        add_simple(c->b, AUDIT_INTENT, "");
    assert_int_equal(commit(c->b), 5); /* with the segment's */
    snprintf(c->directory, sizeof(c->directory), "%s-state", f->directory);
    snprintf(c->socket, sizeof(c->socket), "%s/receiver", f->directory);
    assert_int_equal(mkdir(c->directory, 0700), 0);
}

static void make_sink(struct copying *c, const struct fixture *f, const struct audit_chain *at)
{
    struct sink_place *p;
    struct audit_chain old;
    bool fresh;
    struct error err;
    assert_int_equal(sink_place_open(c->directory, "a", &p, &old, &fresh, &err), 0);
    assert_int_equal(sink_place_save(p, at, &err), 0);
    sink_place_close(p);
    struct audit_sink_settings settings = {
        .name = "a",
        .type = AUDIT_SINK_SYSLOG_UNIX,
        .audit = c->a,
        .log = f->path,
        .state_dir = c->directory,
        .path = c->socket,
        .format = { .hostname = "h", .app_name = "a", .sd_id = "x@1", .message_bytes = 8192 },
        .queue = 16,
        .retry_seconds = 1,
        .lag_seconds = 60,
    };
    assert_int_equal(audit_sink_new(&settings, &c->sink, &err), 0);
}

static void start_copying(struct copying *c)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    struct error err;
    memcpy(name.sun_path, c->socket, strlen(c->socket) + 1);
    c->receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = { .tv_sec = 10 };
    setsockopt(c->receiver, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(bind(c->receiver, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(audit_sink_start(c->sink, &err), 0);
}

static void end_copying(struct copying *c)
{
    audit_sink_detach(c->sink);
    audit_batch_free(c->b);
    audit_close(c->a);
    audit_sink_end(c->sink, clock_monotonic_us());
    assert_true(audit_sink_join(c->sink, clock_monotonic_us() + 10 * USEC_PER_SEC));
    audit_sink_free(c->sink);
    if (c->receiver >= 0)
        close(c->receiver);
    remove_files(c->directory);
    rmdir(c->directory);
}

static void a_position_is_not_believed_before_its_record_was_found(void **state)
{
    struct fixture *f = *state;
    struct copying c;
    begin_copying(&c, f);
    struct audit_chain at = chain_of(f->path, 5);
    make_sink(&c, f, &at);
    assert_int_equal(audit_shipped(c.a), 0);
    start_copying(&c);
    WAIT_FOR(audit_shipped(c.a) == 5);
    end_copying(&c);
}

static void a_position_of_another_log_holds_back_all_of_this_one(void **state)
{
    struct fixture *f = *state;
    struct copying c;
    begin_copying(&c, f);
    struct audit_chain at = { .seq = 3 };
    make_sink(&c, f, &at);
    audit_hold_retention(c.a, 0, at.seq);
    remove_files(c.directory); /* so that nothing can be saved */
    assert_int_equal(rmdir(c.directory), 0);
    start_copying(&c);
    WAIT_FOR(audit_shipped(c.a) == 0);
    end_copying(&c);
}

static void a_damaged_record_holds_up_no_other(void **state)
{
    struct fixture *f = *state;
    struct copying c;
    begin_copying(&c, f);
    CLEANUP_FREE char *text = read_text(f->path);
    CLEANUP_FD int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "?", 1, strstr(text, "\"seq\":3,") - text), 1);
    make_sink(&c, f, &(struct audit_chain){ .seq = 0 });
    start_copying(&c);
    for (int i = 0; i < 4; i++) {
        char message[8192];
        assert_true(recv(c.receiver, message, sizeof(message), 0) > 0);
    }
    WAIT_FOR(audit_shipped(c.a) == 5);
    struct audit_sink_stats stats;
    audit_sink_get_stats(c.sink, &stats);
    assert_int_equal(stats.skipped, 1);
    assert_int_equal(stats.sent, 4);
    end_copying(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(a_position_is_not_believed_before_its_record_was_found),
        AUDIT_TEST(a_position_of_another_log_holds_back_all_of_this_one),
        AUDIT_TEST(a_damaged_record_holds_up_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
