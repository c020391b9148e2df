#include "config.h"
#include "cli/session.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "cli/document.h"
#include "cli/login.h"
#include "qmp/frame.h"
#include "qmp/message.h"

#define DENIED_PREFIX "permission denied"
#define NO_ID         INT64_MIN /* ids of ours count up from 1 */

struct session {
    struct transport *transport; /* NULL once it was taken */
    struct buf in;
    struct qmp_framer framer;
    struct qmp_scanner *scanner;
    struct json_object *greeting;
    char *closed_because; /* the gateway said so before it ended the stream; owned */
    session_event_fn *on_event;
    void *opaque;
    int64_t timeout_us;
    int64_t last_id;
    bool gateway_greeting; /* the greeting is the gateway's own: no VM is attached */
    bool ended;            /* the stream has ended or broke */
};

/* One message of the server's. */
struct message {
    enum qmp_answer_kind kind;
    struct json_object *body; /* greeting: QMP; return, error: the value; event: the whole event */
    int64_t id;               /* NO_ID if it is none of ours */
};

static void message_clear(struct message *m)
{
    json_object_put(m->body);
    m->body = NULL;
}
#define CLEANUP_MESSAGE CLEANUP(message_clear)

void session_reply_clear(struct session_reply *r)
{
    json_object_put(r->value);
    free(r->error_class);
    free(r->error_desc);
    *r = (struct session_reply){ 0 };
}

static bool desc_is_denied(const char *desc)
{
    return strncmp(desc, DENIED_PREFIX, strlen(DENIED_PREFIX)) == 0;
}

bool session_reply_is_denied(const struct session_reply *r)
{
    return r->error_desc && strcmp(r->error_class, "GenericError") == 0 &&
           desc_is_denied(r->error_desc);
}

/* --- messages in ------------------------------------------------------------------------------ */

static int read_message(const struct qmp_tape *t, struct message *m, struct error *err)
{
    struct qmp_answer a;
    int rc = qmp_answer_parse(t, &a, err);
    if (rc < 0)
        return rc;
    uint32_t body = a.kind == QMP_ANSWER_EVENT ? 0 : a.body;
    m->kind = a.kind;
    m->id = NO_ID;
    if ((a.kind == QMP_ANSWER_RETURN || a.kind == QMP_ANSWER_ERROR) && a.id != QMP_NONE &&
        !qmp_tape_int64(t, a.id, &m->id))
        m->id = NO_ID;
    return document_from_scanned(qmp_tape_raw(t, body), &m->body, err);
}

/* The next whole message among the bytes that are here: 1, 0 if there is none yet, or negative. */
static int take_message(struct session *s, struct message *m, struct error *err)
{
    size_t consumed = 0;
    enum qmp_frame_status status = QMP_FRAME_MORE;
    int rc = 0;
    if (buf_len(&s->in) > 0)
        status =
            qmp_framer_next(&s->framer, s->scanner, buf_data(&s->in), buf_len(&s->in), &consumed);
    switch (status) {
    case QMP_FRAME_MORE:
        break;
    case QMP_FRAME_MESSAGE:
        rc = read_message(qmp_scanner_tape(s->scanner), m, err);
        rc = rc < 0 ? rc : 1;
        break;
    case QMP_FRAME_BROKEN:
    case QMP_FRAME_GARBAGE:
    case QMP_FRAME_CLOSE:
        rc = error_set(err, ERROR_PEER, "%s at byte %zu of a message",
                       s->framer.fault.text ? s->framer.fault.text : "no JSON",
                       s->framer.fault.offset);
        break;
    }
    buf_consume(&s->in, consumed);
    if (rc < 0) {
        err->code = ERROR_PEER;
        error_prefix(err, "the other side does not speak QMP");
        return ERROR_PEER;
    }
    return rc;
}

const char *session_closing_reason(struct json_object *event)
{
    const char *name = document_string(event, "event");
    struct json_object *data = NULL;
    if (!name || strcmp(name, "GATEWAY_CLOSED") != 0)
        return NULL;
    const char *reason = NULL;
    if (json_object_object_get_ex(event, "data", &data))
        reason = document_string(data, "reason");
    return reason ? reason : "it does not say why";
}

int session_tell_closed(const char *reason, struct error *err)
{
    return error_set(err, ERROR_PEER, "the gateway closed this session: %s%s", reason,
                     strstr(reason, "login") ? " (start again to log in again)" : "");
}

