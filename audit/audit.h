/* What happened: one JSON object a line, one chain. The format is in docs/man/qmpgate-audit.5.scd.
 *
 * One struct audit a process (a lock file keeps a second one out). Each loop has a batch of its
 * own, adds records to it without a lock, and commits it once a turn: one mutex covers sequence
 * numbers, hash chain and one write. Nothing may leave for a VM before the commit of its intent
 * succeeded, and, with AUDIT_SYNC_DATA, before audit_durable has reached the commit's ticket.
 *
 * All functions on struct audit may be called by any thread; a batch belongs to one. */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>
#include "audit/codes.h"
#include "base/error.h"
#include "qmp/message.h"

struct audit_signer;

/* What a commit waits for: the kernel (WRITE, NONE) or the disk. With WRITE the disk has it within
 * a second; with NONE it is synced when a segment is closed and at the end only. */
enum audit_sync { AUDIT_SYNC_WRITE, AUDIT_SYNC_DATA, AUDIT_SYNC_NONE };

/* What is done with the log besides writing to it. */
struct audit_keeping {
    uint64_t segment_bytes;   /* a segment is closed that has reached this size; 0: by time only */
    uint64_t segment_seconds; /* a segment is closed that is so old; 0: by size only */

    bool compress;         /* closed segments, by zstd */
    uint64_t keep_seconds; /* a closed segment goes when it is so old; 0: never */
    uint64_t keep_bytes;   /* and the oldest while all together have more; 0: however much */

    struct audit_signer *signer; /* seals are made with it (audit/sign.h); NULL: none. Referenced */
    uint64_t seal_records;       /* a seal is due after so many records; 0: any */
    uint64_t seal_seconds;       /* and after so many seconds; 0: any */
    const char *seal_command;    /* for /bin/sh, gets each exported seal; NULL or empty: none */
};

#define AUDIT_SINKS_MAX 16u

/* How often the same peer may be written down for being refused; the defaults if all are 0. A
 * record counts for one, and for one more for each KiB that it has. */
struct audit_rates {
    unsigned burst;      /* at once from one (host, identity) */
    unsigned per_second; /* and then so many a second */
    unsigned all_burst;  /* of all together: a peer that changes its address is one of them */
    unsigned all_per_second;
};

struct audit_settings {
    const char *path; /* of the log; its lock is PATH.lock */
    unsigned sinks;   /* that retention waits for, at most AUDIT_SINKS_MAX: audit_hold_retention */
    enum audit_sync sync;
    uint64_t reserve; /* bytes that are set aside on the disk for what is vital; 0: none */
    struct audit_rates rates;
    struct audit_keeping keeping;
    struct audit_signer *old_signer; /* vouches for the signer, if the last run's seals were its */
    /* Called by the flusher thread when audit_durable has grown (AUDIT_SYNC_DATA), or a sync
     * failed. */
    void (*durable)(void *opaque);
    void *opaque;
};

struct audit;

/* Opens, locks, finds the chain's end (a torn last line is set aside as PATH.torn.SEQ) and goes on
 * from there. The log is made with mode 0640; its directory must be there. */
int audit_open(const struct audit_settings *settings, struct audit **out,
               struct error *err) MUST_CHECK;
/* After the last batch was freed. Syncs what is written, and seals it; waits 10 s for the key, and
 * as long for seal_command. NULL is fine. False: the key hangs, and so does a thread that uses it:
 * end the process by _exit. */
bool audit_close(struct audit *a);

/* The settings of a reload. */
void audit_configure(struct audit *a, const struct audit_keeping *keeping);

/* Closes the segment now, unless nothing has been recorded in it. It takes the name
 * STEM.NNNNNNNNNN.jsonl, and the chain goes on in a new file at the path. On failure the old file
 * stays in use. May wait for the disk: not for loops. */
int audit_rotate(struct audit *a, struct error *err) MUST_CHECK;

/* The sink with this number (from 0) has shipped everything up to the record: what is behind the
 * slowest of the sinks must not be removed. Until it says so, nothing is. */
void audit_hold_retention(struct audit *a, unsigned sink, uint64_t shipped_seq);
/* The last record that every sink has shipped; UINT64_MAX if there are none. */
uint64_t audit_shipped(const struct audit *a);

/* Opens the file again at its path if the log was moved away (SIGHUP); the chain goes on. On
 * failure the old file stays in use. A log that was moved away is noticed within a second even
 * without this call; one that was removed fails one commit, because what was in it is lost. */
int audit_reopen(struct audit *a, struct error *err) MUST_CHECK;

/* Highest ticket that is on disk (AUDIT_SYNC_DATA); otherwise the last committed. */
uint64_t audit_durable(const struct audit *a);

/* True if what the ticket stands for is not on disk and the last try to get it there failed: the
 * commands that wait for it are to be refused. Ask this before audit_durable. After a failed sync
 * the kernel may have dropped the data, so the records are written again from memory before the
 * next sync, which the next commit brings about; if that succeeds, the ticket is durable after
 * all, and whoever has not yet given up on it may go on. */
bool audit_ticket_failed(struct audit *a, uint64_t ticket);

/* If the last sync failed: tries again, now. */
void audit_retry(struct audit *a);

struct audit_stats {
    uint64_t records;    /* written */
    uint64_t failures;   /* commits that failed */
    uint64_t suppressed; /* refusals and failed logins over the rate, counted in one record */
    bool failing;        /* the last commit or sync failed */
    int64_t failing_us;  /* for how long */
    char last_error[ERROR_TEXT_MAX];

    uint64_t reserve;   /* bytes set aside behind the log's end just now */
    bool reserve_short; /* the disk has no more than that: only what is vital is written */

