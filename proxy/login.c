#include "config.h"
#include "proxy/login.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "auth/sasl.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "net/tls.h"
#include "proxy/client.h"
#include "proxy/client_admit.h"
#include "proxy/daemon.h"
#include "proxy/delegation.h"
#include "proxy/dispatch.h"
#include "proxy/gateway.h"
#include "proxy/login_backoff.h"
#include "proxy/snapshot.h"

struct login {
    struct session *session;
    struct sasl_login *sasl;       /* of the exchange; NULL between two, and while a step is away */
    struct login_attempt *attempt; /* likewise */
    struct request *request;       /* that waits for a step, or for its answer's time */
    bool started;
    const char *mechanism; /* that was started last; NULL: none. A constant string */
    uint64_t snapshot;     /* number of the one that the exchange goes by */
    unsigned failures;     /* of this connection */
    int64_t asked_us;      /* when the request came */
    struct event answer_timer;
    bool timed;                 /* it runs */
    char words[ERROR_TEXT_MAX]; /* of a refusal that waits */
};

static const char failed_words[] = "authentication failed";
static const char overtaken_words[] =
    "authentication failed: the configuration has changed, begin again";

static const struct conf_listener *listener_of(const struct session *s)
{
    const struct snapshot_listener *l =
        snapshot_listener(s->client->loop->snapshot, s->client->listener);
    return l ? l->conf : NULL;
}

static const struct conf_limits *limits_of(const struct session *s)
{
    return &s->client->loop->snapshot->conf->limits;
}

bool login_is_needed(const struct conf_listener *l, const struct identity *external)
{
    return !external || l->identity == CONF_IDENTITY_SASL || l->two_factors;
}

/* --- one exchange ----------------------------------------------------------------------------- */

static void end_attempt(struct session *s, struct login_attempt *take_attempt, enum login_end how)
{
    login_backoff_end(s->client->loop->daemon->backoff, take_attempt, how, clock_monotonic_us());
}

/* Whose name counts, of the two that there may be; NULL if no proof was good. */
static struct identity *chosen(const struct session *s, const struct conf_listener *listener,
                               const struct sasl_login *sasl)
{
    struct identity *proven = sasl_login_identity(sasl);
    bool external = s->external && listener->identity == CONF_IDENTITY_EXTERNAL;
    return proven && external ? s->external : proven;
}

/* Without a code it was good. */
static void record(struct session *s, enum audit_code code, const char *mechanism,
                   const struct sasl_login *sasl, const char *text)
{
    struct audit_record record = dispatch_session_record(s, AUDIT_AUTH);
    record.result = code ? AUDIT_DENIED : AUDIT_OK;
    record.code = code;
    record.text = (struct span){ text, strlen(text) };
    record.external = s->external ? s->external->name : NULL;
    record.mechanism = mechanism;
    if (sasl) {
        const struct conf_listener *listener = listener_of(s);
        const struct identity *proven = listener ? chosen(s, listener, sasl) : NULL;
        record.claimed = sasl_login_claimed(sasl);
        if (!record.identity && proven)
            record.identity = proven->name;
        if (!record.acting_for)
            record.acting_for = sasl_login_authzid(sasl);
    }
    dispatch_record(s->client->loop, &record);
}

/* Nobody hears what comes of the step that is away: it may have been a guess. */
static void record_left(struct login *l)
{
    if (l->request && !l->timed)
        record(l->session, AUDIT_CODE_SESSION_ENDED, l->mechanism, l->sasl,
               "the connection ended before the answer");
    l->request = NULL;
}

static void end_exchange(struct login *l)
{
    sasl_login_free(TAKE_PTR(l->sasl));
    end_attempt(l->session, TAKE_PTR(l->attempt), LOGIN_ABANDONED);
    l->started = false;
}

void login_free(struct login *l)
{
    if (!l)
        return;
    record_left(l);
    end_exchange(l);
    if (l->timed)
        event_del(&l->answer_timer);
    free(l);
}

/* A certificate that was one factor cannot be the other. */
static bool is_offered_here(const struct conf_listener *l, const char *mechanism)
{
    return !l->two_factors || strcmp(mechanism, "EXTERNAL") != 0;
}

