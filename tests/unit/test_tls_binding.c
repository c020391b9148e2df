/* What binds a login to a TLS session: the same at both ends, and nowhere else. */
#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/tls_pair.h"

#include "net/tls.h"

static struct pair pair_by(const char *priority)
{
    struct tls_settings settings = {
        .cert = world.server_crt,
        .key = world.server_key,
        .cas = &(struct tls_ca_settings){ .name = "", .file = world.ca_file },
        .n_cas = 1,
        .priority = priority,
    };
    struct tls_context *server = context_of(&settings), *client = client_context(NULL);
    struct pair p = pair_new(server, client, TLS_CLIENT_CERT_NONE, HOST);
    tls_context_unref(server);
    tls_context_unref(client);
    return p;
}

static struct pair open_pair(const char *priority)
{
    struct pair p = pair_by(priority);
    pair_handshake(&p);
    assert_int_equal(p.server_status, STREAM_OK);
    assert_int_equal(p.client_status, STREAM_OK);
    return p;
}

static void exported(struct stream *s, unsigned char out[TLS_EXPORTER_BYTES])
{
    struct error err = { 0 };
    if (tls_session_exporter(stream_tls(s), out, &err) < 0)
        fail_msg("%s", err.text);
}

static void there_is_nothing_before_the_handshake_is_over(void **state)
{
    unsigned char bytes[TLS_EXPORTER_BYTES];
    struct error err = { 0 };
    struct pair p = pair_by(NULL);
    assert_int_equal(tls_session_exporter(stream_tls(p.server), bytes, &err), ERROR_STATE);
    assert_int_equal(tls_session_bits(stream_tls(p.server)), 0);
    pair_free(&p);
}

static void tls_1_2_without_the_extended_master_secret_binds_nothing(void **state)
{
    unsigned char bytes[TLS_EXPORTER_BYTES];
    struct error err = { 0 };
    struct pair p = open_pair("NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH");
    assert_int_equal(tls_session_exporter(stream_tls(p.server), bytes, &err), ERROR_DENIED);
    assert_int_equal(tls_session_exporter(stream_tls(p.client), bytes, &err), ERROR_DENIED);
    pair_free(&p);
}

static void both_ends_are_the_same(const char *priority, const char *version)
{
    unsigned char server[TLS_EXPORTER_BYTES], client[TLS_EXPORTER_BYTES];
    struct pair p = open_pair(priority);
    assert_string_equal(tls_session_version(stream_tls(p.server)), version);
    exported(p.server, server);
    exported(p.client, client);
    assert_memory_equal(server, client, sizeof(server));
    pair_free(&p);
}

static void both_ends_of_tls_1_3_export_the_same(void **state)
{
    both_ends_are_the_same(NULL, "TLS1.3");
}

static void both_ends_of_tls_1_2_export_the_same(void **state)
{
    both_ends_are_the_same("NORMAL:-VERS-ALL:+VERS-TLS1.2", "TLS1.2");
}

static void two_sessions_export_different_bytes(void **state)
{
    unsigned char a[TLS_EXPORTER_BYTES], b[TLS_EXPORTER_BYTES];
    struct pair p = open_pair(NULL), q = open_pair(NULL);
    exported(p.server, a);
    exported(q.server, b);
    assert_memory_not_equal(a, b, sizeof(a));
    pair_free(&p);
    pair_free(&q);
}

static void the_strength_is_the_cipher_s(void **state)
{
    struct pair p = open_pair("NORMAL:-CIPHER-ALL:+AES-128-GCM");
    assert_int_equal(tls_session_bits(stream_tls(p.server)), 128);
    pair_free(&p);
    p = open_pair("NORMAL:-CIPHER-ALL:+AES-256-GCM");
    assert_int_equal(tls_session_bits(stream_tls(p.server)), 256);
    assert_int_equal(tls_session_bits(stream_tls(p.client)), 256);
    pair_free(&p);
}

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
        cmocka_unit_test(there_is_nothing_before_the_handshake_is_over),
        cmocka_unit_test(tls_1_2_without_the_extended_master_secret_binds_nothing),
        cmocka_unit_test(both_ends_of_tls_1_3_export_the_same),
        cmocka_unit_test(both_ends_of_tls_1_2_export_the_same),
        cmocka_unit_test(two_sessions_export_different_bytes),
        cmocka_unit_test(the_strength_is_the_cipher_s),
    };
    return cmocka_run_group_tests_name("tls_binding", tests, setup, teardown);
}
