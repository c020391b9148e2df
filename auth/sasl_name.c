#include "config.h"
#include "auth/sasl_name.h"

#include <gnutls/gnutls.h>
#include <string.h>
#include "auth/name_text.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

static bool consists_of(const char *s, const char *chars)
{
    return *s && s[strspn(s, chars)] == '\0';
}

bool sasl_name_is_realm(const char *realm)
{
    return strlen(realm) <= SASL_NAME_REALM_MAX && consists_of(realm, LOWER DIGITS "._-");
}

/* GnuTLS has PRECIS' profile OpaqueString (RFC 8265, section 4.2): it refuses what has no place in
 * a string that people type, and maps the rest to the one form. We take only what is there already.
 */
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
    if (len > SASL_NAME_USER_MAX)
        return error_set(err, ERROR_LIMIT, "a user's name of more than %d bytes",
                         SASL_NAME_USER_MAX);
    if (!name_text_is_clean((const unsigned char *)user, len))
        return error_set(err, ERROR_INVALID,
                         "a user's name that is empty, or holds a NUL, a control character or what "
                         "is not UTF-8");
    if (user[0] == ' ' || user[len - 1] == ' ')
        return error_set(err, ERROR_INVALID, "a user's name that begins or ends with a space");
    if (!is_in_normal_form(user, len))
        return error_set(err, ERROR_INVALID,
                         "a user's name that is not in its normal form (NFC, nothing invisible)");
    return 0;
}

static int write_realm(const char *realm, size_t len, char *out, struct error *err)
{
    if (len > SASL_NAME_REALM_MAX)
        return error_set(err, ERROR_LIMIT, "a realm of more than %d bytes", SASL_NAME_REALM_MAX);
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(realm[i] >= 'A' && realm[i] <= 'Z' ? realm[i] - 'A' + 'a' : realm[i]);
    out[len] = '\0';
    if (strlen(out) != len || !sasl_name_is_realm(out))
        return error_set(err, ERROR_INVALID,
                         "a realm that is not made of letters, digits, '.', '_' and '-'");
    return 0;
}

int sasl_name_canonical(struct span raw, const char *realm, char out[SASL_NAME_SIZE],
                        struct error *err)
{
    const char *at = raw.len ? memchr(raw.data, '@', raw.len) : NULL;
    size_t user = at ? (size_t)(at - raw.data) : raw.len;
    int rc = check_user(raw.data, user, err);
    if (rc < 0)
        return rc;
    memcpy(out, raw.data, user);
    out[user] = '@';
    return at ? write_realm(at + 1, raw.len - user - 1, out + user + 1, err)
              : write_realm(realm, strlen(realm), out + user + 1, err);
}

bool sasl_name_is_of(const char *name, const char *realm)
{
    const char *at = strchr(name, '@');
    return at && strcmp(at + 1, realm) == 0;
}

bool sasl_name_survives_folding(const char *name)
{
    return strspn(name, LOWER DIGITS "._-+") == strcspn(name, "@");
}
