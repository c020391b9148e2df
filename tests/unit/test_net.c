/* Addresses, ranges, sockets, and the plain stream. */
#include "config.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/address.h"
#include "net/stream.h"

static char dir[32];

static char *in_dir(const char *name)
{
    return mem_printf("%s/%s", dir, name);
}

static struct sockaddr_storage address(const char *host, unsigned port)
{
    struct sockaddr_storage a;
    socklen_t len;
    struct error err;
    if (address_parse(host, port, &a, &len, &err) < 0)
        fail_msg("%s", err.text);
    return a;
}

/* --- addresses -------------------------------------------------------------------------------- */

static void addresses_are_written_one_way(void **state)
{
    static const struct {
        const char *in, *with_port, *host;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1:4434", "192.0.2.1" },
        { "2001:DB8:0::1", "[2001:db8::1]:4434", "2001:db8::1" },
        { "::ffff:192.0.2.1", "192.0.2.1:4434", "192.0.2.1" },
        { "::", "[::]:4434", "::" },
        { "fe80::1%lo", "[fe80::1%1]:4434", "fe80::1%1" },
    };
    char text[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sockaddr_storage a = address(cases[i].in, 4434);
        assert_string_equal(address_format(&a, text), cases[i].with_port);
        assert_string_equal(address_format_host(&a, text), cases[i].host);
    }
    struct sockaddr_storage a = { .ss_family = AF_UNIX };
    assert_string_equal(address_format(&a, text), "unix");
    a.ss_family = AF_UNSPEC;
    assert_string_equal(address_format(&a, text), "unknown");
}

static void limits_count_an_ipv6_network_as_one(void **state)
{
    static const struct {
        const char *in, *site;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
        { "2001:db8:1:2:ffff::", "2001:db8:1:2::/64" },
        { "2001:db8:1:3::", "2001:db8:1:3::/64" },
        { "::1", "::1" },
        { "fe80::1%lo", "fe80::1%1" },
    };
    char text[ADDRESS_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sockaddr_storage a = address(cases[i].in, 4434);
        assert_string_equal(address_format_site(&a, text), cases[i].site);
    }
}

static void what_is_not_a_numeric_address_is_refused(void **state)
{
    static const char *const bad[] = { "",           "localhost", "1.2.3",    "127.1",
                                       "0x7f.0.0.1", "1.2.3.4.5", "1.2.3.4 ", "[::1]",
                                       "::1%nosuch", "::1%",      "*",        "1.2.3.4:5" };
    struct sockaddr_storage a;
    socklen_t len;
    struct error err;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (address_parse(bad[i], 1, &a, &len, &err) == 0)
            fail_msg("'%s' was taken", bad[i]);
    }
    assert_true(address_parse("127.0.0.1", 65536, &a, &len, &err) < 0);
}

static void loopback_is_recognised_in_every_form(void **state)
{
    static const char *const yes[] = { "127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1" };
    static const char *const no[] = { "128.0.0.1",        "126.0.0.1", "::2",
                                      "::ffff:192.0.2.1", "0.0.0.0",   "::" };
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
        struct sockaddr_storage a = address(yes[i], 0);
        assert_true(address_is_loopback(&a));
    }
    for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
        struct sockaddr_storage a = address(no[i], 0);
        assert_false(address_is_loopback(&a));
    }
}

static void ranges_hold_what_they_say(void **state)
{
    static const struct {
        const char *range, *address;
        bool in;
    } cases[] = {
        { "192.0.2.0/24", "192.0.2.255", true },
        { "192.0.2.0/24", "192.0.3.0", false },
        { "192.0.2.0/24", "::ffff:192.0.2.9", true },
        { "192.0.2.128/25", "192.0.2.127", false },
        { "192.0.2.128/25", "192.0.2.128", true },
        { "192.0.2.7", "192.0.2.7", true },
        { "192.0.2.7", "192.0.2.6", false },
        { "0.0.0.0/0", "203.0.113.9", true },
        { "0.0.0.0/0", "2001:db8::1", false },
        { "::/0", "2001:db8::1", true },
        { "::/0", "192.0.2.1", false },
        { "::/0", "::ffff:192.0.2.1", false },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::1", false },
        { "::ffff:192.0.2.0/120", "192.0.2.3", true },
        { "::ffff:192.0.2.0/120", "192.0.3.3", false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct address_range r;
        struct error err;
        struct sockaddr_storage a = address(cases[i].address, 1);
        if (address_range_parse(cases[i].range, &r, &err) < 0)
            fail_msg("%s", err.text);
        if (address_range_contains(&r, &a) != cases[i].in)
            fail_msg("%s in %s", cases[i].address, cases[i].range);
    }
    struct address_range all;
    struct sockaddr_storage unix_peer = { .ss_family = AF_UNIX };
    assert_int_equal(address_range_parse("0.0.0.0/0", &all, NULL), 0);
    assert_false(address_range_contains(&all, &unix_peer));
}

static void what_is_not_a_range_is_refused(void **state)
{
    static const char *const bad[] = { "",
                                       "/8",
                                       "192.0.2.0/",
                                       "192.0.2.0/33",
                                       "192.0.2.0/-1",
                                       "192.0.2.0/+8",
                                       "192.0.2.0/8x",
                                       "192.0.2.1/24",
                                       "2001:db8::1/32",
                                       "::/129",
                                       "::ffff:0:0/95",
                                       "host/24",
                                       "fe80::%lo/64",
                                       "10/8",
                                       "192.0.2.0/0024" };
    struct address_range r;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (address_range_parse(bad[i], &r, NULL) == 0)
            fail_msg("'%s' was taken", bad[i]);
    }
}

