#include "config.h"
#include "qmp/names.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "qmp/siphash.h"

#define NAMES_COMPARED   8u    /* members of an object that are compared one by one */
#define NAMES_MIN_SLOTS  64u   /* slots of the first table */
#define NAMES_KEEP_SLOTS 1024u /* slots kept between messages: 12 KiB */

/* The object takes part, so that the same name in a thousand objects makes a thousand hashes. */
static uint32_t hash_name(const struct qmp_names *n, uint32_t object, struct span name)
{
    uint64_t h = qmp_siphash(n->seed, name.data, name.len) + object * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32);
}

void qmp_names_init(struct qmp_names *n)
{
    *n = (struct qmp_names){ 0 };
    qmp_siphash_seed(n->seed);
}

void qmp_names_free(struct qmp_names *n)
{
    free(n->slots);
    n->slots = NULL;
    n->n_slots = n->n_used = 0;
}

void qmp_names_reset(struct qmp_names *n)
{
    if (n->n_slots > NAMES_KEEP_SLOTS)
        qmp_names_free(n);
    else if (n->n_used)
        memset(n->slots, 0, n->n_slots * sizeof(*n->slots));
    n->n_used = 0;
}

static void insert(struct qmp_names *n, struct qmp_names_entry e)
{
    uint32_t i = e.hash & (n->n_slots - 1);
    while (n->slots[i].name)
        i = (i + 1) & (n->n_slots - 1);
    n->slots[i] = e;
    n->n_used++;
}

static void make_room(struct qmp_names *n)
{
    if (n->n_slots && n->n_used < n->n_slots / 2)
        return;
    struct qmp_names old = *n;
    n->n_slots = old.n_slots ? old.n_slots * 2 : NAMES_MIN_SLOTS;
    n->slots = mem_zalloc_array(n->n_slots, sizeof(*n->slots));
    n->n_used = 0;
    for (uint32_t i = 0; i < old.n_slots; i++) {
        if (old.slots[i].name)
            insert(n, old.slots[i]);
    }
    free(old.slots);
}

/* Remembers the name, unless the object has it already. */
static bool add_once(struct qmp_names *n, const struct qmp_tape *t, uint32_t object, uint32_t name)
{
    make_room(n);
    struct span text = qmp_tape_string(t, name);
    struct qmp_names_entry e = { name, object, hash_name(n, object, text) };
    for (uint32_t i = e.hash & (n->n_slots - 1); n->slots[i].name; i = (i + 1) & (n->n_slots - 1)) {
        const struct qmp_names_entry *slot = &n->slots[i];
        if (slot->hash == e.hash && slot->object == object &&
            qmp_tape_string_is(t, slot->name, text))
            return false;
    }
    insert(n, e);
    return true;
}

bool qmp_names_repeats(struct qmp_names *n, const struct qmp_tape *t, uint32_t object,
                       uint32_t name)
{
    uint32_t count = t->tokens[object].count;
    uint32_t earlier = object + 1;
    if (count > NAMES_COMPARED)
        return !add_once(n, t, object, name);
    struct span text = qmp_tape_string(t, name);
    for (uint32_t i = 0; i < count; i++) {
        if (qmp_tape_string_is(t, earlier, text))
            return true;
        if (count == NAMES_COMPARED)
            (void)add_once(n, t, object, earlier);
        earlier = qmp_tape_next(t, earlier + 1);
    }
    return count == NAMES_COMPARED && !add_once(n, t, object, name);
}
