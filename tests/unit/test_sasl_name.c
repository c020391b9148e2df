/* Which names of SASL are one, which are two, and which are none. */
#include "config.h"
#include "tests/unit/unit.h"

#include "auth/identity.h"
#include "auth/sasl_name.h"

static void is_none(const char *raw, size_t len, const char *words)
{
    char out[SASL_NAME_SIZE];
    struct error err = { 0 };
    if (sasl_name_canonical((struct span){ raw, len }, "example.com", out, &err) == 0)
        fail_msg("'%s' became '%s'", raw, out);
    if (!strstr(err.text, words))
        fail_msg("'%s': '%s' does not say '%s'", raw, err.text, words);
}

static void becomes(const char *raw, const char *name)
{
    char out[SASL_NAME_SIZE], again[SASL_NAME_SIZE];
    struct error err = { 0 };
    if (sasl_name_canonical((struct span){ raw, strlen(raw) }, "example.com", out, &err) < 0)
        fail_msg("'%s': %s", raw, err.text);
    assert_string_equal(out, name);
    /* once more changes nothing, in any realm */
    assert_int_equal(sasl_name_canonical((struct span){ out, strlen(out) }, "other", again, &err),
                     0);
    assert_string_equal(again, name);
}

/* --- none ------------------------------------------------------------------------------------- */

static void an_empty_name_is_none(void **state)
{
    is_none("", 0, "empty");
    is_none(NULL, 0, "empty");
    is_none("@example.com", 12, "empty");
    is_none("alice@", 6, "realm");
}

static void a_second_at_is_none(void **state)
{
    is_none("alice@example.com@evil", 22, "realm");
    is_none("a@@example.com", 14, "realm");
    is_none("alice@evil@example.com", 22, "realm");
}

static void control_bytes_and_nuls_are_none(void **state)
{
    is_none("alice\0evil", 10, "NUL");
    is_none("alice\n", 6, "control");
    is_none("al\x7fice", 6, "control");
    is_none("al\xc2\x85ice", 7, "control"); /* C1 */
    is_none("alice@exa\0mple.com", 18, "realm");
    is_none("alice@example.com\n", 18, "realm");
}

static void what_is_not_utf8_is_none(void **state)
{
    is_none("al\xff", 3, "UTF-8");
    is_none("\xc0\xaf", 2, "UTF-8");         /* overlong */
    is_none("\xed\xa0\x80", 3, "UTF-8");     /* a surrogate */
    is_none("\xf4\x90\x80\x80", 4, "UTF-8"); /* past U+10FFFF */
    is_none("al\xc3", 3, "UTF-8");
}

static void spaces_at_an_end_are_none(void **state)
{
    is_none(" alice", 6, "space");
    is_none("alice ", 6, "space");
    is_none("alice @example.com", 18, "space");
}

static void another_form_of_the_same_text_is_none(void **state)
{
    is_none("andre\xcc\x81", 7, "normal form");     /* e and a combining accent, NFD */
    is_none("al\xc2\xa0ice", 7, "normal form");     /* no-break space */
    is_none("al\xe3\x80\x80ice", 8, "normal form"); /* ideographic space */
    is_none("\xe2\x84\xab", 3, "normal form");      /* ANGSTROM SIGN, which is A with ring */
}

static void invisible_characters_are_none(void **state)
{
    is_none("al\xe2\x80\x8bice", 8, "normal form"); /* zero width space */
    is_none("al\xc2\xadice", 7, "normal form");     /* soft hyphen */
    is_none("\xef\xbb\xbf"
            "alice",
            8, "normal form");                      /* byte order mark */
    is_none("al\xe2\x80\xaeice", 8, "normal form"); /* right-to-left override */
    is_none("al\xe2\x80\x8dice", 8, "normal form"); /* zero width joiner */
}

static void a_realm_is_a_domain_s_name(void **state)
{
    is_none("alice@exa mple", 14, "realm");
    is_none("alice@ex\xc3\xa4mple", 14, "realm");
    is_none("alice@*", 7, "realm");
    is_none("alice@a/b", 9, "realm");
}

static void long_names_are_none(void **state)
{
    char name[600];
    memset(name, 'a', sizeof(name));
    is_none(name, SASL_NAME_USER_MAX + 1, "more than");
    name[1] = '@';
    is_none(name, 2 + SASL_NAME_REALM_MAX + 1, "more than");
}

