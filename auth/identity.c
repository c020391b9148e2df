#include "config.h"
#include "auth/identity.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "auth/attributes.h"
#include "auth/name_text.h"
#include "auth/sasl_name.h"
#include "base/buf.h"
#include "base/mem.h"

#define OID_COMMON_NAME "2.5.4.3"

/* Linux's name for whoever has no name here: of another user namespace, or of NFS. Not one person.
 */
#define UID_OVERFLOW 65534u

/* --- life ------------------------------------------------------------------------------------- */

static struct identity *identity_new(enum identity_kind kind, char *take_name)
{
    struct identity *i = MEM_NEW(struct identity);
    i->kind = kind;
    i->name = take_name;
    i->key = mem_strdup(take_name);
    i->uid = (uid_t)-1;
    i->gid = (gid_t)-1;
    atomic_init(&i->refs, 1);
    return i;
}

/* No part holds a line feed. */
static char *make_key(const struct identity *i)
{
    CLEANUP_BUF struct buf key = { 0 };
    buf_add_str(&key, i->name);
    for (size_t k = 0; k < i->n_attributes; k++) {
        buf_add_char(&key, '\n');
        buf_add_str(&key, i->attributes[k]);
    }
    return mem_strndup(buf_data(&key), buf_len(&key));
}

/* Moves them in. */
static void take_attributes(struct identity *i, struct attributes *a)
{
    attributes_settle(a);
    i->attributes = (const char *const *)a->list;
    i->n_attributes = a->n;
    *a = (struct attributes){ 0 };
    free((char *)i->key);
    i->key = make_key(i);
}

struct identity *identity_ref(struct identity *i)
{
    atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
    return i;
}

void identity_unref(struct identity *i)
{
    if (i && atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) == 1) {
        free((char *)i->name);
        free((char *)i->key);
        for (size_t k = 0; k < i->n_attributes; k++)
            free((char *)i->attributes[k]);
        free((void *)i->attributes);
        free(i);
    }
}

/* --- X.509 ------------------------------------------------------------------------------------ */

static void crt_clear(gnutls_x509_crt_t *crt)
{
    if (*crt)
        gnutls_x509_crt_deinit(*crt);
}

static void datum_clear(gnutls_datum_t *d)
{
    gnutls_free(d->data);
}

/* A colon or an equals sign in a section's name could make "x509:CA:DN" read as another identity.
 */
