/* A password for users that there are not. libsasl2 ends a SCRAM login of an unknown user a step
 * early, and answers a PLAIN one sooner: who is asked for enough names learns which exist. So this
 * plugin stands behind sasldb: where that knew no secret, it gives one that nobody can guess, and
 * the login goes the whole way to "wrong password", by the same steps and the same mathematics.
 *
 * What it gives is of the same length for all (a key of HMAC-SHA-256's own block would cost more if
 * longer), the same for one name as long as the process lives, and different for each. Should
 * somebody prove it all the same, the login is refused: it is marked. */
#include "config.h"
#include "auth/sasl_internal.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include "base/base64.h"
#include "base/secret.h"

#define KEY_BYTES    32u /* of SHA-256 */
#define SECRET_CHARS BASE64_LEN(KEY_BYTES)

/* Made at the start, before threads; read-only after that. */
static unsigned char key[KEY_BYTES];

static bool has_value(const struct propval *p)
{
    return p->values && p->values[0] && p->values[0][0];
}

/* Names with an asterisk are those of who logs in, the others of whom they want to act for. */
static bool is_of_authid(const struct propval *p)
{
    return p->name[0] == '*';
}

static int decoy_lookup(void *context, sasl_server_params_t *params, unsigned flags,
                        const char *user, unsigned len)
{
    const struct propval *password = NULL;
    const struct propval *wanted = params->utils->prop_get(params->propctx);
    if (flags & SASL_AUXPROP_AUTHZID)
        return SASL_NOUSER;
    for (; wanted && wanted->name; wanted++) {
        if (is_of_authid(wanted) && has_value(wanted))
            return SASL_NOUSER; /* sasldb knows a secret; this one is not asked */
        if (strcmp(wanted->name, SASL_AUX_PASSWORD) == 0)
            password = wanted;
    }
    if (!password)
        return SASL_NOUSER;

    unsigned char mac[KEY_BYTES];
    char secret[SECRET_CHARS + 1] = { 0 };
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, sizeof(key), user, len, mac) < 0)
        return SASL_FAIL;
    base64_encode(mac, sizeof(mac), secret);
    params->utils->prop_erase(params->propctx, password->name); /* of an empty one */
    int rc = params->utils->prop_set(params->propctx, password->name, secret, SECRET_CHARS);
    secret_wipe(mac, sizeof(mac));
    secret_wipe(secret, sizeof(secret));
    sasl_login_has_no_user(params->utils);
    return rc;
}

static sasl_auxprop_plug_t plugin = {
    .auxprop_lookup = decoy_lookup,
    .name = (char *)SASL_DECOY_PLUGIN,
};

static int decoy_init(const sasl_utils_t *utils, int max_version, int *out_version,
                      sasl_auxprop_plug_t **out, const char *name)
{
    *out_version = SASL_AUXPROP_PLUG_VERSION;
    *out = &plugin;
    return SASL_OK;
}

int sasl_decoy_add(struct error *err)
{
    if (gnutls_rnd(GNUTLS_RND_KEY, key, sizeof(key)) < 0)
        return error_set(err, ERROR_SYSTEM, "no random bytes to be had");
    int rc = sasl_auxprop_add_plugin(SASL_DECOY_PLUGIN, decoy_init);
    return rc == SASL_OK ? 0
                         : error_set(err, ERROR_SYSTEM, "libsasl2 takes no plugin of ours: %s",
                                     sasl_errstring(rc, NULL, NULL));
}
