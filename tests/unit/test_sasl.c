/* Logins over a real sasldb, both halves in one process. */
#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/sasl_db.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>
#include "base/mem.h"

#define OFFER(...)                                             \
    .server.mechanisms = (const char *const[]){ __VA_ARGS__ }, \
    .server.n_mechanisms = ARRAY_SIZE(((const char *[]){ __VA_ARGS__ }))

static const unsigned char binding[SASL_LOGIN_BINDING] = "the bytes of this TLS session";
static const unsigned char other_binding[SASL_LOGIN_BINDING] = "the bytes of some other session";

static void fails(struct exchange *x, const char *why)
{
    exchange_run(x);
    assert_int_equal(x->status, SASL_LOGIN_FAILED);
    assert_null(sasl_login_identity(x->login));
    assert_null(sasl_login_authzid(x->login));
    if (!strstr(sasl_login_why(x->login), why))
        fail_msg("'%s' does not say '%s'", sasl_login_why(x->login), why);
    sasl_login_free(x->login);
}

static void succeeds(struct exchange *x, const char *mechanism, const char *identity)
{
    exchange_run(x);
    if (x->status != SASL_LOGIN_DONE || x->client_rc < 0)
        fail_msg("server: '%s', client: '%s'", sasl_login_why(x->login), x->err.text);
    assert_string_equal(x->mechanism, mechanism);
    assert_string_equal(sasl_login_started(x->login), mechanism);
    assert_string_equal(sasl_login_identity(x->login)->name, identity);
    assert_string_equal(sasl_login_why(x->login), "");
    sasl_login_free(x->login);
}

/* A login that the test drives by hand. */
static struct sasl_login *login_by_hand(const char *mechanism)
{
    struct sasl_login *l = NULL;
    struct error err;
    struct sasl_login_settings settings = { .sasl = &sasl_db_settings,
                                            .mechanisms = &mechanism,
                                            .n_mechanisms = 1,
                                            .binding = binding,
                                            .ssf = 256 };
    if (sasl_login_new(&settings, &l, &err) < 0)
        fail_msg("%s", err.text);
    return l;
}

static enum sasl_login_status start(struct sasl_login *l, const char *mechanism, const char *data,
                                    size_t len, struct sasl_answer *out)
{
    struct span span = { data, len };
    return sasl_login_start(l, (struct span){ mechanism, strlen(mechanism) }, data ? &span : NULL,
                            out);
}

static void start_fails(const char *mechanism, const char *data, size_t len, const char *why)
{
    struct sasl_answer answer;
    struct sasl_login *l = login_by_hand(mechanism);
    assert_int_equal(start(l, mechanism, data, len, &answer), SASL_LOGIN_FAILED);
    assert_false(answer.has_data);
    assert_null(sasl_login_identity(l));
    if (!strstr(sasl_login_why(l), why))
        fail_msg("'%s' does not say '%s'", sasl_login_why(l), why);
    sasl_login_free(l);
}

/* --- who is not let in ------------------------------------------------------------------------ */

static void a_wrong_password_fails(void **state)
{
    exchange_password = "wrong";
    fails(&(struct exchange){ 0 }, "StoredKey mismatch");
    fails(&(struct exchange){ OFFER("PLAIN"), .client.peer = SASL_PEER_VERIFIED },
          "Password verification failed");
}

static void an_unknown_user_fails(void **state)
{
    fails(&(struct exchange){ .client.user = "nobody" }, "no such user");
    fails(&(struct exchange){ OFFER("PLAIN"), .client.peer = SASL_PEER_VERIFIED,
                              .client.user = "nobody" },
          "no such user");
}

static void a_disabled_user_fails(void **state)
{
    fails(&(struct exchange){ .client.user = "gone" }, "no such user");
    fails(&(struct exchange){ OFFER("PLAIN"), .client.peer = SASL_PEER_VERIFIED,
                              .client.user = "gone" },
          "no such user");
}

static void the_same_user_of_another_realm_fails(void **state)
{
    /* sasldb knows this one, and the password is right */
    fails(&(struct exchange){ .client.user = "alice@elsewhere" }, "another realm");
    fails(&(struct exchange){ OFFER("PLAIN"), .client.peer = SASL_PEER_VERIFIED,
                              .client.user = "alice@elsewhere" },
          "another realm");
}

