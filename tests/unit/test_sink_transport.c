/* What a transport over a UNIX socket knows of its receiver. */
#include "config.h"
#include "tests/unit/audit_fixture.h"

#include <sys/socket.h>
#include <sys/un.h>
#include "audit/sink_transport.h"
#include "base/clock.h"

struct scene {
    struct sink_transport *t;
    char path[128];
    int receiver;
};

static const struct syslog_format format = {
    .hostname = "h",
    .app_name = "a",
    .sd_id = SYSLOG_SD_ID_DEFAULT,
    .message_bytes = SYSLOG_MESSAGE_MIN,
};

static int listen_at(const char *path, int type)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    memcpy(a.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void open_scene(struct scene *s, const struct fixture *f, int type, bool journal)
{
    struct error err;
    snprintf(s->path, sizeof(s->path), "%s/socket", f->directory);
    s->receiver = listen_at(s->path, type);
    s->t = journal ? sink_transport_new_journal(s->path, "q")
                   : sink_transport_new_unix(s->path, &format);
    if (s->t->ops->open(s->t, -1, &err) < 0)
        fail_msg("%s", err.text);
    if (type == SOCK_STREAM) {
        int listening = s->receiver;
        s->receiver = accept(listening, NULL, NULL);
        close(listening);
    }
}

static void close_scene(struct scene *s)
{
    s->t->ops->free(s->t);
    if (s->receiver >= 0)
        close(s->receiver);
}

static enum sink_sent send_text(struct scene *s, const char *text)
{
    size_t n = 0;
    enum sink_sent sent = s->t->ops->send(s->t, (struct span){ text, strlen(text) }, &n, NULL);
    if (sent == SINK_SENT)
        assert_int_equal(n, strlen(text));
    return sent;
}

static void read_one(struct scene *s, const char *expected)
{
    char text[256];
    ssize_t n = recv(s->receiver, text, sizeof(text), 0);
    assert_int_equal(n, (ssize_t)strlen(expected));
    assert_memory_equal(text, expected, (size_t)n);
}

static void only_what_was_read_is_taken_by(void **state, int type)
{
    struct scene s;
    open_scene(&s, *state, type, false);
    assert_true(s.t->ops->progress(s.t).all);
    assert_int_equal(send_text(&s, "one"), SINK_SENT);
    struct sink_progress p = s.t->ops->progress(s.t);
    assert_false(p.all);
    assert_true(p.taken < p.sent);
    read_one(&s, "one");
    p = s.t->ops->progress(s.t);
    assert_true(p.all && p.taken == p.sent);
    assert_int_equal(s.t->ops->look(s.t, NULL), 0);
    close_scene(&s);
}

static void only_what_was_read_of_datagrams_is_taken(void **state)
{
    only_what_was_read_is_taken_by(state, SOCK_DGRAM);
}

static void only_what_was_read_of_a_stream_is_taken(void **state)
{
    only_what_was_read_is_taken_by(state, SOCK_STREAM);
}

/* What it had not read counts as read when it is gone: so it must be known that it is gone. */
static void a_receiver_that_ended_is_found_out_by(void **state, int type)
{
    struct scene s;
    open_scene(&s, *state, type, false);
    assert_int_equal(send_text(&s, "one"), SINK_SENT);
    close(s.receiver);
    s.receiver = -1;
    assert_true(s.t->ops->look(s.t, NULL) < 0);
    assert_false(s.t->ops->finish(s.t, clock_monotonic_us()));
    close_scene(&s);
}

static void a_receiver_of_datagrams_that_ended_is_found_out(void **state)
{
    a_receiver_that_ended_is_found_out_by(state, SOCK_DGRAM);
}

static void a_receiver_of_a_stream_that_ended_is_found_out(void **state)
{
    a_receiver_that_ended_is_found_out_by(state, SOCK_STREAM);
}

/* Another at the same place is not the one that was sent to. */
static void one_that_came_in_its_place_is_another(void **state)
{
    struct scene s;
    open_scene(&s, *state, SOCK_DGRAM, false);
    assert_int_equal(send_text(&s, "one"), SINK_SENT);
    close(s.receiver);
    s.receiver = listen_at(s.path, SOCK_DGRAM);
    assert_true(s.t->ops->look(s.t, NULL) < 0);
    assert_int_equal(send_text(&s, "two"), SINK_BROKEN);
    close_scene(&s);
}

static void a_full_receiver_is_waited_for(void **state)
{
    struct scene s;
    enum sink_sent sent = SINK_SENT;
    open_scene(&s, *state, SOCK_DGRAM, false);
    for (unsigned i = 0; i < 100000 && sent == SINK_SENT; i++)
        sent = send_text(&s, "one");
    assert_int_equal(sent, SINK_WAIT);
    assert_int_equal(s.t->ops->look(s.t, NULL), 0);
    assert_false(s.t->ops->finish(s.t, clock_monotonic_us() + 1000));
    assert_int_equal(sink_wait(-1, s.t->fd, s.t->events, clock_monotonic_us() + 1000),
                     SINK_TIMEOUT);
    close_scene(&s);
}

static void journald_is_no_stream(void **state)
{
    const struct fixture *f = *state;
    struct error err = { .text = "" };
    CLEANUP_FREE char *path = mem_printf("%s/socket", f->directory);
    int fd = listen_at(path, SOCK_STREAM);
    struct sink_transport *t = sink_transport_new_journal(path, "q");
    assert_true(t->ops->open(t, -1, &err) < 0);
    assert_non_null(strstr(err.text, "cannot connect to"));
    t->ops->free(t);
    close(fd);
}

/* An entry that no datagram holds comes as a file: sealed, so that journald takes it. */
static void a_long_entry_goes_to_journald_as_a_sealed_file(void **state)
{
    struct scene s;
    struct error err;
    size_t n = 0, size = 4u << 20;
    char *text = mem_alloc(size);
    memset(text, 'x', size);
    open_scene(&s, *state, SOCK_DGRAM, true);
    if (s.t->ops->send(s.t, (struct span){ text, size }, &n, &err) != SINK_SENT)
        fail_msg("%s", err.text);
    assert_int_equal(n, size);

    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr m = { .msg_control = control.room, .msg_controllen = sizeof(control.room) };
    assert_int_equal(recvmsg(s.receiver, &m, MSG_CMSG_CLOEXEC), 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    assert_non_null(c);
    assert_int_equal(c->cmsg_type, SCM_RIGHTS);
    int file;
    memcpy(&file, CMSG_DATA(c), sizeof(file));
    struct stat st;
    assert_int_equal(fstat(file, &st), 0);
    assert_int_equal(st.st_size, (off_t)size);
    assert_int_equal(fcntl(file, F_GET_SEALS),
                     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    close(file);
    free(text);
    close_scene(&s);
}

static void a_message_that_no_datagram_holds_is_told_of(void **state)
{
    struct scene s;
    struct error err = { .text = "" };
    size_t n = 0, size = 4u << 20;
    char *text = mem_zalloc(size);
    open_scene(&s, *state, SOCK_DGRAM, false);
    assert_int_equal(s.t->ops->send(s.t, (struct span){ text, size }, &n, &err), SINK_BROKEN);
    assert_non_null(strstr(err.text, "lower message_bytes"));
    free(text);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(only_what_was_read_of_datagrams_is_taken),
        AUDIT_TEST(only_what_was_read_of_a_stream_is_taken),
        AUDIT_TEST(a_receiver_of_datagrams_that_ended_is_found_out),
        AUDIT_TEST(a_receiver_of_a_stream_that_ended_is_found_out),
        AUDIT_TEST(one_that_came_in_its_place_is_another),
        AUDIT_TEST(a_full_receiver_is_waited_for),
        AUDIT_TEST(journald_is_no_stream),
        AUDIT_TEST(a_long_entry_goes_to_journald_as_a_sealed_file),
        AUDIT_TEST(a_message_that_no_datagram_holds_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
