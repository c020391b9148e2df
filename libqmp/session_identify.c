/* At a gateway: who we are, for whom we act, and which VM. Source: qmpgate-protocol(7). */
#include "config.h"
#include "libqmp/session_internal.h"

#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "libqmp/login.h"
#include "libqmp/object.h"

/* The server did not ask. Whoever said who he is must not be somebody else without a word. */
static int check_nothing_demanded(const struct login *l, const char *identity,
                                  struct qmp_error **err)
{
    bool x509 = identity && strncmp(identity, "x509:", 5) == 0;
    CLEANUP_FREE char *certificate =
        x509 ? mem_printf(", or %.*s and %.*s", LOGIN_NAME_ARGS(l, QMP_SETTING_CERTIFICATE),
                          LOGIN_NAME_ARGS(l, QMP_SETTING_KEY))
             : mem_strdup("");
    if (!l->demanded)
        return 0;
    return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                       "no login is asked for here%s%s: leave %.*s and %.*s out%s",
                       identity ? ": this is " : "", identity ? identity : "",
                       LOGIN_NAME_ARGS(l, QMP_SETTING_USER),
                       LOGIN_NAME_ARGS(l, QMP_SETTING_MECHANISM), certificate);
}

/* The VM greeted: it is its own socket, or a gateway that knew us and the VM. */
static int check_nobody_else(const struct login *l, struct qmp_error **err)
{
    if (l->settings->act_as)
        return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                           "%s comes too late here: a VM is attached already, or this is a VM's "
                           "own socket. Name the gateway, and the VM behind it: qmps://GATEWAY/VM",
                           settings_name(l->settings, QMP_SETTING_ACT_AS));
    return check_nothing_demanded(l, NULL, err);
}

static int act_as(struct qmp_session *s, const char *identity, struct qmp_error **err)
{
    CLEANUP_BUF struct buf arguments = { 0 };
    BUF_ADD_LIT(&arguments, "{\"identity\":");
    buf_add_json_string(&arguments, identity, strlen(identity));
    buf_add(&arguments, "}", 2);
    return qmp_execute(s, "gateway-act-as", buf_data(&arguments), NULL, err);
}

/* The VM that the login attached, because the listener or the server name says which. */
static int take_attached(struct qmp_session *s, bool wants_vm, const char *reply,
                         struct qmp_error **err)
{
    if (session_take_greeting(s, reply))
        return s->vm && wants_vm ? session_compare_vm(reply, s->vm, err) : 0;
    CLEANUP_SCANNER struct qmp_scanner *scanner = object_scan(reply);
    CLEANUP_FREE char *failure =
        scanner ? object_text(qmp_scanner_tape(scanner), 0, "attach-error") : NULL;
    if (!failure || !wants_vm)
        return 0;
    problem_set(err, QMP_ERROR_KIND_REFUSED, QMP_OUTCOME_FAILED, "logged in, but not attached: %s",
                failure);
    if (problem_is_denial(failure))
        problem_mark_denied(err);
    return -1;
}

static int log_in(struct qmp_session *s, struct login *l, bool wants_vm, const char *info,
                  struct qmp_error **err)
{
    CLEANUP_FREE char *reply = NULL;
    if (login_run(l, s, info, &reply, err) < 0)
        return -1;
    s->mechanism = l->mechanism_used;
    return take_attached(s, wants_vm, reply, err);
}

static int identify(struct qmp_session *s, struct login *l, bool wants_vm, struct qmp_error **err)
{
    CLEANUP_FREE char *info = NULL;
    if (!s->gateway)
        return check_nobody_else(l, err);
    if (qmp_execute(s, "gateway-info", NULL, &info, err) < 0)
        return -1;
    CLEANUP_SCANNER struct qmp_scanner *scanner = object_scan(info);
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    CLEANUP_FREE char *phase = t ? object_text(t, 0, "phase") : NULL;
    CLEANUP_FREE char *identity = t ? object_text(t, 0, "identity") : NULL;
    if (phase && strcmp(phase, "auth") == 0)
        return l->settings->target == QMP_TARGET_DOOR ? 0 : log_in(s, l, wants_vm, info, err);
    if (check_nothing_demanded(l, identity, err) < 0)
        return -1;
    return l->settings->act_as ? act_as(s, l->settings->act_as, err) : 0;
}

static int choose_vm(struct qmp_session *s, enum qmp_target target, struct qmp_error **err)
{
    if (s->vm)
        return s->gateway ? session_attach(s, s->vm, err) : session_check_vm(s, s->vm, err);
    if (!s->gateway || target == QMP_TARGET_ANY)
        return 0;
    return problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                       "this is a gateway: which VM? qmps://HOST[:PORT]/VM, or unix:PATH?vm=VM");
}

int session_identify(struct qmp_session *s, struct login *l, struct qmp_error **err)
{
    enum qmp_target target = l->settings->target;
    bool wants_vm = target == QMP_TARGET_VM || target == QMP_TARGET_ANY;
    bool was_gateway = s->gateway;
    if (identify(s, l, wants_vm, err) < 0)
        return -1;
    bool attached_by_login = was_gateway && !s->gateway;
    return wants_vm && !attached_by_login ? choose_vm(s, target, err) : 0;
}
