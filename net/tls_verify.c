/* Is this chain somebody we know? Asked after every handshake, and again after every reload. */
#include "config.h"
#include "net/tls_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"

/* A peer's chain: real ones have 1 to 4. (GnuTLS itself copies at most 16 into an array of 16.) */
#define CHAIN_MAX 8u

/* RSA from 2048 bits, elliptic curves from 224, no SHA-1. */
#define VERIFY_FLAGS \
    (GNUTLS_VERIFY_DO_NOT_ALLOW_SAME | (unsigned)GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM))

struct chain {
    gnutls_x509_crt_t crts[CHAIN_MAX];
    unsigned n;
};

static void chain_clear(struct chain *c)
{
    for (unsigned i = 0; i < c->n; i++)
        gnutls_x509_crt_deinit(c->crts[i]);
}

static int chain_import(struct chain *out, const gnutls_datum_t *der, unsigned n, struct error *err)
{
    if (n == 0 || n > CHAIN_MAX)
        return error_set(err, ERROR_PEER,
                         "the peer's certificate chain has %u certificates, not 1 to %u", n,
                         CHAIN_MAX);
    for (unsigned i = 0; i < n; i++) {
        if (gnutls_x509_crt_init(&out->crts[i]) < 0)
            return error_set(err, ERROR_SYSTEM, "GnuTLS has no memory");
        out->n++;
        int rc = gnutls_x509_crt_import(out->crts[i], &der[i], GNUTLS_X509_FMT_DER);
        if (rc < 0)
            return tls_error(err, ERROR_PEER, rc, "the peer's certificate cannot be read");
    }
    return 0;
}

/* --- one section ------------------------------------------------------------------------------ */

static int verify_by_section(const struct tls_ca *ca, struct chain *chain,
                             const struct tls_expected *expected, unsigned *status)
{
    unsigned char ip[sizeof(struct in6_addr)];
    gnutls_typed_vdata_st data[2] = { 0 };
    unsigned n = 0;

    data[n++] = (gnutls_typed_vdata_st){
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)(expected->client ? GNUTLS_KP_TLS_WWW_CLIENT
                                                   : GNUTLS_KP_TLS_WWW_SERVER),
    };
    if (!expected->client) {
        const char *host = expected->host;
        gnutls_typed_vdata_st *name = &data[n++];
        if (inet_pton(AF_INET, host, ip) == 1)
            *name = (gnutls_typed_vdata_st){ .type = GNUTLS_DT_IP_ADDRESS, .data = ip, .size = 4 };
        else if (inet_pton(AF_INET6, host, ip) == 1)
            *name = (gnutls_typed_vdata_st){ .type = GNUTLS_DT_IP_ADDRESS, .data = ip, .size = 16 };
        else
            *name = (gnutls_typed_vdata_st){ .type = GNUTLS_DT_DNS_HOSTNAME,
                                             .data = (unsigned char *)host };
    }
    return gnutls_x509_trust_list_verify_crt2(ca->trust, chain->crts, chain->n, data, n,
                                              VERIFY_FLAGS, status, NULL);
}

/* An extended key usage that names TLS clients must be there: a certificate without any was hardly
 * issued to let somebody in here, and GnuTLS would take it for one that is good for everything. */
static bool is_for_clients(gnutls_x509_crt_t crt)
{
    char oid[128];
    for (unsigned i = 0;; i++) {
        size_t size = sizeof(oid);
        int rc = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &size, NULL);
        if (rc == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (rc < 0)
            return false;
        if (strcmp(oid, GNUTLS_KP_TLS_WWW_CLIENT) == 0)
            return true;
    }
}

/* --- words ------------------------------------------------------------------------------------ */

static const char *day(time_t t, char text[CLOCK_UTC_TEXT])
{
    clock_format_utc((int64_t)t * USEC_PER_SEC, text);
    memcpy(text + 19, "Z", 2); /* seconds will do */
    return text;
}

/* Of several reasons the first in this table is told. */
static const struct {
    unsigned bit;
    gnutls_alert_description_t alert;
    const char *words;
} reasons[] = {
    { GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA, "is signed by a CA that we do not trust" },
    { GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED, "has been revoked, or its CA has" },
    { GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED, "or its CA's has expired" },
    { GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_BAD_CERTIFICATE, "or its CA's is not valid yet" },
    { GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_UNKNOWN_CA,
      "is signed by a certificate that is not a CA's" },
    { GNUTLS_CERT_UNEXPECTED_OWNER, GNUTLS_A_BAD_CERTIFICATE, "is for another name" },
    { GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
      "is not for this purpose (extended key usage, or a CA's)" },
    { GNUTLS_CERT_INSECURE_ALGORITHM, GNUTLS_A_BAD_CERTIFICATE,
      "or its CA's has a weak signature or key" },
    { GNUTLS_CERT_SIGNATURE_FAILURE, GNUTLS_A_UNKNOWN_CA, "has a signature that is not its CA's" },
};

