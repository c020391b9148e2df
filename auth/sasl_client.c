#include "config.h"
#include "auth/sasl_client.h"

#include <stdlib.h>
#include <string.h>
#include "auth/sasl_internal.h"
#include "base/mem.h"
#include "base/secret.h"

#define SSF_OF_SAFE_PEER 256u /* bits, as libsasl2 counts what lies under it */

/* --- the process ------------------------------------------------------------------------------ */

static int on_log(void *context, int level, const char *message)
{
    return SASL_OK; /* what goes wrong is in the error that the caller gets */
}

typedef int callback_fn(void);
#define CALLBACK(f) ((callback_fn *)(void (*)(void))(f))

int sasl_caller_process_start(struct error *err)
{
    static const sasl_callback_t callbacks[] = {
        { SASL_CB_LOG, CALLBACK(on_log), NULL },
        { SASL_CB_VERIFYFILE, CALLBACK(sasl_choose_plugin), NULL },
        { SASL_CB_LIST_END, NULL, NULL },
    };
    sasl_prepare_library();
    int rc = sasl_client_init(callbacks);
    return rc == SASL_OK ? 0
                         : error_set(err, ERROR_SYSTEM, "libsasl2 does not start: %s",
                                     sasl_errstring(rc, NULL, NULL));
}

/* --- the table of mechanisms ------------------------------------------------------------------ */

struct mechanism {
    const char *name;
    bool binds, needs_user, needs_external, needs_safe_peer;
};

/* The strongest first. */
static const struct mechanism mechanisms[] = {
    { .name = "GSSAPI" },
    { .name = "SCRAM-SHA-256-PLUS", .binds = true, .needs_user = true },
    { .name = "SCRAM-SHA-256", .needs_user = true },
    { .name = "EXTERNAL", .needs_external = true },
    { .name = "PLAIN", .needs_user = true, .needs_safe_peer = true },
};

struct sasl_caller {
    char *service, *hostname, *user, *authzid, *wanted; /* owned */
    enum sasl_peer peer;
    bool has_binding, external;
    bool tells_of_binding; /* in the mechanism that is tried */
    sasl_password_fn *password;
    void *opaque;
    sasl_secret_t *secret; /* owned, wiped */
    size_t secret_size;
    unsigned char binding_bytes[SASL_CALLER_BINDING];
    sasl_channel_binding_t binding;
    sasl_callback_t callbacks[5];
    sasl_conn_t *conn; /* owned; of the mechanism that is tried */
    const struct mechanism *started;
    bool complete; /* our side of it is */
};

/* Why a mechanism cannot be used; NULL: it can. */
static const char *obstacle(const struct sasl_caller *c, const struct mechanism *m)
{
    if (c->wanted && strcmp(c->wanted, m->name) != 0)
        return "another one was asked for";
    if (m->binds && !c->has_binding)
        return "this connection has nothing to bind it to";
    if (m->needs_user && !c->user)
        return "it needs a user's name";
    if (m->needs_external && !c->external)
        return "this connection tells the server nothing about us";
    if (m->needs_safe_peer && c->peer == SASL_PEER_UNKNOWN)
        return "it would give the password to a server that nobody has verified";
    return NULL;
}

/* --- callbacks -------------------------------------------------------------------------------- */

static int on_name(void *context, int id, const char **result, unsigned *len)
{
    const struct sasl_caller *c = context;
    const char *name = id == SASL_CB_USER ? c->authzid : c->user;
    *result = name ? name : "";
    if (len)
        *len = (unsigned)strlen(*result);
    return SASL_OK;
}

static void wipe_secret(struct sasl_caller *c)
{
    secret_free(c->secret, c->secret_size);
    c->secret = NULL;
}

