/* A stream of bytes over a non-blocking socket, plain or TLS behind one table of operations. It
 * owns its file descriptor; it never blocks, has no event loop and no buffer that the caller fills:
 * the caller polls stream_fd for what the last call wanted. One thread at a time; may move between
 * threads. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

enum stream_status {
    STREAM_OK,
    STREAM_WANT_READ,  /* nothing done: call again when the socket is readable; it may be so already
                        * (after a  session ticket), so watch its level, not its edge */
    STREAM_WANT_WRITE, /* likewise, writable */
    STREAM_EOF,        /* the peer ended the stream properly, or left during the handshake */
    STREAM_FAILED,     /* broken: see err; only stream_free is left */
};

struct stream;

/* Takes the descriptor and makes it non-blocking and close-on-exec. */
struct stream *stream_new_plain(int take_fd);
void stream_free(struct stream *s);

int stream_fd(const struct stream *s);

/* Plain: OK at once. TLS: goes on with the handshake and then verifies the peer. */
enum stream_status stream_handshake(struct stream *s, struct error *err) MUST_CHECK;

/* Up to len bytes; *n > 0 with STREAM_OK. Read until it is not STREAM_OK, or watch stream_pending.
 */
enum stream_status stream_read(struct stream *s, void *data, size_t len, size_t *n,
                               struct error *err) MUST_CHECK;

/* Writes what it can; *n > 0 with STREAM_OK. After a WANT the caller must come again with the same
 * bytes first (more may follow them); a moved buffer is fine. */
enum stream_status stream_write(struct stream *s, const void *data, size_t len, size_t *n,
                                struct error *err) MUST_CHECK;

/* The same, and a descriptor goes along with the first of the bytes (SCM_RIGHTS): over a plain
 * stream on a UNIX socket. It stays the caller's. */
enum stream_status stream_write_fd(struct stream *s, const void *data, size_t len, int fd,
                                   size_t *n, struct error *err) MUST_CHECK;

/* Bytes that are decrypted already and that poll does not see. */
size_t stream_pending(const struct stream *s);

/* Says goodbye in our direction (close_notify, or shutdown(SHUT_WR)); best effort, does not wait.
 */
void stream_shutdown(struct stream *s);

/* NULL for a plain stream: the TLS side of it, see net/tls.h. */
struct tls_session;
struct tls_session *stream_tls(struct stream *s);

#endif
