#include "config.h"
#include "proxy/gateway.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "proxy/attach.h"
#include "proxy/client.h"
#include "proxy/daemon.h"
#include "proxy/delegation.h"
#include "proxy/dispatch.h"
#include "proxy/libvirt_hosts.h"
#include "proxy/login.h"
#include "proxy/monitor.h"
#include "proxy/registry.h"
#include "proxy/snapshot.h"
#include "proxy/vm_board.h"

#define AUTH      SESSION_PHASE_BIT(SESSION_AUTH)
#define ATTACH    SESSION_PHASE_BIT(SESSION_ATTACH)
#define NEGOTIATE SESSION_PHASE_BIT(SESSION_NEGOTIATE)
#define READY     SESSION_PHASE_BIT(SESSION_READY)
#define ANY       (AUTH | ATTACH | NEGOTIATE | READY)

/* --- arguments -------------------------------------------------------------------------------- */

static uint32_t find_argument(const struct request *r, const char *name)
{
    if (r->view.arguments == QMP_NONE)
        return QMP_NONE;
    return qmp_tape_find(r->tape, r->view.arguments, (struct span){ name, strlen(name) });
}

bool gateway_string_argument(const struct request *r, const char *name, struct span *out)
{
    uint32_t token = find_argument(r, name);
    if (token == QMP_NONE || qmp_tape_kind(r->tape, token) != QMP_KIND_STRING)
        return false;
    *out = qmp_tape_string(r->tape, token);
    return true;
}

bool gateway_int_argument(const struct request *r, const char *name, int64_t *out)
{
    uint32_t token = find_argument(r, name);
    return token != QMP_NONE && qmp_tape_kind(r->tape, token) == QMP_KIND_NUMBER &&
           qmp_tape_int64(r->tape, token, out);
}

/* An argument is written "name:kind" or "name:kind?"; kind: s string, i integer, o object, a array
 * of strings. */
struct argument_spec {
    size_t name_len;
    char kind;
    bool optional;
};

static struct argument_spec parse_spec(const char *spec)
{
    const char *colon = strchr(spec, ':');
    return (struct argument_spec){ (size_t)(colon - spec), colon[1], colon[2] == '?' };
}

static bool kind_fits(const struct qmp_tape *t, uint32_t token, char kind)
{
    int64_t number;
    switch (kind) {
    case 's':
        return qmp_tape_kind(t, token) == QMP_KIND_STRING;
    case 'i':
        return qmp_tape_kind(t, token) == QMP_KIND_NUMBER && qmp_tape_int64(t, token, &number);
    case 'o':
        return qmp_tape_kind(t, token) == QMP_KIND_OBJECT;
    default:
        return qmp_tape_kind(t, token) == QMP_KIND_ARRAY;
    }
}

static const char *kind_name(char kind)
{
    return kind == 's' ? "string" : kind == 'i' ? "integer" : kind == 'o' ? "object" : "array";
}

static int check_known(const struct request *r, const struct gateway_command *command,
                       struct error *err)
{
    QMP_TAPE_MEMBERS (r->tape, r->view.arguments, name, value) {
        struct span text = qmp_tape_string(r->tape, name);
        bool known = false;
        for (const char *const *a = command->arguments; a && *a && !known; a++) {
            struct argument_spec spec = parse_spec(*a);
            known = spec.name_len == text.len && memcmp(*a, text.data, text.len) == 0;
            if (known && !kind_fits(r->tape, value, spec.kind))
                return error_set(err, ERROR_INVALID,
                                 "Invalid parameter type for '%.*s', expected: %s", (int)text.len,
                                 text.data, kind_name(spec.kind));
        }
        if (!known)
            return error_set(err, ERROR_INVALID, "Parameter '%.*s' is unexpected",
                             (int)(text.len > 64 ? 64 : text.len), text.data);
    }
    return 0;
}