/* 1: *m is the next message; 0: none by the deadline; negative as transport_receive. */
static int next_message(struct session *s, int64_t deadline, struct message *m, struct error *err)
{
    for (;;) {
        int rc = take_message(s, m, err);
        if (rc != 0)
            return rc;
        rc = transport_receive(s->transport, &s->in, deadline, err);
        s->ended = rc < 0 && rc != ERROR_STATE;
        if (s->ended && s->closed_because)
            session_tell_closed(s->closed_because, err);
        if (rc <= 0)
            return rc;
    }
}

static const char *error_text(struct json_object *error)
{
    const char *desc = document_string(error, "desc");
    return desc ? desc : "an error without words";
}

/* An error that answers nothing of ours is the server's last word. */
static int last_word(struct json_object *error, struct error *err)
{
    const char *desc = error_text(error);
    return error_set(err, desc_is_denied(desc) ? ERROR_DENIED : ERROR_PEER, "%s", desc);
}

static void note_event(struct session *s, struct json_object *event)
{
    const char *reason = session_closing_reason(event);
    if (!reason)
        return;
    free(s->closed_because);
    s->closed_because = mem_strdup(reason);
}

/* What comes at any time: events, replies that nobody waits for any more. */
static int handle_stray(struct session *s, struct message *m, struct error *err)
{
    switch (m->kind) {
    case QMP_ANSWER_EVENT:
        note_event(s, m->body);
        if (s->on_event)
            s->on_event(s->opaque, m->body);
        return 0;
    case QMP_ANSWER_ERROR:
        if (m->id == NO_ID)
            return last_word(m->body, err);
        return 0;
    case QMP_ANSWER_RETURN:
        return 0;
    case QMP_ANSWER_GREETING:
        break;
    }
    return error_set(err, ERROR_PEER, "the other side greets a second time");
}

int session_pump(struct session *s, int64_t deadline, struct error *err)
{
    CLEANUP_MESSAGE struct message m = { 0 };
    int rc = next_message(s, deadline, &m, err);
    if (rc <= 0)
        return rc;
    rc = handle_stray(s, &m, err);
    return rc < 0 ? rc : 1;
}

/* --- calls ------------------------------------------------------------------------------------ */

