/* What a kind of stream is made of. For who makes one (net/, and libqmp's to libvirt): others know
 * struct stream by name only. */
#ifndef NET_STREAM_OPS_H
#define NET_STREAM_OPS_H

#include "net/stream.h"

struct stream_ops {
    enum stream_status (*handshake)(struct stream *s, struct error *err);
    enum stream_status (*read)(struct stream *s, void *data, size_t len, size_t *n,
                               struct error *err);
    enum stream_status (*write)(struct stream *s, const void *data, size_t len, size_t *n,
                                struct error *err);
    size_t (*pending)(const struct stream *s);
    void (*shutdown)(struct stream *s);
    struct tls_session *(*tls)(struct stream *s);
    void (*free)(struct stream *s); /* all but the descriptor, which stream_free closes before */
};

/* The first member of each kind. */
struct stream {
    const struct stream_ops *ops;
    int fd; /* owned */
};

/* Takes the descriptor and makes it non-blocking and close-on-exec. */
void stream_init(struct stream *s, const struct stream_ops *ops, int take_fd);

#endif
