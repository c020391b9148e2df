#include "config.h"
#include "proxy/client_admit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/address.h"
#include "net/proxy_protocol.h"
#include "net/tls.h"
#include "proxy/daemon.h"
#include "proxy/delegation.h"
#include "proxy/dispatch.h"
#include "proxy/login.h"
#include "proxy/registry.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"

static const struct snapshot_listener *listener_of(const struct client *c)
{
    return snapshot_listener(c->loop->snapshot, c->listener);
}

/* --- somebody --------------------------------------------------------------------------------- */

/* Words before goodbye: one line without an id in place of a greeting. */
static void turn_away(struct client *c, enum audit_code code, const char *text, const char *reason)
{
    struct span none = { 0 };
    qmp_write_error(client_out(c), QMP_ERROR_GENERIC, (struct span){ text, strlen(text) }, none);
    c->state = CLIENT_OPEN;
    client_finish(c, code, reason);
}

/* `identity`: whose it would have been; NULL: nobody's. */
static void record_refused_login(struct client *c, enum audit_code code, const char *identity,
                                 const char *why)
{
    struct audit_record record = dispatch_session_record(&c->session, AUDIT_AUTH);
    record.result = AUDIT_DENIED;
    record.code = code;
    record.identity = identity;
    record.text = (struct span){ why, strlen(why) };
    dispatch_record(c->loop, &record);
    log_info("connection %llu from %s: refused: %s", (unsigned long long)c->number,
             c->session.caller->peer, why);
}

/* --- still welcome? --------------------------------------------------------------------------- */

bool client_admit_is_due(const struct client *c, time_t now)
{
    return c->state == CLIENT_OPEN && c->tls &&
           now > tls_session_verified_until(stream_tls(c->stream));
}

/* Why the present snapshot does not want it, now; NULL if it does: then *code stays. */
static const char *objection(struct client *c, enum audit_code *code)
{
    struct error err;
    struct snapshot *now = c->loop->snapshot;
    bool due = client_admit_is_due(c, time(NULL));
    if (c->checked == now->number && !due)
        return NULL;
    c->checked = now->number;
    const struct snapshot_listener *l = snapshot_listener(now, c->listener);
    *code = AUDIT_CODE_LISTENER;
    if (!l)
        return "its listener was removed";
    struct tls_peer peer;
    if (c->tls && l->conf->client_cert == CONF_CLIENT_CERT_REQUIRED &&
        !tls_session_peer(stream_tls(c->stream), &peer))
        return "its listener wants a certificate now";
    *code = AUDIT_CODE_CERTIFICATE;
    if (c->tls && now->tls && tls_session_reverify(stream_tls(c->stream), now->tls, &err) < 0) {
        log_info("connection %llu: %s: %s", (unsigned long long)c->number,
                 due ? "closed" : "closed after reload", err.text);
        return due ? "its certificate has expired" : "certificate no longer accepted";
    }
    *code = AUDIT_CODE_POLICY;
    const struct caller *caller = c->session.caller;
    if (caller_name(caller) && !acl_policy_admits(now->policy, caller_subject(caller)))
        return "policy no longer admits it";
    if (!delegation_holds(now->policy, caller))
        return "policy no longer delegates";
    *code = AUDIT_CODE_LOGIN;
    return login_objection(&c->session, l->conf);
}

void client_admit_recheck(struct client *c)
{
    enum audit_code code = AUDIT_CODE_NONE;
    const char *why = c->state == CLIENT_OPEN ? objection(c, &code) : NULL;
    if (why)
        client_dismiss(c, code, why);
}

/* The same for who is not let in yet: TLS, or the look-up of a user, began before a reload. */
static bool is_turned_away_by_reload(struct client *c)
{
    enum audit_code code = AUDIT_CODE_NONE;
    const char *why = objection(c, &code);
    if (why) {
        record_refused_login(c, code, NULL, why);
        client_close(c, code, why);
    }
    return why != NULL;
}

static const char no_grant[] = "permission denied: no grant names this identity";

