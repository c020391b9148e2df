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
/* A reload, in two steps. The first opens what is new and changes nothing if one of them cannot be
 * opened; the second puts them in place, and closes what was removed. */
int listeners_prepare(struct listeners *l, const struct conf *conf, struct error *err) MUST_CHECK;
void listeners_commit(struct listeners *l, const struct conf *conf);
void listeners_close(struct listeners *l);

#endif