static int make_exchange(struct session *s, struct sasl_login **out, struct error *err)
{
    const struct conf_listener *listener = listener_of(s);
    struct tls_session *tls = s->client->tls ? stream_tls(s->client->stream) : NULL;
    unsigned char binding[SASL_LOGIN_BINDING];
    bool bound = tls && tls_session_exporter(tls, binding, NULL) == 0;
    if (!listener)
        return error_set(err, ERROR_STATE, "the listener is gone");
    CLEANUP_FREE const char **mechanisms = MEM_NEW_N(const char *, listener->n_sasl);
    size_t n = 0;
    for (size_t i = 0; i < listener->n_sasl; i++) {
        if (is_offered_here(listener, listener->sasl[i]))
            mechanisms[n++] = listener->sasl[i];
    }
    struct sasl_settings sasl = snapshot_sasl(s->client->loop->snapshot);
    struct sasl_login_settings settings = {
        .sasl = &sasl,
        .mechanisms = mechanisms,
        .n_mechanisms = n,
        .over = tls ? SASL_OVER_TLS : SASL_OVER_UNIX,
        .ssf = tls ? tls_session_bits(tls) : 0,
        .binding = bound ? binding : NULL,
        .external = s->external,
    };
    int rc = sasl_login_new(&settings, out, err);
    secret_wipe(binding, sizeof(binding));
    return rc;
}

static struct login *need_login(struct session *s)
{
    if (!s->login) {
        s->login = MEM_NEW(struct login);
        s->login->session = s;
    }
    return s->login;
}

/* A new one, by what is configured now; NULL if there can be none. */
static struct sasl_login *begin_exchange(struct login *l, struct error *err)
{
    end_exchange(l);
    l->snapshot = l->session->client->loop->snapshot->number;
    if (make_exchange(l->session, &l->sasl, err) < 0)
        l->sasl = NULL;
    return l->sasl;
}

/* By an exchange that nobody keeps: who only asks costs no memory, and hears what is so now. */
void login_write_mechanisms(struct buf *out, struct session *s)
{
    const struct conf_listener *listener = listener_of(s);
    struct sasl_login *sasl = NULL;
    struct error err;
    const char *name;
    bool may = listener && listener->n_sasl && (s->phase == SESSION_AUTH || s->logged_in);
    if (may && make_exchange(s, &sasl, &err) < 0)
        sasl = NULL;
    BUF_ADD_LIT(out, "[");
    for (size_t i = 0; sasl && (name = sasl_login_mechanism(sasl, i)); i++)
        buf_printf(out, "%s\"%s\"", i ? ", " : "", name);
    BUF_ADD_LIT(out, "]");
    sasl_login_free(sasl);
}

/* --- refusals --------------------------------------------------------------------------------- */

/* Answers, and ends the connection when too many have failed: that first, so that what was sent
 * ahead is not begun behind the answer. */
static void refuse(struct login *l, struct request *r, const char *words)
{
    struct session *s = l->session;
    end_exchange(l);
    l->request = NULL;
    if (++l->failures >= limits_of(s)->login_attempts)
        client_finish(s->client, AUDIT_CODE_FAILED_LOGINS, "too many failed logins");
    session_error(r, QMP_ERROR_GENERIC, "%s", words);
}

/* Its last words are on the way, or out: there is no answer any more. */
static bool is_ending(const struct login *l)
{
    return l->session->client->state != CLIENT_OPEN;
}

static void on_answer_time(evutil_socket_t fd, short what, void *opaque)
{
    struct login *l = opaque;
    (void)fd, (void)what;
    l->timed = false;
    if (is_ending(l)) {
        l->request = NULL;
        end_exchange(l);
    } else {
        refuse(l, l->request, l->words);
    }
}

/* The answer of a proof that failed leaves at its time, whatever the reason. */
static void refuse_in_time(struct login *l, struct request *r)
{
    uint64_t elapsed_us = (uint64_t)(clock_monotonic_us() - l->asked_us);
    uint64_t delay_us = (uint64_t)limits_of(l->session)->login_delay_milliseconds * USEC_PER_MSEC;
    uint64_t wait_us = sasl_failure_wait_us(elapsed_us, delay_us);
    struct timeval tv = { .tv_sec = (time_t)(wait_us / USEC_PER_SEC),
                          .tv_usec = (suseconds_t)(wait_us % USEC_PER_SEC) };
    l->request = r;
    event_assign(&l->answer_timer, l->session->client->loop->base, -1, 0, on_answer_time, l);
    event_add(&l->answer_timer, &tv);
    l->timed = true;
}

