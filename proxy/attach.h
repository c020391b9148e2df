/* From a name to a VM: may the caller see it, which loop owns it, how the client gets there. */
#ifndef PROXY_ATTACH_H
#define PROXY_ATTACH_H

#include "proxy/session.h"

struct daemon;
struct loop;

/* By TLS server name, or by the listener's fixed VM, where one of them says. False if neither does.
 */
bool attach_by_listener(struct session *s);

/* By name or UUID, for gateway-attach; the request is answered when it is done. */
void attach_by_name(struct session *s, struct request *take_request, struct span name);

/* What somebody is told who may not attach, whether the VM is there or not. */
extern const char attach_no_such_vm[];

/* Which VM loop has the VM of this name. */
struct loop *attach_loop_of(struct daemon *daemon, const char *vm);

#endif
