#include "config.h"
#include "proxy/libvirt_tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/loop.h"

struct libvirt_tap {
    UT_hash_handle hh;
    _Atomic unsigned refs;    /* taps' table or the owner, and each event under way */
    _Atomic unsigned pending; /* events under way */
    struct libvirt_taps *taps;
    char key[sizeof("01234567-89ab-cdef-0123-456789abcdef") + 1]; /* UUID, and "a" of an agent's */
    struct loop *loop;
    char *vm;
    uint64_t generation;
    void (*run)(struct loop *loop, struct loop_message *message);
    unsigned lost; /* under the lock: since the last that went */
};

struct libvirt_taps {
    _Atomic unsigned refs;
    pthread_mutex_t lock;
    struct libvirt_tap *open; /* by key; a monitor has one at a time */
};

struct libvirt_taps *libvirt_taps_new(void)
{
    struct libvirt_taps *t = MEM_NEW(struct libvirt_taps);
    atomic_store(&t->refs, 1);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void libvirt_taps_unref(struct libvirt_taps *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static void unref_tap(struct libvirt_tap *tap)
{
    if (atomic_fetch_sub(&tap->refs, 1) != 1)
        return;
    libvirt_taps_unref(tap->taps);
    free(tap->vm);
    free(tap);
}

struct libvirt_tap *libvirt_taps_open(struct libvirt_taps *taps, const char *uuid,
                                      const struct libvirt_tap_owner *owner)
{
    struct libvirt_tap *tap = MEM_NEW(struct libvirt_tap), *before;
    atomic_store(&tap->refs, 1);
    atomic_fetch_add(&taps->refs, 1);
    tap->taps = taps;
    snprintf(tap->key, sizeof(tap->key), "%s%s", uuid, owner->agent ? "a" : "");
    tap->loop = owner->loop;
    tap->vm = mem_strdup(owner->vm);
    tap->generation = owner->generation;
    tap->run = owner->run;
    pthread_mutex_lock(&taps->lock);
    HASH_FIND_STR(taps->open, tap->key, before);
    if (before) /* of a VM that changed its name: it is about to close */
        HASH_DELETE(hh, taps->open, before);
    HASH_ADD_STR(taps->open, key, tap);
    pthread_mutex_unlock(&taps->lock);
    return tap;
}

void libvirt_tap_close(struct libvirt_tap *tap)
{
    struct libvirt_tap *now;
    pthread_mutex_lock(&tap->taps->lock);
    HASH_FIND_STR(tap->taps->open, tap->key, now);
    if (now == tap)
        HASH_DELETE(hh, tap->taps->open, tap);
    pthread_mutex_unlock(&tap->taps->lock);
    unref_tap(tap);
}

/* As QEMU writes it: data is an object, if there is any. */
static void write_event(struct buf *b, const char *event, long long seconds, unsigned micros,
                        const char *details)
{
    buf_printf(b, "{\"timestamp\": {\"seconds\": %lld, \"microseconds\": %u}, \"event\": ", seconds,
               micros);
    buf_add_json_string(b, event, strlen(event));
    if (details) {
        BUF_ADD_LIT(b, ", \"data\": ");
        buf_add_str(b, details);
    }
    BUF_ADD_LIT(b, "}");
}

static struct libvirt_event *new_event(struct libvirt_tap *tap, const struct buf *text)
{
    size_t len = buf_len(text);
    struct libvirt_event *e = mem_zalloc(sizeof(*e) + len + 1);
    memcpy(e->json, buf_data(text), len);
    e->len = len;
    e->message.run = tap->run;
    e->tap = tap;
    e->vm = tap->vm;
    e->generation = tap->generation;
    e->lost = tap->lost;
    tap->lost = 0;
    atomic_fetch_add(&tap->refs, 1);
    atomic_fetch_add(&tap->pending, 1);
    return e;
}

static void tell(struct libvirt_tap *tap, const struct buf *text)
{
    if (atomic_load(&tap->pending) >= LIMIT_EVENTS_UNDER_WAY || buf_len(text) > LIMIT_EVENT_BYTES)
        tap->lost++;
    else
        loop_post(tap->loop, &new_event(tap, text)->message);
}

void libvirt_taps_tell(struct libvirt_taps *taps, const char *uuid, const char *event,
                       long long seconds, unsigned micros, const char *details)
{
    struct libvirt_tap *tap, *agents;
    CLEANUP_FREE char *key = mem_printf("%sa", uuid);
    CLEANUP_BUF struct buf text = { 0 };
    pthread_mutex_lock(&taps->lock);
    HASH_FIND_STR(taps->open, uuid, tap);
    HASH_FIND_STR(taps->open, key, agents);
    if (tap || agents)
        write_event(&text, event, seconds, micros, details);
    if (tap)
        tell(tap, &text);
    if (agents)
        tell(agents, &text);
    pthread_mutex_unlock(&taps->lock);
}

void libvirt_event_free(struct libvirt_event *e)
{
    atomic_fetch_sub(&e->tap->pending, 1);
    unref_tap(e->tap);
    free(e);
}
