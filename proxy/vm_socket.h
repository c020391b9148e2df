/* What stands at a VM's path: is it a socket, whose, and still the one that was there before? */
#ifndef PROXY_VM_SOCKET_H
#define PROXY_VM_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* All zero: nobody looked. */
struct vm_socket {
    mode_t mode;
    uid_t owner;
    uint64_t device, inode;
    int64_t born_ns; /* an inode's number comes again, with another birth; 0 where none is known */
};

/* Does not follow a link. `dir` as for openat(2). Negative with errno. */
int vm_socket_look(int dir, const char *path, struct vm_socket *out);

/* The same file: neither its mode nor its owner nor its times make it another. */
bool vm_socket_same(const struct vm_socket *a, const struct vm_socket *b);

#endif
