/* Texts that reach the host, taken apart as narrowly as can be: what is not plainly of the form is
 * no match. */
#ifndef ACL_MATCH_H
#define ACL_MATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "base/util.h"

/* `*` stands for any run of bytes but '/', `**` for any run at all, `?` for one byte but '/', `\c`
 * for c. A text with a NUL matches nothing. Time is at most the pattern's length, times one more
 * than it has '/', times the text's length. */
bool acl_match_glob(struct span pattern, struct span text);

/* Is `path` an absolute path of a file below the directory? Both are taken apart at '/'; "." and
 * empty parts are passed over. "..", control characters, a relative path (and with it any scheme)
 * and what QEMU takes for a passed descriptor (/dev/fdset/N) are never below anything. */
bool acl_match_under(struct span directory, struct span path);
/* An absolute path without ".." and control characters, no longer than the kernel takes. */
bool acl_is_directory(struct span path);

/* A scheme by itself, as in RFC 3986. */
bool acl_is_scheme(struct span text);

/* SCHEME:REST; false if there is none. Behind a scheme of a network there is // or an address, not
 * another transport: QEMU's tcp:unix:PATH and nbd:unix:PATH are no network's. With a `;` there is
 * none either: behind it an address of D-Bus has another one, of another scheme. */
bool acl_uri_scheme(struct span uri, struct span *scheme);

/* What a URI names on the network: SCHEME:HOST[:PORT] (as QEMU's "tcp:") or
 * SCHEME://HOST[:PORT][/...], with a scheme that takes that form. False if it is of no
 * such form, has options behind it or a user in front. */
struct acl_address {
    struct span host; /* without brackets; may not be empty */
    int32_t port;     /* -1: none */
};
bool acl_uri_address(struct span uri, struct acl_address *out);
/* A host by itself, as a member of its own has it. */
bool acl_is_host(struct span host);

/* Decimal digits, at most 65535; -1 if it is anything else. */
int32_t acl_port_number(struct span text);

/* Bytes of a literal address: 4 or 16, 0 if it is none. An IPv4 address in the clothes of IPv6
 * (::ffff:10.0.0.1) is none: it would be reached by IPv4, whatever a network of IPv6 says. */
uint8_t acl_address_bytes(struct span host, uint8_t out[16]);

#endif
