/* Addresses as text, CIDR ranges, and listening sockets. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "base/error.h"

#define ADDRESS_TEXT_MAX 128 /* "[...ipv6...%scope]:65535", or "unix" */

/* "192.0.2.1:4434", "[2001:db8::1]:4434", "unix". IPv4-mapped IPv6 is written as IPv4. */
const char *address_format(const struct sockaddr_storage *a, char text[ADDRESS_TEXT_MAX]);
/* Without the port. */
const char *address_format_host(const struct sockaddr_storage *a, char text[ADDRESS_TEXT_MAX]);
/* What limits and back-off count by: the host, or of a global IPv6 address its network of 64 bits,
 * "2001:db8::/64", in which whoever has one has all the others. */
const char *address_format_site(const struct sockaddr_storage *a, char text[ADDRESS_TEXT_MAX]);

struct address_range {
    struct sockaddr_storage net;
    unsigned prefix; /* bits */
};
/* "192.0.2.0/24", "2001:db8::/32", or one address. */
int address_range_parse(const char *text, struct address_range *out, struct error *err) MUST_CHECK;
/* IPv4 and IPv4-mapped IPv6 are the same. */
bool address_range_contains(const struct address_range *r, const struct sockaddr_storage *a);

/* Numeric IPv4 or IPv6 only: no name look-up. */
int address_parse(const char *host, unsigned port, struct sockaddr_storage *out, socklen_t *len,
                  struct error *err) MUST_CHECK;
bool address_is_loopback(const struct sockaddr_storage *a);

/* Listening sockets: non-blocking, close-on-exec, the descriptor or a negative code. An IPv6 socket
 * takes IPv6 only, so that "0.0.0.0" and "::" can be given side by side. */
int listen_tcp(const char *host, unsigned port, struct error *err) MUST_CHECK;

struct listen_unix_settings {
    const char
        *path; /* a stale socket of nobody is replaced, a live one is an error, another file too */
    mode_t mode; /* set before anyone can connect */
    uid_t owner; /* (uid_t)-1: leave */
    gid_t group;
};
int listen_unix(const struct listen_unix_settings *settings, struct error *err) MUST_CHECK;

/* Starts connecting; the descriptor (writable when connected, SO_ERROR says how it went). */
int connect_unix(const char *path, struct error *err) MUST_CHECK;
int connect_tcp(const struct sockaddr_storage *a, socklen_t len, struct error *err) MUST_CHECK;
/* How it went, once the descriptor is writable. ERROR_PEER: the system's words. */
int connect_result(int fd, struct error *err) MUST_CHECK;

/* Peer credentials of a UNIX socket. */
struct peer_credentials {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
int peer_credentials_get(int fd, struct peer_credentials *out, struct error *err) MUST_CHECK;

#endif
