#include "config.h"
#include "audit/seal.h"

#include "audit/line.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/mem.h"
#include "base/secret.h"

#define SIGNED_HEAD "qmpgate audit seal\n"
#define OBJECT_HEAD "{\"v\":1"

static const char *const reason_names[SEAL_N_REASONS] = {
    [SEAL_RECORDS] = "records", [SEAL_SECONDS] = "seconds", [SEAL_ROTATED] = "rotated",
    [SEAL_EXIT] = "exit",       [SEAL_START] = "start",     [SEAL_KEY] = "key",
    [SEAL_REQUEST] = "request",
};

const char *seal_reason_name(enum seal_reason reason)
{
    return reason_names[reason];
}

/* --- written ---------------------------------------------------------------------------------- */

static void write_hash(struct buf *out, const unsigned char hash[AUDIT_HASH_BYTES])
{
    audit_hash_format(hash, buf_reserve(out, AUDIT_HASH_TEXT));
    buf_commit(out, AUDIT_HASH_TEXT);
}

static void write_base64(struct buf *out, const unsigned char *data, size_t len)
{
    base64_encode(data, len, buf_reserve(out, BASE64_LEN(len)));
    buf_commit(out, BASE64_LEN(len));
}

/* All members but the signature. */
static void write_members(const struct seal *s, struct buf *out)
{
    BUF_ADD_LIT(out, ",\"time\":\"");
    clock_format_utc(s->utc_us, buf_reserve(out, CLOCK_UTC_TEXT));
    buf_commit(out, CLOCK_UTC_TEXT - 1);
    BUF_ADD_LIT(out, "\",\"type\":\"seal\",\"segment\":");
    buf_add_uint(out, s->segment);
    BUF_ADD_LIT(out, ",\"reason\":\"");
    buf_add_str(out, reason_names[s->reason]);
    BUF_ADD_LIT(out, "\",\"through\":");
    buf_add_uint(out, s->through);
    BUF_ADD_LIT(out, ",\"digest\":\"");
    write_hash(out, s->digest);
    BUF_ADD_LIT(out, "\",\"every\":");
    buf_add_uint(out, s->every);
    BUF_ADD_LIT(out, ",\"within\":");
    buf_add_uint(out, s->within);
    BUF_ADD_LIT(out, ",\"key\":\"");
    write_hash(out, s->key);
    if (s->reason == SEAL_KEY) {
        BUF_ADD_LIT(out, "\",\"next-key\":\"");
        write_base64(out, s->next_key, sizeof(s->next_key));
    }
    buf_add_char(out, '"');
}

void seal_write_signed(const struct seal *s, struct buf *out)
{
    BUF_ADD_LIT(out, SIGNED_HEAD OBJECT_HEAD);
    write_members(s, out);
    buf_add_char(out, '}');
}

void seal_write_body(const struct seal *s, struct buf *out)
{
    write_members(s, out);
    BUF_ADD_LIT(out, ",\"signature\":\"");
    write_base64(out, s->signature, sizeof(s->signature));
    buf_add_char(out, '"');
}

void seal_write_exported(const struct seal *s, struct buf *out)
{
    BUF_ADD_LIT(out, OBJECT_HEAD);
    seal_write_body(s, out);
    BUF_ADD_LIT(out, "}\n");
}

/* --- read ------------------------------------------------------------------------------------- */

struct cursor {
    const char *p, *end;
};

static bool take_text(struct cursor *c, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(c->end - c->p) < len || memcmp(c->p, text, len) != 0)
        return false;
    c->p += len;
    return true;
}

static bool take_number(struct cursor *c, const char *name, uint64_t *out)
{
    if (!take_text(c, name))
        return false;
    const char *start = c->p;
    return decimal_take(&c->p, c->end, out) && (*start != '0' || c->p == start + 1);
}

/* A string's `len` bytes, and its closing quote. */
static const char *take_fixed(struct cursor *c, const char *name, size_t len)
{
    if (!take_text(c, name) || (size_t)(c->end - c->p) < len + 1 || c->p[len] != '"')
        return NULL;
    const char *start = c->p;
    c->p += len + 1;
    return start;
}

static bool take_hash(struct cursor *c, const char *name, unsigned char hash[AUDIT_HASH_BYTES])
{
    const char *text = take_fixed(c, name, AUDIT_HASH_TEXT);
    return text && audit_hash_parse((struct span){ text, AUDIT_HASH_TEXT }, hash);
}

