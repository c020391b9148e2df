#include "config.h"
#include "acl/match.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>

static bool is(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

/* --- glob ------------------------------------------------------------------------------------- */

/* One sign of a pattern that is no run: its length there, 0 if it does not match the byte. */
static size_t match_one(struct span pattern, size_t p, char c)
{
    if (pattern.data[p] == '\\' && p + 1 < pattern.len)
        return pattern.data[p + 1] == c ? 2 : 0;
    if (pattern.data[p] == '?')
        return c != '/' ? 1 : 0;
    return pattern.data[p] == c ? 1 : 0;
}

/* A run to go back to: the pattern behind it, and where in the text it ends so far. */
struct run {
    size_t pattern, text;
    bool open;
};

/* The next place where what is behind a `**` may match. Where a `*` behind it tried all it could
 * take, up to a '/' or the end, a beginning before the next '/' would have it try nothing new: what
 * stands between the two has as many '/' wherever it begins. So each is passed over once. */
static bool lengthen(struct run *wide, bool tried, struct span text)
{
    const char *slash = text.data + wide->text;
    if (tried)
        slash = memchr(slash, '/', text.len - wide->text);
    if (slash)
        wide->text = (size_t)(slash - text.data) + 1;
    return slash != NULL;
}

bool acl_match_glob(struct span pattern, struct span text)
{
    size_t p = 0, t = 0;
    struct run narrow = { 0 }, wide = { 0 }; /* the last `*` and the last `**` */
    if (text.len > 0 && memchr(text.data, '\0', text.len))
        return false;
    for (;;) {
        if (p < pattern.len && pattern.data[p] == '*') {
            bool is_wide = p + 1 < pattern.len && pattern.data[p + 1] == '*';
            while (p < pattern.len && pattern.data[p] == '*')
                p++;
            *(is_wide ? &wide : &narrow) = (struct run){ p, t, true };
            if (is_wide)
                narrow.open = false; /* what the wide one can take is all that counts from here */
            continue;
        }
        if (t == text.len && p == pattern.len)
            return true;
        size_t n = t < text.len && p < pattern.len ? match_one(pattern, p, text.data[t]) : 0;
        if (n > 0) {
            p += n;
            t++;
        } else if (narrow.open && narrow.text < text.len && text.data[narrow.text] != '/') {
            p = narrow.pattern;
            t = ++narrow.text;
        } else if (wide.open && wide.text < text.len && lengthen(&wide, narrow.open, text)) {
            p = wide.pattern;
            t = wide.text;
            narrow.open = false;
        } else {
            return false;
        }
    }
}

/* --- paths ------------------------------------------------------------------------------------ */

/* The next part that is not empty and not "."; false at the end. */
static bool next_part(struct span *rest, struct span *part)
{
    do {
        while (rest->len > 0 && rest->data[0] == '/') {
            rest->data++;
            rest->len--;
        }
        const char *slash = rest->len > 0 ? memchr(rest->data, '/', rest->len) : NULL;
        *part = (struct span){ rest->data, slash ? (size_t)(slash - rest->data) : rest->len };
        rest->data += part->len;
        rest->len -= part->len;
    } while (is(*part, "."));
    return part->len > 0;
}

static bool has_control(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.data[i] < ' ' || s.data[i] == 0x7f)
            return true;
    }
    return false;
}

bool acl_is_directory(struct span path)
{
    if (path.len == 0 || path.len >= PATH_MAX || path.data[0] != '/' || has_control(path))
        return false;
    struct span part;
    while (next_part(&path, &part)) {
        if (is(part, ".."))
            return false;
    }
    return true;
}

/* QEMU takes a path that begins so for a descriptor that was passed to it. */
static bool is_descriptor(struct span path)
{
    struct span first, second;
    return next_part(&path, &first) && next_part(&path, &second) && is(first, "dev") &&
           is(second, "fdset");
}

bool acl_match_under(struct span directory, struct span path)
{
    struct span above, part;
    if (!acl_is_directory(directory) || !acl_is_directory(path) || is_descriptor(path))
        return false;
    while (next_part(&directory, &above)) {
        if (!next_part(&path, &part) || part.len != above.len ||
            memcmp(part.data, above.data, part.len) != 0)
            return false;
    }
    return next_part(&path, &part);
}

/* --- addresses -------------------------------------------------------------------------------- */

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_scheme_sign(char c, size_t i)
{
    return is_alpha(c) || (i > 0 && (is_digit(c) || c == '+' || c == '.' || c == '-'));
}

/* How long a scheme the text begins with is. */
static size_t scheme_len(struct span uri)
{
    size_t n = 0;
    while (n < uri.len && is_scheme_sign(uri.data[n], n))
        n++;
    return n;
}

bool acl_is_scheme(struct span text)
{
    return text.len > 0 && scheme_len(text) == text.len;
}

#define NAME_MAX_BYTES 255u /* of DNS */

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alpha(s.data[i]) && !is_digit(s.data[i]) && s.data[i] != '.' && s.data[i] != '-' &&
            s.data[i] != '_')
            return false;
    }
    return s.len > 0 && s.len <= NAME_MAX_BYTES && s.data[0] != '-';
}

