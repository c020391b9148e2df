#include "config.h"
#include "tests/unit/pki.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"

#define PATHS_MAX 128u

static char dir[] = "/tmp/qmpgate-pki-XXXXXX";
static char *paths[PATHS_MAX];
static unsigned n_paths;

static void must(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "pki: %s: %s\n", what, gnutls_strerror(rc));
        abort();
    }
}

#define MUST(call) must((call), #call)

/* --- certificates ----------------------------------------------------------------------------- */

static void set_subject(gnutls_x509_crt_t crt, const struct pki_request *r)
{
    if (r->dn)
        MUST(gnutls_x509_crt_set_dn(crt, r->dn, NULL));
    for (const struct pki_attribute *a = r->attributes; a && a->oid; a++)
        MUST(gnutls_x509_crt_set_dn_by_oid(crt, a->oid, 0, a->value, a->len));
}

static void set_serial(gnutls_x509_crt_t crt, unsigned serial)
{
    static unsigned next = 1000;
    uint32_t n = htonl(serial ? serial : next++);
    MUST(gnutls_x509_crt_set_serial(crt, &n, sizeof(n)));
}

static void set_purpose(gnutls_x509_crt_t crt, unsigned purpose)
{
    static const struct {
        enum pki_purpose bit;
        const char *oid;
    } oids[] = {
        { PKI_CLIENT, GNUTLS_KP_TLS_WWW_CLIENT },
        { PKI_SERVER, GNUTLS_KP_TLS_WWW_SERVER },
        { PKI_OCSP, GNUTLS_KP_OCSP_SIGNING },
    };
    for (size_t i = 0; i < ARRAY_SIZE(oids); i++) {
        if (purpose & oids[i].bit)
            MUST(gnutls_x509_crt_set_key_purpose_oid(crt, oids[i].oid, 0));
    }
    MUST(gnutls_x509_crt_set_basic_constraints(crt, purpose & PKI_CA ? 1 : 0, -1));
    unsigned usage = GNUTLS_KEY_DIGITAL_SIGNATURE;
    if (purpose & PKI_CA)
        usage |= GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN;
    MUST(gnutls_x509_crt_set_key_usage(crt, usage));
}

static void set_names(gnutls_x509_crt_t crt, const struct pki_request *r)
{
    unsigned char ip[4];
    if (r->dns)
        MUST(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, r->dns,
                                                  (unsigned)strlen(r->dns), GNUTLS_FSAN_APPEND));
    if (r->ip && inet_pton(AF_INET, r->ip, ip) == 1)
        MUST(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, sizeof(ip),
                                                  GNUTLS_FSAN_APPEND));
    for (const struct pki_attribute *u = r->uris; u && u->value; u++)
        MUST(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, u->value, u->len,
                                                  GNUTLS_FSAN_APPEND));
}

struct pki pki_issue(const struct pki *ca, const struct pki_request *r)
{
    struct pki p;
    time_t now = time(NULL);
    MUST(gnutls_x509_privkey_init(&p.key));
    MUST(gnutls_x509_privkey_generate(p.key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    MUST(gnutls_x509_crt_init(&p.crt));
    MUST(gnutls_x509_crt_set_version(p.crt, 3));
    MUST(gnutls_x509_crt_set_key(p.crt, p.key));
    MUST(gnutls_x509_crt_set_activation_time(p.crt, r->from ? r->from : now - 3600));
    MUST(gnutls_x509_crt_set_expiration_time(p.crt, r->until ? r->until : now + 86400));
    set_serial(p.crt, r->serial);
    set_subject(p.crt, r);
    set_purpose(p.crt, r->purpose);
    set_names(p.crt, r);
    MUST(gnutls_x509_crt_sign2(p.crt, ca ? ca->crt : p.crt, ca ? ca->key : p.key, GNUTLS_DIG_SHA256,
                               0));
    return p;
}

void pki_free(struct pki *p)
{
    gnutls_x509_crt_deinit(p->crt);
    gnutls_x509_privkey_deinit(p->key);
}

gnutls_datum_t pki_der(const struct pki *p)
{
    gnutls_datum_t der;
    MUST(gnutls_x509_crt_export2(p->crt, GNUTLS_X509_FMT_DER, &der));
    return der;
}

/* --- files ------------------------------------------------------------------------------------ */

void pki_dir_make(void)
{
    memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
    if (!mkdtemp(dir))
        abort();
}

void pki_dir_remove(void)
{
    while (n_paths > 0) {
        unlink(paths[--n_paths]);
        free(paths[n_paths]);
    }
    rmdir(dir);
}

/* Another file of the same name replaces the first, as an administrator's would. */
static const char *path_of(const char *name)
{
    char *path = mem_printf("%s/%s", dir, name);
    for (unsigned i = 0; i < n_paths; i++) {
        if (strcmp(paths[i], path) == 0) {
            free(path);
            return paths[i];
        }
    }
    if (n_paths == PATHS_MAX)
        abort();
    return paths[n_paths++] = path;
}

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        abort();
    return f;
}

static void put(FILE *f, gnutls_datum_t take_pem)
{
    if (fwrite(take_pem.data, 1, take_pem.size, f) != take_pem.size)
        abort();
    gnutls_free(take_pem.data);
}

const char *pki_write_crts(const char *name, const struct pki *const *list, unsigned n)
{
    const char *path = path_of(name);
    FILE *f = create(path);
    for (unsigned i = 0; i < n; i++) {
        gnutls_datum_t pem;
        MUST(gnutls_x509_crt_export2(list[i]->crt, GNUTLS_X509_FMT_PEM, &pem));
        put(f, pem);
    }
    fclose(f);
    return path;
}

const char *pki_write_crt(const char *name, const struct pki *p)
{
    return pki_write_crts(name, &p, 1);
}

const char *pki_write_key(const char *name, const struct pki *p)
{
    const char *path = path_of(name);
    FILE *f = create(path);
    gnutls_datum_t pem;
    MUST(gnutls_x509_privkey_export2(p->key, GNUTLS_X509_FMT_PEM, &pem));
    put(f, pem);
    fclose(f);
    return path;
}

const char *pki_write_text(const char *name, const char *text)
{
    const char *path = path_of(name);
    FILE *f = create(path);
    fputs(text, f);
    fclose(f);
    return path;
}

const char *pki_write_crl(const char *name, const struct pki *ca, const struct pki *revoked,
                          time_t next)
{
    const char *path = path_of(name);
    time_t now = time(NULL);
    gnutls_x509_crl_t crl;
    gnutls_datum_t pem;
    MUST(gnutls_x509_crl_init(&crl));
    MUST(gnutls_x509_crl_set_version(crl, 2));
    MUST(gnutls_x509_crl_set_number(crl, "\x01", 1));
    MUST(gnutls_x509_crl_set_this_update(crl, now - 7200));
    MUST(gnutls_x509_crl_set_next_update(crl, next ? next : now + 86400));
    if (revoked)
        MUST(gnutls_x509_crl_set_crt(crl, revoked->crt, now - 7200));
    MUST(gnutls_x509_crl_sign2(crl, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0));
    MUST(gnutls_x509_crl_export2(crl, GNUTLS_X509_FMT_PEM, &pem));
    gnutls_x509_crl_deinit(crl);
    FILE *f = create(path);
    put(f, pem);
    fclose(f);
    return path;
}
