/* The PROXY protocol, version 2: who really connects, said by a load balancer that we trust to say
 * it. Source: HAProxy, doc/proxy-protocol.txt, section 2.2. */
#ifndef NET_PROXY_PROTOCOL_H
#define NET_PROXY_PROTOCOL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include "base/error.h"

enum proxy_protocol_status { PROXY_PROTOCOL_MORE, PROXY_PROTOCOL_DONE, PROXY_PROTOCOL_BAD };

#define PROXY_PROTOCOL_MAX 536 /* bytes with all TLVs that we take (the text's recommendation) */

/* Looks at data[0..len) without consuming. DONE: *consumed is the header's length, *peer the
 * source address, or family AF_UNSPEC for LOCAL (the balancer's own health check). */
enum proxy_protocol_status proxy_protocol_parse(const unsigned char *data, size_t len,
                                                size_t *consumed, struct sockaddr_storage *peer,
                                                struct error *err);

/* Could data[0..len) be the start of a PROXY header, version 1 or 2? (To refuse one where none may
 * come: TLS begins otherwise.) */
bool proxy_protocol_detect(const unsigned char *data, size_t len);

#endif
