/* One login. libsasl2 keeps the exchange; this file says what it may do, counts, and keeps what it
 * tells us about names: its own notion of them is only what its plugins look up. */
#include "config.h"
#include "auth/sasl_internal.h"

#include <stdlib.h>
#include <string.h>
#include "auth/name_text.h"
#include "auth/sasl_name.h"
#include "auth/saslauthd.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"

#define MECHANISMS_MAX   5u
#define HOSTNAME_MAX     256
#define SSF_OF_UNIX      256u /* bits: nobody but root and the two ends sees a UNIX socket's bytes */
#define SASLAUTHD_SOCKET "/run/saslauthd/mux"
#define SSF_MIN          112u /* bits of a TLS cipher under a login; NIST SP 800-131A */

enum mechanism { SCRAM_PLUS, SCRAM, GSSAPI, EXTERNAL, PLAIN, NO_MECHANISM };

/* The strongest first. */
static const char *const mechanism_names[] = {
    [SCRAM_PLUS] = "SCRAM-SHA-256-PLUS",
    [SCRAM] = "SCRAM-SHA-256",
    [GSSAPI] = "GSSAPI",
    [EXTERNAL] = "EXTERNAL",
    [PLAIN] = "PLAIN",
};

enum phase { PHASE_NEW, PHASE_STARTED, PHASE_DONE, PHASE_FAILED };

struct sasl_login {
    enum phase phase;
    enum mechanism mechanism; /* that was started */
    enum mechanism offered[MECHANISMS_MAX];
    size_t n_offered;
    sasl_conn_t *conn; /* owned */
    sasl_callback_t callbacks[6];
    sasl_channel_binding_t binding;
    unsigned char binding_bytes[SASL_LOGIN_BINDING];
    struct sasl_settings sasl; /* its strings are owned */
    char *mechanism_list;      /* for libsasl2, owned */
    unsigned steps;
    bool has_spoken; /* the client's first message has come */
    bool (*gate)(void *opaque, const char *name);
    void *gate_opaque;
    bool unjudged; /* whoever judges passwords could not be asked */

    /* what the callbacks were told */
    char authid[SASL_NAME_SIZE]; /* canonical; "" while it is not known */
    char *authzid;               /* likewise, an identity's name; owned */
    const char *refused;         /* this login must fail, however it ends */
    char said[LOG_ESCAPE_MAX];   /* the last failure that libsasl2 logged; "" for none */

    struct identity *external;
    struct identity *identity; /* of PHASE_DONE; owned */
    char why[LOG_ESCAPE_MAX];
};

static void say_why(struct sasl_login *l, const char *text)
{
    log_escape(text, strlen(text), l->why);
}

/* --- names ------------------------------------------------------------------------------------ */

/* Whom the client wants to act for: any identity's name, for the caller to judge. */
static int take_authzid(struct sasl_login *l, const char *raw, unsigned len)
{
    static const char *const as_they_are[] = { "x509:", "unix:" };
    free(TAKE_PTR(l->authzid));
    for (size_t i = 0; i < ARRAY_SIZE(as_they_are); i++) {
        if (len <= strlen(as_they_are[i]) ||
            strncmp(raw, as_they_are[i], strlen(as_they_are[i])) != 0)
            continue;
        if (len > IDENTITY_NAME_MAX || !name_text_is_clean((const unsigned char *)raw, len))
            return SASL_BADPARAM;
        l->authzid = mem_strndup(raw, len);
        return SASL_OK;
    }
    char name[SASL_NAME_SIZE];
    struct error err;
    size_t prefix = len > 5 && strncmp(raw, "sasl:", 5) == 0 ? 5 : 0;
    if (sasl_name_canonical((struct span){ raw + prefix, len - prefix }, l->sasl.realm, name,
                            &err) < 0) {
        say_why(l, err.text);
        return SASL_BADPARAM;
    }
    l->authzid = mem_printf("sasl:%s", name);
    return SASL_OK;
}

/* libsasl2 leaves the realm away if it is krb5.conf's own. With another one it is somebody else:
 * that realm might be called as ours is, but for its case. And what Kerberos escapes in print is no
 * part of a name. */