static void write_request(struct session *s, const struct session_request *r, struct buf *out)
{
    buf_add_str(out, r->oob ? "{\"exec-oob\":" : "{\"execute\":");
    buf_add_json_string(out, r->command, strlen(r->command));
    if (r->arguments || r->secret_arguments.len)
        BUF_ADD_LIT(out, ",\"arguments\":");
    if (r->secret_arguments.len)
        buf_add_span(out, r->secret_arguments);
    else if (r->arguments)
        buf_add_str(out,
                    json_object_to_json_string_ext(
                        r->arguments, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    BUF_ADD_LIT(out, ",\"id\":");
    buf_add_int(out, ++s->last_id);
    BUF_ADD_LIT(out, "}\n");
}

static int send_request(struct session *s, const struct session_request *r, int64_t deadline,
                        struct error *err)
{
    CLEANUP_BUF struct buf out = { 0 };
    if (r->secret_arguments.len) /* room for all of it: what grows leaves copies behind */
        buf_reserve(&out, r->secret_arguments.len + strlen(r->command) + 128);
    write_request(s, r, &out);
    int rc = transport_send(s->transport, buf_data(&out), buf_len(&out), deadline, err);
    if (r->secret_arguments.len)
        secret_wipe(buf_data(&out), buf_len(&out));
    return rc;
}

static void fill_reply(struct message *m, struct session_reply *reply)
{
    if (m->kind == QMP_ANSWER_RETURN) {
        reply->value = m->body;
        m->body = NULL;
        return;
    }
    const char *class = document_string(m->body, "class");
    reply->error_class = mem_strdup(class ? class : "GenericError");
    reply->error_desc = mem_strdup(error_text(m->body));
}

static bool is_reply_to(const struct message *m, int64_t id)
{
    return (m->kind == QMP_ANSWER_RETURN || m->kind == QMP_ANSWER_ERROR) && m->id == id;
}

static int wait_reply(struct session *s, int64_t deadline, struct session_reply *reply,
                      struct error *err)
{
    for (;;) {
        CLEANUP_MESSAGE struct message m = { 0 };
        int rc = next_message(s, deadline, &m, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            return error_set(err, ERROR_PEER,
                             "no reply in %g s; whether the command has run or will is unknown "
                             "(--timeout SECONDS waits longer)",
                             (double)s->timeout_us / (double)USEC_PER_SEC);
        if (is_reply_to(&m, s->last_id)) {
            fill_reply(&m, reply);
            return 0;
        }
        rc = handle_stray(s, &m, err);
        if (rc < 0)
            return rc;
    }
}

int session_call(struct session *s, const struct session_request *r, struct session_reply *reply,
                 struct error *err)
{
    int64_t deadline = deadline_after(s->timeout_us);
    *reply = (struct session_reply){ 0 };
    int rc = send_request(s, r, deadline, err);
    if (rc == 0)
        rc = wait_reply(s, deadline, reply, err);
    if (rc < 0 && s->ended && strcmp(r->command, "quit") == 0) {
        /* QEMU may be gone before its reply */
        reply->value = json_object_new_object();
        return 0;
    }
    return rc;
}

void session_set_event_handler(struct session *s, session_event_fn *handler, void *opaque)
{
    s->on_event = handler;
    s->opaque = opaque;
}

bool session_is_alive(const struct session *s)
{
    return !s->ended;
}

struct tls_session *session_tls(struct session *s)
{
    return stream_tls(transport_stream(s->transport));
}

int session_fd(const struct session *s)
{
    return stream_fd(transport_stream(s->transport));
}

void session_watch_signals(struct session *s, const sigset_t *wait_mask)
{
    transport_watch_signals(s->transport, wait_mask);
}

struct json_object *session_greeting(const struct session *s)
{
    return s->greeting;
}

bool session_is_unattached(const struct session *s)
{
    return s->gateway_greeting;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* A call while the session is opened: an error reply is a failure. */
static int setup_call(struct session *s, const char *command, struct json_object *take_arguments,
                      struct session_reply *reply, struct error *err)
{
    CLEANUP_DOCUMENT struct json_object *arguments = take_arguments;
    const struct session_request request = { .command = command, .arguments = arguments };
    int rc = session_call(s, &request, reply, err);
    if (rc < 0)
        return rc;
    if (reply->error_desc)
        return error_set(err, session_reply_is_denied(reply) ? ERROR_DENIED : ERROR_PEER, "%s",
                         reply->error_desc);
    return 0;
}

static bool has_capability(struct json_object *greeting, const char *name)
{
    struct json_object *list;
    if (!json_object_object_get_ex(greeting, "capabilities", &list) ||
        !json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (json_object_is_type(item, json_type_string) &&
            strcmp(json_object_get_string(item), name) == 0)
            return true;
    }
    return false;
}

static bool is_gateway_greeting(struct json_object *greeting)
{
    struct json_object *version;
    if (!json_object_object_get_ex(greeting, "version", &version))
        return false;
    const char *package = document_string(version, "package");
    return package && strncmp(package, "qmpgate", strlen("qmpgate")) == 0 &&
           has_capability(greeting, "gateway");
}

static int read_greeting(struct session *s, struct error *err)
{
    CLEANUP_MESSAGE struct message m = { 0 };
    int rc = next_message(s, deadline_after(s->timeout_us), &m, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return error_set(err, ERROR_PEER,
                         "connected, but no greeting in %g s: a QEMU socket serves one client at "
                         "a time, and another one may hold it",
                         (double)s->timeout_us / (double)USEC_PER_SEC);
    if (m.kind == QMP_ANSWER_ERROR)
        return last_word(m.body, err);
    if (m.kind != QMP_ANSWER_GREETING || !json_object_is_type(m.body, json_type_object))
        return error_set(err, ERROR_PEER, "the other side does not begin with a QMP greeting");
    s->greeting = TAKE_PTR(m.body);
    s->gateway_greeting = is_gateway_greeting(s->greeting);
    return 0;
}

/* True if the reply has the greeting of the VM that was attached by it. */
static bool take_vm_greeting(struct session *s, struct json_object *reply)
{
    struct json_object *greeting;
    if (!json_object_object_get_ex(reply, "QMP", &greeting) ||
        !json_object_is_type(greeting, json_type_object))
        return false;
    json_object_put(s->greeting);
    s->greeting = json_object_get(greeting);
    s->gateway_greeting = false;
    return true;
}

static int attach(struct session *s, const char *vm, struct error *err)
{
    CLEANUP_REPLY struct session_reply reply = { 0 };
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "vm", json_object_new_string(vm));
    int rc = setup_call(s, "gateway-attach", arguments, &reply, err);
    if (rc == 0 && !take_vm_greeting(s, reply.value))
        rc = error_set(err, ERROR_PEER, "the reply to gateway-attach has no greeting in it");
    return rc;
}

/* `about` has the name and the UUID of the VM that the server chose. */
static int compare_vm(struct json_object *about, const char *vm, struct error *err)
{
    const char *name = document_string(about, "vm");
    const char *uuid = document_string(about, "uuid");
    if ((name && strcasecmp(name, vm) == 0) || (uuid && strcasecmp(uuid, vm) == 0))
        return 0;
    return error_set(err, ERROR_PEER, "the gateway leads to VM \"%s\" here, and not to \"%s\"",
                     name ? name : "?", vm);
}

/* The server chose the VM before we could: is it the one that was asked for? */
static int check_vm(struct session *s, const char *vm, struct error *err)
{
    CLEANUP_REPLY struct session_reply reply = { 0 };
    const struct session_request request = { .command = "gateway-info" };
    int rc = session_call(s, &request, &reply, err);
    if (rc < 0)
        return rc;
    if (reply.error_desc)
        return error_set(
            err, ERROR_PEER,
            "this is a VM's own monitor and no gateway, so there is no way to know that "
            "it is \"%s\": leave the VM out of the URI to talk to it all the same",
            vm);
    return compare_vm(reply.value, vm, err);
}

static int choose_vm(struct session *s, const char *vm, struct error *err)
{
    if (!vm)
        return 0;
    return s->gateway_greeting ? attach(s, vm, err) : check_vm(s, vm, err);
}

/* --- who we are ------------------------------------------------------------------------------- */

/* The server did not ask. Whoever said who he is must not be somebody else without a word. */
static int check_nothing_demanded(const struct login *l, const char *identity, struct error *err)
{
    if (!l->demanded)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "no login is asked for here%s%s: leave --user and --mechanism out%s",
                     identity ? ": this is " : "", identity ? identity : "",
                     identity && strncmp(identity, "x509:", 5) == 0 ? ", or --cert and --key" : "");
}

/* The VM greeted: it is its own socket, or a gateway that knew us and the VM. */
static int check_nobody_else(const struct login *l, struct error *err)
{
    if (l->act_as)
        return error_set(err, ERROR_INVALID,
                         "--act-as comes too late here: a VM is attached already, or this is a "
                         "VM's own socket. Name the gateway, and the VM behind it: "
                         "qmps://GATEWAY/VM");
    return check_nothing_demanded(l, NULL, err);
}

static int act_as(struct session *s, const char *identity, struct error *err)
{
    CLEANUP_REPLY struct session_reply reply = { 0 };
    struct json_object *arguments = json_object_new_object();
    json_object_object_add(arguments, "identity", json_object_new_string(identity));
    return setup_call(s, "gateway-act-as", arguments, &reply, err);
}

/* The VM that the login attached, because the listener or the server name says which. */
static int take_attached(struct session *s, const struct session_settings *settings,
                         struct json_object *value, struct error *err)
{
    const char *vm = settings->transport.uri->vm;
    const char *failure = document_string(value, "attach-error");
    if (take_vm_greeting(s, value))
        return vm && !settings->stay_unattached ? compare_vm(value, vm, err) : 0;
    if (!failure || settings->stay_unattached)
        return 0;
    return error_set(err, desc_is_denied(failure) ? ERROR_DENIED : ERROR_PEER,
                     "logged in, but not attached: %s", failure);
}

static int log_in(struct session *s, const struct session_settings *settings,
                  struct json_object *info, struct error *err)
{
    CLEANUP_DOCUMENT struct json_object *value = NULL;
    int rc = login_run(settings->login, s, &settings->transport, info, &value, err);
    if (rc < 0 || !value)
        return rc;
    return take_attached(s, settings, value, err);
}

static int identify(struct session *s, const struct session_settings *settings, struct error *err)
{
    CLEANUP_REPLY struct session_reply info = { 0 };
    const struct login *l = settings->login;
    if (!s->gateway_greeting)
        return check_nobody_else(l, err);
    int rc = setup_call(s, "gateway-info", NULL, &info, err);
    if (rc < 0)
        return rc;
    const char *phase = document_string(info.value, "phase");
    if (phase && strcmp(phase, "auth") == 0)
        return log_in(s, settings, info.value, err);
    rc = check_nothing_demanded(l, document_string(info.value, "identity"), err);
    return rc == 0 && l->act_as ? act_as(s, l->act_as, err) : rc;
}

static int negotiate(struct session *s, bool oob, struct error *err)
{
    CLEANUP_REPLY struct session_reply reply = { 0 };
    struct json_object *arguments = NULL;
    if (oob) {
        if (!has_capability(s->greeting, "oob"))
            return error_set(err, ERROR_PEER, "the VM offers no out-of-band commands here");
        struct json_object *enable = json_object_new_array();
        json_object_array_add(enable, json_object_new_string("oob"));
        arguments = json_object_new_object();
        json_object_object_add(arguments, "enable", enable);
    }
    return setup_call(s, "qmp_capabilities", arguments, &reply, err);
}

static struct session *session_new(const struct session_settings *settings,
                                   struct transport *take_transport)
{
    /* The top level is enough: what is inside goes to json-c. */
    const struct qmp_scan_limits limits = {
        .max_bytes = LIMIT_REPLY_BYTES_DEFAULT,
        .max_depth = LIMIT_REPLY_DEPTH,
        .max_tokens = LIMIT_REPLY_TOKENS,
        .top_level_only = true,
    };
    struct session *s = MEM_NEW(struct session);
    s->transport = take_transport;
    s->scanner = qmp_scanner_new(&limits);
    s->timeout_us = settings->timeout_us;
    return s;
}

static int set_up(struct session *s, const struct session_settings *settings, struct error *err)
{
    int rc = read_greeting(s, err);
    bool ours = s->gateway_greeting;
    if (rc == 0)
        rc = identify(s, settings, err);
    bool attached_by_login = ours && !s->gateway_greeting;
    if (rc == 0 && !settings->stay_unattached && !attached_by_login)
        rc = choose_vm(s, settings->transport.uri->vm, err);
    if (rc == 0 && !settings->leave_negotiation)
        rc = negotiate(s, settings->oob, err);
    return rc;
}

static int open_once(const struct session_settings *settings, struct session **out,
                     struct error *err)
{
    struct transport *transport = NULL;
    int rc =
        transport_open(&settings->transport, deadline_after(settings->timeout_us), &transport, err);
    if (rc == 0) {
        struct session *s = session_new(settings, transport);
        rc = set_up(s, settings, err);
        if (rc == 0)
            *out = s;
        else
            session_free(s);
    }
    return rc;
}

int session_open(const struct session_settings *settings, struct session **out, struct error *err)
{
    struct login *login = settings->login;
    *out = NULL;
    int rc = open_once(settings, out, err);
    if (rc < 0 && login->wants_password) {
        rc = login_ask(login, &settings->transport, err);
        if (rc == 0)
            rc = open_once(settings, out, err);
    }
    if (!login->keeps_password)
        login_clear(login);
    if (rc < 0 && err->code == ERROR_SYSTEM)
        err->code = ERROR_PEER;
    return rc < 0 ? (int)err->code : 0;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    transport_free(s->transport);
    buf_free(&s->in);
    qmp_scanner_free(s->scanner);
    json_object_put(s->greeting);
    free(s->closed_because);
    free(s);
}

struct transport *session_take_transport(struct session *take_s, struct buf *rest)
{
    struct transport *transport = TAKE_PTR(take_s->transport);
    BUF_ADD_LIT(rest, "{\"QMP\": ");
    buf_add_str(rest,
                json_object_to_json_string_ext(
                    take_s->greeting, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
    BUF_ADD_LIT(rest, "}\r\n");
    size_t space = 0;
    while (space < buf_len(&take_s->in) && strchr("\r\n ", buf_data(&take_s->in)[space]))
        space++;
    buf_consume(&take_s->in, space);
    if (buf_len(&take_s->in) > 0)
        buf_add(rest, buf_data(&take_s->in), buf_len(&take_s->in));
    session_free(take_s);
    return transport;
}
