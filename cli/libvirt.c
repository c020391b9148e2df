#include "config.h"
#include "cli/libvirt.h"

const struct libvirt *libvirt_load(struct error *err)
{
    static const char *const names[] = { LIBVIRT_FUNCTIONS(LIBRARY_NAME) };
    static struct libvirt library;
    _Static_assert(sizeof(names) == sizeof(library), "it has a function of each name");
    if (library_load("libvirt.so.0", names, ARRAY_SIZE(names), &library, err) == 0)
        return &library;
    error_prefix(err, "this takes libvirt's library");
    return NULL;
}