static int check_arguments(const struct request *r, const struct gateway_command *command,
                           struct error *err)
{
    if (r->view.arguments != QMP_NONE && check_known(r, command, err) < 0)
        return ERROR_INVALID;
    for (const char *const *a = command->arguments; a && *a; a++) {
        struct argument_spec spec = parse_spec(*a);
        CLEANUP_FREE char *name = mem_strndup(*a, spec.name_len);
        if (!spec.optional && find_argument(r, name) == QMP_NONE)
            return error_set(err, ERROR_INVALID, "Parameter '%s' is missing", name);
    }
    return 0;
}

/* --- negotiation ------------------------------------------------------------------------------ */

/* The capabilities that the client asks for; false, and answered, if it may not have them. */
bool gateway_take_enable(struct session *s, struct request *r, bool *oob)
{
    uint32_t list = find_argument(r, "enable");
    *oob = false;
    if (list == QMP_NONE)
        return true;
    QMP_TAPE_ELEMENTS (r->tape, list, item) {
        bool known = qmp_tape_kind(r->tape, item) == QMP_KIND_STRING &&
                     qmp_tape_string_is(r->tape, item, SPAN_LIT("oob"));
        bool offered = known && (!s->monitor || s->monitor->oob);
        if (!offered) {
            session_error(r, QMP_ERROR_GENERIC,
                          known ? "Capability 'oob' is not available"
                                : "Invalid parameter: unknown capability");
            return false;
        }
        *oob = true;
    }
    return true;
}

static void qmp_capabilities(struct session *s, struct request *r)
{
    bool oob;
    if (s->negotiated) {
        session_error(r, QMP_ERROR_COMMAND_NOT_FOUND,
                      "The command qmp_capabilities has not been found");
        return;
    }
    if (!gateway_take_enable(s, r, &oob))
        return;
    if (oob && !s->monitor) { /* our own greeting offers no such thing */
        session_error(r, QMP_ERROR_GENERIC,
                      "Capability 'oob' is not available before a VM is attached: "
                      "use gateway-attach with \"enable\"");
        return;
    }
    s->negotiated = true;
    s->oob = oob;
    session_set_phase(s, s->monitor ? SESSION_READY : s->phase);
    session_return(r, SPAN_LIT("{}"));
}

/* --- about oneself ---------------------------------------------------------------------------- */

static void add_member(struct buf *b, const char *name, const char *value)
{
    if (!value || !value[0])
        return;
    if (buf_data(b)[buf_len(b) - 1] != '{')
        BUF_ADD_LIT(b, ", ");
    buf_add_json_string(b, name, strlen(name));
    BUF_ADD_LIT(b, ": ");
    buf_add_json_string(b, value, strlen(value));
}

static const char *session_uuid(const struct session *s)
{
    if (s->vm && s->vm->uuid)
        return s->vm->uuid;
    return s->monitor ? s->monitor->uuid : NULL;
}

static void gateway_info(struct session *s, struct request *r)
{
    CLEANUP_BUF struct buf b = { 0 };
    BUF_ADD_LIT(&b, "{");
    add_member(&b, "version", PACKAGE_VERSION);
    add_member(&b, "phase", session_phase_name(s->phase));
    add_member(&b, "identity", caller_name(s->caller));
    add_member(&b, "vm", s->vm ? s->vm->name : NULL);
    add_member(&b, "uuid", session_uuid(s));
    add_member(&b, "acting-for", caller_acting_name(s->caller));
    BUF_ADD_LIT(&b, ", \"mechanisms\": ");
    login_write_mechanisms(&b, s);
    buf_printf(&b, ", \"connection\": %llu}", (unsigned long long)s->caller->connection);
    session_return(r, gateway_buf_span(&b));
}

void gateway_write_greeting(struct buf *out)
{
    unsigned v[3] = { 0 };
    sscanf(PACKAGE_VERSION, "%u.%u.%u", &v[0], &v[1], &v[2]);
    buf_printf(out,
               "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": %u, \"minor\": %u, \"major\": %u}, "
               "\"package\": \"qmpgate %s\"}, \"capabilities\": [\"gateway\"]}}\r\n",
               v[2], v[1], v[0], PACKAGE_VERSION);
}

