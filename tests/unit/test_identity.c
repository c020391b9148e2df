/* Which certificates and users are somebody, and who. */
#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/pki.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>
#include "auth/identity.h"
#include "base/buf.h"
#include "base/mem.h"

#define OID_O  "2.5.4.10"
#define OID_CN "2.5.4.3"

#define TEXT(oid, lit)            \
    {                             \
        oid, lit, sizeof(lit) - 1 \
    }

static struct pki ca;

/* The identity of a certificate that is made as asked, or NULL with the reason. */
static struct identity *identity_of(const struct pki_request *request, const char *section,
                                    struct error *err)
{
    struct pki_request r = *request;
    if (!r.purpose)
        r.purpose = PKI_CLIENT;
    struct pki p = pki_issue(&ca, &r);
    gnutls_datum_t der = pki_der(&p);
    struct identity *i = NULL;
    int rc = identity_from_certificate(der.data, der.size, section, &i, err);
    assert_true((rc == 0) == (i != NULL));
    gnutls_free(der.data);
    pki_free(&p);
    return i;
}

static void is_named(const struct pki_request *request, const char *section, const char *name)
{
    struct error err;
    struct identity *i = identity_of(request, section, &err);
    if (!i)
        fail_msg("%s", err.text);
    assert_string_equal(i->name, name);
    assert_int_equal(i->kind, IDENTITY_X509);
    assert_int_equal(i->uid, (uid_t)-1);
    identity_unref(i);
}