static int check_welcome(struct client *c, struct error *err)
{
    struct caller *caller = c->session.caller;
    if (!acl_policy_admits(c->loop->snapshot->policy, caller_subject(caller)))
        return error_set(err, ERROR_DENIED, "%s", no_grant);
    struct registry *registry = c->loop->daemon->registry;
    int rc = registry_identify(registry, &c->loop->snapshot->conf->limits, c->registry,
                               caller_name(caller), err);
    if (rc < 0)
        STATS_INC(c->loop, rejected);
    else
        registry_set_acting(registry, c->registry, caller_acting_name(caller));
    return rc;
}

int client_admit_as(struct client *c, struct identity *take_identity, struct identity *take_acting,
                    struct error *err)
{
    struct caller *caller = c->session.caller;
    caller->identity = take_identity;
    caller->acting = take_acting;
    int rc = check_welcome(c, err);
    if (rc < 0) {
        identity_unref(TAKE_PTR(caller->identity));
        identity_unref(TAKE_PTR(caller->acting));
        return rc;
    }
    struct audit_record record = dispatch_session_record(&c->session, AUDIT_SESSION_OPEN);
    record.result = AUDIT_OK;
    dispatch_record(c->loop, &record);
    return 0;
}

enum audit_code client_admit_code(const struct error *err)
{
    return err->code == ERROR_LIMIT ? AUDIT_CODE_LIMIT : AUDIT_CODE_NO_GRANT;
}

static void admit_nobody(struct client *c);

/* Whom the certificate or the peer credentials say it is. */
static void admit_identity(struct client *c, struct identity *take_identity)
{
    struct error err;
    const struct snapshot_listener *l = listener_of(c);
    if (l && login_is_needed(l->conf, take_identity)) {
        c->session.external = take_identity;
        admit_nobody(c);
        return;
    }
    CLEANUP_FREE char *name = mem_strdup(take_identity->name);
    if (client_admit_as(c, take_identity, NULL, &err) < 0) {
        enum audit_code code = client_admit_code(&err);
        record_refused_login(c, code, name, err.text);
        turn_away(c, code, err.text, err.text);
        return;
    }
    c->state = CLIENT_OPEN;
    client_set_deadline(c, c->loop->snapshot->conf->limits.negotiate_seconds,
                        "negotiation took too long");
    session_identified(&c->session);
    client_resume(c);
}

static void admit_nobody(struct client *c)
{
    c->state = CLIENT_OPEN;
    client_set_deadline(c, c->loop->snapshot->conf->limits.negotiate_seconds,
                        "login took too long");
    session_anonymous(&c->session);
    client_resume(c);
}

/* --- what blocks ------------------------------------------------------------------------------ */

/* What the peer says meanwhile waits, and wakes nobody. */
static void go_away(struct client *c, struct offload *take_step, const struct offload_ops *ops,
                    enum pool pool, const char *what)
{
    struct loop *loop = c->loop;
    event_del(&c->read_event);
    event_del(&c->write_event);
    if (offload_start(&c->away, take_step, ops, loop->daemon->pools[pool], &loop->inbox) < 0) {
        STATS_INC(loop, rejected);
        log_warning("connection %llu from %s: turned away: too many %s wait already",
                    (unsigned long long)c->number, c->session.caller->peer, what);
        client_close(c, AUDIT_CODE_BUSY, "the gateway is too busy");
    }
}

/* --- UNIX: who is behind the socket ----------------------------------------------------------- */

struct identify_step {
    struct offload step;
    struct peer_credentials who;
    struct identity *identity; /* result; owned */
    struct error err;
};

static void identify_work(struct offload *step)
{
    struct identify_step *s = container_of(step, struct identify_step, step);
    if (identity_from_uid(s->who.uid, s->who.gid, &s->identity, &s->err) < 0)
        s->identity = NULL;
}

