#include "config.h"
#include "tests/unit/unit.h"

#include "acl/principal.h"
#include "base/mem.h"

static bool matches(const char *pattern, const char *identity)
{
    CLEANUP_PRINCIPAL struct acl_principal *p = NULL, *i = NULL;
    struct error err = { 0 };
    if (acl_principal_parse_pattern(pattern, &p, &err) < 0)
        fail_msg("%s: %s", pattern, err.text);
    if (acl_principal_parse_identity(identity, &i, &err) < 0)
        fail_msg("%s: %s", identity, err.text);
    bool matched = acl_principal_match(p, i);
    /* what is found by key is what matches */
    if (acl_principal_key(p))
        assert_int_equal(matched, strcmp(acl_principal_key(p), acl_principal_key(i)) == 0);
    return matched;
}

static void assert_malformed(const char *pattern)
{
    CLEANUP_PRINCIPAL struct acl_principal *p = NULL;
    struct error err = { 0 };
    if (acl_principal_parse_pattern(pattern, &p, &err) == 0)
        fail_msg("%s is accepted", pattern);
    assert_true(*err.text);
    assert_null(p);
}

static void assert_no_identity(const char *identity)
{
    CLEANUP_PRINCIPAL struct acl_principal *p = NULL;
    if (acl_principal_parse_identity(identity, &p, NULL) == 0)
        fail_msg("%s is accepted", identity);
}

#define assert_match(p, i)    assert_true(matches((p), (i)))
#define assert_no_match(p, i) assert_false(matches((p), (i)))

/* --- names ------------------------------------------------------------------------------------ */

static void a_name_matches_itself(void **state)
{
    (void)state;
    assert_match("x509:CN=ops-1,O=Example", "x509:CN=ops-1,O=Example");
    assert_match("x509:CN=ops-*,O=Example", "x509:CN=ops-1,O=Example");
    assert_match("x509:CN=ops-?,O=Example", "x509:CN=ops-1,O=Example");
    assert_match("x509:CN=*,O=*", "x509:CN=ops-1,O=Example");
}

static void the_case_of_a_type_does_not_count_and_that_of_a_value_does(void **state)
{
    (void)state;
    assert_match("x509:cn=ops-1,o=Example", "x509:CN=ops-1,O=Example");
    assert_no_match("x509:CN=Ops-1,O=Example", "x509:CN=ops-1,O=Example");
    assert_no_match("x509:CN=OPS-*,O=Example", "x509:CN=ops-1,O=Example");
    assert_no_match("x509:CN=ops-*,O=example", "x509:CN=ops-1,O=Example");
}

static void a_part_of_a_name_is_not_the_name(void **state)
{
    (void)state;
    assert_no_match("x509:CN=ops", "x509:CN=ops-1");
    assert_no_match("x509:CN=ops-1", "x509:CN=ops-11");
    assert_no_match("x509:CN=ops-1", "x509:CN=xops-1");
    assert_no_match("x509:CN=ops-*", "x509:CN=xops-1");
    assert_no_match("x509:CN=*-1", "x509:CN=ops-1x");
    assert_no_match("x509:CN=ops-?", "x509:CN=ops-");
    assert_no_match("x509:CN=ops-?", "x509:CN=ops-12");
    assert_no_match("x509:CN=", "x509:CN=a");
    assert_no_match("x509:CN=a", "x509:CN=");
    assert_match("x509:CN=", "x509:CN=");
}

static void a_wildcard_stays_within_its_attribute(void **state)
{
    (void)state;
    assert_no_match("x509:CN=*", "x509:CN=ops-1,O=Example");
    assert_no_match("x509:CN=ops-*", "x509:CN=ops-1,O=Example");
    assert_no_match("x509:CN=ops*Example", "x509:CN=ops-1,O=Example");
    assert_no_match("x509:CN=*,O=Example", "x509:CN=a,OU=b,O=Example");
    assert_no_match("x509:CN=*", "x509:CN=a+UID=b");
}

