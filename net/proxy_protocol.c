#include "config.h"
#include "net/proxy_protocol.h"

#include <string.h>

static const unsigned char signature_v2[12] = { '\r', '\n', '\r', '\n', '\0', '\r',
                                                '\n', 'Q',  'U',  'I',  'T',  '\n' };
static const unsigned char signature_v1[6] = { 'P', 'R', 'O', 'X', 'Y', ' ' };

#define HEADER_BYTES 16 /* signature, version and command, family and transport, length */

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };       /* with the version in the high half */
enum { FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21 };           /* with the transport in the low half */
enum { ADDRESS_BYTES_TCP4 = 12, ADDRESS_BYTES_TCP6 = 36 }; /* two addresses, two ports */

/* Is what is there, however little, the beginning of the signature? */
static bool begins(const unsigned char *data, size_t len, const unsigned char *signature,
                   size_t size)
{
    return memcmp(data, signature, len < size ? len : size) == 0;
}

bool proxy_protocol_detect(const unsigned char *data, size_t len)
{
    return len > 0 && (begins(data, len, signature_v2, sizeof(signature_v2)) ||
                       begins(data, len, signature_v1, sizeof(signature_v1)));
}

static enum proxy_protocol_status bad(struct error *err, const char *why)
{
    error_set(err, ERROR_PEER, "PROXY protocol: %s", why);
    return PROXY_PROTOCOL_BAD;
}

static size_t get_u16(const unsigned char *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* TLVs say nothing that we need, but they must fill the rest of the header exactly. */
static bool tlvs_are_whole(const unsigned char *p, size_t len)
{
    while (len > 0) {
        if (len < 3)
            return false;
        size_t size = 3 + get_u16(p + 1);
        if (size > len)
            return false;
        p += size;
        len -= size;
    }
    return true;
}

static size_t take_address(unsigned family, const unsigned char *p, struct sockaddr_storage *peer)
{
    memset(peer, 0, sizeof(*peer));
    if (family == FAMILY_TCP4) {
        struct sockaddr_in *in = (struct sockaddr_in *)peer;
        in->sin_family = AF_INET;
        memcpy(&in->sin_addr, p, 4);
        memcpy(&in->sin_port, p + 8, 2);
        return ADDRESS_BYTES_TCP4;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)peer;
    in6->sin6_family = AF_INET6;
    memcpy(&in6->sin6_addr, p, 16);
    memcpy(&in6->sin6_port, p + 32, 2);
    return ADDRESS_BYTES_TCP6;
}

enum proxy_protocol_status proxy_protocol_parse(const unsigned char *data, size_t len,
                                                size_t *consumed, struct sockaddr_storage *peer,
                                                struct error *err)
{
    if (len == 0)
        return PROXY_PROTOCOL_MORE;
    if (begins(data, len, signature_v1, sizeof(signature_v1)))
        return bad(err, "a header of version 1; only version 2 is taken");
    if (!begins(data, len, signature_v2, sizeof(signature_v2)))
        return bad(err, "the connection does not begin with a header");
    if (len >= 13 && data[12] != COMMAND_LOCAL && data[12] != COMMAND_PROXY)
        return bad(err, "unknown version or command");
    if (len < HEADER_BYTES)
        return PROXY_PROTOCOL_MORE;

    unsigned command = data[12], family = data[13];
    size_t size = get_u16(data + 14);
    if (HEADER_BYTES + size > PROXY_PROTOCOL_MAX)
        return bad(err, "the header is too long");
    if (command == COMMAND_PROXY) {
        if (family != FAMILY_TCP4 && family != FAMILY_TCP6)
            return bad(err, "the client's address is neither TCP over IPv4 nor over IPv6");
        if (size < (family == FAMILY_TCP4 ? ADDRESS_BYTES_TCP4 : ADDRESS_BYTES_TCP6))
            return bad(err, "the header is too short for its addresses");
    }
    if (len < HEADER_BYTES + size)
        return PROXY_PROTOCOL_MORE;

    const unsigned char *body = data + HEADER_BYTES;
    if (command == COMMAND_PROXY) {
        size_t used = take_address(family, body, peer);
        if (!tlvs_are_whole(body + used, size - used))
            return bad(err, "a field (TLV) reaches beyond the header");
    } else {
        /* the sender may put anything behind LOCAL; the receiver must skip it */
        memset(peer, 0, sizeof(*peer));
        peer->ss_family = AF_UNSPEC;
    }
    *consumed = HEADER_BYTES + size;
    return PROXY_PROTOCOL_DONE;
}
