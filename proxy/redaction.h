/* Replies of which a session's policy does not show every part. */
#ifndef PROXY_REDACTION_H
#define PROXY_REDACTION_H

#include "proxy/monitor.h"

/* session_return, without what the session is not shown; the request is the function's. */
void redaction_return(struct monitor *m, struct request *r, struct span value);

#endif
