/* A login by SASL in the QMP stream (RFC 4422): gateway-auth-start and gateway-auth-step. Who the
 * session is, is settled here for all whom a certificate or peer credentials did not settle; the
 * mechanisms are auth/'s, the order of messages session's.
 *
 * Steps run on a pool of their own, one at a time a connection. A login that fails is answered when
 * a fixed time has passed since its last message, so that its time tells nothing, and in one and
 * the same way. Who is somebody already may log in again as the same, which renews the login. */
#ifndef PROXY_LOGIN_H
#define PROXY_LOGIN_H

#include "proxy/session.h"

struct conf_listener;
struct login;

/* What to do with somebody known from below (by certificate or peer credentials; NULL: nobody is):
 * is he let in as that, or does he have to log in? */
bool login_is_needed(const struct conf_listener *l, const struct identity *external);

/* After a reload: why the listener, as it is now, would not take whoever is in; NULL if it would.
 */
const char *login_objection(const struct session *s, const struct conf_listener *l);

void login_auth_start(struct session *s, struct request *r);
void login_auth_step(struct session *s, struct request *r);

/* The mechanisms that are offered to this session now, as a JSON array. */
void login_write_mechanisms(struct buf *out, struct session *s);

/* With its session. NULL is fine. */
void login_free(struct login *l);

#endif
