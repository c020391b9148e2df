/* What the parts of a client share: client.c has its life and its deadlines, client_input.c what it
 * says, client_output.c what it is told, client_move.c the way to another loop. Private to them. */
#ifndef PROXY_CLIENT_INTERNAL_H
#define PROXY_CLIENT_INTERNAL_H

#include "proxy/client.h"
#include "proxy/snapshot.h"

static inline const struct conf_limits *client_limits(const struct client *c)
{
    return &c->loop->snapshot->conf->limits;
}

/* Brings the daemon's total up to date with what waits for this client. */
void client_count_output(struct client *c);

/* All that there was to say is out: closes our side, and waits for the peer's. */
void client_start_lingering(struct client *c);

/* To the loop that client_move named. */
void client_do_move(struct client *c);

#endif