static void is_nobody(const struct pki_request *request, const char *words)
{
    struct error err;
    struct identity *i = identity_of(request, "", &err);
    if (i)
        fail_msg("became %s", i->name);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

/* Bytes of the text are changed in the finished certificate: only its form is looked at here, the
 * signature was verified before. */
static int identity_of_patched_request(struct pki_request request, const char *find,
                                       const char *with, size_t len)
{
    request.purpose = PKI_CLIENT;
    struct pki p = pki_issue(&ca, &request);
    gnutls_datum_t der = pki_der(&p);
    struct identity *i = NULL;
    unsigned char *at = memmem(der.data, der.size, find, len);
    assert_non_null(at);
    memcpy(at, with, len);
    int rc = identity_from_certificate(der.data, der.size, "", &i, NULL);
    identity_unref(i);
    gnutls_free(der.data);
    pki_free(&p);
    return rc;
}

static int identity_of_patched(const char *dn, const char *find, const char *with, size_t len)
{
    return identity_of_patched_request((struct pki_request){ .dn = dn }, find, with, len);
}

/* --- X.509 ------------------------------------------------------------------------------------ */

static void a_subject_is_named_by_rfc4514(void **state)
{
    is_named(&(struct pki_request){ .dn = "CN=alice,OU=ops,O=Example,C=DE" }, "",
             "x509:CN=alice,OU=ops,O=Example,C=DE");
    is_named(&(struct pki_request){ .dn = "UID=alice,DC=example,DC=com" }, "",
             "x509:UID=alice,DC=example,DC=com");
}

static void a_named_section_is_part_of_the_name(void **state)
{
    is_named(&(struct pki_request){ .dn = "CN=alice,O=Example" }, "partners",
             "x509:partners:CN=alice,O=Example");
}

static void what_could_read_as_structure_is_escaped(void **state)
{
    static const struct pki_attribute attributes[] = { TEXT(OID_O, "Acme, Inc+Co;<x>\"y\"\\z"),
                                                       TEXT(OID_CN, "#alice,O=Example "),
                                                       { NULL, NULL, 0 } };
    is_named(&(struct pki_request){ .attributes = attributes }, "",
             "x509:CN=\\#alice\\,O=Example\\ ,O=Acme\\, Inc\\+Co\\;\\<x\\>\\\"y\\\"\\\\z");
}

static void utf8_is_kept(void **state)
{
    is_named(&(struct pki_request){ .dn = "CN=J\xc3\xb6rg,O=Example" }, "",
             "x509:CN=J\xc3\xb6rg,O=Example");
}

static void two_common_names_are_nobody(void **state)
{
    static const struct pki_attribute attributes[] = {
        TEXT(OID_O, "Example"), TEXT(OID_CN, "admin"), TEXT(OID_CN, "mallory"), { NULL, NULL, 0 }
    };
    is_nobody(&(struct pki_request){ .attributes = attributes }, "two common names");
}

static void a_nul_in_a_name_is_nobody(void **state)
{
    static const struct pki_attribute cn[] = { TEXT(OID_CN, "admin\0.evil"), { NULL, NULL, 0 } };
    static const struct pki_attribute o[] = { TEXT(OID_O, "Example\0"),
                                              TEXT(OID_CN, "admin"),
                                              { NULL, NULL, 0 } };
    is_nobody(&(struct pki_request){ .attributes = cn }, "");
    is_nobody(&(struct pki_request){ .attributes = o }, "");
}

static void a_control_character_is_nobody(void **state)
{
    static const char *const bad[] = { "a\nb", "a\x1b[2J", "a\x7f", "a\xc2\x85", "a\tb" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const struct pki_attribute attributes[] = { { OID_O, bad[i], (unsigned)strlen(bad[i]) },
                                                    TEXT(OID_CN, "alice"),
                                                    { NULL, NULL, 0 } };
        is_nobody(&(struct pki_request){ .attributes = attributes }, "control character");
    }
}

static void an_empty_subject_is_nobody(void **state)
{
    is_nobody(&(struct pki_request){ .dn = NULL }, "subject is empty");
}

static void a_purpose_other_than_tls_client_is_nobody(void **state)
{
    struct pki_request r = { .dn = "CN=alice", .purpose = PKI_SERVER };
    is_nobody(&r, "not for TLS clients");
    r.purpose = PKI_OCSP;
    is_nobody(&r, "not for TLS clients");
    r.purpose = PKI_CA; /* no extended key usage at all */
    is_nobody(&r, "not for TLS clients");
    r.purpose = PKI_SERVER | PKI_CLIENT;
    is_named(&r, "", "x509:CN=alice");
}

static void a_subject_that_is_too_long_is_nobody(void **state)
{
    char value[60];
    struct pki_attribute attributes[24] = { { NULL, NULL, 0 } };
    memset(value, 'x', sizeof(value));
    for (size_t i = 0; i < 20; i++)
        attributes[i] = (struct pki_attribute){ "2.5.4.11", value, sizeof(value) };
    is_nobody(&(struct pki_request){ .attributes = attributes }, "longer than 1024");
}

static void a_section_name_cannot_pose_as_a_subject(void **state)
{
    static const char *const bad[] = { "a:b", "CN=x", "a b", "a,b", "\n", "\xc3\xb6" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct error err;
        assert_null(identity_of(&(struct pki_request){ .dn = "CN=alice" }, bad[i], &err));
    }
}

static void what_is_no_certificate_is_nobody(void **state)
{
    struct identity *i = NULL;
    assert_true(identity_from_certificate((const unsigned char *)"", 0, "", &i, NULL) < 0);
    assert_true(identity_from_certificate((const unsigned char *)"0\x82\x01", 3, "", &i, NULL) < 0);
    assert_null(i);
}

static void text_that_is_not_utf8_is_nobody(void **state)
{
    static const char text[] = "\xc3\xb6\xc3\xb6";
    const char *dn = "CN=\xc3\xb6\xc3\xb6,O=Example";
    assert_int_equal(identity_of_patched(dn, text, "\xf0\x9f\x98\x80", 4), 0);
    assert_true(identity_of_patched(dn, text,
                                    "ab\xff"
                                    "c",
                                    4) < 0);
    assert_true(identity_of_patched(dn, text, "ab\xc0\xaf", 4) < 0);
    assert_true(identity_of_patched(dn, text, "a\xed\xa0\x80", 4) < 0);
    assert_true(identity_of_patched(dn, text, "abc\xc3", 4) < 0);
    assert_true(identity_of_patched(dn, text, "\xf4\x90\x80\x80", 4) < 0);
}

static void string_types_that_read_two_ways_are_nobody(void **state)
{
    const char *dn = "CN=xxxx,O=Example";
    static const char printable[] = "\x13\x04xxxx";
    assert_int_equal(identity_of_patched(dn, printable, "\x0c\x04xxxx", 6), 0); /* UTF8String */
    assert_int_equal(identity_of_patched(dn, printable, "\x16\x04xxxx", 6), 0); /* IA5String */
    assert_true(identity_of_patched(dn, printable, "\x16\x04xx\xc3\xb6", 6) < 0);
    assert_true(identity_of_patched(dn, printable, "\x14\x04xxxx", 6) < 0); /* TeletexString */
    assert_true(identity_of_patched(dn, printable, "\x1e\x04xxxx", 6) < 0); /* BMPString */
    assert_true(identity_of_patched(dn, printable, "\x04\x04xxxx", 6) < 0); /* octets */
}

/* --- attributes of a certificate ---------------------------------------------------------------
 */

#define URI(lit)                   \
    {                              \
        NULL, lit, sizeof(lit) - 1 \
    }
#define URIS_END      \
    {                 \
        NULL, NULL, 0 \
    }

/* "A|B" of the attributes, in their order. */
static void has_uris(const struct pki_attribute *uris, const char *section, const char *expected)
{
    struct error err;
    struct identity *i =
        identity_of(&(struct pki_request){ .dn = "CN=web", .uris = uris }, section, &err);
    if (!i)
        fail_msg("%s", err.text);
    CLEANUP_BUF struct buf all = { 0 };
    for (size_t k = 0; k < i->n_attributes; k++)
        buf_printf(&all, "%s%s", k ? "|" : "", i->attributes[k]);
    buf_add_char(&all, '\0');
    assert_string_equal(buf_data(&all), expected);
    identity_unref(i);
}

static void is_nobody_by(const char *uri, size_t len, const char *words)
{
    const struct pki_attribute uris[] = { URI("spiffe://example.org/good"),
                                          { NULL, uri, (unsigned)len },
                                          URIS_END };
    is_nobody(&(struct pki_request){ .dn = "CN=web", .uris = uris }, words);
}

static void uris_of_a_certificate_are_attributes(void **state)
{
    static const struct pki_attribute none[] = { URIS_END };
    static const struct pki_attribute one[] = { URI("spiffe://example.org/ns/web"), URIS_END };
    static const struct pki_attribute more[] = { URI("spiffe://example.org/b"),
                                                 URI("https://example.org/a?b=c#me"),
                                                 URI("spiffe://example.org/a"),
                                                 URI("spiffe://example.org/b"), URIS_END };
    has_uris(none, "", "");
    has_uris(one, "", "x509-uri:spiffe://example.org/ns/web");
    has_uris(more, "",
             "x509-uri:https://example.org/a?b=c#me|x509-uri:spiffe://example.org/a|"
             "x509-uri:spiffe://example.org/b");
}

static void a_named_section_is_part_of_an_attribute(void **state)
{
    static const struct pki_attribute uris[] = { URI("spiffe://example.org/a"), URIS_END };
    has_uris(uris, "spiffe", "x509-uri:spiffe:spiffe://example.org/a");
}

static void case_of_scheme_and_authority_is_folded_and_no_other(void **state)
{
    static const struct pki_attribute uris[] = { URI("SPIFFE://Example.ORG:80/Ns/%c3%b6"),
                                                 URIS_END };
    has_uris(uris, "", "x509-uri:spiffe://example.org:80/Ns/%C3%B6");
}

/* What could be taken for a CA's name and a URI is not there at all. */
static void a_uri_without_an_authority_is_passed_over(void **state)
{
    static const struct pki_attribute uris[] = { URI("partners:spiffe://example.org/a"),
                                                 URI("urn:uuid:x"),
                                                 URI("mailto:a@example.org"),
                                                 URI("spiffe:/a"),
                                                 URI("spiffe:example.org"),
                                                 URIS_END };
    has_uris(uris, "", "");
}

static void a_uri_that_is_malformed_or_reads_two_ways_is_nobody(void **state)
{
    static const struct {
        const char *uri;
        const char *words;
    } bad[] = {
        { "", "" }, /* GnuTLS reads no such certificate */
        { "a", "scheme" },
        { "//example.org/a", "scheme" },
        { "1a://b", "scheme" },
        { "sp iffe://b", "scheme" },
        { "spiffe://e/a b", "no URI holds" },
        { "spiffe://e/a\\b", "no URI holds" },
        { "spiffe://e/a|b", "no URI holds" },
        { "spiffe://e/a#b#c", "no URI holds" },
        { "spiffe://u@e/a", "a user" },
        { "spiffe://u:p@e/a", "a user" },
        { "spiffe://e/%", "hexadecimal" },
        { "spiffe://e/%4", "hexadecimal" },
        { "spiffe://e/%zz", "hexadecimal" },
        { "spiffe://e/%61", "needs none" },
        { "spiffe://%65/a", "needs none" },
        { "spiffe://e/%2e%2e/a", "needs none" },
        { "spiffe://e/%00", "control" },
        { "spiffe://e/a/../b", ". or .." },
        { "spiffe://e/.", ". or .." },
        { "urn:a b", "no URI holds" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        is_nobody_by(bad[i].uri, strlen(bad[i].uri), bad[i].words);
}

static int identity_of_patched_uri(const char *with)
{
    static const struct pki_attribute uris[] = { URI("spiffe://example.org/xxxx"), URIS_END };
    return identity_of_patched_request((struct pki_request){ .dn = "CN=web", .uris = uris }, "xxxx",
                                       with, 4);
}

static void bytes_that_no_uri_holds_are_nobody(void **state)
{
    assert_int_equal(identity_of_patched_uri("a*!b"), 0);
    static const char *const bad[] = { "a\0bc",     "abc\x7f",    "abc\0", "\0\0\0\0",
                                       "a\xc3\xb6", "ab\x80\xff", "a\tbc", "ab\r\n" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(identity_of_patched_uri(bad[i]) < 0);
}

static void too_long_a_uri_or_too_many_are_nobody(void **state)
{
    char uri[2049];
    memset(uri, 'x', sizeof(uri));
    memcpy(uri, "spiffe://e/", 11);
    const struct pki_attribute longest[] = { { NULL, uri, 2048 }, URIS_END };
    struct error err;
    struct identity *i =
        identity_of(&(struct pki_request){ .dn = "CN=a", .uris = longest }, "", &err);
    assert_non_null(i);
    assert_int_equal(i->n_attributes, 1);
    identity_unref(i);
    is_nobody_by(uri, 2049, "2048");

    struct pki_attribute many[18] = { URIS_END };
    for (size_t k = 0; k < 16; k++)
        many[k] = (struct pki_attribute)URI("urn:a");
    has_uris(many, "", "");
    many[16] = (struct pki_attribute)URI("urn:a");
    is_nobody(&(struct pki_request){ .dn = "CN=a", .uris = many }, "more than 16");
}

static void keys_are_equal_for_equal_identities_and_no_others(void **state)
{
    static const struct pki_attribute ab[] = { URI("a://b"), URI("c://d"), URIS_END };
    static const struct pki_attribute ba[] = { URI("c://d"), URI("A://B"), URI("c://d"), URIS_END };
    static const struct pki_attribute a[] = { URI("a://b"), URIS_END };
    static const struct pki_attribute c[] = { URI("a://b/c://d"), URIS_END };
    const struct pki_attribute *const different[] = { NULL, ab, a, c };
    struct error err;
    struct identity *ids[ARRAY_SIZE(different)];
    struct identity *same =
        identity_of(&(struct pki_request){ .dn = "CN=x", .uris = ba }, "", &err);
    for (size_t i = 0; i < ARRAY_SIZE(different); i++) {
        ids[i] = identity_of(&(struct pki_request){ .dn = "CN=x", .uris = different[i] }, "", &err);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i]->key, ids[k]->key);
    }
    struct identity *glued =
        identity_of(&(struct pki_request){ .dn = "CN=xx509-uri:a://b" }, "", &err);
    assert_string_not_equal(glued->key, ids[2]->key);
    identity_unref(glued);
    assert_string_equal(ids[1]->key, same->key);
    assert_string_equal(ids[0]->key, ids[0]->name);
    identity_unref(same);
    for (size_t i = 0; i < ARRAY_SIZE(different); i++)
        identity_unref(ids[i]);
}

/* --- peer credentials ------------------------------------------------------------------------- */

static void root_is_root(void **state)
{
    struct identity *i = NULL;
    struct error err;
    assert_int_equal(identity_from_uid(0, 7, &i, &err), 0);
    assert_string_equal(i->name, "unix:root");
    assert_int_equal(i->kind, IDENTITY_UNIX);
    assert_int_equal(i->uid, 0);
    assert_int_equal(i->gid, 7);
    assert_true(i->n_attributes >= 1);
    bool own = false;
    for (size_t k = 0; k < i->n_attributes; k++) {
        assert_memory_equal(i->attributes[k], "unix-group:", 11);
        own = own || strcmp(i->attributes[k], "unix-group:root") == 0;
    }
    assert_true(own);
    assert_ptr_equal(identity_ref(i), i);
    identity_unref(i);
    assert_string_equal(i->name, "unix:root");
    identity_unref(i);
    identity_unref(NULL);
}

/* The host's groups, as a test has them: the linker leads auth/ here (--wrap). */
static struct {
    bool faked;
    int n;            /* the user's groups are numbers 1 to n */
    const char *name; /* of each, and its number; NULL: it has none */
    int error;        /* of each look-up */
} host;

int __real_getgrouplist(const char *user, gid_t group, gid_t *groups, int *n);
int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *n);
int __real_getgrgid_r(gid_t gid, struct group *g, char *memory, size_t size, struct group **out);
int __wrap_getgrgid_r(gid_t gid, struct group *g, char *memory, size_t size, struct group **out);

int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *n)
{
    if (!host.faked)
        return __real_getgrouplist(user, group, groups, n);
    int room = *n;
    for (int i = 0; i < host.n && i < room; i++)
        groups[i] = (gid_t)(host.n - i);
    *n = host.n;
    return host.n > room ? -1 : host.n;
}