static void identify_home(struct offload_slot *slot, struct offload *step)
{
    struct client *c = container_of(slot, struct client, away);
    struct identify_step *s = container_of(step, struct identify_step, step);
    if (is_turned_away_by_reload(c))
        return;
    if (s->identity) {
        event_add(&c->read_event, NULL);
        admit_identity(c, TAKE_PTR(s->identity));
    } else {
        record_refused_login(c, AUDIT_CODE_NO_IDENTITY, NULL, s->err.text);
        turn_away(c, AUDIT_CODE_NO_IDENTITY,
                  "permission denied: peer credentials name no user of this machine",
                  "no identity");
    }
}

static void identify_free(struct offload *step)
{
    struct identify_step *s = container_of(step, struct identify_step, step);
    identity_unref(s->identity);
    free(s);
}

static const struct offload_ops identify_ops = {
    .work = identify_work,
    .home = identify_home,
    .free = identify_free,
};

static void identify_unix(struct client *c)
{
    struct error err;
    struct identify_step *s = MEM_NEW(struct identify_step);
    c->state = CLIENT_IDENTIFY;
    if (peer_credentials_get(stream_fd(c->stream), &s->who, &err) < 0) {
        free(s);
        client_close(c, AUDIT_CODE_NO_IDENTITY, "cannot look up the peer's user");
    } else {
        free(c->site);
        c->site = mem_printf("unix:%u", (unsigned)s->who.uid);
        go_away(c, &s->step, &identify_ops, POOL_NAMES, "look-ups of users");
    }
}

/* --- TLS -------------------------------------------------------------------------------------- */

static void identify_tls(struct client *c)
{
    struct error err;
    struct tls_peer peer;
    struct tls_session *tls = stream_tls(c->stream);
    struct identity *identity;

    STATS_INC(c->loop, handshakes);
    if (tls_session_resumed(tls))
        STATS_INC(c->loop, resumed);
    if (is_turned_away_by_reload(c))
        return;
    if (!tls_session_peer(tls, &peer)) {
        admit_nobody(c);
    } else if (identity_from_certificate(peer.der, peer.der_len, peer.ca, &identity, &err) < 0) {
        record_refused_login(c, AUDIT_CODE_NO_IDENTITY, NULL, err.text);
        turn_away(c, AUDIT_CODE_NO_IDENTITY,
                  "permission denied: the certificate's subject is no identity", "no identity");
    } else {
        admit_identity(c, identity);
    }
}

/* How far a step of the handshake came. */
static void handshake_went(struct client *c, enum stream_status status, const struct error *err)
{
    switch (status) {
    case STREAM_OK:
        if (c->tls)
            identify_tls(c);
        else
            identify_unix(c);
        return;
    case STREAM_WANT_READ:
        return;
    case STREAM_WANT_WRITE:
        event_add(&c->write_event, NULL);
        return;
    case STREAM_EOF:
        STATS_INC(c->loop, handshake_failures);
        client_close(c, AUDIT_CODE_PEER_CLOSED, "closed during the TLS handshake");
        return;
    case STREAM_FAILED:
        STATS_INC(c->loop, handshake_failures);
        record_refused_login(c, AUDIT_CODE_TLS, NULL, err->text);
        client_close(c, AUDIT_CODE_TLS, "TLS handshake failed");
        return;
    }
}

/* With a key in a token: which may be a box at the other end of a network. */
struct handshake_step {
    struct offload step;
    struct stream *stream; /* owned until it is home */
    enum stream_status status;
    struct error err;
};

static void handshake_work(struct offload *step)
{
    struct handshake_step *s = container_of(step, struct handshake_step, step);
    s->status = stream_handshake(s->stream, &s->err);
}

static void handshake_home(struct offload_slot *slot, struct offload *step)
{
    struct client *c = container_of(slot, struct client, away);
    struct handshake_step *s = container_of(step, struct handshake_step, step);
    c->stream = TAKE_PTR(s->stream);
    if (s->status != STREAM_WANT_WRITE)
        event_add(&c->read_event, NULL);
    handshake_went(c, s->status, &s->err);
}

