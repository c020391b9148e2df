#include "config.h"
#include "libqmp/login.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "auth/sasl_client.h"
#include "base/base64.h"
#include "base/mem.h"
#include "base/secret.h"
#include "libqmp/object.h"
#include "libqmp/password_file.h"
#include "libqmp/session_internal.h"
#include "net/tls.h"

#define SERVICE       "qmpgate"
#define STEPS_MAX     16u         /* of one exchange; GSSAPI takes 3 */
#define DATA_MAX      (64u << 10) /* bytes of a step, decoded */
#define OFFERED_MAX   16u         /* mechanisms that are looked at */
#define FAILED_PREFIX "authentication failed"

static const struct {
    const char *name;
    bool password;       /* the gateway hears, or is proved, one */
    const char *refused; /* what a refusal of it may mean, and what to do */
} mechanisms[] = {
    { "GSSAPI", false, "the gateway does not take this Kerberos ticket; klist shows whose it is" },
    { "SCRAM-SHA-256-PLUS", true,
      "wrong user or password, or the TLS session does not end at the gateway but at somebody "
      "between" },
    { "SCRAM-SHA-256", true, "wrong user or password" },
    { "EXTERNAL", false,
      "the gateway does not take this connection's certificate or user for a "
      "login" },
    { "PLAIN", true, "wrong user or password" },
};

static bool is(const char *mechanism, const char *name)
{
    return mechanism && strcmp(mechanism, name) == 0;
}

/* --- what was said ---------------------------------------------------------------------------- */

static int set_mechanism(struct login *l, const char *text, struct qmp_error **err)
{
    for (size_t i = 0; text && i < ARRAY_SIZE(mechanisms) && !l->mechanism; i++) {
        if (strcasecmp(mechanisms[i].name, text) == 0)
            l->mechanism = mechanisms[i].name;
    }
    if (!text || l->mechanism)
        return 0;
    return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                       "there is no mechanism \"%s\": GSSAPI, SCRAM-SHA-256-PLUS, SCRAM-SHA-256, "
                       "EXTERNAL or PLAIN",
                       text);
}

int login_init(struct login *l, const struct qmp_settings *s, struct qmp_error **err)
{
    *l = (struct login){ .settings = s };
    if (s->user && !*s->user)
        return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                           "%s: a user has a name", settings_name(s, QMP_SETTING_USER));
    if (s->act_as && !*s->act_as)
        return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                           "%s: an identity is, for example, sasl:bob@example.com",
                           settings_name(s, QMP_SETTING_ACT_AS));
    l->user = settings_or_environment(s->user, "QMPGATE_USER");
    l->password_file = settings_or_environment(s->password_file, "QMPGATE_PASSWORD_FILE");
    l->demanded = s->user || s->mechanism;
    if (s->kept && s->kept->text)
        l->password = mem_strdup(s->kept->text);
    return set_mechanism(l, settings_or_environment(s->mechanism, "QMPGATE_MECHANISM"), err);
}

static void wipe_text(char *text)
{
    if (text)
        secret_free(text, strlen(text));
}

void login_clear(struct login *l)
{
    struct kept_password *kept = l->settings->kept;
    if (kept && l->failed)
        wipe_text(TAKE_PTR(kept->text));
    if (kept && l->succeeded && !kept->text)
        kept->text = TAKE_PTR(l->password);
    wipe_text(l->password);
    l->password = NULL;
    free(l->server);
    l->server = NULL;
}

/* --- the password ----------------------------------------------------------------------------- */

/* libsasl2's side wipes the copy. */
static char *give_password(void *opaque)
{
    struct login *l = opaque;
    if (!l->password && l->password_file && !l->file.text[0] &&
        password_file_read(l->password_file, &l->password, &l->file) < 0)
        l->password = NULL;
    if (!l->password && !l->password_file)
        l->wants_password = true;
    return mem_strdup(l->password);
}

int login_ask(struct login *l, struct qmp_error **err)
{
    const struct qmp_settings *s = l->settings;
    l->wants_password = false;
    l->password = s->password ? s->password(s->opaque, l->user, l->server) : NULL;
    if (l->password)
        return 0;
    return problem_set(err, QMP_ERROR_KIND_LOCAL, QMP_OUTCOME_NOT_SENT,
                       "a password is needed, and there is none: %s",
                       settings_name(s, QMP_SETTING_PASSWORD_FILE));
}

