/* The way of a client to the loop of its VM, and the word to all of a loop that the house closes.
 */
#include "config.h"
#include "proxy/client_internal.h"

#include <stdlib.h>
#include "base/mem.h"
#include "proxy/client_admit.h"
#include "proxy/daemon.h"
#include "proxy/registry.h"

struct move_message {
    struct loop_message message;
    struct client *client;
    void (*arrived)(struct client *c);
};

static void drain(struct client *c)
{
    struct span none = { 0 };
    if (c->state == CLIENT_OPEN) {
        session_gateway_event(&c->session, "GATEWAY_SHUTDOWN", none);
        session_give_up(&c->session, AUDIT_CODE_SHUTDOWN, "the gateway is shutting down");
    } else if (c->state < CLIENT_OPEN) {
        client_close(c, AUDIT_CODE_SHUTDOWN, "the gateway is shutting down");
    }
}

static void run_move(struct loop *loop, struct loop_message *message)
{
    struct move_message *m = (struct move_message *)message;
    struct client *c = m->client;
    c->loop = loop;
    HASH_ADD(hh, loop->clients, number, sizeof(c->number), c);
    client_watch(c, stream_fd(c->stream));
    if (!c->paused && !c->input_ended)
        event_add(&c->read_event, NULL);
    if (buf_len(&c->out))
        client_touch(c);
    m->arrived(c);
    client_resume(c); /* what is buffered in us or in TLS is not seen by poll */
    client_admit_recheck(c);
    if (loop->draining && !c->session.giving_up) /* everybody here was told before it came */
        drain(c);
    free(m);
}

void client_do_move(struct client *c)
{
    struct loop *to = c->move_to;
    struct move_message *m = MEM_NEW(struct move_message);
    m->message.run = run_move;
    m->client = c;
    m->arrived = c->move_arrived;
    c->move_to = NULL;
    event_del(&c->read_event);
    event_del(&c->write_event);
    HASH_DELETE(hh, c->loop->clients, c);
    registry_set_loop(c->loop->daemon->registry, c->registry, to);
    c->loop = NULL;
    loop_post(to, &m->message);
}

void client_move(struct client *c, struct loop *to, void (*arrived)(struct client *c))
{
    c->move_to = to;
    c->move_arrived = arrived;
    client_touch(c);
}

void client_drain_all(struct loop *loop)
{
    struct client *c, *next;
    HASH_ITER (hh, loop->clients, c, next)
        drain(c);
}