static void text_of_one_attribute_is_not_another_attribute(void **state)
{
    (void)state;
    assert_no_match("x509:CN=ops-1,O=Example", "x509:CN=ops-1\\,O=Example");
    assert_no_match("x509:CN=ops-*,O=Example", "x509:CN=ops-1\\,O=Example,O=Evil");
    assert_no_match("x509:CN=ops-*,O=Example", "x509:CN=x,O=CN=ops-1\\,O=Example");
    assert_no_match("x509:CN=a+UID=b", "x509:CN=a\\+UID=b");
    assert_match("x509:CN=*", "x509:CN=ops-1\\,O=Example");
}

static void further_rdns_are_refused(void **state)
{
    (void)state;
    assert_no_match("x509:CN=ops-1,O=Example", "x509:CN=ops-1,O=Example,C=DE");
    assert_no_match("x509:CN=ops-1,O=Example", "x509:OU=x,CN=ops-1,O=Example");
    assert_no_match("x509:CN=ops-1,O=Example", "x509:CN=ops-1,OU=x,O=Example");
    assert_no_match("x509:CN=ops-1,O=Example", "x509:CN=ops-1");
}

static void the_order_of_rdns_counts(void **state)
{
    (void)state;
    assert_no_match("x509:CN=ops-1,O=Example", "x509:O=Example,CN=ops-1");
    assert_no_match("x509:O=Example,CN=ops-1", "x509:CN=ops-1,O=Example");
}

static void types_must_be_equal(void **state)
{
    (void)state;
    assert_no_match("x509:CN=a", "x509:OU=a");
    assert_no_match("x509:CN=*", "x509:UID=a");
    assert_no_match("x509:O=a", "x509:OU=a");
    assert_no_match("x509:2.5.4.4=a", "x509:2.5.4.42=a");
}

static void a_comma_and_star_at_the_end_allows_further_rdns(void **state)
{
    (void)state;
    assert_match("x509:CN=ops-*,*", "x509:CN=ops-1,O=Example,C=DE");
    assert_match("x509:CN=ops-*,*", "x509:CN=ops-1");
    assert_match("x509:CN=ops-*,O=Example,*", "x509:CN=ops-1,O=Example");
    assert_no_match("x509:CN=ops-*,O=Example,*", "x509:CN=ops-1,O=Evil,O=Example");
    assert_no_match("x509:CN=ops-*,O=Example,*", "x509:CN=ops-1");
    assert_no_match("x509:CN=ops-*,*", "x509:OU=x,CN=ops-1");
    /* the comma is part of the value here */
    assert_no_match("x509:CN=ops\\,*", "x509:CN=ops,O=Example");
    assert_match("x509:CN=ops\\,*", "x509:CN=ops\\,x");
}

static void parts_of_an_rdn_match_in_any_order_and_all_of_them(void **state)
{
    (void)state;
    assert_match("x509:CN=a+UID=b,O=c", "x509:CN=a+UID=b,O=c");
    assert_match("x509:UID=b+CN=a,O=c", "x509:CN=a+UID=b,O=c");
    assert_match("x509:uid=?+CN=*,O=c", "x509:CN=a+UID=b,O=c");
    assert_no_match("x509:CN=a,O=c", "x509:CN=a+UID=b,O=c");
    assert_no_match("x509:UID=b,O=c", "x509:CN=a+UID=b,O=c");
    assert_no_match("x509:CN=a+UID=b,O=c", "x509:CN=a,O=c");
    assert_no_match("x509:CN=a+UID=b,O=c", "x509:CN=a,UID=b,O=c");
    assert_no_match("x509:CN=a,UID=b", "x509:CN=a+UID=b");
    assert_no_match("x509:CN=b+UID=a", "x509:CN=a+UID=b");
}

static void escapes_are_undone_before_values_are_compared(void **state)
{
    (void)state;
    assert_match("x509:CN=a\\2Cb", "x509:CN=a\\,b");
    assert_match("x509:CN=a\\2cb", "x509:CN=a\\,b");
    assert_match("x509:CN=\\ a\\ ", "x509:CN=\\20a\\20");
    assert_match("x509:CN=\\#a", "x509:CN=\\23a");
    assert_match("x509:CN=L\\C3\\A9a", "x509:CN=L\xc3\xa9"
                                       "a");
    assert_match("x509:CN=a=b", "x509:CN=a\\=b");
    assert_no_match("x509:CN=a\\\\,O=b", "x509:CN=a\\,O=b");
    assert_no_match("x509:CN=a\\ ", "x509:CN=a");
    assert_no_match("x509:CN=\\ a", "x509:CN=a");
}

