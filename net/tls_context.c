/* Credentials: built whole, checked, never changed afterwards. */
#include "config.h"
#include "net/tls_internal.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"

/* Forward secrecy and authenticated ciphers only; curves that are fast and common. Finite-field
 * groups stay out: their arithmetic is the cheapest way to keep a server busy. */
#define PRIORITY_DEFAULT                                                       \
    "NORMAL:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"                                  \
    "-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:" \
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"

/* Whatever an administrator asks for, nothing older comes in. */
#define PRIORITY_SUFFIX \
    ":-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1:-VERS-DTLS-ALL:-CIPHER-NULL:%SAFE_RENEGOTIATION"

/* --- words ------------------------------------------------------------------------------------ */

int tls_error(struct error *err, enum error_code code, int gnutls_code, const char *fmt, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return error_set(err, code, "%s: %s", text, gnutls_strerror(gnutls_code));
}

const char *tls_name_text(gnutls_datum_t *take_name, char text[TLS_NAME_TEXT])
{
    char escaped[LOG_ESCAPE_MAX];
    log_escape((char *)take_name->data, take_name->size, escaped);
    snprintf(text, TLS_NAME_TEXT, "\"%.*s\"", TLS_NAME_TEXT - 3, escaped);
    gnutls_free(take_name->data);
    take_name->data = NULL;
    take_name->size = 0;
    return text;
}

const char *tls_subject_text(gnutls_x509_crt_t crt, char text[TLS_NAME_TEXT])
{
    gnutls_datum_t dn = { NULL, 0 };
    gnutls_x509_crt_get_dn3(crt, &dn, 0);
    return tls_name_text(&dn, text);
}

const char *tls_issuer_text(gnutls_x509_crt_t crt, char text[TLS_NAME_TEXT])
{
    gnutls_datum_t dn = { NULL, 0 };
    gnutls_x509_crt_get_issuer_dn3(crt, &dn, 0);
    return tls_name_text(&dn, text);
}

/* --- priority --------------------------------------------------------------------------------- */

/* Trusts the parsed result, not the string. */
static int check_versions(gnutls_priority_t priority, struct error *err)
{
    const unsigned *list;
    int n = gnutls_priority_protocol_list(priority, &list);
    for (int i = 0; i < n; i++) {
        if (list[i] != GNUTLS_TLS1_2 && list[i] != GNUTLS_TLS1_3)
            return error_set(err, ERROR_INVALID, "the TLS priority string enables %s",
                             gnutls_protocol_get_name(list[i]));
    }
    if (n <= 0)
        return error_set(err, ERROR_INVALID,
                         "the TLS priority string enables neither TLS 1.2 nor TLS 1.3");
    return 0;
}

static int load_priority(struct tls_context *c, const char *wanted, struct error *err)
{
    CLEANUP_FREE char *text =
        mem_printf("%s%s", wanted ? wanted : PRIORITY_DEFAULT, PRIORITY_SUFFIX);
    const char *where = NULL;
    int rc = gnutls_priority_init(&c->priority, text, &where);
    if (rc < 0) {
        c->priority = NULL;
        return tls_error(
            err, ERROR_INVALID, rc,
            "the TLS priority string '%.128s' is wrong, or leaves neither TLS 1.2 nor TLS 1.3",
            wanted ? wanted : PRIORITY_DEFAULT);
    }
    return check_versions(c->priority, err);
}

/* --- own certificate -------------------------------------------------------------------------- */

static void note_own_expiry(struct tls_context *c, const char *file,
                            const struct tls_crt_list *chain)
{
    for (unsigned i = 0; i < chain->n; i++) {
        char name[TLS_NAME_TEXT];
        tls_context_add_expiry(c, gnutls_x509_crt_get_expiration_time(chain->crts[i]),
                               "certificate %s (%s)", file, tls_subject_text(chain->crts[i], name));
    }
}

/* The files are looked at before GnuTLS gets them: it would say "file error" for either, and it
 * leaks (3.7.9) where a certificate is damaged. */
