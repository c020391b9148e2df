/* Seals: one text for each, any change of which is found. */
#include "tests/unit/seal_fixture.h"

#include <gnutls/x509.h>
#include "audit/seal_keys.h"
#include "base/clock.h"
#include "base/mem.h"

struct fixture {
    struct seal_pair ours, theirs;
    struct seal seal; /* signed with ours */
};

static struct seal example(void)
{
    struct seal s = {
        .utc_us = 1790000000123456,
        .segment = 7,
        .reason = SEAL_RECORDS,
        .through = 70001,
        .every = 10000,
        .within = 60,
    };
    memset(s.digest, 0xab, sizeof(s.digest));
    return s;
}

static int setup(void **state)
{
    struct fixture *f = MEM_NEW(struct fixture);
    f->ours = make_pair();
    f->theirs = make_pair();
    f->seal = example();
    sign_seal(&f->seal, &f->ours);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free_pair(&f->ours);
    free_pair(&f->theirs);
    free(f);
    return 0;
}

static struct span span_of(const struct buf *b)
{
    return (struct span){ buf_data(b), buf_len(b) };
}

/* --- the text --------------------------------------------------------------------------------- */

static void what_is_signed_is_the_exported_seal_without_its_signature(void **state)
{
    struct fixture *f = *state;
    CLEANUP_BUF struct buf signed_text = { 0 };
    CLEANUP_BUF struct buf exported = { 0 };
    char id[AUDIT_HASH_TEXT], digest[AUDIT_HASH_TEXT];
    audit_hash_format(f->seal.key, id);
    audit_hash_format(f->seal.digest, digest);
    seal_write_signed(&f->seal, &signed_text);
    seal_write_exported(&f->seal, &exported);
    CLEANUP_FREE char *want = mem_printf(
        "qmpgate audit seal\n{\"v\":1,\"time\":\"2026-09-21T14:13:20.123456Z\",\"type\":\"seal\","
        "\"segment\":7,\"reason\":\"records\",\"through\":70001,\"digest\":\"%.64s\",\"every\":"
        "10000,\"within\":60,\"key\":\"%.64s\"}",
        digest, id);
    assert_int_equal(buf_len(&signed_text), strlen(want));
    assert_memory_equal(buf_data(&signed_text), want, strlen(want));
    /* head and closing bracket apart, it is what the exported seal begins with */
    const char *object = strchr(want, '\n') + 1;
    assert_memory_equal(buf_data(&exported), object, strlen(object) - 1);
    assert_memory_equal(buf_data(&exported) + strlen(object) - 1, ",\"signature\":\"", 14);
    assert_memory_equal(buf_data(&exported) + buf_len(&exported) - 3, "\"}\n", 3);
}

static void what_was_exported_is_read_again(void **state)
{
    struct fixture *f = *state;
    for (unsigned reason = 0; reason < SEAL_N_REASONS; reason++) {
        CLEANUP_BUF struct buf text = { 0 };
        struct seal s = f->seal, again;
        s.reason = (enum seal_reason)reason;
        if (s.reason == SEAL_KEY)
            memcpy(s.next_key, f->theirs.public.der, sizeof(s.next_key));
        sign_seal(&s, &f->ours);
        seal_write_exported(&s, &text);
        assert_in_range(buf_len(&text), 1, SEAL_TEXT_MAX);
        assert_true(seal_parse_exported(span_of(&text), &again));
        assert_memory_equal(&again, &s, sizeof(s));
        assert_true(seal_check(&again, &f->ours.public));
    }
}

static void a_seal_in_the_log_is_read_again(void **state)
{
    struct fixture *f = *state;
    CLEANUP_BUF struct buf body = { 0 };
    CLEANUP_BUF struct buf line = { 0 };
    struct audit_chain chain = { .seq = 70003 };
    struct seal again;
    gnutls_hash_hd_t hasher;
    assert_int_equal(audit_hasher_new(&hasher, NULL), 0);
    seal_write_body(&f->seal, &body);
    assert_int_equal(audit_chain_append(&chain, hasher, span_of(&body), &line), 0);
    audit_hasher_free(&hasher);
    assert_true(seal_parse_line(span_of(&line), &again));
    assert_memory_equal(&again, &f->seal, sizeof(again));
    /* one is not taken for the other */
    assert_false(seal_parse_exported(span_of(&line), &again));
    CLEANUP_BUF struct buf text = { 0 };
    seal_write_exported(&f->seal, &text);
    assert_false(seal_parse_line(span_of(&text), &again));
}

