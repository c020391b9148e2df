/* Every length, depth, count and time that a peer can push against: name, unit, reason. What an
 * administrator may change has its default here and its option in conf/option_table.c. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* --- a client's messages ---------------------------------------------------------------------- */
#define LIMIT_REQUEST_BYTES_DEFAULT (64u << 10) /* bytes; QEMU takes 3 us a byte: 0.2 s */
#define LIMIT_REQUEST_BYTES_MAX     (16u << 20) /* bytes; the most that can be configured */
#define LIMIT_REQUEST_DEPTH         64u         /* levels; the deepest blockdev-add has a dozen */
#define LIMIT_REQUEST_TOKENS        65536u      /* tokens; bounds what a message makes of memory */
#define LIMIT_RESYNC_BYTES          (64u << 10) /* bytes skipped after a lexical error */
#define LIMIT_RESYNC_SECONDS        5u          /* seconds for the newline to come */
#define LIMIT_LEXICAL_ERRORS        3u          /* in a row, then the connection ends */

/* --- a VM's messages (a QEMU may be hostile too) ---------------------------------------------- */
#define LIMIT_REPLY_BYTES_DEFAULT (64u << 20) /* bytes; QEMU's own token limit */
#define LIMIT_REPLY_DEPTH         1024u       /* levels; QEMU's own limit */
#define LIMIT_REPLY_TOKENS        64u         /* of the top level only; QMP has at most 4 members */
#define LIMIT_SCHEMA_BYTES        (8u << 20)  /* bytes of query-qmp-schema; 7.2 has 0.2 MB */
#define LIMIT_SCHEMA_DEPTH        16u         /* levels; 7.2 has 5 */
#define LIMIT_SCHEMA_TOKENS       (1u << 20)  /* tokens; 7.2 has 23,000 */
#define LIMIT_SCHEMA_MEMBERS      1024u /* of one object; 7.2 has 32: a bit each on the stack */
#define LIMIT_SCHEMA_NAME         255u  /* bytes of a name; 7.2 has 38 */

/* --- a monitor -------------------------------------------------------------------------------- */
#define LIMIT_WINDOW_COMMANDS   7u          /* in-band in flight; at 8 QEMU stops reading */
#define LIMIT_WINDOW_BYTES      4096u       /* of them, or one longer one alone */
#define LIMIT_WINDOW_OOB        3u          /* out-of-band in flight; ids are slots: one digit */
#define LIMIT_OTHERS_REPLIES    8u          /* to the client before; as many as QEMU queues */
#define LIMIT_GREETING_BYTES    (64u << 10) /* kept, and told to each client; QEMU's has 200 */
#define LIMIT_GREETING_MS       2000u  /* a monitor that is held by another client says nothing */
#define LIMIT_DEAF_MS           1000u  /* read on after it takes no more commands, if it talks on */
#define LIMIT_KEEPALIVE_SECONDS 5      /* libvirt asks so often whether the other side is there */
#define LIMIT_KEEPALIVE_COUNT   3      /* and gives it up after so many answers that did not come */
#define LIMIT_LIBVIRT_START_MS  10000u /* for a VM's first answer by way of libvirt */
#define LIMIT_QUARANTINE_MS                           \
    5000u /* behind libvirt: a silent VM gets no more \
           */
#define LIMIT_MOVE_MS \
    5000u /* a VM that left is waited for so long elsewhere; likewise its replies */
#define LIMIT_AGENT_ERROR_SECONDS \
    1u /* for a guest agent's error, of a command that does not answer if it succeeds */
#define LIMIT_AGENT_START_MS   15000u     /* for its first answer: a sync that fails takes 5 s */
#define LIMIT_AGENT_READ_BYTES (2u << 20) /* of guest-file-read: base64 makes four of three */
#define LIMIT_LIBVIRT_REQUEST  (3u << 20) /* libvirt's strings have 4 MiB */
#define LIMIT_EVENTS_UNDER_WAY 1024u      /* of a VM, from libvirt to its loop */
#define LIMIT_EVENT_BYTES      (1u << 20)
#define LIMIT_TITLE_BYTES      256u  /* of a domain's title; of more the beginning is shown */
#define LIMIT_ABOUT_BYTES      1024u /* likewise of its description */
#define LIMIT_RINGBUF_BYTES    (512u << 10) /* of ringbuf-read: JSON may make six of each */
#define LIMIT_GONE_MS          2000u /* for the end of a VM whose socket has gone; then it is ended */

#endif
