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

void monitor_look_again(struct monitor *m);

/* monitor_move.c: one that libvirt moves to another host */
void monitor_watch_move(struct monitor *m, const struct qmp_tape *t,
                        const struct qmp_answer *event);
bool monitor_holds(const struct monitor *m, const struct request *r);
void monitor_try_move(struct monitor *m);
void monitor_moved(struct monitor *m);
void monitor_forget_move(struct monitor *m);
void monitor_check_move(struct monitor *m, int64_t now);

/* monitor.c, for the others */
void monitor_lose_requests(struct monitor *m, enum audit_code code, const char *why);
void monitor_join(struct monitor *m, struct session *s);
void monitor_disconnect(struct monitor *m);
void monitor_show(struct monitor *m, const char *state);
void monitor_kill(struct monitor *m, enum audit_code code, const char *why);

#endif