/* Replaces the first `from` in the exported seal. */
static char *changed(const struct seal *s, const char *from, const char *to)
{
    CLEANUP_BUF struct buf text = { 0 };
    seal_write_exported(s, &text);
    buf_add_char(&text, '\0');
    const char *at = strstr(buf_data(&text), from);
    if (!at)
        fail_msg("%s is not there", from);
    return mem_printf("%.*s%s%s", (int)(at - buf_data(&text)), buf_data(&text), to,
                      at + strlen(from));
}

static void a_second_way_to_write_it_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const changes[][2] = {
        { "{\"v\":1", "{ \"v\":1" },
        { "{\"v\":1", "{\"v\":2" },
        { "{\"v\":1", "{\"v\":1,\"seq\":5" },
        { "\"segment\":7", "\"segment\":07" },
        { "\"segment\":7", "\"segment\":7.0" },
        { "\"segment\":7", "\"segment\":-7" },
        { "\"segment\":7", "\"segment\":" },
        { "\"segment\":7", "\"segment\": 7" },
        { "\"segment\":7", "\"segment\":99999999999999999999" },
        { "\"segment\":7,\"reason\":\"records\"", "\"reason\":\"records\",\"segment\":7" },
        { "records", "record" },
        { "records", "recordss" },
        { "records", "Records" },
        { "records", "key" }, /* without the next key */
        { "abab", "ABAB" },
        { "abab", "aba" },
        { "2026-09-21T", "2026-09-31T" },
        { "2026-09-21T", "2026-9-21T" },
        { "2026-09-21T", "2026-09-21 " },
        { ".123456Z", ".123Z" },
        { "==\"}", "\"}" },
        { "==\"}", "==\",\"x\":1}" },
        { "==\"}\n", "==\"}"
                     "\n\n" },
        { "==\"}\n", "==\"}\r\n" },
        { "\"within\":60", "\"within\":60,\"within\":60" },
        { "\"type\":\"seal\",", "" },
        { "\"type\"", "\"\\u0074ype\"" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
        struct seal s;
        CLEANUP_FREE char *text = changed(&f->seal, changes[i][0], changes[i][1]);
        if (seal_parse_exported((struct span){ text, strlen(text) }, &s))
            fail_msg("taken: %s", text);
    }
}

static void no_seal_is_cut_short_and_still_one(void **state)
{
    struct fixture *f = *state;
    CLEANUP_BUF struct buf text = { 0 };
    struct seal s;
    seal_write_exported(&f->seal, &text);
    for (size_t len = 0; len < buf_len(&text) - 1; len++)
        assert_false(seal_parse_exported((struct span){ buf_data(&text), len }, &s));
    assert_true(seal_parse_exported((struct span){ buf_data(&text), buf_len(&text) - 1 }, &s));
}

/* --- the signature ---------------------------------------------------------------------------- */

static void any_changed_bit_is_found(void **state)
{
    struct fixture *f = *state;
    CLEANUP_BUF struct buf text = { 0 };
    unsigned read = 0;
    seal_write_exported(&f->seal, &text);
    for (size_t i = 0; i < buf_len(&text) - 1; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct seal s;
            buf_data(&text)[i] ^= (char)(1 << bit);
            if (seal_parse_exported(span_of(&text), &s)) {
                read++;
                if (seal_check(&s, &f->ours.public))
                    fail_msg("bit %u of byte %zu makes no difference", bit, i);
            }
            buf_data(&text)[i] ^= (char)(1 << bit);
        }
    }
    assert_in_range(read, 100, 10000);
}

static void another_key_does_not_do(void **state)
{
    struct fixture *f = *state;
    struct seal s = f->seal;
    assert_true(seal_check(&s, &f->ours.public));
    assert_false(seal_check(&s, &f->theirs.public));
    /* signed by them in our name */
    sign_seal(&s, &f->theirs);
    memcpy(s.key, f->ours.public.id, sizeof(s.key));
    assert_false(seal_check(&s, &f->ours.public));
    assert_false(seal_check(&s, &f->theirs.public));
}

/* --- keys ------------------------------------------------------------------------------------- */

