/* What is known of somebody besides his name, in canonical form:
 *     x509-uri:URI       a URI of his certificate's subject alternative names, in the normal form
 *                        of base/uri.h; only SCHEME://... has a form, others are passed over
 *     x509-uri:CA:URI    the same, of the `ca` section CA, where sections are named. CA is told
 * from a scheme by what follows the colon: // follows a scheme, and a CA never unix-group:NAME    a
 * group of the host that the user is in None holds a control byte. */
#ifndef AUTH_ATTRIBUTES_H
#define AUTH_ATTRIBUTES_H

#include <gnutls/x509.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"

#define ATTRIBUTES_URIS_MAX   16   /* of a certificate, of whatever form; one is usual */
#define ATTRIBUTES_GROUPS_MAX 1024 /* of a user; each is looked up */

struct attributes {
    char **list; /* owned, as its texts */
    size_t n, cap;
};

void attributes_clear(struct attributes *a);

/* Sorts them and leaves each once. */
void attributes_settle(struct attributes *a);

/* Negative if the extension cannot be read, or is there twice, or there are too many, or one is
 * malformed or reads two ways: a deny might have meant that one. */
int attributes_add_uris(struct attributes *a, gnutls_x509_crt_t crt, const char *ca,
                        struct error *err) MUST_CHECK;

/* Those that the host's databases say (NSS), with `gid` as the first: may block. What a process was
 * given beyond them (newgrp, a set-group-ID program) does not count. Groups without a name are
 * passed over. Negative if a name cannot be looked up or is unfit, or there are too many. */
int attributes_add_groups(struct attributes *a, const char *user, gid_t gid,
                          struct error *err) MUST_CHECK;

#endif
