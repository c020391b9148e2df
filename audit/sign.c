#include "config.h"
#include "audit/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include "audit/seal_keys.h"
#include "base/mem.h"
#include "base/secret.h"

#define KEY_FILE_MAX (16u << 10) /* bytes of a PEM file with one key */

struct audit_signer {
    _Atomic unsigned refs;
    char *name; /* for words: without what may be secret in it */
    char *uri;  /* NULL: the key came from a file */
    struct seal_public public;

    pthread_mutex_t mutex;
    gnutls_privkey_t key; /* NULL: the token was away */
};

struct audit_signer *audit_signer_ref(struct audit_signer *s)
{
    if (s)
        atomic_fetch_add(&s->refs, 1);
    return s;
}

void audit_signer_unref(struct audit_signer *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    if (s->key)
        gnutls_privkey_deinit(s->key);
    pthread_mutex_destroy(&s->mutex);
    if (s->uri)
        secret_free(s->uri, strlen(s->uri));
    free(s->name);
    free(s);
}

const struct seal_public *audit_signer_public(const struct audit_signer *s)
{
    return &s->public;
}

static int key_error(const struct audit_signer *s, int rc, const char *what, struct error *err)
{
    return error_set(err, ERROR_SYSTEM, "%s: %s: %s", s->name, what, gnutls_strerror(rc));
}

/* --- from a file ------------------------------------------------------------------------------ */

