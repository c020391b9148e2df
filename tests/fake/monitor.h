/* The parts of the fake monitor: one epoll loop, VMs that listen, clients that ask. */
#ifndef TESTS_FAKE_MONITOR_H
#define TESTS_FAKE_MONITOR_H

#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"
#include "tests/fake/json.h"
#include "tests/fake/options.h"

/* Something the loop waits for: embedded first in what it belongs to. */
struct watch {
    void (*ready)(struct watch *w, uint32_t events);
    int fd;
};

struct vm {
    struct watch watch; /* of the listening socket; fd -1 once the VM has quit */
    struct monitor *monitor;
    const char *path;
    struct client *clients; /* a doubly linked list of utlist.h */
    bool listening;         /* the loop waits for the next client */
    bool paused;
};

struct client {
    struct watch watch;
    struct vm *vm; /* NULL: closed, freed at the end of the loop's turn */
    struct client *prev, *next;
    struct buf in, out;
    struct fake_scan scan;
    uint32_t interest; /* of epoll */
    bool negotiated;
    bool oob;
    bool closing;    /* once `out` is written */
    bool endless;    /* an answer without an end is on its way */
    long counted;    /* commands that faults count */
    struct buf held; /* an answer that waits to be overtaken */
    struct buf late; /* answers that wait for their time */
    int64_t held_until_us;
    int64_t late_until_us;
    double storm_due; /* events owed */
    uint64_t events;  /* sent by the storm */
};

struct monitor {
    struct fake_options options;
    int epoll;
    int64_t now_us;
    struct vm *vms;
    size_t n_vms_up;
    struct client *closed; /* a singly linked list by next */
    FILE *record;
    struct buf schema;   /* QEMU's text of the value; empty: none */
    struct buf commands; /* of query-commands */
    struct span *names;  /* of commands in the schema, sorted */
    size_t n_names;
};

#define FAKE_TICK_MS 5   /* how exact faults in time are */
#define FAKE_HOLD_MS 100 /* an answer that nothing overtakes goes after so long */

/* monitor.c */
void monitor_watch(struct monitor *m, struct watch *w, uint32_t events, bool known);
void vm_quit(struct vm *vm);
void vm_client_gone(struct vm *vm, struct client *c);

/* client.c */
void client_new(struct vm *vm, int take_fd);
void client_close(struct client *c);
void client_flush(struct client *c);
void client_wake(struct client *c);
void client_tick(struct client *c, int64_t elapsed_us);
void client_free(struct client *c);

/* command.c */
void command_greet(struct client *c);
void command_handle(struct client *c, struct span text);
void command_junk(struct client *c);
void command_event(struct buf *out, const char *name, const char *data);

/* schema.c */
void schema_load(struct monitor *m);
bool schema_has_command(const struct monitor *m, struct span name);

#endif
