/* Who gets in: real handshakes between a client and a server in one process. */
#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/tls_pair.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/tls.h"

/* A handshake of a client with this certificate; what became of it. */
static struct pair try_client(struct tls_context *server, const struct pki *identity,
                              enum tls_client_cert mode)
{
    struct tls_context *client = client_context(identity);
    struct pair p = pair_new(server, client, mode, HOST);
    tls_context_unref(client);
    pair_handshake(&p);
    return p;
}

/* --- who gets in ------------------------------------------------------------------------------ */

static void a_certificate_of_our_ca_gets_in(void **state)
{
    struct tls_context *server = server_context(NULL);
    struct pair p = try_client(server, &world.client, TLS_CLIENT_CERT_REQUIRED);
    tls_context_unref(server); /* the stream holds its own reference */
    if (p.server_status != STREAM_OK)
        fail_msg("%s", p.server_err.text);
    assert_int_equal(p.client_status, STREAM_OK);

    struct tls_session *t = stream_tls(p.server);
    struct tls_peer peer;
    assert_true(tls_session_peer(t, &peer));
    gnutls_datum_t der = pki_der(&world.client);
    assert_int_equal(peer.der_len, der.size);
    assert_memory_equal(peer.der, der.data, der.size);
    gnutls_free(der.data);
    assert_string_equal(peer.ca, "");
    assert_string_equal(tls_session_sni(t), HOST);
    assert_string_equal(tls_session_version(t), "TLS1.3");
    assert_string_equal(tls_session_cipher(t), "AES-256-GCM");
    assert_false(tls_session_resumed(t));
    pair_free(&p);
}

static void a_client_without_certificate_gets_in_where_none_is_required(void **state)
{
    static const enum tls_client_cert modes[] = { TLS_CLIENT_CERT_OPTIONAL, TLS_CLIENT_CERT_NONE };
    struct tls_context *server = server_context(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        struct pair p = try_client(server, NULL, modes[i]);
        struct tls_peer peer;
        assert_int_equal(p.server_status, STREAM_OK);
        assert_false(tls_session_peer(stream_tls(p.server), &peer));
        pair_free(&p);
    }
    tls_context_unref(server);
}

/* --- who does not ----------------------------------------------------------------------------- */

static void refused(struct tls_context *server, const struct pki *identity, const char *words)
{
    struct pair p = try_client(server, identity, TLS_CLIENT_CERT_REQUIRED);
    struct tls_peer peer;
    char byte;
    size_t n;
    assert_int_equal(p.server_status, STREAM_FAILED);
    if (!strstr(p.server_err.text, words))
        fail_msg("'%s' does not say '%s'", p.server_err.text, words);
    assert_false(tls_session_peer(stream_tls(p.server), &peer));
    assert_int_equal(stream_read(p.server, &byte, 1, &n, NULL), STREAM_FAILED);
    assert_int_equal(stream_write(p.server, "x", 1, &n, NULL), STREAM_FAILED);
    /* the client learns it by an alert, at the latest when it reads */
    for (int i = 0; i < 4 && p.client_status != STREAM_FAILED; i++)
        p.client_status = stream_read(p.client, &byte, 1, &n, &p.client_err);
    assert_int_equal(p.client_status, STREAM_FAILED);
    assert_non_null(strstr(p.client_err.text, "alert"));
    pair_free(&p);
}

static void refused_request(const struct pki *ca, struct pki_request request, const char *words)
{
    struct tls_context *server = server_context(NULL);
    if (!request.dn)
        request.dn = "CN=mallory,O=Example";
    struct pki bad = pki_issue(ca, &request);
    refused(server, &bad, words);
    pki_free(&bad);
    tls_context_unref(server);
}

static void no_certificate_is_refused(void **state)
{
    struct tls_context *server = server_context(NULL);
    refused(server, NULL, "the client presented no certificate");
    tls_context_unref(server);
}

static void a_certificate_of_another_ca_is_refused(void **state)
{
    refused_request(&world.other_ca, (struct pki_request){ .purpose = PKI_CLIENT },
                    "is signed by \"CN=other CA,O=Example\", a CA that we do not trust");
}

static void a_ca_of_the_same_name_is_another_ca(void **state)
{
    struct pki fake =
        pki_issue(NULL, &(struct pki_request){ .dn = "CN=test CA,O=Example", .purpose = PKI_CA });
    refused_request(&fake, (struct pki_request){ .purpose = PKI_CLIENT }, "the certificate");
    pki_free(&fake);
}

static void a_self_signed_certificate_is_refused(void **state)
{
    refused_request(NULL, (struct pki_request){ .purpose = PKI_CLIENT },
                    "a CA that we do not trust");
}