static void log_refused(struct session *s, const char *why)
{
    STATS_INC(s->client->loop, login_failures);
    log_info("connection %llu from %s: login refused: %s", (unsigned long long)s->client->number,
             s->caller->peer, why);
}

/* What the client did cannot be a login at all: no proof was looked at. */
static void refuse_at_once(struct login *l, struct request *r, enum audit_code code,
                           const char *words)
{
    record(l->session, code, l->mechanism, l->sasl, words);
    log_refused(l->session, words);
    refuse(l, r, words);
}

/* A proof was looked at: `why` is for log and audit, `words` are for the client. */
static void refuse_proof(struct login *l, struct request *r, enum audit_code code, const char *why,
                         const char *words)
{
    record(l->session, code, l->mechanism, l->sasl, why);
    log_refused(l->session, why);
    snprintf(l->words, sizeof(l->words), "%s", words);
    refuse_in_time(l, r);
}

/* --- success ---------------------------------------------------------------------------------- */

static void write_data(struct buf *out, const char *data, size_t len)
{
    BUF_ADD_LIT(out, ", \"data\": \"");
    base64_encode(data, len, buf_reserve(out, BASE64_LEN(len)));
    buf_commit(out, BASE64_LEN(len));
    BUF_ADD_LIT(out, "\"");
}

/* Somebody logs in again: as whom he is, or not at all. */
static int check_renewal(const struct session *s, const struct identity *who, const char *authzid,
                         struct error *err)
{
    const char *acting = caller_acting_name(s->caller);
    if (strcmp(who->name, s->caller->identity->name) != 0)
        return error_set(err, ERROR_DENIED, "logged in again as somebody else: %s", who->name);
    if (authzid && (!acting || strcmp(authzid, acting) != 0))
        return error_set(err, ERROR_DENIED, "logged in again to act for somebody else: %s",
                         authzid);
    return 0;
}

/* Who proved who he is: is he welcome? */
static int admit(struct session *s, struct identity *who, const char *authzid,
                 enum audit_code *code, struct error *err)
{
    struct identity *acting = NULL;
    *code = AUDIT_CODE_OTHER_IDENTITY;
    if (s->caller->identity)
        return check_renewal(s, who, authzid, err);
    *code = AUDIT_CODE_NO_DELEGATION;
    if (authzid && delegation_check(s, who, authzid, &acting, err) < 0)
        return ERROR_DENIED;
    int rc = client_admit_as(s->client, identity_ref(who), acting, err);
    *code = client_admit_code(err);
    return rc;
}

static void succeed(struct login *l, struct request *r, const struct conf_listener *listener,
                    const char *data, size_t len, bool has_data)
{
    struct session *s = l->session;
    struct error err;
    bool again = s->caller->identity != NULL;
    struct identity *who = chosen(s, listener, l->sasl);
    enum audit_code code;
    if (admit(s, who, sasl_login_authzid(l->sasl), &code, &err) < 0) {
        refuse_proof(l, r, code, err.text, again ? failed_words : err.text);
        return;
    }
    record(s, AUDIT_CODE_NONE, l->mechanism, l->sasl, again ? "again" : "");
    STATS_INC(s->client->loop, logins);
    struct buf reply = { 0 };
    BUF_ADD_LIT(&reply, "{\"complete\": true");
    if (has_data)
        write_data(&reply, data, len);
    s->logged_in = l->mechanism;
    s->client->login_us = clock_monotonic_us();
    l->request = NULL;
    login_free(TAKE_PTR(s->login));
    session_logged_in(s, r, &reply, again);
}

/* --- steps ------------------------------------------------------------------------------------ */

struct login_step {
    struct offload step;
    struct sasl_login *sasl;       /* owned until it is home */
    struct login_attempt *attempt; /* likewise */
    struct login_backoff *backoff;
    char *site;
    const char *mechanism; /* NULL: not the first step */
    unsigned char *data;
    size_t len;
    bool has_data;

    enum sasl_login_status status;
    struct buf answer;
    bool has_answer;
    unsigned held; /* seconds */
};

