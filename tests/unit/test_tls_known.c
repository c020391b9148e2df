/* Chains that verified are remembered; nothing else is, and not for longer than they are good. */
#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>
#include <unistd.h>
#include "net/tls_internal.h"
#include "tests/unit/tls_pair.h"

/* --- the table -------------------------------------------------------------------------------- */

static struct tls_known_key key_of(const char *a, const char *b)
{
    gnutls_datum_t chain[] = { { (unsigned char *)a, (unsigned)strlen(a) },
                               { (unsigned char *)b, (unsigned)strlen(b) } };
    struct tls_known_key key;
    assert_int_equal(tls_known_key(chain, 2, &key), 0);
    return key;
}

static void what_was_never_added_is_not_known(void **state)
{
    time_t until;
    struct tls_known *k = tls_known_new();
    struct tls_known_key key = key_of("leaf", "issuer"), nothing = { { 0 } };
    assert_int_equal(tls_known_find(k, &key, 1000, &until), -1);
    assert_int_equal(tls_known_find(k, &nothing, 0, &until),
                     -1); /* what an empty place looks like */
    assert_int_equal(tls_known_find(k, &nothing, 1, &until), -1);
    tls_known_free(k);
}

static void an_entry_holds_within_its_validity_and_not_a_second_longer(void **state)
{
    time_t until;
    struct tls_known *k = tls_known_new();
    struct tls_known_key key = key_of("leaf", "issuer");
    tls_known_add(k, &key, 3, &(struct tls_validity){ .from = 1000, .until = 2000 });
    assert_int_equal(tls_known_find(k, &key, 999, &until), -1);
    assert_int_equal(tls_known_find(k, &key, 1000, &until), 3);
    assert_int_equal(until, 2000);
    assert_int_equal(tls_known_find(k, &key, 2000, &until), 3);
    assert_int_equal(tls_known_find(k, &key, 2001, &until), -1);
    tls_known_free(k);
}

static void the_same_bytes_cut_elsewhere_are_another_chain(void **state)
{
    struct tls_known_key one = key_of("ab", "c"), other = key_of("a", "bc");
    assert_memory_not_equal(&one, &other, sizeof(one));
}

static void a_chain_in_another_ones_place_is_not_taken_for_it(void **state)
{
    time_t until;
    struct tls_known *k = tls_known_new();
    struct tls_known_key key = key_of("leaf", "issuer"), neighbour = key;
    neighbour.bytes[TLS_KNOWN_KEY_BYTES - 1] ^= 1;
    tls_known_add(k, &key, 0, &(struct tls_validity){ .from = 0, .until = 2000 });
    assert_int_equal(tls_known_find(k, &neighbour, 1000, &until), -1);
    tls_known_add(k, &neighbour, 1, &(struct tls_validity){ .from = 0, .until = 2000 });
    assert_int_equal(tls_known_find(k, &neighbour, 1000, &until), 1);
    assert_int_equal(tls_known_find(k, &key, 1000, &until), -1);
    tls_known_free(k);
}

static void validities_narrow_to_what_they_share(void **state)
{
    struct tls_validity v = TLS_VALID_ALWAYS;
    tls_validity_narrow(&v, 500, &(struct tls_validity){ 100, 900 });
    tls_validity_narrow(&v, 500, &(struct tls_validity){ 50, 800 });
    tls_validity_narrow(&v, 500, &(struct tls_validity){ 200, 1000 });
    assert_int_equal(v.from, 200);
    assert_int_equal(v.until, 800);
}

/* An authority beside the one that vouches: its end, and that of a successor, is no end of ours. */
static void what_has_ended_or_is_to_begin_bounds_a_validity_too(void **state)
{
    struct tls_validity v = TLS_VALID_ALWAYS;
    tls_validity_narrow(&v, 500, &(struct tls_validity){ 100, 300 });
    tls_validity_narrow(&v, 500, &(struct tls_validity){ 600, 900 });
    assert_int_equal(v.from, 301);
    assert_int_equal(v.until, 599);
    tls_validity_narrow(&v, 500, &(struct tls_validity){ 500, 500 });
    assert_int_equal(v.from, 500);
    assert_int_equal(v.until, 500);
}

/* --- in a context ----------------------------------------------------------------------------- */

static const struct tls_expected any_client = { .client = true };

static int verify(struct tls_context *c, const struct pki *who, const struct tls_expected *expected,
                  const char **ca)
{
    struct tls_verdict verdict;
    gnutls_datum_t der = pki_der(who);
    int rc = tls_verify_chain(c, &der, 1, expected, &verdict, NULL);
    gnutls_free(der.data);
    if (ca)
        *ca = verdict.ca;
    return rc;
}

static bool is_known(struct tls_context *c, const struct pki *who, time_t now)
{
    struct tls_known_key key;
    time_t until;
    gnutls_datum_t der = pki_der(who);
    assert_int_equal(tls_known_key(&der, 1, &key), 0);
    gnutls_free(der.data);
    return tls_known_find(c->known, &key, now, &until) >= 0;
}

