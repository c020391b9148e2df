#include "config.h"
#include "acl/principal.h"

#include <stdlib.h>
#include <string.h>
#include "acl/dn.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/util.h"

#define CA_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

enum principal_kind { PRINCIPAL_X509, PRINCIPAL_UNIX, PRINCIPAL_SASL };

static const char *const prefixes[] = {
    [PRINCIPAL_X509] = "x509:",
    [PRINCIPAL_UNIX] = "unix:",
    [PRINCIPAL_SASL] = "sasl:",
};

struct acl_principal {
    enum principal_kind kind;
    char *ca;         /* PRINCIPAL_X509: the section's name, "" for the unnamed one; owned */
    struct acl_dn dn; /* PRINCIPAL_X509 */
    char *name;       /* the others; owned */
    char *key;        /* owned; NULL of a pattern with wildcards */
};

/* The text up to the first colon is a CA's name if it has no `=`: every DN has one there. */
static int parse_x509(struct acl_principal *p, const char *text, bool pattern, struct error *err)
{
    size_t ca = strcspn(text, ":=");
    if (text[ca] != ':')
        ca = 0;
    else if (ca == 0 || strspn(text, CA_CHARS) != ca)
        return error_set(err, ERROR_INVALID,
                         "a CA's name is made of letters, digits, '.', '_' and '-'");
    p->ca = mem_strndup(text, ca);
    const char *dn = ca ? text + ca + 1 : text;
    if (pattern && strcmp(dn, "*") == 0)
        return error_set(err, ERROR_INVALID, "for every certificate of a CA write CN=*,*");
    return acl_dn_parse(dn, pattern, &p->dn, err);
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
                     "an identity is x509:DN, x509:CA:DN, unix:USER or sasl:NAME");
}

static void make_key(struct acl_principal *p)
{
    CLEANUP_BUF struct buf key = { 0 };
    buf_add_str(&key, prefixes[p->kind]);
    if (p->kind == PRINCIPAL_X509) {
        buf_add_str(&key, p->ca);
        acl_dn_write_key(&p->dn, &key);
    } else {
        buf_add_str(&key, p->name);
    }
    p->key = mem_strndup(buf_data(&key), buf_len(&key));
}

static int parse(const char *text, bool pattern, struct acl_principal **out, struct error *err)
{
    CLEANUP_PRINCIPAL struct acl_principal *p = MEM_NEW(struct acl_principal);
    *out = NULL;
    int rc = find_kind(text, &p->kind, err);
    if (rc < 0)
        return rc;
    const char *rest = text + strlen(prefixes[p->kind]);
    rc = p->kind == PRINCIPAL_X509 ? parse_x509(p, rest, pattern, err) : parse_name(p, rest, err);
    if (rc < 0)
        return rc;
    bool wild = p->kind == PRINCIPAL_X509 ? p->dn.wild : pattern && glob_is_pattern(p->name);
    if (!wild)
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
    if (pattern->kind != identity->kind)
        return false;
    if (pattern->kind == PRINCIPAL_X509)
        return strcmp(pattern->ca, identity->ca) == 0 && acl_dn_match(&pattern->dn, &identity->dn);
    if (!pattern->key)
        return glob_match(pattern->name, strlen(pattern->name), identity->name,
                          strlen(identity->name));
    return strcmp(pattern->name, identity->name) == 0;
}
