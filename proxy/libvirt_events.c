#include "config.h"
#include "proxy/libvirt_events.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdatomic.h>
#include "base/log.h"
#include "base/thread.h"

/* libvirt has one event loop a process, so this is the process's. */
static pthread_t thread;
static bool running, registered;
static atomic_bool stopping;
static int waker = -1;

static void on_wake(int timer, void *opaque)
{
    (void)opaque;
    virEventUpdateTimeout(timer, -1);
}

/* What libvirt would print; errors are told where they are handled. */
static void keep_quiet(void *opaque, virErrorPtr error)
{
    (void)opaque, (void)error;
}

static void *run(void *opaque)
{
    (void)opaque;
    while (!atomic_load(&stopping)) {
        if (virEventRunDefaultImpl() < 0)
            log_error("libvirt's event loop: %s", virGetLastErrorMessage());
    }
    return NULL;
}

static int start_thread(struct error *err)
{
    if (thread_start(&thread, run, NULL) != 0)
        return error_set(err, ERROR_SYSTEM, "cannot start the thread of libvirt's events");
    pthread_setname_np(thread, "libvirt-events");
    return 0;
}

int libvirt_events_start(struct error *err)
{
    if (running)
        return 0;
    if (!registered) {
        virSetErrorFunc(NULL, keep_quiet);
        if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
            return error_set(err, ERROR_SYSTEM, "libvirt cannot be started: %s",
                             virGetLastErrorMessage());
        registered = true;
        waker = virEventAddTimeout(-1, on_wake, NULL, NULL);
    }
    atomic_store(&stopping, false);
    int rc = start_thread(err);
    running = rc == 0;
    return rc;
}

void libvirt_events_stop(void)
{
    if (!running)
        return;
    atomic_store(&stopping, true);
    virEventUpdateTimeout(waker, 0);
    pthread_join(thread, NULL);
    running = false;
}