/* --- VMs -------------------------------------------------------------------------------------- */

bool gateway_sees_vm(struct session *s, const char *name)
{
    struct loop *loop = s->client->loop;
    struct vm *vm = vms_find(loop->daemon->vms, name);
    size_t agent_of = acl_agent_of(name);
    CLEANUP_FREE char *cut = mem_strndup(name, agent_of);
    /* its sessions may outlive its entry in the table */
    struct acl_vm gone = { .name = agent_of ? cut : name, .agent = agent_of > 0 };
    bool sees =
        acl_policy_sees(loop->snapshot->policy, caller_subject(s->caller), vm ? &vm->acl : &gone);
    vm_unref(vm);
    return sees;
}

/* What keeps a domain from being reached, whether or not somebody has tried. */
static void see_domain(struct loop *loop, const struct vm *vm, struct vm_status *status)
{
    char why[ERROR_TEXT_MAX];
    bool up = libvirt_hosts_is_up(loop->daemon->libvirt, vm->connection, why);
    struct error words = { 0 };
    if (!up)
        error_set(&words, ERROR_STATE, "%s", why);
    else if (vm->contested)
        error_set(&words, ERROR_STATE, "two VMs that run claim its UUID");
    else
        return;
    status->state = "unreachable";
    memcpy(status->reason, words.text, sizeof(status->reason));
}

static void write_vm(struct session *s, struct buf *b, const struct vm *vm)
{
    struct loop *loop = s->client->loop;
    struct vm_status status;
    vm_board_get(loop->daemon->board, vm->name, &status);
    BUF_ADD_LIT(b, "{");
    add_member(b, "name", vm->name);
    add_member(b, "agent-of", vm->agent_of);
    add_member(b, "uuid", vm->uuid ? vm->uuid : status.uuid);
    if (vm->connection)
        see_domain(loop, vm, &status);
    add_member(b, "state", status.state);
    add_member(b, "reason", status.reason);
    add_member(b, "host", vm->connection);
    add_member(b, "power", vm->power);
    add_member(b, "title", vm->title);
    add_member(b, "description", vm->about);
    const struct snapshot_listener *l = snapshot_listener(loop->snapshot, s->client->listener);
    if (l && l->conf->sni_suffix && vm->dns_label) {
        CLEANUP_FREE char *sni = mem_printf("%s%s", vm->name, l->conf->sni_suffix);
        add_member(b, "sni", sni);
    }
    BUF_ADD_LIT(b, ", \"labels\": [");
    for (size_t i = 0; i < vm->n_labels; i++) {
        if (i)
            BUF_ADD_LIT(b, ", ");
        buf_add_json_string(b, vm->labels[i], strlen(vm->labels[i]));
    }
    BUF_ADD_LIT(b, "]}");
}

static void list_vm(struct session *s, struct buf *b, const struct acl_view *view,
                    const struct vm *vm)
{
    if (!acl_view_sees(view, &vm->acl))
        return;
    if (buf_len(b) > 1)
        BUF_ADD_LIT(b, ", ");
    write_vm(s, b, vm);
}

static void list_agent(struct session *s, struct buf *b, const struct acl_view *view,
                       const struct vm *vm)
{
    struct acl_vm as_agent = vm->acl;
    as_agent.agent = true;
    struct vm *agent = vm->connection && acl_view_sees(view, &as_agent) ? vm_agent(vm) : NULL;
    if (agent)
        list_vm(s, b, view, agent);
    vm_unref(agent);
}

