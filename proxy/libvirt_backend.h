/* What the ways through libvirt share, to a monitor and to a guest's agent. Part of them; for
 * nobody else. */
#ifndef PROXY_LIBVIRT_BACKEND_H
#define PROXY_LIBVIRT_BACKEND_H

#include "proxy/backend.h"
#include "proxy/libvirt_hosts.h"
#include "proxy/monitor.h"

/* Can its libvirt be asked for it now? */
bool libvirt_backend_may_open(struct loop *loop, const struct vm *vm, struct error *err);

/* For whoever the monitor is now, as it is known; `run` is how it comes home. */
struct libvirt_call *libvirt_backend_call(struct monitor *m, char *take_command,
                                          void (*run)(struct loop *loop,
                                                      struct loop_message *message));

/* --- a way through libvirt: what both kinds of backend are made of ---------------------------- */

struct libvirt_way {
    struct monitor *monitor; /* NULL once closed */
    struct loop *loop;
    struct libvirt_tap *tap;
    struct buf native; /* not empty: the answer to what was submitted, given at the next flush */
    bool busy;         /* a close from within leaves the memory to us */
    void (*release)(struct libvirt_way *way); /* frees what it is in, by libvirt_way_fini */
};

/* Events come by `run_event`, from now on. */
void libvirt_way_init(struct libvirt_way *way, struct monitor *m, const struct vm *vm, bool agent,
                      void (*run_event)(struct loop *loop, struct loop_message *message),
                      void (*release)(struct libvirt_way *way));
void libvirt_way_fini(struct libvirt_way *way);

/* Around whatever may lose the monitor. After leave it may be gone. */
void libvirt_way_enter(struct libvirt_way *way);
void libvirt_way_leave(struct libvirt_way *way);

void libvirt_way_flush(struct libvirt_way *way);
void libvirt_way_close(struct libvirt_way *way);

/* The backend that something is for, unless its monitor was lost meanwhile. */
struct backend *libvirt_way_find(struct loop *loop, const struct backend_ops *ops, const char *vm,
                                 uint64_t generation);

/* --- messages --------------------------------------------------------------------------------- */

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

/* The argument that says how much the reply brings: is it over `most`, or none that can be told? */
bool libvirt_backend_asks_over(const struct qmp_tape *t, const struct qmp_request *r,
                               struct span name, int64_t most);
extern const char libvirt_backend_too_large[]; /* the objection then */

#endif
