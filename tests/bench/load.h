/* The load generator: many clients on one epoll loop, over TLS by OpenSSL or on plain UNIX sockets.
 * It shares no code with the gateway's own TLS, so a second implementation is exercised. */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

#define DEPTH_MAX 256

enum load_mode { MODE_COMMANDS, MODE_HANDSHAKES, MODE_IDLE };

struct load_options {
    enum load_mode mode;
    /* where: a UNIX socket a VM, DIR/vmN.qmp; or TLS with the server name vmN<suffix> */
    const char *unix_directory;
    const char *host;
    long port;
    const char *sni_suffix;
    const char *ca, *cert, *key;
    const char *ciphersuites, *groups;
    /* what */
    long clients;
    long vms;
    long depth;     /* commands that a client has under way */
    long id_digits; /* 0: no ids */
    const char *command;
    double warmup_seconds;
    double seconds;
    long handshakes_at_once;
};

/* Exits 0 after --help and 2 after bad usage. */
void load_options_parse(int argc, char **argv, struct load_options *out);

/* --- results ---------------------------------------------------------------------------------- */

#define HISTOGRAM_STEP_NS 100u     /* resolution */
#define HISTOGRAM_STEPS   2000000u /* up to 0.2 s; longer ones count as that */

struct load_results {
    uint64_t done; /* commands or handshakes in the measured time */
    uint64_t errors;
    uint32_t *histogram;
    char tls[128]; /* what was negotiated: "TLSv1.3 TLS_AES_256_GCM_SHA384 x25519" */
};

/* --- a client --------------------------------------------------------------------------------- */

enum client_state {
    CLIENT_FREE,       /* not connected */
    CLIENT_CONNECTING, /* TCP */
    CLIENT_HANDSHAKE,
    CLIENT_PROOF, /* handshakes: until the server has said anything after the handshake */
    CLIENT_GREETING,
    CLIENT_NEGOTIATE,
    CLIENT_READY,
};

struct load;

struct client {
    struct load *load;
    int fd;
    SSL *ssl; /* NULL on a UNIX socket */
    enum client_state state;
    unsigned vm;
    bool wants_write; /* epoll is asked for EPOLLOUT */
    struct buf in, out;
    uint64_t sent, answered;   /* commands */
    uint64_t began[DEPTH_MAX]; /* ns, by number modulo */
};

struct load {
    struct load_options options;
    struct load_results results;
    SSL_CTX *tls;
    int epoll;
    struct client *clients;
    long n_connecting, n_ready;
    long next_to_start;
    bool measuring;
    uint64_t number; /* of the last command: its id */
};

uint64_t now_ns(void);

/* client.c: each may end the process with a message if the peer misbehaves: a benchmark has no use
 * for half a result. */
void client_start(struct client *c);
/* Sends its first commands; from then on each answer is followed by the next command. */
void client_begin(struct client *c);
void client_ready(struct client *c, uint32_t events);
void client_stop(struct client *c);

/* transport.c */
SSL_CTX *transport_new_tls(const struct load_options *o);
int transport_connect(const struct load *l, unsigned vm);
void transport_new_ssl(struct client *c);
/* > 0 bytes; 0 the end; -1 not now. */
long transport_read(struct client *c, void *data, size_t len);
long transport_write(struct client *c, const void *data, size_t len);
void transport_describe(struct client *c, char *out, size_t size);

_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