static void gateway_list_vms(struct session *s, struct request *r)
{
    struct loop *loop = s->client->loop;
    CLEANUP_BUF struct buf b = { 0 };
    size_t n;
    struct vm **list = vms_list(loop->daemon->vms, &n);
    CLEANUP_VIEW struct acl_view *view =
        acl_view_new(loop->snapshot->policy, caller_subject(s->caller));
    BUF_ADD_LIT(&b, "[");
    for (size_t i = 0; i < n; i++) {
        list_vm(s, &b, view, list[i]);
        list_agent(s, &b, view, list[i]);
        vm_unref(list[i]);
    }
    free(list);
    BUF_ADD_LIT(&b, "]");
    session_return(r, gateway_buf_span(&b));
}

static void gateway_attach(struct session *s, struct request *r)
{
    struct span name;
    if (s->vm) {
        session_error(r, QMP_ERROR_GENERIC, "attached to VM '%s' already: gateway-detach first",
                      s->vm->name);
        return;
    }
    gateway_string_argument(r, "vm", &name);
    attach_by_name(s, r, name);
}

void gateway_write_attached(struct buf *out, const struct session *s, struct span greeting)
{
    add_member(out, "vm", s->vm->name);
    add_member(out, "uuid", session_uuid(s));
    BUF_ADD_LIT(out, ", \"QMP\": ");
    buf_add_span(out, greeting);
}

static void gateway_detach(struct session *s, struct request *r)
{
    if (s->oob_flight) {
        session_error(r, QMP_ERROR_GENERIC, "out-of-band commands are still in flight");
        return;
    }
    session_detach(s);
    session_return(r, SPAN_LIT("{}"));
}

/* --- explain ---------------------------------------------------------------------------------- */

static bool explain_allowed(struct session *s)
{
    int64_t minute = clock_monotonic_us() / (60 * USEC_PER_SEC);
    if (minute != s->explain_minute) {
        s->explain_minute = minute;
        s->explains = 0;
    }
    return s->explains++ < s->client->loop->snapshot->conf->limits.explain_per_minute;
}

/* The request that is asked about, judged as it would be; without arguments by its name. */
static struct acl_verdict explain(struct session *s, struct request *r, struct span name)
{
    uint32_t arguments = find_argument(r, "arguments");
    if (arguments == QMP_NONE)
        return acl_check_name(s->rights, name);
    return acl_check(s->rights, &s->client->loop->acl, name, r->tape, arguments);
}

/* Without arguments the question is for the command alone. */
static bool explain_arguments(struct session *s, struct request *r, struct span name,
                              char wrong[QMP_ARGUMENT_TEXT_MAX])
{
    struct qmp_argument_fault fault;
    uint32_t arguments = find_argument(r, "arguments");
    if (arguments == QMP_NONE || dispatch_arguments_fit(s, name, r->tape, arguments, &fault))
        return true;
    (void)qmp_argument_fault_text(&fault, r->tape, wrong);
    return false;
}

static void gateway_explain(struct session *s, struct request *r)
{
    struct span name;
    if (!explain_allowed(s)) {
        session_error(r, QMP_ERROR_GENERIC, "too many gateway-explain in a minute: wait");
        return;
    }
    gateway_string_argument(r, "execute", &name);
    struct acl_verdict v = explain(s, r, name);
    char wrong[QMP_ARGUMENT_TEXT_MAX];
    bool fits = explain_arguments(s, r, name, wrong);
    CLEANUP_BUF struct buf b = { 0 };
    bool depends = v.decision == ACL_CONDITIONAL;
    bool allowed = (v.decision == ACL_ALLOWED || depends) && fits;
    buf_printf(&b, "{\"allowed\": %s", allowed ? "true" : "false");
    add_member(&b, "rule", v.rule);
    if (!fits)
        add_member(&b, "reason", wrong);
    else if (v.decision == ACL_UNKNOWN_COMMAND)
        add_member(&b, "reason", "the VM does not know this command");
    else if (v.decision != ACL_ALLOWED)
        add_member(&b, "reason", v.reason);
    CLEANUP_BUF struct buf detail = { 0 };
    dispatch_refusal_detail(s, name, &detail);
    buf_add_char(&detail, '\0');
    add_member(&b, "detail", buf_data(&detail));
    BUF_ADD_LIT(&b, "}");
    session_return(r, gateway_buf_span(&b));
}