static bool is_kerberos_name(const char *raw, unsigned len)
{
    return !memchr(raw, '@', len) && !memchr(raw, '\\', len);
}

/* Asked again with what it gave, it must give the same: PLAIN comes twice. */
static int take_authid(struct sasl_login *l, const char *raw, unsigned len)
{
    struct error err;
    if (l->mechanism == GSSAPI && !is_kerberos_name(raw, len)) {
        say_why(l, "a Kerberos principal of another realm than krb5.conf's default");
        return SASL_BADAUTH;
    }
    char name[SASL_NAME_SIZE];
    if (sasl_name_canonical((struct span){ raw, len }, l->sasl.realm, name, &err) < 0) {
        say_why(l, err.text);
        return SASL_BADPARAM;
    }
    memcpy(l->authid, name, sizeof(name));
    if (l->mechanism == PLAIN && l->sasl.pwcheck == SASL_PWCHECK_SASLAUTHD &&
        !sasl_name_survives_folding(name)) {
        say_why(l, "saslauthd might know the account by other names too: only lower case letters, "
                   "digits and '._-+' are safe there");
        return SASL_BADAUTH;
    }
    /* refused at the end, so that it looks like a wrong password */
    if (!sasl_name_is_of(name, l->sasl.realm))
        l->refused = "a name of another realm";
    return SASL_OK;
}

static int give_name(const char *name, char *out, unsigned max, unsigned *out_len)
{
    size_t len = strlen(name);
    if (len >= max)
        return SASL_BUFOVER;
    memcpy(out, name, len + 1);
    *out_len = (unsigned)len;
    return SASL_OK;
}

static int on_name(sasl_conn_t *conn, void *context, const char *in, unsigned len, unsigned flags,
                   const char *realm, char *out, unsigned max, unsigned *out_len)
{
    struct sasl_login *l = context;
    if (!(flags & SASL_CU_AUTHID)) {
        /* of no use to libsasl2, which would add a realm and cut spaces off: it gets a dummy */
        int rc = take_authzid(l, in, len);
        return rc == SASL_OK ? give_name("authzid@", out, max, out_len) : rc;
    }
    if (l->mechanism == EXTERNAL) /* the identity is at hand, and need not fit into libsasl2's */
        return give_name("external@", out, max, out_len);
    int rc = take_authid(l, in, len);
    return rc == SASL_OK ? give_name(l->authid, out, max, out_len) : rc;
}

/* Who may act for whom is the caller's to judge, by policy, for this and for gateway-act-as. */
static int on_proxy_policy(sasl_conn_t *conn, void *context, const char *user, unsigned user_len,
                           const char *authid, unsigned authid_len, const char *realm,
                           unsigned realm_len, struct propctx *props)
{
    return SASL_OK;
}

/* --- passwords ------------------------------------------------------------------------------ */

/* Of PLAIN, where saslauthd judges them. libsasl2 goes on to pwcheck_method if this says no, and
 * finds none that it knows. */
static int on_password(sasl_conn_t *conn, void *context, const char *user, const char *password,
                       unsigned len, struct propctx *props)
{
    struct sasl_login *l = context;
    struct error err;
    struct saslauthd_question question = {
        .user = { l->authid, strcspn(l->authid, "@") },
        .password = { password, len },
        .service = { l->sasl.service, strlen(l->sasl.service) },
        .realm = { l->sasl.realm, strlen(l->sasl.realm) },
    };
    if (l->refused) /* of another realm: at once, as whoever asks for it knows */
        return SASL_BADAUTH;
    if (l->gate && !l->gate(l->gate_opaque, l->authid)) {
        say_why(l, "saslauthd is not asked");
        return SASL_BADAUTH;
    }
    enum saslauthd_answer answer =
        saslauthd_ask(l->sasl.saslauthd ? l->sasl.saslauthd : SASLAUTHD_SOCKET, &question, &err);
    l->unjudged = answer == SASLAUTHD_NONE;
    if (l->unjudged) {
        log_warning("login: %s", err.text);
        say_why(l, err.text);
    } else if (answer == SASLAUTHD_NO) {
        say_why(l, "saslauthd says no");
    }
    return answer == SASLAUTHD_YES ? SASL_OK : SASL_BADAUTH;
}

