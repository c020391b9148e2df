/* Who is calling, in one canonical form that policy, audit and limits all use:
 *     x509:DN            DN by RFC 4514 as GnuTLS writes it, of the only, unnamed CA
 *     x509:CA:DN         of the `ca` section CA, where sections are named
 *     unix:USER          peer credentials, the user's name
 *     sasl:USER@REALM    a login by SASL; see auth/sasl_name.h for what is equal
 * Equal identities are equal strings, and no two different ones are. What else is known of somebody
 * are attributes (auth/attributes.h), found when he logs in. Immutable, reference counted. */
#ifndef AUTH_IDENTITY_H
#define AUTH_IDENTITY_H

#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"

enum identity_kind { IDENTITY_X509, IDENTITY_UNIX, IDENTITY_SASL };

struct identity {
    enum identity_kind kind;
    const char *name;              /* canonical, owned */
    const char *const *attributes; /* canonical, sorted, each once; owned */
    size_t n_attributes;
    const char *key; /* of name and attributes: equal for equal ones, and only those; owned */
    uid_t uid;       /* IDENTITY_UNIX, else (uid_t)-1 */
    gid_t gid;
    /* private */
    _Atomic unsigned refs;
};

struct identity *identity_ref(struct identity *i);
void identity_unref(struct identity *i);

#define IDENTITY_NAME_MAX 1024 /* bytes; a longer DN is no identity */

/* From a verified certificate. `ca` is the section's name, "" for the unnamed one. No identity: an
 * empty subject, two CNs, an attribute that is empty, holds a NUL or control character, or is
 * neither UTF-8 nor ASCII, a subject longer than IDENTITY_NAME_MAX, alternative names that
 * attributes_add_uris refuses, and no extended key usage or one without clientAuth. */
int identity_from_certificate(const unsigned char *der, size_t len, const char *ca,
                              struct identity **out, struct error *err) MUST_CHECK;

/* From peer credentials. Looks the user and his groups up (NSS): may block, so never on a loop. The
 * overflow user (65534, "nobody" of a foreign namespace) and a uid without a name are no identity.
 */
int identity_from_uid(uid_t uid, gid_t gid, struct identity **out, struct error *err) MUST_CHECK;

/* From the name of a login that succeeded, in canonical form (auth/sasl_name.h). */
int identity_from_sasl(const char *name, struct identity **out, struct error *err) MUST_CHECK;

/* From a name in one of the forms above, written down by somebody: nobody has proven that he is it.
 * Put into its canonical form; it has no attributes, and of a unix: name no number. */
int identity_from_name(const char *name, struct identity **out, struct error *err) MUST_CHECK;

#endif