static enum login_end end_of(const struct login_step *step)
{
    if (step->status == SASL_LOGIN_DONE)
        return LOGIN_SUCCEEDED;
    return sasl_login_is_judged(step->sasl) ? LOGIN_FAILED : LOGIN_ABANDONED;
}

/* Who is held back is not put to saslauthd: behind it may be a directory that locks accounts. */
static bool begin_to_count(void *opaque, const char *name)
{
    struct login_step *step = opaque;
    if (!step->attempt)
        step->held = login_backoff_begin(step->backoff, step->site, name, clock_monotonic_us(),
                                         &step->attempt);
    return step->held == 0;
}

/* It counts from the step on that tells the name; where none does (Kerberos), from its end. */
static void count_attempt(struct login_step *step)
{
    int64_t now = clock_monotonic_us();
    const char *name = sasl_login_claimed(step->sasl);
    if (!step->attempt && !step->held && (name || step->status != SASL_LOGIN_MORE))
        step->held = login_backoff_begin(step->backoff, step->site, name, now, &step->attempt);
    if (step->held)
        step->status = SASL_LOGIN_FAILED;
    if (step->status != SASL_LOGIN_MORE)
        login_backoff_end(step->backoff, TAKE_PTR(step->attempt), end_of(step), now);
}

static void step_work(struct offload *offload)
{
    struct login_step *step = container_of(offload, struct login_step, step);
    struct span data = { (char *)step->data, step->len };
    const struct span *given = step->has_data ? &data : NULL;
    struct sasl_answer answer = { .has_data = false };
    sasl_login_set_gate(step->sasl, begin_to_count, step);
    if (step->mechanism) {
        struct span name = { step->mechanism, strlen(step->mechanism) };
        step->status = sasl_login_start(step->sasl, name, given, &answer);
    } else {
        step->status = sasl_login_step(step->sasl, given, &answer);
    }
    sasl_login_set_gate(step->sasl, NULL, NULL);
    count_attempt(step);
    step->has_answer = answer.has_data;
    if (answer.has_data)
        buf_add_span(&step->answer, answer.data);
}

static void answer_more(struct login *l, struct request *r, const struct login_step *step)
{
    CLEANUP_BUF struct buf value = { 0 };
    BUF_ADD_LIT(&value, "{\"complete\": false");
    if (step->has_answer)
        write_data(&value, buf_data(&step->answer), buf_len(&step->answer));
    BUF_ADD_LIT(&value, "}");
    l->request = NULL;
    session_return(r, gateway_buf_span(&value));
}

static void answer_failed(struct login *l, struct request *r, const struct login_step *step)
{
    char words[ERROR_TEXT_MAX];
    if (!step->held) {
        refuse_proof(l, r, AUDIT_CODE_CREDENTIALS, sasl_login_why(l->sasl), failed_words);
        return;
    }
    STATS_INC(l->session->client->loop, logins_held);
    snprintf(words, sizeof(words), "%s: too many have failed, wait %u s", failed_words, step->held);
    refuse_proof(l, r, AUDIT_CODE_HELD_BACK, "held back: too many have failed", words);
}

static void step_home(struct offload_slot *slot, struct offload *offload)
{
    struct client *c = container_of(slot, struct client, away);
    struct login_step *step = container_of(offload, struct login_step, step);
    struct login *l = c->session.login;
    struct request *r = l->request;
    const struct conf_listener *listener = listener_of(&c->session);
    l->sasl = TAKE_PTR(step->sasl);
    l->attempt = TAKE_PTR(step->attempt);
    if (is_ending(l)) {
        record_left(l);
        end_exchange(l);
    } else if (step->status == SASL_LOGIN_FAILED)
        answer_failed(l, r, step);
    else if (!listener || l->snapshot != c->loop->snapshot->number)
        refuse_proof(l, r, AUDIT_CODE_RELOADED, "the configuration changed meanwhile",
                     overtaken_words);
    else if (step->status == SASL_LOGIN_DONE)
        succeed(l, r, listener, buf_data(&step->answer), buf_len(&step->answer), step->has_answer);
    else
        answer_more(l, r, step);
}

static void step_free(struct offload *offload)
{
    struct login_step *step = container_of(offload, struct login_step, step);
    sasl_login_free(step->sasl);
    login_backoff_end(step->backoff, step->attempt, LOGIN_ABANDONED, clock_monotonic_us());
    secret_free(step->data, step->len);
    buf_free(&step->answer);
    free(step->site);
    free(step);
}

