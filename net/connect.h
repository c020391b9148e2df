/* Connecting to where a name, an address or a path says, with waiting up to a deadline: for
 * programs that have no loop. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"
#include "base/error.h"
#include "net/stream.h"

/* The poll events for what a stream call asked for; 0 if it asked for nothing. */
short stream_wanted_events(enum stream_status status);

/* 1: ready; 0: the deadline passed; negative: failed or interrupted. `wait_mask`: NULL, or the mask
 * of signals while it waits, and then one that comes ends it. */
int wait_for_fd(int fd, short events, int64_t deadline, const sigset_t *wait_mask,
                struct error *err) MUST_CHECK;

/* The descriptor of a connected socket, to the first address of the name that answers, or to the
 * path. Each address gets its share of the time. */
int connect_host_wait(const char *host, unsigned port, int64_t deadline,
                      struct error *err) MUST_CHECK;
int connect_unix_wait(const char *path, int64_t deadline, struct error *err) MUST_CHECK;

struct connect_tls_settings {
    const char *host; /* a name or an address without brackets */
    unsigned port;
    const char *cert;        /* PEM; NULL: without a client certificate */
    const char *key;         /* PEM or pkcs11: */
    const char *ca;          /* PEM; never NULL */
    const char *server_name; /* asked for and verified in place of the host; may be NULL */
};

/* Reads the certificates and the key, and nothing else: what is wrong with them shows early. The
 * code of an error is ERROR_STATE: files of this side, nobody else is at fault. */
int connect_tls_check(const struct connect_tls_settings *settings, struct error *err) MUST_CHECK;
/* Connects, shakes hands, and verifies the server. *reached: somebody answered at all. */
int connect_tls_wait(const struct connect_tls_settings *settings, int64_t deadline,
                     struct stream **out, bool *reached, struct error *err) MUST_CHECK;

#endif
