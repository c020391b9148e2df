/* Resumption: where a ticket opens, and that it never replaces the verification of the peer. */
#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/tls_pair.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net/tls.h"

/* The clock of the whole program, GnuTLS's too, so that no test waits for a certificate to expire.
 */
static time_t clock_offset;

time_t time(time_t *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time_t shifted = now.tv_sec + clock_offset;
    if (t)
        *t = shifted;
    return shifted;
}

/* A connection of a client that keeps its ticket, by GnuTLS itself. */
struct visit {
    struct tls_context *server;
    const char *scope, *sni, *priority;
    const struct pki *identity;
    enum tls_client_cert mode;
    gnutls_datum_t ticket; /* in and out; owned */
    /* what came out */
    enum stream_status status;
    bool resumed, has_peer;
    struct error err;
};

static void take_ticket(gnutls_session_t client, gnutls_datum_t *ticket)
{
    char byte;
    gnutls_record_recv(client, &byte, 1); /* tickets of TLS 1.3 come after the handshake */
    gnutls_free(ticket->data);
    ticket->data = NULL;
    assert_int_equal(gnutls_session_get_data2(client, ticket), 0);
}

static void visit(struct visit *v)
{
    int fds[2];
    gnutls_session_t client;
    gnutls_certificate_credentials_t credentials;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
    if (v->identity)
        assert_int_equal(gnutls_certificate_set_x509_key(credentials,
                                                         (gnutls_x509_crt_t[]){ v->identity->crt },
                                                         1, v->identity->key),
                         0);
    assert_int_equal(gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
    assert_int_equal(gnutls_priority_set_direct(client, v->priority ? v->priority : "NORMAL", NULL),
                     0);
    gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_server_name_set(client, GNUTLS_NAME_DNS, v->sni, strlen(v->sni));
    gnutls_transport_set_int(client, fds[1]);
    if (v->ticket.data)
        assert_int_equal(gnutls_session_set_data(client, v->ticket.data, v->ticket.size), 0);

    struct stream *s = stream_new_tls_server(v->server, fds[0], v->mode, v->scope);
    int rc = GNUTLS_E_AGAIN;
    v->status = STREAM_WANT_READ;
    for (int i = 0; i < 6; i++) {
        if (rc == GNUTLS_E_AGAIN)
            rc = gnutls_handshake(client);
        if (v->status == STREAM_WANT_READ || v->status == STREAM_WANT_WRITE)
            v->status = stream_handshake(s, &v->err);
    }
    struct tls_peer peer;
    v->resumed = tls_session_resumed(stream_tls(s));
    v->has_peer = tls_session_peer(stream_tls(s), &peer);
    if (v->status == STREAM_OK) {
        assert_string_equal(tls_session_sni(stream_tls(s)), v->sni);
        take_ticket(client, &v->ticket);
    }
    gnutls_deinit(client);
    gnutls_certificate_free_credentials(credentials);
    close(fds[1]);
    stream_free(s);
}

static struct visit first_visit(struct tls_context *server)
{
    struct visit v = { .server = server,
                       .scope = "public",
                       .sni = "vm1.vm.example.com",
                       .identity = &world.client,
                       .mode = TLS_CLIENT_CERT_REQUIRED };
    visit(&v);
    assert_int_equal(v.status, STREAM_OK);
    assert_false(v.resumed);
    assert_true(v.has_peer);
    return v;
}

static void visit_done(struct visit *v)
{
    gnutls_free(v->ticket.data);
    tls_context_unref(v->server);
}

/* --- where it opens --------------------------------------------------------------------------- */

static void a_ticket_opens_where_it_was_issued_and_brings_its_certificate(void **state)
{
    struct visit v = first_visit(server_context(NULL));
    v.identity = NULL; /* the certificate comes from the ticket */
    visit(&v);
    assert_int_equal(v.status, STREAM_OK);
    assert_true(v.resumed);
    assert_true(v.has_peer);
    visit_done(&v);
}

static void a_ticket_of_another_listener_means_a_full_handshake(void **state)
{
    struct visit v = first_visit(server_context(NULL));
    v.scope = "internal";
    visit(&v);
    assert_int_equal(v.status, STREAM_OK);
    assert_false(v.resumed);
    assert_true(v.has_peer);
    visit_done(&v);
}

static void a_ticket_of_another_server_name_means_a_full_handshake(void **state)
{
    struct visit v = first_visit(server_context(NULL));
    v.sni = "vm2.vm.example.com";
    visit(&v);
    assert_int_equal(v.status, STREAM_OK);
    assert_false(v.resumed);
    visit_done(&v);
}

static void a_ticket_of_a_laxer_listener_means_a_full_handshake(void **state)
{
    struct visit v = { .server = server_context(NULL),
                       .scope = "public",
                       .sni = "vm1.vm.example.com",
                       .mode = TLS_CLIENT_CERT_OPTIONAL };
    visit(&v);
    assert_int_equal(v.status, STREAM_OK);
    assert_false(v.has_peer);
    v.mode = TLS_CLIENT_CERT_REQUIRED;
    visit(&v);
    assert_int_equal(v.status, STREAM_FAILED);
    assert_string_equal(v.err.text, "the client presented no certificate");
    visit_done(&v);
}

static void scope_and_name_cannot_be_shifted_into_each_other(void **state)
{
    struct visit v = first_visit(server_context(NULL));
    v.scope = "publicvm1";
    v.sni = ".vm.example.com" + 1;
    visit(&v);
    assert_false(v.resumed);
    visit_done(&v);
}

static void a_ticket_does_not_outlive_its_context(void **state)
{
    struct visit v = first_visit(server_context(NULL));
    tls_context_unref(v.server);
    v.server = server_context(NULL);
    visit(&v);
    assert_int_equal(v.status, STREAM_OK);
    assert_false(v.resumed);
    visit_done(&v);
}

static void tls_1_2_has_no_tickets(void **state)
{
    struct visit v = { .server = server_context(NULL),
                       .scope = "public",
                       .sni = "vm1.vm.example.com",
                       .priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
                       .identity = &world.client,
                       .mode = TLS_CLIENT_CERT_REQUIRED };
    visit(&v);
    assert_int_equal(v.status, STREAM_OK);
    visit(&v);
    assert_int_equal(v.status, STREAM_OK);
    assert_false(v.resumed);
    assert_true(v.has_peer);
    visit_done(&v);
}

/* --- what it does not spare ------------------------------------------------------------------- */

static void a_resumed_session_is_verified_by_the_time_of_its_own(void **state)
{
    struct pki brief = pki_issue(&world.ca, &(struct pki_request){ .dn = "CN=brief,O=Example",
                                                                   .purpose = PKI_CLIENT,
                                                                   .until = time(NULL) + 600 });
    struct visit v = { .server = server_context(NULL),
                       .scope = "public",
                       .sni = "vm1.vm.example.com",
                       .identity = &brief,
                       .mode = TLS_CLIENT_CERT_REQUIRED };
    visit(&v);
    assert_int_equal(v.status, STREAM_OK);
    clock_offset = 1200; /* the ticket is still good, the certificate is not */
    visit(&v);
    clock_offset = 0;
    assert_true(v.resumed);
    assert_int_equal(v.status, STREAM_FAILED);
    assert_non_null(strstr(v.err.text, " expired at "));
    assert_false(v.has_peer);
    visit_done(&v);
    pki_free(&brief);
}

static void an_old_ticket_means_a_full_handshake(void **state)
{
    struct visit v = first_visit(server_context(NULL));
    clock_offset = 7200;
    visit(&v);
    clock_offset = 0;
    assert_int_equal(v.status, STREAM_OK);
    assert_false(v.resumed);
    visit_done(&v);
}

/* --- main ------------------------------------------------------------------------------------- */

static int setup(void **state)
{
    struct error err;
    if (tls_init(&err) < 0)
        return -1;
    gnutls_global_set_time_function(time);
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
        cmocka_unit_test(a_ticket_opens_where_it_was_issued_and_brings_its_certificate),
        cmocka_unit_test(a_ticket_of_another_listener_means_a_full_handshake),
        cmocka_unit_test(a_ticket_of_another_server_name_means_a_full_handshake),
        cmocka_unit_test(a_ticket_of_a_laxer_listener_means_a_full_handshake),
        cmocka_unit_test(scope_and_name_cannot_be_shifted_into_each_other),
        cmocka_unit_test(a_ticket_does_not_outlive_its_context),
        cmocka_unit_test(tls_1_2_has_no_tickets),
        cmocka_unit_test(a_resumed_session_is_verified_by_the_time_of_its_own),
        cmocka_unit_test(an_old_ticket_means_a_full_handshake),
    };
    return cmocka_run_group_tests_name("tls_tickets", tests, setup, teardown);
}