/* --- the other callbacks ---------------------------------------------------------------------- */

static int on_option(void *context, const char *plugin, const char *option, const char **result,
                     unsigned *len)
{
    struct sasl_login *l = context;
    return sasl_option(&l->sasl, l->mechanism_list, option, result, len);
}

/* What goes wrong in a login is its `why`; only what the administrator must mend is a log line. */
static int on_log(void *context, int level, const char *message)
{
    struct sasl_login *l = context;
    char line[LOG_ESCAPE_MAX];
    if (message && level == SASL_LOG_FAIL)
        log_escape(message, strlen(message), l->said);
    if (message && level == SASL_LOG_ERR)
        log_warning("libsasl2: %s", log_escape(message, strlen(message), line));
    return SASL_OK;
}

typedef int callback_fn(void);
#define CALLBACK(f) ((callback_fn *)(void (*)(void))(f))

void sasl_login_has_no_user(const sasl_utils_t *utils)
{
    sasl_callback_ft fn = NULL;
    void *context = NULL;
    if (utils->getcallback(utils->conn, SASL_CB_PROXY_POLICY, &fn, &context) == SASL_OK &&
        fn == CALLBACK(on_proxy_policy))
        ((struct sasl_login *)context)->refused = "no such user, or no password for it in sasldb";
}

/* --- making one ------------------------------------------------------------------------------- */

static enum mechanism find_mechanism(struct span name)
{
    for (size_t i = 0; i < ARRAY_SIZE(mechanism_names); i++) {
        if (strlen(mechanism_names[i]) == name.len &&
            memcmp(mechanism_names[i], name.data, name.len) == 0)
            return (enum mechanism)i;
    }
    return NO_MECHANISM;
}

static bool is_offered(const struct sasl_login *l, enum mechanism m)
{
    for (size_t i = 0; i < l->n_offered; i++) {
        if (l->offered[i] == m)
            return true;
    }
    return false;
}

/* libsasl2 2.1.28 finds a name with -PLUS at the end of its list only, and without it anywhere.
 * What may be started is our question (`is_offered`), and not its. */
static void list_mechanism(struct buf *list, const struct sasl_login *l, enum mechanism m)
{
    bool scram = m == SCRAM || m == SCRAM_PLUS;
    if (scram && (is_offered(l, SCRAM) || is_offered(l, SCRAM_PLUS)))
        return; /* is there */
    buf_printf(list, "%s%s", buf_len(list) ? " " : "", mechanism_names[scram ? SCRAM : m]);
}

static int read_mechanisms(struct sasl_login *l, const struct sasl_login_settings *s,
                           struct error *err)
{
    CLEANUP_BUF struct buf list = { 0 };
    for (size_t i = 0; i < s->n_mechanisms; i++) {
        enum mechanism m =
            find_mechanism((struct span){ s->mechanisms[i], strlen(s->mechanisms[i]) });
        if (m == NO_MECHANISM || is_offered(l, m))
            return error_set(err, ERROR_INVALID, "'%.64s' is no mechanism, or offered twice",
                             s->mechanisms[i]);
        if ((m == SCRAM_PLUS && !s->binding) || (m == EXTERNAL && !s->external))
            continue;
        list_mechanism(&list, l, m);
        l->offered[l->n_offered++] = m;
    }
    l->mechanism_list = mem_strndup(buf_len(&list) ? buf_data(&list) : "", buf_len(&list));
    return 0;
}

