/* Credentials that must not be taken, and what is known of those that are. */
#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/tls_pair.h"

#include "net/tls.h"

static struct tls_ca_settings the_ca(void)
{
    return (struct tls_ca_settings){ .name = "", .file = world.ca_file };
}

static void rejected(const struct tls_settings *settings, const char *words)
{
    struct tls_context *c = NULL;
    struct error err;
    assert_true(tls_context_new(settings, &c, &err) < 0);
    assert_null(c);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

static void rejected_cas(const struct tls_ca_settings *cas, size_t n, const char *words)
{
    rejected(
        &(struct tls_settings){
            .cert = world.server_crt, .key = world.server_key, .cas = cas, .n_cas = n },
        words);
}

static void rejected_own(const char *cert, const char *key, const char *words)
{
    struct tls_ca_settings ca = the_ca();
    rejected(&(struct tls_settings){ .cert = cert, .key = key, .cas = &ca, .n_cas = 1 }, words);
}

static void rejected_priority(const char *priority, const char *words)
{
    rejected(&(struct tls_settings){ .cert = world.server_crt,
                                     .key = world.server_key,
                                     .priority = priority },
             words);
}

/* --- own certificate -------------------------------------------------------------------------- */

static void a_key_of_another_certificate_is_rejected(void **state)
{
    rejected_own(world.server_crt, world.client_key, "does not belong to the certificate");
}

static void missing_files_are_named(void **state)
{
    rejected_own("/nonexistent/server.crt", world.server_key,
                 "cannot read /nonexistent/server.crt: No such file");
    rejected_own(world.server_crt, "/nonexistent/server.key",
                 "cannot read /nonexistent/server.key: No such file");
    rejected_cas(&(struct tls_ca_settings){ .name = "", .file = "/nonexistent/ca.crt" }, 1,
                 "cannot read /nonexistent/ca.crt: No such file");
    rejected_cas(&(struct tls_ca_settings){ .name = "",
                                            .file = world.ca_file,
                                            .crl = "/nonexistent/ca.crl" },
                 1, "cannot read /nonexistent/ca.crl: No such file");
    rejected_cas(&(struct tls_ca_settings){ .name = "" }, 1, "names no file");
}

static void a_certificate_without_key_is_rejected_and_a_key_without_certificate(void **state)
{
    rejected_own(world.server_crt, NULL, "must be given together");
    rejected_own(NULL, world.server_key, "must be given together");
}

static void what_is_not_pem_is_rejected(void **state)
{
    const char *junk = pki_write_text("junk", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    const char *empty = pki_write_text("empty", "");
    rejected_own(junk, world.server_key, "holds no certificates");
    rejected_own(world.server_crt, junk, "cannot use certificate");
    rejected_cas(&(struct tls_ca_settings){ .name = "", .file = empty }, 1,
                 "holds no certificates");
    rejected_cas(&(struct tls_ca_settings){ .name = "", .file = junk }, 1, "holds no certificates");
    rejected_cas(&(struct tls_ca_settings){ .name = "", .file = world.ca_file, .crl = empty }, 1,
                 "holds no CRL");
}

/* --- priority --------------------------------------------------------------------------------- */

static void a_priority_string_must_be_one(void **state)
{
    rejected_priority("NORMAL:+NO-SUCH-THING",
                      "the TLS priority string 'NORMAL:+NO-SUCH-THING' is wrong");
}

static void a_priority_string_cannot_bring_old_versions_back(void **state)
{
    rejected_priority("NORMAL:-VERS-ALL:+VERS-TLS1.1", "neither TLS 1.2 nor TLS 1.3");
    rejected_priority("NORMAL:-VERS-ALL:+VERS-DTLS1.2", "neither TLS 1.2 nor TLS 1.3");
    tls_context_unref(context_of(&(struct tls_settings){ .priority = "NORMAL:+VERS-TLS1.0" }));
}

/* --- authorities ------------------------------------------------------------------------------ */

static void a_certificate_that_is_no_ca_is_rejected_as_one(void **state)
{
    const struct pki *both[] = { &world.ca, &world.client };
    const char *file = pki_write_crts("both.crt", both, 2);
    rejected_cas(&(struct tls_ca_settings){ .name = "", .file = file }, 1,
                 "\"CN=alice,O=Example\" is not a CA certificate");
}

static void a_ca_in_two_sections_is_rejected(void **state)
{
    struct tls_ca_settings cas[] = { { .name = "a", .file = world.ca_file },
                                     { .name = "b", .file = world.ca_file } };
    rejected_cas(cas, 2, "is in section 'a' already");
}

static void sections_have_names_and_each_its_own(void **state)
{
    struct tls_ca_settings cas[] = { { .name = "a", .file = world.ca_file },
                                     { .name = "a", .file = world.other_ca_file } };
    rejected_cas(cas, 2, "'a' is there twice");
    cas[0].name = "";
    rejected_cas(cas, 2, "each has a name");
}

static void a_ca_given_twice_in_one_file_is_one(void **state)
{
    const struct pki *twice[] = { &world.ca, &world.ca };
    struct tls_ca_settings ca = { .name = "", .file = pki_write_crts("twice.crt", twice, 2) };
    tls_context_unref(context_of(&(struct tls_settings){ .cas = &ca, .n_cas = 1 }));
}

/* --- CRLs ------------------------------------------------------------------------------------- */

static void a_crl_of_another_ca_is_rejected(void **state)
{
    const char *crl = pki_write_crl("other.crl", &world.other_ca, &world.client, 0);
    rejected_cas(&(struct tls_ca_settings){ .name = "", .file = world.ca_file, .crl = crl }, 1,
                 "the CRL of \"CN=other CA,O=Example\" is not signed by a CA in");
}

static void a_crl_that_a_namesake_signed_is_rejected(void **state)
{
    struct pki fake =
        pki_issue(NULL, &(struct pki_request){ .dn = "CN=test CA,O=Example", .purpose = PKI_CA });
    const char *crl = pki_write_crl("fake.crl", &fake, NULL, 0);
    rejected_cas(&(struct tls_ca_settings){ .name = "", .file = world.ca_file, .crl = crl }, 1,
                 "is not signed by a CA in");
    pki_free(&fake);
}

/* An intermediate CA in the CA file is an anchor, whose own revocation nobody would ask about. */
static void a_ca_that_its_crl_revokes_is_not_trusted(void **state)
{
    struct pki middle = pki_issue(
        &world.ca, &(struct pki_request){ .dn = "CN=middle CA,O=Example", .purpose = PKI_CA });
    struct pki leaf = pki_issue(
        &middle, &(struct pki_request){ .dn = "CN=bob,O=Example", .purpose = PKI_CLIENT });
    const struct pki *both[] = { &world.ca, &middle };
    struct tls_ca_settings ca = { .name = "", .file = pki_write_crts("both.crt", both, 2) };
    struct tls_settings settings = {
        .cert = world.server_crt, .key = world.server_key, .cas = &ca, .n_cas = 1
    };
    static const enum stream_status expected[] = { STREAM_OK, STREAM_FAILED };
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        ca.crl = i == 0 ? NULL : pki_write_crl("ca.crl", &world.ca, &middle, 0);
        struct tls_context *server = context_of(&settings), *client = client_context(&leaf);
        struct pair p = pair_new(server, client, TLS_CLIENT_CERT_REQUIRED, HOST);
        pair_handshake(&p);
        assert_int_equal(p.server_status, expected[i]);
        pair_free(&p);
        tls_context_unref(server);
        tls_context_unref(client);
    }
    pki_free(&middle);
    pki_free(&leaf);
}

static void a_revoked_ca_that_the_client_sends_along_is_refused(void **state)
{
    struct pki middle = pki_issue(
        &world.ca, &(struct pki_request){ .dn = "CN=middle CA,O=Example", .purpose = PKI_CA });
    struct pki leaf = pki_issue(
        &middle, &(struct pki_request){ .dn = "CN=bob,O=Example", .purpose = PKI_CLIENT });
    const struct pki *chain[] = { &leaf, &middle };
    struct tls_ca_settings ca = the_ca();
    struct tls_context *client = context_of(&(struct tls_settings){
        .cert = pki_write_crts("chain.crt", chain, 2),
        .key = pki_write_key("chain.key", &leaf),
        .cas = &ca,
        .n_cas = 1,
    });
    static const enum stream_status expected[] = { STREAM_OK, STREAM_FAILED };
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        struct tls_context *server =
            server_context(i == 0 ? NULL : pki_write_crl("ca.crl", &world.ca, &middle, 0));
        struct pair p = pair_new(server, client, TLS_CLIENT_CERT_REQUIRED, HOST);
        pair_handshake(&p);
        assert_int_equal(p.server_status, expected[i]);
        if (i == 1)
            assert_non_null(strstr(p.server_err.text, "has been revoked, or its CA has"));
        pair_free(&p);
        tls_context_unref(server);
    }
    tls_context_unref(client);
    pki_free(&middle);
    pki_free(&leaf);
}

