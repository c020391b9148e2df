#include "config.h"
#include "proxy/vm_board.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "base/mem.h"

struct entry {
    UT_hash_handle hh;
    struct vm_status status;
    char vm[];
};

struct vm_board {
    pthread_mutex_t lock;
    struct entry *entries;
};

struct vm_board *vm_board_new(void)
{
    struct vm_board *b = MEM_NEW(struct vm_board);
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

void vm_board_free(struct vm_board *b)
{
    if (!b)
        return;
    struct entry *e, *next;
    HASH_ITER (hh, b->entries, e, next) {
        HASH_DELETE(hh, b->entries, e);
        free(e);
    }
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static struct entry *find(struct vm_board *b, const char *vm)
{
    struct entry *e;
    HASH_FIND(hh, b->entries, vm, strlen(vm), e);
    return e;
}

void vm_board_set(struct vm_board *b, const char *vm, const struct vm_status *status)
{
    pthread_mutex_lock(&b->lock);
    struct entry *e = find(b, vm);
    if (!e) {
        size_t len = strlen(vm);
        e = mem_zalloc(sizeof(*e) + len + 1);
        memcpy(e->vm, vm, len + 1);
        HASH_ADD_KEYPTR(hh, b->entries, e->vm, len, e);
    }
    e->status = *status;
    pthread_mutex_unlock(&b->lock);
}

void vm_board_forget(struct vm_board *b, const char *vm)
{
    pthread_mutex_lock(&b->lock);
    struct entry *e = find(b, vm);
    if (e) {
        HASH_DELETE(hh, b->entries, e);
        free(e);
    }
    pthread_mutex_unlock(&b->lock);
}

unsigned vm_board_count(struct vm_board *b)
{
    pthread_mutex_lock(&b->lock);
    unsigned n = HASH_COUNT(b->entries);
    pthread_mutex_unlock(&b->lock);
    return n;
}

void vm_board_get(struct vm_board *b, const char *vm, struct vm_status *out)
{
    pthread_mutex_lock(&b->lock);
    struct entry *e = find(b, vm);
    *out = e ? e->status : (struct vm_status){ .state = "idle" };
    pthread_mutex_unlock(&b->lock);
}
