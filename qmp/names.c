#include "config.h"
#include "qmp/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/mem.h"

#define NAMES_COMPARED   8u    /* members of an object that are compared one by one */
#define NAMES_MIN_SLOTS  64u   /* slots of the first table */
#define NAMES_KEEP_SLOTS 1024u /* slots kept between messages: 12 KiB */

#define ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))

struct sip {
    uint64_t a, b, c, d;
};

static inline void sip_round(struct sip *v)
{
    v->a += v->b;
    v->b = ROTL(v->b, 13) ^ v->a;
    v->a = ROTL(v->a, 32);
    v->c += v->d;
    v->d = ROTL(v->d, 16) ^ v->c;
    v->a += v->d;
    v->d = ROTL(v->d, 21) ^ v->a;
    v->c += v->b;
    v->b = ROTL(v->b, 17) ^ v->c;
    v->c = ROTL(v->c, 32);
}

static inline void sip_word(struct sip *v, uint64_t word)
{
    v->d ^= word;
    sip_round(v);
    v->a ^= word;
}

/* SipHash-1-3 (Aumasson and Bernstein), the word order being the machine's: it never leaves it. */
static uint64_t siphash(const uint64_t seed[2], const char *data, size_t len)
{
    struct sip v = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
                     seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
    uint64_t word, last = (uint64_t)len << 56;
    size_t i = 0;
    for (; len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, data + i, sizeof(word));
        sip_word(&v, word);
    }
    for (size_t shift = 0; i < len; i++, shift += 8)
        last |= (uint64_t)(unsigned char)data[i] << shift;
    sip_word(&v, last);
    v.c ^= 0xff;
    sip_round(&v);
    sip_round(&v);
    sip_round(&v);
    return v.a ^ v.b ^ v.c ^ v.d;
}

/* The object takes part, so that the same name in a thousand objects makes a thousand hashes. */
static uint32_t hash_name(const struct qmp_names *n, uint32_t object, struct span name)
{
    uint64_t h = siphash(n->seed, name.data, name.len) + object * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32);
}

void qmp_names_init(struct qmp_names *n)
{
    *n = (struct qmp_names){ 0 };
    while (getrandom(n->seed, sizeof(n->seed), 0) != (ssize_t)sizeof(n->seed)) {
        if (errno != EINTR)
            abort(); /* a kernel without randomness: nothing here can be kept safe */
    }
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
