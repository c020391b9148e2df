#include "config.h"
#include "tests/unit/unit.h"
#include "tests/unit/sasl_db.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/mem.h"

#define SASLPASSWD "/usr/sbin/saslpasswd2"

static char directory[64];
static char path[96];
struct sasl_settings sasl_db_settings = {
    .service = "qmpgate", .hostname = "gw.example.com", .realm = REALM, .db = path
};
const char *exchange_password = "secret";

bool sasl_db_make(void)
{
    snprintf(directory, sizeof(directory), "/tmp/qmpgate-sasl-XXXXXX");
    if (access(SASLPASSWD, X_OK) < 0)
        return false;
    if (!mkdtemp(directory))
        abort();
    snprintf(path, sizeof(path), "%s/sasldb2", directory);
    return true;
}

void sasl_db_remove(void)
{
    unlink(path);
    rmdir(directory);
}

const char *sasl_db_path(void)
{
    return path;
}

static void run(const char *option, const char *user, const char *realm, const char *password)
{
    CLEANUP_FREE char *command =
        mem_printf("%s -p %s -f '%s' -u '%s' '%s' 2>&1", SASLPASSWD, option, path, realm, user);
    FILE *p = popen(command, "w");
    if (!p || fputs(password, p) < 0 || pclose(p) != 0) {
        fprintf(stderr, "failed: %s\n", command);
        abort();
    }
}

void sasl_db_add(const char *user, const char *realm, const char *password)
{
    run("-c", user, realm, password);
}

void sasl_db_disable(const char *user, const char *realm)
{
    run("-d", user, realm, "");
}

/* --- exchanges -------------------------------------------------------------------------------- */

static char *give_password(void *opaque)
{
    return mem_strdup(exchange_password);
}

static void fill_in(struct exchange *x)
{
    static const char *const scram[] = { "SCRAM-SHA-256" };
    if (!x->server.sasl)
        x->server.sasl = &sasl_db_settings;
    if (!x->server.mechanisms) {
        x->server.mechanisms = scram;
        x->server.n_mechanisms = 1;
    }
    if (!x->server.ssf)
        x->server.ssf = 256;
    x->client.service = "qmpgate";
    if (!x->client.hostname)
        x->client.hostname = "gw.example.com";
    if (!x->client.user)
        x->client.user = "alice";
    else if (!*x->client.user)
        x->client.user = NULL;
    if (!x->client.password)
        x->client.password = give_password;
}

static void run_steps(struct exchange *x, struct sasl_caller *c, struct sasl_said *said)
{
    struct sasl_answer answer;
    x->status = sasl_login_start(x->login, (struct span){ x->mechanism, strlen(x->mechanism) },
                                 said->has_data ? &said->data : NULL, &answer);
    x->steps = 1;
    while (x->status == SASL_LOGIN_MORE) {
        x->client_rc = sasl_caller_step(c, answer.data, said, &x->err);
        if (x->client_rc < 0)
            return;
        x->status = sasl_login_step(x->login, said->has_data ? &said->data : NULL, &answer);
        x->steps++;
    }
    if (x->status == SASL_LOGIN_DONE)
        x->client_rc = sasl_caller_finish(c, answer.has_data ? &answer.data : NULL, &x->err);
    else
        assert_false(answer.has_data);
}

void exchange_run(struct exchange *x)
{
    struct sasl_caller *c = NULL;
    struct sasl_said said = { 0 };
    const char *offered[8];
    size_t n = 0;
    fill_in(x);
    if (sasl_login_new(&x->server, &x->login, &x->err) < 0)
        fail_msg("%s", x->err.text);
    const char *m;
    for (size_t i = 0; (m = sasl_login_mechanism(x->login, i)) != NULL; i++) {
        if (!x->struck_out || strcmp(m, x->struck_out) != 0)
            offered[n++] = m;
    }
    assert_int_equal(sasl_caller_new(&x->client, &c, &x->err), 0);
    x->status = SASL_LOGIN_FAILED;
    x->client_rc = sasl_caller_start(c, offered, n, &x->mechanism, &said, &x->err);
    if (x->client_rc == 0)
        run_steps(x, c, &said);
    sasl_caller_free(c);
}