static void an_escaped_wildcard_is_a_byte(void **state)
{
    (void)state;
    assert_match("x509:CN=a\\*", "x509:CN=a*");
    assert_match("x509:CN=a\\2A", "x509:CN=a*");
    assert_match("x509:CN=\\?*", "x509:CN=?x");
    assert_no_match("x509:CN=a\\*", "x509:CN=ab");
    assert_no_match("x509:CN=a\\2A", "x509:CN=ab");
    assert_no_match("x509:CN=\\?*", "x509:CN=xx");
}

static void an_identity_has_no_wildcards(void **state)
{
    (void)state;
    assert_no_match("x509:CN=ops-1", "x509:CN=*");
    assert_no_match("x509:CN=ops-1", "x509:CN=ops-?");
    assert_no_match("unix:root", "unix:*");
    assert_match("x509:CN=*", "x509:CN=*");
}

static void a_hexadecimal_value_matches_only_the_same(void **state)
{
    (void)state;
    assert_match("x509:1.2.3=#0C0161", "x509:1.2.3=#0c0161");
    assert_no_match("x509:1.2.3=#0C0161", "x509:1.2.3=#0c0162");
    assert_no_match("x509:1.2.3=#0C0161", "x509:1.2.3=#0c016161");
    assert_no_match("x509:1.2.3=\\#0C0161", "x509:1.2.3=#0c0161");
    assert_no_match("x509:1.2.3=#0C0161", "x509:1.2.3=\\#0c0161");
    assert_no_match("x509:1.2.3=0c0161", "x509:1.2.3=#0c0161");
    assert_no_match("x509:1.2.3=*", "x509:1.2.3=#0c0161");
}

static void a_ca_is_part_of_the_identity(void **state)
{
    (void)state;
    assert_match("x509:partners:CN=a", "x509:partners:CN=a");
    assert_no_match("x509:CN=a", "x509:partners:CN=a");
    assert_no_match("x509:CN=*,*", "x509:partners:CN=a");
    assert_no_match("x509:partners:CN=a", "x509:CN=a");
    assert_no_match("x509:partners:CN=a", "x509:Partners:CN=a");
    assert_no_match("x509:partners:CN=a", "x509:partner:CN=a");
    /* a colon behind the first = is the value's */
    assert_match("x509:CN=a:b", "x509:CN=a:b");
    assert_no_match("x509:CN=a:b", "x509:CN=a:c");
}

/* --- URIs ------------------------------------------------------------------------------------- */

#define NS "x509-uri:spiffe://example.org/ns/"

static void a_uri_matches_itself_and_nothing_like_it(void **state)
{
    (void)state;
    assert_match(NS "a", NS "a");
    assert_no_match(NS "a", NS "A");
    assert_no_match(NS "a", NS "a/");
    assert_no_match(NS "a", NS "a/b");
    assert_no_match(NS "a", NS "a?b");
    assert_no_match(NS "a", NS "a#b");
    assert_no_match(NS "a", NS "%C3%A1");
    assert_no_match(NS "a/b", NS "a%2Fb");
    assert_no_match(NS "a", "x509-uri:spiffe://example.org:1/ns/a");
    assert_no_match(NS "a", "x509-uri:http://example.org/ns/a");
    assert_no_match(NS "a", "x509-uri:spiffe://example.org.evil/ns/a");
    assert_no_match(NS "a", "x509-uri:spiffe://evil/spiffe://example.org/ns/a");
    assert_no_match(NS "*", NS "");
}

static void scheme_and_authority_count_without_their_case(void **state)
{
    (void)state;
    assert_match("x509-uri:SPIFFE://Example.ORG/ns/a", NS "a");
    assert_match("x509-uri:SPIFFE://Example.ORG/ns/*", NS "a");
    assert_match(NS "%c3%b6", NS "%C3%B6");
    assert_no_match("x509-uri:spiffe://example.org/NS/a", NS "a");
}