/* The descriptor stays open until the step is home, but the peer need not wait for that. */
static void handshake_cancelled(struct offload *step)
{
    struct handshake_step *s = container_of(step, struct handshake_step, step);
    shutdown(stream_fd(s->stream), SHUT_RDWR);
}

static void handshake_free(struct offload *step)
{
    struct handshake_step *s = container_of(step, struct handshake_step, step);
    stream_free(s->stream);
    free(s);
}

static const struct offload_ops handshake_ops = {
    .work = handshake_work,
    .home = handshake_home,
    .cancelled = handshake_cancelled,
    .free = handshake_free,
};

static void continue_handshake(struct client *c)
{
    if (c->handshake_blocks) {
        struct handshake_step *s = MEM_NEW(struct handshake_step);
        s->stream = TAKE_PTR(c->stream);
        go_away(c, &s->step, &handshake_ops, POOL_TOKENS, "handshakes");
    } else {
        struct error err;
        enum stream_status status = stream_handshake(c->stream, &err);
        handshake_went(c, status, &err);
    }
}

static void start_handshake(struct client *c, const struct conf_listener *conf)
{
    static const enum tls_client_cert wanted[] = {
        [CONF_CLIENT_CERT_REQUIRED] = TLS_CLIENT_CERT_REQUIRED,
        [CONF_CLIENT_CERT_OPTIONAL] = TLS_CLIENT_CERT_OPTIONAL,
        [CONF_CLIENT_CERT_NONE] = TLS_CLIENT_CERT_NONE,
    };
    int fd = TAKE_FD(c->fd);
    c->stream = c->tls ? stream_new_tls_server(c->loop->snapshot->tls, fd,
                                               wanted[conf->client_cert], c->listener)
                       : stream_new_plain(fd);
    c->state = CLIENT_HANDSHAKE;
    c->handshake_blocks = c->tls && c->loop->snapshot->tls_key_in_token;
    c->checked = c->loop->snapshot->number;
    continue_handshake(c);
}

/* --- PROXY protocol --------------------------------------------------------------------------- */

/* Reads the header and not a byte more: what follows belongs to TLS. */
static size_t header_bytes_wanted(const struct client *c)
{
    enum { fixed = 16 };
    size_t have = buf_len(&c->in);
    if (have < fixed)
        return fixed - have;
    const unsigned char *p = (const unsigned char *)buf_data(&c->in);
    size_t all = fixed + ((size_t)p[14] << 8 | p[15]);
    if (all > PROXY_PROTOCOL_MAX)
        all = PROXY_PROTOCOL_MAX;
    return all > have ? all - have : 0;
}

static void proxy_header_done(struct client *c, const struct sockaddr_storage *peer)
{
    struct error err;
    char text[ADDRESS_TEXT_MAX], site[ADDRESS_TEXT_MAX];
    buf_free(&c->in);
    if (peer->ss_family == AF_UNSPEC) {
        client_close(c, AUDIT_CODE_PEER_CLOSED, "the balancer's own health check");
        return;
    }
    address_format(peer, text);
    address_format_site(peer, site);
    if (registry_set_peer(c->loop->daemon->registry, &c->loop->snapshot->conf->limits, c->registry,
                          site, text, &err) < 0) {
        STATS_INC(c->loop, rejected);
        client_close(c, AUDIT_CODE_LIMIT, "too many connections from this address");
        return;
    }
    free(c->session.caller->peer);
    c->session.caller->peer = mem_strdup(text);
    free(c->site);
    c->site = mem_strdup(site);
    const struct snapshot_listener *l = listener_of(c);
    if (l)
        start_handshake(c, l->conf);
    else
        client_close(c, AUDIT_CODE_LISTENER, "the listener is gone");
}

/* Parsed as it comes: what cannot become a header is turned away at once, not when its time is up.
 */
/* One step: reads what the header still lacks, and looks at it. What cannot be a header is refused
 * at its first bytes, not when the length that it seems to have is there. */