static char *own_hostname(void)
{
    char name[HOSTNAME_MAX + 1] = { 0 };
    if (gethostname(name, HOSTNAME_MAX) < 0)
        return mem_strdup("localhost");
    for (char *p = name; *p; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    return mem_strdup(name);
}

static int copy_settings(struct sasl_login *l, const struct sasl_settings *s, struct error *err)
{
    l->sasl.service = mem_strdup(s->service);
    l->sasl.hostname = s->hostname ? mem_strdup(s->hostname) : own_hostname();
    l->sasl.realm = mem_strdup(s->realm ? s->realm : l->sasl.hostname);
    l->sasl.db = mem_strdup(s->db);
    l->sasl.saslauthd = mem_strdup(s->saslauthd);
    l->sasl.keytab = mem_strdup(s->keytab);
    l->sasl.pwcheck = s->pwcheck;
    if (!sasl_name_is_realm(l->sasl.realm))
        return error_set(err, ERROR_INVALID,
                         "the realm '%.64s' is not made of lower case letters, digits, '.', '_' "
                         "and '-'",
                         l->sasl.realm);
    return 0;
}

static void set_callbacks(struct sasl_login *l)
{
    const sasl_callback_t all[] = {
        { SASL_CB_GETOPT, CALLBACK(on_option), l },
        { SASL_CB_LOG, CALLBACK(on_log), l },
        { SASL_CB_CANON_USER, CALLBACK(on_name), l },
        { SASL_CB_PROXY_POLICY, CALLBACK(on_proxy_policy), l },
        { SASL_CB_SERVER_USERDB_CHECKPASS, CALLBACK(on_password), l },
        { SASL_CB_LIST_END, NULL, NULL },
    };
    _Static_assert(sizeof(all) == sizeof(l->callbacks), "room for all of them");
    memcpy(l->callbacks, all, sizeof(all));
    if (l->sasl.pwcheck != SASL_PWCHECK_SASLAUTHD)
        l->callbacks[ARRAY_SIZE(all) - 2] = all[ARRAY_SIZE(all) - 1];
}

static int make_connection(struct sasl_login *l, const struct sasl_login_settings *s)
{
    /* no layer of SASL's own: TLS is there already, or a UNIX socket */
    sasl_security_properties_t props = { .max_ssf = 0, .security_flags = SASL_SEC_NOANONYMOUS };
    sasl_ssf_t ssf = s->over == SASL_OVER_UNIX ? SSF_OF_UNIX : s->ssf;
    int rc = sasl_server_new(l->sasl.service, l->sasl.hostname, l->sasl.realm, NULL, NULL,
                             l->callbacks, SASL_SUCCESS_DATA, &l->conn);
    if (rc == SASL_OK)
        rc = sasl_setprop(l->conn, SASL_SEC_PROPS, &props);
    if (rc == SASL_OK)
        rc = sasl_setprop(l->conn, SASL_SSF_EXTERNAL, &ssf);
    if (rc == SASL_OK && l->external)
        rc = sasl_setprop(l->conn, SASL_AUTH_EXTERNAL, "external");
    /* with it set libsasl2 takes a client that could bind, but thinks that we cannot, for one that
     * was lied to: right only where we say that we can */
    if (rc == SASL_OK && is_offered(l, SCRAM_PLUS))
        rc = sasl_setprop(l->conn, SASL_CHANNEL_BINDING, &l->binding);
    return rc;
}

static void drop_without_plugin(struct sasl_login *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_offered; i++) {
        if (sasl_has_plugin(mechanism_names[l->offered[i]]))
            l->offered[n++] = l->offered[i];
    }
    l->n_offered = n;
}

int sasl_login_new(const struct sasl_login_settings *settings, struct sasl_login **out,
                   struct error *err)
{
    if (settings->over == SASL_OVER_TLS && settings->ssf < SSF_MIN)
        return error_set(err, ERROR_DENIED, "no login over a cipher of %u bits", settings->ssf);
    struct sasl_login *l = MEM_NEW(struct sasl_login);
    l->mechanism = NO_MECHANISM;
    l->external = settings->external ? identity_ref(settings->external) : NULL;
    if (settings->binding)
        memcpy(l->binding_bytes, settings->binding, sizeof(l->binding_bytes));
    l->binding = (sasl_channel_binding_t){ .name = "tls-exporter",
                                           .len = sizeof(l->binding_bytes),
                                           .data = l->binding_bytes };
    int rc = copy_settings(l, settings->sasl, err);
    if (rc == 0)
        rc = read_mechanisms(l, settings, err);
    if (rc == 0) {
        set_callbacks(l);
        int sasl = make_connection(l, settings);
        if (sasl != SASL_OK)
            rc = error_set(err, ERROR_SYSTEM, "libsasl2: %s", sasl_errstring(sasl, NULL, NULL));
    }
    if (rc < 0) {
        sasl_login_free(l);
        return rc;
    }
    drop_without_plugin(l);
    *out = l;
    return 0;
}

