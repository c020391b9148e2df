#include "config.h"
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

int library_load(const char *file, const char *const *names, size_t n, void *places,
                 struct error *err)
{
    /* it may have threads, and so is never unloaded */
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) {
        const char *why = dlerror();
        return error_set(err, ERROR_STATE, "%s is not installed here: %s", file, why ? why : "");
    }
    for (size_t i = 0; i < n; i++) {
        void *function = dlsym(handle, names[i]);
        if (!function)
            return error_set(err, ERROR_STATE, "this %s is too old: it has no %s", file, names[i]);
        memcpy((char *)places + i * sizeof(function), &function, sizeof(function));
    }
    return 0;
}