int __wrap_getgrgid_r(gid_t gid, struct group *g, char *memory, size_t size, struct group **out)
{
    if (!host.faked)
        return __real_getgrgid_r(gid, g, memory, size, out);
    *out = NULL;
    if (host.error || !host.name)
        return host.error;
    if (size < 5000) /* one with many members */
        return ERANGE;
    snprintf(memory, size, "%s%u", host.name, (unsigned)gid);
    g->gr_name = memory;
    *out = g;
    return 0;
}

static int identity_in_groups(int n, const char *name, int error, struct identity **out)
{
    struct error err;
    host.faked = true;
    host.n = n;
    host.name = name;
    host.error = error;
    int rc = identity_from_uid(0, 0, out, &err);
    host.faked = false;
    assert_true((rc == 0) == (*out != NULL));
    return rc;
}

static void groups_of_a_user_are_attributes(void **state)
{
    struct identity *i = NULL;
    assert_int_equal(identity_in_groups(3, "staff \xc3\xb6", 0, &i), 0);
    assert_int_equal(i->n_attributes, 3);
    assert_string_equal(i->attributes[0], "unix-group:staff \xc3\xb6"
                                          "1");
    assert_string_equal(i->attributes[2], "unix-group:staff \xc3\xb6"
                                          "3");
    assert_string_equal(i->name, "unix:root");
    identity_unref(i);
}