static int on_password(sasl_conn_t *conn, void *context, int id, sasl_secret_t **out)
{
    struct sasl_caller *c = context;
    if (!c->secret) {
        char *password = c->password ? c->password(c->opaque) : NULL;
        if (!password)
            return SASL_FAIL;
        size_t len = strlen(password);
        c->secret_size = sizeof(*c->secret) + len;
        c->secret = mem_zalloc(c->secret_size);
        c->secret->len = len;
        memcpy(c->secret->data, password, len);
        secret_free(password, len);
    }
    *out = c->secret;
    return SASL_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

int sasl_caller_new(const struct sasl_caller_settings *s, struct sasl_caller **out,
                    struct error *err)
{
    struct sasl_caller *c = MEM_NEW(struct sasl_caller);
    const sasl_callback_t callbacks[] = {
        { SASL_CB_USER, CALLBACK(on_name), c },     { SASL_CB_AUTHNAME, CALLBACK(on_name), c },
        { SASL_CB_PASS, CALLBACK(on_password), c }, { SASL_CB_LOG, CALLBACK(on_log), c },
        { SASL_CB_LIST_END, NULL, NULL },
    };
    _Static_assert(sizeof(callbacks) == sizeof(c->callbacks), "room for all of them");
    memcpy(c->callbacks, callbacks, sizeof(callbacks));
    c->service = mem_strdup(s->service);
    c->hostname = mem_strdup(s->hostname);
    c->user = mem_strdup(s->user);
    c->authzid = mem_strdup(s->authzid);
    c->wanted = mem_strdup(s->mechanism);
    c->peer = s->peer;
    c->external = s->external;
    c->password = s->password;
    c->opaque = s->opaque;
    c->has_binding = s->binding;
    if (s->binding)
        memcpy(c->binding_bytes, s->binding, sizeof(c->binding_bytes));
    c->binding = (sasl_channel_binding_t){ .name = "tls-exporter",
                                           .len = sizeof(c->binding_bytes),
                                           .data = c->binding_bytes };
    *out = c;
    return 0;
}

void sasl_caller_free(struct sasl_caller *c)
{
    if (!c)
        return;
    sasl_dispose(&c->conn);
    wipe_secret(c);
    free(c->service);
    free(c->hostname);
    free(c->user);
    free(c->authzid);
    free(c->wanted);
    secret_free(c, sizeof(*c));
}

/* --- the start -------------------------------------------------------------------------------- */

static int new_connection(struct sasl_caller *c)
{
    sasl_security_properties_t props = { .max_ssf = 0, .security_flags = SASL_SEC_NOANONYMOUS };
    sasl_ssf_t ssf = c->peer == SASL_PEER_UNKNOWN ? 0 : SSF_OF_SAFE_PEER;
    sasl_dispose(&c->conn);
    int rc = sasl_client_new(c->service, c->hostname, NULL, NULL, c->callbacks, SASL_SUCCESS_DATA,
                             &c->conn);
    if (rc == SASL_OK)
        rc = sasl_setprop(c->conn, SASL_SEC_PROPS, &props);
    if (rc == SASL_OK)
        rc = sasl_setprop(c->conn, SASL_SSF_EXTERNAL, &ssf);
    if (rc == SASL_OK && c->external) /* who we are the server sees; here it only has to be set */
        rc = sasl_setprop(c->conn, SASL_AUTH_EXTERNAL, "external");
    if (rc == SASL_OK && c->tells_of_binding)
        rc = sasl_setprop(c->conn, SASL_CHANNEL_BINDING, &c->binding);
    return rc;
}

static int try_mechanism(struct sasl_caller *c, const struct mechanism *m, struct sasl_said *out,
                         struct error *err)
{
    const char *data = NULL, *chosen = NULL;
    unsigned len = 0;
    c->binding.critical = m->binds;
    int rc = new_connection(c);
    /* with one name libsasl2 takes it for our choice, and would not tell that we could bind */
    CLEANUP_FREE char *list = mem_printf("%s%s", m->name, m->binds ? "" : " AND-OTHERS");
    if (rc == SASL_OK)
        rc = sasl_client_start(c->conn, list, NULL, &data, &len, &chosen);
    if (rc != SASL_OK && rc != SASL_CONTINUE) {
        const char *detail = c->conn ? sasl_errdetail(c->conn) : NULL;
        return error_set(err, ERROR_DENIED, "%s: %s", m->name, detail ? detail : "no memory");
    }
    c->complete = rc == SASL_OK;
    c->started = m;
    *out = (struct sasl_said){ data != NULL, { data, len } };
    return 0;
}

static bool is_name_offered(const char *name, const char *const *offered, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(offered[i], name) == 0)
            return true;
    }
    return false;
}

