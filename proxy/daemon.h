/* The daemon as a whole: what its threads share, and its life from start to drain. */
#ifndef PROXY_DAEMON_H
#define PROXY_DAEMON_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "audit/audit.h"
#include "conf/conf.h"
#include "proxy/inbox.h"
#include "proxy/loop.h"
#include "proxy/pools.h"

struct audit_watch;
struct emulators;
struct expiry_watch;
struct libvirt_hosts;
struct listeners;
struct login_backoff;
struct registry;
struct reload_waiter;
struct service;
struct sinks;
struct snapshot;
struct vm_board;
struct vm_directories;
struct vms;

struct daemon {
    struct snapshot *snapshot; /* under snapshot_lock */
    pthread_mutex_t snapshot_lock;

    /* any thread: each has locks of its own */
    struct audit *audit;
    struct sinks *sinks; /* of the audit; NULL if there are none */
    char *audit_path;    /* where it writes: a reload does not change it */
    struct registry *registry;
    struct login_backoff *backoff;
    struct vms *vms;
    struct vm_board *board;
    struct libvirt_hosts *libvirt;
    struct emulators *emulators;
    struct worker_pool *pools[N_POOLS];

    pthread_mutex_t loops_lock; /* against posting to loops that are gone */
    bool loops_live;            /* under loops_lock */
    struct loop **front_loops, **vm_loops;
    unsigned n_front_loops, n_vm_loops;

    _Atomic uint64_t output_bytes; /* waiting for all clients together */
    _Atomic uint64_t last_request; /* numbers that tie audit records together */
    _Atomic uint64_t reloads, failed_reloads;
    int64_t started_utc_us;

    struct inbox inbox; /* of the main thread */

    /* the main thread's */
    struct event_base *base;
    struct event *signals[3];
    struct event *drain_timer;
    bool draining;
    int64_t drain_until_us;
    int exit_code; /* of an orderly end */
    struct audit_watch *audit_watch;
    struct audit_batch *batch;
    struct listeners *listeners;
    struct vm_directories *directories;
    struct service *service;
    struct expiry_watch *expiry;
    const char *config_file;
    bool reloading, reload_again;         /* asked for while one was under way */
    struct reload_waiter *reload_waiters; /* for the next reload */
};

/* Runs until it is told to stop; the exit code. */
int daemon_run(const char *config_file);

/* Main thread: as at SIGTERM, but for the exit code. */
void daemon_drain(struct daemon *d, int exit_code);

/* A record from the main thread, written at once; a failure is logged. */
void daemon_record(struct daemon *d, const struct audit_record *record);

/* Has run() run on every loop, VM loops and front loops. */
void daemon_post_all(struct daemon *d,
                     void (*run)(struct loop *loop, struct loop_message *message));

#endif
