#include "config.h"
#include "cli/login.h"

#include <json-c/json.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "auth/sasl_client.h"
#include "base/base64.h"
#include "base/mem.h"
#include "base/secret.h"
#include "cli/document.h"
#include "cli/output.h"
#include "cli/password.h"
#include "cli/session.h"
#include "net/tls.h"

#define SERVICE       "qmpgate"
#define STEPS_MAX     16u         /* of one exchange; GSSAPI takes 3 */
#define DATA_MAX      (64u << 10) /* bytes of a step, decoded */
#define OFFERED_MAX   16u         /* mechanisms that are looked at */
#define HOST_NAME_LEN 256         /* of this machine, with its NUL */
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

const char *login_mechanism(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
        if (strcasecmp(mechanisms[i].name, text) == 0)
            return mechanisms[i].name;
    }
    return NULL;
}

static bool is(const char *mechanism, const char *name)
{
    return mechanism && strcmp(mechanism, name) == 0;
}

void login_clear(struct login *l)
{
    password_free(l->password);
    l->password = NULL;
}

/* --- the server ------------------------------------------------------------------------------- */

/* What is verified is what Kerberos is asked for: the name of the certificate. */
static char *server_name(const struct transport_settings *t)
{
    char here[HOST_NAME_LEN] = { 0 };
    const char *name = t->server_name;
    if (!name && t->uri->kind == URI_TLS)
        name = t->uri->host;
    if (!name)
        name = gethostname(here, sizeof(here) - 1) == 0 ? here : "localhost";
    return mem_strndup(name, strcspn(name, "%")); /* an address' zone is no part of a name */
}

/* --- the password ----------------------------------------------------------------------------- */

/* libsasl2's side wipes the copy. */
static char *give_password(void *opaque)
{
    struct login *l = opaque;
    if (!l->password && l->password_file && !l->obstacle.text[0] &&
        password_read_file(l->password_file, &l->password, &l->obstacle) < 0)
        l->password = NULL;
    if (!l->password && !l->password_file)
        l->wants_password = true;
    return mem_strdup(l->password);
}

int login_ask(struct login *l, const struct transport_settings *transport, struct error *err)
{
    CLEANUP_FREE char *host = server_name(transport);
    CLEANUP_BUF struct buf prompt = { 0 };
    l->wants_password = false;
    if (l->cannot_ask)
        return error_set(err, ERROR_STATE,
                         "a password is needed now, and nobody can be asked for it here: start "
                         "again, or give --password-file FILE");
    BUF_ADD_LIT(&prompt, "Password of ");
    output_add_text(&prompt, l->user);
    BUF_ADD_LIT(&prompt, " for ");
    output_add_text(&prompt, host);
    BUF_ADD_LIT(&prompt, ": ");
    buf_add_char(&prompt, '\0');
    return password_ask(buf_data(&prompt), &l->password, err);
}

/* --- what is offered -------------------------------------------------------------------------- */

struct offer {
    const char *names[OFFERED_MAX]; /* borrowed from gateway-info */
    size_t n;
    char text[256]; /* for people */
};

static bool is_plain_name(const char *name)
{
    return name[0] && strlen(name) <= 20 && /* RFC 4422, section 3.1 */
           name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0';
}

