/* What the configuration wants done with the audit log. */
#ifndef PROXY_KEEPING_H
#define PROXY_KEEPING_H

#include "audit/audit.h"
#include "proxy/snapshot.h"

/* Borrows from the snapshot. */
struct audit_keeping keeping_of(const struct snapshot *s);

#endif