static int refuse(struct chain *chain, unsigned status, const struct tls_expected *expected,
                  gnutls_alert_description_t *alert, struct error *err)
{
    gnutls_x509_crt_t leaf = chain->crts[0];
    char subject[TLS_NAME_TEXT], issuer[TLS_NAME_TEXT], when[CLOCK_UTC_TEXT];
    time_t now = time(NULL);
    time_t from = gnutls_x509_crt_get_activation_time(leaf);
    time_t until = gnutls_x509_crt_get_expiration_time(leaf);
    size_t i = 0;

    tls_subject_text(leaf, subject);
    while (i < ARRAY_SIZE(reasons) && !(status & reasons[i].bit))
        i++;
    *alert = i < ARRAY_SIZE(reasons) ? reasons[i].alert : GNUTLS_A_BAD_CERTIFICATE;
    unsigned bit = i < ARRAY_SIZE(reasons) ? reasons[i].bit : 0;
    if (bit == GNUTLS_CERT_EXPIRED && now > until)
        return error_set(err, ERROR_DENIED, "the certificate %s expired at %s", subject,
                         day(until, when));
    if (bit == GNUTLS_CERT_NOT_ACTIVATED && now < from)
        return error_set(err, ERROR_DENIED, "the certificate %s is not valid before %s", subject,
                         day(from, when));
    if (bit == GNUTLS_CERT_SIGNER_NOT_FOUND)
        return error_set(err, ERROR_DENIED,
                         "the certificate %s is signed by %s, a CA that we do not trust", subject,
                         tls_issuer_text(leaf, issuer));
    if (bit == GNUTLS_CERT_UNEXPECTED_OWNER && expected->host)
        return error_set(err, ERROR_DENIED, "the certificate %s is not for %.200s", subject,
                         expected->host);
    return error_set(err, ERROR_DENIED, "the certificate %s %s", subject,
                     bit ? reasons[i].words : "does not verify");
}

/* --- all sections ----------------------------------------------------------------------------- */

/* "Not one of mine" is what every other section says; the one that knows the CA knows better. */
static int find_section(const struct tls_context *c, struct chain *chain,
                        const struct tls_expected *expected, unsigned *told, struct error *err)
{
    const unsigned stranger = GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNATURE_FAILURE;
    *told = GNUTLS_CERT_SIGNER_NOT_FOUND;
    for (size_t i = 0; i < c->n_cas; i++) {
        unsigned status = 0;
        int rc = verify_by_section(&c->cas[i], chain, expected, &status);
        if (rc < 0)
            return tls_error(err, ERROR_PEER, rc, "the peer's certificate cannot be verified");
        if (status == 0)
            return (int)i;
        if (*told & stranger)
            *told = status;
    }
    return ERROR_DENIED;
}

/* An authority does not log in: its key is for signing, and it would vouch for itself. */
static bool is_fit(const struct chain *chain, const struct tls_expected *expected)
{
    return !expected->client || (is_for_clients(chain->crts[0]) &&
                                 gnutls_x509_crt_get_ca_status(chain->crts[0], NULL) <= 0);
}

/* The verdict stands as long as nothing begins or ends in the chain or in its section: whatever of
 * them it was that it leant on. */
static struct tls_validity validity_of(const struct chain *chain, const struct tls_ca *ca,
                                       time_t now)
{
    struct tls_validity v = TLS_VALID_ALWAYS;
    for (size_t i = 0; i < ca->n_terms; i++)
        tls_validity_narrow(&v, now, &ca->terms[i]);
    for (unsigned i = 0; i < chain->n; i++) {
        struct tls_validity term = tls_crt_validity(chain->crts[i]);
        tls_validity_narrow(&v, now, &term);
    }
    return v;
}

/* The section's index, or negative. */
static int verify_fully(const struct tls_context *c, const gnutls_datum_t *der, unsigned n,
                        const struct tls_expected *expected, struct tls_validity *validity,
                        gnutls_alert_description_t *alert, struct error *err)
{
    CLEANUP(chain_clear) struct chain chain = { .n = 0 };
    time_t now = time(NULL); /* before it is verified: what ends meanwhile ends its validity */
    unsigned told;
    int rc = chain_import(&chain, der, n, err);
    if (rc < 0)
        return rc;
    int section = find_section(c, &chain, expected, &told, err);
    if (section == ERROR_DENIED)
        return refuse(&chain, told, expected, alert, err);
    if (section < 0)
        return section;
    if (!is_fit(&chain, expected))
        return refuse(&chain, GNUTLS_CERT_PURPOSE_MISMATCH, expected, alert, err);
    *validity = validity_of(&chain, &c->cas[section], now);
    return section;
}

int tls_verify_chain(const struct tls_context *c, const gnutls_datum_t *der, unsigned n,
                     const struct tls_expected *expected, struct tls_verdict *out,
                     struct error *err)
{
    struct tls_validity validity;
    struct tls_known_key key;
    *out = (struct tls_verdict){ .ca = NULL, .alert = GNUTLS_A_BAD_CERTIFICATE };
    if (!expected->client && !expected->host)
        return error_set(err, ERROR_STATE, "no name is known to verify the server by");
    /* a server's verdict depends on its name as well, and a client sees one: not remembered */
    bool remember = expected->client && tls_known_key(der, n, &key) == 0;
    int section = remember ? tls_known_find(c->known, &key, time(NULL), &out->until) : -1;
    if (section < 0) {
        section = verify_fully(c, der, n, expected, &validity, &out->alert, err);
        if (section < 0)
            return section;
        out->until = validity.until;
        if (remember)
            tls_known_add(c->known, &key, (size_t)section, &validity);
    }
    out->ca = c->cas[section].name;
    return 0;
}