static void gateway_unknown(struct session *s, struct request *r)
{
    struct span name = request_command(r);
    (void)s;
    session_error(r, QMP_ERROR_COMMAND_NOT_FOUND, "The command %.*s has not been found",
                  (int)(name.len > 64 ? 64 : name.len), name.data);
}

/* --- the table -------------------------------------------------------------------------------- */

static const char *const enable_args[] = { "enable:a?", NULL };
static const char *const attach_args[] = { "vm:s", "enable:a?", NULL };
static const char *const explain_args[] = { "execute:s", "arguments:o?", NULL };
static const char *const auth_start_args[] = { "mechanism:s", "data:s?", NULL };
static const char *const auth_step_args[] = { "data:s?", NULL };
static const char *const act_as_args[] = { "identity:s?", NULL };
static const char *const close_args[] = { "connection:i?", "identity:s?", NULL };
static const char *const release_args[] = { "address:s?", "name:s?", NULL };
static const char *const tail_args[] = { "count:i?", NULL };

#define NAMED(text) .name = (text), .name_len = sizeof(text) - 1

static const struct gateway_command commands[] = {
    { NAMED("gateway-info"), .phases = ANY, .run = gateway_info },
    { NAMED("gateway-auth-start"), .phases = ANY, .arguments = auth_start_args,
      .run = login_auth_start },
    { NAMED("gateway-auth-step"), .phases = ANY, .arguments = auth_step_args,
      .run = login_auth_step },
    { NAMED("gateway-act-as"), .phases = ATTACH, .arguments = act_as_args,
      .run = delegation_act_as },
    { NAMED("gateway-list-vms"), .phases = ATTACH | NEGOTIATE | READY, .run = gateway_list_vms },
    { NAMED("gateway-attach"), .phases = ATTACH | NEGOTIATE | READY, .arguments = attach_args,
      .run = gateway_attach },
    { NAMED("gateway-detach"), .phases = NEGOTIATE | READY, .run = gateway_detach },
    { NAMED("gateway-explain"), .phases = READY, .arguments = explain_args,
      .run = gateway_explain },
    { NAMED("gateway-sessions"), .phases = ATTACH | NEGOTIATE | READY, .admin = ACL_ADMIN_SESSIONS,
      .run = gateway_sessions },
    { NAMED("gateway-session-close"), .phases = ATTACH | NEGOTIATE | READY,
      .admin = ACL_ADMIN_SESSION_CLOSE, .always = true, .arguments = close_args,
      .run = gateway_session_close },
    { NAMED("gateway-login-release"), .phases = ATTACH | NEGOTIATE | READY,
      .admin = ACL_ADMIN_LOGIN_RELEASE, .arguments = release_args, .run = gateway_login_release },
    { NAMED("gateway-reload"), .phases = ATTACH | NEGOTIATE | READY, .admin = ACL_ADMIN_RELOAD,
      .always = true, .run = gateway_reload },
    { NAMED("gateway-stats"), .phases = ATTACH | NEGOTIATE | READY, .admin = ACL_ADMIN_STATS,
      .run = gateway_stats },
    { NAMED("gateway-audit-tail"), .phases = ATTACH | NEGOTIATE | READY,
      .admin = ACL_ADMIN_AUDIT_TAIL, .arguments = tail_args, .run = gateway_audit_tail },
    { NAMED("gateway-audit-rotate"), .phases = ATTACH | NEGOTIATE | READY,
      .admin = ACL_ADMIN_AUDIT_ROTATE, .run = gateway_audit_rotate },
    { NAMED("qmp_capabilities"), .phases = ANY, .arguments = enable_args, .run = qmp_capabilities },
    { NAMED("query-commands"), .phases = READY, .run = gateway_query_commands },
    { NAMED("query-qmp-schema"), .phases = READY, .run = gateway_query_schema },
};

