/* The server's key stays in a token. Needs SoftHSM (Debian: softhsm2); skipped without it. */
#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/tls_pair.h"

#include <gnutls/pkcs11.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "net/tls.h"

#define PIN    "1234"
#define OBJECT "pkcs11:token=test;object=server;type=private"

static const char *const modules[] = { "/usr/lib/softhsm/libsofthsm2.so",
                                       "/usr/lib64/pkcs11/libsofthsm2.so",
                                       "/usr/lib/pkcs11/libsofthsm2.so" };
static char dir[] = "/tmp/qmpgate-hsm-XXXXXX";

static const char *find_module(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(modules); i++) {
        if (access(modules[i], R_OK) == 0)
            return modules[i];
    }
    return NULL;
}

/* A token of the test's own, with the server's key in it. */
static void make_token(const char *module)
{
    assert_non_null(mkdtemp(dir));
    CLEANUP_FREE char *text = mem_printf("directories.tokendir = %s\nlog.level = ERROR\n", dir);
    setenv("SOFTHSM2_CONF", pki_write_text("softhsm2.conf", text), 1);
    assert_int_equal(system("softhsm2-util --init-token --free --label test --pin " PIN
                            " --so-pin " PIN " >/dev/null"),
                     0);
    assert_int_equal(gnutls_pkcs11_init(GNUTLS_PKCS11_FLAG_MANUAL, NULL), 0);
    assert_int_equal(gnutls_pkcs11_add_provider(module, NULL), 0);
    assert_int_equal(gnutls_pkcs11_copy_x509_privkey2(
                         "pkcs11:token=test?pin-value=" PIN, world.server.key, "server", NULL,
                         GNUTLS_KEY_DIGITAL_SIGNATURE, GNUTLS_PKCS11_OBJ_FLAG_LOGIN),
                     0);
}

static struct tls_settings settings_with(const char *key, const struct tls_ca_settings *ca)
{
    return (struct tls_settings){ .cert = world.server_crt, .key = key, .cas = ca, .n_cas = 1 };
}

static void a_key_in_a_token_signs_the_handshake(void **state)
{
    if (!find_module()) {
        print_message("SKIPPED: SoftHSM is not installed (Debian: softhsm2)\n");
        skip();
    }
    struct tls_ca_settings ca = { .name = "", .file = world.ca_file };
    struct tls_settings settings = settings_with(OBJECT "?pin-value=" PIN, &ca);
    struct tls_context *server = context_of(&settings), *client = client_context(&world.client);
    struct pair p = pair_new(server, client, TLS_CLIENT_CERT_REQUIRED, HOST);
    pair_handshake(&p);
    assert_int_equal(p.client_status, STREAM_OK);
    assert_int_equal(p.server_status, STREAM_OK);
    pair_free(&p);
    tls_context_unref(server);
    tls_context_unref(client);
}

static void a_key_that_the_token_does_not_have_is_an_error(void **state)
{
    if (!find_module())
        skip();
    struct tls_ca_settings ca = { .name = "", .file = world.ca_file };
    struct tls_settings settings =
        settings_with("pkcs11:token=test;object=other;type=private?pin-value=" PIN, &ca);
    struct tls_context *c = NULL;
    struct error err;
    assert_true(tls_context_new(&settings, &c, &err) < 0);
    assert_non_null(strstr(err.text, "object=other"));
    assert_null(strstr(err.text, PIN));
}

static int setup(void **state)
{
    struct error err;
    if (tls_init(&err) < 0)
        return -1;
    world_make();
    if (find_module())
        make_token(find_module());
    return 0;
}

static int teardown(void **state)
{
    CLEANUP_FREE char *command = mem_printf("rm -rf %s", dir);
    gnutls_pkcs11_deinit();
    if (find_module() && system(command) != 0)
        return -1;
    world_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_in_a_token_signs_the_handshake),
        cmocka_unit_test(a_key_that_the_token_does_not_have_is_an_error),
    };
    return cmocka_run_group_tests_name("tls_pkcs11", tests, setup, teardown);
}