/* --- what is offered -------------------------------------------------------------------------- */

struct offer {
    char *names[OFFERED_MAX]; /* owned */
    size_t n;
    char text[256]; /* for people */
};

static void free_offer(struct offer *o)
{
    while (o->n > 0)
        free(o->names[--o->n]);
}

static bool is_plain_name(struct span name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    if (name.len == 0 || name.len > 20) /* RFC 4422, section 3.1 */
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!name.data[i] || !strchr(allowed, name.data[i]))
            return false;
    }
    return true;
}

static void read_offer(const char *info, struct offer *o)
{
    CLEANUP_SCANNER struct qmp_scanner *scanner = object_scan(info);
    *o = (struct offer){ 0 };
    if (!scanner)
        return;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint32_t list = object_find_kind(t, 0, "mechanisms", QMP_KIND_ARRAY);
    if (list == QMP_NONE)
        return;
    QMP_TAPE_ELEMENTS (t, list, e) {
        if (o->n == OFFERED_MAX || qmp_tape_kind(t, e) != QMP_KIND_STRING)
            continue;
        struct span name = qmp_tape_string(t, e);
        if (!is_plain_name(name))
            continue;
        size_t len = strlen(o->text);
        snprintf(o->text + len, sizeof(o->text) - len, "%s%.*s", o->n ? ", " : "", (int)name.len,
                 name.data);
        o->names[o->n++] = mem_strndup(name.data, name.len);
    }
}

static bool offers(const struct offer *o, const char *name)
{
    for (size_t i = 0; i < o->n; i++) {
        if (strcmp(o->names[i], name) == 0)
            return true;
    }
    return false;
}

static bool offers_only(const struct offer *o, const char *name)
{
    return o->n == 1 && offers(o, name);
}

static bool offers_passwords(const struct offer *o)
{
    for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
        if (mechanisms[i].password && offers(o, mechanisms[i].name))
            return true;
    }
    return false;
}

static const char *offer_text(const struct offer *o)
{
    return o->n ? o->text : "no mechanism at all";
}

/* --- what stands in the way ------------------------------------------------------------------- */

#define NO_WAY(err, ...) problem_set((err), QMP_ERROR_KIND_LOGIN, QMP_OUTCOME_NOT_SENT, __VA_ARGS__)

/* Nothing was said about how to log in, and nothing was found. */
static int explain_nothing_said(const struct login *l, const struct offer *o,
                                struct qmp_error **err)
{
    const struct qmp_settings *s = l->settings;
    bool password = offers_passwords(o), ticket = offers(o, "GSSAPI");
    bool certificate = l->tls && !l->certificate;
    CLEANUP_BUF struct buf ways = { 0 };
    if (password)
        buf_printf(&ways, "%s, with a password", settings_name(s, QMP_SETTING_USER));
    if (ticket)
        buf_printf(&ways, "%sa Kerberos ticket, by kinit", buf_len(&ways) ? "; or " : "");
    if (certificate)
        buf_printf(&ways, "%sa certificate, by %s and %s", buf_len(&ways) ? "; or " : "",
                   settings_name(s, QMP_SETTING_CERTIFICATE), settings_name(s, QMP_SETTING_KEY));
    if (buf_len(&ways) == 0)
        return NO_WAY(err, "the gateway wants a login, and offers no way that is known here (%s)",
                      offer_text(o));
    return NO_WAY(err, "the gateway wants a login: %.*s (it offers %s)", (int)buf_len(&ways),
                  buf_data(&ways), o->n ? o->text : "no mechanism of SASL");
}

