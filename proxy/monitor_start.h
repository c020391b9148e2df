/* How a monitor gets ready: connect, greeting, negotiation, is it the VM that was meant, what can
 * it do. And when it tries again. Part of monitor; for nobody else. */
#ifndef PROXY_MONITOR_START_H
#define PROXY_MONITOR_START_H

#include "proxy/monitor.h"

void monitor_start_init(struct monitor *m);
/* From MONITOR_IDLE; ends in monitor_lost or MONITOR_READY. */
void monitor_start(struct monitor *m);
/* Sets when the next attempt may come; tries by itself for VMs with hold = true. */
void monitor_back_off(struct monitor *m, bool was_ready);

/* monitor_gone.c: a VM that has left. */
void monitor_gone_init(struct monitor *m);
/* The same VM as it is known now: another state, or other labels. */
void monitor_take_vm(struct monitor *m, struct vm *take_vm);

/* monitor_cut_off.c: one whose libvirt cannot be reached */
void monitor_check_cut_off(struct monitor *m, int64_t now);

/* monitor.c, for the others */
void monitor_join(struct monitor *m, struct session *s);
void monitor_disconnect(struct monitor *m);
void monitor_show(struct monitor *m, const char *state);
void monitor_kill(struct monitor *m, enum audit_code code, const char *why);

#endif
