/* Directories in which the sockets of VMs come and go (vm_directory), watched by inotify on the
 * main thread. */
#ifndef PROXY_VM_DIRECTORY_H
#define PROXY_VM_DIRECTORY_H

#include "conf/conf.h"
#include "base/error.h"

struct event_base;
struct vm_directories;
struct vms;

int vm_directories_new(struct event_base *base, struct vms *vms, struct vm_directories **out,
                       struct error *err) MUST_CHECK;
/* Watches what conf names, and nothing else; reads each directory once before it returns. Takes a
 * reference on conf. */
void vm_directories_apply(struct vm_directories *d, struct conf *conf);
void vm_directories_free(struct vm_directories *d);

#endif