/* Why it is not `m`. */
static int explain_mechanism(const struct login *l, const char *m, const struct offer *o,
                             const char *words, struct qmp_error **err)
{
    const struct qmp_settings *s = l->settings;
    if (!offers(o, m))
        return NO_WAY(err, "the gateway does not offer %s here, but %s", m, offer_text(o));
    if (is(m, "EXTERNAL"))
        return NO_WAY(err, "EXTERNAL needs a certificate: %s and %s",
                      settings_name(s, QMP_SETTING_CERTIFICATE), settings_name(s, QMP_SETTING_KEY));
    if (is(m, "GSSAPI"))
        return NO_WAY(err,
                      "no login by Kerberos: is there a ticket? kinit gets one, klist shows it "
                      "(%s)",
                      words);
    if (!l->user)
        return NO_WAY(err, "%s needs a user: %s", m, settings_name(s, QMP_SETTING_USER));
    if (is(m, "PLAIN") && !l->tls)
        return NO_WAY(err, "PLAIN is refused: it hands the password over, and who is behind a UNIX "
                           "socket nobody has verified; use SCRAM-SHA-256, or TLS");
    return NO_WAY(err, "%s", words);
}

/* `words`: libsasl2's. */
static int explain_no_start(const struct login *l, const struct offer *o, const char *words,
                            struct qmp_error **err)
{
    if (l->mechanism)
        return explain_mechanism(l, l->mechanism, o, words, err);
    if (l->user && offers_only(o, "PLAIN"))
        return explain_mechanism(l, "PLAIN", o, words, err);
    if (l->user && offers_only(o, "EXTERNAL"))
        return NO_WAY(err,
                      "the gateway offers EXTERNAL only, and that logs in whom the certificate "
                      "names: leave %.*s out",
                      LOGIN_NAME_ARGS(l, QMP_SETTING_USER));
    if (l->user && o->n)
        return NO_WAY(err, "%s", words);
    return explain_nothing_said(l, o, err);
}

/* --- the exchange ----------------------------------------------------------------------------- */

static int not_believed(struct qmp_error **err, const char *why)
{
    return problem_set(err, QMP_ERROR_KIND_REPLY, QMP_OUTCOME_UNKNOWN, "login: %s", why);
}

/* The gateway's words of a refusal are said with what they may mean. */
static int explain_refusal(const char *desc, const char *mechanism, struct qmp_error **err)
{
    const char *hint = NULL;
    if (strcmp(desc, FAILED_PREFIX) == 0) {
        for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
            if (is(mechanism, mechanisms[i].name))
                hint = mechanisms[i].refused;
        }
    }
    bool login = strncmp(desc, FAILED_PREFIX, strlen(FAILED_PREFIX)) == 0;
    return problem_set(err, login ? QMP_ERROR_KIND_LOGIN : QMP_ERROR_KIND_REFUSED,
                       QMP_OUTCOME_FAILED, "%s%s%s%s%s", desc, hint ? " by " : "",
                       hint ? mechanism : "", hint ? ": " : "", hint ? hint : "");
}

/* `mechanism`: NULL if it is not the first message. *result: owned. */
static int say(const struct login *l, struct qmp_session *s, bool first,
               const struct sasl_said *said, char **result, struct qmp_error **err)
{
    CLEANUP(buf_free_secret) struct buf text = { 0 };
    struct qmp_error *why = NULL;
    size_t len = BASE64_LEN(said->data.len);
    buf_reserve(&text, len + 128); /* all of it, so that it never moves and leaves a copy */
    BUF_ADD_LIT(&text, "{");
    if (first)
        buf_printf(&text, "\"mechanism\":\"%s\"%s", l->mechanism_used, said->has_data ? "," : "");
    if (said->has_data) {
        BUF_ADD_LIT(&text, "\"data\":\"");
        base64_encode(said->data.data, said->data.len, buf_reserve(&text, len));
        buf_commit(&text, len);
        BUF_ADD_LIT(&text, "\"");
    }
    BUF_ADD_LIT(&text, "}");
    if (session_call_secret(s, first ? "gateway-auth-start" : "gateway-auth-step",
                            (struct span){ buf_data(&text), buf_len(&text) }, result, &why) == 0)
        return 0;
    if (qmp_error_kind(why) == QMP_ERROR_KIND_REFUSED)
        explain_refusal(qmp_error_text(why), l->mechanism_used, err);
    else
        problem_set(err, qmp_error_kind(why), qmp_error_outcome(why), "login: %s",
                    qmp_error_text(why));
    qmp_error_free(why);
    return -1;
}