void sasl_login_free(struct sasl_login *l)
{
    if (!l)
        return;
    sasl_dispose(&l->conn);
    identity_unref(l->external);
    identity_unref(l->identity);
    free(l->authzid);
    free(l->mechanism_list);
    free((char *)l->sasl.service);
    free((char *)l->sasl.hostname);
    free((char *)l->sasl.realm);
    free((char *)l->sasl.db);
    free((char *)l->sasl.saslauthd);
    free((char *)l->sasl.keytab);
    secret_free(l, sizeof(*l));
}

const char *sasl_login_mechanism(const struct sasl_login *l, size_t i)
{
    return i < l->n_offered ? mechanism_names[l->offered[i]] : NULL;
}

/* --- the exchange ----------------------------------------------------------------------------- */

static enum sasl_login_status fail(struct sasl_login *l, const char *why)
{
    l->phase = PHASE_FAILED;
    if (!l->why[0])
        say_why(l, why);
    return SASL_LOGIN_FAILED;
}

/* Whom libsasl2 believes, we name. */
static int settle_identity(struct sasl_login *l, struct error *err)
{
    if (l->mechanism == EXTERNAL)
        l->identity = identity_ref(l->external);
    else {
        int rc = identity_from_sasl(l->authid, &l->identity, err);
        if (rc < 0)
            return rc;
    }
    if (l->authzid && strcmp(l->authzid, l->identity->name) == 0)
        free(TAKE_PTR(l->authzid));
    return 0;
}

static enum sasl_login_status finish(struct sasl_login *l)
{
    struct error err;
    const void *layer = NULL;
    if (l->refused)
        return fail(l, l->refused);
    /* a client may ask for a security layer of its own accord */
    if (sasl_getprop(l->conn, SASL_SSF, &layer) != SASL_OK || *(const sasl_ssf_t *)layer != 0)
        return fail(l, "the client wants a security layer of SASL's own");
    if (settle_identity(l, &err) < 0)
        return fail(l, err.text);
    l->phase = PHASE_DONE;
    return SASL_LOGIN_DONE;
}

/* GSSAPI's plugin logs the Kerberos library's reason and tells its own function's name. */
static const char *reason(const struct sasl_login *l)
{
    const char *detail = l->mechanism == GSSAPI && l->said[0] ? l->said : sasl_errdetail(l->conn);
    return detail ? detail : "libsasl2 does not say why";
}

static enum sasl_login_status judge(struct sasl_login *l, int rc, const char *data, unsigned len,
                                    struct sasl_answer *out)
{
    enum sasl_login_status status = SASL_LOGIN_MORE;
    secret_wipe_stack(); /* libsasl2 reads passwords into arrays there */
    if (rc == SASL_OK)
        status = finish(l);
    else if (rc != SASL_CONTINUE)
        status = fail(l, l->refused ? l->refused : reason(l));
    /* nothing of a login that failed: its data tell more than "failed" */
    if (status != SASL_LOGIN_FAILED && data)
        *out = (struct sasl_answer){ true, { data, len } };
    return status;
}

static bool begins_with(struct span s, const char *prefix)
{
    return s.len >= strlen(prefix) && memcmp(s.data, prefix, strlen(prefix)) == 0;
}

/* The client's first message says whether it binds (RFC 5802, section 6). libsasl2 would take a
 * login without binding under the name of the mechanism that has one. */
