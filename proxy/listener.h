/* Listening sockets. The main thread accepts and hands connections out to the front loops in turn.
 */
#ifndef PROXY_LISTENER_H
#define PROXY_LISTENER_H

#include "base/error.h"
#include "conf/conf.h"

struct daemon;
struct event_base;
struct listeners;

/* Opens what the configuration names; sockets that systemd passed (by the listener's name, or by
 * where they listen) are used in place of new ones. */
int listeners_open(const struct conf *conf, struct listeners **out, struct error *err) MUST_CHECK;
/* From now on connections are accepted. */
void listeners_start(struct listeners *l, struct daemon *daemon);
/* After a reload: new ones open, removed ones close, the others stay. Negative if a new one cannot
 * be opened; the others are in place then all the same. */
int listeners_apply(struct listeners *l, const struct conf *conf, struct error *err) MUST_CHECK;
void listeners_close(struct listeners *l);

#endif