/* --- TCP -------------------------------------------------------------------------------------- */

static void ipv4_and_ipv6_listen_side_by_side_and_connections_arrive(void **state)
{
    struct error err;
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    CLEANUP_FD int v4 = listen_tcp("0.0.0.0", 0, &err);
    assert_true(v4 >= 0);
    assert_int_equal(getsockname(v4, (struct sockaddr *)&a, &len), 0);
    unsigned port = ntohs(((struct sockaddr_in *)&a)->sin_port);
    CLEANUP_FD int v6 = listen_tcp("::", port, &err);
    if (v6 < 0)
        fail_msg("%s", err.text);
    a = address("127.0.0.1", port);
    CLEANUP_FD int client = connect_tcp(&a, sizeof(struct sockaddr_in), &err);
    assert_true(client >= 0);
    assert_int_equal(poll(&(struct pollfd){ .fd = v4, .events = POLLIN }, 1, 5000), 1);
    CLEANUP_FD int accepted = accept(v4, NULL, NULL);
    assert_true(accepted >= 0);
    assert_true(fcntl(client, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(client, F_GETFD) & FD_CLOEXEC);
    /* taken: said so, with the reason */
    assert_true(listen_tcp("0.0.0.0", port, &err) < 0);
    assert_non_null(strstr(err.text, "Address already in use"));
}

/* --- UNIX ------------------------------------------------------------------------------------- */

static struct listen_unix_settings at(const char *path)
{
    return (struct listen_unix_settings){
        .path = path, .mode = 0620, .owner = (uid_t)-1, .group = (gid_t)-1
    };
}

static void a_unix_socket_has_the_mode_that_was_asked_for(void **state)
{
    CLEANUP_FREE char *path = in_dir("mode");
    struct listen_unix_settings s = at(path);
    struct error err;
    struct stat st;
    mode_t old = umask(0177);
    CLEANUP_FD int fd = listen_unix(&s, &err);
    umask(old);
    if (fd < 0)
        fail_msg("%s", err.text);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0620);
    unlink(path);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    CLEANUP_FREE char *path = in_dir("stale");
    struct listen_unix_settings s = at(path);
    struct error err;
    int first = listen_unix(&s, &err);
    assert_true(first >= 0);
    assert_true(listen_unix(&s, &err) < 0);
    assert_non_null(strstr(err.text, "another process listens there"));
    close(first);
    CLEANUP_FD int second = listen_unix(&s, &err);
    assert_true(second >= 0);
    unlink(path);
}

static void another_file_in_the_way_stays(void **state)
{
    CLEANUP_FREE char *path = in_dir("file");
    CLEANUP_FREE char *link = in_dir("link");
    struct error err;
    close(open(path, O_CREAT | O_WRONLY, 0600));
    struct listen_unix_settings s = at(path);
    assert_true(listen_unix(&s, &err) < 0);
    assert_non_null(strstr(err.text, "is not a socket"));
    assert_int_equal(symlink(path, link), 0);
    s.path = link;
    assert_true(listen_unix(&s, &err) < 0);
    assert_int_equal(access(path, F_OK), 0);
    unlink(link);
    unlink(path);
}

static void a_path_that_does_not_fit_is_refused_not_cut(void **state)
{
    char path[200];
    struct error err;
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    struct listen_unix_settings s = at(path);
    assert_true(listen_unix(&s, &err) < 0);
    assert_true(connect_unix(path, &err) < 0);
    assert_true(connect_unix("", &err) < 0);
}