static void a_wildcard_stays_within_its_segment(void **state)
{
    (void)state;
    assert_match(NS "*", NS "a");
    assert_match(NS "*/sa/b", NS "a/sa/b");
    assert_match(NS "a-*-c", NS "a-b-b-c");
    assert_match(NS "a*", NS "a");
    assert_no_match(NS "*", NS "a/b");
    assert_no_match(NS "*", NS "a?b");
    assert_no_match(NS "*", NS "a#b");
    assert_no_match(NS "*/b", NS "a/x/b");
    assert_no_match(NS "*/sa/b", NS "a/ns/x/sa/b");
    assert_no_match(NS "*/sa/b", NS "/sa/b");
    assert_no_match(NS "a*c", NS "a/c");
    assert_no_match("x509-uri:spiffe://*/ns/a", "x509-uri:spiffe://evil/x/ns/a");
    assert_no_match("x509-uri:spiffe://*/ns/a", "x509-uri:spiffe:///ns/a");
    assert_match("x509-uri:spiffe://*.example.org/a", "x509-uri:spiffe://x.example.org/a");
    assert_no_match("x509-uri:spiffe://*.example.org/a", "x509-uri:spiffe://evil/x.example.org/a");
}

static void two_stars_at_the_end_are_all_that_is_below(void **state)
{
    (void)state;
    assert_match(NS "a/**", NS "a/b");
    assert_match(NS "a/**", NS "a/b/c/d?e#f");
    assert_match(NS "*/**", NS "a/b/c");
    assert_no_match(NS "a/**", NS "a");
    assert_no_match(NS "a/**", NS "a/");
    assert_no_match(NS "a/**", NS "ab/c");
    assert_no_match(NS "a/**", NS "a?b/c");
    assert_no_match("x509-uri:spiffe://example.org/**", "x509-uri:spiffe://example.org.evil/a");
}

static void a_question_mark_is_the_uris_own(void **state)
{
    (void)state;
    assert_match("x509-uri:https://e/a?b", "x509-uri:https://e/a?b");
    assert_no_match("x509-uri:https://e/a?b", "x509-uri:https://e/axb");
    assert_no_match("x509-uri:https://e/a?*", "x509-uri:https://e/axb");
}

static void the_ca_of_a_uri_is_not_its_scheme(void **state)
{
    (void)state;
    assert_match("x509-uri:spiffe:spiffe://e/a", "x509-uri:spiffe:spiffe://e/a");
    assert_no_match("x509-uri:spiffe://e/a", "x509-uri:spiffe:spiffe://e/a");
    assert_no_match("x509-uri:spiffe:spiffe://e/a", "x509-uri:spiffe://e/a");
    assert_no_match("x509-uri:ca:spiffe://e/a", "x509-uri:Ca:spiffe://e/a");
    assert_no_match("x509-uri:ca:spiffe://*/**", "x509-uri:ca2:spiffe://e/a");
}

/* --- names of SASL ---------------------------------------------------------------------------- */

static void the_case_of_a_realm_does_not_count_and_that_of_a_user_does(void **state)
{
    (void)state;
    assert_match("sasl:alice@EXAMPLE.com", "sasl:alice@example.com");
    assert_match("sasl:*@Example.*", "sasl:alice@example.com");
    assert_match("sasl:alice@example.com", "sasl:alice@Example.COM");
    assert_no_match("sasl:Alice@example.com", "sasl:alice@example.com");
    assert_no_match("sasl:alice@example.com", "sasl:alice@example.co");
    assert_no_match("sasl:alice@example.com", "sasl:alice@xexample.com");
    assert_no_match("sasl:\xd0\xb0lice@example.com", "sasl:alice@example.com");
}

static void a_wildcard_does_not_meet_the_at_sign(void **state)
{
    (void)state;
    assert_no_match("sasl:a*@tenants", "sasl:a@tenants.evil");
    assert_no_match("sasl:*@tenants", "sasl:a@other-tenants");
    assert_match("sasl:?@*", "sasl:a@tenants");
    assert_no_match("sasl:?@*", "sasl:ab@tenants");
}

/* --- other sorts ------------------------------------------------------------------------------ */

static void users_match_by_glob_and_case(void **state)
{
    (void)state;
    assert_match("unix:root", "unix:root");
    assert_match("unix:ops-*", "unix:ops-1");
    assert_match("unix:*", "unix:root");
    assert_match("sasl:*@tenants", "sasl:a@tenants");
    assert_no_match("unix:root", "unix:Root");
    assert_no_match("unix:root", "unix:root2");
    assert_no_match("unix:root", "unix:xroot");
    assert_no_match("unix:ops-*", "unix:xops-1");
}

