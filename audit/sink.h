/* Copies of the log elsewhere, beside the file, which stays the truth: to journald or to a syslog
 * daemon. Each sink is a thread that reads the log as anybody could, from where it left off, and
 * sends each record at least once, in order. It commands nothing: a receiver that is slow or away
 * costs the memory of a bounded queue, and no client's time. What it could not send it sends later;
 * the log's retention waits for it. */
#ifndef AUDIT_SINK_H
#define AUDIT_SINK_H

#include "audit/audit.h"
#include "audit/sink_transport.h"

enum audit_sink_type { AUDIT_SINK_JOURNALD, AUDIT_SINK_SYSLOG_UNIX, AUDIT_SINK_SYSLOG_TLS };

#define AUDIT_SINK_QUEUE_BYTES (1u << 20) /* what waits in a queue, whatever `queue` says */

/* All texts are borrowed and outlive the sink. */
struct audit_sink_settings {
    const char *name;
    unsigned number; /* of the sink among the log's, from 0 */
    enum audit_sink_type type;
    struct audit *audit;
    const char *log;       /* its path */
    const char *state_dir; /* where the position is kept */

    const char *path;             /* of the socket; of a TLS sink not used */
    struct sink_tls_settings tls; /* of a TLS sink */
    struct syslog_format format;  /* of syslog; its app_name is journald's identifier too */

    unsigned queue;          /* records that may wait in memory for the receiver */
    unsigned settle_seconds; /* how long a connection must live on before a record is believed to
                              * have arrived */
    unsigned retry_seconds;  /* between two tries, at most */
    unsigned lag_seconds;    /* so far behind: told in the log */
};

struct audit_sink;

/* Looks at the files and the directory that it needs; what is wrong with them, and cannot become
 * right by itself, is an error. A receiver that is away is none. */
int audit_sink_new(const struct audit_sink_settings *settings, struct audit_sink **out,
                   struct error *err) MUST_CHECK;
int audit_sink_start(struct audit_sink *s, struct error *err) MUST_CHECK;

/* The end, in three steps. After `detach` no use is made of struct audit, which can be closed then;
 * after `end` all that is in the log is sent, as far as that can be done until the monotonic time;
 * `join` waits for it. False: its thread hangs in a name look-up, and goes on using the sink. */
void audit_sink_detach(struct audit_sink *s);
void audit_sink_end(struct audit_sink *s, int64_t until_us);
bool audit_sink_join(struct audit_sink *s, int64_t until_us) MUST_CHECK;
/* Never started, or joined. NULL is fine. */
void audit_sink_free(struct audit_sink *s);

struct audit_sink_stats {
    const char *name;
    bool connected;
    char reason[ERROR_TEXT_MAX]; /* why it is not, or was not the last time; or empty */
    uint64_t sent;               /* records, since the start */
    uint64_t resent;             /* of them, those that had been sent before */
    uint64_t skipped; /* records that were not in the log any more, or could not be read */
    uint64_t connections;
    uint64_t shipped;     /* number of the last record that the receiver is known to have */
    uint64_t lag_records; /* recorded, and not sent yet */
    uint64_t lag_seconds; /* how long the first of them has been waiting */
    uint64_t unconfirmed; /* sent, and not known to have arrived */
};
void audit_sink_get_stats(struct audit_sink *s, struct audit_sink_stats *out);

#endif