static void the_ca_itself_is_not_a_client(void **state)
{
    struct pki ca = pki_issue(NULL, &(struct pki_request){ .dn = "CN=third CA,O=Example",
                                                           .purpose = PKI_CA | PKI_CLIENT });
    struct tls_context *server = context_of(&(struct tls_settings){
        .cert = world.server_crt,
        .key = world.server_key,
        .cas = &(struct tls_ca_settings){ .name = "", .file = pki_write_crt("third-ca.crt", &ca) },
        .n_cas = 1,
    });
    refused(server, &ca, "the certificate \"CN=third CA,O=Example\"");
    tls_context_unref(server);
    pki_free(&ca);
}

static void a_client_certificate_cannot_issue_others(void **state)
{
    refused_request(&world.client, (struct pki_request){ .purpose = PKI_CLIENT },
                    "the certificate");
}

static void an_expired_certificate_is_refused(void **state)
{
    refused_request(
        &world.ca,
        (struct pki_request){ .purpose = PKI_CLIENT, .from = 1577836800, .until = 1609459199 },
        "\"CN=mallory,O=Example\" expired at 2020-12-31T23:59:59Z");
}

static void a_certificate_of_the_future_is_refused(void **state)
{
    time_t now = time(NULL);
    refused_request(
        &world.ca,
        (struct pki_request){ .purpose = PKI_CLIENT, .from = now + 3600, .until = now + 7200 },
        "is not valid before");
}

static void a_server_certificate_is_not_a_clients(void **state)
{
    refused_request(&world.ca, (struct pki_request){ .purpose = PKI_SERVER }, "extended key usage");
}

static void a_certificate_without_extended_key_usage_is_refused(void **state)
{
    refused_request(&world.ca, (struct pki_request){ .purpose = 0 }, "extended key usage");
}

static void a_subject_cannot_write_to_the_terminal(void **state)
{
    refused_request(&world.other_ca,
                    (struct pki_request){ .dn = "CN=a\033[2Jb,O=Example", .purpose = PKI_CLIENT },
                    "CN=a\\x1b[2Jb");
}

/* The signature here is by another key than the certificate's, so it would fail; but nobody gets to
 * see that: a key of a stranger can be as large and as costly as he likes. */
static void a_stranger_is_refused_before_its_signature_is_looked_at(void **state)
{
    static const char *const versions[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                            "NORMAL:-VERS-ALL:+VERS-TLS1.3" };
    struct pki stranger =
        pki_issue(&world.other_ca,
                  &(struct pki_request){ .dn = "CN=mallory,O=Example", .purpose = PKI_CLIENT });
    struct tls_context *server = server_context(NULL);
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        int fds[2];
        gnutls_session_t client;
        gnutls_certificate_credentials_t credentials;
        struct error err = { .text = "" };
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        fcntl(fds[1], F_SETFL, O_NONBLOCK);
        gnutls_certificate_allocate_credentials(&credentials);
        gnutls_certificate_set_flags(credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
        assert_true(gnutls_certificate_set_x509_key(credentials,
                                                    (gnutls_x509_crt_t[]){ stranger.crt }, 1,
                                                    world.client.key) >= 0);
        assert_int_equal(gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
        assert_int_equal(gnutls_priority_set_direct(client, versions[i], NULL), 0);
        gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, credentials);
        gnutls_transport_set_int(client, fds[1]);
        struct stream *s =
            stream_new_tls_server(server, fds[0], TLS_CLIENT_CERT_REQUIRED, "public");
        enum stream_status status = STREAM_WANT_READ;
        for (int turn = 0; turn < 6 && status != STREAM_FAILED; turn++) {
            gnutls_handshake(client);
            status = stream_handshake(s, &err);
        }
        assert_int_equal(status, STREAM_FAILED);
        if (!strstr(err.text, "a CA that we do not trust"))
            fail_msg("%s", err.text);
        gnutls_deinit(client);
        gnutls_certificate_free_credentials(credentials);
        close(fds[1]);
        stream_free(s);
    }
    tls_context_unref(server);
    pki_free(&stranger);
}

/* --- revocation ------------------------------------------------------------------------------- */

static void a_revoked_certificate_is_refused_and_others_are_not(void **state)
{
    struct pki bad = pki_issue(
        &world.ca, &(struct pki_request){ .dn = "CN=mallory,O=Example", .purpose = PKI_CLIENT });
    struct tls_context *server = server_context(pki_write_crl("ca.crl", &world.ca, &bad, 0));
    refused(server, &bad, "\"CN=mallory,O=Example\" has been revoked");
    struct pair p = try_client(server, &world.client, TLS_CLIENT_CERT_REQUIRED);
    assert_int_equal(p.server_status, STREAM_OK);
    pair_free(&p);
    tls_context_unref(server);
    pki_free(&bad);
}

