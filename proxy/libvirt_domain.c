#include "config.h"
#include "proxy/libvirt_domain.h"

#include <libvirt/virterror.h>
#include <string.h>
#include "base/log.h"
#include "base/util.h"
#include "proxy/vm_domains.h"

/* --- states ----------------------------------------------------------------------------------- */

static const char *power_of(int state)
{
    static const char *const names[] = {
        [VIR_DOMAIN_NOSTATE] = "unknown",        [VIR_DOMAIN_RUNNING] = "running",
        [VIR_DOMAIN_BLOCKED] = "running",        [VIR_DOMAIN_PAUSED] = "paused",
        [VIR_DOMAIN_SHUTDOWN] = "shutting down", [VIR_DOMAIN_SHUTOFF] = "shut off",
        [VIR_DOMAIN_CRASHED] = "crashed",        [VIR_DOMAIN_PMSUSPENDED] = "suspended",
    };
    return state >= 0 && (size_t)state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

void libvirt_domain_state(virDomainPtr domain, int state, int reason, struct vm_domain *out)
{
    unsigned id = virDomainGetID(domain);
    bool active = id != (unsigned)-1;
    out->power = power_of(state);
    out->incarnation = active ? id : 0;
    bool paused = active && state == VIR_DOMAIN_PAUSED;
    out->came = paused && reason == VIR_DOMAIN_PAUSED_MIGRATION;
    /* what migrates in starts up first; so does what does not */
    out->arriving = out->came || (paused && reason == VIR_DOMAIN_PAUSED_STARTING_UP);
}

int libvirt_domain_look(virDomainPtr domain, struct vm_domain *out)
{
    int state, reason;
    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return ERROR_STATE;
    libvirt_domain_state(domain, state, reason, out);
    return 0;
}

bool libvirt_domain_is_leaving(virDomainPtr domain, bool was)
{
    virTypedParameterPtr fields = NULL;
    int type = VIR_DOMAIN_JOB_NONE, n = 0, operation = 0;
    if (virDomainGetJobStats(domain, &type, &fields, &n, 0) < 0)
        return was;
    virTypedParamsGetInt(fields, n, VIR_DOMAIN_JOB_OPERATION, &operation);
    virTypedParamsFree(fields, n);
    return type != VIR_DOMAIN_JOB_NONE && operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
}

/* --- errors ----------------------------------------------------------------------------------- */

int libvirt_error(struct error *err, const char *what)
{
    char shown[LOG_ESCAPE_MAX];
    const char *text = virGetLastErrorMessage();
    return error_set(err, ERROR_PEER, "%s: %s", what, log_escape(text, strlen(text), shown));
}

struct mapping {
    int domain; /* of the error; -1: any */
    int code;
    enum libvirt_result result;
    const char *words;
};

/* Certain not to have been sent is only what libvirt says before it writes to the monitor; anything
 * else may have run. */
static const struct mapping mappings[] = {
    { -1, VIR_ERR_NO_DOMAIN, LIBVIRT_NOT_SENT, "libvirt does not know the VM any more" },
    { VIR_FROM_QEMU, VIR_ERR_OPERATION_INVALID, LIBVIRT_NOT_SENT, "the VM is not running" },
    { -1, VIR_ERR_OPERATION_DENIED, LIBVIRT_NOT_SENT,
      "the gateway has no right to do that at libvirt" },
    { -1, VIR_ERR_ACCESS_DENIED, LIBVIRT_NOT_SENT,
      "the gateway has no right to do that at libvirt" },
    { VIR_FROM_QEMU, VIR_ERR_OPERATION_TIMEOUT, LIBVIRT_NOT_SENT,
      "the VM is locked by another job of libvirt's" },
    { -1, VIR_ERR_NO_SUPPORT, LIBVIRT_NOT_SENT,
      "this libvirt has no way to the monitors of its VMs" },
    { -1, VIR_ERR_NO_CONNECT, LIBVIRT_NOT_SENT, "the gateway cannot connect to libvirt" },
    { VIR_FROM_RPC, VIR_ERR_RPC, LIBVIRT_UNKNOWN,
      "libvirt could not pass on the reply (replies over 4 MiB do not go through it)" },
};

enum libvirt_result libvirt_call_error(struct error *err)
{
    virErrorPtr last = virGetLastError();
    for (size_t i = 0; last && i < ARRAY_SIZE(mappings); i++) {
        const struct mapping *m = &mappings[i];
        if (m->code == last->code && (m->domain < 0 || m->domain == last->domain)) {
            error_set(err, ERROR_PEER, "%s", m->words);
            return m->result;
        }
    }
    error_set(err, ERROR_PEER, "libvirt lost the VM, or the gateway lost libvirt");
    return LIBVIRT_UNKNOWN;
}
