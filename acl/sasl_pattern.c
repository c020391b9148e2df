#include "config.h"
#include "acl/sasl_pattern.h"

#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define REALM_CHARS "abcdefghijklmnopqrstuvwxyz0123456789._-"
#define WILDCARDS   "*?"

/* PRECIS' OpaqueString (RFC 8265, section 4.2), by which names are admitted. */
static bool is_in_normal_form(const char *user, size_t len)
{
    gnutls_datum_t normal = { NULL, 0 };
    if (gnutls_utf8_password_normalize((const unsigned char *)user, (unsigned)len, &normal, 0) < 0)
        return false;
    bool same = normal.size == len && memcmp(normal.data, user, len) == 0;
    gnutls_free(normal.data);
    return same;
}

static int check_user(const char *user, size_t len, struct error *err)
{
    if (len == 0)
        return error_set(err, ERROR_INVALID, "the name is empty");
    if (user[0] == ' ' || user[len - 1] == ' ')
        return error_set(err, ERROR_INVALID, "a user's name begins and ends without a space");
    if (!is_in_normal_form(user, len))
        return error_set(err, ERROR_INVALID,
                         "the user's name is not in Unicode's normal form, or holds what cannot be "
                         "seen: no login has this name");
    return 0;
}

int acl_sasl_parse(const char *text, bool pattern, char **out, struct error *err)
{
    const char *at = strchr(text, '@');
    *out = NULL;
    if (!at || strchr(at + 1, '@'))
        return error_set(err, ERROR_INVALID,
                         "a name of SASL is USER@REALM, with one @ (for everybody: *@*)");
    int rc = check_user(text, (size_t)(at - text), err);
    if (rc < 0)
        return rc;
    CLEANUP_FREE char *name = mem_strdup(text);
    char *realm = name + (at + 1 - text);
    for (char *c = realm; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    if (!*realm || realm[strspn(realm, pattern ? REALM_CHARS WILDCARDS : REALM_CHARS)])
        return error_set(err, ERROR_INVALID,
                         "a realm is made of letters, digits, '.', '_' and '-'");
    *out = TAKE_PTR(name);
    return 0;
}
