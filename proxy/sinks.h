/* The sinks of the audit log (audit/sink.h), from the configuration. */
#ifndef PROXY_SINKS_H
#define PROXY_SINKS_H

#include "base/buf.h"
#include "conf/conf.h"
#include "proxy/daemon.h"

struct sinks;

/* Are the files and the directory there that the configuration's sinks need? For --check and for a
 * reload; what is wrong goes to `report`, and false. */
bool sinks_check(const struct conf *conf, conf_report_fn *report, void *opaque);

/* Starts them: after audit_open with as many sinks. *out may be NULL where there are none. */
int sinks_start(struct daemon *d, struct conf *conf, struct sinks **out,
                struct error *err) MUST_CHECK;

/* The end, around audit_close: what it writes is sent as well. False: one hangs, and goes on using
 * what it was given. NULL is fine. */
void sinks_detach(struct sinks *s);
bool sinks_stop(struct sinks *take_s) MUST_CHECK;

/* For gateway-stats: an array. */
void sinks_write(struct buf *b, struct sinks *s);

#endif
