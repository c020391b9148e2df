/* The door: from an accepted socket to a connection of somebody known (or of nobody yet, who then
 * logs in). */
#ifndef PROXY_CLIENT_ADMIT_H
#define PROXY_CLIENT_ADMIT_H

#include "proxy/client.h"

/* Takes an accepted socket. Front loop. */
void client_admit(struct loop *loop, const char *listener, int take_fd,
                  const struct sockaddr_storage *peer);

/* The socket is ready for the next step. */
void client_admit_continue(struct client *c);

/* Somebody has proven who he is, and for whom he wants to act (NULL: himself): is he welcome? 0, or
 * negative with words for the client; then it is nobody still, and to be recorded. Takes both. */
int client_admit_as(struct client *c, struct identity *take_identity, struct identity *take_acting,
                    struct error *err) MUST_CHECK;
/* What audit calls it. */
enum audit_code client_admit_code(const struct error *err);

/* Has something ended on which its certificate rests, so that it is to be looked at again? */
bool client_admit_is_due(const struct client *c, time_t now);

/* After a reload, when it is due, or on arrival at another loop: is it still welcome? Closes it if
 * not. */
void client_admit_recheck(struct client *c);

#endif