static enum proxy_protocol_status read_proxy_header(struct client *c, struct sockaddr_storage *peer,
                                                    struct error *err)
{
    size_t used;
    enum proxy_protocol_status st = PROXY_PROTOCOL_MORE;
    while (st == PROXY_PROTOCOL_MORE) {
        size_t want = header_bytes_wanted(c);
        if (want == 0)
            return PROXY_PROTOCOL_BAD;
        ssize_t n = recv(c->fd, buf_reserve(&c->in, want), want, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return PROXY_PROTOCOL_MORE;
        if (n <= 0)
            return PROXY_PROTOCOL_BAD;
        buf_commit(&c->in, (size_t)n);
        st = proxy_protocol_parse((const unsigned char *)buf_data(&c->in), buf_len(&c->in), &used,
                                  peer, err);
    }
    return st;
}

static void continue_proxy_header(struct client *c)
{
    struct error err;
    struct sockaddr_storage peer;
    switch (read_proxy_header(c, &peer, &err)) {
    case PROXY_PROTOCOL_MORE:
        return;
    case PROXY_PROTOCOL_DONE:
        proxy_header_done(c, &peer);
        return;
    case PROXY_PROTOCOL_BAD:
        log_info("connection %llu from %s: no PROXY version 2 header, which this listener requires",
                 (unsigned long long)c->number, c->session.caller->peer);
        client_close(c, AUDIT_CODE_NOT_QMP, "bad PROXY header");
        return;
    }
}

void client_admit_continue(struct client *c)
{
    if (c->state == CLIENT_PROXY_HEADER)
        continue_proxy_header(c);
    else
        continue_handshake(c);
}

/* --- a new one -------------------------------------------------------------------------------- */

static bool is_trusted_balancer(const struct snapshot_listener *l,
                                const struct sockaddr_storage *peer)
{
    for (size_t i = 0; i < l->n_proxy_from; i++) {
        if (address_range_contains(&l->proxy_from[i], peer))
            return true;
    }
    return false;
}

static void reject(struct loop *loop, int fd, const char *text)
{
    int64_t now = clock_monotonic_us();
    STATS_INC(loop, rejected);
    if (now - loop->reject_logged_us >
        USEC_PER_SEC) { /* once a second: the count is in the figures */
        loop->reject_logged_us = now;
        log_warning("connection refused: %s", text);
    }
    close(fd);
}

void client_admit(struct loop *loop, const char *listener, int take_fd,
                  const struct sockaddr_storage *peer)
{
    const struct snapshot_listener *l = snapshot_listener(loop->snapshot, listener);
    struct registry_entry *entry;
    struct error err;
    char text[ADDRESS_TEXT_MAX], site[ADDRESS_TEXT_MAX];

    STATS_INC(loop, accepted);
    if (!l) {
        close(take_fd);
        return;
    }
    address_format(peer, text);
    address_format_site(peer, site);
    bool tls = l->conf->address != NULL;
    bool balanced = tls && l->conf->proxy_protocol && is_trusted_balancer(l, peer);
    if (registry_add(loop->daemon->registry, &loop->snapshot->conf->limits,
                     balanced || !tls ? NULL : site, text, listener, loop, &entry, &err) < 0) {
        reject(loop, take_fd, err.text);
        return;
    }
    if (tls)
        setsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    struct client *c = MEM_NEW(struct client);
    c->number = registry_number(entry);
    c->loop = loop;
    c->registry = entry;
    c->listener = mem_strdup(listener);
    c->site = mem_strdup(site);
    c->tls = tls;
    c->fd = take_fd;
    session_init(&c->session, c);
    c->session.caller = caller_new(c->number, text);
    HASH_ADD(hh, loop->clients, number, sizeof(c->number), c);
    client_watch(c, take_fd);
    event_add(&c->read_event, NULL);
    client_set_deadline(c, loop->snapshot->conf->limits.handshake_seconds,
                        "the TLS handshake took too long");
    if (balanced) {
        c->state = CLIENT_PROXY_HEADER;
        continue_proxy_header(c);
    } else {
        start_handshake(c, l->conf);
    }
}
