/* As whom the daemon runs, and who may see its memory. Root is refused unless `user` says whom to
 * become, or says root outright. */
#ifndef PROXY_PRIVILEGES_H
#define PROXY_PRIVILEGES_H

#include "conf/conf.h"

/* First of all: a core dump would hold keys and passwords. None is written; and to a program that
 * takes core dumps by a pipe, which asks no limit, none of the memory goes. */
void privileges_dump_no_core(void);

/* Before anything is opened: may we run as we were started? */
int privileges_check(const struct conf *conf, struct error *err) MUST_CHECK;

/* After the sockets are bound: becomes conf's user and group for good. */
int privileges_drop(const struct conf *conf, struct error *err) MUST_CHECK;

#endif
