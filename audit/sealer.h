/* The thread that seals: it takes the chain's end, has the key sign it, and appends the seal. A key
 * in a token may be slow, or away: nothing waits for it, seals come late, and say so. */
#ifndef AUDIT_SEALER_H
#define AUDIT_SEALER_H

#include <pthread.h>
#include "audit/audit.h"
#include "audit/chain.h"
#include "audit/seal.h"

struct audit_signer;
struct seal_command;

/* A place in the chain. */
struct seal_point {
    struct audit_chain chain;
    uint64_t segment; /* that the record lies in */
};

/* All under the writer's mutex, but for what is the thread's own. */
struct sealer {
    struct audit_signer *signer; /* owned; NULL: no seals are made */
    struct audit_signer *next; /* owned: a reload's, or that of the start while the old one seals */
    bool change;               /* to `next`, which may be NULL */
    struct audit_signer **dropped; /* owned: keys that are done with; to let go of a token's takes
                                    * as long as the token likes, so the thread does it, unlocked */
    size_t n_dropped, cap_dropped;
    uint64_t change_at; /* the old key's last seal covers this record */
    unsigned change_tries;
    uint64_t every, within; /* records, seconds; 0: not by it */

    struct seal_point durable;           /* the end of what may be sealed */
    uint64_t last;                       /* number of the last record that is no seal */
    uint64_t sealed;                     /* number of the last record that a seal covers */
    unsigned char key[AUDIT_HASH_BYTES]; /* whose seals come next; zeros: there was none */
    int64_t unsealed_since_us;           /* monotonic; what is past `sealed` is no older */
    uint64_t target;                     /* what the seal that is due has to cover */
    bool starved;                        /* a seal is due, and waits for the disk */
    bool begun;                          /* something was sealed since the start */
    uint64_t begun_at;                   /* the chain's end at the start */
    int64_t sealed_us;                   /* monotonic, of the last seal; 0: none yet */

    bool forced;       /* a seal is due through `at`, whatever the time */
    bool forced_again; /* and then through `later`: who rotates all the time delays no seal */
    struct seal_point later;
    enum seal_reason reason;
    struct seal_point at;

    pthread_cond_t wake; /* on CLOCK_MONOTONIC */
    pthread_cond_t ended;
    bool stop;
    bool done; /* the thread's last act */
    int64_t retry_us;
    pthread_t thread;
    bool running;
    struct seal_command *command; /* owned; NULL before the start */
};

void sealer_init(struct sealer *s, const struct audit_keeping *keeping);
void sealer_destroy(struct sealer *s);

/* Once it is known where the chain goes on, and what the last run sealed, and with which key. */
int sealer_start(struct audit *a, const struct audit_settings *settings,
                 struct error *err) MUST_CHECK;

/* The exit seal; waits a bounded time for it. False: the thread hangs in a token, and goes on using
 * what there is. */
bool sealer_stop(struct audit *a) MUST_CHECK;

/* --- under the mutex -------------------------------------------------------------------------- */

/* After each commit: `last` is its last record that is no seal, 0 if there is none. */
void sealer_note_commit(struct audit *a, uint64_t last);
/* More of the chain may be sealed now. */
void sealer_note_durable(struct audit *a, const struct seal_point *point);
/* The segment that the chain ends in was closed. */
void sealer_note_rotation(struct audit *a);
void sealer_get_stats(struct audit *a, struct audit_stats *out);
void sealer_configure(struct audit *a, const struct audit_keeping *keeping);

#endif
