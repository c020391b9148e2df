#include "config.h"
#include "libqmp/libvirt_api.h"

#include <pthread.h>
#include <stdbool.h>
#include "base/thread.h"

/* The process's, as libvirt's own state is. Written once. */
static struct libvirt_api api;
static struct error failure;
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* --- loading ---------------------------------------------------------------------------------- */

static int load(void)
{
    static const char *const base[] = { LIBVIRT_FUNCTIONS(LIBRARY_NAME) };
    static const char *const qemu[] = { LIBVIRT_QEMU_FUNCTIONS(LIBRARY_NAME) };
    _Static_assert(sizeof(api) == sizeof(base) + sizeof(qemu), "it has a function of each name");
    int rc = library_load("libvirt.so.0", base, ARRAY_SIZE(base), &api, &failure);
    return rc < 0 ? rc
                  : library_load("libvirt-qemu.so.0", qemu, ARRAY_SIZE(qemu),
                                 (char *)&api + sizeof(base), &failure);
}

/* --- its event loop --------------------------------------------------------------------------- */

static void on_nothing(int timer, void *opaque)
{
    (void)timer, (void)opaque;
}

static void *run_loop(void *opaque)
{
    (void)opaque;
    while (api.virEventRunDefaultImpl() == 0)
        ;
    return NULL;
}

static int start_thread(void)
{
    pthread_t thread;
    if (thread_start(&thread, run_loop, NULL) != 0)
        return error_set(&failure, ERROR_STATE, "no thread for libvirt's events can be started");
    pthread_setname_np(thread, "libvirt-events");
    pthread_detach(thread);
    return 0;
}

static int start_loop(void)
{
    /* only who has a loop can take a timer */
    int timer = api.virEventAddTimeout(-1, on_nothing, NULL, NULL);
    if (timer >= 0) {
        api.virEventRemoveTimeout(timer);
        return 0;
    }
    api.virResetLastError();
    if (api.virEventRegisterDefaultImpl() < 0)
        return error_set(&failure, ERROR_STATE, "libvirt has no event loop: %s",
                         api.virGetLastErrorMessage());
    api.virEventAddTimeout(-1, on_nothing, NULL, NULL); /* a loop with nothing to do would end */
    return start_thread();
}

static void start(void)
{
    if (load() < 0)
        return;
    if (api.virInitialize() < 0) {
        error_set(&failure, ERROR_STATE, "libvirt cannot be started: %s",
                  api.virGetLastErrorMessage());
        return;
    }
    loaded = start_loop() == 0;
}

int libvirt_api_get(const struct libvirt_api **out, struct error *err)
{
    pthread_once(&once, start);
    if (!loaded)
        return error_set(err, failure.code, "%s", failure.text);
    *out = &api;
    return 0;
}
