/* A build without libvirt. */
#include "config.h"
#include "libqmp/libvirt.h"

int libvirt_stream_new(const char *text, struct stream **out, struct error *err)
{
    (void)text, (void)out;
    return error_set(err, ERROR_STATE, "this libqmp was built without libvirt");
}
