/* Logs in by SASL, both halves in one process, and says what came of it: for tests against real
 * daemons, and for measuring. One line a login on standard output:
 *     done MECHANISM IDENTITY [as AUTHZID]  |  failed MECHANISM STEPS MICROSECONDS: why
 * MICROSECONDS is the server's time. The password comes from the environment: SASL_PASSWORD. */
#include "config.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "auth/sasl.h"
#include "auth/sasl_client.h"
#include "base/mem.h"

#define OFFER_MAX 8

struct drive {
    struct sasl_settings sasl;
    struct sasl_login_settings server;
    struct sasl_caller_settings client;
    const char *offer[OFFER_MAX];
    const char *external;
    unsigned long times;
};

struct result {
    enum sasl_login_status status;
    const char *mechanism;
    unsigned steps;
    uint64_t ns; /* of the server */
    int client_rc;
    struct error err;
};

static const unsigned char binding[SASL_LOGIN_BINDING] = "one and the same TLS session";

/* Not ours: libsasl2's Kerberos client loses its credentials (17 KB a login; the server does not),
 * and MIT Kerberos 200 bytes where the keytab lacks the service's key. To tell them apart
 * LeakSanitizer needs whole stacks (fast_unwind_on_malloc=0). */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:sasl_client_start\nleak:krb5_build_principal\n";
}

static void die(const char *what)
{
    fprintf(stderr, "sasl_drive: %s\n", what);
    exit(2);
}

static char *password(void *opaque)
{
    return mem_strdup(getenv("SASL_PASSWORD"));
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void exchange(struct sasl_login *l, struct sasl_caller *c, struct result *r)
{
    const char *offered[OFFER_MAX];
    struct sasl_said said;
    struct sasl_answer answer = { 0 };
    size_t n = 0;
    while ((offered[n] = sasl_login_mechanism(l, n)) != NULL)
        n++;
    r->client_rc = sasl_caller_start(c, offered, n, &r->mechanism, &said, &r->err);
    for (bool first = true; r->client_rc == 0 && (first || r->status == SASL_LOGIN_MORE);
         first = false) {
        const struct span *data = said.has_data ? &said.data : NULL;
        uint64_t from = now_ns();
        r->status = first ? sasl_login_start(l, (struct span){ r->mechanism, strlen(r->mechanism) },
                                             data, &answer)
                          : sasl_login_step(l, data, &answer);
        r->ns += now_ns() - from;
        r->steps++;
        if (r->status == SASL_LOGIN_MORE)
            r->client_rc = sasl_caller_step(c, answer.data, &said, &r->err);
    }
    if (r->client_rc == 0 && r->status == SASL_LOGIN_DONE)
        r->client_rc = sasl_caller_finish(c, answer.has_data ? &answer.data : NULL, &r->err);
}

static bool log_in(const struct drive *d)
{
    struct sasl_login *l = NULL;
    struct sasl_caller *c = NULL;
    struct result r = { .status = SASL_LOGIN_FAILED, .mechanism = "-" };
    if (sasl_login_new(&d->server, &l, &r.err) < 0 || sasl_caller_new(&d->client, &c, &r.err) < 0)
        die(r.err.text);
    exchange(l, c, &r);
    bool good = r.status == SASL_LOGIN_DONE && r.client_rc == 0;
    if (good) {
        const char *authzid = sasl_login_authzid(l);
        printf("done %s %s%s%s\n", r.mechanism, sasl_login_identity(l)->name, authzid ? " as " : "",
               authzid ? authzid : "");
    } else {
        printf("failed %s %u %llu: %s\n", r.mechanism, r.steps, (unsigned long long)r.ns / 1000,
               r.client_rc < 0 ? r.err.text : sasl_login_why(l));
    }
    sasl_caller_free(c);
    sasl_login_free(l);
    return good;
}

static void split_offer(struct drive *d, char *list)
{
    char *rest = NULL;
    for (char *m = strtok_r(list, ",", &rest); m; m = strtok_r(NULL, ",", &rest)) {
        if (d->server.n_mechanisms == OFFER_MAX)
            die("too many mechanisms");
        d->offer[d->server.n_mechanisms++] = m;
    }
}

enum { OPTION_PWCHECK = 256, OPTION_OFFER, OPTION_TIMES, OPTION_BIND, OPTION_PEER };

static void read_options(struct drive *d, int argc, char **argv)
{
    const struct {
        struct option option;
        const char **text; /* NULL: see the switch */
    } table[] = {
        { { "service", 1, NULL, 0 }, &d->sasl.service },
        { { "hostname", 1, NULL, 0 }, &d->sasl.hostname },
        { { "realm", 1, NULL, 0 }, &d->sasl.realm },
        { { "db", 1, NULL, 0 }, &d->sasl.db },
        { { "saslauthd", 1, NULL, 0 }, &d->sasl.saslauthd },
        { { "keytab", 1, NULL, 0 }, &d->sasl.keytab },
        { { "user", 1, NULL, 0 }, &d->client.user },
        { { "authzid", 1, NULL, 0 }, &d->client.authzid },
        { { "mechanism", 1, NULL, 0 }, &d->client.mechanism },
        { { "client-hostname", 1, NULL, 0 }, &d->client.hostname },
        { { "external", 1, NULL, 0 }, &d->external },
        { { "pwcheck", 1, NULL, OPTION_PWCHECK }, NULL },
        { { "offer", 1, NULL, OPTION_OFFER }, NULL },
        { { "times", 1, NULL, OPTION_TIMES }, NULL },
        { { "bind", 0, NULL, OPTION_BIND }, NULL },
        { { "unverified", 0, NULL, OPTION_PEER }, NULL },
    };
    struct option options[ARRAY_SIZE(table) + 1] = { 0 };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        options[i] = table[i].option;
    int c, index = 0;
    while ((c = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (c == '?')
            exit(2);
        else if (c == 0)
            *table[index].text = optarg;
        else if (c == OPTION_PWCHECK)
            d->sasl.pwcheck =
                strcmp(optarg, "saslauthd") == 0 ? SASL_PWCHECK_SASLAUTHD : SASL_PWCHECK_SASLDB;
        else if (c == OPTION_OFFER)
            split_offer(d, optarg);
        else if (c == OPTION_TIMES)
            d->times = strtoul(optarg, NULL, 10);
        else if (c == OPTION_BIND)
            d->server.binding = d->client.binding = binding;
        else if (c == OPTION_PEER)
            d->client.peer = SASL_PEER_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    struct drive d = {
        .sasl = { .service = "qmpgate", .hostname = "gw.example.com", .realm = "example.com" },
        .server = { .over = SASL_OVER_TLS, .ssf = 256 },
        .client = { .service = "qmpgate",
                    .hostname = "gw.example.com",
                    .peer = SASL_PEER_VERIFIED,
                    .password = password },
        .times = 1,
    };
    struct error err;
    read_options(&d, argc, argv);
    d.server.sasl = &d.sasl;
    d.server.mechanisms = d.offer;
    d.client.external = d.external;
    if ((d.external && identity_from_sasl(d.external, &d.server.external, &err) < 0) ||
        sasl_process_start(&d.sasl, &err) < 0 ||
        sasl_settings_check(&d.sasl, d.offer, d.server.n_mechanisms, &err) < 0 ||
        sasl_caller_process_start(&err) < 0)
        die(err.text);
    bool good = true;
    for (unsigned long i = 0; i < d.times; i++)
        good = log_in(&d) && good;
    identity_unref(d.server.external);
    sasl_process_stop();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
