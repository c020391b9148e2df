#include "config.h"
#include "proxy/vm_socket.h"

#include <fcntl.h>
#include <sys/stat.h>

#define NSEC_PER_SEC 1000000000ll

int vm_socket_look(int dir, const char *path, struct vm_socket *out)
{
    struct statx st;
    if (statx(dir, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
        return -1;
    *out = (struct vm_socket){
        .mode = st.stx_mode,
        .owner = st.stx_uid,
        .device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
        .inode = st.stx_ino,
    };
    if (st.stx_mask & STATX_BTIME)
        out->born_ns = st.stx_btime.tv_sec * NSEC_PER_SEC + st.stx_btime.tv_nsec;
    return 0;
}

bool vm_socket_same(const struct vm_socket *a, const struct vm_socket *b)
{
    return a->device == b->device && a->inode == b->inode && a->born_ns == b->born_ns;
}