static void another_case_is_another_user(void **state)
{
    fails(&(struct exchange){ .client.user = "Alice" }, "no such user");
}

static void unfit_names_fail(void **state)
{
    fails(&(struct exchange){ .client.user = "alice@example.com@evil" }, "realm");
    fails(&(struct exchange){ .client.user = "al\nice" }, "control");
    fails(&(struct exchange){ .client.user = "al\xff"
                                             "ice" },
          "UTF-8");
    start_fails("PLAIN", "\0 alice\0secret", 14, "space"); /* our client would cut it off */
    start_fails("PLAIN", "\0alice \0secret", 14, "space");
    fails(&(struct exchange){ .client.user = "andre\xcc\x81" }, "normal form");
}

static void an_unfit_authzid_fails(void **state)
{
    fails(&(struct exchange){ .client.authzid = "bo\nb" }, "control");
    fails(&(struct exchange){ .client.authzid = "b@o@b" }, "realm");
    exchange_password = "secret";
    fails(&(struct exchange){ .client.authzid = "x509:CN=\na" }, "");
}

static void plain_with_more_or_less_than_three_parts_fails(void **state)
{
    start_fails("PLAIN", "", 0, "");
    start_fails("PLAIN", "alice", 5, "");
    start_fails("PLAIN", "\0alice", 6, "");
    start_fails("PLAIN", "\0alice\0secret\0", 14, "");
    start_fails("PLAIN", "\0alice\0secret\0more", 18, "");
    start_fails("PLAIN", "\0\0secret", 8, "empty");
    start_fails("PLAIN", "\0alice\0", 7, "");
}

static void a_nul_in_a_scram_message_fails(void **state)
{
    start_fails("SCRAM-SHA-256", "n,,n=al\0ice,r=0123456789", 24, "NUL");
}

/* --- channel binding -------------------------------------------------------------------------- */

static void another_session_s_binding_fails(void **state)
{
    fails(&(struct exchange){ OFFER("SCRAM-SHA-256-PLUS"), .server.binding = binding,
                              .client.binding = other_binding },
          "binding");
}

static void plus_without_binding_fails(void **state)
{
    start_fails("SCRAM-SHA-256-PLUS", "n,,n=alice,r=0123456789", 23, "binding");
    start_fails("SCRAM-SHA-256-PLUS", "y,,n=alice,r=0123456789", 23, "binding");
    start_fails("SCRAM-SHA-256-PLUS", "p=tls-unique,,n=alice,r=0123456789", 34, "binding");
}

static void plus_without_binding_fails_in_a_later_message_too(void **state)
{
    struct sasl_answer answer;
    struct sasl_login *l = login_by_hand("SCRAM-SHA-256-PLUS");
    assert_int_equal(start(l, "SCRAM-SHA-256-PLUS", NULL, 0, &answer), SASL_LOGIN_MORE);
    struct span data = SPAN_LIT("n,,n=alice,r=0123456789");
    assert_int_equal(sasl_login_step(l, &data, &answer), SASL_LOGIN_FAILED);
    sasl_login_free(l);
}

static void binding_without_plus_fails(void **state)
{
    start_fails("SCRAM-SHA-256", "p=tls-exporter,,n=alice,r=0123456789", 36, "binding");
}

static void a_weaker_mechanism_can_be_asked_for_where_plus_is_offered(void **state)
{
    struct exchange x = { OFFER("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"), .server.binding = binding,
                          .client.binding = binding, .client.mechanism = "SCRAM-SHA-256" };
    succeeds(&x, "SCRAM-SHA-256", "sasl:alice@example.com");
}

static void a_client_that_could_bind_uses_a_server_that_cannot(void **state)
{
    succeeds(&(struct exchange){ .client.binding = binding }, "SCRAM-SHA-256",
             "sasl:alice@example.com");
}

/* Somebody between us struck -PLUS out of the list: the client says "y", and both notice. */
static void a_list_that_was_cut_down_fails(void **state)
{
    struct exchange x = { OFFER("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"), .server.binding = binding,
                          .client.binding = binding, .struck_out = "SCRAM-SHA-256-PLUS" };
    fails(&x, "channel binding");
}