static bool take_base64(struct cursor *c, const char *name, unsigned char *data, size_t len)
{
    const char *text = take_fixed(c, name, BASE64_LEN(len));
    unsigned char *decoded;
    size_t decoded_len;
    if (!text || base64_decode(text, BASE64_LEN(len), len, &decoded, &decoded_len, NULL) < 0)
        return false;
    bool fits = decoded_len == len;
    if (fits)
        memcpy(data, decoded, len);
    secret_free(decoded, decoded_len);
    return fits;
}

static bool take_time(struct cursor *c, int64_t *utc_us)
{
    const char *text = take_fixed(c, ",\"time\":\"", CLOCK_UTC_TEXT - 1);
    return text && clock_parse_utc(text, CLOCK_UTC_TEXT - 1, utc_us);
}

static bool take_reason(struct cursor *c, enum seal_reason *out)
{
    if (!take_text(c, ",\"reason\":\""))
        return false;
    for (unsigned i = 0; i < SEAL_N_REASONS; i++) {
        if (take_text(c, reason_names[i])) {
            *out = (enum seal_reason)i;
            return take_text(c, "\"");
        }
    }
    return false;
}

static bool parse_body(struct span body, struct seal *s)
{
    struct cursor c = { body.data, body.data + body.len };
    *s = (struct seal){ 0 };
    return take_time(&c, &s->utc_us) &&
           take_number(&c, ",\"type\":\"seal\",\"segment\":", &s->segment) &&
           take_reason(&c, &s->reason) && take_number(&c, ",\"through\":", &s->through) &&
           take_hash(&c, ",\"digest\":\"", s->digest) &&
           take_number(&c, ",\"every\":", &s->every) &&
           take_number(&c, ",\"within\":", &s->within) && take_hash(&c, ",\"key\":\"", s->key) &&
           (s->reason != SEAL_KEY ||
            take_base64(&c, ",\"next-key\":\"", s->next_key, sizeof(s->next_key))) &&
           take_base64(&c, ",\"signature\":\"", s->signature, sizeof(s->signature)) && c.p == c.end;
}

bool seal_parse_line(struct span line, struct seal *out)
{
    struct line_ends ends;
    if (!line_parse_ends(line, &ends))
        return false;
    const char *body = line.data + sizeof(AUDIT_LINE_START) - 1;
    while (*body != ',')
        body++;
    return parse_body((struct span){ body, (size_t)(line.data + ends.hashed - body) }, out);
}

bool seal_parse_exported(struct span text, struct seal *out)
{
    const size_t head = sizeof(OBJECT_HEAD) - 1;
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    if (text.len <= head || text.len > SEAL_TEXT_MAX || memcmp(text.data, OBJECT_HEAD, head) != 0 ||
        text.data[text.len - 1] != '}')
        return false;
    return parse_body((struct span){ text.data + head, text.len - head - 1 }, out);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* SEQUENCE { SEQUENCE { OID 1.3.101.112 } BIT STRING } with nothing left open: RFC 8410, section 4.
 */
static const unsigned char ed25519_head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                              0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };

bool seal_public_from_der(const unsigned char *der, size_t len, struct seal_public *out)
{
    if (len != SEAL_PUBLIC_BYTES || memcmp(der, ed25519_head, sizeof(ed25519_head)) != 0)
        return false;
    memcpy(out->der, der, len);
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, der, len, out->id) == 0;
}

int seal_public_from_gnutls(gnutls_pubkey_t key, struct seal_public *out, struct error *err)
{
    gnutls_datum_t der;
    int rc = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der);
    if (rc < 0)
        return error_set(err, ERROR_INVALID, "the public key cannot be read: %s",
                         gnutls_strerror(rc));
    bool good = seal_public_from_der(der.data, der.size, out);
    gnutls_free(der.data);
    return good ? 0 : error_set(err, ERROR_INVALID, "it is no Ed25519 key, and seals need one");
}

bool seal_check(const struct seal *s, const struct seal_public *key)
{
    CLEANUP_BUF struct buf text = { 0 };
    gnutls_pubkey_t public;
    if (memcmp(s->key, key->id, sizeof(s->key)) != 0 || gnutls_pubkey_init(&public) < 0)
        return false;
    seal_write_signed(s, &text);
    const gnutls_datum_t der = { (unsigned char *)key->der, sizeof(key->der) };
    const gnutls_datum_t data = { (unsigned char *)buf_data(&text), (unsigned)buf_len(&text) };
    const gnutls_datum_t signature = { (unsigned char *)s->signature, sizeof(s->signature) };
    int rc = gnutls_pubkey_import(public, &der, GNUTLS_X509_FMT_DER);
    if (rc >= 0)
        rc = gnutls_pubkey_verify_data2(public, GNUTLS_SIGN_EDDSA_ED25519, 0, &data, &signature);
    gnutls_pubkey_deinit(public);
    return rc >= 0;
}
