/* How a sink's records get to their receiver: a table of operations. One thread, the sink's, calls
 * them; nothing blocks but `open` and `finish`, which have a time limit and end early when the sink
 * is told to stop. */
#ifndef AUDIT_SINK_TRANSPORT_H
#define AUDIT_SINK_TRANSPORT_H

#include <poll.h>
#include "audit/sink_record.h"
#include "audit/syslog_format.h"
#include "base/error.h"

/* --- waiting ---------------------------------------------------------------------------------- */

enum sink_waited { SINK_READY, SINK_TIMEOUT, SINK_STOPPED };

/* For events on fd (or only for time to pass: -1), until the monotonic time, or until stop_fd is
 * readable (-1: nothing stops it). */
enum sink_waited sink_wait(int stop_fd, int fd, short events, int64_t until_us);

/* --- progress --------------------------------------------------------------------------------- */

/* Counted in units of the transport's own, growing while one connection lasts. What was sent by the
 * time that `sent` was N is taken when `taken` has reached N, or when `all` is true. Taken means
 * as much as can be known: on a UNIX socket, that the receiver has read it; over TCP, that its
 * kernel has it, and that its window is open as if it had been read. */
struct sink_progress {
    uint64_t sent, taken;
    bool all;
};

enum sink_sent {
    SINK_SENT,
    SINK_WAIT,   /* for sink_transport.events on sink_transport.fd */
    SINK_BROKEN, /* close it, and open it anew */
};

struct sink_transport {
    const struct sink_transport_ops *ops;
    int fd;       /* of the open connection */
    short events; /* after SINK_WAIT */
};

struct sink_transport_ops {
    bool whole;   /* one record a send, all of it or nothing */
    bool barrier; /* `all` is the only progress that it can tell of: let it become true at times */
    int (*open)(struct sink_transport *t, int stop_fd, struct error *err);
    /* Appends what is to be sent for a record. */
    void (*encode)(const struct sink_transport *t, const struct sink_record *r, struct buf *out);
    /* After SINK_WAIT the same bytes must come again. */
    enum sink_sent (*send)(struct sink_transport *t, struct span bytes, size_t *n,
                           struct error *err);
    /* Is the receiver still there? Reads and forgets what it says. */
    int (*look)(struct sink_transport *t, struct error *err);
    struct sink_progress (*progress)(struct sink_transport *t);
    /* Ends the connection in order. True if the receiver has read all that was sent. */
    bool (*finish)(struct sink_transport *t, int64_t until_us);
    void (*close)(struct sink_transport *t); /* if it is open */
    void (*free)(struct sink_transport *t);
};

/* --- the transports --------------------------------------------------------------------------- */

/* All that they are given is borrowed and outlives them. */

struct sink_transport *sink_transport_new_journal(const char *path, const char *identifier);
struct sink_transport *sink_transport_new_unix(const char *path,
                                               const struct syslog_format *format);

struct sink_tls_settings {
    const char *address; /* a name or a number */
    unsigned port;
    const char *server_name;                /* that the certificate must be for */
    const char *ca, *cert, *key, *priority; /* cert, key and priority may be NULL */
};
struct sink_transport *sink_transport_new_tls(const struct sink_tls_settings *settings,
                                              const struct syslog_format *format);
/* Are the files as they must be? They are read anew for each connection. */
int sink_tls_check(const struct sink_tls_settings *settings, struct error *err) MUST_CHECK;

#endif
