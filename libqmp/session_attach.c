/* With a gateway: the VM that was asked for, and no other. Source: qmpgate-protocol(7). */
#include "config.h"
#include "libqmp/session_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/buf.h"
#include "base/mem.h"
#include "libqmp/object.h"

bool session_greeting_offers(const char *greeting, const char *capability)
{
    CLEANUP_SCANNER struct qmp_scanner *scanner = object_scan(greeting);
    const struct span name = { capability, strlen(capability) };
    if (!scanner)
        return false;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint32_t list = object_find_kind(t, object_find(t, 0, "QMP"), "capabilities", QMP_KIND_ARRAY);
    if (list == QMP_NONE)
        return false;
    QMP_TAPE_ELEMENTS (t, list, e) {
        if (qmp_tape_kind(t, e) == QMP_KIND_STRING && qmp_tape_string_is(t, e, name))
            return true;
    }
    return false;
}

bool session_take_greeting(struct qmp_session *s, const char *reply)
{
    CLEANUP_SCANNER struct qmp_scanner *scanner = object_scan(reply);
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    uint32_t qmp = t ? object_find_kind(t, 0, "QMP", QMP_KIND_OBJECT) : QMP_NONE;
    if (qmp == QMP_NONE)
        return false;
    struct span raw = qmp_tape_raw(t, qmp);
    free(s->greeting);
    s->greeting = mem_printf("{\"QMP\": %.*s}", (int)raw.len, raw.data);
    s->gateway = false;
    return true;
}

int session_attach(struct qmp_session *s, const char *vm, struct qmp_error **err)
{
    CLEANUP_FREE char *reply = NULL;
    CLEANUP_BUF struct buf arguments = { 0 };
    BUF_ADD_LIT(&arguments, "{\"vm\":");
    buf_add_json_string(&arguments, vm, strlen(vm));
    buf_add(&arguments, "}", 2);
    if (qmp_execute(s, "gateway-attach", buf_data(&arguments), &reply, err) < 0)
        return -1;
    return session_take_greeting(s, reply)
               ? 0
               : problem_set(err, QMP_ERROR_KIND_REPLY, QMP_OUTCOME_UNKNOWN,
                             "the reply to gateway-attach has no greeting in it");
}

int session_compare_vm(const char *about, const char *vm, struct qmp_error **err)
{
    CLEANUP_SCANNER struct qmp_scanner *scanner = object_scan(about);
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    CLEANUP_FREE char *name = t ? object_text(t, 0, "vm") : NULL;
    CLEANUP_FREE char *uuid = t ? object_text(t, 0, "uuid") : NULL;
    if ((name && strcasecmp(name, vm) == 0) || (uuid && strcasecmp(uuid, vm) == 0))
        return 0;
    return problem_set(err, QMP_ERROR_KIND_CONNECTION, QMP_OUTCOME_NOT_SENT,
                       "the gateway leads to VM \"%s\" here, and not to \"%s\"", name ? name : "?",
                       vm);
}

int session_check_vm(struct qmp_session *s, const char *vm, struct qmp_error **err)
{
    CLEANUP_FREE char *reply = NULL;
    struct qmp_error *why = NULL;
    if (qmp_execute(s, "gateway-info", NULL, &reply, &why) == 0)
        return session_compare_vm(reply, vm, err);
    if (qmp_error_kind(why) == QMP_ERROR_KIND_REFUSED)
        problem_set(err, QMP_ERROR_KIND_CONNECTION, QMP_OUTCOME_NOT_SENT,
                    "this is a VM's own monitor and no gateway, so there is no way to know that it "
                    "is \"%s\": leave the VM out of the URI to talk to it all the same",
                    vm);
    else if (err)
        *err = TAKE_PTR(why);
    qmp_error_free(why);
    return -1;
}