static void the_peer_of_a_unix_socket_is_known(void **state)
{
    CLEANUP_FREE char *path = in_dir("peer");
    struct listen_unix_settings s = at(path);
    struct error err;
    struct peer_credentials peer;
    CLEANUP_FD int listener = listen_unix(&s, &err);
    CLEANUP_FD int client = connect_unix(path, &err);
    assert_true(client >= 0);
    CLEANUP_FD int accepted = accept(listener, NULL, NULL);
    assert_int_equal(peer_credentials_get(accepted, &peer, &err), 0);
    assert_int_equal(peer.uid, getuid());
    assert_int_equal(peer.gid, getgid());
    assert_int_equal(peer.pid, getpid());
    unlink(path);
}

static void connecting_to_nobody_says_why(void **state)
{
    CLEANUP_FREE char *path = in_dir("nobody");
    struct error err;
    assert_true(connect_unix(path, &err) < 0);
    assert_non_null(strstr(err.text, "No such file or directory"));
}

/* --- the plain stream ------------------------------------------------------------------------- */

static struct stream *plain_pair(int *peer)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *peer = fds[1];
    return stream_new_plain(fds[0]);
}

static void a_plain_stream_reads_writes_and_ends(void **state)
{
    int peer;
    struct stream *s = plain_pair(&peer);
    char data[8];
    size_t n;
    assert_null(stream_tls(s));
    assert_int_equal(stream_handshake(s, NULL), STREAM_OK);
    assert_int_equal(stream_read(s, data, 8, &n, NULL), STREAM_WANT_READ);
    assert_int_equal(write(peer, "abc", 3), 3);
    assert_int_equal(stream_read(s, data, 8, &n, NULL), STREAM_OK);
    assert_int_equal(n, 3);
    assert_int_equal(stream_pending(s), 0);
    stream_shutdown(s);
    assert_int_equal(read(peer, data, 8), 0);
    close(peer);
    assert_int_equal(stream_read(s, data, 8, &n, NULL), STREAM_EOF);
    stream_free(s);
}

static void a_full_plain_stream_wants_to_write(void **state)
{
    int peer;
    struct stream *s = plain_pair(&peer);
    static char big[1 << 20];
    size_t n;
    enum stream_status status;
    while ((status = stream_write(s, big, sizeof(big), &n, NULL)) == STREAM_OK)
        assert_true(n > 0);
    assert_int_equal(status, STREAM_WANT_WRITE);
    stream_free(s);
    close(peer);
}

static void a_broken_plain_stream_fails_without_a_signal(void **state)
{
    int peer;
    struct stream *s = plain_pair(&peer);
    struct error err;
    size_t n;
    close(peer);
    assert_int_equal(stream_write(s, "x", 1, &n, &err), STREAM_FAILED);
    assert_non_null(strstr(err.text, "Broken pipe"));
    stream_free(s);
}

/* A descriptor that somebody passes along must not stay open in this process. */
static void a_descriptor_that_comes_along_is_closed(void **state)
{
    int peer, pipe_fds[2];
    struct stream *s = plain_pair(&peer);
    assert_int_equal(pipe2(pipe_fds, O_NONBLOCK), 0);
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { .bytes = { 0 } };
    char letter = 'x';
    struct iovec iov = { .iov_base = &letter, .iov_len = 1 };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pipe_fds[1], sizeof(int));
    assert_int_equal(sendmsg(peer, &msg, 0), 1);
    close(pipe_fds[1]);

    char byte;
    size_t n;
    assert_int_equal(stream_read(s, &byte, 1, &n, NULL), STREAM_OK);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 0); /* end of file: nobody holds the other end */
    close(pipe_fds[0]);
    close(peer);
    stream_free(s);
}

/* --- main ------------------------------------------------------------------------------------- */

static int setup(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/qmpgate-net-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_written_one_way),
        cmocka_unit_test(limits_count_an_ipv6_network_as_one),
        cmocka_unit_test(what_is_not_a_numeric_address_is_refused),
        cmocka_unit_test(loopback_is_recognised_in_every_form),
        cmocka_unit_test(ranges_hold_what_they_say),
        cmocka_unit_test(what_is_not_a_range_is_refused),
        cmocka_unit_test(ipv4_and_ipv6_listen_side_by_side_and_connections_arrive),
        cmocka_unit_test(a_unix_socket_has_the_mode_that_was_asked_for),
        cmocka_unit_test(a_stale_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(another_file_in_the_way_stays),
        cmocka_unit_test(a_path_that_does_not_fit_is_refused_not_cut),
        cmocka_unit_test(the_peer_of_a_unix_socket_is_known),
        cmocka_unit_test(connecting_to_nobody_says_why),
        cmocka_unit_test(a_plain_stream_reads_writes_and_ends),
        cmocka_unit_test(a_full_plain_stream_wants_to_write),
        cmocka_unit_test(a_broken_plain_stream_fails_without_a_signal),
        cmocka_unit_test(a_descriptor_that_comes_along_is_closed),
    };
    return cmocka_run_group_tests_name("net", tests, setup, teardown);
}