static void plus_is_not_offered_without_a_binding(void **state)
{
    const char *const both[] = { "SCRAM-SHA-256-PLUS", "EXTERNAL", "PLAIN" };
    struct sasl_login *l = NULL;
    struct sasl_login_settings settings = {
        .sasl = &sasl_db_settings, .mechanisms = both, .n_mechanisms = 3, .ssf = 256
    };
    assert_int_equal(sasl_login_new(&settings, &l, NULL), 0);
    assert_string_equal(sasl_login_mechanism(l, 0), "PLAIN");
    assert_null(sasl_login_mechanism(l, 1));
    sasl_login_free(l);
}

/* --- mechanisms ------------------------------------------------------------------------------- */

static void a_mechanism_that_is_not_offered_fails_at_once(void **state)
{
    static const char *const others[] = { "PLAIN",
                                          "ANONYMOUS",
                                          "LOGIN",
                                          "CRAM-MD5",
                                          "DIGEST-MD5",
                                          "NTLM",
                                          "EXTERNAL",
                                          "SCRAM-SHA-1",
                                          "SCRAM-SHA-256-PLUS",
                                          "scram-sha-256",
                                          "SCRAM-SHA-25",
                                          "SCRAM-SHA-2566",
                                          "SCRAM-SHA-256 ",
                                          "" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        struct sasl_answer answer;
        struct sasl_login *l = login_by_hand("SCRAM-SHA-256");
        assert_int_equal(start(l, others[i], "\0alice\0secret", 13, &answer), SASL_LOGIN_FAILED);
        assert_string_equal(sasl_login_why(l), "a mechanism that is not offered");
        assert_string_equal(sasl_login_started(l), "");
        sasl_login_free(l);
    }
}

static void a_mechanism_with_a_nul_in_its_name_fails(void **state)
{
    struct sasl_answer answer;
    struct sasl_login *l = login_by_hand("PLAIN");
    struct span data = { "\0alice\0secret", 13 };
    assert_int_equal(sasl_login_start(l, (struct span){ "PLAIN\0X", 7 }, &data, &answer),
                     SASL_LOGIN_FAILED);
    sasl_login_free(l);
}

static void a_listener_cannot_offer_what_is_not_ours(void **state)
{
    static const char *const bad[] = { "ANONYMOUS", "LOGIN",       "CRAM-MD5", "DIGEST-MD5",
                                       "NTLM",      "SCRAM-SHA-1", "plain" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct sasl_login *l = NULL;
        struct sasl_login_settings settings = {
            .sasl = &sasl_db_settings, .mechanisms = &bad[i], .n_mechanisms = 1, .ssf = 256
        };
        assert_int_equal(sasl_login_new(&settings, &l, NULL), ERROR_INVALID);
    }
}

static void there_is_no_login_over_a_weak_cipher(void **state)
{
    const char *plain = "PLAIN";
    struct sasl_login *l = NULL;
    struct sasl_login_settings settings = {
        .sasl = &sasl_db_settings, .mechanisms = &plain, .n_mechanisms = 1, .ssf = 56
    };
    assert_int_equal(sasl_login_new(&settings, &l, NULL), ERROR_DENIED);
    settings.over = SASL_OVER_UNIX;
    assert_int_equal(sasl_login_new(&settings, &l, NULL), 0);
    sasl_login_free(l);
}

/* --- order and limits ------------------------------------------------------------------------- */

static void a_second_start_fails(void **state)
{
    struct sasl_answer answer;
    struct sasl_login *l = login_by_hand("PLAIN");
    assert_int_equal(start(l, "PLAIN", NULL, 0, &answer), SASL_LOGIN_MORE);
    assert_int_equal(start(l, "PLAIN", "\0alice\0secret", 13, &answer), SASL_LOGIN_FAILED);
    assert_null(sasl_login_identity(l));
    sasl_login_free(l);
}

static void a_step_before_a_start_fails(void **state)
{
    struct sasl_answer answer;
    struct sasl_login *l = login_by_hand("PLAIN");
    struct span data = { "\0alice\0secret", 13 };
    assert_int_equal(sasl_login_step(l, &data, &answer), SASL_LOGIN_FAILED);
    assert_int_equal(start(l, "PLAIN", data.data, data.len, &answer), SASL_LOGIN_FAILED);
    sasl_login_free(l);
}

