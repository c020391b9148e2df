#include "config.h"
#include "auth/attributes.h"

#include <errno.h>
#include <gnutls/x509-ext.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "auth/identity.h"
#include "auth/name_text.h"
#include "base/mem.h"
#include "base/uri.h"

#define OID_SUBJECT_ALT_NAME "2.5.29.17"
#define GID_OVERFLOW         65534u /* of another user namespace, or of NFS: no one group */

/* --- the list --------------------------------------------------------------------------------- */

void attributes_clear(struct attributes *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->list[i]);
    free(a->list);
    *a = (struct attributes){ 0 };
}

static void add(struct attributes *a, char *take_text)
{
    mem_grow((void **)&a->list, &a->cap, a->n + 1, sizeof(*a->list));
    a->list[a->n++] = take_text;
}

static int compare(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

void attributes_settle(struct attributes *a)
{
    size_t kept = 0;
    if (a->n > 1)
        qsort(a->list, a->n, sizeof(*a->list), compare);
    for (size_t i = 0; i < a->n; i++) {
        if (kept > 0 && strcmp(a->list[kept - 1], a->list[i]) == 0)
            free(a->list[i]);
        else
            a->list[kept++] = a->list[i];
    }
    a->n = kept;
}

/* --- URIs of a certificate -------------------------------------------------------------------- */

static void datum_clear(gnutls_datum_t *d)
{
    gnutls_free(d->data);
}

static void names_clear(gnutls_subject_alt_names_t *names)
{
    if (*names)
        gnutls_subject_alt_names_deinit(*names);
}

static int add_uri(struct attributes *a, const gnutls_datum_t *text, const char *ca,
                   struct error *err)
{
    CLEANUP_FREE char *uri = NULL;
    struct error why;
    if (uri_normalize((const char *)text->data, text->size, &uri, &why) < 0)
        return error_set(err, ERROR_INVALID, "the certificate's alternative names hold %s",
                         why.text);
    if (uri_has_authority(uri))
        add(a, mem_printf("x509-uri:%s%s%s", ca, *ca ? ":" : "", uri));
    return 0;
}

static int add_names(struct attributes *a, gnutls_subject_alt_names_t names, const char *ca,
                     struct error *err)
{
    unsigned uris = 0;
    for (unsigned i = 0;; i++) {
        unsigned type;
        gnutls_datum_t text;
        int rc = gnutls_subject_alt_names_get(names, i, &type, &text, NULL);
        if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return 0;
        if (rc < 0)
            return error_set(err, ERROR_INVALID,
                             "the certificate's alternative names cannot be read");
        if (type != GNUTLS_SAN_URI)
            continue;
        if (++uris > ATTRIBUTES_URIS_MAX)
            return error_set(err, ERROR_LIMIT,
                             "the certificate's alternative names hold more than %d URIs",
                             ATTRIBUTES_URIS_MAX);
        rc = add_uri(a, &text, ca, err);
        if (rc < 0)
            return rc;
    }
}

int attributes_add_uris(struct attributes *a, gnutls_x509_crt_t crt, const char *ca,
                        struct error *err)
{
    CLEANUP(names_clear) gnutls_subject_alt_names_t names = NULL;
    CLEANUP(datum_clear) gnutls_datum_t first = { NULL, 0 };
    CLEANUP(datum_clear) gnutls_datum_t second = { NULL, 0 };
    int rc = gnutls_x509_crt_get_extension_by_oid2(crt, OID_SUBJECT_ALT_NAME, 0, &first, NULL);
    if (rc == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return 0;
    if (rc == 0 &&
        gnutls_x509_crt_get_extension_by_oid2(crt, OID_SUBJECT_ALT_NAME, 1, &second, NULL) == 0)
        return error_set(err, ERROR_INVALID, "the certificate has alternative names twice");
    if (rc < 0 || gnutls_subject_alt_names_init(&names) < 0 ||
        gnutls_x509_ext_import_subject_alt_names(&first, names, 0) < 0)
        return error_set(err, ERROR_INVALID, "the certificate's alternative names cannot be read");
    return add_names(a, names, ca, err);
}

/* --- groups of a user ------------------------------------------------------------------------- */

/* A group's name, if it has one; NULL if not. */
static int find_group(gid_t gid, char **out, struct error *err)
{
    long hint = sysconf(_SC_GETGR_R_SIZE_MAX);
    size_t size = hint > 0 ? (size_t)hint : 1024;
    CLEANUP_FREE char *memory = NULL;
    struct group entry, *found = NULL;
    int rc;
    *out = NULL;
    do {
        memory = mem_realloc(memory, size);
        rc = getgrgid_r(gid, &entry, memory, size, &found);
        size *= 2;
    } while (rc == ERANGE && size <= 4u << 20); /* it lists the members, too */
    if (rc != 0 && rc != ENOENT) {
        errno = rc;
        return error_set_errno(err, "cannot look up group %u", (unsigned)gid);
    }
    if (!found)
        return 0;
    size_t len = strlen(found->gr_name);
    if (!name_text_is_clean((unsigned char *)found->gr_name, len) || len > IDENTITY_NAME_MAX)
        return error_set(err, ERROR_INVALID, "the name of group %u is not fit for use",
                         (unsigned)gid);
    *out = mem_strdup(found->gr_name);
    return 0;
}

int attributes_add_groups(struct attributes *a, const char *user, gid_t gid, struct error *err)
{
    int n = ATTRIBUTES_GROUPS_MAX;
    CLEANUP_FREE gid_t *gids = MEM_NEW_N(gid_t, ATTRIBUTES_GROUPS_MAX);
    if (getgrouplist(user, gid, gids, &n) < 0)
        return error_set(err, ERROR_LIMIT, "the user is in more than %d groups",
                         ATTRIBUTES_GROUPS_MAX);
    for (int i = 0; i < n; i++) {
        CLEANUP_FREE char *name = NULL;
        int rc = gids[i] == GID_OVERFLOW ? 0 : find_group(gids[i], &name, err);
        if (rc < 0)
            return rc;
        if (name)
            add(a, mem_printf("unix-group:%s", name));
    }
    return 0;
}