static int load_own(struct tls_context *c, const struct tls_settings *s, struct error *err)
{
    CLEANUP(tls_crt_list_clear) struct tls_crt_list chain = { NULL, 0 };
    if (!s->cert && !s->key)
        return 0;
    if (!s->cert || !s->key)
        return error_set(err, ERROR_INVALID, "a certificate and its key must be given together");
    int rc = tls_crt_list_load(s->cert, &chain, err);
    if (rc < 0)
        return rc;
    bool url = gnutls_url_is_supported(s->key) != 0;
    if (!url && access(s->key, R_OK) < 0)
        return error_set_errno(err, "cannot read %s", s->key);
    /* the query part of a pkcs11: URI may hold the PIN (RFC 7512), which no log must see */
    CLEANUP_FREE char *key = mem_strndup(s->key, url ? strcspn(s->key, "?") : strlen(s->key));
    rc = gnutls_certificate_set_x509_key_file2(c->credentials, s->cert, s->key, GNUTLS_X509_FMT_PEM,
                                               NULL, 0);
    if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
        return error_set(err, ERROR_INVALID, "the key %s does not belong to the certificate %s",
                         s->key, s->cert);
    if (rc < 0)
        return tls_error(err, ERROR_INVALID, rc, "cannot use certificate %s with key %s", s->cert,
                         key);
    note_own_expiry(c, s->cert, &chain);
    return 0;
}

/* --- expiry ----------------------------------------------------------------------------------- */

void tls_context_add_expiry(struct tls_context *c, time_t when, const char *fmt, ...)
{
    char what[ERROR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    mem_grow((void **)&c->expiry, &c->cap_expiry, c->n_expiry + 1, sizeof(*c->expiry));
    c->expiry[c->n_expiry++] = (struct tls_expiry_entry){ .what = mem_strdup(what), .when = when };
}

bool tls_context_expiry(const struct tls_context *c, size_t i, struct tls_expiry *out)
{
    if (i >= c->n_expiry)
        return false;
    *out = (struct tls_expiry){ .what = c->expiry[i].what, .when = c->expiry[i].when };
    return true;
}

/* --- CA sections ------------------------------------------------------------------------------ */

static int check_section_names(const struct tls_settings *s, struct error *err)
{
    for (size_t i = 0; i < s->n_cas; i++) {
        const char *name = s->cas[i].name ? s->cas[i].name : "";
        if (*name == '\0' && s->n_cas > 1)
            return error_set(err, ERROR_INVALID,
                             "where there are several CA sections each has a name");
        for (size_t k = 0; k < i; k++) {
            if (strcmp(name, s->cas[k].name) == 0)
                return error_set(err, ERROR_INVALID, "CA section '%s' is there twice", name);
        }
    }
    return 0;
}

static int load_cas(struct tls_context *c, const struct tls_settings *s, struct error *err)
{
    int rc = check_section_names(s, err);
    if (rc < 0)
        return rc;
    c->cas = MEM_NEW_N(struct tls_ca, s->n_cas);
    for (size_t i = 0; i < s->n_cas; i++) {
        struct tls_ca ca = { .name = NULL };
        rc = tls_ca_load(c, &s->cas[i], &ca, err);
        c->cas[c->n_cas++] = ca; /* half a section is freed with the rest */
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int make_ticket_master(struct tls_context *c, struct error *err)
{
    int rc = gnutls_rnd(GNUTLS_RND_KEY, c->ticket_master, sizeof(c->ticket_master));
    return rc < 0 ? tls_error(err, ERROR_SYSTEM, rc, "no random numbers") : 0;
}

static void context_free(struct tls_context *c)
{
    for (size_t i = 0; i < c->n_cas; i++)
        tls_ca_clear(&c->cas[i]);
    free(c->cas);
    tls_known_free(c->known);
    for (size_t i = 0; i < c->n_expiry; i++)
        free(c->expiry[i].what);
    free(c->expiry);
    if (c->credentials)
        gnutls_certificate_free_credentials(c->credentials);
    if (c->priority)
        gnutls_priority_deinit(c->priority);
    secret_free(c, sizeof(*c));
}

int tls_context_new(const struct tls_settings *settings, struct tls_context **out,
                    struct error *err)
{
    struct tls_context *c = MEM_NEW(struct tls_context);
    atomic_init(&c->refs, 1);
    c->known = tls_known_new();
    int rc = gnutls_certificate_allocate_credentials(&c->credentials);
    if (rc < 0)
        rc = tls_error(err, ERROR_SYSTEM, rc, "cannot make TLS credentials");
    if (rc == 0)
        rc = load_priority(c, settings->priority, err);
    if (rc == 0)
        rc = load_own(c, settings, err);
    if (rc == 0)
        rc = load_cas(c, settings, err);
    if (rc == 0)
        rc = make_ticket_master(c, err);
    if (rc < 0) {
        context_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void tls_context_unref(struct tls_context *c)
{
    if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        context_free(c);
}

int tls_init(struct error *err)
{
    if (!gnutls_check_version("3.7.0"))
        return error_set(err, ERROR_STATE, "GnuTLS %s is too old: 3.7 is needed",
                         gnutls_check_version(NULL));
    int rc = gnutls_global_init();
    return rc < 0 ? tls_error(err, ERROR_SYSTEM, rc, "cannot start GnuTLS") : 0;
}
