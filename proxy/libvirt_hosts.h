/* The libvirts of the configuration: each brings its domains as VMs, and carries commands to their
 * monitors. All that libvirt does blocks, so it is done on threads of this room: see libvirt_host.h
 * and libvirt_calls.h. What goes there and comes back carries copies, and names whose it is by the
 * VM's name and the monitor's generation; nobody there has a pointer to what a loop owns.
 *
 * In a build without libvirt there are none (libvirt_none.c). */
#ifndef PROXY_LIBVIRT_HOSTS_H
#define PROXY_LIBVIRT_HOSTS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "conf/conf.h"
#include "proxy/inbox.h"

struct daemon;
struct libvirt_hosts;

struct libvirt_hosts *libvirt_hosts_new(struct daemon *daemon);
/* On the main thread, when the loops run: connects to what is new in conf, and lets go of what is
 * not in it any more, or is somewhere else. */
void libvirt_hosts_apply(struct libvirt_hosts *hosts, struct conf *conf);
/* No more calls come. False if threads hang in libvirt: then nothing that they use may go. */
bool libvirt_hosts_stop(struct libvirt_hosts *hosts) MUST_CHECK;
void libvirt_hosts_free(struct libvirt_hosts *hosts);

/* Is there a connection now? If not, why fills `why` (ERROR_TEXT_MAX) with a sentence without the
 * URI. Any thread. */
bool libvirt_hosts_is_up(struct libvirt_hosts *hosts, const char *connection, char *why);
/* Its URI and the host's own name, for the audit; false if there is none. Free it. */
char *libvirt_hosts_describe(struct libvirt_hosts *hosts, const char *connection);
unsigned libvirt_hosts_grace_seconds(struct libvirt_hosts *hosts, const char *connection);

/* --- a command to a monitor, or to a guest's agent ---------------------------------------------
 */

enum libvirt_result {
    LIBVIRT_REPLY,    /* the VM's own */
    LIBVIRT_NOT_SENT, /* certain not to have reached the VM: err says why */
    LIBVIRT_UNKNOWN,  /* it may have run, or not */
    LIBVIRT_REFUSED,  /* the guest's agent answered with an error: err has its words */
    LIBVIRT_SILENT,   /* the agent got it and has said nothing, as it does if it succeeds */
};

struct libvirt_call {
    /* of who asks */
    struct loop_message message; /* how it comes home; `run` owns the call */
    struct loop *loop;
    char *vm;            /* with the generation: whose it is */
    uint64_t generation; /* of the monitor */
    char *connection;
    char uuid[37];
    char *command; /* JSON text without an id; NULL: the domain's XML is wanted */
    uint64_t
        incarnation; /* nothing is sent unless it is this one, which costs a question; 0: any */
    int64_t sure_until_us; /* monotonic: up to then it is, without the question */
    int64_t not_after_us;  /* monotonic: if it has not begun by then it is not sent */
    unsigned
        agent_seconds; /* to the guest's agent, which has so long to answer; 0: to the monitor */
    bool silent;       /* the agent does not answer if it succeeds */

    enum libvirt_result result;
    char *reply; /* JSON text, with an id of libvirt's; or XML */
    struct error err;
    int64_t answered_us; /* monotonic: libvirt had done with it */

    /* private */
    struct libvirt_call *prev, *next;
    int64_t began_us;
};

/* Comes home by its message, in any case. */
void libvirt_hosts_submit(struct libvirt_hosts *hosts, struct libvirt_call *take_call);
void libvirt_call_free(struct libvirt_call *call);

/* --- a monitor's events ----------------------------------------------------------------------- */

/* While one is open, the events of a domain go to a loop. */
struct libvirt_tap;

struct libvirt_event {
    struct loop_message message; /* `run` owns it: libvirt_event_free */
    struct libvirt_tap *tap;     /* private */
    const char *vm;              /* with the generation: whose it is */
    uint64_t generation;
    unsigned lost; /* events that came before it and are not told: too many waited */
    size_t len;
    char json[]; /* as QEMU would have written it */
};

struct libvirt_tap_owner {
    struct loop *loop;
    const char *vm; /* copied */
    bool agent;     /* a second one of a domain */
    uint64_t generation;
    void (*run)(struct loop *loop, struct loop_message *message);
};

/* NULL if there is no such connection. */
struct libvirt_tap *libvirt_tap_open(struct libvirt_hosts *hosts, const char *connection,
                                     const char *uuid, const struct libvirt_tap_owner *owner);
/* What is under way comes all the same. */
void libvirt_tap_close(struct libvirt_tap *tap);
void libvirt_event_free(struct libvirt_event *event);

#endif