static void an_old_crl_still_revokes(void **state)
{
    const char *crl = pki_write_crl("ca.crl", &world.ca, &world.client, time(NULL) - 3600);
    struct tls_context *server = server_context(crl);
    refused(server, &world.client, "has been revoked");
    tls_context_unref(server);
}

static void a_live_session_is_judged_by_new_credentials(void **state)
{
    struct tls_context *server = server_context(NULL);
    struct tls_context *later =
        server_context(pki_write_crl("ca.crl", &world.ca, &world.client, 0));
    struct pair p = try_client(server, &world.client, TLS_CLIENT_CERT_REQUIRED);
    struct error err;
    assert_int_equal(tls_session_reverify(stream_tls(p.server), server, &err), 0);
    assert_true(tls_session_reverify(stream_tls(p.server), later, &err) < 0);
    assert_non_null(strstr(err.text, "has been revoked"));
    pair_free(&p);
    tls_context_unref(server);
    tls_context_unref(later);
}

/* --- several authorities ---------------------------------------------------------------------- */

static struct tls_context *two_sections(const char *first, const char *crl_first,
                                        const char *second, const char *crl_second)
{
    struct tls_ca_settings cas[] = {
        { .name = first, .file = world.ca_file, .crl = crl_first },
        { .name = second, .file = world.other_ca_file, .crl = crl_second },
    };
    return context_of(&(struct tls_settings){
        .cert = world.server_crt, .key = world.server_key, .cas = cas, .n_cas = 2 });
}

static void the_section_is_the_one_that_the_chain_leads_to(void **state)
{
    struct tls_context *server = two_sections("staff", NULL, "partners", NULL);
    struct pki twin = pki_issue(&world.other_ca, &(struct pki_request){ .dn = "CN=alice,O=Example",
                                                                        .purpose = PKI_CLIENT });
    struct tls_peer peer;
    struct pair p = try_client(server, &world.client, TLS_CLIENT_CERT_REQUIRED);
    assert_true(tls_session_peer(stream_tls(p.server), &peer));
    assert_string_equal(peer.ca, "staff");
    pair_free(&p);
    p = try_client(server, &twin, TLS_CLIENT_CERT_REQUIRED);
    assert_true(tls_session_peer(stream_tls(p.server), &peer));
    assert_string_equal(peer.ca, "partners");
    pair_free(&p);
    tls_context_unref(server);
    pki_free(&twin);
}

static void a_crl_speaks_for_its_own_section_only(void **state)
{
    struct pki twin = pki_issue(
        &world.other_ca,
        &(struct pki_request){ .dn = "CN=alice,O=Example", .purpose = PKI_CLIENT, .serial = 77 });
    struct pki revoked = pki_issue(
        &world.ca,
        &(struct pki_request){ .dn = "CN=mallory,O=Example", .purpose = PKI_CLIENT, .serial = 77 });
    const char *crl = pki_write_crl("ca.crl", &world.ca, &revoked, 0);
    struct tls_context *server = two_sections("staff", crl, "partners", NULL);
    struct pair p = try_client(server, &twin, TLS_CLIENT_CERT_REQUIRED);
    assert_int_equal(p.server_status, STREAM_OK);
    pair_free(&p);
    refused(server, &revoked, "has been revoked");
    tls_context_unref(server);
    pki_free(&twin);
    pki_free(&revoked);
}

static void a_session_whose_section_is_renamed_is_no_longer_good(void **state)
{
    struct tls_context *server = two_sections("staff", NULL, "partners", NULL);
    struct tls_context *later = two_sections("people", NULL, "partners", NULL);
    struct pair p = try_client(server, &world.client, TLS_CLIENT_CERT_REQUIRED);
    struct error err;
    assert_true(tls_session_reverify(stream_tls(p.server), later, &err) < 0);
    assert_non_null(strstr(err.text, "'people' now, not 'staff'"));
    pair_free(&p);
    tls_context_unref(server);
    tls_context_unref(later);
}

/* --- the server, as a client sees it ---------------------------------------------------------- */

static struct pair try_host(const char *host)
{
    struct tls_context *server = server_context(NULL), *client = client_context(&world.client);
    struct pair p = pair_new(server, client, TLS_CLIENT_CERT_REQUIRED, host);
    tls_context_unref(server);
    tls_context_unref(client);
    pair_handshake(&p);
    return p;
}

static void an_address_is_verified_and_not_sent_as_a_name(void **state)
{
    struct pair p = try_host("127.0.0.1");
    assert_int_equal(p.client_status, STREAM_OK);
    assert_null(tls_session_sni(stream_tls(p.server)));
    pair_free(&p);
}

static void a_server_of_another_name_is_refused(void **state)
{
    static const char *const hosts[] = { "example.com", "a.b.vm.example.com", "127.0.0.2", "::1" };
    for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
        struct pair p = try_host(hosts[i]);
        assert_int_equal(p.client_status, STREAM_FAILED);
        assert_non_null(strstr(p.client_err.text, "is not for "));
        pair_free(&p);
    }
}

