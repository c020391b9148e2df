#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/tls_pair.h"

#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"

struct world world;

void world_make(void)
{
    pki_dir_make();
    world.ca =
        pki_issue(NULL, &(struct pki_request){ .dn = "CN=test CA,O=Example", .purpose = PKI_CA });
    world.other_ca =
        pki_issue(NULL, &(struct pki_request){ .dn = "CN=other CA,O=Example", .purpose = PKI_CA });
    world.server = pki_issue(&world.ca, &(struct pki_request){ .dn = "CN=gateway,O=Example",
                                                               .purpose = PKI_SERVER,
                                                               .dns = "*.vm.example.com",
                                                               .ip = "127.0.0.1" });
    world.client = pki_issue(
        &world.ca, &(struct pki_request){ .dn = "CN=alice,O=Example", .purpose = PKI_CLIENT });
    world.ca_file = pki_write_crt("ca.crt", &world.ca);
    world.other_ca_file = pki_write_crt("other-ca.crt", &world.other_ca);
    world.server_crt = pki_write_crt("server.crt", &world.server);
    world.server_key = pki_write_key("server.key", &world.server);
    world.client_crt = pki_write_crt("client.crt", &world.client);
    world.client_key = pki_write_key("client.key", &world.client);
}

void world_free(void)
{
    pki_free(&world.ca);
    pki_free(&world.other_ca);
    pki_free(&world.server);
    pki_free(&world.client);
    pki_dir_remove();
}

struct tls_context *context_of(const struct tls_settings *settings)
{
    struct tls_context *c = NULL;
    struct error err;
    if (tls_context_new(settings, &c, &err) < 0)
        fail_msg("%s", err.text);
    return c;
}

struct tls_context *server_context(const char *crl)
{
    return context_of(&(struct tls_settings){
        .cert = world.server_crt,
        .key = world.server_key,
        .cas = &(struct tls_ca_settings){ .name = "", .file = world.ca_file, .crl = crl },
        .n_cas = 1,
    });
}

struct tls_context *client_context(const struct pki *identity)
{
    return context_of(&(struct tls_settings){
        .cert = identity ? pki_write_crt("identity.crt", identity) : NULL,
        .key = identity ? pki_write_key("identity.key", identity) : NULL,
        .cas = &(struct tls_ca_settings){ .name = "", .file = world.ca_file },
        .n_cas = 1,
    });
}

struct pair pair_new(struct tls_context *server, struct tls_context *client,
                     enum tls_client_cert mode, const char *host)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    return (struct pair){
        .server = stream_new_tls_server(server, fds[0], mode, "public"),
        .client = stream_new_tls_client(client, fds[1], host, NULL),
        .server_status = STREAM_WANT_READ,
        .client_status = STREAM_WANT_READ,
    };
}

static bool step(struct stream *s, enum stream_status *status, struct error *err)
{
    if (*status != STREAM_WANT_READ && *status != STREAM_WANT_WRITE)
        return false;
    *status = stream_handshake(s, err);
    return true;
}

/* Over a socket pair each side has all that the other wrote: six turns are more than TLS has
 * flights. */
void pair_handshake(struct pair *p)
{
    for (int i = 0; i < 6; i++) {
        step(p->client, &p->client_status, &p->client_err);
        step(p->server, &p->server_status, &p->server_err);
    }
}

void pair_free(struct pair *p)
{
    stream_free(p->client);
    stream_free(p->server);
}