static bool is_section_name(const char *ca)
{
    return strspn(ca, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
           strlen(ca);
}

/* An extended key usage that names TLS clients must be there. The verifier asks the same; here it
 * makes sure that no other way leads from such a certificate to an identity. */
static int check_purpose(gnutls_x509_crt_t crt, struct error *err)
{
    char oid[128];
    for (unsigned i = 0;; i++) {
        size_t size = sizeof(oid);
        int rc = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &size, NULL);
        if (rc == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (rc < 0)
            return error_set(err, ERROR_DENIED,
                             "the certificate is not for TLS clients (extended key usage)");
        if (strcmp(oid, GNUTLS_KP_TLS_WWW_CLIENT) == 0)
            return 0;
    }
}

/* The string types that are UTF-8 as they stand. Others (Teletex, BMP, Universal) have several ways
 * to write one text, or several texts for one string of bytes. */
static bool is_text_type(const gnutls_x509_ava_st *ava)
{
    enum { UTF8_STRING = 12, NUMERIC_STRING = 18, PRINTABLE_STRING = 19, IA5_STRING = 22 };
    if (ava->value_tag == UTF8_STRING)
        return true;
    if (ava->value_tag != NUMERIC_STRING && ava->value_tag != PRINTABLE_STRING &&
        ava->value_tag != IA5_STRING)
        return false;
    for (unsigned i = 0; i < ava->value.size; i++) {
        if (ava->value.data[i] >= 0x80)
            return false;
    }
    return true;
}

/* GnuTLS gives an OID as text; whether its size counts the NUL depends on libtasn1. */
static bool is_oid(const gnutls_datum_t *oid, const char *wanted)
{
    size_t len = strnlen((const char *)oid->data, oid->size);
    return len == strlen(wanted) && memcmp(oid->data, wanted, len) == 0;
}

static int check_attribute(const gnutls_x509_ava_st *ava, unsigned *common_names, struct error *err)
{
    if (!is_text_type(ava))
        return error_set(err, ERROR_INVALID,
                         "an attribute of the certificate's subject is neither UTF-8 nor ASCII");
    if (!name_text_is_clean(ava->value.data, ava->value.size))
        return error_set(
            err, ERROR_INVALID,
            "an attribute of the certificate's subject is empty, or holds a NUL, a control "
            "character or what is not UTF-8");
    if (is_oid(&ava->oid, OID_COMMON_NAME) && ++*common_names > 1)
        return error_set(err, ERROR_INVALID, "the certificate's subject has two common names");
    return 0;
}

static int check_subject(gnutls_x509_crt_t crt, struct error *err)
{
    gnutls_x509_dn_t dn;
    gnutls_x509_ava_st ava;
    unsigned common_names = 0;
    int rdn = 0;

    if (gnutls_x509_crt_get_subject(crt, &dn) < 0)
        return error_set(err, ERROR_INVALID, "the certificate's subject cannot be read");
    for (;; rdn++) {
        int part = 0, rc;
        while ((rc = gnutls_x509_dn_get_rdn_ava(dn, rdn, part, &ava)) == 0) {
            rc = check_attribute(&ava, &common_names, err);
            if (rc < 0)
                return rc;
            part++;
        }
        if (rc != GNUTLS_E_ASN1_ELEMENT_NOT_FOUND)
            return error_set(err, ERROR_INVALID, "the certificate's subject cannot be read");
        if (part == 0)
            break;
    }
    if (rdn == 0)
        return error_set(err, ERROR_INVALID, "the certificate's subject is empty");
    return 0;
}

int identity_from_certificate(const unsigned char *der, size_t len, const char *ca,
                              struct identity **out, struct error *err)
{
    CLEANUP(crt_clear) gnutls_x509_crt_t crt = NULL;
    CLEANUP(datum_clear) gnutls_datum_t dn = { NULL, 0 };
    CLEANUP(attributes_clear) struct attributes attributes = { 0 };
    gnutls_datum_t in = { (unsigned char *)der, (unsigned)len };

    if (!is_section_name(ca))
        return error_set(err, ERROR_INVALID, "'%.64s' cannot be the name of a CA section", ca);
    if (len > INT32_MAX || gnutls_x509_crt_init(&crt) < 0 ||
        gnutls_x509_crt_import(crt, &in, GNUTLS_X509_FMT_DER) < 0)
        return error_set(err, ERROR_INVALID, "the certificate cannot be read");
    int rc = check_purpose(crt, err);
    if (rc == 0)
        rc = check_subject(crt, err);
    if (rc == 0)
        rc = attributes_add_uris(&attributes, crt, ca, err);
    if (rc < 0)
        return rc;
    if (gnutls_x509_crt_get_dn3(crt, &dn, 0) < 0 || dn.size == 0 ||
        strlen((char *)dn.data) != dn.size)
        return error_set(err, ERROR_INVALID, "the certificate's subject cannot be written down");
    char *name = mem_printf("x509:%s%s%s", ca, *ca ? ":" : "", (char *)dn.data);
    if (strlen(name) > IDENTITY_NAME_MAX) {
        free(name);
        return error_set(err, ERROR_LIMIT, "the certificate's subject is longer than %d bytes",
                         IDENTITY_NAME_MAX);
    }
    *out = identity_new(IDENTITY_X509, name);
    take_attributes(*out, &attributes);
    return 0;
}

/* --- peer credentials ------------------------------------------------------------------------- */

int identity_from_uid(uid_t uid, gid_t gid, struct identity **out, struct error *err)
{
    if (uid == UID_OVERFLOW || uid == (uid_t)-1)
        return error_set(err, ERROR_DENIED, "user %u is nobody in particular", (unsigned)uid);

    long hint = sysconf(_SC_GETPW_R_SIZE_MAX);
    size_t size = hint > 0 ? (size_t)hint : 1024;
    CLEANUP_FREE char *memory = NULL;
    struct passwd entry, *found = NULL;
    int rc;
    do {
        memory = mem_realloc(memory, size);
        rc = getpwuid_r(uid, &entry, memory, size, &found);
        size *= 2;
    } while (rc == ERANGE && size <= 1u << 20);
    if (rc != 0) {
        errno = rc;
        return error_set_errno(err, "cannot look up user %u", (unsigned)uid);
    }
    if (!found)
        return error_set(err, ERROR_DENIED, "user %u has no name", (unsigned)uid);
    size_t len = strlen(found->pw_name);
    if (!name_text_is_clean((unsigned char *)found->pw_name, len) || len > IDENTITY_NAME_MAX - 5)
        return error_set(err, ERROR_INVALID, "the name of user %u is not fit for use",
                         (unsigned)uid);
    CLEANUP(attributes_clear) struct attributes attributes = { 0 };
    rc = attributes_add_groups(&attributes, found->pw_name, found->pw_gid, err);
    if (rc < 0)
        return rc;
    *out = identity_new(IDENTITY_UNIX, mem_printf("unix:%s", found->pw_name));
    take_attributes(*out, &attributes);
    (*out)->uid = uid;
    (*out)->gid = gid;
    return 0;
}

/* --- SASL ------------------------------------------------------------------------------------- */

int identity_from_sasl(const char *name, struct identity **out, struct error *err)
{
    /* what is canonical stays as it is, whatever realm would have been added */
    char again[SASL_NAME_SIZE];
    int rc = sasl_name_canonical((struct span){ name, strlen(name) }, "", again, err);
    if (rc < 0)
        return rc;
    if (strcmp(name, again) != 0)
        return error_set(err, ERROR_INVALID, "a name that is not in canonical form");
    *out = identity_new(IDENTITY_SASL, mem_printf("sasl:%s", name));
    return 0;
}

/* --- a name ----------------------------------------------------------------------------------- */

static void dn_clear(gnutls_x509_dn_t *dn)
{
    if (*dn)
        gnutls_x509_dn_deinit(*dn);
}

/* The text up to the first colon is a section's name if it has no `=`: every DN has one there. */
static size_t section_length(const char *text)
{
    size_t len = strcspn(text, ":=");
    return text[len] == ':' ? len + 1 : 0;
}

/* As GnuTLS writes it, whatever escapes and spaces it was written with. */
static int from_x509_name(const char *text, struct identity **out, struct error *err)
{
    CLEANUP(dn_clear) gnutls_x509_dn_t dn = NULL;
    CLEANUP(datum_clear) gnutls_datum_t canonical = { NULL, 0 };
    size_t section = section_length(text);
    if (gnutls_x509_dn_init(&dn) < 0 || gnutls_x509_dn_set_str(dn, text + section, NULL) < 0 ||
        gnutls_x509_dn_get_str2(dn, &canonical, 0) < 0 || canonical.size == 0)
        return error_set(err, ERROR_INVALID, "not a distinguished name");
    char *name = mem_printf("x509:%.*s%s", (int)section, text, (char *)canonical.data);
    if (strlen(name) > IDENTITY_NAME_MAX) {
        free(name);
        return error_set(err, ERROR_LIMIT, "the name is too long");
    }
    *out = identity_new(IDENTITY_X509, name);
    return 0;
}

int identity_from_name(const char *name, struct identity **out, struct error *err)
{
    size_t len = strlen(name);
    if (len <= 5 || len > IDENTITY_NAME_MAX ||
        !name_text_is_clean((const unsigned char *)name, len))
        return error_set(err, ERROR_INVALID, "not the name of an identity");
    if (strncmp(name, "x509:", 5) == 0)
        return from_x509_name(name + 5, out, err);
    if (strncmp(name, "sasl:", 5) == 0) {
        char canonical[SASL_NAME_SIZE];
        int rc = sasl_name_canonical((struct span){ name + 5, len - 5 }, "", canonical, err);
        return rc < 0 ? rc : identity_from_sasl(canonical, out, err);
    }
    if (strncmp(name, "unix:", 5) != 0)
        return error_set(err, ERROR_INVALID,
                         "an identity is x509:DN, unix:USER or sasl:USER@REALM");
    *out = identity_new(IDENTITY_UNIX, mem_strdup(name));
    return 0;
}
