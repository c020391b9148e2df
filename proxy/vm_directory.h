/* Directories in which the sockets of VMs come and go (vm_directory), watched by inotify on the
 * main thread. */
#ifndef PROXY_VM_DIRECTORY_H
#define PROXY_VM_DIRECTORY_H

#include "conf/conf.h"
#include "base/error.h"

struct event_base;
struct vm_directories;
struct vms;

/* Has a VM of this name, which was in a directory, left it, or is it something else now? */
typedef void vm_left_fn(void *opaque, const char *name);

/* `left` is called on the main thread. */
int vm_directories_new(struct event_base *base, struct vms *vms, vm_left_fn *left, void *opaque,
                       struct vm_directories **out, struct error *err) MUST_CHECK;
/* Watches what conf names, and nothing else; reads each directory once before it returns. Takes a
 * reference on conf. */
void vm_directories_apply(struct vm_directories *d, struct conf *conf);
void vm_directories_free(struct vm_directories *d);

#endif
