/* How a VM is reached. A backend carries requests to one VM and brings back its greeting, replies
 * and events by the calls of monitor.h ("from the backend"); it knows nothing of clients. */
#ifndef PROXY_BACKEND_H
#define PROXY_BACKEND_H

#include "base/error.h"
#include "qmp/message.h"

struct backend;
struct loop;
struct monitor;
struct vm;

struct backend_ops {
    const char *name;
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
};

extern const struct backend_ops backend_socket;

#endif
