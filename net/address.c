#include "config.h"
#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

/* --- as text ---------------------------------------------------------------------------------- */

/* An IPv4-mapped IPv6 address is the IPv4 address that it stands for, everywhere. */
static bool as_ipv4(const struct sockaddr_storage *a, struct in_addr *out)
{
    if (a->ss_family == AF_INET) {
        *out = ((const struct sockaddr_in *)a)->sin_addr;
        return true;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
    if (a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
        memcpy(out, in6->sin6_addr.s6_addr + 12, 4);
        return true;
    }
    return false;
}

const char *address_format_host(const struct sockaddr_storage *a, char text[ADDRESS_TEXT_MAX])
{
    struct in_addr in;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;

    if (as_ipv4(a, &in)) {
        inet_ntop(AF_INET, &in, text, ADDRESS_TEXT_MAX);
    } else if (a->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &in6->sin6_addr, text, ADDRESS_TEXT_MAX);
        size_t used = strlen(text);
        if (in6->sin6_scope_id)
            snprintf(text + used, ADDRESS_TEXT_MAX - used, "%%%u", in6->sin6_scope_id);
    } else {
        snprintf(text, ADDRESS_TEXT_MAX, "%s", a->ss_family == AF_UNIX ? "unix" : "unknown");
    }
    return text;
}

const char *address_format_site(const struct sockaddr_storage *a, char text[ADDRESS_TEXT_MAX])
{
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
    struct in_addr in;
    if (a->ss_family != AF_INET6 || as_ipv4(a, &in) || IN6_IS_ADDR_LOOPBACK(in6) ||
        IN6_IS_ADDR_LINKLOCAL(in6))
        return address_format_host(a, text);
    struct in6_addr net = *in6;
    memset(&net.s6_addr[8], 0, 8);
    inet_ntop(AF_INET6, &net, text, ADDRESS_TEXT_MAX);
    size_t used = strlen(text);
    snprintf(text + used, ADDRESS_TEXT_MAX - used, "/64");
    return text;
}

const char *address_format(const struct sockaddr_storage *a, char text[ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];
    address_format_host(a, host);
    if (a->ss_family != AF_INET && a->ss_family != AF_INET6) {
        memcpy(text, host, sizeof(host));
        return text;
    }
    /* the port lies at the same place in both kinds */
    unsigned port = ntohs(((const struct sockaddr_in *)a)->sin_port);
    bool brackets = strchr(host, ':') != NULL;
    snprintf(text, ADDRESS_TEXT_MAX, "%s%.100s%s:%u", brackets ? "[" : "", host,
             brackets ? "]" : "", port);
    return text;
}

/* --- from text -------------------------------------------------------------------------------- */

static bool parse_ipv6(const char *host, struct sockaddr_in6 *out)
{
    char literal[INET6_ADDRSTRLEN];
    size_t len = strcspn(host, "%");
    if (len >= sizeof(literal))
        return false;
    memcpy(literal, host, len);
    literal[len] = '\0';
    if (inet_pton(AF_INET6, literal, &out->sin6_addr) != 1)
        return false;
    if (host[len] == '%') {
        out->sin6_scope_id = if_nametoindex(host + len + 1);
        if (out->sin6_scope_id == 0)
            return false;
    }
    out->sin6_family = AF_INET6;
    return true;
}

static bool parse_ip(const char *host, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    struct sockaddr_in *in = (struct sockaddr_in *)out;
    if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        return true;
    }
    return parse_ipv6(host, (struct sockaddr_in6 *)out);
}

int address_parse(const char *host, unsigned port, struct sockaddr_storage *out, socklen_t *len,
                  struct error *err)
{
    if (!host || !parse_ip(host, out))
        return error_set(err, ERROR_INVALID, "'%.64s' is not an IPv4 or IPv6 address",
                         host ? host : "");
    if (port > 65535)
        return error_set(err, ERROR_INVALID, "%u is not a TCP port", port);
    ((struct sockaddr_in *)out)->sin_port = htons((uint16_t)port);
    *len = out->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    return 0;
}

bool address_is_loopback(const struct sockaddr_storage *a)
{
    struct in_addr in;
    if (as_ipv4(a, &in))
        return ntohl(in.s_addr) >> 24 == IN_LOOPBACKNET;
    return a->ss_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

/* --- ranges ----------------------------------------------------------------------------------- */

/* The bytes that a prefix counts over, and how many bits they have. */
static const unsigned char *address_bits(const struct sockaddr_storage *a, struct in_addr *in,
                                         unsigned *bits)
{
    if (as_ipv4(a, in)) {
        *bits = 32;
        return (const unsigned char *)in;
    }
    *bits = 128;
    return ((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr;
}

static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned prefix)
{
    unsigned whole = prefix / 8, rest = prefix % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool parse_prefix(const char *text, unsigned max, unsigned *out)
{
    unsigned value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] != '\0')
        return false;
    for (const char *p = text; *p; p++)
        value = value * 10 + (unsigned)(*p - '0');
    *out = value;
    return value <= max;
}

/* No bit may be set behind the prefix: whoever writes 10.0.0.1/8 means something else than 10/8. */
static bool nothing_behind(const unsigned char *bytes, unsigned prefix, unsigned bits)
{
    for (unsigned i = prefix; i < bits; i++) {
        if (bytes[i / 8] & 0x80u >> i % 8)
            return false;
    }
    return true;
}

int address_range_parse(const char *text, struct address_range *out, struct error *err)
{
    char host[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, "/");
    if (len < sizeof(host)) {
        memcpy(host, text, len);
        host[len] = '\0';
    }
    if (len >= sizeof(host) || strchr(host, '%') || !parse_ip(host, &out->net))
        return error_set(err, ERROR_INVALID,
                         "'%.64s' is not an address range such as 192.0.2.0/24 or 2001:db8::/32",
                         text);

    struct in_addr in;
    unsigned bits, max = out->net.ss_family == AF_INET ? 32 : 128;
    const unsigned char *bytes = address_bits(&out->net, &in, &bits);
    out->prefix = max;
    if (text[len] == '/' && !parse_prefix(text + len + 1, max, &out->prefix))
        return error_set(err, ERROR_INVALID, "'%.64s': the prefix is a number of bits, at most %u",
                         text, max);
    /* ::ffff:192.0.2.0/120 is 192.0.2.0/24; a shorter one would reach beyond IPv4 */
    if (max != bits && out->prefix < max - bits)
        return error_set(err, ERROR_INVALID, "'%.64s': write the IPv4 range itself", text);
    out->prefix -= max - bits;
    if (!nothing_behind(bytes, out->prefix, bits))
        return error_set(err, ERROR_INVALID, "'%.64s' has bits set behind its prefix", text);
    return 0;
}

bool address_range_contains(const struct address_range *r, const struct sockaddr_storage *a)
{
    struct in_addr net_in, in;
    unsigned net_bits, bits;
    if (a->ss_family != AF_INET && a->ss_family != AF_INET6)
        return false;
    const unsigned char *net = address_bits(&r->net, &net_in, &net_bits);
    const unsigned char *bytes = address_bits(a, &in, &bits);
    return net_bits == bits && same_prefix(net, bytes, r->prefix);
}
