#include "config.h"
#include "acl/principal.h"

#include <stdlib.h>
#include <string.h>
#include "acl/dn.h"
#include "acl/sasl_pattern.h"
#include "acl/uri_pattern.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/util.h"

#define CA_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

enum principal_kind {
    PRINCIPAL_X509,
    PRINCIPAL_X509_URI,
    PRINCIPAL_UNIX,
    PRINCIPAL_UNIX_GROUP,
    PRINCIPAL_SASL,
};

static const char *const prefixes[] = {
    [PRINCIPAL_X509] = "x509:", [PRINCIPAL_X509_URI] = "x509-uri:",
    [PRINCIPAL_UNIX] = "unix:", [PRINCIPAL_UNIX_GROUP] = "unix-group:",
    [PRINCIPAL_SASL] = "sasl:",
};

struct acl_principal {
    enum principal_kind kind;
    char *ca;         /* of a certificate: the section's name, "" for the unnamed one; owned */
    struct acl_dn dn; /* PRINCIPAL_X509 */
    char *name;       /* the others, in the form to be compared; owned */
    char *key;        /* owned; NULL of a pattern with wildcards */
};

static int take_ca(struct acl_principal *p, const char *text, size_t len, struct error *err)
{
    if (len == 0 || strspn(text, CA_CHARS) < len)
        return error_set(err, ERROR_INVALID,
                         "a CA's name is made of letters, digits, '.', '_' and '-'");
    p->ca = mem_strndup(text, len);
    return 0;
}

/* The text up to the first colon is a CA's name if it has no `=`: every DN has one there. */
static int parse_x509(struct acl_principal *p, const char *text, bool pattern, struct error *err)
{
    size_t ca = strcspn(text, ":=");
    int rc = 0;
    if (text[ca] == ':') {
        rc = take_ca(p, text, ca, err);
        text += ca + 1;
    } else {
        p->ca = mem_strdup("");
    }
    if (rc < 0)
        return rc;
    if (pattern && strcmp(text, "*") == 0)
        return error_set(err, ERROR_INVALID, "for every certificate of a CA write CN=*,*");
    return acl_dn_parse(text, pattern, &p->dn, err);
}

/* The text up to the first colon is a URI's scheme if // follows, and else a CA's name: those URIs
 * that have no // have no form here, and a URI of a CA begins with a letter. */
static int parse_uri(struct acl_principal *p, const char *text, bool pattern, struct error *err)
{
    size_t ca = strcspn(text, ":");
    int rc = 0;
    if (text[ca] == ':' && strncmp(text + ca, "://", 3) != 0) {
        rc = take_ca(p, text, ca, err);
        text += ca + 1;
    } else {
        p->ca = mem_strdup("");
    }
    return rc < 0 ? rc : acl_uri_parse(text, pattern, &p->name, err);
}

static int parse_name(struct acl_principal *p, const char *text, struct error *err)
{
    for (const char *s = text; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return error_set(err, ERROR_INVALID, "a control byte in a name");
    }
    if (!*text)
        return error_set(err, ERROR_INVALID, "the name is empty");
    p->name = mem_strdup(text);
    return 0;
}

static int find_kind(const char *text, enum principal_kind *out, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
            *out = (enum principal_kind)i;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID,
                     "an identity is x509:DN, x509:CA:DN, x509-uri:URI, x509-uri:CA:URI, "
                     "unix:USER, unix-group:GROUP or sasl:USER@REALM");
}

/* Of a certificate the CA's name and a comma come first, which is in no CA's name. */
static void make_key(struct acl_principal *p)
{
    CLEANUP_BUF struct buf key = { 0 };
    buf_add_str(&key, prefixes[p->kind]);
    if (p->ca)
        buf_add_str(&key, p->ca);
    if (p->kind == PRINCIPAL_X509)
        acl_dn_write_key(&p->dn, &key);
    else
        buf_printf(&key, "%s%s", p->ca ? "," : "", p->name);
    p->key = mem_strndup(buf_data(&key), buf_len(&key));
}

static int parse_rest(struct acl_principal *p, const char *rest, bool pattern, struct error *err)
{
    switch (p->kind) {
    case PRINCIPAL_X509:
        return parse_x509(p, rest, pattern, err);
    case PRINCIPAL_X509_URI:
        return parse_uri(p, rest, pattern, err);
    case PRINCIPAL_UNIX:
    case PRINCIPAL_UNIX_GROUP:
        return parse_name(p, rest, err);
    case PRINCIPAL_SASL:
        return acl_sasl_parse(rest, pattern, &p->name, err);
    }
    abort();
}

static bool is_wild(const struct acl_principal *p)
{
    switch (p->kind) {
    case PRINCIPAL_X509:
        return p->dn.wild;
    case PRINCIPAL_X509_URI:
        return acl_uri_is_wild(p->name);
    case PRINCIPAL_UNIX:
    case PRINCIPAL_UNIX_GROUP:
    case PRINCIPAL_SASL:
        return glob_is_pattern(p->name);
    }
    abort();
}

static int parse(const char *text, bool pattern, struct acl_principal **out, struct error *err)
{
    CLEANUP_PRINCIPAL struct acl_principal *p = MEM_NEW(struct acl_principal);
    *out = NULL;
    int rc = find_kind(text, &p->kind, err);
    if (rc == 0)
        rc = parse_rest(p, text + strlen(prefixes[p->kind]), pattern, err);
    if (rc < 0)
        return rc;
    if (!pattern || !is_wild(p))
        make_key(p);
    *out = TAKE_PTR(p);
    return 0;
}

int acl_principal_parse_pattern(const char *text, struct acl_principal **out, struct error *err)
{
    return parse(text, true, out, err);
}

int acl_principal_parse_identity(const char *text, struct acl_principal **out, struct error *err)
{
    return parse(text, false, out, err);
}

bool acl_principal_is_attribute(const struct acl_principal *p)
{
    return p->kind == PRINCIPAL_X509_URI || p->kind == PRINCIPAL_UNIX_GROUP;
}

void acl_principal_free(struct acl_principal *p)
{
    if (!p)
        return;
    acl_dn_free(&p->dn);
    free(p->ca);
    free(p->name);
    free(p->key);
    free(p);
}

const char *acl_principal_key(const struct acl_principal *p)
{
    return p->key;
}

bool acl_principal_match(const struct acl_principal *pattern, const struct acl_principal *identity)
{
    if (pattern->kind != identity->kind || (pattern->ca && strcmp(pattern->ca, identity->ca) != 0))
        return false;
    if (pattern->kind == PRINCIPAL_X509)
        return acl_dn_match(&pattern->dn, &identity->dn);
    if (pattern->key)
        return strcmp(pattern->name, identity->name) == 0;
    if (pattern->kind == PRINCIPAL_X509_URI)
        return acl_uri_match(pattern->name, identity->name);
    return glob_match(pattern->name, strlen(pattern->name), identity->name, strlen(identity->name));
}