static void a_step_after_the_end_takes_the_login_back(void **state)
{
    struct sasl_answer answer;
    struct sasl_login *l = login_by_hand("PLAIN");
    struct span data = { "\0alice\0secret", 13 };
    assert_int_equal(start(l, "PLAIN", data.data, data.len, &answer), SASL_LOGIN_DONE);
    assert_non_null(sasl_login_identity(l));
    assert_int_equal(sasl_login_step(l, &data, &answer), SASL_LOGIN_FAILED);
    assert_null(sasl_login_identity(l));
    sasl_login_free(l);
}

static void a_step_after_a_failure_fails(void **state)
{
    struct sasl_answer answer;
    struct sasl_login *l = login_by_hand("PLAIN");
    struct span good = { "\0alice\0secret", 13 };
    assert_int_equal(start(l, "PLAIN", "\0alice\0wrong!", 13, &answer), SASL_LOGIN_FAILED);
    assert_int_equal(sasl_login_step(l, &good, &answer), SASL_LOGIN_FAILED);
    assert_int_equal(start(l, "PLAIN", good.data, good.len, &answer), SASL_LOGIN_FAILED);
    sasl_login_free(l);
}

static void a_step_of_too_many_bytes_fails(void **state)
{
    CLEANUP_FREE char *data = mem_zalloc(SASL_LOGIN_DATA_MAX + 1);
    start_fails("PLAIN", data, SASL_LOGIN_DATA_MAX + 1, "too many bytes");
}

static void too_many_steps_fail(void **state)
{
    struct sasl_answer answer;
    const char *external = "EXTERNAL";
    struct identity *alice = NULL;
    struct sasl_login *l = NULL;
    assert_int_equal(identity_from_sasl("alice@example.com", &alice, NULL), 0);
    struct sasl_login_settings settings = { .sasl = &sasl_db_settings,
                                            .mechanisms = &external,
                                            .n_mechanisms = 1,
                                            .external = alice,
                                            .ssf = 256 };
    assert_int_equal(sasl_login_new(&settings, &l, NULL), 0);
    assert_int_equal(start(l, external, NULL, 0, &answer), SASL_LOGIN_MORE);
    for (unsigned i = 1; i < SASL_LOGIN_STEPS_MAX; i++)
        assert_int_equal(sasl_login_step(l, NULL, &answer), SASL_LOGIN_MORE);
    assert_int_equal(sasl_login_step(l, NULL, &answer), SASL_LOGIN_FAILED);
    assert_string_equal(sasl_login_why(l), "too many steps");
    sasl_login_free(l);
    identity_unref(alice);
}

static void no_data_and_empty_data_are_different(void **state)
{
    struct sasl_answer answer;
    struct sasl_login *l = login_by_hand("PLAIN");
    assert_int_equal(start(l, "PLAIN", NULL, 0, &answer), SASL_LOGIN_MORE);
    assert_true(answer.has_data);
    assert_int_equal(answer.data.len, 0);
    struct span data = { "\0alice\0secret", 13 };
    assert_int_equal(sasl_login_step(l, &data, &answer), SASL_LOGIN_DONE);
    assert_false(answer.has_data);
    sasl_login_free(l);
    start_fails("PLAIN", "", 0, "");
}

/* --- no oracle -------------------------------------------------------------------------------- */

static void unknown_users_take_as_many_steps_as_wrong_passwords(void **state)
{
    static const char *const users[] = { "alice", "nobody", "gone", "alice@elsewhere", "alice@x" };
    exchange_password = "wrong";
    for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
        struct exchange x = { .client.user = users[i] };
        exchange_run(&x);
        assert_int_equal(x.status, SASL_LOGIN_FAILED);
        assert_int_equal(x.steps, 2);
        assert_int_equal(x.client_rc, 0);
        sasl_login_free(x.login);
    }
}

/* What the server tells of salt and iterations: for whom there is and for whom there is not. */
static void challenge(const char *user, char out[256])
{
    struct sasl_answer answer;
    struct sasl_login *l = login_by_hand("SCRAM-SHA-256");
    CLEANUP_FREE char *first = mem_printf("n,,n=%s,r=0123456789abcdef", user);
    assert_int_equal(start(l, "SCRAM-SHA-256", first, strlen(first), &answer), SASL_LOGIN_MORE);
    assert_true(answer.data.len < 256);
    memcpy(out, answer.data.data, answer.data.len);
    out[answer.data.len] = '\0';
    const char *salt = strstr(out, ",s=");
    assert_non_null(salt);
    memmove(out, salt, strlen(salt) + 1); /* the nonce is another one each time */
    sasl_login_free(l);
}