static void a_server_cannot_be_verified_without_a_name(void **state)
{
    struct pair p = try_host(NULL);
    assert_int_equal(p.client_status, STREAM_FAILED);
    assert_non_null(strstr(p.client_err.text, "no name"));
    pair_free(&p);
}

static void a_server_cannot_be_verified_without_a_ca(void **state)
{
    struct tls_context *server = server_context(NULL);
    struct tls_context *client = context_of(&(struct tls_settings){ .n_cas = 0 });
    struct pair p = pair_new(server, client, TLS_CLIENT_CERT_NONE, HOST);
    pair_handshake(&p);
    assert_int_equal(p.client_status, STREAM_FAILED);
    assert_non_null(strstr(p.client_err.text, "a CA that we do not trust"));
    pair_free(&p);
    tls_context_unref(server);
    tls_context_unref(client);
}

static void a_client_certificate_is_not_a_servers(void **state)
{
    struct tls_context *server = client_context(&world.client), *client = client_context(NULL);
    struct pair p = pair_new(server, client, TLS_CLIENT_CERT_NONE, HOST);
    pair_handshake(&p);
    assert_int_equal(p.client_status, STREAM_FAILED);
    pair_free(&p);
    tls_context_unref(server);
    tls_context_unref(client);
}

/* --- threads ---------------------------------------------------------------------------------- */

struct shared {
    struct tls_context *server, *client;
};

/* cmocka's assertions would jump out of the wrong thread: the good ones are counted. */
static void *handshakes(void *arg)
{
    const struct shared *shared = arg;
    intptr_t good = 0;
    for (int i = 0; i < 8; i++) {
        struct pair p = pair_new(shared->server, shared->client, TLS_CLIENT_CERT_REQUIRED, HOST);
        pair_handshake(&p);
        if (p.server_status == STREAM_OK && p.client_status == STREAM_OK &&
            tls_session_reverify(stream_tls(p.server), shared->server, NULL) == 0)
            good++;
        pair_free(&p);
    }
    tls_context_unref(shared->server);
    return (void *)good;
}

static void threads_share_a_context_and_the_last_one_frees_it(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct shared shared = {
        .server = server_context(pki_write_crl("ca.crl", &world.ca, NULL, 0)),
        .client = client_context(&world.client),
    };
    for (int i = 0; i < THREADS; i++) {
        tls_context_ref(shared.server);
        assert_int_equal(pthread_create(&threads[i], NULL, handshakes, &shared), 0);
    }
    tls_context_unref(shared.server);
    for (int i = 0; i < THREADS; i++) {
        void *good;
        pthread_join(threads[i], &good);
        assert_int_equal((intptr_t)good, 8);
    }
    tls_context_unref(shared.client);
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
        cmocka_unit_test(a_certificate_of_our_ca_gets_in),
        cmocka_unit_test(a_client_without_certificate_gets_in_where_none_is_required),
        cmocka_unit_test(no_certificate_is_refused),
        cmocka_unit_test(a_certificate_of_another_ca_is_refused),
        cmocka_unit_test(a_ca_of_the_same_name_is_another_ca),
        cmocka_unit_test(a_self_signed_certificate_is_refused),
        cmocka_unit_test(the_ca_itself_is_not_a_client),
        cmocka_unit_test(a_client_certificate_cannot_issue_others),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(a_certificate_of_the_future_is_refused),
        cmocka_unit_test(a_server_certificate_is_not_a_clients),
        cmocka_unit_test(a_certificate_without_extended_key_usage_is_refused),
        cmocka_unit_test(a_stranger_is_refused_before_its_signature_is_looked_at),
        cmocka_unit_test(a_subject_cannot_write_to_the_terminal),
        cmocka_unit_test(a_revoked_certificate_is_refused_and_others_are_not),
        cmocka_unit_test(an_old_crl_still_revokes),
        cmocka_unit_test(a_live_session_is_judged_by_new_credentials),
        cmocka_unit_test(the_section_is_the_one_that_the_chain_leads_to),
        cmocka_unit_test(a_crl_speaks_for_its_own_section_only),
        cmocka_unit_test(a_session_whose_section_is_renamed_is_no_longer_good),
        cmocka_unit_test(an_address_is_verified_and_not_sent_as_a_name),
        cmocka_unit_test(a_server_of_another_name_is_refused),
        cmocka_unit_test(a_server_cannot_be_verified_without_a_name),
        cmocka_unit_test(a_server_cannot_be_verified_without_a_ca),
        cmocka_unit_test(a_client_certificate_is_not_a_servers),
        cmocka_unit_test(threads_share_a_context_and_the_last_one_frees_it),
    };
    return cmocka_run_group_tests_name("tls", tests, setup, teardown);
}