/* --- expiry ----------------------------------------------------------------------------------- */

static void expiry_names_certificate_ca_and_crl(void **state)
{
    time_t next = time(NULL) - 60;
    struct tls_context *c = server_context(pki_write_crl("ca.crl", &world.ca, NULL, next));
    static const char *const what[] = { "certificate /", "CA certificate /", "CRL /" };
    struct tls_expiry e;
    for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
        assert_true(tls_context_expiry(c, i, &e));
        assert_memory_equal(e.what, what[i], strlen(what[i]));
    }
    assert_int_equal(e.when, next);
    assert_false(tls_context_expiry(c, ARRAY_SIZE(what), &e));
    tls_context_unref(c);
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
        cmocka_unit_test(a_key_of_another_certificate_is_rejected),
        cmocka_unit_test(missing_files_are_named),
        cmocka_unit_test(a_certificate_without_key_is_rejected_and_a_key_without_certificate),
        cmocka_unit_test(what_is_not_pem_is_rejected),
        cmocka_unit_test(a_priority_string_must_be_one),
        cmocka_unit_test(a_priority_string_cannot_bring_old_versions_back),
        cmocka_unit_test(a_certificate_that_is_no_ca_is_rejected_as_one),
        cmocka_unit_test(a_ca_in_two_sections_is_rejected),
        cmocka_unit_test(sections_have_names_and_each_its_own),
        cmocka_unit_test(a_ca_given_twice_in_one_file_is_one),
        cmocka_unit_test(a_crl_of_another_ca_is_rejected),
        cmocka_unit_test(a_crl_that_a_namesake_signed_is_rejected),
        cmocka_unit_test(a_ca_that_its_crl_revokes_is_not_trusted),
        cmocka_unit_test(a_revoked_ca_that_the_client_sends_along_is_refused),
        cmocka_unit_test(expiry_names_certificate_ca_and_crl),
    };
    return cmocka_run_group_tests_name("tls_context", tests, setup, teardown);
}