/* What the gateway says. Absent data and empty data are different things. */
struct heard {
    bool complete, has_data;
    unsigned char *data; /* owned */
    size_t len;
};

static int read_heard(const struct qmp_tape *t, struct heard *h, struct qmp_error **err)
{
    struct error e;
    uint32_t complete = object_find(t, 0, "complete"), data = object_find(t, 0, "data");
    *h = (struct heard){ 0 };
    if (complete == QMP_NONE || (qmp_tape_kind(t, complete) != QMP_KIND_TRUE &&
                                 qmp_tape_kind(t, complete) != QMP_KIND_FALSE))
        return not_believed(err, "the gateway does not say if it is complete");
    h->complete = qmp_tape_kind(t, complete) == QMP_KIND_TRUE;
    if (data == QMP_NONE)
        return 0;
    if (qmp_tape_kind(t, data) != QMP_KIND_STRING)
        return not_believed(err, "what the gateway says cannot be read: the data is no string");
    struct span text = qmp_tape_string(t, data);
    h->has_data = true;
    if (base64_decode(text.data, text.len, DATA_MAX, &h->data, &h->len, &e) == 0)
        return 0;
    return problem_set(err, QMP_ERROR_KIND_REPLY, QMP_OUTCOME_UNKNOWN,
                       "login: what the gateway says cannot be read: %s", e.text);
}

static int listen_to(const char *result, struct heard *h, struct qmp_error **err)
{
    CLEANUP_SCANNER struct qmp_scanner *scanner = object_scan(result);
    if (!scanner)
        return not_believed(err, "the gateway does not say if it is complete");
    return read_heard(qmp_scanner_tape(scanner), h, err);
}

/* One message of ours has gone. *more: another one has to, and is in *said. */
static int go_on(struct sasl_caller *c, const char *result, bool *more, struct sasl_said *said,
                 struct qmp_error **err)
{
    struct heard h;
    struct error e;
    if (listen_to(result, &h, err) < 0)
        return -1;
    const struct span data = { (char *)h.data, h.len };
    *more = !h.complete;
    int rc = h.complete ? sasl_caller_finish(c, h.has_data ? &data : NULL, &e)
                        : sasl_caller_step(c, data, said, &e);
    secret_free(h.data, h.len);
    return rc == 0 ? 0 : not_believed(err, e.text);
}

static int exchange(struct login *l, struct sasl_caller *c, struct qmp_session *s,
                    struct sasl_said said, char **reply, struct qmp_error **err)
{
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        CLEANUP_FREE char *result = NULL;
        bool more;
        if (say(l, s, i == 0, &said, &result, err) < 0 || go_on(c, result, &more, &said, err) < 0)
            return -1;
        if (!more) {
            *reply = TAKE_PTR(result);
            return 0;
        }
    }
    return not_believed(err, "the gateway does not come to an end");
}

/* --- who it was ------------------------------------------------------------------------------- */

/* A ticket or a certificate says by itself whose it is: is it the user's who was asked for? */
static bool is_user(const char *identity, const char *user)
{
    static const char prefix[] = "sasl:";
    if (!identity || strncmp(identity, prefix, strlen(prefix)) != 0)
        return false;
    const char *name = identity + strlen(prefix), *at = strchr(user, '@');
    size_t len = at ? (size_t)(at - user) : strlen(user);
    if (strncmp(name, user, len) != 0 || name[len] != '@')
        return false;
    return !at || strcasecmp(name + len, at) == 0;
}

static int check_user(const struct login *l, struct qmp_session *s, struct qmp_error **err)
{
    CLEANUP_FREE char *info = NULL;
    if (qmp_execute(s, "gateway-info", NULL, &info, err) < 0)
        return -1;
    CLEANUP_SCANNER struct qmp_scanner *scanner = object_scan(info);
    CLEANUP_FREE char *identity =
        scanner ? object_text(qmp_scanner_tape(scanner), 0, "identity") : NULL;
    if (is_user(identity, l->user))
        return 0;
    return NO_WAY(err, "%s logged in as %s, and not as %s: %s another %.*s, or leave %.*s out",
                  l->mechanism_used, identity ? identity : "nobody", l->user,
                  is(l->mechanism_used, "GSSAPI") ? "kinit as that user," : "choose",
                  LOGIN_NAME_ARGS(l, QMP_SETTING_MECHANISM), LOGIN_NAME_ARGS(l, QMP_SETTING_USER));
}

