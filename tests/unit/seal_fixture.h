/* Keys and signatures for tests of seals. */
#ifndef TESTS_UNIT_SEAL_FIXTURE_H
#define TESTS_UNIT_SEAL_FIXTURE_H

#include "tests/unit/unit.h"

#include <gnutls/abstract.h>
#include "audit/seal.h"

struct seal_pair {
    gnutls_privkey_t secret;
    struct seal_public public;
};

static inline gnutls_pubkey_t public_of(gnutls_privkey_t secret)
{
    gnutls_pubkey_t key;
    assert_int_equal(gnutls_pubkey_init(&key), 0);
    assert_int_equal(gnutls_pubkey_import_privkey(key, secret, 0, 0), 0);
    return key;
}

static inline struct seal_pair make_pair(void)
{
    struct seal_pair pair;
    struct error err;
    assert_int_equal(gnutls_privkey_init(&pair.secret), 0);
    assert_int_equal(gnutls_privkey_generate(pair.secret, GNUTLS_PK_EDDSA_ED25519, 0, 0), 0);
    gnutls_pubkey_t key = public_of(pair.secret);
    assert_int_equal(seal_public_from_gnutls(key, &pair.public, &err), 0);
    gnutls_pubkey_deinit(key);
    return pair;
}

static inline void free_pair(struct seal_pair *pair)
{
    gnutls_privkey_deinit(pair->secret);
}

/* Sets key and signature. */
static inline void sign_seal(struct seal *s, const struct seal_pair *pair)
{
    CLEANUP_BUF struct buf text = { 0 };
    gnutls_datum_t signature;
    memcpy(s->key, pair->public.id, sizeof(s->key));
    seal_write_signed(s, &text);
    const gnutls_datum_t data = { (unsigned char *)buf_data(&text), (unsigned)buf_len(&text) };
    assert_int_equal(
        gnutls_privkey_sign_data2(pair->secret, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &signature),
        0);
    assert_int_equal(signature.size, SEAL_SIGNATURE_BYTES);
    memcpy(s->signature, signature.data, SEAL_SIGNATURE_BYTES);
    gnutls_free(signature.data);
}

#endif