static void an_unknown_user_has_a_salt_that_stays(void **state)
{
    char a[256], b[256], known[256];
    challenge("nobody", a);
    challenge("nobody", b);
    challenge("alice", known);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), strlen(known));
    assert_string_not_equal(a, known);
    challenge("somebody", b);
    assert_string_not_equal(a, b);
}

/* --- who is let in ---------------------------------------------------------------------------- */

static void scram_lets_alice_in(void **state)
{
    succeeds(&(struct exchange){ 0 }, "SCRAM-SHA-256", "sasl:alice@example.com");
}

static void scram_plus_lets_alice_in(void **state)
{
    succeeds(&(struct exchange){ OFFER("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"),
                                 .server.binding = binding, .client.binding = binding },
             "SCRAM-SHA-256-PLUS", "sasl:alice@example.com");
}

static void plain_lets_alice_in(void **state)
{
    succeeds(&(struct exchange){ OFFER("PLAIN"), .client.peer = SASL_PEER_VERIFIED }, "PLAIN",
             "sasl:alice@example.com");
}

static void a_user_s_spellings_are_one_identity(void **state)
{
    static const char *const users[] = { "alice", "alice@example.com", "alice@EXAMPLE.com" };
    for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
        succeeds(&(struct exchange){ .client.user = users[i] }, "SCRAM-SHA-256",
                 "sasl:alice@example.com");
        succeeds(&(struct exchange){ OFFER("PLAIN"), .client.user = users[i],
                                     .client.peer = SASL_PEER_LOCAL },
                 "PLAIN", "sasl:alice@example.com");
    }
}

static void a_name_beyond_ascii_is_one_too(void **state)
{
    succeeds(&(struct exchange){ .client.user = "andr\xc3\xa9" }, "SCRAM-SHA-256",
             "sasl:andr\xc3\xa9@example.com");
}

static void external_is_the_identity_that_is_there(void **state)
{
    struct identity *i = NULL;
    assert_int_equal(identity_from_uid(0, 0, &i, NULL), 0);
    succeeds(&(struct exchange){ OFFER("EXTERNAL"), .server.external = i, .client.external = true,
                                 .client.user = "" },
             "EXTERNAL", "unix:root");
    identity_unref(i);
}

static void the_authzid_is_handed_out(void **state)
{
    static const struct {
        const char *said, *name;
    } cases[] = {
        { "bob", "sasl:bob@example.com" },
        { "bob@Tenants", "sasl:bob@tenants" },
        { "sasl:bob", "sasl:bob@example.com" },
        { "x509:CN=bob,O=Example", "x509:CN=bob,O=Example" },
        { "unix:root", "unix:root" },
        { "alice", NULL },
        { "alice@example.com", NULL },
        { "sasl:alice@Example.com", NULL },
        { NULL, NULL },
    };
    static const char *const mechanisms[] = { "SCRAM-SHA-256", "PLAIN" };
    for (size_t i = 0; i < ARRAY_SIZE(cases) * 2; i++) {
        struct exchange x = { .server.mechanisms = &mechanisms[i % 2],
                              .server.n_mechanisms = 1,
                              .client.authzid = cases[i / 2].said,
                              .client.peer = SASL_PEER_VERIFIED };
        exchange_run(&x);
        assert_int_equal(x.status, SASL_LOGIN_DONE);
        const char *authzid = sasl_login_authzid(x.login);
        if (cases[i / 2].name)
            assert_string_equal(authzid, cases[i / 2].name);
        else
            assert_null(authzid);
        assert_string_equal(sasl_login_identity(x.login)->name, "sasl:alice@example.com");
        sasl_login_free(x.login);
    }
}

static void a_failed_login_tells_who_was_claimed(void **state)
{
    struct exchange x = { .client.user = "nobody" };
    exchange_run(&x);
    assert_string_equal(sasl_login_claimed(x.login), "nobody@example.com");
    sasl_login_free(x.login);
}