static void without_a_realm_to_add_a_bare_name_is_none(void **state)
{
    char out[SASL_NAME_SIZE];
    assert_true(sasl_name_canonical(SPAN_LIT("alice"), "", out, NULL) < 0);
}

/* --- one and two ------------------------------------------------------------------------------ */

static void a_bare_name_is_of_the_configured_realm(void **state)
{
    becomes("alice", "alice@example.com");
    becomes("alice@example.com", "alice@example.com");
}

static void a_realm_s_case_means_nothing(void **state)
{
    becomes("alice@EXAMPLE.com", "alice@example.com");
    becomes("bob@Tenants", "bob@tenants");
}

static void a_user_s_case_is_kept(void **state)
{
    becomes("Alice", "Alice@example.com");
}

static void look_alikes_stay_apart(void **state)
{
    becomes("\xd0\xb0lice", "\xd0\xb0lice@example.com");         /* Cyrillic a */
    becomes("\xef\xbd\x81lice", "\xef\xbd\x81lice@example.com"); /* fullwidth a */
    becomes("andr\xc3\xa9", "andr\xc3\xa9@example.com");
    becomes("alice@example.com.evil", "alice@example.com.evil");
    becomes("alice smith", "alice smith@example.com");
    becomes("qmp/host.example.com", "qmp/host.example.com@example.com");
    becomes("unix:root", "unix:root@example.com");
}

static void a_name_is_of_its_realm_only(void **state)
{
    assert_true(sasl_name_is_of("alice@example.com", "example.com"));
    assert_false(sasl_name_is_of("alice@example.com.evil", "example.com"));
    assert_false(sasl_name_is_of("alice@evil.example.com", "example.com"));
    assert_false(sasl_name_is_of("alice", "alice"));
}

static void a_folded_name_survives_folding(void **state)
{
    assert_true(sasl_name_survives_folding("al.ice-1_x+y@example.com"));
    assert_false(sasl_name_survives_folding("Alice@example.com"));
    assert_false(sasl_name_survives_folding("alice smith@example.com"));
    assert_false(sasl_name_survives_folding("andr\xc3\xa9@example.com"));
    assert_false(sasl_name_survives_folding("EXAMPLE\\alice@example.com"));
}

/* --- identities ------------------------------------------------------------------------------- */

static void a_name_that_is_not_canonical_is_no_identity(void **state)
{
    static const char *const bad[] = { "alice", "alice@EXAMPLE.com", "alice@a@b", "", "a\nb@c" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct identity *id = NULL;
        assert_true(identity_from_sasl(bad[i], &id, NULL) < 0);
        assert_null(id);
    }
}

static void a_canonical_name_is_an_identity(void **state)
{
    struct identity *id = NULL;
    assert_int_equal(identity_from_sasl("alice@example.com", &id, NULL), 0);
    assert_string_equal(id->name, "sasl:alice@example.com");
    assert_int_equal(id->kind, IDENTITY_SASL);
    assert_int_equal(id->uid, (uid_t)-1);
    identity_unref(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_name_is_none),
        cmocka_unit_test(a_second_at_is_none),
        cmocka_unit_test(control_bytes_and_nuls_are_none),
        cmocka_unit_test(what_is_not_utf8_is_none),
        cmocka_unit_test(spaces_at_an_end_are_none),
        cmocka_unit_test(another_form_of_the_same_text_is_none),
        cmocka_unit_test(invisible_characters_are_none),
        cmocka_unit_test(a_realm_is_a_domain_s_name),
        cmocka_unit_test(long_names_are_none),
        cmocka_unit_test(without_a_realm_to_add_a_bare_name_is_none),
        cmocka_unit_test(a_bare_name_is_of_the_configured_realm),
        cmocka_unit_test(a_realm_s_case_means_nothing),
        cmocka_unit_test(a_user_s_case_is_kept),
        cmocka_unit_test(look_alikes_stay_apart),
        cmocka_unit_test(a_name_is_of_its_realm_only),
        cmocka_unit_test(a_folded_name_survives_folding),
        cmocka_unit_test(a_name_that_is_not_canonical_is_no_identity),
        cmocka_unit_test(a_canonical_name_is_an_identity),
    };
    return cmocka_run_group_tests_name("sasl_name", tests, NULL, NULL);
}
