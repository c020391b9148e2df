/* What the daemon does about an audit log that goes on failing: on_failure of qmpgate.conf(5). */
#ifndef PROXY_AUDIT_WATCH_H
#define PROXY_AUDIT_WATCH_H

struct audit_watch;
struct daemon;

/* Of the main thread; looks once a second. */
struct audit_watch *audit_watch_new(struct daemon *d);
void audit_watch_free(struct audit_watch *w);

#endif
