/* A `ca` section: reads its CA certificates and CRLs, and refuses what it could not stand by later.
 */
#include "config.h"
#include "net/tls_internal.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define OID_DELTA_CRL "2.5.29.27"
#define OID_IDP       "2.5.29.28"

struct crl_list {
    gnutls_x509_crl_t *crls;
    unsigned n;
};

void tls_crt_list_clear(struct tls_crt_list *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->crts[i])
            gnutls_x509_crt_deinit(l->crts[i]);
    }
    gnutls_free(l->crts);
}

static void crl_list_clear(struct crl_list *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->crls[i])
            gnutls_x509_crl_deinit(l->crls[i]);
    }
    gnutls_free(l->crls);
}

static void datum_clear(gnutls_datum_t *d)
{
    gnutls_free(d->data);
}

struct tls_validity tls_crt_validity(gnutls_x509_crt_t crt)
{
    return (struct tls_validity){ .from = gnutls_x509_crt_get_activation_time(crt),
                                  .until = gnutls_x509_crt_get_expiration_time(crt) };
}

/* --- reading ---------------------------------------------------------------------------------- */

int tls_crt_list_load(const char *file, struct tls_crt_list *out, struct error *err)
{
    CLEANUP(datum_clear) gnutls_datum_t pem = { NULL, 0 };
    int rc = gnutls_load_file(file, &pem);
    if (rc < 0)
        return error_set_errno(err, "cannot read %s", file);
    rc = gnutls_x509_crt_list_import2(&out->crts, &out->n, &pem, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0)
        return tls_error(err, ERROR_INVALID, rc, "%s holds no certificates in PEM form", file);
    return 0;
}

static int load_crls(const char *file, struct crl_list *out, struct error *err)
{
    CLEANUP(datum_clear) gnutls_datum_t pem = { NULL, 0 };
    int rc = gnutls_load_file(file, &pem);
    if (rc < 0)
        return error_set_errno(err, "cannot read %s", file);
    rc = gnutls_x509_crl_list_import2(&out->crls, &out->n, &pem, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0)
        return tls_error(err, ERROR_INVALID, rc, "%s holds no CRL in PEM form", file);
    return 0;
}

/* --- CA certificates -------------------------------------------------------------------------- */

/* A certificate that is no CA would be trusted for itself, whoever signed it. */
static int check_is_ca(gnutls_x509_crt_t crt, const char *file, struct error *err)
{
    char name[TLS_NAME_TEXT];
    if (gnutls_x509_crt_get_ca_status(crt, NULL) <= 0)
        return error_set(err, ERROR_INVALID, "%s: %s is not a CA certificate", file,
                         tls_subject_text(crt, name));
    return 0;
}

static const struct tls_ca *section_with_key(const struct tls_context *c, const unsigned char *id)
{
    for (size_t i = 0; i < c->n_cas; i++) {
        for (size_t k = 0; k < c->cas[i].n_key_ids; k++) {
            if (memcmp(c->cas[i].key_ids[k], id, TLS_KEY_ID_BYTES) == 0)
                return &c->cas[i];
        }
    }
    return NULL;
}

/* One CA key in two sections would make one certificate two identities. */
static int note_key(const struct tls_context *c, gnutls_x509_crt_t crt, const char *file,
                    struct tls_ca *out, struct error *err)
{
    char name[TLS_NAME_TEXT];
    unsigned char *id = out->key_ids[out->n_key_ids];
    size_t size = TLS_KEY_ID_BYTES;
    int rc = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, id, &size);
    if (rc < 0)
        return tls_error(err, ERROR_INVALID, rc, "%s: cannot read a public key", file);
    const struct tls_ca *other = section_with_key(c, id);
    if (other)
        return error_set(err, ERROR_INVALID, "%s: the key of CA %s is in section '%s' already",
                         file, tls_subject_text(crt, name), other->name);
    out->n_key_ids++;
    return 0;
}

static bool is_revoked(gnutls_x509_crt_t crt, const struct crl_list *crls)
{
    return crls->n > 0 && gnutls_x509_crt_check_revocation(crt, crls->crls, crls->n) != 0;
}

/* Moves the certificates into the list of trust. A CA that the section's own CRLs revoke stays out:
 * as an anchor it would not be asked about any more. */
static int trust_certificates(struct tls_context *c, const char *file, struct tls_crt_list *certs,
                              const struct crl_list *crls, struct tls_ca *out, struct error *err)
{
    out->key_ids = (unsigned char(*)[TLS_KEY_ID_BYTES])mem_zalloc_array(certs->n, TLS_KEY_ID_BYTES);
    out->terms = mem_zalloc_array(certs->n, sizeof(*out->terms));
    for (unsigned i = 0; i < certs->n; i++) {
        gnutls_x509_crt_t crt = certs->crts[i];
        char name[TLS_NAME_TEXT];
        int rc = check_is_ca(crt, file, err);
        if (rc == 0)
            rc = note_key(c, crt, file, out, err);
        if (rc < 0)
            return rc;
        if (is_revoked(crt, crls))
            continue;
        struct tls_validity term = tls_crt_validity(crt);
        tls_context_add_expiry(c, term.until, "CA certificate %s (%s)", file,
                               tls_subject_text(crt, name));
        out->terms[out->n_terms++] = term;
        certs->crts[i] = NULL;
        rc = gnutls_x509_trust_list_add_cas(out->trust, &crt, 1, GNUTLS_TL_NO_DUPLICATES);
        if (rc < 0)
            return tls_error(err, ERROR_INVALID, rc, "%s: cannot use %s", file, name);
    }
    return 0;
}