static const struct gateway_command unknown_command = { NAMED("gateway-*"), .phases = ANY,
                                                        .run = gateway_unknown };

const struct gateway_command *gateway_command_at(unsigned i)
{
    return i < ARRAY_SIZE(commands) ? &commands[i] : NULL;
}

static bool is_ours(struct span name)
{
    static const char prefix[] = "gateway-";
    return name.len >= sizeof(prefix) - 1 && memcmp(name.data, prefix, sizeof(prefix) - 1) == 0;
}

bool gateway_is_secret(struct span name)
{
    static const char prefix[] = "gateway-auth-";
    return name.len >= sizeof(prefix) - 1 && memcmp(name.data, prefix, sizeof(prefix) - 1) == 0;
}

/* First letters "ga" or "qm" or "qu": a command like `stop` is told apart in one comparison. */
const struct gateway_command *gateway_find(struct span name, enum session_phase phase)
{
    if (name.len < 12 || (name.data[0] != 'g' && name.data[0] != 'q'))
        return is_ours(name) ? &unknown_command : NULL;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct gateway_command *c = &commands[i];
        if (c->name_len == name.len && memcmp(c->name, name.data, name.len) == 0)
            return is_ours(name) || (c->phases & SESSION_PHASE_BIT(phase)) ? c : NULL;
    }
    return is_ours(name) ? &unknown_command : NULL;
}

#define CITATION_MAX 128u /* bytes: a grant's name has at most 64 */

static bool permitted_admin(struct session *s, const struct gateway_command *command,
                            char citation[CITATION_MAX])
{
    const char *grant = acl_policy_admin_grant(s->client->loop->snapshot->policy,
                                               caller_subject(s->caller), command->admin);
    if (grant)
        snprintf(citation, CITATION_MAX, "grant \"%s\" admin", grant);
    return grant != NULL;
}

/* *rule is `citation`, or outlives the request's judgement otherwise. */
static bool permitted(struct session *s, const struct gateway_command *command,
                      char citation[CITATION_MAX], const char **rule)
{
    if (command->admin) {
        bool yes = permitted_admin(s, command, citation);
        *rule = yes ? citation : "default";
        return yes;
    }
    *rule = "gateway";
    if (command->run == gateway_query_commands || command->run == gateway_query_schema) {
        /* shows each only what it may run; still, who says deny means it */
        struct acl_verdict v =
            acl_check_name(s->rights, (struct span){ command->name, strlen(command->name) });
        *rule = v.rule;
        return v.decision != ACL_DENIED || strcmp(v.rule, "default") == 0;
    }
    return true;
}

void gateway_submit(struct session *s, struct request *r, const struct gateway_command *command)
{
    struct error err;
    char citation[CITATION_MAX];
    const char *rule;
    r->command = command;
    if (!(command->phases & SESSION_PHASE_BIT(s->phase))) {
        session_error(r, QMP_ERROR_GENERIC, "%s is not possible now (phase %s)", command->name,
                      session_phase_name(s->phase));
    } else if (!permitted(s, command, citation, &rule)) {
        dispatch_refused(s, r, command->admin ? AUDIT_CODE_NO_ADMINISTRATION : AUDIT_CODE_DENIED,
                         rule, "permission denied");
        session_error(r, QMP_ERROR_GENERIC, "permission denied: command '%s': %s", command->name,
                      command->admin ? "no grant gives this administration" : rule);
    } else if (check_arguments(r, command, &err) < 0) {
        if (caller_name(s->caller))
            dispatch_refused(s, r, AUDIT_CODE_BAD_ARGUMENTS, rule, "its arguments do not fit it");
        session_error(r, QMP_ERROR_GENERIC, "%s", err.text);
    } else {
        dispatch_local(s, r, rule);
    }
}

void gateway_run(struct session *s, struct request *r)
{
    STATS_INC(s->client->loop, local_commands);
    r->state = REQUEST_SENT;
    r->sent_us = loop_monotonic_us(s->client->loop);
    r->command->run(s, r);
}