static void read_offer(struct json_object *info, struct offer *o)
{
    struct json_object *list;
    *o = (struct offer){ 0 };
    if (!json_object_object_get_ex(info, "mechanisms", &list) ||
        !json_object_is_type(list, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(list) && o->n < OFFERED_MAX; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (!json_object_is_type(item, json_type_string) ||
            !is_plain_name(json_object_get_string(item)))
            continue;
        size_t used = strlen(o->text);
        o->names[o->n] = json_object_get_string(item);
        snprintf(o->text + used, sizeof(o->text) - used, "%s%s", o->n ? ", " : "", o->names[o->n]);
        o->n++;
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

/* --- what stands in the way ------------------------------------------------------------------- */

/* Nothing was said about how to log in, and nothing was found. */
static int explain_nothing_said(const struct offer *o, const struct transport_settings *t,
                                struct error *err)
{
    bool password = offers_passwords(o), ticket = offers(o, "GSSAPI");
    bool certificate = t->uri->kind == URI_TLS && !t->cert;
    if (!password && !ticket && !certificate)
        return error_set(err, ERROR_DENIED,
                         "the gateway wants a login, and offers no way that is known here (%s)",
                         o->n ? o->text : "no mechanism at all");
    return error_set(err, ERROR_DENIED, "the gateway wants a login: %s%s%s%s%s (it offers %s)",
                     password ? "--user NAME, with a password" : "",
                     password && (ticket || certificate) ? "; or " : "",
                     ticket ? "a Kerberos ticket, by kinit" : "",
                     ticket && certificate ? "; or " : "",
                     certificate ? "a certificate, by --cert FILE --key FILE" : "",
                     o->n ? o->text : "no mechanism of SASL");
}

/* Why it is not `m`; `err` has libsasl2's words. */
static int explain_mechanism(const char *m, const char *user, const struct offer *o,
                             const struct transport_settings *t, struct error *err)
{
    if (!offers(o, m))
        return error_set(err, ERROR_DENIED, "the gateway does not offer %s here, but %s", m,
                         o->n ? o->text : "no mechanism at all");
    if (is(m, "EXTERNAL"))
        return error_set(err, ERROR_DENIED, "EXTERNAL needs a certificate: --cert FILE --key FILE");
    if (is(m, "GSSAPI")) {
        CLEANUP_FREE char *detail = mem_strdup(err->text);
        return error_set(err, ERROR_DENIED,
                         "no login by Kerberos: is there a ticket? kinit gets one, klist shows it "
                         "(%s)",
                         detail);
    }
    if (!user)
        return error_set(err, ERROR_DENIED, "%s needs a user: --user NAME", m);
    if (is(m, "PLAIN") && t->uri->kind != URI_TLS)
        return error_set(err, ERROR_DENIED,
                         "PLAIN is refused: it hands the password over, and who is behind a UNIX "
                         "socket nobody has verified; use SCRAM-SHA-256, or TLS");
    return ERROR_DENIED; /* the words that are there */
}

static int explain_no_start(struct login *l, const struct offer *o,
                            const struct transport_settings *t, struct error *err)
{
    if (l->mechanism)
        return explain_mechanism(l->mechanism, l->user, o, t, err);
    if (l->user && offers_only(o, "PLAIN"))
        return explain_mechanism("PLAIN", l->user, o, t, err);
    if (l->user && offers_only(o, "EXTERNAL"))
        return error_set(err, ERROR_DENIED,
                         "the gateway offers EXTERNAL only, and that logs in whom the certificate "
                         "names: leave --user out");
    if (l->user && o->n)
        return ERROR_DENIED; /* the words that are there */
    int rc = explain_nothing_said(o, t, err);
    if (!l->may_stay_nobody)
        return rc;
    l->obstacle = *err;
    return 0;
}

/* --- the exchange ----------------------------------------------------------------------------- */

static int call(struct session *s, const struct session_request *r, struct session_reply *reply,
                struct error *err)
{
    int rc = session_call(s, r, reply, err);
    if (rc < 0)
        error_prefix(err, "login");
    return rc;
}

static int explain_refusal(const char *desc, const char *mechanism, struct error *err)
{
    const char *hint = NULL;
    if (strcmp(desc, FAILED_PREFIX) == 0) {
        for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
            if (is(mechanism, mechanisms[i].name))
                hint = mechanisms[i].refused;
        }
    }
    bool denied = strncmp(desc, FAILED_PREFIX, strlen(FAILED_PREFIX)) == 0 ||
                  strncmp(desc, "permission denied", strlen("permission denied")) == 0;
    return error_set(err, denied ? ERROR_DENIED : ERROR_PEER, "%s%s%s%s%s", desc,
                     hint ? " by " : "", hint ? mechanism : "", hint ? ": " : "", hint ? hint : "");
}

/* `mechanism`: NULL if it is not the first message. */
static int say(struct session *s, const char *mechanism, const struct sasl_said *said,
               struct session_reply *reply, struct error *err)
{
    struct buf text = { 0 };
    size_t len = BASE64_LEN(said->data.len);
    buf_reserve(&text, len + 128); /* all of it, so that it never moves and leaves a copy */
    BUF_ADD_LIT(&text, "{");
    if (mechanism)
        buf_printf(&text, "\"mechanism\":\"%s\"%s", mechanism, said->has_data ? "," : "");
    if (said->has_data) {
        BUF_ADD_LIT(&text, "\"data\":\"");
        base64_encode(said->data.data, said->data.len, buf_reserve(&text, len));
        buf_commit(&text, len);
        BUF_ADD_LIT(&text, "\"");
    }
    BUF_ADD_LIT(&text, "}");
    const struct session_request request = {
        .command = mechanism ? "gateway-auth-start" : "gateway-auth-step",
        .secret_arguments = { buf_data(&text), buf_len(&text) },
    };
    int rc = call(s, &request, reply, err);
    secret_wipe(buf_data(&text), buf_len(&text));
    buf_free(&text);
    return rc;
}

/* What the gateway says. Absent data and empty data are different things. */
struct heard {
    bool complete, has_data;
    unsigned char *data; /* owned */
    size_t len;
};

static int listen_to(struct json_object *value, struct heard *h, struct error *err)
{
    struct json_object *complete, *data;
    *h = (struct heard){ 0 };
    if (!json_object_object_get_ex(value, "complete", &complete) ||
        !json_object_is_type(complete, json_type_boolean))
        return error_set(err, ERROR_PEER, "login: the gateway does not say if it is complete");
    h->complete = json_object_get_boolean(complete);
    if (!json_object_object_get_ex(value, "data", &data))
        return 0;
    h->has_data = true;
    int rc = ERROR_PEER;
    if (json_object_is_type(data, json_type_string))
        rc = base64_decode(json_object_get_string(data), (size_t)json_object_get_string_len(data),
                           DATA_MAX, &h->data, &h->len, err);
    else
        error_set(err, ERROR_PEER, "the data is no string");
    if (rc < 0) {
        h->data = NULL;
        error_prefix(err, "login: what the gateway says cannot be read");
        err->code = ERROR_PEER;
        return ERROR_PEER;
    }
    return 0;
}

/* One message of ours has gone. *more: another one has to, and is in *said. */
static int go_on(struct sasl_caller *c, struct json_object *value, bool *more,
                 struct sasl_said *said, struct error *err)
{
    struct heard h;
    int rc = listen_to(value, &h, err);
    if (rc < 0)
        return rc;
    const struct span data = { (char *)h.data, h.len };
    *more = !h.complete;
    rc = h.complete ? sasl_caller_finish(c, h.has_data ? &data : NULL, err)
                    : sasl_caller_step(c, data, said, err);
    secret_free(h.data, h.len);
    if (rc < 0)
        error_prefix(err, "login");
    return rc;
}

static int exchange(struct sasl_caller *c, struct session *s, const char *mechanism,
                    struct sasl_said said, struct json_object **value, struct error *err)
{
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        CLEANUP_REPLY struct session_reply reply = { 0 };
        bool more;
        int rc = say(s, i == 0 ? mechanism : NULL, &said, &reply, err);
        if (rc < 0)
            return rc;
        if (reply.error_desc)
            return explain_refusal(reply.error_desc, mechanism, err);
        rc = go_on(c, reply.value, &more, &said, err);
        if (rc < 0)
            return rc;
        if (!more) {
            *value = json_object_get(reply.value);
            return 0;
        }
    }
    return error_set(err, ERROR_PEER, "login: the gateway does not come to an end");
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

static int check_user(const struct login *l, struct session *s, struct error *err)
{
    CLEANUP_REPLY struct session_reply reply = { 0 };
    const struct session_request request = { .command = "gateway-info" };
    int rc = call(s, &request, &reply, err);
    if (rc < 0)
        return rc;
    const char *identity = document_string(reply.value, "identity");
    if (is_user(identity, l->user))
        return 0;
    return error_set(err, ERROR_DENIED,
                     "%s logged in as %s, and not as %s: %s another --mechanism, or leave --user "
                     "out",
                     l->mechanism_used, identity ? identity : "nobody", l->user,
                     is(l->mechanism_used, "GSSAPI") ? "kinit as that user," : "choose");
}

/* --- all of it -------------------------------------------------------------------------------- */

static int start_library(struct error *err)
{
    static bool started;
    if (started)
        return 0;
    int rc = sasl_caller_process_start(err);
    started = rc == 0;
    return rc;
}

/* `binding`: room for it. */
static int new_caller(struct login *l, struct session *s, const struct transport_settings *t,
                      unsigned char binding[SASL_CALLER_BINDING], struct sasl_caller **out,
                      struct error *err)
{
    _Static_assert(SASL_CALLER_BINDING == TLS_EXPORTER_BYTES, "one and the same");
    struct tls_session *tls = session_tls(s);
    CLEANUP_FREE char *host = server_name(t);
    bool asked_for_external = is(l->mechanism, "EXTERNAL");
    const struct sasl_caller_settings settings = {
        .service = SERVICE,
        .hostname = host,
        .user = l->user,
        .authzid = l->act_as,
        .mechanism = l->mechanism,
        .peer = tls ? SASL_PEER_VERIFIED : SASL_PEER_UNKNOWN,
        .binding = tls && tls_session_exporter(tls, binding, NULL) == 0 ? binding : NULL,
        /* it is another name than the user's: not behind the back of who gave one */
        .external = (!tls || t->cert) && (!l->user || asked_for_external),
        .password = give_password,
        .opaque = l,
    };
    return sasl_caller_new(&settings, out, err);
}

/* 1: goes on; 0: stays nobody. */
static int start(struct login *l, struct sasl_caller *c, const struct offer *o,
                 const struct transport_settings *t, struct sasl_said *said, struct error *err)
{
    int rc = sasl_caller_start(c, o->names, o->n, &l->mechanism_used, said, err);
    /* without the password a weaker way might have been found: that is not what was meant */
    if (l->wants_password)
        return error_set(err, ERROR_STATE, "a password is needed");
    if (l->obstacle.text[0]) {
        *err = l->obstacle;
        return (int)err->code;
    }
    if (rc == 0)
        return 1;
    l->mechanism_used = NULL;
    return explain_no_start(l, o, t, err);
}

int login_run(struct login *l, struct session *s, const struct transport_settings *transport,
              struct json_object *info, struct json_object **reply, struct error *err)
{
    unsigned char binding[SASL_CALLER_BINDING];
    struct sasl_caller *c = NULL;
    struct sasl_said said = { 0 };
    struct offer o;
    *reply = NULL;
    l->mechanism_used = NULL;
    l->wants_password = false;
    l->obstacle.text[0] = '\0';
    read_offer(info, &o);
    int rc = start_library(err);
    if (rc == 0)
        rc = new_caller(l, s, transport, binding, &c, err);
    if (rc == 0)
        rc = start(l, c, &o, transport, &said, err);
    if (rc > 0) {
        rc = exchange(c, s, l->mechanism_used, said, reply, err);
        if (rc == 0 && l->user &&
            (is(l->mechanism_used, "GSSAPI") || is(l->mechanism_used, "EXTERNAL")))
            rc = check_user(l, s, err);
    }
    sasl_caller_free(c);
    secret_wipe(binding, sizeof(binding));
    if (rc < 0) {
        json_object_put(*reply);
        *reply = NULL;
    }
    return rc;
}
