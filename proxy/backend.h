/* How a VM is reached. A backend carries requests to one VM and brings back its greeting, replies
 * and events by the calls of monitor.h ("from the backend"); it knows nothing of clients. */
#ifndef PROXY_BACKEND_H
#define PROXY_BACKEND_H

#include "audit/codes.h"
#include "base/error.h"
#include "qmp/message.h"

struct backend;
struct loop;
struct monitor;
struct qmp_schema;
struct vm;

struct backend_ops {
    const char *name;
    unsigned window;     /* in-band commands in flight; 0: as many as QEMU reads */
    unsigned start_ms;   /* for the greeting */
    unsigned silence_ms; /* after which what is queued is refused; 0: vm_timeout */
    bool gives_up;       /* after vm_timeout the client is told that the outcome is unknown */
    const char *late;    /* why there was no greeting in time */
    enum audit_code late_code;
    /* Starts connecting; monitor_greeted or monitor_lost says how it went. NULL with an error if it
     * cannot even start. */
    struct backend *(*open)(struct loop *loop, struct monitor *monitor, const struct vm *vm,
                            struct error *err);
    /* Takes a request for sending, written from the tape; goes out at the next flush. */
    void (*submit)(struct backend *b, const struct qmp_tape *tape,
                   const struct qmp_request *request, unsigned id);
    void (*flush)(struct backend *b);
    /* No call comes after this. Safe from within a call of its own. */
    void (*close)(struct backend *b);
    /* Why a request cannot go this way, whatever policy says; NULL if it can. May be NULL. */
    const char *(*objection)(const struct qmp_tape *tape, const struct qmp_request *request);
    /* The VM's schema, if it need not be asked for it: a reference, or NULL. May be NULL. */
    struct qmp_schema *(*known_schema)(struct backend *b);
    /* What it said when it was asked. May be NULL. */
    void (*learnt_schema)(struct backend *b, struct qmp_schema *schema);
};

extern const struct backend_ops backend_socket;
extern const struct backend_ops backend_libvirt;
extern const struct backend_ops backend_agent;

#endif
