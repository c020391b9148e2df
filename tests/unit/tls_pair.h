/* Two streams, a client's and a server's, over a socket pair, and a PKI of one authority for them.
 */
#ifndef TESTS_UNIT_TLS_PAIR_H
#define TESTS_UNIT_TLS_PAIR_H

#include "net/tls.h"
#include "tests/unit/pki.h"

#define HOST "vm1.vm.example.com"

/* What most tests need; made by world_make in a group's setup. */
struct world {
    struct pki ca, other_ca, server, client;
    const char *ca_file, *other_ca_file, *server_crt, *server_key, *client_crt, *client_key;
};
extern struct world world;
void world_make(void);
void world_free(void);

/* Contexts over the world's files; end the test if they cannot be made. */
struct tls_context *server_context(const char *crl);
struct tls_context *client_context(const struct pki *identity); /* NULL: without a certificate */
struct tls_context *context_of(const struct tls_settings *settings);

struct pair {
    struct stream *client, *server;
    enum stream_status client_status, server_status; /* of the handshake */
    struct error client_err, server_err;
};

/* Makes the streams; pair_handshake goes on until neither side wants more. */
struct pair pair_new(struct tls_context *server, struct tls_context *client,
                     enum tls_client_cert mode, const char *host);
void pair_handshake(struct pair *p);
void pair_free(struct pair *p);

#endif