static void a_sort_of_identity_never_matches_another(void **state)
{
    (void)state;
    assert_no_match("unix:*", "sasl:root@r");
    assert_no_match("sasl:*@*", "unix:root@r");
    assert_no_match("unix:*", "x509:CN=root");
    assert_no_match("x509:CN=*", "unix:CN=root");
    assert_no_match("sasl:*@*", "x509:CN=root@r");
    assert_no_match("unix:*", "unix-group:root");
    assert_no_match("unix-group:*", "unix:root");
    assert_no_match("x509-uri:spiffe://*/a", "x509-uri:ca:spiffe://e/a");
}

static void malformed_patterns_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "*",
        "root",
        "UNIX:root",
        "unix:",
        "unix:a\nb",
        "sasl:",
        "sasl:alice",
        "sasl:*",
        "sasl:@r",
        "sasl:a@",
        "sasl:a@b@c",
        "sasl:a@b c",
        "sasl:a@\xc3\xb6",
        "sasl: a@r",
        "sasl:a @r",
        "sasl:a\xcc\x88@r",     /* not NFC */
        "sasl:a\xe2\x80\x8b@r", /* invisible */
        "sasl:a\xff@r",
        "sasl:a\nb@r",
        "unix-group:",
        "unix-group:a\nb",
        "x509-uri:",
        "x509-uri:*",
        "x509-uri:spiffe",
        "x509-uri:urn:a:b",
        "x509-uri:mailto:a@b",
        "x509-uri:ca:urn:a:b",
        "x509-uri::spiffe://e/a",
        "x509-uri:c a:spiffe://e/a",
        "x509-uri:c*:spiffe://e/a",
        "x509-uri:a:b:spiffe://e/a",
        "x509-uri:ca:*://e/a",
        "x509-uri:s*://e/a",
        "x509-uri:1a://e/a",
        "x509-uri:spiffe://u@e/a",
        "x509-uri:spiffe://e/a b",
        "x509-uri:spiffe://e/\xc3\xb6",
        "x509-uri:spiffe://e/a\n",
        "x509-uri:spiffe://e/%",
        "x509-uri:spiffe://e/%4",
        "x509-uri:spiffe://e/%4g",
        "x509-uri:spiffe://e/%41",
        "x509-uri:spiffe://e/%2e%2E",
        "x509-uri:spiffe://e/%00",
        "x509-uri:spiffe://e/%0a",
        "x509-uri:spiffe://e/%7F",
        "x509-uri:spiffe://e/..",
        "x509-uri:spiffe://e/./a",
        "x509-uri:spiffe://e/a/../b",
        "x509-uri:spiffe://e/a/..?b",
        "x509-uri:spiffe://e/a#b#c",
        "x509-uri:spiffe://e/[",
        "x509-uri:spiffe://**",
        "x509-uri:spiffe:///**",
        "x509-uri:spiffe://e/**/b",
        "x509-uri:spiffe://e/a**",
        "x509-uri:spiffe://e/***",
        "x509-uri:spiffe://e/**/**",
        "x509-uri:spiffe://e//**",
        "x509-uri:spiffe://e/a?b/**",
        "x509-uri:spiffe://e/a#b/**",
        "group:ops",
        "x509:",
        "x509:*",
        "x509:ca:*",
        "x509:ca:",
        "x509::CN=a",
        "x509:c a:CN=a",
        "x509:ops-*",
        "x509:CN",
        "x509:CN=a,",
        "x509:CN=a,,O=b",
        "x509:,CN=a",
        "x509:*,CN=a",
        "x509:CN=a,*,O=b",
        "x509:CN=a,**",
        "x509:CN=a+",
        "x509:CN=a+*",
        "x509:=a",
        "x509:C*=a",
        "x509:*=a",
        "x509: CN=a",
        "x509:CN =a",
        "x509:CN=a, O=b",
        "x509:CN= a",
        "x509:CN=a ",
        "x509:CN=a ,O=b",
        "x509:CN=a;O=b",
        "x509:CN=\"a\"",
        "x509:CN=<a>",
        "x509:CN=a\\",
        "x509:CN=a\\x",
        "x509:CN=a\\0",
        "x509:CN=a\\00",
        "x509:CN=a\\0A",
        "x509:CN=a\tb",
        "x509:CN=#",
        "x509:CN=#0",
        "x509:CN=#0g",
        "x509:CN=#0c*",
        "x509:1..2=a",
        "x509:1.=a",
        "x509:1=a",
        "x509:CN=a+CN=b",
        "x509:CN=a,CN=b",
        "x509:CN=a,2.5.4.3=b",
        "x509:cn=a,O=x,CN=b,*",
        "x509:UID=a+uid=b",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_malformed(bad[i]);
}