static ssize_t read_all(int fd, unsigned char *data, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, data + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static int import_pem(struct audit_signer *s, unsigned char *text, size_t len, struct error *err)
{
    const gnutls_datum_t pem = { text, (unsigned)len };
    int rc = gnutls_privkey_init(&s->key);
    if (rc == 0)
        rc = gnutls_privkey_import_x509_raw(s->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    return rc < 0 ? key_error(s, rc, "it is no private key (PEM, without a password)", err) : 0;
}

static int load_file(struct audit_signer *s, const char *path, struct error *err)
{
    struct stat st;
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "%s: it is not a regular file", path);
    if (st.st_mode & (S_IROTH | S_IWOTH))
        return error_set(err, ERROR_INVALID,
                         "%s: everybody may read or write it, and could seal: chmod o= it", path);
    unsigned char *text = mem_alloc(KEY_FILE_MAX);
    ssize_t len = read_all(fd, text, KEY_FILE_MAX);
    int rc = 0;
    if (len < 0)
        rc = error_set_errno(err, "cannot read %s", path);
    else if (len == KEY_FILE_MAX)
        rc = error_set(err, ERROR_INVALID, "%s: too long for a private key", path);
    else
        rc = import_pem(s, text, (size_t)len, err);
    secret_free(text, KEY_FILE_MAX);
    return rc;
}

/* --- from a token ----------------------------------------------------------------------------- */

static int open_token(struct audit_signer *s, struct error *err)
{
    int rc = gnutls_privkey_init(&s->key);
    if (rc == 0)
        rc = gnutls_privkey_import_url(s->key, s->uri, 0);
    if (rc == 0)
        return 0;
    if (s->key)
        gnutls_privkey_deinit(s->key);
    s->key = NULL;
    return key_error(s, rc, "the key cannot be got at", err);
}

/* --- the public half -------------------------------------------------------------------------- */

static int load_public_file(struct audit_signer *s, const char *path, struct error *err)
{
    CLEANUP_SEAL_KEYS struct seal_keys keys = { 0 };
    int rc = seal_keys_load(&keys, path, err);
    if (rc < 0)
        return rc;
    if (keys.n != 1)
        return error_set(err, ERROR_INVALID, "%s: there is more than one key in it", path);
    s->public = keys.at[0];
    return 0;
}

static int ask_public(struct audit_signer *s, struct error *err)
{
    gnutls_pubkey_t public;
    int rc = gnutls_pubkey_init(&public);
    if (rc < 0)
        return key_error(s, rc, "its public half", err);
    rc = gnutls_pubkey_import_privkey(public, s->key, 0, 0);
    if (rc < 0 && s->uri)
        rc = error_set(err, ERROR_INVALID,
                       "%s: the token does not tell the key's public half (%s): give it by "
                       "seal_public",
                       s->name, gnutls_strerror(rc));
    else if (rc < 0)
        rc = key_error(s, rc, "its public half", err);
    else if ((rc = seal_public_from_gnutls(public, &s->public, err)) < 0)
        error_prefix(err, "%s", s->name);
    gnutls_pubkey_deinit(public);
    return rc;
}

static int check_kind(struct audit_signer *s, struct error *err)
{
    int kind = gnutls_privkey_get_pk_algorithm(s->key, NULL);
    if (kind == GNUTLS_PK_EDDSA_ED25519)
        return 0;
    const char *name = kind >= 0 ? gnutls_pk_get_name((gnutls_pk_algorithm_t)kind) : NULL;
    return error_set(err, ERROR_INVALID, "%s: seals are made with an Ed25519 key, and this is %s",
                     s->name, name ? name : "something else");
}

/* --- all of it -------------------------------------------------------------------------------- */

/* Does the key sign, and do the halves belong together? */
static int try_out(struct audit_signer *s, struct error *err)
{
    struct seal trial = { .reason = SEAL_REQUEST };
    int rc = audit_signer_sign(s, &trial, err);
    if (rc == 0 && !seal_check(&trial, &s->public))
        rc = error_set(err, ERROR_INVALID, "%s: it does not belong to the public key given",
                       s->name);
    return rc;
}

static int load(struct audit_signer *s, const char *key, const char *public_file, struct error *err)
{
    int rc = s->uri ? open_token(s, err) : load_file(s, key, err);
    if (rc == 0)
        rc = check_kind(s, err);
    if (rc == 0)
        rc = public_file ? load_public_file(s, public_file, err) : ask_public(s, err);
    return rc < 0 ? rc : try_out(s, err);
}

int audit_signer_load(const char *key, const char *public_file, struct audit_signer **out,
                      struct error *err)
{
    struct audit_signer *s = MEM_NEW(struct audit_signer);
    bool uri = strncmp(key, "pkcs11:", 7) == 0;
    atomic_store(&s->refs, 1);
    pthread_mutex_init(&s->mutex, NULL);
    /* the query part of a URI may hold the PIN (RFC 7512) */
    s->name = mem_strndup(key, uri ? strcspn(key, "?") : strlen(key));
    s->uri = uri ? mem_strdup(key) : NULL;
    int rc = load(s, key, public_file, err);
    if (rc < 0) {
        audit_signer_unref(s);
        return rc;
    }
    *out = s;
    return 0;
}

static int sign_text(struct audit_signer *s, const struct buf *text, struct seal *seal,
                     struct error *err)
{
    const gnutls_datum_t data = { (unsigned char *)buf_data(text), (unsigned)buf_len(text) };
    gnutls_datum_t signature = { 0 };
    if (!s->key && open_token(s, err) < 0)
        return ERROR_SYSTEM;
    int rc = gnutls_privkey_sign_data2(s->key, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &signature);
    if (rc < 0) {
        if (s->uri) { /* what was opened is of no use any more */
            gnutls_privkey_deinit(s->key);
            s->key = NULL;
        }
        return key_error(s, rc, "it does not sign", err);
    }
    bool fits = signature.size == SEAL_SIGNATURE_BYTES;
    if (fits)
        memcpy(seal->signature, signature.data, SEAL_SIGNATURE_BYTES);
    gnutls_free(signature.data);
    return fits ? 0 : error_set(err, ERROR_SYSTEM, "%s: its signature is no Ed25519's", s->name);
}

int audit_signer_sign(struct audit_signer *s, struct seal *seal, struct error *err)
{
    CLEANUP_BUF struct buf text = { 0 };
    memcpy(seal->key, s->public.id, sizeof(seal->key));
    seal_write_signed(seal, &text);
    pthread_mutex_lock(&s->mutex);
    int rc = sign_text(s, &text, seal, err);
    pthread_mutex_unlock(&s->mutex);
    return rc;
}