uint8_t acl_address_bytes(struct span host, uint8_t out[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* IPv4 in IPv6's clothes */
    char text[INET6_ADDRSTRLEN];
    if (host.len == 0 || host.len >= sizeof(text) || memchr(host.data, '\0', host.len))
        return 0;
    memcpy(text, host.data, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, out) == 1)
        return 4;
    if (inet_pton(AF_INET6, text, out) != 1)
        return 0;
    return memcmp(out, mapped, sizeof(mapped)) == 0 ? 0 : 16;
}

bool acl_is_host(struct span host)
{
    uint8_t bytes[16];
    return is_name(host) || acl_address_bytes(host, bytes) == 16;
}

int32_t acl_port_number(struct span text)
{
    int32_t n = 0;
    if (text.len == 0 || text.len > 5)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]))
            return -1;
        n = n * 10 + (text.data[i] - '0');
    }
    return n <= 65535 ? n : -1;
}

static struct span from(struct span s, size_t n)
{
    return (struct span){ s.data + n, s.len - n };
}

/* HOST or [V6] at the beginning; what is behind it goes to *rest. */
static bool take_host(struct span s, struct span *host, struct span *rest)
{
    if (s.len > 0 && s.data[0] == '[') {
        const char *end = memchr(s.data, ']', s.len);
        uint8_t bytes[16];
        if (!end)
            return false;
        *host = (struct span){ s.data + 1, (size_t)(end - s.data) - 1 };
        *rest = from(s, host->len + 2);
        return acl_address_bytes(*host, bytes) == 16;
    }
    size_t n = 0;
    while (n < s.len && s.data[n] != ':' && s.data[n] != '/')
        n++;
    *host = (struct span){ s.data, n };
    *rest = from(s, n);
    return is_name(*host);
}

/* HOST[:PORT], with a path behind it or nothing. */
static bool take_address(struct span s, bool path, struct acl_address *out)
{
    struct span rest;
    out->port = -1;
    if (!take_host(s, &out->host, &rest))
        return false;
    if (rest.len > 0 && rest.data[0] == ':') {
        size_t n = 1;
        while (n < rest.len && rest.data[n] != '/')
            n++;
        out->port = acl_port_number((struct span){ rest.data + 1, n - 1 });
        if (out->port < 0)
            return false;
        rest = from(rest, n);
    }
    return rest.len == 0 || (path && rest.data[0] == '/');
}

/* Behind these stands an address, and nothing is run. */
static const struct network_scheme {
    const char *name;
    enum { URL, PLAIN, BOTH } form; /* SCHEME://HOST..., SCHEME:HOST:PORT */
} network_schemes[] = {
    { "ftp", URL },  { "ftps", URL },   { "gluster", URL }, { "gluster+tcp", URL },
    { "http", URL }, { "https", URL },  { "iscsi", URL },   { "nbd", BOTH },
    { "nfs", URL },  { "rdma", PLAIN }, { "ssh", URL },     { "tcp", PLAIN },
};

static const struct network_scheme *find_network_scheme(struct span scheme)
{
    for (size_t i = 0; i < ARRAY_SIZE(network_schemes); i++) {
        if (is(scheme, network_schemes[i].name))
            return &network_schemes[i];
    }
    return NULL;
}

/* To QEMU, "tcp:unix:PATH" is a socket of the host, and "tcp:fd:N" a descriptor of its own. */
static bool is_other_transport(struct span host)
{
    return is(host, "unix") || is(host, "fd") || is(host, "vsock") || is(host, "tcp");
}

static bool take_plain(struct span rest, struct acl_address *out)
{
    return take_address(rest, false, out) && !is_other_transport(out->host);
}

static bool begins_url(struct span rest)
{
    return rest.len >= 2 && memcmp(rest.data, "//", 2) == 0;
}

/* SCHEME:REST; with a network's scheme the rest is of a form that this one has. */
static bool take_scheme(struct span uri, struct span *scheme, struct span *rest,
                        const struct network_scheme **network)
{
    size_t n = scheme_len(uri);
    if (n == 0 || n == uri.len || uri.data[n] != ':' || memchr(uri.data, '\0', uri.len) ||
        memchr(uri.data, ';', uri.len))
        return false;
    *scheme = (struct span){ uri.data, n };
    *rest = from(uri, n + 1);
    *network = find_network_scheme(*scheme);
    return !*network || (*network)->form == BOTH || ((*network)->form == URL) == begins_url(*rest);
}

bool acl_uri_scheme(struct span uri, struct span *scheme)
{
    struct span rest;
    const struct network_scheme *network;
    struct acl_address address;
    return take_scheme(uri, scheme, &rest, &network) &&
           (!network || begins_url(rest) || take_plain(rest, &address));
}

bool acl_uri_address(struct span uri, struct acl_address *out)
{
    struct span scheme, rest;
    const struct network_scheme *network;
    if (!take_scheme(uri, &scheme, &rest, &network) || !network)
        return false;
    return begins_url(rest) ? take_address(from(rest, 2), true, out) : take_plain(rest, out);
}
