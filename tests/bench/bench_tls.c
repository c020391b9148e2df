/* What a TLS connection costs the server: full mutual handshakes a second of one core, and
 * memory of an idle connection. Figures, no test.
 *     bench_tls CERTS-DIRECTORY [CONNECTIONS]      (the directory is one of
 * tls-certs-example/make-certs.sh) */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include "base/mem.h"
#include "net/tls.h"

#define CONNECTIONS_DEFAULT 1000u

struct connection {
    struct stream *client, *server;
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const struct error *err)
{
    fprintf(stderr, "bench_tls: %s\n", err->text);
    exit(1);
}

static struct tls_context *load(const char *dir, const char *who)
{
    CLEANUP_FREE char *cert = mem_printf("%s/%s.crt", dir, who);
    CLEANUP_FREE char *key = mem_printf("%s/%s.key", dir, who);
    CLEANUP_FREE char *ca = mem_printf("%s/ca.crt", dir);
    CLEANUP_FREE char *crl = mem_printf("%s/ca.crl", dir);
    struct tls_context *c;
    struct error err;
    struct tls_settings settings = {
        .cert = cert,
        .key = key,
        .cas = &(struct tls_ca_settings){ .name = "", .file = ca, .crl = crl },
        .n_cas = 1,
    };
    if (tls_context_new(&settings, &c, &err) < 0)
        die(&err);
    return c;
}

static bool step(struct stream *s, double *spent)
{
    struct error err;
    double start = cpu_seconds();
    enum stream_status status = stream_handshake(s, &err);
    *spent += cpu_seconds() - start;
    if (status == STREAM_FAILED)
        die(&err);
    return status == STREAM_OK;
}

static struct connection connect_pair(struct tls_context *server, struct tls_context *client,
                                      double *server_time, double *client_time)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) {
        perror("socketpair");
        exit(1);
    }
    struct connection c = {
        .server = stream_new_tls_server(server, fds[0], TLS_CLIENT_CERT_REQUIRED, "public"),
        .client = stream_new_tls_client(client, fds[1], "vm1.vm.example.com", NULL),
    };
    bool client_done = false, server_done = false;
    while (!client_done || !server_done) {
        client_done = client_done || step(c.client, client_time);
        server_done = server_done || step(c.server, server_time);
    }
    return c;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    struct error err;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_tls CERTS-DIRECTORY [CONNECTIONS]\n");
        return 2;
    }
    size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : CONNECTIONS_DEFAULT;
    raise_descriptor_limit();
    if (tls_init(&err) < 0)
        die(&err);
    struct tls_context *server = load(argv[1], "server"), *client = load(argv[1], "admin");
    struct connection *all = MEM_NEW_N(struct connection, n);
    double server_time = 0, client_time = 0;
    size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < n; i++)
        all[i] = connect_pair(server, client, &server_time, &client_time);
    for (size_t i = 0; i < n; i++)
        stream_free(all[i].client);
    size_t memory = mallinfo2().uordblks - before;
    printf("%s %s\n", tls_session_version(stream_tls(all[0].server)),
           tls_session_cipher(stream_tls(all[0].server)));
    printf("full mutual handshakes: server %.0f/s, client %.0f/s of one core\n",
           (double)n / server_time, (double)n / client_time);
    printf("memory of an idle server stream: %zu bytes\n", memory / n);
    for (size_t i = 0; i < n; i++)
        stream_free(all[i].server);
    free(all);
    tls_context_unref(server);
    tls_context_unref(client);
    return 0;
}
