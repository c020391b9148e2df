#include "config.h"
#include "acl/index.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/buf.h"

struct index_entry {
    char *key;         /* owned; a pattern's begins with PATTERN_MARK */
    void *pattern;     /* owned; NULL of an exact one */
    uint32_t *targets; /* owned */
    size_t n, cap;
    struct index_entry *next_pattern;
    UT_hash_handle hh;
};

#define PATTERN_MARK "\001" /* in no key: those have no control bytes */

static struct index_entry *find(const struct acl_index *x, const char *key)
{
    struct index_entry *e = NULL;
    HASH_FIND_STR(x->entries, key, e);
    return e;
}

static struct index_entry *add_entry(struct acl_index *x, char *take_key, void *take_pattern)
{
    struct index_entry *e = MEM_NEW(struct index_entry);
    e->key = take_key;
    e->pattern = take_pattern;
    if (take_pattern) {
        e->next_pattern = x->patterns;
        x->patterns = e;
    }
    HASH_ADD_KEYPTR(hh, x->entries, e->key, strlen(e->key), e);
    return e;
}

void acl_index_add(struct acl_index *x, const char *key, void *take_pattern, uint32_t target)
{
    CLEANUP_FREE char *full = mem_printf("%s%s", take_pattern ? PATTERN_MARK : "", key);
    struct index_entry *e = find(x, full);
    if (!e)
        e = add_entry(x, TAKE_PTR(full), take_pattern);
    else if (take_pattern)
        x->free_pattern(take_pattern);
    if (e->n > 0 && e->targets[e->n - 1] == target)
        return;
    mem_grow((void **)&e->targets, &e->cap, e->n + 1, sizeof(*e->targets));
    e->targets[e->n++] = target;
}

void acl_index_fini(struct acl_index *x)
{
    struct index_entry *e, *next;
    HASH_ITER (hh, x->entries, e, next) {
        HASH_DEL(x->entries, e);
        if (e->pattern)
            x->free_pattern(e->pattern);
        free(e->targets);
        free(e->key);
        free(e);
    }
    x->patterns = NULL;
}

static void set_targets(const struct index_entry *e, uint64_t *targets)
{
    for (size_t i = 0; i < e->n; i++)
        bits_set(targets, e->targets[i]);
}

void acl_index_find_key(const struct acl_index *x, const char *key, uint64_t *targets)
{
    const struct index_entry *e = find(x, key);
    if (e && !e->pattern)
        set_targets(e, targets);
}

void acl_index_find_patterns(const struct acl_index *x, const void *subject, uint64_t *targets)
{
    for (const struct index_entry *e = x->patterns; e; e = e->next_pattern) {
        if (x->match(e->pattern, subject))
            set_targets(e, targets);
    }
}
