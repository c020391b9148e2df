#include "config.h"
#include "cli/libvirt.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libvirt.so.0"

const struct libvirt *libvirt_load(struct error *err)
{
    static const char *const names[] = {
#define NAME(name) #name,
        LIBVIRT_FUNCTIONS(NAME)
#undef NAME
    };
    static struct libvirt library;
    void *functions[ARRAY_SIZE(names)];
    _Static_assert(sizeof(functions) == sizeof(library), "it has a function of each name");
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        functions[i] = handle ? dlsym(handle, names[i]) : NULL;
        if (functions[i])
            continue;
        const char *why = dlerror();
        error_set(err, ERROR_STATE, "this takes libvirt's library: %s", why ? why : LIBRARY);
        return NULL;
    }
    memcpy(&library, functions, sizeof(library));
    return &library;
}