static bool binds_as_started(const struct sasl_login *l, struct span data)
{
    if (l->mechanism == SCRAM_PLUS)
        return begins_with(data, "p=tls-exporter,");
    if (l->mechanism == SCRAM)
        return begins_with(data, "n,") || begins_with(data, "y,");
    return true;
}

/* NULL: the client's data may go to libsasl2; otherwise why not. */
static const char *check_data(struct sasl_login *l, const struct span *data)
{
    if (++l->steps > SASL_LOGIN_STEPS_MAX)
        return "too many steps";
    if (!data)
        return NULL;
    if (data->len > SASL_LOGIN_DATA_MAX)
        return "a step of too many bytes";
    bool first = !l->has_spoken;
    l->has_spoken = true;
    return !first || binds_as_started(l, *data) ? NULL
                                                : "the mechanism's name and its channel binding "
                                                  "do not fit";
}

enum sasl_login_status sasl_login_start(struct sasl_login *l, struct span mechanism,
                                        const struct span *data, struct sasl_answer *out)
{
    const char *reply = NULL;
    unsigned len = 0;
    *out = (struct sasl_answer){ 0 };
    if (l->phase != PHASE_NEW)
        return fail(l, "a second start");
    enum mechanism m = find_mechanism(mechanism);
    if (m == NO_MECHANISM || !is_offered(l, m))
        return fail(l, "a mechanism that is not offered");
    l->phase = PHASE_STARTED;
    l->mechanism = m;
    l->binding.critical = m == SCRAM_PLUS;
    const char *bad = check_data(l, data);
    if (bad)
        return fail(l, bad);
    int rc = sasl_server_start(l->conn, mechanism_names[m],
                               !data        ? NULL
                               : data->data ? data->data
                                            : "",
                               data ? (unsigned)data->len : 0, &reply, &len);
    return judge(l, rc, reply, len, out);
}

void sasl_login_set_gate(struct sasl_login *l, bool (*gate)(void *opaque, const char *name),
                         void *opaque)
{
    l->gate = gate;
    l->gate_opaque = opaque;
}

enum sasl_login_status sasl_login_step(struct sasl_login *l, const struct span *data,
                                       struct sasl_answer *out)
{
    const char *reply = NULL;
    unsigned len = 0;
    *out = (struct sasl_answer){ 0 };
    if (l->phase != PHASE_STARTED)
        return fail(l, "a step before a start, or after the end");
    const char *bad = check_data(l, data);
    if (bad)
        return fail(l, bad);
    int rc = sasl_server_step(l->conn,
                              !data        ? NULL
                              : data->data ? data->data
                                           : "",
                              data ? (unsigned)data->len : 0, &reply, &len);
    return judge(l, rc, reply, len, out);
}

/* --- after it --------------------------------------------------------------------------------- */

struct identity *sasl_login_identity(const struct sasl_login *l)
{
    return l->phase == PHASE_DONE ? l->identity : NULL;
}

const char *sasl_login_authzid(const struct sasl_login *l)
{
    return l->phase == PHASE_DONE ? l->authzid : NULL;
}

const char *sasl_login_started(const struct sasl_login *l)
{
    return l->mechanism == NO_MECHANISM ? "" : mechanism_names[l->mechanism];
}

const char *sasl_login_claimed(const struct sasl_login *l)
{
    if (l->mechanism == EXTERNAL)
        return l->external->name;
    return l->authid[0] ? l->authid : NULL;
}

const char *sasl_login_why(const struct sasl_login *l)
{
    return l->why;
}

bool sasl_login_is_judged(const struct sasl_login *l)
{
    return !l->unjudged;
}

bool sasl_login_asks_others(const struct sasl_login *l, const char *mechanism)
{
    return strcmp(mechanism, mechanism_names[GSSAPI]) == 0 ||
           (strcmp(mechanism, mechanism_names[PLAIN]) == 0 &&
            l->sasl.pwcheck == SASL_PWCHECK_SASLAUTHD);
}

uint64_t sasl_failure_wait_us(uint64_t elapsed_us, uint64_t delay_us)
{
    return delay_us ? delay_us - elapsed_us % delay_us : 0;
}