    uint64_t segment;           /* number of the one that is written; 0: none yet */
    uint64_t rotations;         /* segments that were closed */
    uint64_t rotation_failures; /* the segment goes on, and it is tried again */
    bool rotation_failing;      /* the last one */
    char rotation_error[ERROR_TEXT_MAX];

    uint64_t segments;                 /* files that the log has, as the keeper last saw them */
    uint64_t disk_bytes;               /* and their size */
    uint64_t oldest_segment;           /* number of the first; 0: not known */
    int64_t oldest_us;                 /* time of its first record, UTC; 0: not known */
    bool retention_held;               /* some stay only because they are not sealed or shipped */
    uint64_t upkeep_failures;          /* rounds that could not compress, remove, or look */
    char upkeep_error[ERROR_TEXT_MAX]; /* while that is so */

    bool sealing;                    /* there is a key */
    uint64_t unsealed;               /* records that no seal covers yet */
    uint64_t seals;                  /* made since the start */
    uint64_t seal_failures;          /* the seal comes later */
    int64_t seal_age_us;             /* of the last seal since the start; negative: there is none */
    char seal_error[ERROR_TEXT_MAX]; /* while seals fail */
    uint64_t seal_command_failures;
    bool seal_command_failing; /* the last run */
};
void audit_get_stats(struct audit *a, struct audit_stats *out);

/* --- records ---------------------------------------------------------------------------------- */

enum audit_type {
    AUDIT_START, /* of the daemon */
    AUDIT_STOP,
    AUDIT_SESSION_OPEN, /* TLS done or peer known: who, from where */
    AUDIT_SESSION_CLOSE,
    AUDIT_AUTH,   /* a login, good or bad */
    AUDIT_ATTACH, /* to a VM, or refused */
    AUDIT_DETACH,
    AUDIT_INTENT,
    AUDIT_OUTCOME,
    AUDIT_REFUSED,
    AUDIT_EVENTS_LOST, /* dropped for a client that does not read */
    AUDIT_POLICY_LOAD,
    AUDIT_CONFIG_LOAD,
    AUDIT_ADMIN, /* what an administrative command did to somebody or something */
};

enum audit_result {
    AUDIT_RESULT_NONE,
    AUDIT_OK,
    AUDIT_ERROR,     /* the VM (or we) answered with an error: class and text */
    AUDIT_UNKNOWN,   /* in flight when the VM was lost */
    AUDIT_CANCELLED, /* never left: session closed, grant taken away */
    AUDIT_DENIED,
    AUDIT_UNACKNOWLEDGED, /* sent; the command never answers if it succeeds, and no error came */
};

/* Everything borrowed and optional (NULL, 0, empty span) unless the type needs it. */
struct audit_record {
    enum audit_type type;
    enum audit_result result;
    enum audit_code code; /* why, where there is something to say; for machines */
    int64_t utc_us;       /* time of the record */
    uint64_t connection;  /* number of the connection, 0 for none */
    uint64_t request;     /* ties outcome to intent, 0 for none */
    const char *peer;     /* address */
    const char *identity; /* canonical */
    const char *acting_for;
    const char *external;  /* auth: who the certificate or the peer credentials say it is */
    const char *mechanism; /* auth: of SASL */
    const char *claimed;   /* auth: the name that was claimed, proven or not */
    const char *vm;
    const char *uuid;
    struct span command; /* the name, decoded; any bytes */
    const struct qmp_tape
        *tape; /* with `arguments`: written canonical, secrets redacted, long values cut; of an
                * outcome not written: what of them is secret is taken out of the text */
    uint32_t arguments; /* token, or QMP_NONE (set it where tape is NULL too) */
    bool oob;
    const char *rule;
    enum audit_result shadow; /* what the policy that is tried says, if it differs: OK or DENIED */
    const char *shadow_rule;  /* and by which rule, or why */
    struct span error_class;
    struct span text;            /* error text, reason, or a note */
    int64_t latency_us;          /* outcome: from sent to answered; negative: not known */
    uint64_t count;              /* events lost: how many; admin: how many were acted on */
    int64_t since_us;            /* events lost: UTC of the first */
    const char *subject;         /* admin: who is acted on, */
    uint64_t subject_connection; /* and which connection of his */
    bool shape_only;             /* validation refused the arguments: only member names and sizes */
    bool administration;         /* intent: of an administrative command, which is vital */
};

/* Whether the record may use up the reserve: administration, outcomes, ends of what began, and what
 * the gateway does by itself. Nobody who is not let do it anyway can bring such a record about, but
 * by doing first what is recorded without the reserve. */
bool audit_is_vital(const struct audit_record *r);

struct audit_batch;
struct audit_batch *audit_batch_new(struct audit *a);
void audit_batch_free(struct audit_batch *b);

/* Cannot fail: it only goes into the batch's memory. Refusals, failed logins, and connections
 * without an identity are limited in rate by (host of the peer, identity): what is over the rate is
 * counted, and said in one record. */
void audit_batch_add(struct audit_batch *b, const struct audit_record *r);
bool audit_batch_empty(const struct audit_batch *b);

/* Adds the records that tell what was over the rate, as far as they are due. A loop calls it once a
 * second or so and commits what came of it; without it they come with the next commit. */
void audit_batch_tick(struct audit_batch *b, int64_t utc_us);

/* Writes the batch. On success *ticket is what audit_durable must reach for it. On failure nothing
 * of it counts as written: intents are dropped (the caller refuses those commands); the other
 * records stay in the batch, up to a bound, for the next commit, which may succeed: each commit
 * tries anew. If the disk has no more room than the reserve, it fails, but what is vital
 * (audit_is_vital) is written all the same: then *ticket is that of the vital records, and
 * otherwise 0. */
int audit_batch_commit(struct audit_batch *b, uint64_t *ticket, struct error *err) MUST_CHECK;

#endif
