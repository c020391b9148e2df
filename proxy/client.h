/* A connection: its stream, its bytes in and out, its limits. What the bytes mean is session's. A
 * client belongs to one loop at a time and moves, with everything that is buffered, when it
 * attaches to a VM of another loop. */
#ifndef PROXY_CLIENT_H
#define PROXY_CLIENT_H

#include <event2/event_struct.h>
#include <uthash.h>
#include "audit/codes.h"
#include "base/buf.h"
#include "net/stream.h"
#include "proxy/loop.h"
#include "proxy/offload.h"
#include "proxy/session.h"
#include "qmp/frame.h"

struct registry_entry;

enum client_state {
    CLIENT_PROXY_HEADER, /* the balancer says who it is */
    CLIENT_HANDSHAKE,
    CLIENT_IDENTIFY, /* a worker looks the user up */
    CLIENT_OPEN,
    CLIENT_FLUSHING,  /* last words, then goodbye */
    CLIENT_LINGERING, /* said goodbye; reads until the peer closes, so that the words arrive */
    CLIENT_CLOSED,
};

struct client {
    UT_hash_handle hh; /* in loop->clients, by number */
    uint64_t number;
    struct loop *loop;
    struct registry_entry *registry;
    char *listener; /* name */
    char *site;     /* what back-off counts by: address_format_site, or "unix:UID" */
    bool tls;
    enum client_state state;
    int fd;                   /* until the stream takes it (proxy header) */
    struct stream *stream;    /* NULL while a step that is away has it */
    bool handshake_blocks;    /* its key is in a token */
    struct offload_slot away; /* a step of the login that blocks */
    struct event read_event, write_event;

    struct buf in; /* the beginning of a message, or what cannot be taken yet */
    struct qmp_framer framer;
    struct qmp_scanner *scanner; /* own while in the middle of a message */
    bool input_ended;
    bool paused; /* not read: it has too much waiting already */
    bool active; /* said something since the last look at deadlines */

    struct buf out;
    size_t out_counted; /* what of it is in the daemon's total */
    bool dirty;
    bool held; /* its output has waited for a turn already */
    struct client *dirty_next;
    struct client *dead_next;
    uint64_t events_lost; /* since the last marker */
    struct {
        uint64_t count;      /* events that no record tells of yet */
        int64_t since_us;    /* UTC, of the first */
        int64_t recorded_us; /* monotonic, of the last record; 0: none yet */
    } lost;

    int64_t deadline_us; /* monotonic; 0: none */
    const char *deadline_what;
    bool deadline_idle; /* moves on while the client is active */
    int64_t login_us;   /* monotonic: of its latest login by SASL; 0: none */
    uint64_t checked;   /* number of the snapshot whose word it is that this client is welcome */
    int64_t resync_since_us;    /* when skipping began; 0: not skipping */
    enum audit_code close_code; /* while the last words go out, as the reason */
    char *close_reason;         /* owned */
    struct loop *move_to;       /* at the end of this turn */
    void (*move_arrived)(struct client *c);

    struct session session;
};

/* Makes the events of a client for its present loop; none is added yet. */
void client_watch(struct client *c, int fd);

/* Where answers are appended; client_touch afterwards. */
static inline struct buf *client_out(struct client *c)
{
    return &c->out;
}
void client_touch(struct client *c);

/* Is the client reading slowly (events are dropped, no further commands are taken)? */
bool client_is_slow(const struct client *c);
/* Would it still be no slow reader with so many bytes more? An event that is too long in itself
 * never is: a copy of it for everybody is what a hostile VM would want. */
bool client_has_room(const struct client *c, size_t bytes);

/* An event was dropped. It is told by a marker when there is room, and recorded, but not too often.
 */
void client_lose_event(struct client *c);
/* Records what was dropped, however recent the last record is. */
void client_record_lost(struct client *c);

/* Ends the connection at once. The only way that ends one; code and reason go to the log and the
 * audit. */
void client_close(struct client *c, enum audit_code code, const char *reason);
/* The same after what is in `out` has gone. */
void client_finish(struct client *c, enum audit_code code, const char *reason);

/* The same, and the client is told why by GATEWAY_CLOSED: no values and no names of the policy. */
void client_dismiss(struct client *c, enum audit_code code, const char *reason);

/* Takes up input again that was left lying. */
void client_resume(struct client *c);

/* Moves to another loop, where arrived() runs. */
void client_move(struct client *c, struct loop *to, void (*arrived)(struct client *c));

/* The deadline of a phase: "idle", "negotiation"... 0: none. */
void client_set_deadline(struct client *c, unsigned seconds, const char *what);
void client_set_idle_deadline(struct client *c);

/* --- for the loop ----------------------------------------------------------------------------- */

struct qmp_scan_limits client_scan_limits(const struct loop *loop);
void client_flush_dirty(struct loop *loop);
/* What the last turn put off is due at the end of this one. */
void client_take_held(struct loop *loop);
void client_bury(struct loop *loop);
void client_check_deadlines(struct loop *loop, int64_t now);
void client_close_all(struct loop *loop, enum audit_code code, const char *reason);
/* Says GATEWAY_SHUTDOWN; each goes when what it has in flight is answered. */
void client_drain_all(struct loop *loop);
struct client *client_find(struct loop *loop, uint64_t number);

/* After a reload, or when certificates have ended: looks, some a turn, whether each connection is
 * still welcome. */
void client_reverify_init(struct loop *loop);
void client_reverify_all(struct loop *loop);

#endif
