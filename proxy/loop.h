/* An event loop on a thread of its own. Front loops accept, shake hands and attach; VM loops own
 * monitors and the clients that are attached to them. Everything a loop owns is touched by its
 * thread only; the inbox is the one way in from elsewhere.
 *
 * A turn is one round of events. What it gathered is settled at its end, in this order: commands
 * leave the fair queues, the audit batch is committed, what it covers goes to the VMs, output goes
 * to the clients. So a turn costs one audit write and one write a peer, however much came in. What
 * a client is told while more of its commands are with the VM waits for one turn, which then does
 * not wait for anything: under load its answers leave together, and at rest it costs a poll. */
#ifndef PROXY_LOOP_H
#define PROXY_LOOP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "acl/acl.h"
#include "audit/audit.h"
#include "proxy/inbox.h"
#include "proxy/stats.h"
#include "qmp/scan.h"

struct client;
struct daemon;
struct loop;
struct monitor;
struct request;
struct snapshot;

#define LOOP_READ_BYTES 65536 /* one read of a peer; four TLS records */

struct loop {
    struct daemon *daemon;
    unsigned index;
    bool front;
    char name[16];

    struct event_base *base;
    pthread_t thread;
    bool thread_started;
    bool stopping; /* the thread leaves at the end of this turn */

    struct inbox inbox;
    struct event tick_event;
    _Atomic int64_t heartbeat_us; /* monotonic, of the last tick: the watchdog looks at it */

    struct snapshot *snapshot;       /* configuration and policy this loop works by */
    struct audit_batch *audit;       /* this turn's records */
    bool audit_dirty;                /* some came since the last commit */
    int64_t audit_ticked_us;         /* monotonic, of the last audit_batch_tick */
    struct qmp_scanner *scanner;     /* lent to clients, a message at a time */
    struct acl_workspace acl;        /* of its judgements */
    struct acl_workspace shadow_acl; /* and of those that decide nothing */
    char *read_bytes;                /* LOOP_READ_BYTES, lent to whoever reads */
    struct loop_stats stats;
    int64_t turn_utc_us, turn_monotonic_us; /* this turn's time, 0 while nobody asked */

    struct client *clients;       /* uthash by number */
    struct client *dirty_clients; /* have output, or wait for it to drain */
    struct client *held_clients;  /* dirty, put off to the end of the next turn */
    struct client *graveyard;     /* closed in this turn; freed at its end */
    uint64_t *reverify;           /* after a reload: connections to look at, some a turn */
    unsigned reverify_count, reverify_done;
    struct event reverify_event;
    struct monitor *monitors; /* uthash by VM name */
    uint64_t generations;     /* of monitors: how many there were */
    struct monitor *dirty_monitors;
    struct monitor *dead_monitors;
    struct request *staged, **staged_tail; /* intents of this turn's batch: wait for its commit */
    struct request *parked,
        **parked_tail;           /* committed, not yet durable (sync = "data"); by ticket */
    _Atomic bool wants_durable;  /* something is parked, or may be at the end of this turn */
    _Atomic bool durable_posted; /* the flusher has told it, and it has not yet looked */
    int64_t
        reject_logged_us; /* monotonic, of the last line about a connection refused by a limit */
    bool draining;
};

struct loop *loop_new(struct daemon *daemon, unsigned index, bool front, struct error *err);
int loop_start(struct loop *loop, struct error *err) MUST_CHECK;
/* Asks the thread to leave and joins it. */
void loop_stop(struct loop *loop);
/* After all threads of the daemon have left: takes in what was on its way here, closes every
 * connection. Then loop_free, after this was done for every loop. */
void loop_settle(struct loop *loop);
void loop_free(struct loop *loop);

/* The time, looked at once a turn: for records and latencies. */
int64_t loop_utc_us(struct loop *loop);
int64_t loop_monotonic_us(struct loop *loop);

/* From any thread. Takes the message. */
static inline void loop_post(struct loop *loop, struct loop_message *take_message)
{
    inbox_post(&loop->inbox, take_message);
}

#endif
