/* The writer's state, shared by writer.c, current.c, flusher.c and keeper.c. */
#ifndef AUDIT_INTERNAL_H
#define AUDIT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "audit/audit.h"
#include "audit/file.h"
#include "audit/keeper.h"
#include "audit/sealer.h"

#define AUDIT_UNSYNCED_MAX  (16u << 20) /* bytes not on disk at most; then commits fail */
#define AUDIT_PATH_CHECK_US 1000000     /* how often the path is looked at for another file */

/* The records of one commit: bodies as record_write makes them. */
struct batch_entry {
    size_t offset, len; /* in the bodies */
    bool intent;
    bool vital; /* may use up the reserve */
};

/* Records that close what a crash left open. */
struct audit_recovery {
    struct buf bodies;
    struct batch_entry *entries;
    size_t n, cap;
};

/* What the next commit says first about the file it goes to. */
struct audit_notes {
    const char *reason;    /* why a segment begins here, or NULL */
    struct file_tail torn; /* a torn line, if torn_path is set */
    struct audit_recovery recovery;
};

struct audit {
    char *path;
    enum audit_sync sync;
    uint64_t reserve; /* bytes */
    struct audit_rates rates;
    void (*durable_cb)(void *opaque);
    void *opaque;
    int lock_fd;

    _Atomic uint64_t durable;    /* ticket */
    _Atomic uint64_t suppressed; /* records */

    unsigned n_sinks;
    _Atomic uint64_t shipped[AUDIT_SINKS_MAX]; /* number of a record, by each sink */

    pthread_mutex_t mutex; /* for all below; never held over a sync */
    gnutls_hash_hd_t hasher;
    struct audit_chain chain;
    struct audit_chain synced;  /* the last record that is on disk (not with AUDIT_SYNC_NONE) */
    struct audit_file *file;    /* NULL after it was lost */
    struct audit_file *retired; /* moved away, still to be synced, oldest first */
    struct audit_notes notes;
    uint64_t segment;         /* number of the one that the chain's end is in; 0: none yet */
    uint64_t segment_first;   /* number of the record that begins it; 0: not known */
    int64_t segment_begun_us; /* monotonic */
    uint64_t last_event;      /* number of the last record that is neither seal nor segment */
    struct buf out;           /* the lines of one commit */
    int64_t path_checked_us;
    struct audit_stats stats; /* without suppressed */
    bool commit_failed;       /* the last one */
    bool sync_failed;         /* the last one */
    int64_t failing_since_us; /* monotonic: without a commit or sync between that went well */
    int64_t told_us;          /* monotonic: of the last line about that */
    bool told_failing;        /* what it said */
    char sync_error[ERROR_TEXT_MAX];
    uint64_t failed_through;     /* highest ticket that a failed sync stood for */
    uint64_t lost_from, lost_to; /* tickets after, and up to, that went with a lost file */

    struct keeper keeper;
    struct sealer sealer;

    /* flusher */
    pthread_t thread;
    pthread_cond_t wake; /* on CLOCK_MONOTONIC */
    bool running;
    bool poked;         /* something came to be synced since the last try */
    int64_t sync_at_us; /* monotonic: when, if it was poked; 0: at once */
    bool asleep;        /* it waits for `wake` */
    bool wake_due;      /* and is to be woken when the mutex is free */
    bool stop;
};

struct commit_view {
    struct span preface; /* body of a record that goes first, or empty */
    const char *bodies;
    const struct batch_entry *entries;
    size_t n;
    bool seal;    /* the last one is a seal */
    bool vital;   /* of the entries only these */
    bool no_room; /* out: it failed because the disk has no more than the reserve */
};

int audit_commit(struct audit *a, struct commit_view *v, uint64_t *ticket,
                 struct error *err) MUST_CHECK;

/* Under the mutex: `what` went wrong. */
void audit_note_failure(struct audit *a, const struct error *what);

/* Under the mutex, when a commit or a sync has failed, or succeeded: says so in the log. */
void audit_tell_state(struct audit *a);

/* Takes `f` off the list of retired files and frees it. */
void audit_drop_retired(struct audit *a, struct audit_file *f);

int flusher_start(struct audit *a, struct error *err) MUST_CHECK;
void flusher_stop(struct audit *a);
/* Under the mutex: there is something to sync. The callback follows each poke, also when the file
 * was lost meanwhile, so that whoever waits for a ticket hears of it. */
void flusher_poke(struct audit *a);
/* With AUDIT_SYNC_WRITE: soon. */
void flusher_note_commit(struct audit *a);
/* Ends a section under the mutex in which it was poked: wakes it when the mutex is free, for
 * otherwise it would run into it at once. */
void flusher_unlock(struct audit *a);

#endif
