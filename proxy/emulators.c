#include "config.h"
#include "proxy/emulators.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/mem.h"

#define EMULATORS_MAX 64u /* more than that are not remembered: the oldest goes */

struct emulator {
    UT_hash_handle hh; /* in the order in which they came */
    char *version;
    struct qmp_schema *schema;
    char key[];
};

struct emulators {
    pthread_mutex_t lock;
    struct emulator *items;
};

struct emulators *emulators_new(void)
{
    struct emulators *e = MEM_NEW(struct emulators);
    pthread_mutex_init(&e->lock, NULL);
    return e;
}

static void drop(struct emulators *e, struct emulator *item)
{
    HASH_DELETE(hh, e->items, item);
    qmp_schema_unref(item->schema);
    free(item->version);
    free(item);
}

void emulators_free(struct emulators *e)
{
    struct emulator *item, *next;
    if (!e)
        return;
    HASH_ITER (hh, e->items, item, next)
        drop(e, item);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

/* --- by name ---------------------------------------------------------------------------------- */

static struct emulator *find(struct emulators *e, const char *key)
{
    struct emulator *item;
    HASH_FIND(hh, e->items, key, strlen(key), item);
    return item;
}

bool emulators_find(struct emulators *e, const char *key, char **version,
                    struct qmp_schema **schema)
{
    pthread_mutex_lock(&e->lock);
    const struct emulator *item = find(e, key);
    if (item) {
        *version = mem_strdup(item->version);
        *schema = qmp_schema_ref(item->schema);
    }
    pthread_mutex_unlock(&e->lock);
    return item != NULL;
}

void emulators_forget(struct emulators *e, const char *key)
{
    pthread_mutex_lock(&e->lock);
    struct emulator *item = find(e, key);
    if (item)
        drop(e, item);
    pthread_mutex_unlock(&e->lock);
}

void emulators_learn(struct emulators *e, const char *key, const char *version,
                     struct qmp_schema *schema)
{
    size_t len = strlen(key);
    struct emulator *item = mem_zalloc(sizeof(*item) + len + 1);
    memcpy(item->key, key, len + 1);
    item->version = mem_strdup(version);
    item->schema = qmp_schema_ref(schema);
    pthread_mutex_lock(&e->lock);
    struct emulator *old = find(e, key);
    if (old)
        drop(e, old);
    else if (HASH_COUNT(e->items) == EMULATORS_MAX)
        drop(e, e->items);
    HASH_ADD_KEYPTR(hh, e->items, item->key, len, item);
    pthread_mutex_unlock(&e->lock);
}

/* --- which one it is -------------------------------------------------------------------------- */

/* Metadata may hold any elements, so what is looked for is behind them. Nothing there can look
 * like an element and be none: libvirt escapes what is text. */
static const char *behind_metadata(const char *xml)
{
    static const char end[] = "</metadata>";
    for (const char *p; (p = strstr(xml, end));)
        xml = p + strlen(end);
    return xml;
}

/* From `begin` to before `end`; the length, or 0 if there is none or more than one. */
static size_t find_one(const char *xml, const char *begin, const char *end, const char **out)
{
    *out = strstr(xml, begin);
    const char *stop = *out ? strstr(*out, end) : NULL;
    return stop && !strstr(stop, begin) ? (size_t)(stop - *out) : 0;
}

char *emulator_key(const char *connection, const char *xml)
{
    const char *program, *machine;
    xml = behind_metadata(xml);
    size_t n_program = find_one(xml, "<emulator>", "</emulator>", &program);
    size_t n_machine = find_one(xml, "<type arch=", "</type>", &machine);
    if (!n_program || !n_machine)
        return NULL;
    return mem_printf("%s %.*s %.*s", connection, (int)n_program, program, (int)n_machine, machine);
}
