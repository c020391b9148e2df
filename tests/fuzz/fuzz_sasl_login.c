/* A client that says anything, in any order, to a login by SASL over a sasldb: it never gets in
 * without having done what the mechanism asks, and never breaks anything.
 *
 * The input is a sequence of calls: a byte that says which (start or step, the mechanism, data or
 * none), two bytes of length, the data. Nobody here knows alice's password: whoever comes in as her
 * has found a hole. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "auth/sasl.h"
#include "base/mem.h"

static const char *const offered[] = { "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "EXTERNAL" };
static const char *const named[] = {
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "EXTERNAL", "GSSAPI", "ANONYMOUS", "plain\0", ""
};
static const unsigned char binding[SASL_LOGIN_BINDING] = "the bytes of this TLS session";

enum { IS_STEP = 0x01, HAS_DATA = 0x02, MECHANISM_SHIFT = 2, MECHANISM_MASK = 0x07 };

static char directory[] = "/tmp/qmpgate-fuzz-sasl-XXXXXX";
static char db[sizeof(directory) + 16];
static struct sasl_settings settings = {
    .service = "qmpgate", .hostname = "gw.example.com", .realm = "example.com", .db = db
};
static struct identity *external;

static void tidy_up(void)
{
    unlink(db);
    rmdir(directory);
    identity_unref(external);
    sasl_process_stop();
}

/* Without saslpasswd2 there is nobody in it: all but a right password is the same. */
static void make_db(void)
{
    CLEANUP_FREE char *command = mem_printf(
        "echo -n 'nobody knows this' | /usr/sbin/saslpasswd2 -p -c -f %s -u example.com alice "
        ">/dev/null 2>&1",
        db);
    if (system(command) != 0)
        fprintf(stderr, "fuzz_sasl_login: without saslpasswd2: with no account\n");
}

static void set_up(void)
{
    struct error err;
    if (external)
        return;
    FUZZ_ASSERT(mkdtemp(directory));
    snprintf(db, sizeof(db), "%s/sasldb2", directory);
    make_db();
    FUZZ_ASSERT(sasl_process_start(&settings, &err) == 0);
    FUZZ_ASSERT(identity_from_name("x509:CN=operator,O=Example", &external, &err) == 0);
    atexit(tidy_up);
}

static struct sasl_login *new_login(void)
{
    struct error err;
    struct sasl_login *l = NULL;
    struct sasl_login_settings s = { .sasl = &settings,
                                     .mechanisms = offered,
                                     .n_mechanisms = ARRAY_SIZE(offered),
                                     .over = SASL_OVER_TLS,
                                     .ssf = 256,
                                     .binding = binding,
                                     .external = external };
    FUZZ_ASSERT(sasl_login_new(&s, &l, &err) == 0);
    return l;
}

/* What must hold whatever was said. */
static void check(const struct sasl_login *l, enum sasl_login_status status,
                  const struct sasl_answer *answer)
{
    const struct identity *who = sasl_login_identity(l);
    FUZZ_ASSERT((status == SASL_LOGIN_DONE) == (who != NULL));
    FUZZ_ASSERT(status != SASL_LOGIN_FAILED || (!answer->has_data && sasl_login_why(l)[0]));
    FUZZ_ASSERT(status == SASL_LOGIN_DONE || !sasl_login_authzid(l));
    FUZZ_ASSERT(sasl_login_is_judged(l));
    for (const char *p = sasl_login_why(l); *p; p++)
        FUZZ_ASSERT((unsigned char)*p >= 0x20);
    if (who) { /* only the certificate is any good here */
        FUZZ_ASSERT(strcmp(sasl_login_started(l), "EXTERNAL") == 0);
        FUZZ_ASSERT(strcmp(who->name, external->name) == 0);
    }
}

static enum sasl_login_status call(struct sasl_login *l, unsigned what, const struct span *data)
{
    struct sasl_answer answer;
    enum sasl_login_status status;
    if (what & IS_STEP) {
        status = sasl_login_step(l, data, &answer);
    } else {
        const char *name = named[what >> MECHANISM_SHIFT & MECHANISM_MASK];
        status = sasl_login_start(l, (struct span){ name, strlen(name) }, data, &answer);
    }
    check(l, status, &answer);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { HEAD = 3 };
    set_up();
    struct sasl_login *l = new_login();
    bool over = false;
    while (size >= HEAD) {
        unsigned what = data[0];
        size_t len = (size_t)data[1] << 8 | data[2];
        data += HEAD;
        size -= HEAD;
        if (len > size)
            len = size;
        /* of its exact size, so that a sanitizer sees the first byte past it */
        char *exact = mem_dup(data, len);
        struct span span = { exact, len };
        enum sasl_login_status status = call(l, what, what & HAS_DATA ? &span : NULL);
        free(exact);
        FUZZ_ASSERT(!over || status == SASL_LOGIN_FAILED); /* there is no way back */
        over = status != SASL_LOGIN_MORE;
        data += len;
        size -= len;
    }
    sasl_login_free(l);
    return 0;
}
