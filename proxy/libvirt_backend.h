/* What the ways through libvirt share, to a monitor and to a guest's agent. Part of them; for
 * nobody else. */
#ifndef PROXY_LIBVIRT_BACKEND_H
#define PROXY_LIBVIRT_BACKEND_H

#include "proxy/libvirt_hosts.h"
#include "proxy/monitor.h"

/* Can its libvirt be asked for it now? */
bool libvirt_backend_may_open(struct loop *loop, const struct vm *vm, struct error *err);

/* For whoever the monitor is now, as it is known; `run` is how it comes home. */
struct libvirt_call *libvirt_backend_call(struct monitor *m, char *take_command,
                                          void (*run)(struct loop *loop,
                                                      struct loop_message *message));

/* A reply's text without its line end. */
struct span libvirt_backend_json(const char *text);

typedef void libvirt_message_fn(struct monitor *m, const struct qmp_tape *tape,
                                const struct qmp_answer *answer);

/* Scans what libvirt or we wrote; false if it is no message. Its id is libvirt's: there is one
 * command at a time, so it is not needed. */
bool libvirt_backend_tell(struct monitor *m, struct span text, libvirt_message_fn *take);
/* An answer; if it is none, the monitor is lost. */
void libvirt_backend_reply(struct monitor *m, struct span text);
/* The oldest command is answered with an error. */
void libvirt_backend_error(struct monitor *m, const char *desc);
/* The same of one that was not sent. */
void libvirt_backend_not_sent(struct monitor *m, const char *why);

/* Why a request cannot go through libvirt; NULL if it can. */
const char *libvirt_backend_objection(const struct qmp_tape *tape);

#endif
