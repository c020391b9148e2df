/* Certificates made while a test runs, by GnuTLS, in a directory of the test's own. What goes wrong
 * here ends the test program: none of it is what is tested. */
#ifndef TESTS_UNIT_PKI_H
#define TESTS_UNIT_PKI_H

#include <gnutls/x509.h>
#include <stdbool.h>
#include <time.h>

/* An authority with its key; or, as a result of pki_issue, a certificate with its key. */
struct pki {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};

enum pki_purpose { PKI_CLIENT = 1, PKI_SERVER = 2, PKI_CA = 4, PKI_OCSP = 8 };

struct pki_attribute {
    const char *oid;
    const void *value;
    unsigned len;
};

struct pki_request {
    const char *dn;                         /* RFC 4514; NULL: none, or `attributes` */
    const struct pki_attribute *attributes; /* in this order, until an oid of NULL */
    unsigned purpose;                       /* of enum pki_purpose; 0: no extended key usage */
    const char *dns, *ip;                   /* subject alternative names */
    const struct pki_attribute
        *uris;          /* likewise; until a value of NULL, the oid is not looked at */
    time_t from, until; /* 0: an hour ago, in a day */
    unsigned serial;    /* 0: the next one */
};

struct pki pki_issue(const struct pki *ca,
                     const struct pki_request *request); /* ca NULL: self-signed */
void pki_free(struct pki *p);

/* A new directory; pki_dir_remove removes it with the files in it. */
void pki_dir_make(void);
void pki_dir_remove(void);

/* Writes PEM files and returns the path, which lives until pki_dir_remove. */
const char *pki_write_crt(const char *name, const struct pki *p);
const char *pki_write_crts(const char *name, const struct pki *const *list, unsigned n);
const char *pki_write_key(const char *name, const struct pki *p);
const char *pki_write_text(const char *name, const char *text);
/* A CRL of the authority with one revoked certificate (NULL: an empty one); next 0: in a day. */
const char *pki_write_crl(const char *name, const struct pki *ca, const struct pki *revoked,
                          time_t next);

/* DER of the certificate; free with gnutls_free. */
gnutls_datum_t pki_der(const struct pki *p);

#endif
