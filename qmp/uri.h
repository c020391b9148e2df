/* Where a VM or a gateway is, as one word.
 *   qmps://HOST[:PORT][/VM]  a gateway over TLS; HOST is a name, an IPv4 address or [IPv6]
 *   unix:PATH                a QEMU's QMP socket, or a gateway's local listener
 *   unix:PATH?vm=NAME        a VM behind a gateway's local listener
 * Any byte may be written as %XX; `%`, `?`, `#` and control bytes in a PATH or a VM must be. */
#ifndef QMP_URI_H
#define QMP_URI_H

#include "base/error.h"
#include "base/util.h"

#define URI_DEFAULT_PORT 4434u
#define URI_VM_MAX       255u /* bytes of a VM's name; the longest file name */
#define URI_HOST_MAX     255u /* bytes; the longest DNS name, or an address with its zone */

enum uri_kind { URI_TLS, URI_UNIX };

struct uri {
    enum uri_kind kind;
    char *host;    /* URI_TLS: a name or an address without brackets; owned */
    unsigned port; /* URI_TLS */
    char *path;    /* URI_UNIX; owned */
    char *vm;      /* name or UUID; NULL where none was given; owned */
};

/* Empties *out first. On failure *out is empty, and the text says what a good one looks like. */
int uri_parse(const char *text, struct uri *out, struct error *err) MUST_CHECK;
void uri_clear(struct uri *u);

/* A VM's name alone, with %XX undone: what stands in each of them. *out is owned. */
int uri_parse_vm(struct span text, char **out, struct error *err) MUST_CHECK;

#define CLEANUP_URI CLEANUP(uri_clear)

#endif