/* --- the client ------------------------------------------------------------------------------- */

static void client_refuses(struct exchange *x, const char *why)
{
    exchange_run(x);
    assert_true(x->client_rc < 0);
    assert_null(sasl_login_identity(x->login));
    if (!strstr(x->err.text, why))
        fail_msg("'%s' does not say '%s'", x->err.text, why);
    sasl_login_free(x->login);
}

static void the_client_gives_no_password_to_a_stranger(void **state)
{
    client_refuses(&(struct exchange){ OFFER("PLAIN"), .client.peer = SASL_PEER_UNKNOWN },
                   "verified");
}

static void the_client_takes_no_other_mechanism_than_it_was_told(void **state)
{
    client_refuses(&(struct exchange){ OFFER("PLAIN"), .client.peer = SASL_PEER_VERIFIED,
                                       .client.mechanism = "SCRAM-SHA-256" },
                   "another one");
}

static void the_client_needs_a_name(void **state)
{
    client_refuses(&(struct exchange){ .client.user = "" }, "name");
}

static char *no_password(void *opaque)
{
    return NULL;
}

static void the_client_ends_without_a_password(void **state)
{
    client_refuses(&(struct exchange){ .client.password = no_password }, "");
}

static void a_server_that_offers_nothing_known_is_refused(void **state)
{
    static const char *const offered[] = { "LOGIN", "CRAM-MD5", "plain" };
    struct sasl_caller *c = NULL;
    struct sasl_said said;
    struct error err;
    const char *mechanism;
    struct sasl_caller_settings settings = {
        .service = "qmpgate", .hostname = "x", .user = "a", .peer = SASL_PEER_VERIFIED
    };
    assert_int_equal(sasl_caller_new(&settings, &c, &err), 0);
    assert_int_equal(sasl_caller_start(c, offered, 3, &mechanism, &said, &err), ERROR_DENIED);
    sasl_caller_free(c);
}

/* A server that says "complete" instead of proving that it knows the password. */
static void a_server_that_does_not_prove_itself_is_refused(void **state)
{
    static const char *const offered[] = { "SCRAM-SHA-256" };
    struct exchange x = { 0 };
    struct sasl_caller *c = NULL;
    struct sasl_said said;
    struct sasl_answer answer;
    struct error err;
    const char *mechanism;
    exchange_run(&x); /* fills the settings in */
    sasl_login_free(x.login);
    for (int late = 0; late < 3; late++) {
        struct sasl_login *l = login_by_hand("SCRAM-SHA-256");
        assert_int_equal(sasl_caller_new(&x.client, &c, &err), 0);
        assert_int_equal(sasl_caller_start(c, offered, 1, &mechanism, &said, &err), 0);
        if (late) {
            assert_int_equal(start(l, mechanism, said.data.data, said.data.len, &answer),
                             SASL_LOGIN_MORE);
            assert_int_equal(sasl_caller_step(c, answer.data, &said, &err), 0);
        }
        struct span lie = SPAN_LIT("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_int_equal(sasl_caller_finish(c, late == 2 ? &lie : NULL, &err), ERROR_PEER);
        sasl_caller_free(c);
        sasl_login_free(l);
    }
}

/* --- threads ---------------------------------------------------------------------------------- */

#define THREADS 4
#define LOGINS  20

static void *log_in_and_out(void *opaque)
{
    unsigned *good = opaque;
    for (unsigned i = 0; i < LOGINS; i++) {
        struct sasl_answer answer;
        struct sasl_login *l = NULL;
        const char *offer[] = { "PLAIN", "SCRAM-SHA-256" };
        const char *data = i % 2 ? "\0alice\0secret" : "\0alice\0wrong!";
        struct sasl_login_settings settings = {
            .sasl = &sasl_db_settings, .mechanisms = offer, .n_mechanisms = 2, .ssf = 256
        };
        if (sasl_login_new(&settings, &l, NULL) < 0)
            return NULL;
        enum sasl_login_status wanted = i % 2 ? SASL_LOGIN_DONE : SASL_LOGIN_FAILED;
        *good += start(l, "PLAIN", data, 13, &answer) == wanted;
        sasl_login_free(l);
        if (sasl_login_new(&settings, &l, NULL) < 0)
            return NULL;
        *good +=
            start(l, "SCRAM-SHA-256", "n,,n=alice,r=0123456789", 23, &answer) == SASL_LOGIN_MORE;
        sasl_login_free(l);
    }
    return NULL;
}

static void logins_go_on_in_several_threads(void **state)
{
    pthread_t threads[THREADS];
    unsigned good[THREADS] = { 0 };
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_in_and_out, &good[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(good[i], 2 * LOGINS);
    }
}

/* --- secrets ---------------------------------------------------------------------------------- */

#define SECRET_LEN 16

/* How often it is in this thread's stack; `masked` so that what is sought is not found itself. */
static unsigned count_on_stack(const unsigned char masked[SECRET_LEN])
{
    unsigned found = 0;
    unsigned long from = 0, to = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY);
    while (fgets(line, sizeof(line), maps) && !strstr(line, "[stack]"))
        ;
    fclose(maps);
    assert_int_equal(sscanf(line, "%lx-%lx", &from, &to), 2);
    CLEANUP_FREE unsigned char *copy = mem_alloc(to - from);
    assert_int_equal(pread(memory, copy, to - from, (off_t)from), to - from);
    close(memory);
    for (size_t i = 0; i + SECRET_LEN <= to - from; i++) {
        size_t k = 0;
        while (k < SECRET_LEN && (copy[i + k] ^ 0x55) == masked[k])
            k++;
        found += k == SECRET_LEN;
    }
    return found;
}

