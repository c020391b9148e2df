/* Which certificates and users are somebody, and who. */
#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/pki.h"

#include <unistd.h>
#include "auth/identity.h"
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

/* Bytes of the text are changed in the finished certificate: only its form is looked at here, the
 * signature was verified before. */
static int identity_of_patched(const char *dn, const char *find, const char *with, size_t len)
{
    struct pki p = pki_issue(&ca, &(struct pki_request){ .dn = dn, .purpose = PKI_CLIENT });
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
    assert_ptr_equal(identity_ref(i), i);
    identity_unref(i);
    assert_string_equal(i->name, "unix:root");
    identity_unref(i);
    identity_unref(NULL);
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
        cmocka_unit_test(root_is_root),
        cmocka_unit_test(the_overflow_user_and_unknown_users_are_nobody),
    };
    return cmocka_run_group_tests_name("identity", tests, setup, teardown);
}
