/* A way to a QMP server: bytes over TLS or a UNIX socket, blocking up to a deadline.
 * Together with cli/session.h this is the seam where a library can take over. */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include <signal.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "qmp/uri.h"
#include "net/connect.h"

struct transport_settings {
    const struct uri *uri;
    const char *cert;        /* PEM; NULL: without a client certificate */
    const char *key;         /* PEM or pkcs11: */
    const char *ca;          /* PEM; needed for URI_TLS */
    const char *server_name; /* asked for and verified in place of the URI's host; may be NULL */
};

struct transport;

/* Connects to the first address that answers, shakes hands, and verifies the server. */
int transport_open(const struct transport_settings *settings, int64_t deadline,
                   struct transport **out, struct error *err) MUST_CHECK;
void transport_free(struct transport *t);

/* Reads the certificates and the key, and nothing else: what is wrong with them shows early. */
int transport_check(const struct transport_settings *settings, struct error *err) MUST_CHECK;

/* Sends all of it. */
int transport_send(struct transport *t, const void *data, size_t len, int64_t deadline,
                   struct error *err) MUST_CHECK;

/* Appends what comes. 1: bytes came; 0: none by the deadline; negative: ERROR_PEER when the stream
 * has ended or broke, ERROR_STATE when a signal was caught (see transport_watch_signals). */
int transport_receive(struct transport *t, struct buf *in, int64_t deadline,
                      struct error *err) MUST_CHECK;

/* From now on the signals of the set, which are blocked otherwise, may interrupt a wait. */
void transport_watch_signals(struct transport *t, const sigset_t *wait_mask);

/* To be polled together with other descriptors: what is to be read, and read already. */
struct stream *transport_stream(struct transport *t);

#endif
