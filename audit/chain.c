#include "config.h"
#include "audit/chain.h"

int audit_hasher_new(gnutls_hash_hd_t *out, struct error *err)
{
    int rc = gnutls_hash_init(out, GNUTLS_DIG_SHA256);
    if (rc < 0)
        return error_set(err, ERROR_SYSTEM, "SHA-256 is not available: %s", gnutls_strerror(rc));
    return 0;
}

void audit_hasher_free(gnutls_hash_hd_t *hasher)
{
    if (*hasher)
        gnutls_hash_deinit(*hasher, NULL);
    *hasher = NULL;
}

int audit_hash_two(gnutls_hash_hd_t hasher, struct span first, struct span second,
                   unsigned char digest[AUDIT_HASH_BYTES])
{
    if (gnutls_hash(hasher, first.data, first.len) < 0 ||
        gnutls_hash(hasher, second.data, second.len) < 0) {
        gnutls_hash_output(hasher, NULL); /* clean for the next one */
        return ERROR_SYSTEM;
    }
    gnutls_hash_output(hasher, digest);
    return 0;
}

void audit_hash_format(const unsigned char hash[AUDIT_HASH_BYTES], char text[AUDIT_HASH_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < AUDIT_HASH_BYTES; i++) {
        text[2 * i] = hex[hash[i] >> 4];
        text[2 * i + 1] = hex[hash[i] & 15];
    }
}

/* The digit's value and 16, or 0. A table: reading a log back parses a hash a record. */
static const unsigned char hex_values[256] = {
    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21, ['6'] = 22, ['7'] = 23,
    ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27, ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
};

bool audit_hash_parse(struct span text, unsigned char hash[AUDIT_HASH_BYTES])
{
    unsigned all = 16;
    if (text.len != AUDIT_HASH_TEXT)
        return false;
    for (size_t i = 0; i < AUDIT_HASH_BYTES; i++) {
        unsigned high = hex_values[(unsigned char)text.data[2 * i]];
        unsigned low = hex_values[(unsigned char)text.data[2 * i + 1]];
        all &= high & low;
        hash[i] = (unsigned char)(high << 4 | (low & 15));
    }
    return all != 0;
}

int audit_chain_append(struct audit_chain *chain, gnutls_hash_hd_t hasher, struct span body,
                       struct buf *out)
{
    size_t start = buf_len(out);
    BUF_ADD_LIT(out, AUDIT_LINE_START);
    buf_add_uint(out, chain->seq + 1);
    buf_add_span(out, body);

    struct span before = { (const char *)chain->hash, AUDIT_HASH_BYTES };
    struct span text = { buf_data(out) + start, buf_len(out) - start };
    unsigned char digest[AUDIT_HASH_BYTES];
    if (audit_hash_two(hasher, before, text, digest) < 0) {
        buf_truncate(out, start);
        return ERROR_SYSTEM;
    }
    BUF_ADD_LIT(out, AUDIT_LINE_HASH);
    audit_hash_format(digest, buf_reserve(out, AUDIT_HASH_TEXT));
    buf_commit(out, AUDIT_HASH_TEXT);
    BUF_ADD_LIT(out, AUDIT_LINE_END);
    chain->seq++;
    memcpy(chain->hash, digest, AUDIT_HASH_BYTES);
    return 0;
}