static void groups_without_a_name_are_passed_over(void **state)
{
    struct identity *i = NULL;
    assert_int_equal(identity_in_groups(3, NULL, 0, &i), 0);
    assert_int_equal(i->n_attributes, 0);
    assert_string_equal(i->key, "unix:root");
    identity_unref(i);
    i = NULL;
    assert_int_equal(identity_in_groups(3, NULL, ENOENT, &i), 0);
    identity_unref(i);
}

static void groups_that_cannot_be_told_make_a_user_nobody(void **state)
{
    struct identity *i = NULL;
    assert_true(identity_in_groups(3, "g", EIO, &i) < 0);
    assert_true(identity_in_groups(3, "g", ERANGE, &i) < 0);
    assert_true(identity_in_groups(3, "a\nunix-group:b", 0, &i) < 0);
    assert_true(identity_in_groups(3, "a\xff", 0, &i) < 0);
    assert_int_equal(identity_in_groups(1024, "g", 0, &i), 0);
    identity_unref(i);
    i = NULL;
    assert_int_equal(identity_in_groups(1025, "g", 0, &i), ERROR_LIMIT);
}

static void the_overflow_user_and_unknown_users_are_nobody(void **state)
{
    static const uid_t uids[] = { 65534, (uid_t)-1, 4000000001u };
    for (size_t i = 0; i < ARRAY_SIZE(uids); i++) {
        struct identity *who = NULL;
        struct error err;
        assert_int_equal(identity_from_uid(uids[i], 0, &who, &err), ERROR_DENIED);
        assert_null(who);
    }
}