/* --- all of it -------------------------------------------------------------------------------- */

/* libsasl2's state is the process's, and so is whether it was started. */
static struct error start_failure;
static bool started;

static void start_once(void)
{
    started = sasl_caller_process_start(&start_failure) == 0;
}

static int start_library(struct qmp_error **err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_once);
    return started ? 0
                   : problem_set(err, QMP_ERROR_KIND_LOCAL, QMP_OUTCOME_NOT_SENT, "%s",
                                 start_failure.text);
}

/* `binding`: room for it. */
static struct sasl_caller *new_caller(struct login *l, struct qmp_session *s,
                                      unsigned char binding[SASL_CALLER_BINDING], struct error *err)
{
    _Static_assert(SASL_CALLER_BINDING == TLS_EXPORTER_BYTES, "one and the same");
    struct tls_session *tls = stream_tls(s->stream);
    struct sasl_caller *c = NULL;
    bool asked_for_external = is(l->mechanism, "EXTERNAL");
    const struct sasl_caller_settings settings = {
        .service = SERVICE,
        .hostname = l->server,
        .user = l->user,
        .authzid = l->settings->act_as,
        .mechanism = l->mechanism,
        .peer = tls ? SASL_PEER_VERIFIED : SASL_PEER_UNKNOWN,
        .binding = tls && tls_session_exporter(tls, binding, NULL) == 0 ? binding : NULL,
        /* it is another name than the user's: not behind the back of who gave one */
        .external = (!tls || l->certificate) && (!l->user || asked_for_external),
        .password = give_password,
        .opaque = l,
    };
    return sasl_caller_new(&settings, &c, err) == 0 ? c : NULL;
}

static int start(struct login *l, struct sasl_caller *c, const struct offer *o,
                 struct sasl_said *said, struct qmp_error **err)
{
    struct error e;
    int rc =
        sasl_caller_start(c, (const char *const *)o->names, o->n, &l->mechanism_used, said, &e);
    /* without the password a weaker way might have been found: that is not what was meant */
    if (l->wants_password)
        return problem_set(err, QMP_ERROR_KIND_LOCAL, QMP_OUTCOME_NOT_SENT, "a password is needed");
    if (l->file.text[0])
        return problem_set(err, QMP_ERROR_KIND_LOCAL, QMP_OUTCOME_NOT_SENT, "%s", l->file.text);
    if (rc == 0)
        return 0;
    l->mechanism_used = NULL;
    return explain_no_start(l, o, e.text, err);
}

static int run(struct login *l, struct qmp_session *s, const struct offer *o, char **reply,
               struct qmp_error **err)
{
    unsigned char binding[SASL_CALLER_BINDING];
    struct sasl_said said = { 0 };
    struct error e;
    struct sasl_caller *c = new_caller(l, s, binding, &e);
    int rc = c ? start(l, c, o, &said, err)
               : problem_from(err, &e, QMP_ERROR_KIND_LOCAL, QMP_OUTCOME_NOT_SENT);
    if (rc == 0)
        rc = exchange(l, c, s, said, reply, err);
    if (rc == 0 && l->user &&
        (is(l->mechanism_used, "GSSAPI") || is(l->mechanism_used, "EXTERNAL")))
        rc = check_user(l, s, err);
    sasl_caller_free(c);
    secret_wipe(binding, sizeof(binding));
    return rc;
}

int login_run(struct login *l, struct qmp_session *s, const char *info, char **reply,
              struct qmp_error **err)
{
    struct offer o;
    *reply = NULL;
    l->mechanism_used = NULL;
    l->wants_password = false;
    l->file.text[0] = '\0';
    if (start_library(err) < 0)
        return -1;
    read_offer(info, &o);
    int rc = run(l, s, &o, reply, err);
    free_offer(&o);
    l->succeeded = rc == 0;
    l->failed = rc < 0 && !l->wants_password;
    if (rc < 0) {
        free(*reply);
        *reply = NULL;
    }
    return rc;
}
