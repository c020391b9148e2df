#include "config.h"
#include "audit/seal_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include "base/mem.h"

#define BLOCK "-----BEGIN "
#define LABEL "PUBLIC KEY"

const struct seal_public *seal_keys_find(const struct seal_keys *keys,
                                         const unsigned char id[AUDIT_HASH_BYTES])
{
    for (size_t i = 0; i < keys->n; i++)
        if (memcmp(keys->at[i].id, id, AUDIT_HASH_BYTES) == 0)
            return &keys->at[i];
    return NULL;
}

void seal_keys_add(struct seal_keys *keys, const struct seal_public *key)
{
    if (seal_keys_find(keys, key->id))
        return;
    void *at = keys->at;
    mem_grow(&at, &keys->cap, keys->n + 1, sizeof(*keys->at));
    keys->at = at;
    keys->at[keys->n++] = *key;
}

void seal_keys_clear(struct seal_keys *keys)
{
    free(keys->at);
    *keys = (struct seal_keys){ 0 };
}

/* --- PEM (RFC 7468) --------------------------------------------------------------------------- */

/* `block` begins with BLOCK and goes on to the text's end. */
static int add_block(struct seal_keys *keys, const char *name, struct span block, struct error *err)
{
    static const struct span begin = SPAN_LIT(BLOCK LABEL "-----");
    if (block.len < begin.len || memcmp(block.data, begin.data, begin.len) != 0)
        return error_set(
            err, ERROR_INVALID,
            "%s: seals are checked with a public key (-----BEGIN PUBLIC KEY-----), and "
            "here is something else",
            name);
    const gnutls_datum_t pem = { (unsigned char *)block.data, (unsigned)block.len };
    gnutls_datum_t der;
    int rc = gnutls_pem_base64_decode2(LABEL, &pem, &der);
    if (rc < 0)
        return error_set(err, ERROR_INVALID, "%s: a public key that is no PEM: %s", name,
                         gnutls_strerror(rc));
    struct seal_public key;
    bool good = seal_public_from_der(der.data, der.size, &key);
    gnutls_free(der.data);
    if (!good)
        return error_set(err, ERROR_INVALID, "%s: a key of another sort than Ed25519", name);
    seal_keys_add(keys, &key);
    return 0;
}

int seal_keys_add_pem(struct seal_keys *keys, const char *name, struct span text, struct error *err)
{
    const char *end = text.data + text.len;
    const char *p = text.len ? memmem(text.data, text.len, BLOCK, sizeof(BLOCK) - 1) : NULL;
    if (!p)
        return error_set(err, ERROR_INVALID, "%s: there is no public key in it (PEM)", name);
    while (p) {
        int rc = add_block(keys, name, (struct span){ p, (size_t)(end - p) }, err);
        if (rc < 0)
            return rc;
        p++;
        p = memmem(p, (size_t)(end - p), BLOCK, sizeof(BLOCK) - 1);
    }
    return 0;
}

int seal_keys_load(struct seal_keys *keys, const char *path, struct error *err)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, "%s", path);
    CLEANUP_FREE char *text = mem_alloc(SEAL_KEYS_FILE_MAX);
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, text + len, SEAL_KEYS_FILE_MAX - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(err, "%s", path);
        if (n == 0)
            break;
        len += (size_t)n;
        if (len == SEAL_KEYS_FILE_MAX)
            return error_set(err, ERROR_INVALID, "%s: too long for public keys", path);
    }
    return seal_keys_add_pem(keys, path, (struct span){ text, len }, err);
}
