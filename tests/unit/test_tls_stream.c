/* Bytes over an open TLS stream: interruptions, ends, and peers that misbehave. */
#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/tls_pair.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/tls.h"

static struct pair open_pair(void)
{
    struct tls_context *server = server_context(NULL), *client = client_context(&world.client);
    struct pair p = pair_new(server, client, TLS_CLIENT_CERT_REQUIRED, HOST);
    tls_context_unref(server);
    tls_context_unref(client);
    pair_handshake(&p);
    assert_int_equal(p.server_status, STREAM_OK);
    assert_int_equal(p.client_status, STREAM_OK);
    return p;
}

/* A raw socket in the client's place. */
static struct stream *server_of_raw_peer(int *peer)
{
    int fds[2];
    struct tls_context *c = server_context(NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *peer = fds[1];
    struct stream *s = stream_new_tls_server(c, fds[0], TLS_CLIENT_CERT_NONE, "public");
    tls_context_unref(c);
    return s;
}

/* A ticket that comes in wants a client to read again, though more is there to be read. */
static enum stream_status read_past_tickets(struct stream *s, void *data, size_t len, size_t *n)
{
    enum stream_status status = STREAM_WANT_READ;
    for (int i = 0; i < 4 && status == STREAM_WANT_READ; i++)
        status = stream_read(s, data, len, n, NULL);
    return status;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void the_descriptor_is_non_blocking_and_closes_on_exec(void **state)
{
    struct pair p = open_pair();
    assert_true(fcntl(stream_fd(p.server), F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(stream_fd(p.server), F_GETFD) & FD_CLOEXEC);
    pair_free(&p);
}

static void nothing_to_read_wants_to_read(void **state)
{
    struct pair p = open_pair();
    char byte;
    size_t n;
    assert_int_equal(stream_read(p.server, &byte, 1, &n, NULL), STREAM_WANT_READ);
    assert_int_equal(n, 0);
    pair_free(&p);
}

static void what_a_short_read_leaves_is_pending(void **state)
{
    struct pair p = open_pair();
    char data[4];
    size_t n;
    assert_int_equal(stream_write(p.client, "0123456789", 10, &n, NULL), STREAM_OK);
    assert_int_equal(n, 10);
    assert_int_equal(stream_pending(p.server), 0);
    assert_int_equal(stream_read(p.server, data, 4, &n, NULL), STREAM_OK);
    assert_int_equal(n, 4);
    assert_int_equal(stream_pending(p.server), 6);
    assert_int_equal(stream_read(p.server, data, 4, &n, NULL), STREAM_OK);
    assert_memory_equal(data, "4567", 4);
    pair_free(&p);
}

static void records_that_came_together_are_pending(void **state)
{
    struct pair p = open_pair();
    char data[16];
    size_t n;
    for (int i = 0; i < 3; i++)
        assert_int_equal(stream_write(p.client, "record", 6, &n, NULL), STREAM_OK);
    for (int i = 0; i < 3; i++) { /* the socket is empty after the first: poll would not tell */
        assert_int_equal(stream_read(p.server, data, sizeof(data), &n, NULL), STREAM_OK);
        assert_int_equal(n, 6);
        assert_int_equal(stream_pending(p.server) > 0, i < 2);
    }
    assert_int_equal(stream_read(p.server, data, sizeof(data), &n, NULL), STREAM_WANT_READ);
    pair_free(&p);
}

static void data_behind_a_ticket_is_read_with_it(void **state)
{
    struct pair p = open_pair(); /* the server's tickets lie in the client's socket */
    char data[16];
    size_t n;
    assert_int_equal(stream_write(p.server, "greeting", 8, &n, NULL), STREAM_OK);
    assert_int_equal(stream_read(p.client, data, sizeof(data), &n, NULL), STREAM_OK);
    assert_int_equal(n, 8);
    pair_free(&p);
}

/* Reads all there is, checks that it goes on at *at of the pattern. */
static void drain(struct stream *s, size_t *at)
{
    unsigned char data[5000];
    size_t n;
    struct error err;
    enum stream_status status;
    while ((status = stream_read(s, data, sizeof(data), &n, &err)) == STREAM_OK) {
        for (size_t i = 0; i < n; i++, ++*at) {
            if (data[i] != (unsigned char)(*at * 31 / 7))
                fail_msg("byte %zu is wrong", *at);
        }
    }
    assert_int_equal(status, STREAM_WANT_READ);
}

/* The socket's buffer takes a fraction of what is sent. After each WANT the bytes come again from
 * another address, and more of them, as from a buffer that grew. */
static void an_interrupted_write_sends_each_byte_once(void **state)
{
    enum { TOTAL = 700000, FIRST = 20000 };
    struct pair p = open_pair();
    struct error err;
    size_t put = 0, got = 0, want = FIRST, n;
    unsigned interrupted = 0;
    int small = 4096;
    assert_int_equal(setsockopt(stream_fd(p.client), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
                     0);

    while (put < TOTAL) {
        size_t len = want < TOTAL - put ? want : TOTAL - put;
        unsigned char *data = mem_alloc(len);
        for (size_t i = 0; i < len; i++)
            data[i] = (unsigned char)((put + i) * 31 / 7);
        enum stream_status status = stream_write(p.client, data, len, &n, &err);
        memset(data, 0xee, len);
        free(data);
        if (status == STREAM_OK) {
            assert_in_range(n, 1, len);
            put += n;
            want = FIRST;
            continue;
        }
        assert_int_equal(status, STREAM_WANT_WRITE);
        assert_int_equal(n, 0);
        want += 1000;
        interrupted++;
        drain(p.server, &got);
    }
    drain(p.server, &got);
    assert_int_equal(got, TOTAL);
    assert_true(interrupted > 3);
    pair_free(&p);
}

static void reading_goes_on_while_a_write_is_interrupted(void **state)
{
    struct pair p = open_pair();
    static char big[1 << 20];
    char data[8];
    size_t n, put = 0;
    enum stream_status status;
    while ((status = stream_write(p.server, big + put, sizeof(big) - put, &n, NULL)) == STREAM_OK)
        put += n;
    assert_int_equal(status, STREAM_WANT_WRITE);
    assert_int_equal(stream_write(p.client, "ping", 4, &n, NULL), STREAM_OK);
    assert_int_equal(stream_read(p.server, data, sizeof(data), &n, NULL), STREAM_OK);
    assert_memory_equal(data, "ping", 4);
    assert_int_equal(stream_write(p.server, big + put, sizeof(big) - put, &n, NULL),
                     STREAM_WANT_WRITE);
    pair_free(&p);
}

/* --- ends ------------------------------------------------------------------------------------- */

static void a_goodbye_is_the_end_of_one_direction(void **state)
{
    struct pair p = open_pair();
    char data[8];
    size_t n;
    assert_int_equal(stream_write(p.client, "last", 4, &n, NULL), STREAM_OK);
    stream_shutdown(p.client);
    assert_int_equal(stream_read(p.server, data, 8, &n, NULL), STREAM_OK);
    assert_int_equal(n, 4);
    assert_int_equal(stream_read(p.server, data, 8, &n, NULL), STREAM_EOF);
    assert_int_equal(stream_write(p.server, "answer", 6, &n, NULL), STREAM_OK);
    assert_int_equal(read_past_tickets(p.client, data, 8, &n), STREAM_OK);
    assert_memory_equal(data, "answer", 6);
    pair_free(&p);
}

static void an_end_without_goodbye_is_not_an_end_of_stream(void **state)
{
    struct pair p = open_pair();
    char byte;
    size_t n;
    struct error err;
    shutdown(stream_fd(p.client), SHUT_WR);
    assert_int_equal(stream_read(p.server, &byte, 1, &n, &err), STREAM_FAILED);
    assert_non_null(strstr(err.text, "without ending TLS"));
    assert_int_equal(stream_read(p.server, &byte, 1, &n, &err), STREAM_FAILED);
    pair_free(&p);
}

static void a_peer_that_is_gone_raises_no_signal(void **state)
{
    struct pair p = open_pair();
    size_t n;
    struct error err;
    enum stream_status status = STREAM_OK;
    stream_free(p.client);
    for (int i = 0; i < 3 && status == STREAM_OK; i++)
        status = stream_write(p.server, "x", 1, &n, &err);
    assert_int_equal(status, STREAM_FAILED);
    assert_int_equal(err.code, ERROR_PEER);
    assert_non_null(strstr(err.text, "the connection broke"));
    stream_shutdown(p.server);
    stream_free(p.server);
}

static void a_record_that_was_tampered_with_breaks_the_stream(void **state)
{
    struct pair p = open_pair();
    static const unsigned char record[] = { 23, 3,  3,  0,  24, 1,  2,  3,  4,  5,
                                            6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                            16, 17, 18, 19, 20, 21, 22, 23, 24 };
    char byte;
    size_t n;
    struct error err;
    assert_int_equal(write(stream_fd(p.client), record, sizeof(record)), sizeof(record));
    assert_int_equal(stream_read(p.server, &byte, 1, &n, &err), STREAM_FAILED);
    pair_free(&p);
}

/* --- before the handshake is over ------------------------------------------------------------- */

static void no_byte_goes_through_before_the_peer_is_verified(void **state)
{
    int peer;
    char byte;
    size_t n;
    struct stream *s = server_of_raw_peer(&peer);
    assert_int_equal(stream_pending(s), 0);
    assert_int_equal(stream_read(s, &byte, 1, &n, NULL), STREAM_FAILED);
    stream_free(s);
    close(peer);
    s = server_of_raw_peer(&peer);
    assert_int_equal(stream_write(s, "x", 1, &n, NULL), STREAM_FAILED);
    stream_free(s);
    close(peer);
}

static void a_silent_peer_leaves_the_handshake_waiting_and_may_go(void **state)
{
    int peer;
    struct error err;
    struct stream *s = server_of_raw_peer(&peer);
    assert_int_equal(stream_handshake(s, &err), STREAM_WANT_READ);
    assert_int_equal(write(peer, "\x16\x03\x01", 3), 3);
    assert_int_equal(stream_handshake(s, &err), STREAM_WANT_READ);
    close(peer);
    assert_int_equal(stream_handshake(s, &err), STREAM_EOF);
    assert_int_equal(stream_handshake(s, &err), STREAM_FAILED);
    stream_free(s);
}

static void what_is_not_tls_is_refused(void **state)
{
    static const char *const openings[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "{\"execute\":\"qmp_capabilities\"}\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "\x16\x03\x01\xff\xff"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "\x17\x03\x03\x01\x01"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < ARRAY_SIZE(openings); i++) {
        int peer;
        struct error err = { .text = "" };
        struct stream *s = server_of_raw_peer(&peer);
        assert_int_equal(write(peer, openings[i], strlen(openings[i])), strlen(openings[i]));
        shutdown(peer, SHUT_WR);
        enum stream_status status = STREAM_WANT_READ;
        for (int k = 0; k < 4 && status == STREAM_WANT_READ; k++)
            status = stream_handshake(s, &err);
        assert_int_equal(status, STREAM_FAILED);
        assert_true(strlen(err.text) > 0);
        stream_free(s);
        close(peer);
    }
}

/* --- a GnuTLS client of the test's own, for what our streams never do ------------------------- */

struct raw_client {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
};

static struct raw_client raw_client_new(int fd, const char *priority, const char *sni)
{
    struct raw_client c;
    assert_int_equal(gnutls_certificate_allocate_credentials(&c.credentials), 0);
    assert_int_equal(gnutls_init(&c.session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL),
                     0);
    assert_int_equal(gnutls_priority_set_direct(c.session, priority, NULL), 0);
    assert_int_equal(gnutls_credentials_set(c.session, GNUTLS_CRD_CERTIFICATE, c.credentials), 0);
    assert_int_equal(gnutls_server_name_set(c.session, GNUTLS_NAME_DNS, sni, strlen(sni)), 0);
    gnutls_transport_set_int(c.session, fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return c;
}

static void raw_client_free(struct raw_client *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
}

static enum stream_status handshake_with_raw(struct stream *s, struct raw_client *c,
                                             struct error *err)
{
    enum stream_status status = STREAM_WANT_READ;
    int rc = GNUTLS_E_AGAIN;
    for (int i = 0; i < 6; i++) {
        if (rc == GNUTLS_E_AGAIN)
            rc = gnutls_handshake(c->session);
        if (status == STREAM_WANT_READ || status == STREAM_WANT_WRITE)
            status = stream_handshake(s, err);
    }
    return status;
}

static void old_versions_are_refused(void **state)
{
    static const char *const old[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.0",
                                       "NORMAL:-VERS-ALL:+VERS-TLS1.1" };
    for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
        int peer;
        struct error err;
        struct stream *s = server_of_raw_peer(&peer);
        struct raw_client c = raw_client_new(peer, old[i], HOST);
        assert_int_equal(handshake_with_raw(s, &c, &err), STREAM_FAILED);
        assert_string_equal(err.text, "the peer speaks neither TLS 1.2 nor TLS 1.3");
        raw_client_free(&c);
        stream_free(s);
        close(peer);
    }
}

/* The client guesses a curve that the server does not have, is asked for another, and begins anew.
 */
static void a_second_hello_keeps_the_server_name(void **state)
{
    int peer;
    struct error err;
    struct stream *s = server_of_raw_peer(&peer);
    struct raw_client c =
        raw_client_new(peer, "NORMAL:-GROUP-ALL:+GROUP-SECP521R1:+GROUP-SECP384R1", HOST);
    if (handshake_with_raw(s, &c, &err) != STREAM_OK)
        fail_msg("%s", err.text);
    assert_string_equal(tls_session_sni(stream_tls(s)), HOST);
    assert_int_equal(gnutls_group_get(c.session), GNUTLS_GROUP_SECP384R1);
    raw_client_free(&c);
    stream_free(s);
    close(peer);
}

static void renegotiation_is_refused(void **state)
{
    int peer;
    char byte;
    size_t n;
    struct error err;
    struct stream *s = server_of_raw_peer(&peer);
    struct raw_client c = raw_client_new(peer, "NORMAL:-VERS-ALL:+VERS-TLS1.2", HOST);
    assert_int_equal(handshake_with_raw(s, &c, &err), STREAM_OK);
    assert_string_equal(tls_session_version(stream_tls(s)), "TLS1.2");
    assert_int_equal(gnutls_handshake(c.session), GNUTLS_E_AGAIN); /* again, on the open session */
    assert_int_equal(stream_read(s, &byte, 1, &n, &err), STREAM_FAILED);
    assert_non_null(strstr(err.text, "renegotiation"));
    raw_client_free(&c);
    stream_free(s);
    close(peer);
}

static void a_flood_of_warnings_is_cut_off(void **state)
{
    int peer;
    char byte;
    size_t n;
    struct error err;
    struct stream *s = server_of_raw_peer(&peer);
    struct raw_client c = raw_client_new(peer, "NORMAL:-VERS-ALL:+VERS-TLS1.2", HOST);
    assert_int_equal(handshake_with_raw(s, &c, &err), STREAM_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(gnutls_alert_send(c.session, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED),
                         0);
    assert_int_equal(stream_read(s, &byte, 1, &n, &err), STREAM_FAILED);
    raw_client_free(&c);
    stream_free(s);
    close(peer);
}

/* The client's first message with its server name changed on the way: nobody signs that one. */
static enum stream_status hello_with_name(unsigned char change_to, struct error *err)
{
    int peer, fds[2];
    unsigned char hello[4096];
    struct stream *s = server_of_raw_peer(&peer);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct raw_client c = raw_client_new(fds[0], "NORMAL", HOST);
    assert_int_equal(gnutls_handshake(c.session), GNUTLS_E_AGAIN);
    ssize_t len = read(fds[1], hello, sizeof(hello));
    assert_true(len > 0);
    unsigned char *name = memmem(hello, (size_t)len, HOST, strlen(HOST));
    assert_non_null(name);
    name[3] = change_to;
    assert_int_equal(write(peer, hello, (size_t)len), len);
    enum stream_status status = stream_handshake(s, err);
    raw_client_free(&c);
    stream_free(s);
    close(peer);
    close(fds[0]);
    close(fds[1]);
    return status;
}

static void a_server_name_with_a_nul_is_refused(void **state)
{
    struct error err;
    assert_int_equal(hello_with_name('7', &err), STREAM_WANT_READ);
    assert_int_equal(hello_with_name('\0', &err), STREAM_FAILED);
}

/* --- main ------------------------------------------------------------------------------------- */

static int setup(void **state)
{
    struct error err;
    if (tls_init(&err) < 0)
        return -1;
    world_make();
    return 0;
}

static int teardown(void **state)
{
    world_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_descriptor_is_non_blocking_and_closes_on_exec),
        cmocka_unit_test(nothing_to_read_wants_to_read),
        cmocka_unit_test(what_a_short_read_leaves_is_pending),
        cmocka_unit_test(records_that_came_together_are_pending),
        cmocka_unit_test(data_behind_a_ticket_is_read_with_it),
        cmocka_unit_test(an_interrupted_write_sends_each_byte_once),
        cmocka_unit_test(reading_goes_on_while_a_write_is_interrupted),
        cmocka_unit_test(a_goodbye_is_the_end_of_one_direction),
        cmocka_unit_test(an_end_without_goodbye_is_not_an_end_of_stream),
        cmocka_unit_test(a_peer_that_is_gone_raises_no_signal),
        cmocka_unit_test(a_record_that_was_tampered_with_breaks_the_stream),
        cmocka_unit_test(no_byte_goes_through_before_the_peer_is_verified),
        cmocka_unit_test(a_silent_peer_leaves_the_handshake_waiting_and_may_go),
        cmocka_unit_test(what_is_not_tls_is_refused),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(a_second_hello_keeps_the_server_name),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(a_flood_of_warnings_is_cut_off),
        cmocka_unit_test(a_server_name_with_a_nul_is_refused),
    };
    return cmocka_run_group_tests_name("tls_stream", tests, setup, teardown);
}