static char *pem_of(const struct seal_pair *pair, bool secret)
{
    gnutls_datum_t out;
    if (secret) {
        gnutls_x509_privkey_t key;
        assert_int_equal(gnutls_privkey_export_x509(pair->secret, &key), 0);
        assert_int_equal(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
                                                           GNUTLS_PKCS_PLAIN, &out),
                         0);
        gnutls_x509_privkey_deinit(key);
    } else {
        gnutls_pubkey_t key = public_of(pair->secret);
        assert_int_equal(gnutls_pubkey_export2(key, GNUTLS_X509_FMT_PEM, &out), 0);
        gnutls_pubkey_deinit(key);
    }
    char *text = mem_strndup((char *)out.data, out.size);
    gnutls_free(out.data);
    return text;
}

static int add(struct seal_keys *keys, const char *text, struct error *err)
{
    return seal_keys_add_pem(keys, "keys.pem", (struct span){ text, strlen(text) }, err);
}

static void several_keys_are_found_by_their_ids(void **state)
{
    struct fixture *f = *state;
    CLEANUP_SEAL_KEYS struct seal_keys keys = { 0 };
    struct error err;
    CLEANUP_FREE char *ours = pem_of(&f->ours, false);
    CLEANUP_FREE char *theirs = pem_of(&f->theirs, false);
    CLEANUP_FREE char *both = mem_printf("since March:\n%s\n%ssince May\n%s", ours, theirs, ours);
    assert_int_equal(add(&keys, both, &err), 0);
    assert_int_equal(keys.n, 2);
    const struct seal_public *key = seal_keys_find(&keys, f->seal.key);
    assert_non_null(key);
    assert_true(seal_check(&f->seal, key));
    assert_non_null(seal_keys_find(&keys, f->theirs.public.id));
    assert_null(seal_keys_find(&keys, f->seal.digest));
}

static void what_is_no_public_key_is_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP_SEAL_KEYS struct seal_keys keys = { 0 };
    CLEANUP_FREE char *secret = pem_of(&f->ours, true);
    CLEANUP_FREE char *public = pem_of(&f->ours, false);
    CLEANUP_FREE char *cut = mem_strndup(public, strlen(public) / 2);
    CLEANUP_FREE char *one_of_two = mem_printf("%s%s", public, secret);
    static const char p256[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8RgpVNDjMrbIvsIVoIVLCzdjvgqu\n"
                               "FCWqjjdLaalWyeAnYD8k/U22HV868z7aWoqZS/zlxOegbfLKJEqM7h53yw==\n"
                               "-----END PUBLIC KEY-----\n";
    const char *const texts[] = { "",
                                  "hello",
                                  secret,
                                  cut,
                                  one_of_two,
                                  p256,
                                  "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n" };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct error err = { 0 };
        if (add(&keys, texts[i], &err) != ERROR_INVALID)
            fail_msg("taken: %s", texts[i]);
        if (strncmp(err.text, "keys.pem: ", 10) != 0)
            fail_msg("%s", err.text);
    }
}

static void a_key_of_another_sort_is_refused(void **state)
{
    struct seal_public public;
    struct error err;
    gnutls_privkey_t secret;
    assert_int_equal(gnutls_privkey_init(&secret), 0);
    assert_int_equal(gnutls_privkey_generate(secret, GNUTLS_PK_ECDSA,
                                             GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
                     0);
    gnutls_pubkey_t key = public_of(secret);
    assert_int_equal(seal_public_from_gnutls(key, &public, &err), ERROR_INVALID);
    gnutls_pubkey_deinit(key);
    gnutls_privkey_deinit(secret);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    CLEANUP_SEAL_KEYS struct seal_keys keys = { 0 };
    struct error err;
    assert_int_equal(seal_keys_load(&keys, "/nonexistent/key.pem", &err), ERROR_SYSTEM);
    assert_non_null(strstr(err.text, "/nonexistent/key.pem"));
    assert_true(seal_keys_load(&keys, "/dev/zero", &err) < 0);
}

int main(void)
{
#define SEAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SEAL_TEST(what_is_signed_is_the_exported_seal_without_its_signature),
        SEAL_TEST(what_was_exported_is_read_again),
        SEAL_TEST(a_seal_in_the_log_is_read_again),
        SEAL_TEST(a_second_way_to_write_it_is_refused),
        SEAL_TEST(no_seal_is_cut_short_and_still_one),
        SEAL_TEST(any_changed_bit_is_found),
        SEAL_TEST(another_key_does_not_do),
        SEAL_TEST(several_keys_are_found_by_their_ids),
        SEAL_TEST(what_is_no_public_key_is_refused),
        SEAL_TEST(a_key_of_another_sort_is_refused),
        SEAL_TEST(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests_name("audit_seal", tests, NULL, NULL);
}