static void what_is_no_identity_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "x509:",
        "x509:CN=a,CN=b",
        "x509:CN=a,*",
        "x509:CN=a\\*",
        "unix:",
        "CN=a",
        "x509:CN=a\\",
        "x509:CN=a,O",
        "unix:a\nb",
        "x509:CN=a\\00",
        "unix",
        "sasl:a",
        "sasl:a@b@c",
        "sasl:a@*",
        "sasl:@r",
        "unix-group:",
        "x509-uri:a",
        "x509-uri:urn:a",
        "x509-uri:spiffe://e/%41",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_no_identity(bad[i]);
}

static void different_names_have_different_keys(void **state)
{
    (void)state;
    static const char *const names[] = {
        "x509:CN=a,O=b",    "x509:CN=a\\,O=b",   "x509:CN=a+O=b",    "x509:O=b,CN=a",
        "x509:CN=a",        "x509:CN=aO=b",      "x509:ca:CN=a",     "x509:CN=a\\,O=1:b",
        "x509:CN=#6161",    "x509:CN=\\#6161",   "x509:CN=6161",     "x509:CN=a,O=1:b",
        "unix:CN=a",        "sasl:x509:CN=a@r",  "unix:a",           "sasl:a@r",
        "unix-group:a",     "x509-uri:a://b",    "x509-uri:a:a://b", "x509-uri:a:a://b/",
        "x509-uri:a:b://a", "x509-uri:ca:b://a",
    };
    struct acl_principal *p[ARRAY_SIZE(names)];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_int_equal(acl_principal_parse_identity(names[i], &p[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(acl_principal_key(p[i]), acl_principal_key(p[k]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        acl_principal_free(p[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_matches_itself),
        cmocka_unit_test(the_case_of_a_type_does_not_count_and_that_of_a_value_does),
        cmocka_unit_test(a_part_of_a_name_is_not_the_name),
        cmocka_unit_test(a_wildcard_stays_within_its_attribute),
        cmocka_unit_test(text_of_one_attribute_is_not_another_attribute),
        cmocka_unit_test(further_rdns_are_refused),
        cmocka_unit_test(the_order_of_rdns_counts),
        cmocka_unit_test(types_must_be_equal),
        cmocka_unit_test(a_comma_and_star_at_the_end_allows_further_rdns),
        cmocka_unit_test(parts_of_an_rdn_match_in_any_order_and_all_of_them),
        cmocka_unit_test(escapes_are_undone_before_values_are_compared),
        cmocka_unit_test(an_escaped_wildcard_is_a_byte),
        cmocka_unit_test(an_identity_has_no_wildcards),
        cmocka_unit_test(a_hexadecimal_value_matches_only_the_same),
        cmocka_unit_test(a_ca_is_part_of_the_identity),
        cmocka_unit_test(a_uri_matches_itself_and_nothing_like_it),
        cmocka_unit_test(scheme_and_authority_count_without_their_case),
        cmocka_unit_test(a_wildcard_stays_within_its_segment),
        cmocka_unit_test(two_stars_at_the_end_are_all_that_is_below),
        cmocka_unit_test(a_question_mark_is_the_uris_own),
        cmocka_unit_test(the_ca_of_a_uri_is_not_its_scheme),
        cmocka_unit_test(the_case_of_a_realm_does_not_count_and_that_of_a_user_does),
        cmocka_unit_test(a_wildcard_does_not_meet_the_at_sign),
        cmocka_unit_test(users_match_by_glob_and_case),
        cmocka_unit_test(a_sort_of_identity_never_matches_another),
        cmocka_unit_test(malformed_patterns_are_refused),
        cmocka_unit_test(what_is_no_identity_is_refused),
        cmocka_unit_test(different_names_have_different_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