static const struct offload_ops step_ops = {
    .work = step_work,
    .home = step_home,
    .free = step_free,
};

static void go_on(struct login *l, struct request *r, bool first)
{
    struct client *c = l->session->client;
    struct daemon *d = c->loop->daemon;
    struct login_step *step = MEM_NEW(struct login_step);
    struct span data;
    struct error err;
    step->mechanism = first ? l->mechanism : NULL;
    step->backoff = d->backoff;
    step->site = mem_strdup(c->site);
    step->has_data = gateway_string_argument(r, "data", &data);
    if (step->has_data && base64_decode(data.data, data.len, SASL_LOGIN_DATA_MAX, &step->data,
                                        &step->len, &err) < 0) {
        step->data = NULL;
        step_free(&step->step);
        error_prefix(&err, "data");
        refuse_at_once(l, r, AUDIT_CODE_LOGIN_SYNTAX, err.text);
        return;
    }
    l->request = r;
    l->started = true;
    l->asked_us = clock_monotonic_us();
    enum pool pool = sasl_login_asks_others(l->sasl, l->mechanism) ? POOL_ACCOUNTS : POOL_LOGINS;
    step->sasl = TAKE_PTR(l->sasl);
    step->attempt = TAKE_PTR(l->attempt);
    if (offload_start(&c->away, &step->step, &step_ops, d->pools[pool], &c->loop->inbox) < 0)
        refuse_at_once(l, r, AUDIT_CODE_BUSY, "the gateway is too busy: try again");
}

/* Its constant name; NULL if it is not offered. */
static const char *find_offered(const struct sasl_login *sasl, struct span mechanism)
{
    const char *name;
    for (size_t i = 0; (name = sasl_login_mechanism(sasl, i)); i++) {
        if (strlen(name) == mechanism.len && memcmp(name, mechanism.data, mechanism.len) == 0)
            return name;
    }
    return NULL;
}

void login_auth_start(struct session *s, struct request *r)
{
    struct login *l = need_login(s);
    const struct conf_listener *listener = listener_of(s);
    struct span mechanism;
    struct error err;
    if (!listener || listener->n_sasl == 0) {
        session_error(r, QMP_ERROR_GENERIC, "no login by SASL is offered here");
    } else if (s->caller->identity && !s->logged_in) {
        session_error(r, QMP_ERROR_GENERIC, "no login is needed: this is %s",
                      s->caller->identity->name);
    } else if (l->started) {
        refuse_at_once(l, r, AUDIT_CODE_LOGIN_SYNTAX,
                       "a login was under way, and is over: gateway-auth-start again");
    } else if (!begin_exchange(l, &err)) {
        log_warning("connection %llu: no login: %s", (unsigned long long)s->client->number,
                    err.text);
        session_error(r, QMP_ERROR_GENERIC, "no login is possible here");
    } else {
        gateway_string_argument(r, "mechanism", &mechanism);
        l->mechanism = find_offered(l->sasl, mechanism);
        if (l->mechanism)
            go_on(l, r, true);
        else
            refuse_at_once(l, r, AUDIT_CODE_LOGIN_SYNTAX,
                           "this mechanism is not offered: gateway-info tells which are");
    }
}

void login_auth_step(struct session *s, struct request *r)
{
    struct login *l = need_login(s);
    if (l->started)
        go_on(l, r, false);
    else
        refuse_at_once(l, r, AUDIT_CODE_LOGIN_SYNTAX,
                       "no login is under way: gateway-auth-start first");
}

/* --- after a reload --------------------------------------------------------------------------- */

const char *login_objection(const struct session *s, const struct conf_listener *l)
{
    const struct identity *known = s->caller->identity;
    if (!known)
        return NULL;
    if (!s->logged_in)
        return login_is_needed(l, known) ? "its listener wants a login now" : NULL;
    if (s->external && l->identity == CONF_IDENTITY_EXTERNAL &&
        strcmp(known->name, s->external->name) != 0)
        return "its listener goes by another identity now";
    for (size_t i = 0; i < l->n_sasl; i++) {
        if (strcmp(l->sasl[i], s->logged_in) == 0 && is_offered_here(l, s->logged_in))
            return NULL;
    }
    return "its listener takes no such login any more";
}
