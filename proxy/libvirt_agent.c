/* libvirt keeps the channel in order: before a command it may ask the agent to echo a number (a
 * sync), for which it waits SYNC_SECONDS. Of what went wrong it tells little but texts, the same
 * for the sync as for the command, so what is certain is found out by time, and, for a command that
 * does not answer if it succeeds, by a question before it. */
#include "config.h"
#include "proxy/libvirt_agent.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/util.h"
#include "proxy/libvirt_domain.h"

#define SYNC_SECONDS 5u
#define SLACK_US     (USEC_PER_SEC / 4)

static const char ping[] = "{\"execute\":\"guest-ping\"}";

/* --- what libvirt says ------------------------------------------------------------------------ */

static const struct {
    int code;
    const char *text; /* in libvirt's */
    const char *words;
} unsent[] = {
    { VIR_ERR_AGENT_UNRESPONSIVE, "QEMU guest agent is not connected",
      "the guest's agent is not connected: does qemu-guest-agent run in the guest?" },
    { VIR_ERR_AGENT_UNRESPONSIVE, "QEMU guest agent is not available due to an error",
      "the guest's agent has sent what libvirt could not read, and is not used any more" },
    { VIR_ERR_OPERATION_INVALID, "domain is not running",
      "the VM is paused or does not run: its guest's agent cannot answer" },
    { VIR_ERR_ARGUMENT_UNSUPPORTED, "QEMU guest agent is not configured",
      "the VM has no channel for a guest agent (org.qemu.guest_agent.0)" },
};

static const char late[] = "Guest agent not available for now"; /* it did not answer in time */
static const char failed[] = "unable to execute QEMU agent command '";

static enum libvirt_result find_unsent(const virError *e, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(unsent); i++) {
        if (e->code == unsent[i].code && strstr(e->message, unsent[i].text)) {
            error_set(err, ERROR_PEER, "%s", unsent[i].words);
            return LIBVIRT_NOT_SENT;
        }
    }
    return LIBVIRT_UNKNOWN;
}

/* The agent's own words, behind the command's name; what they say means nothing to us. */
static bool take_failure(const virError *e, struct error *err)
{
    const char *begin = e->code == VIR_ERR_AGENT_UNRESPONSIVE ? NULL : strstr(e->message, failed);
    if (!begin)
        return false;
    const char *words = strstr(begin, "': ");
    error_set(err, ERROR_PEER, "%s",
              words ? words + 3 : "the guest's agent says no more than that it failed");
    return true;
}

/* libvirt counts by the wall clock, in whole milliseconds, and there is the way to it: what ends at
 * about the time of a sync was one, if the command would have had longer for certain. */
static bool was_sync(unsigned seconds, int64_t us)
{
    int64_t sync = SYNC_SECONDS * USEC_PER_SEC;
    return us > sync - SLACK_US && us < sync + SLACK_US &&
           sync + 2 * SLACK_US < seconds * USEC_PER_SEC;
}

/* It had `seconds` to answer, and libvirt was back after so many us. */
static enum libvirt_result judge(const virError *e, unsigned seconds, int64_t us, struct error *err)
{
    if (!e || !e->message)
        return libvirt_call_error(err);
    enum libvirt_result unsent_or_not = find_unsent(e, err);
    if (unsent_or_not == LIBVIRT_NOT_SENT)
        return LIBVIRT_NOT_SENT;
    if (take_failure(e, err))
        return LIBVIRT_REFUSED;
    if (e->code != VIR_ERR_AGENT_UNRESPONSIVE)
        return libvirt_call_error(err);
    bool is_late = strstr(e->message, late) != NULL;
    error_set(err, ERROR_PEER,
              is_late ? "the guest's agent does not answer" : "the guest's agent went away");
    return is_late && was_sync(seconds, us) ? LIBVIRT_NOT_SENT : LIBVIRT_UNKNOWN;
}

/* --- asking ----------------------------------------------------------------------------------- */

static enum libvirt_result ask(virDomainPtr domain, const char *command, unsigned seconds,
                               char **reply, int64_t *us, struct error *err)
{
    int64_t begun = clock_monotonic_us();
    *reply = virDomainQemuAgentCommand(domain, command, (int)seconds, 0);
    *us = clock_monotonic_us() - begun;
    return *reply ? LIBVIRT_REPLY : judge(virGetLastError(), seconds, *us, err);
}

static bool does_answer(virDomainPtr domain, struct error *err)
{
    char *pong;
    int64_t us;
    enum libvirt_result result = ask(domain, ping, SYNC_SECONDS, &pong, &us, err);
    free(pong);
    return result == LIBVIRT_REPLY || result == LIBVIRT_REFUSED;
}

/* One that answers is in order, so that what libvirt waits for next is no sync, but the command.
 * Whatever it calls the end of that, in whatever language: it says so when the time is over. */
static void call_silent(virDomainPtr domain, struct libvirt_call *call)
{
    int64_t us;
    call->result = LIBVIRT_NOT_SENT;
    if (!does_answer(domain, &call->err))
        return;
    call->result =
        ask(domain, call->command, LIMIT_AGENT_ERROR_SECONDS, &call->reply, &us, &call->err);
    const virError *e = virGetLastError();
    bool is_late = call->result == LIBVIRT_UNKNOWN && e && e->domain == VIR_FROM_QEMU;
    if (is_late && us > LIMIT_AGENT_ERROR_SECONDS * USEC_PER_SEC - SLACK_US &&
        us < SYNC_SECONDS * USEC_PER_SEC - SLACK_US)
        call->result = LIBVIRT_SILENT;
}

void libvirt_agent_call(virDomainPtr domain, struct libvirt_call *call)
{
    int64_t us;
    if (call->silent)
        call_silent(domain, call);
    else
        call->result =
            ask(domain, call->command, call->agent_seconds, &call->reply, &us, &call->err);
}