static void a_client_who_verified_is_known_and_gets_the_same_answer(void **state)
{
    struct tls_ca_settings cas[] = { { .name = "partners", .file = world.other_ca_file },
                                     { .name = "staff", .file = world.ca_file } };
    struct tls_context *c = context_of(&(struct tls_settings){
        .cert = world.server_crt, .key = world.server_key, .cas = cas, .n_cas = 2 });
    const char *first, *second;
    assert_int_equal(verify(c, &world.client, &any_client, &first), 0);
    assert_true(is_known(c, &world.client, time(NULL)));
    assert_int_equal(verify(c, &world.client, &any_client, &second), 0);
    assert_string_equal(first, "staff");
    assert_ptr_equal(first, second);
    tls_context_unref(c);
}

static void who_was_refused_is_not_known(void **state)
{
    struct tls_context *c = server_context(pki_write_crl("ca.crl", &world.ca, &world.client, 0));
    struct pki stranger =
        pki_issue(&world.other_ca, &(struct pki_request){ .dn = "CN=eve", .purpose = PKI_CLIENT });
    struct pki no_purpose = pki_issue(&world.ca, &(struct pki_request){ .dn = "CN=none" });
    const struct pki *all[] = { &world.client, &stranger, &no_purpose };
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        assert_true(verify(c, all[i], &any_client, NULL) < 0);
        assert_false(is_known(c, all[i], time(NULL)));
        assert_true(verify(c, all[i], &any_client, NULL) < 0);
    }
    tls_context_unref(c);
    pki_free(&stranger);
    pki_free(&no_purpose);
}

/* Known as a client it would be good for any name. */
static void a_server_is_not_remembered_and_never_found_as_a_client(void **state)
{
    struct tls_context *c = server_context(NULL);
    struct pki both = pki_issue(
        &world.ca,
        &(struct pki_request){ .dn = "CN=both", .purpose = PKI_CLIENT | PKI_SERVER, .dns = HOST });
    struct tls_expected host = { .host = HOST }, other = { .host = "other.example.com" };
    assert_int_equal(verify(c, &both, &host, NULL), 0);
    assert_false(is_known(c, &both, time(NULL)));
    assert_int_equal(verify(c, &both, &any_client, NULL), 0);
    assert_true(is_known(c, &both, time(NULL)));
    assert_true(verify(c, &both, &other, NULL) < 0);
    tls_context_unref(c);
    pki_free(&both);
}

static void a_chain_is_known_until_its_authority_ends(void **state)
{
    time_t now = time(NULL);
    struct pki ca = pki_issue(
        NULL, &(struct pki_request){ .dn = "CN=short CA", .purpose = PKI_CA, .until = now + 3600 });
    struct pki leaf =
        pki_issue(&ca, &(struct pki_request){ .dn = "CN=alice", .purpose = PKI_CLIENT });
    struct tls_ca_settings cas[] = { { .name = "", .file = pki_write_crt("short.crt", &ca) } };
    struct tls_context *c = context_of(&(struct tls_settings){
        .cert = world.server_crt, .key = world.server_key, .cas = cas, .n_cas = 1 });
    assert_int_equal(verify(c, &leaf, &any_client, NULL), 0);
    assert_true(is_known(c, &leaf, now + 3600));
    assert_false(is_known(c, &leaf, now + 3601));
    tls_context_unref(c);
    pki_free(&leaf);
    pki_free(&ca);
}

static void a_certificate_that_ran_out_since_it_was_seen_is_refused(void **state)
{
    struct tls_context *c = server_context(NULL);
    struct pki brief = pki_issue(
        &world.ca,
        &(struct pki_request){ .dn = "CN=brief", .purpose = PKI_CLIENT, .until = time(NULL) + 2 });
    assert_int_equal(verify(c, &brief, &any_client, NULL), 0);
    sleep(3);
    assert_true(verify(c, &brief, &any_client, NULL) < 0);
    tls_context_unref(c);
    pki_free(&brief);
}

static void another_context_knows_nothing_of_it(void **state)
{
    struct tls_context *before = server_context(NULL);
    assert_int_equal(verify(before, &world.client, &any_client, NULL), 0);
    struct tls_context *after =
        server_context(pki_write_crl("ca.crl", &world.ca, &world.client, 0));
    assert_true(verify(after, &world.client, &any_client, NULL) < 0);
    tls_context_unref(before);
    tls_context_unref(after);
}

static int set_up(void **state)
{
    world_make();
    return 0;
}

static int tear_down(void **state)
{
    world_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_never_added_is_not_known),
        cmocka_unit_test(an_entry_holds_within_its_validity_and_not_a_second_longer),
        cmocka_unit_test(the_same_bytes_cut_elsewhere_are_another_chain),
        cmocka_unit_test(a_chain_in_another_ones_place_is_not_taken_for_it),
        cmocka_unit_test(validities_narrow_to_what_they_share),
        cmocka_unit_test(what_has_ended_or_is_to_begin_bounds_a_validity_too),
        cmocka_unit_test(a_client_who_verified_is_known_and_gets_the_same_answer),
        cmocka_unit_test(who_was_refused_is_not_known),
        cmocka_unit_test(a_server_is_not_remembered_and_never_found_as_a_client),
        cmocka_unit_test(a_chain_is_known_until_its_authority_ends),
        cmocka_unit_test(a_certificate_that_ran_out_since_it_was_seen_is_refused),
        cmocka_unit_test(another_context_knows_nothing_of_it),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