/* libsasl2's sasldb reads the account's password into an array there. */
static void a_password_is_not_left_on_the_stack(void **state)
{
    static const char *const mechanisms[] = { "PLAIN", "SCRAM-SHA-256" };
    unsigned char masked[SECRET_LEN];
    for (size_t i = 0; i < SECRET_LEN; i++)
        masked[i] = (unsigned char)(('A' + i) ^ 0x55);
    CLEANUP_FREE char *secret = mem_zalloc(SECRET_LEN + 1);
    for (size_t i = 0; i < SECRET_LEN; i++)
        secret[i] = (char)(masked[i] ^ 0x55);
    sasl_db_add("secretive", REALM, secret);
    for (size_t i = 0; i < 2; i++) {
        struct sasl_answer answer;
        struct sasl_login *l = login_by_hand(mechanisms[i]);
        CLEANUP_FREE char *data = i == 0 ? mem_printf("%csecretive%c%s", 1, 1, secret)
                                         : mem_strdup("n,,n=secretive,r=0123456789");
        size_t len = strlen(data);
        for (size_t k = 0; k < len; k++)
            data[k] = data[k] == 1 ? '\0' : data[k];
        assert_int_equal(start(l, mechanisms[i], data, len, &answer),
                         i == 0 ? SASL_LOGIN_DONE : SASL_LOGIN_MORE);
        assert_int_equal(count_on_stack(masked), 0);
        sasl_login_free(l);
    }
}

/* --- the start, and the rest ------------------------------------------------------------------ */

static void the_process_starts_once(void **state)
{
    assert_int_equal(sasl_process_start(&sasl_db_settings, NULL), ERROR_STATE);
}

static void a_mechanism_without_its_means_is_told(void **state)
{
    const char *all[] = { "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "EXTERNAL", "GSSAPI" };
    struct error err = { 0 };
    struct sasl_settings s = sasl_db_settings;
    assert_int_equal(sasl_settings_check(&s, all, 4, &err), 0);
    s.db = "/nowhere/sasldb2";
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sasl_settings_check(&s, &all[i], 1, &err), ERROR_SYSTEM);
    assert_non_null(strstr(err.text, "cannot read the sasldb /nowhere/sasldb2"));
    s.pwcheck = SASL_PWCHECK_SASLAUTHD; /* PLAIN no longer needs it */
    assert_int_equal(sasl_settings_check(&s, &all[2], 1, &err), 0);
    assert_int_equal(sasl_settings_check(&s, &all[3], 1, &err), 0);
    s.keytab = "/nowhere/keytab";
    assert_int_equal(sasl_settings_check(&s, &all[4], 1, &err), ERROR_SYSTEM);
    const char *unknown = "SCRAM-SHA-9";
    assert_true(sasl_settings_check(&sasl_db_settings, &unknown, 1, &err) < 0);
    assert_non_null(strstr(err.text, "no plugin"));
}