/* --- main ------------------------------------------------------------------------------------- */

static int setup(void **state)
{
    ca = pki_issue(NULL, &(struct pki_request){ .dn = "CN=test CA", .purpose = PKI_CA });
    return 0;
}

static int teardown(void **state)
{
    pki_free(&ca);
    return 0;
}

/* --- written names ---------------------------------------------------------------------------- */

static void a_written_name_is_put_into_its_canonical_form(void **state)
{
    static const struct {
        const char *written, *canonical;
        enum identity_kind kind;
    } cases[] = {
        { "x509:CN=bob,O=Example", "x509:CN=bob,O=Example", IDENTITY_X509 },
        { "x509:partners:CN=bob,O=Example", "x509:partners:CN=bob,O=Example", IDENTITY_X509 },
        { "x509:CN=bob, O=Example", "x509:CN=bob,O=Example", IDENTITY_X509 },
        { "x509:cn=bob,o=Example", "x509:CN=bob,O=Example", IDENTITY_X509 },
        { "x509:CN=Smith\\, John,O=Example", "x509:CN=Smith\\, John,O=Example", IDENTITY_X509 },
        { "unix:root", "unix:root", IDENTITY_UNIX },
        { "sasl:alice@example.com", "sasl:alice@example.com", IDENTITY_SASL },
        { "sasl:alice@EXAMPLE.com", "sasl:alice@example.com", IDENTITY_SASL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct identity *identity;
        struct error err;
        if (identity_from_name(cases[i].written, &identity, &err) < 0)
            fail_msg("%s: %s", cases[i].written, err.text);
        assert_string_equal(identity->name, cases[i].canonical);
        assert_int_equal(identity->kind, cases[i].kind);
        assert_int_equal(identity->uid, (uid_t)-1);
        assert_int_equal(identity->n_attributes, 0);
        identity_unref(identity);
    }
}

static void what_is_no_name_is_nobody(void **state)
{
    static const char *const bad[] = {
        "",
        "root",
        "x509:",
        "x509:bob",
        "x509:CN=",
        "x509:partners:",
        "x509:CN=bob\n",
        "unix:",
        "unix:ro\x1bot",
        "sasl:alice",
        "sasl:@example.com",
        "sasl:al\xc4\xb1\xffice@example.com",
        "sasl:alice@example.com@example.com",
        "x509-uri:spiffe://example.org/a",
        "unix-group:wheel",
        "group:ops",
        "X509:CN=bob",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct identity *identity = NULL;
        if (identity_from_name(bad[i], &identity, NULL) == 0)
            fail_msg("'%s' became %s", bad[i], identity->name);
    }
}

static void a_written_name_has_its_limit(void **state)
{
    char name[2 * IDENTITY_NAME_MAX];
    struct identity *identity = NULL;
    (void)state;
    memset(name, 'x', sizeof(name));
    memcpy(name, "unix:", 5);
    name[sizeof(name) - 1] = '\0';
    assert_true(identity_from_name(name, &identity, NULL) < 0);
    name[IDENTITY_NAME_MAX] = '\0';
    assert_int_equal(identity_from_name(name, &identity, NULL), 0);
    identity_unref(identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subject_is_named_by_rfc4514),
        cmocka_unit_test(a_named_section_is_part_of_the_name),
        cmocka_unit_test(what_could_read_as_structure_is_escaped),
        cmocka_unit_test(utf8_is_kept),
        cmocka_unit_test(two_common_names_are_nobody),
        cmocka_unit_test(a_nul_in_a_name_is_nobody),
        cmocka_unit_test(a_control_character_is_nobody),
        cmocka_unit_test(an_empty_subject_is_nobody),
        cmocka_unit_test(a_purpose_other_than_tls_client_is_nobody),
        cmocka_unit_test(a_subject_that_is_too_long_is_nobody),
        cmocka_unit_test(a_section_name_cannot_pose_as_a_subject),
        cmocka_unit_test(what_is_no_certificate_is_nobody),
        cmocka_unit_test(text_that_is_not_utf8_is_nobody),
        cmocka_unit_test(string_types_that_read_two_ways_are_nobody),
        cmocka_unit_test(uris_of_a_certificate_are_attributes),
        cmocka_unit_test(a_named_section_is_part_of_an_attribute),
        cmocka_unit_test(case_of_scheme_and_authority_is_folded_and_no_other),
        cmocka_unit_test(a_uri_without_an_authority_is_passed_over),
        cmocka_unit_test(a_uri_that_is_malformed_or_reads_two_ways_is_nobody),
        cmocka_unit_test(bytes_that_no_uri_holds_are_nobody),
        cmocka_unit_test(too_long_a_uri_or_too_many_are_nobody),
        cmocka_unit_test(keys_are_equal_for_equal_identities_and_no_others),
        cmocka_unit_test(a_written_name_is_put_into_its_canonical_form),
        cmocka_unit_test(what_is_no_name_is_nobody),
        cmocka_unit_test(a_written_name_has_its_limit),
        cmocka_unit_test(root_is_root),
        cmocka_unit_test(groups_of_a_user_are_attributes),
        cmocka_unit_test(groups_without_a_name_are_passed_over),
        cmocka_unit_test(groups_that_cannot_be_told_make_a_user_nobody),
        cmocka_unit_test(the_overflow_user_and_unknown_users_are_nobody),
    };
    return cmocka_run_group_tests_name("identity", tests, setup, teardown);
}
