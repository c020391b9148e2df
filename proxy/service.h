/* What the service manager hears: ready, reloading, stopping, a status line, and that all loops
 * live. */
#ifndef PROXY_SERVICE_H
#define PROXY_SERVICE_H

struct daemon;
struct service;

struct service *service_new(struct daemon *d);
void service_free(struct service *s);
void service_ready(struct service *s);
void service_reloading(struct service *s);
void service_stopping(struct service *s);

#endif
