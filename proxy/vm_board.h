/* How each VM is doing, for whoever asks from any thread: the VM loops write, gateway-list-vms
 * reads. */
#ifndef PROXY_VM_BOARD_H
#define PROXY_VM_BOARD_H

#include "base/error.h"

struct vm_board;

struct vm_status {
    const char *state;           /* constant: "idle", "connected", "unreachable" */
    char reason[ERROR_TEXT_MAX]; /* why it is unreachable, else empty */
    char uuid[37];               /* what the VM says it is, if it was asked; else empty */
};

struct vm_board *vm_board_new(void);
void vm_board_free(struct vm_board *b);
void vm_board_set(struct vm_board *b, const char *vm, const struct vm_status *status);
void vm_board_forget(struct vm_board *b, const char *vm);
/* How many VMs it has an entry of. */
unsigned vm_board_count(struct vm_board *b);
/* A VM that nobody asked for yet is idle. */
void vm_board_get(struct vm_board *b, const char *vm, struct vm_status *out);

#endif
