#include "config.h"
#include "audit/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "base/log.h"

#define STEP (1u << 20) /* bytes set aside at once beyond what is due */

static int set_aside(struct audit_file *f, uint64_t end)
{
    uint64_t from = f->allocated > f->offset ? f->allocated : f->offset;
    int rc;
    do
        rc = fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(end - from));
    while (rc < 0 && errno == EINTR);
    if (rc == 0)
        f->allocated = end;
    return rc;
}

int reserve_keep(struct audit_file *f, const char *path, uint64_t reserve, size_t need,
                 struct error *err)
{
    uint64_t due = f->offset + need + reserve;
    if (reserve == 0 || f->no_reserve || f->allocated >= due)
        return 0;
    if (set_aside(f, due + STEP) == 0 || set_aside(f, due) == 0)
        return 0;
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL || errno == ENODEV) {
        f->no_reserve = true;
        log_warning("audit log %s: its filesystem cannot set a reserve aside: when it is full, "
                    "administration goes on without being recorded",
                    path);
        return 0;
    }
    return error_set_errno(err, "audit log %s: what is left is kept for administration", path);
}

void reserve_free(struct audit_file *f)
{
    struct stat st;
    if (f->allocated <= f->offset || fstat(f->fd, &st) < 0 || (uint64_t)st.st_size != f->offset)
        return;
    if (ftruncate(f->fd, st.st_size) < 0)
        log_warning("the reserve of an audit segment could not be given back: %m");
    f->allocated = 0;
}