static void a_failure_is_answered_at_a_multiple_of_the_delay(void **state)
{
    assert_int_equal(sasl_failure_wait_us(0, 1000), 1000);
    assert_int_equal(sasl_failure_wait_us(1, 1000), 999);
    assert_int_equal(sasl_failure_wait_us(999, 1000), 1);
    assert_int_equal(sasl_failure_wait_us(1000, 1000), 1000);
    assert_int_equal(sasl_failure_wait_us(2400, 1000), 600);
    assert_int_equal(sasl_failure_wait_us(2400, 0), 0);
}

static int reset(void **state)
{
    exchange_password = "secret";
    return 0;
}

#define TEST(f) cmocka_unit_test_setup(f, reset)

int main(void)
{
    struct error err;
    if (!sasl_db_make()) {
        fprintf(stderr, "SKIPPED: saslpasswd2 is missing (scripts/install-deps test)\n");
        return 77;
    }
    sasl_db_add("alice", REALM, "secret");
    sasl_db_add("alice", "elsewhere", "secret");
    sasl_db_add("andr\xc3\xa9", REALM, "secret");
    sasl_db_add("gone", REALM, "secret");
    sasl_db_disable("gone", REALM);
    if (sasl_process_start(&sasl_db_settings, &err) < 0 || sasl_caller_process_start(&err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        TEST(a_wrong_password_fails),
        TEST(an_unknown_user_fails),
        TEST(a_disabled_user_fails),
        TEST(the_same_user_of_another_realm_fails),
        TEST(another_case_is_another_user),
        TEST(unfit_names_fail),
        TEST(an_unfit_authzid_fails),
        TEST(plain_with_more_or_less_than_three_parts_fails),
        TEST(a_nul_in_a_scram_message_fails),
        TEST(another_session_s_binding_fails),
        TEST(plus_without_binding_fails),
        TEST(plus_without_binding_fails_in_a_later_message_too),
        TEST(binding_without_plus_fails),
        TEST(a_list_that_was_cut_down_fails),
        TEST(a_weaker_mechanism_can_be_asked_for_where_plus_is_offered),
        TEST(a_client_that_could_bind_uses_a_server_that_cannot),
        TEST(plus_is_not_offered_without_a_binding),
        TEST(a_mechanism_that_is_not_offered_fails_at_once),
        TEST(a_mechanism_with_a_nul_in_its_name_fails),
        TEST(a_listener_cannot_offer_what_is_not_ours),
        TEST(there_is_no_login_over_a_weak_cipher),
        TEST(a_second_start_fails),
        TEST(a_step_before_a_start_fails),
        TEST(a_step_after_the_end_takes_the_login_back),
        TEST(a_step_after_a_failure_fails),
        TEST(a_step_of_too_many_bytes_fails),
        TEST(too_many_steps_fail),
        TEST(no_data_and_empty_data_are_different),
        TEST(unknown_users_take_as_many_steps_as_wrong_passwords),
        TEST(an_unknown_user_has_a_salt_that_stays),
        TEST(scram_lets_alice_in),
        TEST(scram_plus_lets_alice_in),
        TEST(plain_lets_alice_in),
        TEST(a_user_s_spellings_are_one_identity),
        TEST(a_name_beyond_ascii_is_one_too),
        TEST(external_is_the_identity_that_is_there),
        TEST(the_authzid_is_handed_out),
        TEST(a_failed_login_tells_who_was_claimed),
        TEST(the_client_gives_no_password_to_a_stranger),
        TEST(the_client_takes_no_other_mechanism_than_it_was_told),
        TEST(the_client_needs_a_name),
        TEST(the_client_ends_without_a_password),
        TEST(a_server_that_offers_nothing_known_is_refused),
        TEST(a_server_that_does_not_prove_itself_is_refused),
        TEST(logins_go_on_in_several_threads),
        TEST(a_password_is_not_left_on_the_stack),
        TEST(the_process_starts_once),
        TEST(a_mechanism_without_its_means_is_told),
        TEST(a_failure_is_answered_at_a_multiple_of_the_delay),
    };
    int failed = cmocka_run_group_tests_name("sasl", tests, NULL, NULL);
    sasl_process_stop();
    sasl_db_remove();
    return failed;
}
