/* The door: from an accepted socket to a connection of somebody known (or of nobody yet). */
#ifndef PROXY_CLIENT_ADMIT_H
#define PROXY_CLIENT_ADMIT_H

#include "proxy/client.h"

/* Takes an accepted socket. Front loop. */
void client_admit(struct loop *loop, const char *listener, int take_fd,
                  const struct sockaddr_storage *peer);

/* The socket is ready for the next step. */
void client_admit_continue(struct client *c);

/* After a reload, or on arrival at another loop: is it still welcome? Closes it if not. */
void client_admit_recheck(struct client *c);

#endif
