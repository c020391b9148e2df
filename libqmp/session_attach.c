/* With a gateway: the VM that was asked for, and no other. Source: qmpgate-protocol(7). */
#include "config.h"
#include "libqmp/session_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/buf.h"
#include "base/mem.h"
#include "qmp/scan.h"

static uint32_t find_object(const struct qmp_tape *t, uint32_t in, struct span name)
{
    uint32_t token = in == QMP_NONE ? QMP_NONE : qmp_tape_find(t, in, name);
    return token != QMP_NONE && qmp_tape_kind(t, token) == QMP_KIND_OBJECT ? token : QMP_NONE;
}

bool session_greeting_offers(const char *greeting, const char *capability)
{
    struct qmp_scanner *scanner = codec_scan(greeting, QMP_ERROR_KIND_REPLY, NULL);
    const struct span name = { capability, strlen(capability) };
    bool found = false;
    if (!scanner)
        return false;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint32_t qmp = find_object(t, 0, SPAN_LIT("QMP")), list = QMP_NONE;
    if (qmp != QMP_NONE)
        list = qmp_tape_find(t, qmp, SPAN_LIT("capabilities"));
    if (list != QMP_NONE && qmp_tape_kind(t, list) == QMP_KIND_ARRAY) {
        QMP_TAPE_ELEMENTS (t, list, e)
            found =
                found || (qmp_tape_kind(t, e) == QMP_KIND_STRING && qmp_tape_string_is(t, e, name));
    }
    qmp_scanner_free(scanner);
    return found;
}

static bool is_text(const struct qmp_tape *t, struct span name, const char *wanted)
{
    uint32_t token = qmp_tape_find(t, 0, name);
    if (token == QMP_NONE || qmp_tape_kind(t, token) != QMP_KIND_STRING)
        return false;
    struct span is = qmp_tape_string(t, token);
    return is.len == strlen(wanted) && strncasecmp(is.data, wanted, is.len) == 0;
}

/* The VM's greeting is in the reply. */
static int take_greeting(struct qmp_session *s, const char *reply, struct qmp_error **err)
{
    struct qmp_scanner *scanner = codec_scan(reply, QMP_ERROR_KIND_REPLY, err);
    if (!scanner)
        return -1;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    uint32_t qmp =
        qmp_tape_kind(t, 0) == QMP_KIND_OBJECT ? find_object(t, 0, SPAN_LIT("QMP")) : QMP_NONE;
    if (qmp != QMP_NONE) {
        struct span raw = qmp_tape_raw(t, qmp);
        free(s->greeting);
        s->greeting = mem_printf("{\"QMP\": %.*s}", (int)raw.len, raw.data);
    }
    qmp_scanner_free(scanner);
    return qmp != QMP_NONE ? 0
                           : problem_set(err, QMP_ERROR_KIND_REPLY, QMP_OUTCOME_UNKNOWN,
                                         "the reply to gateway-attach has no greeting in it");
}

static int attach(struct qmp_session *s, const char *vm, struct qmp_error **err)
{
    CLEANUP_FREE char *reply = NULL;
    CLEANUP_BUF struct buf arguments = { 0 };
    BUF_ADD_LIT(&arguments, "{\"vm\":");
    buf_add_json_string(&arguments, vm, strlen(vm));
    buf_add(&arguments, "}", 2);
    int rc = qmp_execute(s, "gateway-attach", buf_data(&arguments), &reply, err);
    return rc < 0 ? rc : take_greeting(s, reply, err);
}

/* Somebody chose before we could (the gateway, by the server's name): is it the one? */
static int check_vm(struct qmp_session *s, const char *vm, struct qmp_error **err)
{
    CLEANUP_FREE char *reply = NULL;
    struct qmp_error *why = NULL;
    if (qmp_execute(s, "gateway-info", NULL, &reply, &why) < 0) {
        bool refused = qmp_error_kind(why) == QMP_ERROR_KIND_REFUSED;
        if (!refused && err)
            *err = why;
        else
            qmp_error_free(why);
        return !refused ? -1
                        : problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                                      "this is no gateway but a VM's own monitor: whether it is "
                                      "\"%s\" nobody knows; leave the VM out of the URI",
                                      vm);
    }
    struct qmp_scanner *scanner = codec_scan(reply, QMP_ERROR_KIND_REPLY, err);
    if (!scanner)
        return -1;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    bool same = qmp_tape_kind(t, 0) == QMP_KIND_OBJECT &&
                (is_text(t, SPAN_LIT("vm"), vm) || is_text(t, SPAN_LIT("uuid"), vm));
    qmp_scanner_free(scanner);
    return same ? 0
                : problem_set(err, QMP_ERROR_KIND_CONNECTION, QMP_OUTCOME_NOT_SENT,
                              "the gateway leads to another VM here than \"%s\"", vm);
}

int session_choose_vm(struct qmp_session *s, const char *vm, struct qmp_error **err)
{
    bool unattached = session_greeting_offers(s->greeting, "gateway");
    if (!vm)
        return !unattached ? 0
                           : problem_set(err, QMP_ERROR_KIND_ARGUMENT, QMP_OUTCOME_NOT_SENT,
                                         "this is a gateway: which VM? qmps://HOST[:PORT]/VM, or "
                                         "unix:PATH?vm=VM");
    return unattached ? attach(s, vm, err) : check_vm(s, vm, err);
}