/* What cannot even start (Kerberos without a ticket) has sent nothing: on to the next. */
int sasl_caller_start(struct sasl_caller *c, const char *const *offered, size_t n_offered,
                      const char **mechanism, struct sasl_said *out, struct error *err)
{
    struct error reason = { 0 };
    if (c->started)
        return error_set(err, ERROR_STATE, "this login was started already");
    bool plus = is_name_offered("SCRAM-SHA-256-PLUS", offered, n_offered);
    for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
        const struct mechanism *m = &mechanisms[i];
        if (!is_name_offered(m->name, offered, n_offered))
            continue;
        const char *why_not = obstacle(c, m);
        /* Where no -PLUS is offered, SCRAM tells the server that we could bind: if it did offer it,
         * and somebody between us struck that out, it will notice (RFC 5802, section 6). */
        c->tells_of_binding = c->has_binding && (m->binds || !plus);
        bool asked_for = !c->wanted || strcmp(c->wanted, m->name) == 0;
        if (why_not && !asked_for && reason.text[0])
            continue; /* what is told is why it is not the one that was asked for */
        if (why_not)
            error_set(&reason, ERROR_DENIED, "%s: %s", m->name, why_not);
        else if (try_mechanism(c, m, out, &reason) == 0) {
            *mechanism = m->name;
            return 0;
        }
    }
    if (!reason.text[0])
        return error_set(err, ERROR_DENIED, "the server offers no mechanism that is known here");
    return error_set(err, ERROR_DENIED, "no mechanism of those that the server offers will do (%s)",
                     reason.text);
}

/* --- the steps -------------------------------------------------------------------------------- */

static int step(struct sasl_caller *c, struct span data, struct sasl_said *out, struct error *err)
{
    const char *reply = NULL;
    unsigned len = 0;
    int rc = sasl_client_step(c->conn, data.data ? data.data : "", (unsigned)data.len, NULL, &reply,
                              &len);
    if (rc != SASL_OK && rc != SASL_CONTINUE) {
        const char *detail = sasl_errdetail(c->conn);
        return error_set(err, ERROR_PEER, "%s: %s", c->started->name, detail ? detail : "failed");
    }
    c->complete = rc == SASL_OK;
    *out = (struct sasl_said){ reply != NULL, { reply, len } };
    return 0;
}

int sasl_caller_step(struct sasl_caller *c, struct span data, struct sasl_said *out,
                     struct error *err)
{
    if (!c->started)
        return error_set(err, ERROR_STATE, "this login was not started");
    if (data.len > INT32_MAX)
        return error_set(err, ERROR_LIMIT, "the server says too much");
    return step(c, data, out, err);
}

int sasl_caller_finish(struct sasl_caller *c, const struct span *data, struct error *err)
{
    struct sasl_said said;
    if (!c->started)
        return error_set(err, ERROR_STATE, "this login was not started");
    if (data) {
        int rc = sasl_caller_step(c, *data, &said, err);
        if (rc < 0)
            return rc;
    }
    if (!c->complete)
        return error_set(err, ERROR_PEER,
                         "the server says that the login is complete, and has not proved itself");
    wipe_secret(c);
    return 0;
}