/* --- CRLs ------------------------------------------------------------------------------------- */

/* RFC 5280, section 5.2: a CRL with a critical extension that is not understood must not be used.
 * Those that exist narrow what the CRL speaks of: deltas, scopes, entries of other issuers. */
static int check_extensions(gnutls_x509_crl_t crl, const char *file, struct error *err)
{
    char oid[128];
    for (unsigned i = 0;; i++) {
        size_t size = sizeof(oid);
        unsigned critical = 0;
        int rc = gnutls_x509_crl_get_extension_info(crl, i, oid, &size, &critical);
        if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return 0;
        if (rc < 0)
            return tls_error(err, ERROR_INVALID, rc, "%s: cannot read the CRL's extensions", file);
        if (critical || strcmp(oid, OID_DELTA_CRL) == 0 || strcmp(oid, OID_IDP) == 0)
            return error_set(err, ERROR_INVALID,
                             "%s: only complete, direct CRLs are supported (extension %s)", file,
                             oid);
    }
}

/* An old CRL still refuses whom it lists: that it is old is for tls_context_expiry to say. */
static int check_crl(gnutls_x509_crl_t crl, const struct tls_ca_settings *s,
                     const struct tls_crt_list *certs, struct error *err)
{
    int rc = check_extensions(crl, s->crl, err);
    if (rc < 0)
        return rc;
    unsigned status = 0;
    rc = gnutls_x509_crl_verify(crl, certs->crts, certs->n, GNUTLS_VERIFY_DISABLE_TIME_CHECKS,
                                &status);
    status &= ~(unsigned)(GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED |
                          GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE);
    if (rc < 0 || (status & ~(unsigned)GNUTLS_CERT_INVALID)) {
        gnutls_datum_t issuer = { NULL, 0 };
        char name[TLS_NAME_TEXT];
        gnutls_x509_crl_get_issuer_dn3(crl, &issuer, 0);
        return error_set(err, ERROR_INVALID, "%s: the CRL of %s is not signed by a CA in %s",
                         s->crl, tls_name_text(&issuer, name), s->file);
    }
    return 0;
}

static int trust_crls(struct tls_context *c, const char *file, struct crl_list *crls,
                      struct tls_ca *out, struct error *err)
{
    for (unsigned i = 0; i < crls->n; i++) {
        gnutls_x509_crl_t crl = crls->crls[i];
        time_t next = gnutls_x509_crl_get_next_update(crl);
        if (next != (time_t)-1)
            tls_context_add_expiry(c, next, "CRL %s", file);
        if (gnutls_x509_trust_list_add_crls(out->trust, &crl, 1, 0, 0) != 1)
            return error_set(err, ERROR_INVALID, "%s: cannot use the CRL", file);
        crls->crls[i] = NULL;
    }
    return 0;
}

/* --- the section ------------------------------------------------------------------------------ */

int tls_ca_load(struct tls_context *c, const struct tls_ca_settings *s, struct tls_ca *out,
                struct error *err)
{
    CLEANUP(tls_crt_list_clear) struct tls_crt_list certs = { NULL, 0 };
    CLEANUP(crl_list_clear) struct crl_list crls = { NULL, 0 };

    out->name = mem_strdup(s->name ? s->name : "");
    if (!s->file)
        return error_set(err, ERROR_INVALID, "CA section '%s' names no file", out->name);
    int rc = tls_crt_list_load(s->file, &certs, err);
    if (rc == 0 && s->crl)
        rc = load_crls(s->crl, &crls, err);
    for (unsigned i = 0; rc == 0 && i < crls.n; i++)
        rc = check_crl(crls.crls[i], s, &certs, err);
    if (rc < 0)
        return rc;
    if (gnutls_x509_trust_list_init(&out->trust, 0) < 0)
        return error_set(err, ERROR_SYSTEM, "GnuTLS cannot make a list of trust");
    rc = trust_certificates(c, s->file, &certs, &crls, out, err);
    if (rc == 0)
        rc = trust_crls(c, s->crl, &crls, out, err);
    return rc;
}

void tls_ca_clear(struct tls_ca *ca)
{
    if (ca->trust)
        gnutls_x509_trust_list_deinit(ca->trust, 1);
    free(ca->key_ids);
    free(ca->terms);
    free(ca->name);
}
